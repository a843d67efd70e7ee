//! The official SDKs as clients of the emulator, and as a check of the signatures of libcas.

mod table;
mod tools;

use std::fs;

use acceptance::program::report;
use acceptance::sm2_ca::Sm2Ca;
use acceptance::stub::Reply;
use acceptance::{Emulator, Program, Stub, artefact, chain, scratch, sdk_python, top};

fn python(script: &str) -> Program {
    Program::new(sdk_python()).arg("-B").arg(top().join("tests/fixtures/python").join(script))
}

#[test]
fn the_core_sdk_uploads_and_a_changed_byte_fails_the_signature() {
    let emulator = Emulator::start(&[]);
    let printed = python("upload.py").arg(emulator.url()).with_chain().succeed();
    assert_eq!(printed, "post: 10000000\nget: 10000001\nchanged: SignatureDoesNotMatch\n");
    let codes: Vec<_> = emulator.requests().iter().map(|request| request["code"].clone()).collect();
    assert_eq!(
        codes,
        [serde_json::Value::Null, serde_json::Value::Null, "SignatureDoesNotMatch".into()]
    );
    assert_eq!(emulator.certificates().len(), 2);
}

/// The output of a script for an emulator and a certificate.
fn printed(script: &str, emulator: &Emulator) -> String {
    python(script).arg(emulator.url()).with_chain().succeed()
}

/// Checks the output of a script of a newer SDK with both signatures: "v2" is HMAC-SHA1, the
/// default is ACS3.
fn assert_prints(script: &str, expected: &str) {
    assert_prints_with(&[], script, expected);
}

/// The same for an emulator with options.
fn assert_prints_with(options: &[&str], script: &str, expected: &str) {
    for (signature, kind) in [("v2", "hmac-sha1"), ("", "acs3")] {
        let emulator = Emulator::start(options);
        let program = python(script).arg(emulator.url()).with_chain();
        assert_eq!(program.arg(signature).succeed(), expected, "{kind}");
        let mut requests = emulator.requests();
        requests.retain(|request| request["action"] != "AssumeRoleWithOIDC"); // nobody signs it
        assert!(
            !requests.is_empty() && requests.iter().all(|request| request["signature"] == kind),
            "{kind}"
        );
    }
}

#[test]
fn the_core_sdk_finds_in_one_version_what_it_uploaded_in_the_other() {
    let emulator = Emulator::start(&[]);
    let expected = "\
uploaded: 10000000 10000001
listed by the first: 10000001 of the second, 10000000 of the first,
listed by the second: 10000001 of the second, 10000000 of the first,
shown: True True
shown: True True
deleted: done
deleted: done
again: NotFound
again: NotFound
";
    assert_eq!(printed("operations.py", &emulator), expected);
    assert!(emulator.certificates().is_empty());
}

#[test]
fn the_sdk_of_2018_07_13_understands_every_response() {
    let expected = "\
uploaded: 10000000
listed: 1 10000000 n 1+名 False
shown: n 1+名 demo.example False True True
deleted: 36
again: NotFound
";
    assert_prints("sdk_2018_07_13.py", expected);
}

#[test]
fn the_sdk_of_2020_04_07_understands_every_response() {
    let expected = "\
uploaded: 10000000 cas-upload-05yc1s
uploaded: 10000000 cas-upload-05yc1s
changed: IdempotentParameterMismatch 400
listed as None: 0
listed as UPLOAD: 1 10000000 n 1+名 ISSUED
shown: n 1+名 demo.example 10000000-cn-hangzhou 2 ('a', '1') ('b', '名')
with cert and key: True True
shown: n 1+名 demo.example 10000000-cn-hangzhou 2 ('a', '1') ('b', '名')
with cert and key: False False
deleted: 200
again: NotFound 400
";
    assert_prints("sdk_2020_04_07.py", expected);
}

#[test]
fn the_sdk_of_2020_04_07_deploys_and_rolls_back() {
    let expected = "\
resources: 2, 1 CDN demo.example False 0, 2 ALB *.demo.example False 0
products: 1, 2 ALB *.demo.example False 0 | 0
contacts: 1 1 emulator []
created: 1
refused: MissingCertIds 400
refused: NotFound 400
refused: InvalidResourceIds 400
detail: 1 job 名 editing ALB,CDN cas-job-user-000001
contact: 1 emulator@example.com
pending: 200 editing: 200 again: 200
processing: InvalidStatus 400 scheduling: 200
done: 1 1 after 3
late: InvalidStatus 400
workers: 2, 1 success CDN demo.example, 2 error ALB *.demo.example
failed: 1, 2 error ALB *.demo.example
resources: 1, 1 CDN demo.example True 1
retried: 200 2 0 after 4
products: ALB 1 CDN 1
rollback: 200 200
rolled back: 1 0 1
workers: 2, 1 rollback_success CDN demo.example, 2 success ALB *.demo.example
resources: 2, 1 CDN demo.example False 0, 2 ALB *.demo.example True 1
impossible: InvalidStatus 400 NotFound 400
jobs: 1 1 success 1 True
";
    let options = [
        "--cloud-resource",
        r#"[{"cloud_product":"CDN","domain":"demo.example"},
            {"cloud_product":"ALB","domain":"*.demo.example","instance_id":"alb-1"}]"#,
        "--fault",
        r#"{"kind":"worker-error","skip":1}"#,
    ];
    assert_prints_with(&options, "sdk_deployment.py", expected);
}

