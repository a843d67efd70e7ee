//! Access keys from every credential source, issued by a fake cloud. The official packages must
//! find the same keys.

use acceptance::setups::{
    Case, ID, NO_METADATA, ROLE, SECRET, case, cases, fails, for_each, signer, static_profile,
    upload, with_cli,
};
use acceptance::stub::Reply;
use acceptance::{FakeCloud, Official, Stub};
use serde_json::{Value, json};

fn check(case: &Case) {
    let host = case.host();
    let outcome = host.upload(&[]);
    assert_eq!(outcome.field("status"), "CAS_OK", "{}: {}", case.name, outcome.stdout);
    assert_eq!(signer(&host.emulator), case.key, "{}", case.name);
    assert_eq!(outcome.field("cert_id"), "10000000", "{}", case.name);

    for official in [Official::Python, Official::Node] {
        let found = case.host().resolve(official);
        let (expected, reason) = case.expected(official);
        let found = found.field("access_key_id");
        assert_eq!(found, expected, "{}, {official:?}: {reason}", case.name);
    }
}

#[test]
fn every_source_yields_the_key_that_the_official_packages_find() {
    for_each(&cases(), check);
}

/// Each credential service fails in each way.
#[test]
fn the_failure_of_each_credential_service_is_reported_with_a_hint() {
    let response = |status: u16, body: Value| json!({"status": status, "body": body.to_string()});
    let unavailable =
        response(503, json!({"Code": "ServiceUnavailable", "Message": "canary-echo"}));
    let echo = |field: &str, secret: &str| response(400, json!({field: secret}));
    let garbage = json!({"garbage": "<html><title>canary</title>canary</html>"});
    let page = json!({"garbage": "<html><title>Sign in</title>canary</html>"});
    let without_id = json!({"garbage": "{\"Code\":\"Success\",\"AccessKeySecret\":\"canary-x\"}"});
    let hang = json!({"hang": true});
    let close = json!({"close": true});
    let failures = [
        (
            "instance role by name",
            "ecs-token",
            &hang,
            "100.100.100.200 requires a token but returned none",
            "1",
        ),
        (
            "instance role by name",
            "ecs",
            &unavailable,
            "100.100.100.200 refused the request: ServiceUnavailable (HTTP 503)",
            "1",
        ),
        (
            "instance role by name",
            "ecs",
            &garbage,
            "unrecognized response from 100.100.100.200",
            "0",
        ),
        (
            "instance role by name",
            "ecs",
            &without_id,
            "Expiration is missing in the response of",
            "0",
        ),
        (
            "instance role",
            "ecs-role",
            &json!({"status": 404, "body": ""}),
            "this instance has no RAM role",
            "0",
        ),
        ("URI", "uri", &unavailable, "127.0.0.1:", "1"),
        ("URI", "uri", &close, "the connection to 127.0.0.1:", "1"),
        ("URI", "uri", &garbage, "unrecognized response from 127.0.0.1:", "0"),
        (
            "CloudSSO",
            "sso",
            &echo("Code", "canary-sso-access"),
            "refused the request (HTTP 400)",
            "0",
        ),
        (
            "OAuth",
            "oauth-exchange",
            &echo("error", "canary-oauth-access-0"),
            "refused the request (HTTP 400)",
            "0",
        ),
        (
            "OAuth, tokens to be refreshed",
            "oauth-token",
            &echo("error", "canary-oauth-refresh-0 is unknown"),
            "refused the request (HTTP 400)",
            "0",
        ),
        ("URI", "uri", &without_id, "Expiration is missing in the response of", "0"),
        ("RamRoleArn", "sts", &unavailable, "sts.aliyuncs.com refused AssumeRole for", "1"),
        ("RamRoleArn", "sts", &page, "invalid response from sts.aliyuncs.com", "0"),
        ("RamRoleArn", "sts", &hang, "AssumeRole for", "1"),
        ("OIDC", "oidc", &unavailable, "sts.aliyuncs.com refused AssumeRoleWithOIDC for", "1"),
        (
            "CloudSSO",
            "sso",
            &unavailable,
            "signin.example.alibabacloudsso.com refused the request",
            "1",
        ),
        (
            "CloudSSO",
            "sso",
            &json!({"status": 401, "body": "{}"}),
            "no longer accepts the CloudSSO sign-in (HTTP 401)",
            "0",
        ),
        ("OAuth", "oauth-exchange", &unavailable, "oauth.aliyun.com refused the request", "1"),
        (
            "OAuth, tokens to be refreshed",
            "oauth-token",
            &json!({"status": 400, "body": "{\"error\":\"invalid_grant\"}"}),
            "oauth.aliyun.com refused the request: invalid_grant (HTTP 400)",
            "0",
        ),
        (
            "OAuth, tokens to be refreshed",
            "oauth-token",
            &garbage,
            "unrecognized response from oauth.aliyun.com",
            "0",
        ),
    ];
    for_each(&failures, |(name, broken, what, words, retryable)| {
        let host = case(name).host();
        host.cloud.set(&json!({"broken": {*broken: what}}));
        // A service that hangs is given half of this, and asked again for a quarter of the rest.
        let mut settings = vec![("CAS_TIMEOUT_MS", "8000")];
        if !name.starts_with("instance") {
            settings.push(NO_METADATA);
        }
        let outcome = host.upload(&settings);
        let (message, hint) = fails(&outcome);
        let shown = format!("{name} {broken} {what}: {message}");
        assert!(message.contains(words), "{shown}");
        assert!(hint.len() > 20, "{hint}");
        assert_eq!(outcome.field("retryable"), *retryable, "{shown}");
        assert!(host.emulator.requests().is_empty());
    });
}

