//! Lists of both versions.

use cas_emulator::Emulator;
use serde_json::json;

use super::calls::{names, orders};
use crate::certificates::{certificate, certificate_for};
use crate::client::{Call, Response};

/// The ID of the first certificate is one more, so that lists can be written as 1, 2, 3.
const BEFORE_FIRST: i64 = 9_999_999;

fn order_ids(call: &Call, port: u16) -> Vec<i64> {
    let response = call.send(port);
    assert_eq!(response.status, 200, "{}", response.body);
    let list = response.json();
    list["CertificateOrderList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["CertificateId"].as_i64().unwrap() - BEFORE_FIRST)
        .collect()
}

#[test]
fn lists_of_version_2018_show_all_certificates_newest_first() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    for (name, days) in [("a", 100), ("b", -1), ("c", 5)] {
        let (cert, key) = certificate_for("x.example.com", days);
        assert_eq!(Call::create(name, &cert, &key).send(port).status, 200);
    }
    let list = Call::v2018("DescribeUserCertificateList").send(port).json();
    assert_eq!(
        names(&list),
        ["CertificateList", "CurrentPage", "RequestId", "ShowSize", "TotalCount"]
    );
    assert_eq!(
        (&list["TotalCount"], &list["CurrentPage"], &list["ShowSize"]),
        (&3.into(), &1.into(), &50.into())
    );
    let items = list["CertificateList"].as_array().unwrap();
    let shown: Vec<_> =
        items.iter().map(|item| (item["name"].as_str().unwrap(), &item["expired"])).collect();
    assert_eq!(shown, [("c", &json!(false)), ("b", &json!(true)), ("a", &json!(false))]);
    let fields = [
        "buyInAliyun",
        "city",
        "common",
        "country",
        "endDate",
        "expired",
        "fingerprint",
        "id",
        "issuer",
        "name",
        "orgName",
        "province",
        "sans",
        "startDate",
    ];
    assert_eq!(names(&items[0]), fields);
    assert_eq!(
        (&items[0]["id"], &items[0]["common"]),
        (&10_000_002.into(), &"x.example.com".into())
    );

    let page = |number: &str, size: &str| {
        let call = Call::v2018("DescribeUserCertificateList")
            .set("CurrentPage", number)
            .set("ShowSize", size);
        call.send(port)
    };
    let ids = |response: Response| {
        let list = response.json();
        assert_eq!(list["TotalCount"], 3);
        let items = list["CertificateList"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_i64().unwrap() - BEFORE_FIRST).collect::<Vec<_>>()
    };
    assert_eq!(
        [ids(page("1", "2")), ids(page("2", "2")), ids(page("3", "2"))],
        [vec![3, 2], vec![1], vec![]]
    );
    assert!(ids(page("18446744073709551615", "18446744073709551615")).is_empty());
    for bad in ["0", "-1", "x", "1.5"] {
        assert_eq!(page(bad, "1").code(), "InvalidCurrentPage", "{bad}");
        assert_eq!(page("1", bad).code(), "InvalidShowSize", "{bad}");
    }
}

#[test]
fn lists_of_version_2020_apply_their_filters() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    for (name, domain, days) in
        [("a", "one.example.com", 100), ("b", "two.example.com", -1), ("c", "three.test", 29)]
    {
        let (cert, key) = certificate_for(domain, days);
        let call = Call::upload(name, &cert, &key).set("ResourceGroupId", &format!("rg-{name}"));
        assert_eq!(call.send(port).status, 200);
    }
    let with = |name: &str, value: &str| order_ids(&orders().set(name, value), port);
    // By default, lists show what was bought, and hide what has expired.
    assert!(order_ids(&Call::v2020("ListUserCertificateOrder"), port).is_empty());
    assert_eq!((with("OrderType", "CPACK"), with("OrderType", "BUY")), (vec![], vec![]));
    assert_eq!((with("OrderType", "CERT"), with("OrderType", "UPLOAD")), (vec![3, 1], vec![3, 1]));
    assert_eq!(with("Status", "ISSUED"), [1]);
    assert_eq!(with("Status", "WILLEXPIRED"), [3]);
    assert_eq!(with("Status", "EXPIRED"), [2]);
    for nothing in ["PAYED", "CHECKING", "CHECKED_FAIL", "NOTACTIVATED", "REVOKED"] {
        assert!(with("Status", nothing).is_empty(), "{nothing}");
    }
    assert_eq!(orders().set("Status", "issued").send(port).code(), "InvalidStatus");
    assert_eq!(orders().set("OrderType", "ALL").send(port).code(), "InvalidOrderType");
    assert_eq!(orders().set("CurrentPage", "0").send(port).code(), "InvalidCurrentPage");

    assert_eq!((with("Keyword", "Example"), with("Keyword", "three")), (vec![1], vec![3]));
    assert_eq!((with("Keyword", "cas-upload-05yc1u"), with("Keyword", "c")), (vec![3], vec![3, 1]));
    assert!(with("Keyword", "four").is_empty());
    assert_eq!((with("ResourceGroupId", "rg-a"), with("ResourceGroupId", "rg")), (vec![1], vec![]));
    assert_eq!(order_ids(&orders().set("ShowSize", "1").set("CurrentPage", "2"), port), [1]);

    let list = orders().set("ShowSize", "1").send(port).json();
    assert_eq!((&list["TotalCount"], &list["ShowSize"]), (&2.into(), &1.into()));
    let item = &list["CertificateOrderList"][0];
    // The fields of the only published response.
    let fields = [
        "CertEndTime",
        "CertStartTime",
        "CertificateId",
        "City",
        "CommonName",
        "Country",
        "EndDate",
        "Expired",
        "Fingerprint",
        "InstanceId",
        "Issuer",
        "Name",
        "OrgName",
        "Province",
        "ResourceGroupId",
        "Sans",
        "SerialNo",
        "Sha2",
        "StartDate",
        "Status",
        "Upload",
    ];
    assert_eq!(names(item), fields);
    assert_eq!((&item["Status"], &item["Upload"]), (&"WILLEXPIRED".into(), &true.into()));
    assert!(item["CertEndTime"].as_i64().unwrap() > 1_000_000_000_000);
}

#[test]
fn lists_in_xml_are_repeated_elements() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["a", "b"] {
        Call::create(name, &cert, &key).send(port).cert_id();
    }
    let first = Call::v2018("DescribeUserCertificateList").set("Format", "XML").send(port).body;
    assert!(first.contains("<DescribeUserCertificateList><TotalCount>2</TotalCount>"), "{first}");
    assert_eq!(first.matches("<CertificateList><id>").count(), 2, "{first}");
    assert!(
        first
            .contains("<expired>false</expired><buyInAliyun>false</buyInAliyun></CertificateList>"),
        "{first}"
    );
    assert!(first.ends_with("</CertificateList></DescribeUserCertificateList>"), "{first}");
    let second = orders().set("Format", "XML").send(port).body;
    assert!(
        second.contains("<ListUserCertificateOrderResponse><TotalCount>2</TotalCount>"),
        "{second}"
    );
    assert_eq!(second.matches("<CertificateOrderList><CertificateId>").count(), 2, "{second}");
}
