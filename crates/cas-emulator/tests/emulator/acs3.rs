//! ACS3-HMAC-SHA256, signed by the tests' own hand.

use std::collections::BTreeMap;
use std::time::SystemTime;

use cas_emulator::Emulator;
use ring::{digest, hmac};

use crate::client::{Answer, Connection, encode, timestamp};

/// A request of version 3 that is yet to be signed.
#[derive(Clone)]
struct Call {
    headers: BTreeMap<String, String>,
    query: String,
    body: String,
    secret: String,
    /// Headers that are sent but not signed.
    unsigned: Vec<&'static str>,
    /// What is done to the body after it was signed.
    spoilt: &'static str,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().concat()
}

impl Call {
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
            spoilt: "",
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

    fn send(&self, emulator: &Emulator) -> Answer {
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
        let body = format!("{}{}", self.body, self.spoilt);
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

fn upload(nonce: &str) -> Call {
    let (cert, key) = crate::client::certificate();
    let mut call = Call::new("CreateUserCertificate", nonce);
    call.body = format!("Name=n&Cert={}&Key={}", encode(&cert, "+"), encode(&key, "+"));
    call
}

#[test]
fn a_form_and_a_query_are_taken_once_they_are_signed() {
    let emulator = Emulator::start().unwrap();
    assert_eq!(upload("1").send(&emulator).cert_id(), 1);
    let mut list = Call::new("DescribeUserCertificateList", "2");
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
fn what_is_not_signed_or_was_changed_is_refused() {
    let emulator = Emulator::start().unwrap();
    let changed = |change: fn(&mut Call)| {
        let mut call = upload("n");
        change(&mut call);
        call.send(&emulator).code()
    };
    assert_eq!(changed(|call| call.secret = "another".to_owned()), "SignatureDoesNotMatch");
    assert_eq!(changed(|call| call.spoilt = "&Lang=en"), "InvalidContentSha256");
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
    // A nonce is good once, whatever was refused before.
    assert_eq!(upload("n").send(&emulator).cert_id(), 1);
    assert_eq!(upload("n").send(&emulator).code(), "SignatureNonceUsed");
}

#[test]
fn a_temporary_key_brings_its_token() {
    let emulator = Emulator::builder().sts("testid", "testsecret", "to+ken/==").start().unwrap();
    assert_eq!(upload("1").send(&emulator).code(), "MissingSecurityToken");
    let call =
        upload("2").with("x-acs-security-token", "to+ken/==").with("x-acs-accesskey-id", "testid");
    assert_eq!(call.send(&emulator).cert_id(), 1);
}

#[test]
fn an_echo_of_the_string_to_sign_holds_no_value() {
    let emulator = Emulator::start().unwrap();
    let mut call = upload("1");
    call.secret = "another".to_owned();
    let message = call.send(&emulator).json()["Message"].as_str().unwrap().to_owned();
    assert!(message.contains("server string to sign is:ACS3-HMAC-SHA256\n"), "{message}");
    assert!(!message.contains("PRIVATE"));
}
