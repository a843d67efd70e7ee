//! Showing, listing and deleting, in both versions, and client tokens.

use cas_emulator::Emulator;
use serde_json::{Value, json};

use crate::client::{Answer, Call, certificate, certificate_for};

fn names(value: &Value) -> Vec<&str> {
    let mut names: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

fn by_id(call: Call, cert_id: i64) -> Call {
    call.set("CertId", &cert_id.to_string())
}

fn detail_first(port: u16, cert_id: i64) -> Answer {
    by_id(Call::first("DescribeUserCertificateDetail"), cert_id).send(port)
}

fn detail_second(port: u16, cert_id: i64) -> Answer {
    by_id(Call::second("GetUserCertificateDetail"), cert_id).send(port)
}

fn delete_second(cert_id: i64) -> Call {
    by_id(Call::second("DeleteUserCertificate"), cert_id)
}

fn orders() -> Call {
    Call::second("ListUserCertificateOrder").set("OrderType", "CERT")
}

fn order_ids(call: &Call, port: u16) -> Vec<i64> {
    let answer = call.send(port);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let list = answer.json();
    list["CertificateOrderList"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["CertificateId"].as_i64().unwrap())
        .collect()
}

/// `rsa.crt` and its key: a certificate whose every field is known.
fn rsa() -> (&'static str, &'static str) {
    (include_str!("../data/keys/rsa.crt"), include_str!("../data/keys/rsa.pkcs8.key"))
}

#[test]
fn details_of_the_first_version_have_the_documented_fields() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = rsa();
    Call::upload("a", cert, key).send(emulator.port()).cert_id();
    let detail = detail_first(emulator.port(), 1).json();
    let expected = json!({
        "Id": 1, "Name": "a", "Common": "leaf.example.com", "Sans": detail["Sans"],
        "Fingerprint": "E038A39329863F417BD0DA080B5817DDC35E50E8", "Issuer": "leaf.example.com",
        "OrgName": "Example Tests", "City": "Hangzhou", "Province": "Zhejiang", "Country": "CN",
        "StartDate": detail["StartDate"], "EndDate": detail["EndDate"], "Expired": false,
        "BuyInAliyun": false, "Cert": cert, "Key": key, "RequestId": detail["RequestId"],
    });
    assert_eq!(detail, expected);
    assert!(detail["Sans"].as_str().unwrap().starts_with("leaf.example.com,*.example.com"));
    let date = detail["StartDate"].as_str().unwrap();
    assert_eq!((date.len(), date.as_bytes()[4], date.as_bytes()[7]), (10, b'-', b'-'));
}

#[test]
fn details_of_the_second_version_have_the_documented_fields() {
    let emulator = Emulator::builder().region("ap-southeast-1").start().unwrap();
    let (leaf, key) = rsa();
    let cert = format!("{leaf}{}", include_str!("../data/keys/p384.crt"));
    let call = Call::upload_second("a", &cert, key).set("ResourceGroupId", "rg-1");
    let call = call.set("Tags.2.Key", "b").set("Tags.1.Key", "a").set("Tags.1.Value", "名");
    let uploaded = call.send(emulator.port()).json();
    assert_eq!(names(&uploaded), ["CertId", "RequestId", "ResourceId"]);
    assert_eq!(
        (&uploaded["CertId"], &uploaded["ResourceId"]),
        (&json!(1), &json!("cas-upload-000001"))
    );

    let detail = detail_second(emulator.port(), 1).json();
    let stored = &emulator.certificates().unwrap()[0];
    let millis = |time: std::time::SystemTime| {
        u64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
    };
    let expected = json!({
        "Id": 1, "Name": "a", "Common": "leaf.example.com", "Sans": detail["Sans"],
        "Fingerprint": "E038A39329863F417BD0DA080B5817DDC35E50E8",
        "Sha2": "27AD098942365B023B85E0FBF78260A343277BAFC5A768BB24283B46557C3723",
        "CertSha2": "27AD098942365B023B85E0FBF78260A343277BAFC5A768BB24283B46557C3723",
        "SerialNo": "2bca7ff68503936cffc320cdf4424e26d8f04bef", "Algorithm": "RSA",
        "Issuer": "leaf.example.com", "OrgName": "Example Tests", "City": "Hangzhou",
        "Province": "Zhejiang", "Country": "CN", "StartDate": detail["StartDate"],
        "EndDate": detail["EndDate"], "NotBefore": millis(stored.not_before),
        "NotAfter": millis(stored.not_after), "Expired": false, "BuyInAliyun": false, "OrderId": 0,
        "InstanceId": "cas-upload-000001", "ResourceGroupId": "rg-1",
        "CertIdentifier": "1-ap-southeast-1", "Cert": cert, "Key": key, "EncryptCert": "",
        "EncryptPrivateKey": "", "SignCert": "", "SignPrivateKey": "", "CertChain": detail["CertChain"],
        "Tags": [{"TagKey": "a", "TagValue": "名"}, {"TagKey": "b", "TagValue": ""}],
        "RequestId": detail["RequestId"],
    });
    assert_eq!(detail, expected);
    let chain = detail["CertChain"].as_array().unwrap();
    assert_eq!(chain.len(), 2);
    let fields = ["CommonName", "IssuerCommonName", "NotAfter", "NotBefore", "RemainDay"];
    assert_eq!(names(&chain[0]), fields);
    assert_eq!(chain[0]["NotAfter"], detail["NotAfter"]);
    assert!(chain[0]["RemainDay"].as_i64().unwrap() > 30_000);

    let filtered = |filter: &str| {
        let call = by_id(Call::second("GetUserCertificateDetail"), 1).set("CertFilter", filter);
        call.send(emulator.port())
    };
    let kept = filtered("true").json();
    let left_out: Vec<_> =
        names(&detail).into_iter().filter(|name| kept.get(name).is_none()).collect();
    let secrets = ["Cert", "EncryptCert", "EncryptPrivateKey", "Key", "SignCert", "SignPrivateKey"];
    assert_eq!(left_out, secrets);
    assert_eq!(names(&filtered("false").json()), names(&detail));
    assert_eq!(filtered("perhaps").code(), "InvalidCertFilter");
}