#[test]
fn a_source_that_fails_for_a_moment_is_asked_again_and_not_replaced() {
    let unavailable = json!({"status": 503, "body": "{\"Code\":\"ServiceUnavailable\"}"});
    // Behind each of these, there is the role of the instance.
    for (name, service) in [("RamRoleArn", "sts"), ("OIDC", "oidc"), ("CloudSSO", "sso")] {
        let host = case(name).host();
        let mut once = unavailable.clone();
        once["times"] = json!(3);
        host.cloud.set(&json!({"broken": {service: once}}));
        host.upload(&[]).assert_fields(&[("status", "CAS_OK")]);
        assert_eq!(signer(&host.emulator), format!("STS.{service}-1"));

        let host = case(name).host();
        host.cloud.set(&json!({"broken": {service: unavailable}}));
        let outcome = host.upload(&[("CAS_TIMEOUT_MS", "4000")]);
        assert!(fails(&outcome).0.contains("ServiceUnavailable"), "{}", outcome.stdout);
        assert_eq!(outcome.field("retryable"), "1");
        assert!(host.cloud.requests().iter().all(|request| request["service"] == service));
    }
    // A role of the instance that no one has named may be replaced.
    let host = case("instance role before URI").host();
    host.cloud.set(&json!({"broken": {"ecs-role": unavailable}}));
    host.upload(&[]).assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(signer(&host.emulator), "STS.uri-1");
}

#[test]
fn a_profile_of_the_environment_must_exist() {
    let cloud = with_cli(&static_profile(&json!({})));
    let missing = ("ALIBABA_CLOUD_PROFILE", "missing");
    let outcome = upload(&cloud, &cloud.emulator(), &[missing]);
    let (message, hint) = fails(&outcome);
    let clause = "ALIBABA_CLOUD_PROFILE: no file has a usable profile \"missing\"";
    assert!(message.contains(clause), "{message}");
    assert!(hint.contains("Set ALIBABA_CLOUD_PROFILE to a profile"), "{hint}");
    assert!(cloud.requests().is_empty());
    // Sources before the files count as ever.
    let emulator = cloud.emulator();
    let key = [missing, (ID, "staticid"), (SECRET, "canary-secret-static")];
    upload(&cloud, &emulator, &key).assert_fields(&[("status", "CAS_OK")]);
}

