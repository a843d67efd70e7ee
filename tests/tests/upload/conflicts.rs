//! Conflicts about a name, and the rules for them, in both versions.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};

use acceptance::stub::Reply;
use acceptance::{Chain, Emulator, Outcome, Stub, chain, other_chain, report, scratch};
use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, SignatureAlgorithm,
    date_time_ymd,
};
use serde_json::Value;

fn upload(endpoint: &str, name: &str, chain: &Chain, settings: &[(&str, &str)]) -> Outcome {
    report(endpoint, settings, name, &chain.chain, &chain.key).run()
}

fn actions(emulator: &Emulator) -> Vec<String> {
    emulator
        .requests()
        .iter()
        .map(|request| request["action"].as_str().unwrap().to_owned())
        .collect()
}

fn sent(request: &Value, name: &str) -> Value {
    request["parameters"][name]["value"].clone()
}

const REUSE_ANY_NAME: (&str, &str) = ("CAS_REUSE_ANY_NAME", "1");
const REPLACE: (&str, &str) = ("CAS_ON_CONFLICT", "3");
const NEW_API: (&str, &str) = ("CAS_API", "2");

#[test]
fn every_attempt_has_a_new_nonce_and_the_same_idempotency_token() {
    let emulator = Emulator::start(&[]);
    emulator.fault(r#"{"action":"UploadUserCertificate","kind":"drop-before","times":2}"#);
    upload(emulator.url(), "web", chain(), &[NEW_API])
        .assert_fields(&[("attempts", "3"), ("api", "2")]);
    upload(emulator.url(), "other", chain(), &[NEW_API]).assert_fields(&[("attempts", "1")]);
    let requests = emulator.requests();
    let uploads: Vec<_> =
        requests.iter().filter(|one| one["action"] == "UploadUserCertificate").collect();
    assert_eq!(uploads.len(), 4);
    let all = |name: &str| -> Vec<Value> { uploads.iter().map(|one| sent(one, name)).collect() };
    let tokens = all("ClientToken");
    assert!(
        !tokens[0].is_null()
            && tokens[0] == tokens[1]
            && tokens[1] == tokens[2]
            && tokens[2] != tokens[3]
    );
    let nonces: BTreeSet<String> = all("SignatureNonce").iter().map(Value::to_string).collect();
    assert_eq!(nonces.len(), 4, "a nonce is used twice");
}

#[test]
fn auto_switches_to_the_newer_version_for_good() {
    for code in ["InvalidAction.NotFound", "InvalidVersion"] {
        let emulator = Emulator::start(&[]);
        emulator.fault(&format!(r#"{{"kind":"retired","code":"{code}"}}"#));
        let uploads = report(emulator.url(), &[], "web", &chain().chain, &chain().key).arg("3");
        let printed = uploads.succeed();
        let lines = |field: &str| -> Vec<String> {
            printed.lines().filter(|line| line.starts_with(field)).map(ToOwned::to_owned).collect()
        };
        assert_eq!(lines("api="), ["api=2"; 3]);
        assert_eq!(lines("attempts="), ["attempts=2", "attempts=1", "attempts=1"]);
        let mut expected = vec!["CreateUserCertificate"];
        expected.extend(["UploadUserCertificate"; 3]);
        assert_eq!(actions(&emulator), expected);
    }
    // With a single attempt, the next call uses the newer version.
    let emulator = Emulator::start(&[]);
    emulator.fault(r#"{"kind":"retired"}"#);
    let outcome = upload(emulator.url(), "web", chain(), &[("CAS_MAX_ATTEMPTS", "1")]);
    outcome.assert_fields(&[("status", "CAS_ERR_SERVICE"), ("attempts", "1"), ("retryable", "1")]);
    // Other codes with the same meaning.
    for code in ["NoSuchVersion", "InvalidApi.NotFound"] {
        let gone = Reply::http("404 Not Found", "", &format!(r#"{{"Code":"{code}"}}"#));
        let stub = Stub::start(vec![gone, Reply::http("200 OK", "", r#"{"CertId":5}"#)]);
        upload(&stub.url(), "web", chain(), &[]).assert_fields(&[("cert_id", "5"), ("api", "2")]);
        let bodies: Vec<_> = stub.requests().into_iter().map(|request| request.body).collect();
        assert!(
            bodies[0].contains("Version=2018-07-13") && bodies[1].contains("Version=2020-04-07")
        );
        let stub =
            Stub::start(vec![Reply::http("404 Not Found", "", &format!(r#"{{"Code":"{code}"}}"#))]);
        let outcome = upload(&stub.url(), "web", chain(), &[("CAS_API", "1")]);
        outcome.assert_fields(&[
            ("status", "CAS_ERR_SERVICE"),
            ("attempts", "1"),
            ("service_code", code),
        ]);
        assert!(outcome.field("hint").contains("version"), "{}", outcome.stdout);
    }
}

#[test]
fn reuse_any_name_accepts_the_same_certificate_under_any_name() {
    for api in ["1", "2"] {
        let emulator = Emulator::start(&[]);
        let api = ("CAS_API", api);
        for name in ["first", "second"] {
            upload(emulator.url(), name, other_chain(), &[api]);
        }
        upload(emulator.url(), "old-name", chain(), &[api]);
        let outcome = upload(emulator.url(), "web", chain(), &[api, REUSE_ANY_NAME]);
        let reused =
            [("cert_id", "10000002"), ("name", "old-name"), ("outcome", "1"), ("attempts", "0")];
        outcome.assert_fields(&reused);
        upload(emulator.url(), "web", chain(), &[api])
            .assert_fields(&[("cert_id", "10000003"), ("outcome", "0")]);
        let outcome = upload(emulator.url(), "first", chain(), &[api, REUSE_ANY_NAME]);
        outcome.assert_fields(&[("status", "CAS_OK"), ("outcome", "1"), ("attempts", "0")]);
        assert_eq!(emulator.certificates().len(), 4);
    }
}

/// A certificate that expired long ago, with its key.
fn expired() -> Chain {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["expired.example".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2019, 1, 1);
    params.not_after = date_time_ymd(2020, 1, 1);
    files("expired", &params.self_signed(&key).unwrap().pem(), &key.serialize_pem())
}

/// Files of a self-signed certificate and its key.
fn files(directory: &str, certificate: &str, key: &str) -> Chain {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let directory = scratch(&format!("{directory}-{number}"));
    let (chain, key_file) = (directory.join("cert.pem"), directory.join("key.pem"));
    fs::write(&chain, certificate).unwrap();
    fs::write(&key_file, key).unwrap();
    Chain { root: chain.clone(), chain, key: key_file }
}

#[test]
fn an_expired_certificate_is_found_although_lists_omit_it() {
    for api in ["1", "2"] {
        let emulator = Emulator::start(&[]);
        let expired = expired();
        let settings = [("CAS_API", api), ("CAS_SKIP_CHECKS", "1")];
        upload(emulator.url(), "web", other_chain(), &settings);
        upload(emulator.url(), "old", &expired, &settings)
            .assert_fields(&[("cert_id", "10000001"), ("outcome", "0")]);
        upload(emulator.url(), "old", &expired, &settings)
            .assert_fields(&[("cert_id", "10000001"), ("outcome", "1")]);
        let another = upload(emulator.url(), "old", chain(), &settings);
        another.assert_fields(&[("status", "CAS_ERR_NAME_TAKEN")]);
        assert!(another.field("message").contains("CertId 10000001"), "{}", another.stdout);
    }
}

#[test]
fn an_unknown_error_code_is_resolved_by_looking_up_the_certificate() {
    let fault = |code: &str| {
        format!(
            r#"{{"action":"CreateUserCertificate","kind":"error","status":400,"code":"{code}",
                "message":"?"}}"#
        )
    };
    for code in ["CertNameExists.New", "-4711", "InsufficientQuota"] {
        let emulator = Emulator::start(&[]);
        emulator.fault(&fault(code));
        let outcome = upload(emulator.url(), "web", chain(), &[]);
        outcome.assert_fields(&[
            ("status", "CAS_ERR_SERVICE"),
            ("service_code", code),
            ("attempts", "1"),
        ]);
        upload(emulator.url(), "web", chain(), &[]);
        emulator.fault(&fault(code));
        let outcome = upload(emulator.url(), "web", chain(), &[]);
        outcome.assert_fields(&[("cert_id", "10000000"), ("outcome", "1"), ("attempts", "1")]);
        emulator.fault(&fault(code));
        let outcome = upload(emulator.url(), "web", other_chain(), &[]);
        outcome.assert_fields(&[("status", "CAS_ERR_NAME_TAKEN"), ("service_code", code)]);
    }
    // A known code needs no look-up.
    let emulator = Emulator::start(&[]);
    emulator.fault(&fault("Forbidden.RAM"));
    upload(emulator.url(), "web", chain(), &[]).assert_fields(&[("status", "CAS_ERR_PERMISSION")]);
    assert_eq!(actions(&emulator), ["CreateUserCertificate"]);
}

#[test]
fn an_account_at_its_quota_still_reuses_its_certificates() {
    let emulator = Emulator::start(&["--quota", "1"]);
    upload(emulator.url(), "web", chain(), &[]).assert_fields(&[("cert_id", "10000000")]);
    upload(emulator.url(), "web", chain(), &[])
        .assert_fields(&[("cert_id", "10000000"), ("outcome", "1")]);
    let full = upload(emulator.url(), "new", chain(), &[]);
    full.assert_fields(&[("status", "CAS_ERR_SERVICE"), ("service_code", "InsufficientQuota")]);
    assert!(full.field("hint").contains("quota"), "{}", full.stdout);
}

/// A field of the first stored certificate.
fn listed(emulator: &Emulator, field: &str) -> String {
    emulator.certificates()[0][field].as_str().unwrap().to_owned()
}

#[test]
fn the_certificate_decides_if_it_and_the_list_disagree() {
    let emulator = Emulator::start(&[]);
    upload(emulator.url(), "web", chain(), &[]);
    let sha1 = listed(&emulator, "sha1");
    let own = serde_json::to_string(&fs::read_to_string(&chain().chain).unwrap()).unwrap();
    let other = serde_json::to_string(&fs::read_to_string(&other_chain().chain).unwrap()).unwrap();
    let taken = || Reply::http("400 Bad Request", "", r#"{"Code":"NameRepeat"}"#);
    // Numbers and strings, fingerprints with and without colons, in upper and lower case.
    let coloned: Vec<_> = sha1
        .to_lowercase()
        .as_bytes()
        .chunks(2)
        .map(|two| String::from_utf8_lossy(two).into_owned())
        .collect();
    let lists = [
        format!(
            r#"{{"TotalCount":"1",
                "CertificateList":[{{"id":"7","name":"web","fingerprint":"{sha1}"}}]}}"#
        ),
        format!(
            r#"{{"TotalCount":1,
                "CertificateList":[{{"Id":7,"Name":"web","Fingerprint":"{}"}}]}}"#,
            coloned.join(":")
        ),
    ];
    for list in &lists {
        let upload_with = |detail: &str| {
            let replies =
                vec![taken(), Reply::http("200 OK", "", list), Reply::http("200 OK", "", detail)];
            upload(&Stub::start(replies).url(), "web", chain(), &[])
        };
        upload_with(&format!(r#"{{"Id":7,"Cert":{own}}}"#))
            .assert_fields(&[("cert_id", "7"), ("outcome", "1")]);
        let different = upload_with(&format!(r#"{{"Id":7,"Cert":{other}}}"#));
        different.assert_fields(&[("status", "CAS_ERR_NAME_TAKEN"), ("attempts", "1")]);
        // Without the certificate, its SHA-1 decides.
        upload_with(r#"{"Code":"Forbidden.RAM"}"#)
            .assert_fields(&[("cert_id", "7"), ("outcome", "1")]);
        upload_with(r#"{"Id":7}"#).assert_fields(&[("cert_id", "7"), ("outcome", "1")]);
    }
    let replies = vec![taken(), Reply::http("403 Forbidden", "", r#"{"Code":"Forbidden.RAM"}"#)];
    let outcome = upload(&Stub::start(replies).url(), "web", chain(), &[]);
    outcome.assert_fields(&[("status", "CAS_ERR_OUTCOME_UNKNOWN"), ("retryable", "1")]);
    assert!(
        outcome.field("hint").contains("yundun-cert:DescribeUserCertificateList"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn replace_stores_before_it_deletes_and_succeeds_if_the_deletion_fails() {
    for api in ["1", "2"] {
        let api = ("CAS_API", api);
        let emulator = Emulator::start(&[]);
        upload(emulator.url(), "web", other_chain(), &[api]);
        emulator.fault(
            r#"{"action":"DeleteUserCertificate","kind":"error","status":400,
                "code":"InvalidStatus.DeleteProtection"}"#,
        );
        let kept = upload(emulator.url(), "web", chain(), &[api, REPLACE, ("CAS_LOG", "2")]);
        kept.assert_fields(&[("cert_id", "10000001"), ("outcome", "0")]);
        assert!(
            kept.stdout.contains("Failed to delete the replaced certificate, CertId 10000000: "),
            "{}",
            kept.stdout
        );
        assert_eq!(emulator.certificates().len(), 2);

        // The next call completes the replacement. A lost response to the deletion is not a
        // failure.
        emulator.fault(r#"{"action":"DeleteUserCertificate","kind":"drop-after"}"#);
        let replaced = upload(emulator.url(), "web", chain(), &[api, REPLACE]);
        replaced.assert_fields(&[("cert_id", "10000001"), ("outcome", "2"), ("attempts", "0")]);
        let stored = emulator.certificates();
        assert_eq!(stored.len(), 1);
        assert_eq!(stored[0]["name"], replaced.field("name"));
        let first = actions(&emulator);
        // The old certificate may have been deleted by another client.
        let emulator = Emulator::start(&[]);
        upload(emulator.url(), "web", other_chain(), &[api]);
        emulator.fault(
            r#"{"action":"DeleteUserCertificate","kind":"error","status":400,"code":"NotFound"}"#,
        );
        upload(emulator.url(), "web", chain(), &[api, REPLACE]).assert_fields(&[("outcome", "2")]);

        let at = |action: &str| first.iter().rposition(|one| one.starts_with(action)).unwrap();
        assert!(at("DeleteUser") > at(if api.1 == "1" { "CreateUser" } else { "UploadUser" }));
    }
}

/// A self-signed certificate for these names that is valid from this year on.
fn certificate(names: &[&str], year: i32, algorithm: &'static SignatureAlgorithm) -> Chain {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.not_before = date_time_ymd(year, 1, 1);
    params.not_after = date_time_ymd(2099, 1, 1);
    files("renewal", &params.self_signed(&key).unwrap().pem(), &key.serialize_pem())
}

/// The alternate name that libcas makes for a certificate.
fn alternate(chain: &Chain) -> String {
    let emulator = Emulator::start(&[]);
    upload(emulator.url(), "any", chain, &[]);
    format!("web-{}", listed(&emulator, "sha256")[..8].to_lowercase())
}

const P256: &SignatureAlgorithm = &PKCS_ECDSA_P256_SHA256;
const WARNINGS: (&str, &str) = ("CAS_LOG", "2");

#[test]
fn replace_leaves_one_certificate_renewal_after_renewal() {
    for api in ["1", "2"] {
        let api = ("CAS_API", api);
        let emulator = Emulator::start(&[]);
        upload(emulator.url(), "api", other_chain(), &[api]);
        upload(emulator.url(), "web-20260102", other_chain(), &[api]);
        let mut names = BTreeSet::new();
        for renewal in 0..5 {
            let renewed = certificate(&["b.example", "a.example"], 2020 + renewal, P256);
            let outcome = upload(emulator.url(), "web", &renewed, &[api, REPLACE, WARNINGS]);
            let expected = if renewal == 0 { "0" } else { "2" };
            outcome.assert_fields(&[("status", "CAS_OK"), ("outcome", expected)]);
            assert!(!outcome.stdout.contains("did not delete"), "{}", outcome.stdout);
            let stored = emulator.certificates();
            assert_eq!(stored.len(), 3, "renewal {renewal}");
            assert_eq!(stored[2]["name"], outcome.field("name"));
            assert_eq!(outcome.field("name") == "web", renewal % 2 == 0);
            names.insert(outcome.field("name").to_owned());
        }
        assert_eq!(names.len(), 3);
    }
}

#[test]
fn replace_leaves_what_is_no_predecessor_and_says_so() {
    let new = certificate(&["a.example"], 2025, P256);
    let one = |names: &[&str], year, algorithm| vec![certificate(names, year, algorithm)];
    for others in [
        one(&["a.example", "b.example"], 2020, P256),
        one(&["b.example"], 2020, P256),
        one(&["a.example"], 2020, &PKCS_ED25519),
        one(&["a.example"], 2025, P256),
        one(&["a.example"], 2026, P256),
        (0..2).map(|year| certificate(&["a.example"], 2020 + year, P256)).collect(),
    ] {
        for api in ["1", "2"] {
            let api = ("CAS_API", api);
            let emulator = Emulator::start(&[]);
            for other in &others {
                upload(emulator.url(), &alternate(other), other, &[api]);
            }
            let outcome = upload(emulator.url(), "web", &new, &[api, REPLACE, WARNINGS]);
            outcome.assert_fields(&[("name", "web"), ("outcome", "0")]);
            for (id, other) in (10_000_000..).zip(&others) {
                let warning = format!("\"{}\" (CertId {id})", alternate(other));
                assert!(outcome.stdout.contains(&warning), "{}", outcome.stdout);
            }
            assert!(outcome.stdout.contains("did not delete \"web-"), "{}", outcome.stdout);
            assert_eq!(emulator.certificates().len(), others.len() + 1);
        }
    }
}

#[test]
fn uploads_keep_to_the_configured_rate_and_to_throttling() {
    let times = |emulator: &Emulator| -> Vec<u64> {
        let of = |request: &Value| {
            let time = request["time"].as_str().unwrap();
            let digits = |range: std::ops::Range<usize>| time[range].parse::<u64>().unwrap();
            ((digits(11..13) * 60 + digits(14..16)) * 60 + digits(17..19)) * 1000 + digits(20..23)
        };
        emulator.requests().iter().map(of).collect()
    };
    let many = |emulator: &Emulator, settings: &[(&str, &str)]| {
        report(emulator.url(), settings, "web", &chain().chain, &chain().key).arg("12").succeed()
    };
    // At least ten pauses of 40 ms after the first response.
    let emulator = Emulator::start(&[]);
    many(&emulator, &[("CAS_RATE_LIMIT", "25")]);
    let at = times(&emulator);
    assert!(at.len() == 12 && (at[11] + 86_400_000 - at[0]) % 86_400_000 >= 10 * 40 - 5, "{at:?}");

    // After one throttling error, at most ten requests a second.
    let emulator = Emulator::start(&[]);
    emulator.fault(
        r#"{"action":"CreateUserCertificate","kind":"error","status":400,"code":"FlowControlError",
            "headers":{"x-acs-retry-after":"1"}}"#,
    );
    many(&emulator, &[]);
    let at = times(&emulator);
    assert!(at.len() == 13 && (at[12] + 86_400_000 - at[1]) % 86_400_000 >= 10 * 100 - 5, "{at:?}");

    // Uploads keep to the emulator's own limit without failing.
    let emulator = Emulator::start(&["--qps", "5"]);
    many(&emulator, &[]);
    assert_eq!(emulator.certificates().len(), 12);
}
