//! Every error code once, and the vectors of the official SDKs.

use std::time::{Duration, SystemTime};

use cas_emulator::Emulator;
use serde_json::Value;

use crate::client::{Call, Connection, SHAPES, Shape, certificate, encode, timestamp};

fn call() -> Call {
    Call::upload("n", "c", "k")
}

#[test]
fn each_refusal_has_its_code_and_status() {
    let emulator = Emulator::builder()
        .access_key("testid", "testsecret")
        .sts("STS.id", "stssecret", "tok+en/=")
        .start()
        .unwrap();
    let (cert, key) = certificate();
    let (_, other_key) = certificate();
    let upload = || Call::upload("n", &cert, &key);
    let sts = || upload().set("AccessKeyId", "STS.id").secret("stssecret");

    let mut cases = vec![
        (call().set("Format", "YAML"), 400, "InvalidParameter.Format"),
        (call().set("Version", "2018-07-14"), 400, "InvalidVersion"),
        (call().set("Action", "DeleteCustomer"), 404, "InvalidAction.NotFound"),
        (call().set("AccessKeyId", "nobody"), 404, "InvalidAccessKeyId.NotFound"),
        (call().set("SignatureMethod", "HMAC-MD5"), 400, "InvalidSignatureMethod"),
        (call().set("SignatureVersion", "2.0"), 400, "InvalidSignatureVersion"),
        (call().set("SignatureType", "PRIVATEKEY"), 400, "InvalidSignatureType"),
        (call().secret("wrong"), 400, "SignatureDoesNotMatch"),
        (call().set("Signature", "?"), 400, "SignatureDoesNotMatch"),
        (call().set("SecurityToken", "tok"), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        (sts(), 400, "MissingSecurityToken"),
        (sts().set("SecurityToken", "other"), 400, "InvalidSecurityToken.MismatchWithAccessKey"),
        (call(), 400, "-1008"),
        (Call::upload("n", &cert.replace('\n', ""), &key), 400, "-1008"),
        (Call::upload("n", &cert.replace('\n', " "), &key), 400, "-1008"),
        (Call::upload("n", &cert, "k"), 400, "PrivateKeyFormatError"),
        (Call::upload("n", &cert, &other_key), 400, "CertKeyNotMatch"),
        (sts().set("SecurityToken", "tok+en/="), 200, "200"),
        (upload(), 400, "NameRepeat"),
    ];
    let bad_times =
        ["now", "2026-11-24T02:52:10.000Z", "2026-11-24 02:52:10", "2026-13-24T02:52:10Z"];
    cases.extend(
        bad_times.map(|time| (call().set("Timestamp", time), 400, "InvalidTimeStamp.Format")),
    );
    for (case, (call, status, code)) in cases.into_iter().enumerate() {
        let answer = call.send(emulator.port());
        assert_eq!(
            (answer.status, answer.code().as_str()),
            (status, code),
            "case {case}: {}",
            answer.body
        );
    }
}

#[test]
fn each_required_parameter_is_missed() {
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
            let answer = call.send(emulator.port());
            assert_eq!((answer.status, answer.code()), (400, format!("Missing{name}")));
            assert_eq!(answer.json()["Message"], format!("{name} is mandatory for this action."));
        }
    }
    assert_eq!(call().set("Signature", "").send(emulator.port()).code(), "MissingSignature");
}

#[test]
fn methods_and_paths_other_than_the_apis_are_refused() {
    let emulator = Emulator::start().unwrap();
    let text = String::from_utf8(call().bytes()).unwrap();
    let put = text.replacen("POST", "PUT", 1);
    let answer = Connection::open(emulator.port()).exchange(put.as_bytes());
    assert_eq!((answer.status, answer.code().as_str()), (400, "UnsupportedHTTPMethod"));
    let elsewhere = text.replacen(" / ", " /api ", 1);
    let answer = Connection::open(emulator.port()).exchange(elsewhere.as_bytes());
    assert_eq!((answer.status, answer.code().as_str()), (404, "InvalidAction.NotFound"));
    assert_eq!(
        answer.json()["Message"],
        "Specified api is not found, please check your url and method."
    );
}

