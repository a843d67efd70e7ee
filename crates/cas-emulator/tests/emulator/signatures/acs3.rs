//! ACS3-HMAC-SHA256 signatures, computed by the tests themselves.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cas_emulator::Emulator;
use ring::{digest, hmac};

use crate::client::{Connection, Response, encode, timestamp};

/// An unsigned request.
#[derive(Clone)]
struct Acs3Call {
    headers: BTreeMap<String, String>,
    query: String,
    body: String,
    secret: String,
    /// Headers that are sent, but not signed.
    unsigned: Vec<&'static str>,
    /// What is appended to the body after signing.
    appended: &'static str,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat()
}

impl Acs3Call {
    fn new(action: &str, nonce: &str) -> Self {
        let headers = [
            ("host", "127.0.0.1"),
            ("content-type", "application/x-www-form-urlencoded"),
            ("x-acs-action", action),
            ("x-acs-date", &timestamp(SystemTime::now())),
            ("x-acs-signature-nonce", nonce),
            ("x-acs-version", "2018-07-13"),
        ];
        Self {
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            query: String::new(),
            body: String::new(),
            secret: "testsecret".to_owned(),
            unsigned: Vec::new(),
            appended: "",
        }
    }

    fn with(mut self, header: &str, value: &str) -> Self {
        self.headers.insert(header.to_owned(), value.to_owned());
        self
    }

    fn without(mut self, header: &str) -> Self {
        self.headers.remove(header);
        self
    }

    fn send(&self, emulator: &Emulator) -> Response {
        let mut headers = self.headers.clone();
        let hash = hex(digest::digest(&digest::SHA256, self.body.as_bytes()).as_ref());
        headers.insert("x-acs-content-sha256".to_owned(), hash.clone());
        let signed: Vec<_> =
            headers.iter().filter(|(name, _)| !self.unsigned.contains(&name.as_str())).collect();
        let lines = signed
            .iter()
            .map(|(name, value)| format!("{name}:{value}\n"))
            .collect::<Vec<_>>()
            .concat();
        let names = signed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let canonical = format!("POST\n/\n{}\n{lines}\n{names}\n{hash}", self.query);
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret.as_bytes());
        let signature =
            hex(hmac::sign(&key, format!("ACS3-HMAC-SHA256\n{digest}").as_bytes()).as_ref());
        let authorization = format!(
            "ACS3-HMAC-SHA256 Credential=testid,SignedHeaders={names},Signature={signature}"
        );
        headers.insert("authorization".to_owned(), authorization);
        let body = format!("{}{}", self.body, self.appended);
        let head = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect::<Vec<_>>()
            .concat();
        let target =
            if self.query.is_empty() { "/".to_owned() } else { format!("/?{}", self.query) };
        let request =
            format!("POST {target} HTTP/1.1\r\n{head}Content-Length: {}\r\n\r\n{body}", body.len());
        Connection::open(emulator.port()).exchange(request.as_bytes())
    }
}

fn upload(nonce: &str) -> Acs3Call {
    let (cert, key) = crate::certificates::certificate();
    let mut call = Acs3Call::new("CreateUserCertificate", nonce);
    call.body = format!("Name=n&Cert={}&Key={}", encode(&cert, "+"), encode(&key, "+"));
    call
}

#[test]
fn signed_forms_and_queries_are_accepted() {
    let emulator = Emulator::start().unwrap();
    assert_eq!(upload("1").send(&emulator).cert_id(), 10_000_000);
    let mut list = Acs3Call::new("DescribeUserCertificateList", "2");
    list.query = "CurrentPage=1&ShowSize=50".to_owned();
    assert_eq!(list.send(&emulator).json()["TotalCount"], 1);
    let kinds: Vec<_> =
        emulator.requests().into_iter().map(|request| request.signature.unwrap().name()).collect();
    assert_eq!(kinds, ["acs3", "acs3"]);
    let places = &emulator.requests()[0].parameters;
    assert_eq!(places["Action"].places[0].name(), "header");
    assert_eq!(places["Name"].places[0].name(), "form");
}

#[test]
fn unsigned_and_modified_requests_are_rejected() {
    let emulator = Emulator::start().unwrap();
    let changed = |change: fn(&mut Acs3Call)| {
        let mut call = upload("n");
        change(&mut call);
        call.send(&emulator).code()
    };
    assert_eq!(changed(|call| call.secret = "another".to_owned()), "SignatureDoesNotMatch");
    assert_eq!(changed(|call| call.appended = "&Lang=en"), "InvalidContentSha256");
    for header in ["host", "x-acs-action", "x-acs-date", "x-acs-signature-nonce", "x-acs-version"] {
        let mut call = upload("n");
        call.unsigned = vec![header];
        assert_eq!(call.send(&emulator).code(), "InvalidSignedHeaders", "{header}");
    }
    for (header, code) in [
        ("x-acs-action", "MissingAction"),
        ("x-acs-version", "MissingVersion"),
        ("x-acs-date", "MissingTimestamp"),
        ("x-acs-signature-nonce", "MissingSignatureNonce"),
    ] {
        assert_eq!(upload("n").without(header).send(&emulator).code(), code);
    }
    assert_eq!(
        upload("n").with("x-acs-date", "2020-01-01T00:00:00Z").send(&emulator).code(),
        "InvalidTimeStamp.Expired"
    );
    assert_eq!(
        upload("n").with("x-acs-action", "Nothing").send(&emulator).code(),
        "InvalidAction.NotFound"
    );
    let token = upload("n").with("x-acs-security-token", "token").send(&emulator);
    assert_eq!(token.code(), "InvalidSecurityToken.MismatchWithAccessKey");
    assert!(emulator.certificates().unwrap().is_empty());
    // A nonce is valid once. The rejected requests have not used it up.
    assert_eq!(upload("n").send(&emulator).cert_id(), 10_000_000);
    assert_eq!(upload("n").send(&emulator).code(), "SignatureNonceUsed");
}

#[test]
fn a_temporary_access_key_requires_its_token() {
    let emulator = Emulator::builder().sts("testid", "testsecret", "to+ken/==").start().unwrap();
    assert_eq!(upload("1").send(&emulator).code(), "MissingSecurityToken");
    let call =
        upload("2").with("x-acs-security-token", "to+ken/==").with("x-acs-accesskey-id", "testid");
    assert_eq!(call.send(&emulator).cert_id(), 10_000_000);
}

#[test]
fn the_echoed_string_to_sign_contains_no_value() {
    let emulator = Emulator::start().unwrap();
    let mut call = upload("1");
    call.secret = "another".to_owned();
    let message = call.send(&emulator).json()["Message"].as_str().unwrap().to_owned();
    assert!(message.contains("server string to sign is:ACS3-HMAC-SHA256\n"), "{message}");
    assert!(!message.contains("PRIVATE"));
}