#[test]
fn a_tag_without_a_key_is_refused() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = rsa();
    let call = Call::upload_second("a", cert, key).set("Tags.1.Value", "v");
    assert_eq!(call.send(emulator.port()).code(), "MissingTags.1.Key");
}

#[test]
fn unknown_ids_are_not_found_and_others_are_no_ids() {
    let emulator = Emulator::start().unwrap();
    let calls: [fn() -> Call; 4] = [
        || Call::first("DescribeUserCertificateDetail"),
        || Call::first("DeleteUserCertificate"),
        || Call::second("GetUserCertificateDetail"),
        || Call::second("DeleteUserCertificate"),
    ];
    for call in calls {
        let answer = |id: &str| call().set("CertId", id).send(emulator.port());
        for id in ["1", "0", "-1"] {
            let refused = answer(id);
            assert_eq!((refused.status, refused.code().as_str()), (400, "NotFound"));
            assert_eq!(refused.json()["Message"], "没有找到必要内容，请检查参数输入。");
        }
        for id in ["x", "1.0", "9223372036854775808", " 1"] {
            let refused = answer(id);
            assert_eq!((refused.status, refused.code().as_str()), (400, "InvalidCertId"), "{id:?}");
        }
        assert_eq!(answer("").code(), "MissingCertId");
    }
}

#[test]
fn what_one_version_stores_the_other_shows_and_deletes() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    assert_eq!(Call::upload("first", &cert, &key).send(port).cert_id(), 1);
    assert_eq!(Call::upload_second("second", &cert, &key).send(port).cert_id(), 2);
    assert_eq!(Call::upload_second("first", &cert, &key).send(port).code(), "NameRepeat");
    assert_eq!(Call::upload("second", &cert, &key).send(port).code(), "NameRepeat");
    assert_eq!(detail_first(port, 2).json()["Name"], "second");
    assert_eq!(detail_second(port, 1).json()["Key"], key);

    let deleted = by_id(Call::first("DeleteUserCertificate"), 2).send(port);
    assert_eq!((deleted.status, names(&deleted.json())), (200, vec!["RequestId"]));
    let deleted = delete_second(1).send(port);
    assert_eq!((deleted.status, names(&deleted.json())), (200, vec!["RequestId"]));
    assert_eq!(
        (detail_first(port, 1).code(), detail_second(port, 2).code()),
        ("NotFound".into(), "NotFound".into())
    );
    assert_eq!(emulator.certificates().unwrap(), []);
    // The name is free again, the id is not.
    assert_eq!(Call::upload("first", &cert, &key).send(port).cert_id(), 3);
}

