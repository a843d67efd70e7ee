//! Assumed roles with the emulator as the Security Token Service: it issues temporary keys, and
//! accepts what it issued until it expires.

use acceptance::Emulator;
use acceptance::setups::{
    NO_METADATA, PROVIDER, ROLE, fails, session, signer, static_profile, upload, with_cli,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

fn role(arn: &str) -> Value {
    let role = json!({"mode": "RamRoleArn", "ram_role_arn": arn, "ram_session_name": "nightly"});
    static_profile(&role)
}

fn assumed(emulator: &Emulator) -> Vec<Value> {
    let requests = emulator.requests();
    requests.into_iter().filter(|request| request["action"] == "AssumeRole").collect()
}

#[test]
fn an_upload_is_signed_with_the_key_of_the_role() {
    for (signature, kind) in [("0", "hmac-sha1"), ("1", "acs3")] {
        let cloud = with_cli(&role(ROLE));
        let emulator = cloud.emulator();
        let sts = ("ALIBABA_CLOUD_STS_ENDPOINT", emulator.url());
        let outcome = upload(&cloud, &emulator, &[NO_METADATA, sts, ("CAS_SIGNATURE", signature)]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let assumed = assumed(&emulator);
        assert_eq!(assumed.len(), 1, "{kind}");
        let parameters = &assumed[0]["parameters"];
        assert_eq!(parameters["RoleArn"]["value"], ROLE);
        assert_eq!(parameters["AccessKeyId"]["value"], "staticid");
        assert_eq!(
            (&assumed[0]["version"], &assumed[0]["signature"]),
            (&"2015-04-01".into(), &kind.into())
        );
        assert!(signer(&emulator).starts_with("STS."), "{}", signer(&emulator));
        assert_eq!(emulator.certificates().len(), 1);
        assert_eq!(cloud.requests(), [Value::Null; 0], "nothing else is asked");
    }
}

#[test]
fn a_role_is_assumed_again_before_the_key_expires() {
    let cloud = with_cli(&role(ROLE));
    let emulator = cloud.emulator();
    let sts = ("ALIBABA_CLOUD_STS_ENDPOINT", emulator.url());
    let mut program = session(&cloud, &emulator, &[NO_METADATA, sts]);
    let mut stored = |times: usize, what: &str| {
        let (response, log) = program.ask("1");
        assert_eq!(
            (response.as_str(), assumed(&emulator).len()),
            ("stored", times),
            "{what} {log:?}"
        );
        signer(&emulator)
    };
    let first = stored(1, "the first");
    assert_eq!(stored(1, "kept"), first);
    cloud.advance(3600 - 1000);
    assert_eq!(stored(1, "not too early"), first);
    cloud.advance(200);
    let second = stored(2, "ahead of expiry");
    assert_ne!(second, first);

    emulator.fault(r#"{"action":"AssumeRole","kind":"error","times":100}"#);
    cloud.advance(3600 - 600);
    let (response, log) = program.ask("1");
    assert_eq!(response, "stored", "valid: {log:?}");
    assert_eq!(signer(&emulator), second);
    cloud.advance(700);
    let (response, _) = program.ask("1");
    assert!(response.starts_with("CAS_ERR_CREDENTIALS: "), "{response}");
    emulator.clear_faults();
    let (response, log) = program.ask("1");
    assert_eq!(response, "stored", "{log:?}");
    assert_ne!(signer(&emulator), second);
}

#[test]
fn a_refusal_of_the_emulator_is_reported() {
    let cloud = with_cli(&role("acs:ram::1234567890123456:user/uploader"));
    let emulator = cloud.emulator();
    let sts = ("ALIBABA_CLOUD_STS_ENDPOINT", emulator.url());
    let outcome = upload(&cloud, &emulator, &[NO_METADATA, sts]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("InvalidParameter.RoleArn"), "{message}");
    assert!(emulator.certificates().is_empty());
}

/// A token as an identity provider issues it.
fn oidc_token(seconds: u64) -> String {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"iss": "https://oidc.example", "sub": "system:serviceaccount:a:b",
                        "aud": "sts.aliyuncs.com", "iat": now, "exp": now - 300 + seconds});
    format!("{}.{}.c2ln\n", part(json!({"alg": "RS256"})), part(claims))
}

#[test]
fn a_token_of_an_identity_provider_is_enough() {
    for (signature, seconds) in [("0", 600), ("1", 600), ("0", 200)] {
        let cloud = with_cli(&static_profile(&json!({"mode": "AK"})));
        let emulator = cloud.emulator();
        let file = cloud.home().join("token");
        std::fs::write(&file, oidc_token(seconds)).unwrap();
        let variables = [
            NO_METADATA,
            ("ALIBABA_CLOUD_STS_ENDPOINT", emulator.url()),
            ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
            ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
            ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap()),
            ("CAS_SIGNATURE", signature),
        ];
        let outcome = upload(&cloud, &emulator, &variables);
        if seconds < 300 {
            // The chain goes on.
            assert_eq!(emulator.requests()[0]["code"], "AuthenticationFail.OIDCToken.Expired");
            assert_eq!(signer(&emulator), "staticid");
            continue;
        }
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let asked = &emulator.requests()[0];
        assert_eq!(
            (&asked["action"], &asked["signature"]),
            (&"AssumeRoleWithOIDC".into(), &Value::Null)
        );
        assert!(asked["parameters"]["OIDCToken"]["value"]["sha256"].is_string());
        assert!(signer(&emulator).starts_with("STS."), "{}", signer(&emulator));
    }
}