#[test]
fn disabled_and_incomplete_sources_are_reported() {
    let cloud = with_cli(&static_profile(&json!({})));
    let emulator = cloud.emulator();
    let off = ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    let half = ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/nonexistent");
    let outcome = upload(&cloud, &emulator, &[NO_METADATA, off, half]);
    let (message, hint) = fails(&outcome);
    for part in [
        ".aliyun/config.json: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is set",
        "the instance RAM role: ALIBABA_CLOUD_ECS_METADATA_DISABLED is set",
        "OIDC: ALIBABA_CLOUD_OIDC_TOKEN_FILE requires ALIBABA_CLOUD_ROLE_ARN and \
         ALIBABA_CLOUD_OIDC_PROVIDER_ARN, which must be set too",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(hint.contains("Correct the configuration of the source that failed"), "{hint}");
    let elsewhere = ("ALIBABA_CLOUD_CONFIG_FILE", "~/config.json");
    let outcome = upload(&cloud, &emulator, &[NO_METADATA, elsewhere]);
    let (message, _) = fails(&outcome);
    assert!(
        message.contains("file not found, although ALIBABA_CLOUD_CONFIG_FILE names it"),
        "{message}"
    );
    let outcome =
        upload(&cloud, &emulator, &[("HOME", ""), NO_METADATA, ("CAS_PROFILE", "missing")]);
    assert!(fails(&outcome).1.contains("Set a profile that exists"), "{}", outcome.stdout);
    let mode = with_cli(&json!({"mode": "ak"}));
    let outcome = upload(&mode, &emulator, &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(
        message.contains("libcas does not support the mode \"ak\"")
            && hint.contains("AK, StsToken"),
        "{hint}"
    );
}

#[test]
fn secrets_in_the_wrong_place_are_not_shown() {
    let cloud = FakeCloud::start();
    let emulator = cloud.emulator();
    let secret = "canary0secret0of0thirty0letters";
    let outcome = upload(&cloud, &emulator, &[(ID, secret), (SECRET, "LTAI5tSomething")]);
    outcome.assert_fields(&[("service_code", "InvalidAccessKeyId.NotFound")]);
    let hint = outcome.field("hint");
    assert!(
        hint.contains("are ID and secret swapped?") && hint.contains("comes from the environment"),
        "{hint}"
    );
    for (name, value) in [
        ("ALIBABA_CLOUD_CONFIG_FILE", "{\"access_key_secret\": \"canary\"}"),
        ("ALIBABA_CLOUD_CREDENTIALS_FILE", "[default]\naccess_key_secret = canary"),
    ] {
        fails(&upload(&cloud, &emulator, &[NO_METADATA, (name, value)]));
    }
    let mode = with_cli(&json!({"mode": "canary0secret0of0thirty0letters"}));
    fails(&upload(&mode, &emulator, &[NO_METADATA]));
    // Invalid output of a command does not lead to another source.
    let print = "printf '{\"access_key_id\": \"a b\", \"access_key_secret\": \"canary\"}'";
    let external = with_cli(&json!({"mode": "External", "process_command": print}));
    let outcome = upload(&external, &emulator, &[]);
    assert!(
        fails(&outcome).0.contains("process_command printed an invalid access key"),
        "{}",
        outcome.stdout
    );
    assert!(external.requests().is_empty());
}

#[test]
fn errors_of_sts_are_reported_with_their_code() {
    for (role, words, advice) in [
        ("acs:ram::1234567890123456:role/gone", "EntityNotExist.Role", "Check the role's ARN"),
        (
            "acs:ram::1234567890123456:role/forbidden",
            "does not have the RAM permission sts:AssumeRole",
            "Grant sts:AssumeRole",
        ),
        ("nonsense", "sts.aliyuncs.com refused AssumeRole for \"nonsense\"", ""),
    ] {
        let cloud = with_cli(&static_profile(&json!({"mode": "RamRoleArn", "ram_role_arn": role})));
        let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words) && hint.contains(advice), "{message}\n{hint}");
    }
    let wrong_secret =
        with_cli(&static_profile(&json!({"mode": "RamRoleArn", "ram_role_arn": ROLE,
            "access_key_secret": "canary-wrong"})));
    let outcome = upload(&wrong_secret, &wrong_secret.emulator(), &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(
        message.contains("SignatureDoesNotMatch") && hint.contains("secret is wrong"),
        "{message}\n{hint}"
    );
}

#[test]
fn without_configuration_the_error_lists_every_source_in_order() {
    let cloud = FakeCloud::start();
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[NO_METADATA]);
    let (message, _) = fails(&outcome);
    let home = cloud.home().to_str().unwrap();
    let mut rest = message;
    for part in [
        "the environment: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are \
         not set; "
            .to_owned(),
        "OIDC: ".to_owned(),
        format!("\"{home}/.aliyun/config.json\": file not found; "),
        format!("\"{home}/.alibabacloud/credentials\": file not found; "),
        format!("\"{home}/.alibabacloud/credentials.ini\": file not found; "),
        "the credentials URI: ALIBABA_CLOUD_CREDENTIALS_URI is not set.".to_owned(),
    ] {
        let at = rest.find(&part).unwrap_or_else(|| panic!("{part} is missing in {message}"));
        rest = &rest[at..];
    }
    // A source that is not configured causes no warning.
    assert!(!outcome.stdout.contains("log=2"), "{}", outcome.stdout);
    assert_eq!(outcome.field("retryable"), "0");
}

