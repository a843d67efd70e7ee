//! RPC signature version 1, nonces, timestamps, and the signed requests of the official SDKs.

use std::time::{Duration, SystemTime};

use cas_emulator::Emulator;
use serde_json::Value;

use crate::client::{Call, Connection, SHAPES, Shape, encode, timestamp};

fn call() -> Call {
    Call::create("n", "c", "k")
}

#[test]
fn a_wrong_signature_is_rejected_with_the_string_to_sign() {
    let emulator = Emulator::start().unwrap();
    for shape in SHAPES.into_iter().filter(|shape| *shape != Shape::PostJsonSigned) {
        let call = Call::create("a b+c*~名", "c\n", "k\r\n").shape(shape).secret("wrong");
        let expected = format!(
            "Specified signature is not matched with our calculation. server string to sign is:{}",
            call.string_to_sign()
        );
        assert_eq!(call.send(emulator.port()).json()["Message"], expected, "{shape:?}");
    }
}

#[test]
fn a_nonce_is_valid_once_and_a_wrong_signature_does_not_use_it_up() {
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
fn timestamps_are_valid_for_15_minutes_in_both_directions() {
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
fn a_client_can_correct_its_clock_by_the_date_header() {
    for offset in [-86_400, 86_400] {
        let emulator = Emulator::builder().clock_offset(offset).start().unwrap();
        let response = call().send(emulator.port());
        assert_eq!(response.code(), "InvalidTimeStamp.Expired");
        let date = httpdate::parse_http_date(response.header("date").unwrap()).unwrap();
        assert_eq!(call().set("Timestamp", &timestamp(date)).send(emulator.port()).code(), "-1008");
    }
}

/// Sends the vectors whose operation exists to an emulator with a clock at their time.
#[test]
fn signed_requests_of_the_official_sdks_are_accepted() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../../vectors/vectors.json")).unwrap();
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
                "POST /?{query} HTTP/1.1\r\n{headers}Authorization: {authorization}\r\n\
                 Content-Length: {length}\r\n\r\n{body}"
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
                "{} /?{} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                 Content-Length: {}\r\n\r\n{body}",
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
        let response = Connection::open(emulator.port()).exchange(request.as_bytes());
        assert_eq!(response.code(), expected, "{}", text("id"));
        admitted += 1;
    }
    assert_eq!(admitted, 5);
}
