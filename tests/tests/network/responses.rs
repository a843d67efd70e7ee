//! Responses whose text is unclear, cut, huge or made to deceive a reader.

use std::process::Command;
use std::thread;

use acceptance::stub::Reply;
use acceptance::{Outcome, Stub, chain, report, run};

/// An upload that gets these responses, the last of them for the look-ups too.
fn upload(timeout_ms: &str, replies: &[(&str, &str)]) -> Outcome {
    let reply = |(status, body): &(&str, &str)| Reply::http(status, "", body);
    let stub = Stub::start(replies.iter().map(reply).collect());
    let [cert, key] = chain().files();
    let settings = [("CAS_TIMEOUT_MS", timeout_ms), ("CAS_MAX_ATTEMPTS", "1"), ("CAS_LOG", "4")];
    report(&stub.url(), &settings, "web", cert, key).run()
}

#[test]
fn a_response_with_two_ids_or_codes_is_no_success() {
    let empty = ("200 OK", r#"{"TotalCount":0,"CertificateList":[]}"#);
    let unclear = [
        r#"{"CertId":1,"CertId":2,"RequestId":"R-1"}"#,
        r#"{"CertId":1,"\u0043ertId":2,"RequestId":"R-1"}"#,
        r#"{"CertId":1,"CertId":null,"RequestId":"R-1"}"#,
        r#"{"CertId":1,"CertificateId":2,"RequestId":"R-1"}"#,
        r#"{"CertId":1,"certId":2,"RequestId":"R-1"}"#,
        "<R><CertId>1</CertId><CertId>2</CertId><RequestId>R-1</RequestId></R>",
        "<R><CertId>1</CertId><certId>2</certId><RequestId>R-1</RequestId></R>",
    ];
    let codes = [
        r#"{"CertId":1,"Code":"200","Code":"NameRepeat"}"#,
        r#"{"CertId":1,"Code":"200","code":"NameRepeat"}"#,
        r#"{"CertId":1,"Code":null,"Code":"NameRepeat"}"#,
    ];
    thread::scope(|scope| {
        for body in unclear.into_iter().chain(codes) {
            scope.spawn(move || {
                // A call in doubt looks for the certificate until its deadline.
                let outcome = upload("2000", &[("200 OK", body), empty]);
                outcome.assert_fields(&[("status", "CAS_ERR_OUTCOME_UNKNOWN")]);
                let id = if body.contains("R-1") { "R-1" } else { "(none)" };
                assert_eq!(outcome.field("request_id"), id, "{body}");
            });
        }
    });
    let same = r#"{"CertId":1,"CertId":"1","certId":1,"CertificateId":""}"#;
    let outcome = upload("60000", &[("200 OK", same)]);
    outcome.assert_fields(&[("status", "CAS_OK"), ("cert_id", "1")]);
}

#[test]
fn an_entry_of_a_list_with_two_ids_is_not_taken_for_the_certificate() {
    let fingerprint = fingerprint();
    let taken = ("400 Bad Request", r#"{"Code":"NameRepeat"}"#);
    for (ids, found) in [
        (r#""id":7"#, true),
        (r#""id":7,"id":"7""#, true),
        (r#""id":7,"id":8"#, false),
        (r#""id":7,"Id":8"#, false),
        (r#""CertificateId":7,"CertId":8,"Id":7"#, false),
    ] {
        let entry = format!(r#"{{{ids},"name":"web","fingerprint":"{fingerprint}"}}"#);
        let list = format!(r#"{{"TotalCount":1,"CertificateList":[{entry}]}}"#);
        let timeout = if found { "60000" } else { "2000" };
        let outcome = upload(timeout, &[taken, ("200 OK", &list)]);
        assert_eq!(outcome.stdout.contains("cert_id=7"), found, "{ids}: {}", outcome.stdout);
        assert_eq!(outcome.stdout.contains("status=CAS_OK"), found, "{ids}: {}", outcome.stdout);
    }
}

/// The SHA-1 fingerprint of the certificate that is uploaded.
fn fingerprint() -> String {
    let mut openssl = Command::new("openssl");
    let print = ["x509", "-noout", "-fingerprint", "-sha1", "-in"];
    let printed = run(openssl.args(print).arg(&chain().chain));
    printed.trim().split_once('=').unwrap().1.to_owned()
}

#[test]
fn a_cut_private_key_leaves_the_code() {
    let begin = "-----BEGIN PRIVATE KEY-----";
    for body in [
        format!(r#"{{"Message":"{begin}\nMIIC","Code":"Forbidden.RAM","RequestId":"R-1"}}"#),
        format!(r#"{{"Message":"\"{begin}MIIC\"","Code":"Forbidden.RAM","RequestId":"R-1"}}"#),
        format!(r#"{{"Message":"{begin}\\","Code":"Forbidden.RAM","RequestId":"R-1"}}"#),
        format!(
            "<Error><Message><![CDATA[{begin}MIIC]]></Message><Code>Forbidden.RAM</Code>\
             <RequestId>R-1</RequestId></Error>"
        ),
    ] {
        let outcome = upload("60000", &[("403 Forbidden", &body)]);
        let expected = [
            ("status", "CAS_ERR_PERMISSION"),
            ("service_code", "Forbidden.RAM"),
            ("request_id", "R-1"),
        ];
        outcome.assert_fields(&expected);
        assert!(!outcome.stdout.contains("MIIC"), "{}", outcome.stdout);
    }
}

#[test]
fn a_certificate_with_the_name_of_a_private_key_does_not_hide_the_list() {
    let fingerprint = fingerprint();
    for name in [
        "-----BEGIN PRIVATE KEY-----",
        r#"-----BEGIN PRIVATE KEY-----\"x"#,
        r"-----BEGIN RSA PRIVATE KEY-----\\",
        r#"-----BEGIN PRIVATE KEY-----","note":"-----END PRIVATE KEY-----"#,
        "-----BEGIN ",
    ] {
        let other = format!(r#"{{"id":5,"name":"{name}"}}"#);
        let own = format!(r#"{{"id":7,"name":"web","fingerprint":"{fingerprint}"}}"#);
        for entries in [format!("{other},{own}"), format!("{own},{other}")] {
            let list = format!(r#"{{"TotalCount":2,"CertificateList":[{entries}]}}"#);
            let taken = ("400 Bad Request", r#"{"Code":"NameRepeat"}"#);
            let outcome = upload("60000", &[taken, ("200 OK", &list)]);
            outcome.assert_fields(&[("status", "CAS_OK"), ("cert_id", "7")]);
        }
    }
}

#[test]
fn huge_text_is_cut() {
    for text in ["%25", "%2525", "-----BEGIN PRIVATE KEY-----", "string to sign ", "A", "word "] {
        let text = text.repeat((1_000_000) / text.len());
        for (status, body) in [
            ("400 Bad Request", format!(r#"{{"Code":"Unknown","Message":"{text}"}}"#)),
            ("400 Bad Request", format!(r#"{{"Code":"{text}"}}"#)),
            ("403 Forbidden", format!("<html><title>{text}</title></html>")),
        ] {
            let outcome = upload("60000", &[(status, &body)]);
            assert!(!outcome.stdout.contains("status=CAS_OK"), "{}", outcome.stdout);
            assert!(outcome.stdout.len() < 8000, "{}", outcome.stdout.len());
        }
    }
}

#[test]
fn characters_that_deceive_a_reader_are_not_shown() {
    let odd = "\u{202e}\u{2028}\u{2029}\u{2066}\u{200b}\u{feff}\u{1b}\u{85}\u{3164}\u{e0041}";
    let in_json: String =
        odd.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect::<Vec<_>>().concat();
    for (status, body) in [
        ("400 Bad Request", r#"{"Code":"C|","Message":"M|","RequestId":"R|"}"#),
        ("200 OK", r#"{"CertId":7,"RequestId":"R|"}"#),
        ("403 Forbidden", "<html><title>T|</title></html>"),
        ("400 Bad Request", "<Error><Code>C|</Code><Message>M|</Message></Error>"),
    ] {
        let text = if body.starts_with('{') { &in_json } else { odd };
        let outcome = upload("60000", &[(status, &body.replace('|', text))]);
        assert_plain(&outcome, odd);
    }
    let [cert, key] = chain().files();
    let file = format!("/nonexistent/{odd}");
    for (name, variable, value, cert) in [
        ("web", "CAS_CA_FILE", file.as_str(), cert),
        ("web", "CAS_CA_FILE", "", &file),
        (odd, "CAS_PROXY", "http://127.0.0.1:1", cert),
        ("web", "ALIBABA_CLOUD_ACCESS_KEY_ID", odd, cert),
    ] {
        let settings = [("CAS_LOG", "4"), ("CAS_MAX_ATTEMPTS", "1"), (variable, value)];
        let settings = if value.is_empty() { &settings[..2] } else { &settings[..] };
        let outcome = report("https://127.0.0.1:1", settings, name, cert, key).run();
        assert!(outcome.stdout.contains("status=CAS_ERR"), "{}", outcome.stdout);
        assert_plain(&outcome, odd);
    }
}

#[track_caller]
fn assert_plain(outcome: &Outcome, odd: &str) {
    assert!(outcome.stdout.contains("status="), "{}", outcome.stderr);
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains(|c| odd.contains(c)), "{}", text.escape_unicode());
    }
}
