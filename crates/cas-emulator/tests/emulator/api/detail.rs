//! Details of both versions, and certificates that both versions share.

use cas_emulator::Emulator;
use serde_json::json;

use super::calls::{by_id, delete_2020, detail_2018, detail_2020, names};
use crate::certificates::{certificate, rsa};
use crate::client::Call;

#[test]
fn details_of_version_2018_have_the_documented_fields() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = rsa();
    Call::create("a", cert, key).send(emulator.port()).cert_id();
    let detail = detail_2018(emulator.port(), 10_000_000).json();
    let expected = json!({
        "Id": 10_000_000, "Name": "a", "Common": "leaf.example.com", "Sans": detail["Sans"],
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
fn details_of_version_2020_have_the_documented_fields() {
    let emulator = Emulator::builder().region("ap-southeast-1").start().unwrap();
    let (leaf, key) = rsa();
    let cert = format!("{leaf}{}", include_str!("../../data/keys/p384.crt"));
    let call = Call::upload("a", &cert, key).set("ResourceGroupId", "rg-1");
    let call = call.set("Tags.2.Key", "b").set("Tags.1.Key", "a").set("Tags.1.Value", "名");
    let uploaded = call.send(emulator.port()).json();
    assert_eq!(names(&uploaded), ["CertId", "RequestId", "ResourceId"]);
    assert_eq!(
        (&uploaded["CertId"], &uploaded["ResourceId"]),
        (&json!(10_000_000), &json!("cas-upload-05yc1s"))
    );

    let detail = detail_2020(emulator.port(), 10_000_000).json();
    let stored = &emulator.certificates().unwrap()[0];
    let millis = |time: std::time::SystemTime| {
        u64::try_from(time.duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
    };
    let expected = json!({
        "Id": 10_000_000, "Name": "a", "Common": "leaf.example.com", "Sans": detail["Sans"],
        "Fingerprint": "E038A39329863F417BD0DA080B5817DDC35E50E8",
        "Sha2": "27AD098942365B023B85E0FBF78260A343277BAFC5A768BB24283B46557C3723",
        "CertSha2": "27AD098942365B023B85E0FBF78260A343277BAFC5A768BB24283B46557C3723",
        "SerialNo": "2bca7ff68503936cffc320cdf4424e26d8f04bef", "Algorithm": "RSA",
        "Issuer": "leaf.example.com", "OrgName": "Example Tests", "City": "Hangzhou",
        "Province": "Zhejiang", "Country": "CN", "StartDate": detail["StartDate"],
        "EndDate": detail["EndDate"], "NotBefore": millis(stored.not_before),
        "NotAfter": millis(stored.not_after), "Expired": false, "BuyInAliyun": false, "OrderId": 0,
        "InstanceId": "cas-upload-05yc1s", "ResourceGroupId": "rg-1",
        "CertIdentifier": "10000000-ap-southeast-1", "Cert": cert, "Key": key, "EncryptCert": "",
        "EncryptPrivateKey": "", "SignCert": "", "SignPrivateKey": "",
        "CertChain": detail["CertChain"],
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
        let call =
            by_id(Call::v2020("GetUserCertificateDetail"), 10_000_000).set("CertFilter", filter);
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
fn a_tag_without_a_key_is_rejected() {
    let emulator = Emulator::start().unwrap();
    let (cert, key) = rsa();
    let call = Call::upload("a", cert, key).set("Tags.1.Value", "v");
    assert_eq!(call.send(emulator.port()).code(), "MissingTags.1.Key");
}

#[test]
fn unknown_ids_are_not_found_and_malformed_ids_are_invalid() {
    let emulator = Emulator::start().unwrap();
    let calls: [fn() -> Call; 4] = [
        || Call::v2018("DescribeUserCertificateDetail"),
        || Call::v2018("DeleteUserCertificate"),
        || Call::v2020("GetUserCertificateDetail"),
        || Call::v2020("DeleteUserCertificate"),
    ];
    for call in calls {
        let response = |id: &str| call().set("CertId", id).send(emulator.port());
        for id in ["1", "0", "-1"] {
            let rejected = response(id);
            assert_eq!((rejected.status, rejected.code().as_str()), (400, "NotFound"));
            assert_eq!(rejected.json()["Message"], "没有找到必要内容，请检查参数输入。");
        }
        for id in ["x", "1.0", "9223372036854775808", " 1"] {
            let rejected = response(id);
            assert_eq!(
                (rejected.status, rejected.code().as_str()),
                (400, "InvalidCertId"),
                "{id:?}"
            );
        }
        assert_eq!(response("").code(), "MissingCertId");
    }
}

#[test]
fn both_versions_share_their_certificates() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    assert_eq!(Call::create("first", &cert, &key).send(port).cert_id(), 10_000_000);
    assert_eq!(Call::upload("second", &cert, &key).send(port).cert_id(), 10_000_001);
    assert_eq!(Call::upload("first", &cert, &key).send(port).code(), "NameRepeat");
    assert_eq!(Call::create("second", &cert, &key).send(port).code(), "NameRepeat");
    assert_eq!(detail_2018(port, 10_000_001).json()["Name"], "second");
    assert_eq!(detail_2020(port, 10_000_000).json()["Key"], key);

    let deleted = by_id(Call::v2018("DeleteUserCertificate"), 10_000_001).send(port);
    assert_eq!((deleted.status, names(&deleted.json())), (200, vec!["RequestId"]));
    let deleted = delete_2020(10_000_000).send(port);
    assert_eq!((deleted.status, names(&deleted.json())), (200, vec!["RequestId"]));
    assert_eq!(
        (detail_2018(port, 10_000_000).code(), detail_2020(port, 10_000_001).code()),
        ("NotFound".into(), "NotFound".into())
    );
    assert_eq!(emulator.certificates().unwrap(), []);
    // The name is free again, the ID is not.
    assert_eq!(Call::create("first", &cert, &key).send(port).cert_id(), 10_000_002);
}