#[test]
fn errors_have_their_shape_in_both_formats() {
    let emulator = Emulator::start().unwrap();
    let json = call().set("AccessKeyId", "nobody").send(emulator.port());
    let request_id = json.header("x-acs-request-id").unwrap();
    let recommend = format!(
        "https://api.aliyun.com/troubleshoot?q=InvalidAccessKeyId.NotFound&product=cas&requestId={request_id}"
    );
    let expected = serde_json::json!({
        "RequestId": request_id, "HostId": "cas.aliyuncs.com", "Code": "InvalidAccessKeyId.NotFound",
        "Message": "Specified access key is not found.", "Recommend": recommend,
    });
    assert_eq!(json.json(), expected);

    let xml = call().set("AccessKeyId", "nobody").set("Format", "XML").send(emulator.port());
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
fn business_errors_are_chinese_unless_english_is_asked_for() {
    let emulator = Emulator::start().unwrap();
    let message =
        |call: Call| call.send(emulator.port()).json()["Message"].as_str().unwrap().to_owned();
    assert_eq!(message(call()), "证书格式异常，请检查输入内容。");
    assert_eq!(message(call().set("Lang", "zh")), "证书格式异常，请检查输入内容。");
    let english = "The format of the certificate is invalid. Check the input.";
    assert_eq!(message(call().set("Lang", "en")), english);

    let (cert, key) = certificate();
    let upload = || Call::upload("same", &cert, &key);
    assert_eq!(upload().send(emulator.port()).status, 200);
    assert_eq!(message(upload()), "名称重复，请重新输入。");
    assert_eq!(message(upload().set("Lang", "en")), "The certificate name already exists.");
    assert_eq!(message(upload().without("Key")), "Key is mandatory for this action.");
}

#[test]
fn a_wrong_signature_is_answered_with_the_servers_string_to_sign() {
    let emulator = Emulator::start().unwrap();
    for shape in SHAPES.into_iter().filter(|shape| *shape != Shape::PostJsonSigned) {
        let call = Call::upload("a b+c*~名", "c\n", "k\r\n").shape(shape).secret("wrong");
        let expected = format!(
            "Specified signature is not matched with our calculation. server string to sign is:{}",
            call.string_to_sign()
        );
        assert_eq!(call.send(emulator.port()).json()["Message"], expected, "{shape:?}");
    }
}

#[test]
fn a_nonce_is_good_once_and_only_if_it_was_signed() {
    let emulator = Emulator::builder()
        .access_key("testid", "testsecret")
        .access_key("b", "s")
        .start()
        .unwrap();
    let port = emulator.port();
    let once = call().set("SignatureNonce", "one");
    assert_eq!(once.clone().secret("wrong").send(port).code(), "SignatureDoesNotMatch");
    assert_eq!(once.send(port).code(), "-1008");
    assert_eq!(once.send(port).code(), "SignatureNonceUsed");
    let message = &once.send(port).json()["Message"];
    assert_eq!(message, "Specified signature nonce was used already.");
    assert_eq!(once.set("AccessKeyId", "b").secret("s").send(port).code(), "-1008");
}

#[test]
fn timestamps_are_good_for_fifteen_minutes_on_both_sides() {
    let emulator = Emulator::start().unwrap();
    let at = |seconds: i64| {
        let distance = Duration::from_secs(seconds.unsigned_abs());
        let now = SystemTime::now();
        let time = if seconds < 0 { now - distance } else { now + distance };
        call().set("Timestamp", &timestamp(time)).send(emulator.port()).code()
    };
    assert_eq!([at(-890), at(890)], ["-1008", "-1008"]);
    assert_eq!([at(-910), at(910)], ["InvalidTimeStamp.Expired", "InvalidTimeStamp.Expired"]);
}

#[test]
fn the_servers_clock_can_be_wrong() {
    for offset in [-86_400, 86_400] {
        let emulator = Emulator::builder().clock_offset(offset).start().unwrap();
        let answer = call().send(emulator.port());
        assert_eq!(answer.code(), "InvalidTimeStamp.Expired");
        // What a client needs to help itself: the server's time.
        let date = httpdate::parse_http_date(answer.header("date").unwrap()).unwrap();
        assert_eq!(call().set("Timestamp", &timestamp(date)).send(emulator.port()).code(), "-1008");
    }
}

/// The vectors whose operation exists, sent as they were signed to a server whose clock stands at their time.
#[test]
fn requests_of_the_official_sdks_are_admitted() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../vectors/vectors.json")).unwrap();
    let mut admitted = 0;
    for vector in vectors["vectors"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap_or_default();
        let (time, request, expected) = if text("kind").starts_with("acs3") {
            let headers = vector["headers"].as_object().unwrap();
            let header = |(name, value): (&String, &Value)| {
                format!("{name}: {}\r\n", value.as_str().unwrap())
            };
            let headers = headers.iter().map(header).collect::<Vec<_>>().concat();
            let (query, body, length) =
                (text("canonical_query_string"), text("body"), text("body").len());
            let authorization = text("authorization");
            let request = format!(
                "POST /?{query} HTTP/1.1\r\n{headers}Authorization: {authorization}\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let expected = match text("id") {
                "acs3-cas-upload-query" => "-1008",
                _ => continue,
            };
            (vector["headers"]["x-acs-date"].as_str().unwrap(), request, expected)
        } else if text("kind") == "rpc-v1-full-url" {
            let request = format!("GET {} HTTP/1.1\r\n\r\n", text("url_path_and_query"));
            ("2024-05-06T07:08:09Z", request, "-1008")
        } else {
            let params = vector["params"].as_object().unwrap();
            let form = vector["form_body_params"].as_array().unwrap();
            let pair =
                |name: &str, value: &str| format!("&{}={}", encode(name, "+"), encode(value, "+"));
            let (mut query, mut body) = (pair("Signature", text("signature")), String::new());
            for (name, value) in params {
                let place =
                    if form.contains(&name.as_str().into()) { &mut body } else { &mut query };
                *place += &pair(name, value.as_str().unwrap());
            }
            let request = format!(
                "{} /?{} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
                text("http_method"),
                &query[1..],
                body.len()
            );
            let expected = match text("id") {
                "rpc-special-chars" => "MissingCert",
                "rpc-pem-post-body" | "rpc-pem-get-query" => "-1008",
                _ => continue,
            };
            (params["Timestamp"].as_str().unwrap(), request, expected)
        };
        let time = humantime::parse_rfc3339(time).unwrap();
        let ago = SystemTime::now().duration_since(time).unwrap().as_secs();
        let emulator =
            Emulator::builder().clock_offset(-i64::try_from(ago).unwrap()).start().unwrap();
        let answer = Connection::open(emulator.port()).exchange(request.as_bytes());
        assert_eq!(answer.code(), expected, "{}", text("id"));
        admitted += 1;
    }
    assert_eq!(admitted, 5);
}