#[test]
fn the_sdk_of_2020_04_07_tags_moves_and_shows_certificates() {
    let expected = "\
tagged: 200
replaced: 200
too many: NumberExceed.Tags 400
reserved: InvalidTagKey 400
unknown: NotFound 400
listed: ['1 env=test', '1 名=值 +/=', '2 env=prod', '2 名=值 +/='] None
with env=prod: ['2 env=prod', '2 名=值 +/='] None
pages: 3 ['2 名=值 +/='] None
neither: MissingResourceId 400
without a key: 200 ['1 名=值 +/='] None
neither: MissingTagKey 400 MissingTagKey 400
without any: 200 [] None
moved: 200 [True] []
detail: True a issued
key: RSA 2048 True
names: ['demo.example', '127.0.0.1'] demo.example,127.0.0.1
chain: 2 demo.example
tags: env=prod
unknown: NotFound 400
not emulated: InvalidAction.NotFound 404
";
    assert_prints("sdk_tags.py", expected);
}

#[test]
fn the_sdk_of_sts_assumes_a_role_whose_key_uploads() {
    let expected = "\
assumed: acs:ram::1234567890123456:role/deployer/alice STS. Z
self: RAMUser 1000000000000001 acs:ram::1000000000000001:user/testid False
session: AssumedRoleUser 1234567890123456 acs:ram::1234567890123456:assumed-role/deployer/alice True
uploaded: True
wrong secret: SignatureDoesNotMatch
wrong token: InvalidSecurityToken.Malformed 400
no token: MissingSecurityToken 400
no role: MissingRoleArn 400
bad role: InvalidParameter.RoleArn 400
bad session: InvalidParameter.RoleSessionName 400
too short: InvalidParameter.DurationSeconds 400
oidc: acs:ram::1234567890123456:role/deployer/pod https://oidc.example AssumedRoleUser
oidc uploaded: True
expired: AuthenticationFail.OIDCToken.Expired 400
";
    assert_prints("sdk_sts.py", expected);
}

/// Prints the table: `cargo test -p acceptance --test compatibility table -- --nocapture`.
#[test]
fn every_client_calls_every_operation_in_the_table() {
    let resource = r#"{"cloud_product":"CDN","domain":"demo.example"}"#;
    let emulator = Emulator::start(&["--cloud-resource", resource]);
    let table = printed("sdk_table.py", &emulator);
    println!("{table}");
    let rows: Vec<_> = table.lines().skip(1).collect();
    for row in &rows {
        assert!(row.ends_with(" | ok | ok | ok | ok |"), "{row}");
    }
    // The operations that the emulator has, from its refusal of a fault.
    let unknown = ["--fault", r#"{"kind":"empty","action":"?"}"#];
    let refused = Program::new(artefact("cas-emulator")).args(unknown).run().stderr;
    let (_, known) = refused.trim_end().split_once("expected one of *, ").unwrap();
    let known: Vec<_> = known.split(", ").collect();
    assert!(known.len() > 20, "{known:?}");
    for action in known {
        let row = format!("| {action} ");
        assert!(rows.iter().any(|line| line.starts_with(&row)), "the table has no {action}");
    }
}

#[test]
fn the_sdk_and_libcas_upload_and_show_the_same_double_certificates() {
    let ca = Sm2Ca::new("sdk-sm2");
    let [sign, encrypt] = ["sign", "encrypt"].map(|name| ca.chain(&[name, "sub"]));
    let [sign_key, encrypt_key] = ["sign.key", "encrypt.key"].map(|name| ca.path(name));
    for signature in ["v2", ""] {
        let emulator = Emulator::start(&[]);
        let settings =
            [("CAS_SM2_ENCRYPTION_CERT", &*encrypt), ("CAS_SM2_ENCRYPTION_KEY", &*encrypt_key)];
        report(emulator.url(), &settings, "by libcas", &sign, &sign_key).succeed();
        let sdk = python("sdk_sm2.py").arg(emulator.url()).args([&sign, &sign_key]);
        let expected = "\
uploaded: 10000001
by the SDK SM2 gm.example True True True True False True
by the SDK SM2 gm.example False False False False False True
by libcas SM2 gm.example True True True True False True
by libcas SM2 gm.example False False False False False True
";
        assert_eq!(sdk.arg(signature).args([&encrypt, &encrypt_key]).succeed(), expected);
        // libcas finds what the SDK stored.
        let again = report(emulator.url(), &settings, "by the SDK", &sign, &sign_key).run();
        assert_eq!((again.field("outcome"), again.field("cert_id")), ("1", "10000001"));
    }
}

#[test]
fn the_core_sdk_reports_an_injected_error() {
    let emulator = Emulator::start(&[]);
    emulator.fault(
        r#"{"action":"DeleteUserCertificate","kind":"error","status":400,
            "code":"Throttling.User"}"#,
    );
    let said = printed("operations.py", &emulator);
    let ends = "deleted: Throttling.User\ndeleted: done\nagain: done\nagain: NotFound\n";
    assert!(said.ends_with(ends), "{said}");
    assert_eq!(emulator.faults()[0]["left"], 0);
    emulator.clear_faults();
    assert!(emulator.faults().is_empty());
}

