//! `GetCertificateDetail`.

use cas_emulator::Emulator;
use serde_json::json;

use super::calls::{detail_2020, names};
use crate::certificates::{certificate_for, rsa};
use crate::client::Call;

fn get(cert_id: &str) -> Call {
    Call::v2020("GetCertificateDetail").set("CertificateId", cert_id)
}

#[test]
fn it_shows_what_the_older_operation_shows_without_certificate_and_key() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = rsa();
    let upload = Call::upload("n", cert, key).set("Tags.1.Key", "k").set("Tags.1.Value", "v");
    let cert_id = upload.send(port).cert_id();
    let one = cert_id.to_string();
    let resources = json!([
        {"cloud_product": "OSS", "cert_id": cert_id},
        {"cloud_product": "CDN", "cert_id": cert_id},
        {"cloud_product": "CDN", "domain": "a.example", "cert_id": cert_id},
        {"cloud_product": "SLB"},
    ]);
    emulator.add_cloud_resources(&resources.to_string()).unwrap();
    let response = get(&one).send(port);
    assert!(!response.body.contains("-----BEGIN"), "{}", response.body);
    let shown = response.json();
    let older = detail_2020(port, cert_id).json();
    for (name, name_of_older) in [
        ("CertificateId", "Id"),
        ("CertificateName", "Name"),
        ("CommonName", "Common"),
        ("Domain", "Sans"),
        ("FingerPrint", "Fingerprint"),
        ("Serial", "SerialNo"),
        ("Issuer", "Issuer"),
        ("Algorithm", "Algorithm"),
        ("NotBefore", "NotBefore"),
        ("NotAfter", "NotAfter"),
        ("CertIdentifier", "CertIdentifier"),
        ("InstanceId", "InstanceId"),
        ("Tags", "Tags"),
    ] {
        assert_eq!(shown[name], older[name_of_older], "{name}");
    }
    let sans: Vec<_> = older["Sans"].as_str().unwrap().split(',').collect();
    assert_eq!(shown["SubjectAlternativeNames"], json!(sans));
    assert_eq!(shown["KeySize"], 2048);
    assert_eq!(shown["CertificateSource"], "UPLOAD");
    assert_eq!(shown["ExistPrivateKey"], true);
    assert_eq!(shown["UsingProductList"], json!(["CDN", "OSS"]));
    let (chain, older) = (&shown["CertificateChainList"][0], &older["CertChain"][0]);
    assert_eq!(
        (&chain["Subject"], &chain["Issuer"]),
        (&older["CommonName"], &older["IssuerCommonName"])
    );
    assert_eq!(chain["RemainDay"], older["RemainDay"]);
    let expected = [
        "Algorithm",
        "CertIdentifier",
        "CertificateChainList",
        "CertificateId",
        "CertificateName",
        "CertificateSource",
        "CertificateStatus",
        "CommonName",
        "CompanyId",
        "ContactId",
        "Csr",
        "DeploymentDesc",
        "Domain",
        "ExistPrivateKey",
        "FingerPrint",
        "InstanceId",
        "Issuer",
        "KeySize",
        "NotAfter",
        "NotBefore",
        "RequestId",
        "Serial",
        "SubjectAlternativeNames",
        "Tags",
        "UsingProductList",
    ];
    assert_eq!(names(&shown), expected);
    let xml = get(&one).set("Format", "XML").send(port).body;
    assert!(
        xml.contains("<UsingProductList>CDN</UsingProductList><UsingProductList>OSS<"),
        "{xml}"
    );
}

#[test]
fn status_and_key_size_are_those_of_the_certificate() {
    let emulator = Emulator::start().unwrap();
    for (days, status) in [(-1, "expired"), (20, "willExpire"), (60, "issued")] {
        let (cert, key) = certificate_for("demo.example", days);
        let cert_id = Call::upload(status, &cert, &key).send(emulator.port()).cert_id();
        let shown = get(&cert_id.to_string()).send(emulator.port()).json();
        assert_eq!((&shown["CertificateStatus"], &shown["KeySize"]), (&json!(status), &json!(256)));
    }
}

#[test]
fn an_unknown_or_invalid_id_is_refused() {
    let emulator = Emulator::start().unwrap();
    let code = |call: Call| call.send(emulator.port()).code();
    assert_eq!(code(get("9")), "NotFound");
    assert_eq!(code(get("x")), "InvalidCertificateId");
    assert_eq!(code(Call::v2020("GetCertificateDetail")), "MissingCertificateId");
}
