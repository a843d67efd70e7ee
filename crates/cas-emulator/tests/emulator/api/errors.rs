//! The code, status and message of each error.

use cas_emulator::Emulator;

use crate::certificates::certificate;
use crate::client::{Call, Connection};

fn call() -> Call {
    Call::create("n", "c", "k")
}

#[test]
fn each_error_has_its_code_and_status() {
    let emulator = Emulator::builder()
        .access_key("testid", "testsecret")
        .sts("STS.id", "stssecret", "tok+en/=")
        .start()
        .unwrap();
    let (cert, key) = certificate();
    let (_, other_key) = certificate();
    let upload = || Call::create("n", &cert, &key);
    let sts = || upload().set("AccessKeyId", "STS.id").secret("stssecret");

    let mut cases = vec![
        (call().set("Format", "YAML"), 400, "InvalidParameter.Format"),
        (call().set("Version", "2018-07-14"), 400, "InvalidVersion"),
        (call().set("Action", "DeleteCustomer"), 404, "InvalidAction.NotFound"),
        (call().set("AccessKeyId", "unknown"), 404, "InvalidAccessKeyId.NotFound"),
        (call().set("SignatureMethod", "HMAC-MD5"), 400, "InvalidSignatureMethod"),
        (call().set("SignatureVersion", "2.0"), 400, "InvalidSignatureVersion"),
        (call().set("SignatureType", "PRIVATEKEY"), 400, "InvalidSignatureType"),
        (call().secret("wrong"), 400, "SignatureDoesNotMatch"),
        (call().set("Signature", "?"), 400, "SignatureDoesNotMatch"),
        (call().set("SecurityToken", "tok"), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        (sts(), 400, "MissingSecurityToken"),
        (sts().set("SecurityToken", "other"), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        (call(), 400, "-1008"),
        (Call::create("n", &cert.replace('\n', ""), &key), 400, "-1008"),
        (Call::create("n", &cert.replace('\n', " "), &key), 400, "-1008"),
        (Call::create("n", &cert, "k"), 400, "PrivateKeyFormatError"),
        (Call::create("n", &cert, &other_key), 400, "CertKeyNotMatch"),
        (sts().set("SecurityToken", "tok+en/="), 200, ""),
        (upload(), 400, "NameRepeat"),
    ];
    let bad_times =
        ["now", "2026-11-24T02:52:10.000Z", "2026-11-24 02:52:10", "2026-13-24T02:52:10Z"];
    cases.extend(
        bad_times.map(|time| (call().set("Timestamp", time), 400, "InvalidTimeStamp.Format")),
    );
    for (case, (call, status, code)) in cases.into_iter().enumerate() {
        let response = call.send(emulator.port());
        assert_eq!(
            (response.status, response.code().as_str()),
            (status, code),
            "case {case}: {}",
            response.body
        );
    }
}

#[test]
fn each_required_parameter_is_reported_if_missing() {
    let emulator = Emulator::start().unwrap();
    let required = [
        "Action",
        "Version",
        "AccessKeyId",
        "SignatureMethod",
        "SignatureVersion",
        "SignatureNonce",
        "Timestamp",
        "Name",
        "Cert",
        "Key",
    ];
    for name in required {
        for call in [call().without(name), call().set(name, "")] {
            let response = call.send(emulator.port());
            assert_eq!((response.status, response.code()), (400, format!("Missing{name}")));
            assert_eq!(response.json()["Message"], format!("{name} is mandatory for this action."));
        }
    }
    assert_eq!(call().set("Signature", "").send(emulator.port()).code(), "MissingSignature");
}

#[test]
fn other_methods_and_paths_are_rejected() {
    let emulator = Emulator::start().unwrap();
    let text = String::from_utf8(call().bytes()).unwrap();
    let put = text.replacen("POST", "PUT", 1);
    let response = Connection::open(emulator.port()).exchange(put.as_bytes());
    assert_eq!((response.status, response.code().as_str()), (400, "UnsupportedHTTPMethod"));
    let elsewhere = text.replacen(" / ", " /api ", 1);
    let response = Connection::open(emulator.port()).exchange(elsewhere.as_bytes());
    assert_eq!((response.status, response.code().as_str()), (404, "InvalidAction.NotFound"));
    assert_eq!(
        response.json()["Message"],
        "Specified api is not found, please check your url and method."
    );
}

#[test]
fn errors_have_the_captured_fields_in_both_formats() {
    let emulator = Emulator::start().unwrap();
    let json = call().set("AccessKeyId", "unknown").send(emulator.port());
    let request_id = json.header("x-acs-request-id").unwrap();
    let query = "q=InvalidAccessKeyId.NotFound&product=cas";
    let url = "https://api.aliyun.com/troubleshoot";
    let recommend = format!("{url}?{query}&requestId={request_id}");
    let expected = serde_json::json!({
        "RequestId": request_id, "HostId": "cas.aliyuncs.com",
        "Code": "InvalidAccessKeyId.NotFound",
        "Message": "Specified access key is not found.", "Recommend": recommend,
    });
    assert_eq!(json.json(), expected);

    let xml = call().set("AccessKeyId", "unknown").set("Format", "XML").send(emulator.port());
    let request_id = xml.header("x-acs-request-id").unwrap();
    assert_eq!((xml.status, xml.header("content-type")), (404, Some("text/xml;charset=utf-8")));
    assert_eq!(
        xml.body,
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><RequestId>{request_id}</RequestId>\
             <HostId>cas.aliyuncs.com</HostId><Code>InvalidAccessKeyId.NotFound</Code>\
             <Message>Specified access key is not found.</Message></Error>"
        )
    );
}

#[test]
fn errors_of_operations_are_chinese_by_default_and_english_on_request() {
    let emulator = Emulator::start().unwrap();
    let message =
        |call: Call| call.send(emulator.port()).json()["Message"].as_str().unwrap().to_owned();
    assert_eq!(message(call()), "证书格式异常，请检查输入内容。");
    assert_eq!(message(call().set("Lang", "zh")), "证书格式异常，请检查输入内容。");
    let english = "The format of the certificate is invalid. Check the input.";
    assert_eq!(message(call().set("Lang", "en")), english);

    let (cert, key) = certificate();
    let upload = || Call::create("same", &cert, &key);
    assert_eq!(upload().send(emulator.port()).status, 200);
    assert_eq!(message(upload()), "名称重复，请重新输入。");
    assert_eq!(message(upload().set("Lang", "en")), "The certificate name already exists.");
    assert_eq!(message(upload().without("Key")), "Key is mandatory for this action.");
}
