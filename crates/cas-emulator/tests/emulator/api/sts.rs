//! The Security Token Service: sessions, and what they are good for.

use cas_emulator::Emulator;
use serde_json::Value;

use crate::certificates::certificate;
use crate::client::{Call, Response};

const ROLE: &str = "acs:ram::1234567890123456:role/deployer";

fn call(action: &str) -> Call {
    Call::v2018(action).set("Version", "2015-04-01")
}

fn assume_role() -> Call {
    call("AssumeRole").set("RoleArn", ROLE).set("RoleSessionName", "alice")
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// `call`, signed by the temporary key of a response of `AssumeRole`.
fn signed_by(call: Call, assumed: &Response) -> Call {
    let credentials = &assumed.json()["Credentials"];
    call.set("AccessKeyId", text(credentials, "AccessKeyId"))
        .set("SecurityToken", text(credentials, "SecurityToken"))
        .secret(text(credentials, "AccessKeySecret"))
}

#[test]
fn a_session_uploads_and_says_who_it_is() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let assumed = assume_role().send(port);
    assert_eq!(assumed.status, 200, "{}", assumed.body);
    let user = &assumed.json()["AssumedRoleUser"];
    assert_eq!(text(user, "Arn"), format!("{ROLE}/alice"));
    assert!(text(user, "AssumedRoleId").ends_with(":alice"));

    let upload = signed_by(Call::upload("n", &cert, &key), &assumed);
    assert_eq!(upload.clone().send(port).status, 200);
    let wrong = upload.clone().set("SignatureNonce", "2").secret("testsecret");
    assert_eq!(wrong.send(port).code(), "SignatureDoesNotMatch");
    let without = upload.set("SignatureNonce", "3").without("SecurityToken");
    assert_eq!(without.send(port).code(), "MissingSecurityToken");

    let identity = signed_by(call("GetCallerIdentity"), &assumed).send(port).json();
    assert_eq!(text(&identity, "IdentityType"), "AssumedRoleUser");
    assert_eq!(text(&identity, "AccountId"), "1234567890123456");
    let arn = "acs:ram::1234567890123456:assumed-role/deployer/alice";
    assert_eq!(text(&identity, "Arn"), arn);
    assert_eq!(text(&identity, "PrincipalId"), text(user, "AssumedRoleId"));
    assert!(identity.get("UserId").is_none());

    let identity = call("GetCallerIdentity").send(port).json();
    assert_eq!(text(&identity, "IdentityType"), "RAMUser");
    assert_eq!(text(&identity, "Arn"), "acs:ram::1000000000000001:user/testid");
    assert_eq!(text(&identity, "UserId"), text(&identity, "PrincipalId"));
    assert!(identity.get("RoleId").is_none());
}

#[test]
fn a_session_can_assume_another_role_and_derives_from_the_same_access_key() {
    let emulator = Emulator::start().unwrap();
    let first = assume_role().send(emulator.port());
    let second = signed_by(assume_role(), &first).set("RoleArn", "acs:ram::77:role/path/other");
    let second = second.send(emulator.port());
    assert_eq!(second.status, 200, "{}", second.body);
    let identity = signed_by(call("GetCallerIdentity"), &second).send(emulator.port()).json();
    assert_eq!(text(&identity, "Arn"), "acs:ram::77:assumed-role/path/other/alice");
    assert_eq!(text(&identity, "AccountId"), "77");
}

/// The tolerance of timestamps lets one request reach two emulators whose clocks differ by more
/// than the life of a session.
#[test]
fn a_session_ends_and_survives_a_restart_before_that() {
    let start = |offset| Emulator::builder().clock_offset(offset).start().unwrap();
    let assumed = assume_role().set("DurationSeconds", "900").send(start(-800).port());
    let code = |offset: i64, nonce: &str| {
        let call = signed_by(call("GetCallerIdentity"), &assumed).set("SignatureNonce", nonce);
        let response = call.send(start(offset).port());
        response.json()["Code"].as_str().map(str::to_owned)
    };
    assert_eq!(code(0, "1"), None);
    assert_eq!(code(800, "2").as_deref(), Some("InvalidSecurityToken.Expired"));
    let other = Emulator::builder().access_key("testid", "another").start().unwrap();
    let refused = signed_by(call("GetCallerIdentity"), &assumed).send(other.port());
    assert_eq!(refused.code(), "InvalidSecurityToken.Malformed");
}