#[test]
fn a_configured_profile_is_the_only_source() {
    let key = static_profile(&json!({}));
    let cloud = with_cli(&key);
    cloud.write(
        ".alibabacloud/credentials",
        "[ini]\ntype=access_key\naccess_key_id=staticid\naccess_key_secret=canary-secret-static\n",
    );
    let emulator = cloud.emulator();
    let other = [
        (ID, "STS.ecs-9"),
        (SECRET, "canary-secret-ecs-9"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-token-ecs-9"),
        ("ALIBABA_CLOUD_PROFILE", "default"),
    ];
    for profile in ["work", "base", "ini"] {
        let outcome =
            upload(&cloud, &emulator, &[&other[..], &[("CAS_PROFILE", profile)]].concat());
        outcome.assert_fields(&[("status", "CAS_OK")]);
        assert_eq!(signer(&emulator), "staticid", "{profile}");
    }
    let outcome = upload(&cloud, &emulator, &[&other[..], &[("CAS_PROFILE", "missing")]].concat());
    let (message, _) = fails(&outcome);
    assert!(
        message.contains("profile \"missing\" not found") && !message.contains("environment"),
        "{message}"
    );
    assert!(cloud.requests().is_empty());
}

#[test]
fn sts_requests_are_posts_with_form_parameters_and_the_configured_signature() {
    for (signature, authorization) in [("0", false), ("1", true)] {
        for (name, endpoint) in [
            ("RamRoleArn", "sts.aliyuncs.com"),
            ("RamRoleArn in a VPC", "sts-vpc.cn-shanghai.aliyuncs.com"),
            ("OIDC in a region", "sts.cn-beijing.aliyuncs.com"),
        ] {
            let case = case(name);
            let host = case.host();
            let outcome = host.upload(&[("CAS_SIGNATURE", signature)]);
            outcome.assert_fields(&[("status", "CAS_OK")]);
            let requests = host.cloud.requests();
            let [request] = requests.as_slice() else { panic!("{requests:?}") };
            let text = |name: &str| request[name].as_str().unwrap().to_owned();
            assert_eq!(
                (text("method"), text("host"), text("path")),
                ("POST".to_owned(), endpoint.to_owned(), "/".to_owned())
            );
            let is_oidc = case.name.starts_with("OIDC");
            assert_eq!(
                request["headers"]["authorization"].is_string(),
                authorization && !is_oidc,
                "{request}"
            );
            assert_eq!(request["params"]["RoleArn"], ROLE);
            match case.name {
                "RamRoleArn" => {
                    assert_eq!(request["params"]["RoleSessionName"], "nightly");
                    assert_eq!(request["params"]["DurationSeconds"], "900");
                }
                "RamRoleArn in a VPC" => assert_eq!(request["params"]["ExternalId"], "partner"),
                _ => assert!(
                    request["params"]["RoleSessionName"].as_str().unwrap().starts_with("libcas-")
                ),
            }
        }
    }
}

#[test]
fn sts_is_called_at_the_endpoint_that_is_configured() {
    let profile = json!({"mode": "RamRoleArn", "ram_role_arn": ROLE, "sts_region": "cn-beijing"});
    let mut named = profile.clone();
    named["sts_endpoint"] = json!("sts.eu-central-1.aliyuncs.com");
    let variable = ("ALIBABA_CLOUD_STS_ENDPOINT", "sts-vpc.cn-shanghai.aliyuncs.com");
    for (profile, variables, endpoint) in [
        (&profile, &[][..], "sts.cn-beijing.aliyuncs.com"),
        (&profile, &[variable], variable.1),
        (&named, &[variable], "sts.eu-central-1.aliyuncs.com"),
    ] {
        let cloud = with_cli(&static_profile(profile));
        upload(&cloud, &cloud.emulator(), variables).assert_fields(&[("status", "CAS_OK")]);
        assert_eq!(cloud.requests()[0]["host"], endpoint);
    }
    let plain = ("ALIBABA_CLOUD_STS_ENDPOINT", "http://sts.cn-shanghai.aliyuncs.com");
    let cloud = with_cli(&static_profile(&profile));
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, plain]);
    assert!(fails(&outcome).0.contains("invalid sts_endpoint or"), "{}", outcome.stdout);
    assert!(cloud.requests().is_empty());
}