/// Uploads under names that are hard to encode, with one signature, and returns the requests.
fn captured(signature: &str) -> Vec<acceptance::stub::Request> {
    let stub = Stub::start(vec![Reply::http("200 OK", "", r#"{"CertId":1}"#)]);
    let names = ["plain", "sp ace + plus", "*~!'()/=&%", "名称 ü"];
    for name in names {
        report(&stub.url(), &[("CAS_SIGNATURE", signature)], name, &chain().chain, &chain().key)
            .env("ALIBABA_CLOUD_SECURITY_TOKEN", "to+ken/==")
            .succeed();
    }
    let requests = stub.requests();
    assert_eq!(requests.len(), names.len());
    requests
}

#[test]
fn the_sdk_computes_the_signature_that_libcas_sent() {
    for (index, request) in captured("0").iter().enumerate() {
        let body = scratch("captured").join(format!("body-{index}"));
        fs::write(&body, &request.body).unwrap();
        assert_eq!(python("resign.py").arg(&body).arg("testsecret").succeed(), "equal\n");
    }
}

#[test]
fn the_sdk_computes_the_acs3_signature_that_libcas_sent() {
    for (index, request) in captured("1").iter().enumerate() {
        assert!(
            request.head.starts_with("POST / HTTP/1.1\r\n"),
            "nothing in the query: {}",
            request.head
        );
        let [head, body] =
            ["head", "body"].map(|part| scratch("acs3").join(format!("{part}-{index}")));
        fs::write(&head, &request.head).unwrap();
        fs::write(&body, &request.body).unwrap();
        let resign = python("resign_acs3.py").arg(&head).arg(&body);
        assert_eq!(resign.arg("testid").arg("testsecret").succeed(), "equal\n");
    }
}

/// The signature changes nothing else: uploads, lists and look-ups, with and without a token, in
/// both versions.
#[test]
fn acs3_requests_work_in_both_versions_with_and_without_a_token() {
    for (options, token) in
        [(&[][..], None), (&["--sts", "testid:testsecret:to+ken/=="], Some("to+ken/=="))]
    {
        for api in ["1", "2"] {
            let emulator = Emulator::start(options);
            let upload = |secret: &str| {
                let settings = [("CAS_SIGNATURE", "1"), ("CAS_API", api), ("CAS_ON_CONFLICT", "1")];
                let program =
                    report(emulator.url(), &settings, "web", &chain().chain, &chain().key);
                let program = program.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret);
                token
                    .iter()
                    .fold(program, |program, token| {
                        program.env("ALIBABA_CLOUD_SECURITY_TOKEN", token)
                    })
                    .run()
            };
            upload("testsecret").assert_fields(&[("status", "CAS_OK"), ("cert_id", "10000000")]);
            upload("testsecret").assert_fields(&[("status", "CAS_ERR_NAME_TAKEN")]);
            let wrong = upload("another");
            wrong.assert_fields(&[
                ("status", "CAS_ERR_SERVICE"),
                ("service_code", "SignatureDoesNotMatch"),
            ]);
            assert!(wrong.field("hint").contains("secret is wrong"), "{}", wrong.stdout);
            let requests = emulator.requests();
            assert!(
                requests.len() > 3 && requests.iter().all(|request| request["signature"] == "acs3")
            );
        }
    }
}