#[test]
fn tokens_and_ids_of_two_sessions_cannot_be_mixed() {
    let emulator = Emulator::start().unwrap();
    let (first, second) =
        (assume_role().send(emulator.port()), assume_role().send(emulator.port()));
    assert_ne!(first.json()["Credentials"], second.json()["Credentials"]);
    let credentials = second.json()["Credentials"].clone();
    let mixed = signed_by(call("GetCallerIdentity"), &first)
        .set("SecurityToken", text(&credentials, "SecurityToken"));
    let code = mixed.send(emulator.port()).code();
    assert_eq!(code, "InvalidSecurityToken.MismatchWithAccessKey");
}

#[test]
fn invalid_parameters_are_refused_by_name() {
    let emulator = Emulator::start().unwrap();
    let cases = [
        (assume_role().without("RoleArn"), "MissingRoleArn"),
        (assume_role().without("RoleSessionName"), "MissingRoleSessionName"),
        (assume_role().set("RoleArn", "acs:ram::1:user/a"), "InvalidParameter.RoleArn"),
        (assume_role().set("RoleArn", "acs:ram::1****:role/a"), "InvalidParameter.RoleArn"),
        (assume_role().set("RoleArn", "acs:ram::1:role/"), "InvalidParameter.RoleArn"),
        (assume_role().set("RoleSessionName", "a"), "InvalidParameter.RoleSessionName"),
        (assume_role().set("RoleSessionName", "a b"), "InvalidParameter.RoleSessionName"),
        (assume_role().set("RoleSessionName", &"a".repeat(65)), "InvalidParameter.RoleSessionName"),
        (assume_role().set("DurationSeconds", "899"), "InvalidParameter.DurationSeconds"),
        (assume_role().set("DurationSeconds", "43201"), "InvalidParameter.DurationSeconds"),
        (assume_role().set("DurationSeconds", "1h"), "InvalidParameter.DurationSeconds"),
        (assume_role().set("Policy", "[]"), "InvalidParameter.PolicyGrammar"),
        (assume_role().set("ExternalId", "a"), "InvalidParameter.ExternalId"),
        (call("CreateUserCertificate"), "InvalidAction.NotFound"),
        (Call::v2020("AssumeRole"), "InvalidAction.NotFound"),
    ];
    for (case, (call, code)) in cases.into_iter().enumerate() {
        let response = call.send(emulator.port());
        assert_eq!(response.code(), code, "case {case}");
        assert!(!response.json()["Message"].as_str().unwrap().is_empty());
    }
    let host = assume_role().without("RoleArn").send(emulator.port()).json()["HostId"].clone();
    assert_eq!(host, "sts.aliyuncs.com");
    let allowed = assume_role()
        .set("Policy", r#"{"Version":"1","Statement":[]}"#)
        .set("ExternalId", "a=b")
        .set("DurationSeconds", "43200");
    assert_eq!(allowed.send(emulator.port()).status, 200);
    let xml = assume_role().set("Format", "XML").send(emulator.port()).body;
    assert!(xml.contains("<AssumeRoleResponse>") && xml.contains("<Credentials><AccessKeyId>STS."));
}

/// What identifies a session is not in the record of requests.
#[test]
fn the_record_of_requests_has_no_secret_of_a_session() {
    let emulator = Emulator::start().unwrap();
    let assumed = assume_role().send(emulator.port());
    signed_by(call("GetCallerIdentity"), &assumed).send(emulator.port());
    let record = format!("{:?}", emulator.requests());
    let credentials = &assumed.json()["Credentials"];
    assert!(record.contains(text(credentials, "AccessKeyId")));
    for name in ["AccessKeySecret", "SecurityToken"] {
        assert!(!record.contains(text(credentials, name)), "{name}");
    }
}