#[test]
fn without_configuration_the_hint_names_older_variables() {
    let cloud = FakeCloud::start();
    let old =
        [("ALICLOUD_ACCESS_KEY", "canary-id"), ("ALIBABACLOUD_ACCESS_KEY_SECRET", "canary-s")];
    let outcome = upload(&cloud, &cloud.emulator(), &[&old[..], &[NO_METADATA]].concat());
    let (_, hint) = fails(&outcome);
    let names = "does not read ALICLOUD_ACCESS_KEY and ALIBABACLOUD_ACCESS_KEY_SECRET";
    assert!(hint.contains(names) && hint.contains("set ALIBABA_CLOUD_ACCESS_KEY_ID"), "{hint}");
}

#[test]
fn metadata_requests_use_a_token_unless_the_service_has_none() {
    let cloud = FakeCloud::start();
    let emulator = cloud.emulator();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    let seen = |cloud: &FakeCloud| -> Vec<String> {
        let shown = |request: &Value| {
            format!("{} {}", request["method"].as_str().unwrap(), request["path"].as_str().unwrap())
        };
        cloud.requests().iter().map(shown).collect()
    };
    let (token, roles) =
        ("PUT /latest/api/token", "GET /latest/meta-data/ram/security-credentials/");
    assert_eq!(seen(&cloud), [token, roles, token, &format!("{roles}web-role")]);

    // The service has no tokens and requires none.
    let old = FakeCloud::start();
    old.set(&json!({"v1": true, "broken": {"ecs-token": {"status": 404, "body": ""}}}));
    upload(&old, &old.emulator(), &[]).assert_fields(&[("status", "CAS_OK")]);
    let outcome = upload(&old, &old.emulator(), &[("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("returned no token (HTTP 404)"), "{message}");

    // In a container, the response to the token request may get lost.
    old.set(&json!({"broken": {"ecs-token": {"hang": true}}}));
    upload(&old, &old.emulator(), &[]).assert_fields(&[("status", "CAS_OK")]);
    // A switch for the chain also applies to profiles.
    let profile = with_cli(&json!({"mode": "EcsRamRole"}));
    let outcome = upload(&profile, &profile.emulator(), &[NO_METADATA]);
    assert!(
        fails(&outcome).0.contains("ALIBABA_CLOUD_ECS_METADATA_DISABLED is set"),
        "{}",
        outcome.stdout
    );
    assert!(profile.requests().is_empty());

    // The metadata service is never reached through a proxy.
    let nowhere = "http://127.0.0.1:1";
    for proxy in [("HTTP_PROXY", nowhere), ("ALL_PROXY", nowhere)] {
        upload(&cloud, &emulator, &[proxy]).assert_fields(&[("status", "CAS_OK")]);
    }
}

#[test]
fn credential_services_are_reached_through_the_proxy() {
    let host = case("RamRoleArn").host();
    let stub = Stub::start(vec![
        Reply::http("403 Forbidden", "", ""),
        Reply::http("403 Forbidden", "", ""),
    ]);
    let outcome = host.upload(&[NO_METADATA, ("HTTPS_PROXY", &stub.url())]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("failed to connect to sts.aliyuncs.com:443"), "{message}");
    assert!(
        stub.requests()[0].head.starts_with("CONNECT sts.aliyuncs.com:443 "),
        "{}",
        stub.requests()[0].head
    );
    assert!(host.cloud.requests().is_empty());
}

#[test]
fn a_credentials_uri_in_plaintext_on_another_machine_must_be_allowed() {
    const REMOTE: &str = "http://helper.example/credentials";
    let by_variable = (FakeCloud::start(), ("ALIBABA_CLOUD_CREDENTIALS_URI", REMOTE));
    let by_profile = with_cli(&json!({"mode": "CredentialsURI", "credentials_uri": REMOTE}));
    for (cloud, source) in [by_variable, (by_profile, ("CAS_PROFILE", "work"))] {
        let emulator = cloud.emulator();
        let outcome = upload(&cloud, &emulator, &[NO_METADATA, source]);
        let (message, hint) = fails(&outcome);
        let expected = "plain HTTP to helper.example would expose the access key to the network";
        assert!(message.contains(expected), "{message}");
        assert!(hint.contains("cas_config_set_allow_plaintext"), "{hint}");
        assert!(cloud.requests().is_empty());

        let allowed = [NO_METADATA, source, ("CAS_ALLOW_PLAINTEXT", "1")];
        upload(&cloud, &emulator, &allowed).assert_fields(&[("status", "CAS_OK")]);
    }
}
