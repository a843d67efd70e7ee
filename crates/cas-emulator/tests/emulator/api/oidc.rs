//! `AssumeRoleWithOIDC`, which nobody signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cas_emulator::Emulator;
use serde_json::{Value, json};

use crate::certificates::certificate;
use crate::client::{Call, Connection, Response, encode, timestamp};

const OTHER: &str = "1234567890123456";
const ROLE: &str = "acs:ram::1234567890123456:role/pod";
const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/cluster";

fn token(expires_in: i64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://oidc.example", "sub": "system:serviceaccount:a:b",
                        "aud": ["sts.aliyuncs.com"], "iat": now,
                        "exp": now.checked_add_signed(expires_in)});
    format!("{}.{}.c2lnbmF0dXJl", part(json!({"alg": "RS256", "kid": "1"})), part(claims))
}

fn parameters() -> Vec<(&'static str, String)> {
    vec![
        ("Action", "AssumeRoleWithOIDC".to_owned()),
        ("Version", "2015-04-01".to_owned()),
        ("Format", "JSON".to_owned()),
        ("Timestamp", timestamp(std::time::SystemTime::now())),
        ("RoleArn", ROLE.to_owned()),
        ("OIDCProviderArn", PROVIDER.to_owned()),
        ("OIDCToken", token(600)),
        ("RoleSessionName", "pod-1".to_owned()),
    ]
}

fn changed(name: &str, value: Option<&str>) -> Vec<(&'static str, String)> {
    let mut all = parameters();
    for (known, old) in &mut all {
        if *known == name {
            value.unwrap_or_default().clone_into(old);
        }
    }
    all.retain(|(known, _)| value.is_some() || *known != name);
    all
}

fn query(parameters: &[(&str, String)]) -> String {
    let pair = |(name, value): &(&str, String)| format!("{name}={}", encode(value, "%20"));
    parameters.iter().map(pair).collect::<Vec<_>>().join("&")
}

fn get(port: u16, parameters: &[(&str, String)]) -> Response {
    let request = format!("GET /?{} HTTP/1.1\r\nHost: test\r\n\r\n", query(parameters));
    Connection::open(port).exchange(request.as_bytes())
}

/// Common parameters in the query, the others in a form, as the Go and Node.js packages do it.
fn post(port: u16, parameters: &[(&str, String)]) -> Response {
    let (common, own) = parameters.split_at(4);
    let body = query(own);
    let request = format!(
        "POST /?{} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{body}",
        query(common),
        body.len(),
    );
    Connection::open(port).exchange(request.as_bytes())
}

/// Action and version in headers, as the package of the service does it.
fn post_anonymous(port: u16, parameters: &[(&str, String)]) -> Response {
    let request = format!(
        "POST /?{} HTTP/1.1\r\nx-acs-action: {}\r\nx-acs-version: {}\r\nx-acs-date: {}\r\n\
         Content-Length: 0\r\n\r\n",
        query(&parameters[4..]),
        parameters[0].1,
        parameters[1].1,
        parameters[3].1,
    );
    Connection::open(port).exchange(request.as_bytes())
}

#[test]
fn a_token_gets_an_access_key_of_the_account_of_the_role() {
    let builder = Emulator::builder().access_key("testid", "testsecret");
    let emulator = builder.access_key_of(OTHER, "other", "its secret").start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let mut names = ["a", "b", "c"].into_iter();
    for send in [get, post, post_anonymous] {
        let assumed = send(port, &parameters());
        assert_eq!(assumed.status, 200, "{}", assumed.body);
        let assumed = assumed.json();
        assert_eq!(assumed["AssumedRoleUser"]["Arn"], format!("{ROLE}/pod-1"));
        let info = &assumed["OIDCTokenInfo"];
        assert_eq!(info["Issuer"], "https://oidc.example");
        assert_eq!(info["Subject"], "system:serviceaccount:a:b");
        assert_eq!(info["ClientIds"], "sts.aliyuncs.com");
        let credentials = &assumed["Credentials"];
        let text = |name: &str| credentials[name].as_str().unwrap();
        let upload = Call::upload(names.next().unwrap(), &cert, &key);
        let upload = upload.set("AccessKeyId", text("AccessKeyId"));
        let upload = upload.set("SecurityToken", text("SecurityToken"));
        assert_eq!(upload.secret(text("AccessKeySecret")).send(port).status, 200);
    }
    let stored = emulator.certificates().unwrap();
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().all(|certificate| certificate.account == OTHER));

    // The account of an unknown role is that of the first access key.
    let foreign = changed("RoleArn", Some("acs:ram::9999999999999999:role/pod"));
    assert_eq!(get(port, &foreign).status, 200);
    // The token is not recorded.
    let recorded = serde_json::to_string(&emulator.requests()).unwrap();
    assert!(!recorded.contains("c2lnbmF0dXJl"), "{recorded}");
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (expired, old) = (token(-1), "2020-01-01T00:00:00Z");
    let cases = [
        ("Timestamp", None, "MissingTimestamp"),
        ("Timestamp", Some(old), "InvalidTimeStamp.Expired"),
        ("Timestamp", Some("now"), "InvalidTimeStamp.Format"),
        ("RoleArn", None, "MissingRoleArn"),
        ("RoleArn", Some("acs:ram::1:user/u"), "InvalidParameter.RoleArn"),
        ("OIDCProviderArn", None, "MissingOIDCProviderArn"),
        ("OIDCProviderArn", Some("acs:ram::1:saml-provider/x"), "InvalidParameter.OIDCProviderArn"),
        ("OIDCToken", None, "MissingOIDCToken"),
        ("OIDCToken", Some("abc"), "InvalidParameter.OIDCToken"),
        ("OIDCToken", Some("a token"), "AuthenticationFail.OIDCToken.Invalid"),
        ("OIDCToken", Some(&*expired), "AuthenticationFail.OIDCToken.Expired"),
        ("RoleSessionName", None, "MissingRoleSessionName"),
        ("RoleSessionName", Some("a b"), "InvalidParameter.RoleSessionName"),
        ("Action", Some("AssumeRole"), "MissingAccessKeyId"),
    ];
    for (name, value, code) in cases {
        let refused = get(port, &changed(name, value));
        assert_eq!((refused.code(), refused.status), (code.to_owned(), 400), "{name}: {value:?}");
    }
    let mut short = parameters();
    short.push(("DurationSeconds", "899".to_owned()));
    assert_eq!(get(port, &short).code(), "InvalidParameter.DurationSeconds");
    // By the clock of signatures.
    let later = Emulator::builder().clock_offset(300).start().unwrap();
    let time = std::time::SystemTime::now() + std::time::Duration::from_secs(300);
    let mut soon = changed("Timestamp", Some(&timestamp(time)));
    soon[6].1 = token(60);
    assert_eq!(get(later.port(), &soon).code(), "AuthenticationFail.OIDCToken.Expired");
}