#[test]
fn lists_of_the_first_version_show_everything_newest_first() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    for (name, days) in [("a", 100), ("b", -1), ("c", 5)] {
        let (cert, key) = certificate_for("x.example.com", days);
        assert_eq!(Call::upload(name, &cert, &key).send(port).status, 200);
    }
    let list = Call::first("DescribeUserCertificateList").send(port).json();
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
    assert_eq!((&items[0]["id"], &items[0]["common"]), (&3.into(), &"x.example.com".into()));

    let page = |number: &str, size: &str| {
        let call = Call::first("DescribeUserCertificateList")
            .set("CurrentPage", number)
            .set("ShowSize", size);
        call.send(port)
    };
    let ids = |answer: Answer| {
        let list = answer.json();
        assert_eq!(list["TotalCount"], 3);
        let items = list["CertificateList"].as_array().unwrap().iter();
        items.map(|item| item["id"].as_i64().unwrap()).collect::<Vec<_>>()
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
fn lists_of_the_second_version_show_what_is_asked_for() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    for (name, domain, days) in
        [("a", "one.example.com", 100), ("b", "two.example.com", -1), ("c", "three.test", 29)]
    {
        let (cert, key) = certificate_for(domain, days);
        let call =
            Call::upload_second(name, &cert, &key).set("ResourceGroupId", &format!("rg-{name}"));
        assert_eq!(call.send(port).status, 200);
    }
    let with = |name: &str, value: &str| order_ids(&orders().set(name, value), port);
    // What is bought is the default, and what has expired is hidden.
    assert!(order_ids(&Call::second("ListUserCertificateOrder"), port).is_empty());
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
    assert_eq!((with("Keyword", "cas-upload-000003"), with("Keyword", "c")), (vec![3], vec![3, 1]));
    assert!(with("Keyword", "four").is_empty());
    assert_eq!((with("ResourceGroupId", "rg-a"), with("ResourceGroupId", "rg")), (vec![1], vec![]));
    assert_eq!(order_ids(&orders().set("ShowSize", "1").set("CurrentPage", "2"), port), [1]);

    let list = orders().set("ShowSize", "1").send(port).json();
    assert_eq!((&list["TotalCount"], &list["ShowSize"]), (&2.into(), &1.into()));
    let item = &list["CertificateOrderList"][0];
    // The keys of the one published answer.
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
fn lists_are_repeated_elements_in_xml() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["a", "b"] {
        Call::upload(name, &cert, &key).send(port).cert_id();
    }
    let first = Call::first("DescribeUserCertificateList").set("Format", "XML").send(port).body;
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

#[test]
fn an_upload_is_repeated_under_its_client_token() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let (other_cert, other_key) = certificate();
    let upload = |name: &str| {
        Call::upload_second(name, &cert, &key).set("ClientToken", "t").set("Tags.1.Key", "k")
    };
    assert_eq!(upload("a").send(port).cert_id(), 1);
    let again = upload("a").send(port);
    assert_eq!((again.cert_id(), &again.json()["ResourceId"]), (1, &"cas-upload-000001".into()));
    let others = [
        upload("b"),
        upload("a").set("Cert", &other_cert).set("Key", &other_key),
        upload("a").set("Key", &format!("{key}\n")),
        upload("a").set("ResourceGroupId", "rg"),
        upload("a").set("Tags.1.Value", "v"),
        upload("a").without("Tags.1.Key"),
    ];
    for (case, other) in others.into_iter().enumerate() {
        let refused = other.send(port);
        assert_eq!(
            (refused.status, refused.code().as_str()),
            (400, "IdempotentParameterMismatch"),
            "{case}"
        );
    }
    assert_eq!(emulator.certificates().unwrap().len(), 1);
    // Without the token, or with another, it is an upload of its own; the first version knows no tokens.
    assert_eq!(upload("a").without("ClientToken").send(port).code(), "NameRepeat");
    assert_eq!(upload("a").set("ClientToken", "u").send(port).code(), "NameRepeat");
    assert_eq!(
        Call::upload("a", &cert, &key).set("ClientToken", "t").send(port).code(),
        "NameRepeat"
    );
    // The token goes with its certificate.
    assert_eq!(delete_second(1).send(port).status, 200);
    assert_eq!(upload("b").send(port).cert_id(), 2);
}

#[test]
fn a_deletion_is_repeated_under_its_client_token() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["a", "b"] {
        Call::upload(name, &cert, &key).send(port).cert_id();
    }
    // A refused deletion leaves its token free.
    assert_eq!(delete_second(9).set("ClientToken", "t").send(port).code(), "NotFound");
    for _ in 0..2 {
        assert_eq!(delete_second(1).set("ClientToken", "t").send(port).status, 200);
    }
    assert_eq!(
        delete_second(2).set("ClientToken", "t").send(port).code(),
        "IdempotentParameterMismatch"
    );
    assert_eq!(delete_second(1).send(port).code(), "NotFound");
    assert_eq!(emulator.certificates().unwrap().len(), 1);
}
