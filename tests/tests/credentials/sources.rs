//! Access keys from every source, set up as users do, with a cloud on this machine that gives them
//! out; and the official package beside it, which has to find the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use acceptance::setups::{
    CLI, Case, ID, NO_METADATA, ROLE, SECRET, cases, fails, for_each, signer, upload, with_cli,
};
use acceptance::stub::Reply;
use acceptance::{Cloud, Stub, chain, compile, scratch};
use serde_json::{Value, json};

fn check(case: &Case) {
    let cloud = case.cloud();
    let emulator = cloud.emulator();
    let settings = case.settings(&cloud);
    let borrowed =
        |settings: &[(&'static str, String)]| -> Vec<(&'static str, String)> { settings.to_vec() };
    let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let outcome = upload(&cloud, &emulator, &as_text);
    assert_eq!(outcome.field("status"), "CAS_OK", "{}: {}", case.name, outcome.stdout);
    assert_eq!(signer(&emulator), case.key, "{}", case.name);
    assert_eq!(outcome.field("cert_id"), "1", "{}", case.name);

    let another = case.cloud();
    let settings = borrowed(&case.settings(&another));
    let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let official = another.resolve(&as_text);
    let (expected, reason) = case.official.unwrap_or((case.key, "the same"));
    assert_eq!(official.field("access_key_id"), expected, "{}: {reason}", case.name);
}

#[test]
fn every_source_serves_an_upload_and_the_official_package_finds_the_same() {
    for_each(&cases(), check);
}

/// What goes wrong in one part, and what is said then.
#[test]
fn the_failure_of_each_part_says_what_happened_and_what_to_do() {
    let unavailable = json!({"status": 503, "body": "{\"Code\":\"ServiceUnavailable\",\"Message\":\"canary-echo\"}"});
    let echo = |field: &str, secret: &str| json!({"status": 400, "body": json!({field: secret}).to_string()});
    let garbage = json!({"garbage": "<html><title>canary</title>canary</html>"});
    let page = json!({"garbage": "<html><title>Sign in</title>canary</html>"});
    let without_id = json!({"garbage": "{\"Code\":\"Success\",\"AccessKeySecret\":\"canary-x\"}"});
    let hang = json!({"hang": true});
    let close = json!({"close": true});
    let of = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    for (case, broken, what, words, retryable) in [
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
        ("URI", "uri", &close, "broke", "1"),
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
        ("RamRoleArn", "sts", &unavailable, "sts.aliyuncs.com refused AssumeRole of", "1"),
        ("RamRoleArn", "sts", &page, "sts.aliyuncs.com gave no API answer", "0"),
        ("RamRoleArn", "sts", &hang, "AssumeRole of", "1"),
        ("OIDC", "oidc", &unavailable, "sts.aliyuncs.com refused AssumeRoleWithOIDC of", "1"),
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
    ] {
        let case = of(case);
        let cloud = case.cloud();
        let emulator = cloud.emulator();
        cloud.set(&json!({"broken": {broken: what}}));
        let mut settings = case.settings(&cloud);
        if !case.name.starts_with("instance") {
            settings.push((NO_METADATA.0, NO_METADATA.1.to_owned()));
        }
        // Nobody waits for what hangs.
        let timeout = if what.get("hang").is_some() { "4000" } else { "60000" };
        settings.push(("CAS_TIMEOUT_MS", timeout.to_owned()));
        let as_text: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let outcome = upload(&cloud, &emulator, &as_text);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words), "{} {broken} {what}: {message}", case.name);
        assert!(hint.len() > 20, "{hint}");
        assert_eq!(
            outcome.field("retryable"),
            retryable,
            "{} {broken} {what}: {message}",
            case.name
        );
        assert!(emulator.requests().is_empty());
    }
}

#[test]
fn what_is_turned_off_or_half_set_up_is_said() {
    let cloud = with_cli(
        &json!({"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"}),
    );
    let emulator = cloud.emulator();
    let off = ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    let half = ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/nonexistent");
    let outcome = upload(&cloud, &emulator, &[NO_METADATA, off, half]);
    let (message, hint) = fails(&outcome);
    for part in [
        ".aliyun/config.json: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is set",
        "the instance RAM role: ALIBABA_CLOUD_ECS_METADATA_DISABLED is set",
        "OIDC: ALIBABA_CLOUD_OIDC_TOKEN_FILE requires ALIBABA_CLOUD_ROLE_ARN and ALIBABA_CLOUD_OIDC_PROVIDER_ARN, which must be set too",
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
        upload(&cloud, &emulator, &[("HOME", ""), NO_METADATA, ("CAS_PROFILE", "nobody")]);
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
fn what_stands_in_the_wrong_place_is_not_shown() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let secret = "canary0secret0of0thirty0letters";
    let outcome = upload(&cloud, &emulator, &[(ID, secret), (SECRET, "LTAI5tSomething")]);
    outcome.assert_fields(&[("service_code", "InvalidAccessKeyId.NotFound")]);
    let hint = outcome.field("hint");
    assert!(
        hint.contains("are id and secret exchanged?")
            && hint.contains("comes from the environment"),
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
    // Nor does a slip in what a command prints make a program somebody else.
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
fn what_sts_refuses_is_said_with_its_code() {
    for (role, words, advice) in [
        ("acs:ram::1234567890123456:role/gone", "EntityNotExist.Role", "Check the role's ARN"),
        (
            "acs:ram::1234567890123456:role/forbidden",
            "lacks the RAM action sts:AssumeRole",
            "Grant sts:AssumeRole",
        ),
        ("nonsense", "sts.aliyuncs.com refused AssumeRole of \"nonsense\"", ""),
    ] {
        let cloud = with_cli(
            &json!({"mode": "RamRoleArn", "access_key_id": "staticid", "access_key_secret": "canary-secret-static", "ram_role_arn": role}),
        );
        let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words) && hint.contains(advice), "{message}\n{hint}");
    }
    let wrong_secret = with_cli(
        &json!({"mode": "RamRoleArn", "access_key_id": "staticid", "access_key_secret": "canary-wrong", "ram_role_arn": ROLE}),
    );
    let outcome = upload(&wrong_secret, &wrong_secret.emulator(), &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(
        message.contains("SignatureDoesNotMatch") && hint.contains("secret is wrong"),
        "{message}\n{hint}"
    );
}

#[test]
fn when_nothing_is_set_up_every_source_is_named_in_order() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[NO_METADATA]);
    let (message, _) = fails(&outcome);
    let home = cloud.home().to_str().unwrap();
    let mut rest = message;
    for part in [
        "the environment: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are not set; "
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
    // A source that is not there is no matter for a warning.
    assert!(!outcome.stdout.contains("log=2"), "{}", outcome.stdout);
    assert_eq!(outcome.field("retryable"), "0");
}

#[test]
fn a_broken_file_is_said_by_name_and_line() {
    for (file, content, words) in [
        (CLI, "{\n  \"current\": \"work\",\n  \"profiles\": [\n    {\"canary\n", "line 4"),
        (
            CLI,
            "{\"current\": \"work\",\n\"profiles\": [\n{\"name\": \"work\",\n\"mode\": \"AK\", \"access_key_id\": \"canary\"}]}",
            "profile \"work\" (line 3): access_key_secret is missing",
        ),
        (
            CLI,
            "{\"profiles\": [],\n\"current\": \"gone\"}",
            "current profile \"gone\" (line 2) not found",
        ),
        (CLI, "{\"profiles\": []}", "no current profile is set"),
        (
            ".alibabacloud/credentials",
            "[default]\ntype = access_key\ncanary-secret\n",
            "line 3: expected a [profile] or NAME = VALUE",
        ),
        (
            ".alibabacloud/credentials",
            "\n[default]\ntype = access_key\naccess_key_id = canary\n",
            "profile \"default\" (line 2): access_key_secret is missing",
        ),
        (
            ".alibabacloud/credentials.ini",
            "[default]\ntype = rsa_key_pair\n",
            "libcas does not support the type \"rsa_key_pair\"",
        ),
    ] {
        let cloud = Cloud::start();
        let path = cloud.write(file, content);
        let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
        let (message, _) = fails(&outcome);
        let clause = format!("\"{}\": ", path.display());
        assert!(message.contains(&clause) && message.contains(words), "{message}");
        // Where another source serves, it is a warning.
        let emulator = cloud.emulator();
        let outcome = upload(&cloud, &emulator, &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let warned =
            outcome.stdout.lines().any(|line| line.starts_with("log=2") && line.contains(words));
        assert!(warned, "{}", outcome.stdout);
    }
}

#[test]
fn a_file_that_others_can_read_is_warned_of() {
    for (mode, warned) in
        [(0o600, false), (0o640, true), (0o604, true), (0o622, true), (0o711, false)]
    {
        let cloud = with_cli(
            &json!({"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"}),
        );
        let path = cloud.home().join(CLI);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let outcome = upload(&cloud, &cloud.emulator(), &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let line = outcome.stdout.lines().find(|line| {
            line.starts_with("log=2") && line.contains("Other users may read or change")
        });
        assert_eq!(line.is_some(), warned, "{mode:o}: {}", outcome.stdout);
        if let Some(line) = line {
            assert!(
                line.contains(path.to_str().unwrap()) && line.contains(&format!("{mode:o}")),
                "{line}"
            );
        }
    }
}

#[test]
fn each_file_that_others_can_read_is_warned_of_once() {
    let cloud = with_cli(&json!({"mode": "ak"}));
    let key = "[default]\ntype=access_key\naccess_key_id=staticid\naccess_key_secret=canary-secret-static\n";
    let files = [cloud.home().join(CLI), cloud.write(".alibabacloud/credentials", key)];
    for file in &files {
        fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    }
    let outcome = upload(&cloud, &cloud.emulator(), &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    for file in &files {
        let path = file.to_str().unwrap();
        let warnings = outcome
            .stdout
            .lines()
            .filter(|line| line.contains(path) && line.contains("Run chmod 600"));
        assert_eq!(warnings.count(), 1, "{path}: {}", outcome.stdout);
    }
}

#[test]
fn a_profile_that_the_program_names_is_the_only_source() {
    let key = json!({"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"});
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
    let outcome = upload(&cloud, &emulator, &[&other[..], &[("CAS_PROFILE", "nobody")]].concat());
    let (message, _) = fails(&outcome);
    assert!(
        message.contains("profile \"nobody\" not found") && !message.contains("environment"),
        "{message}"
    );
    assert!(cloud.requests().is_empty());
}

#[test]
fn sts_is_asked_by_post_with_everything_in_the_form_and_signed_as_the_client_signs() {
    for (signature, authorization) in [("0", false), ("1", true)] {
        for (case, host) in [
            ("RamRoleArn", "sts.aliyuncs.com"),
            ("RamRoleArn in a VPC", "sts-vpc.cn-shanghai.aliyuncs.com"),
            ("OIDC in a region", "sts.cn-beijing.aliyuncs.com"),
        ] {
            let case = cases().into_iter().find(|known| known.name == case).unwrap();
            let cloud = case.cloud();
            let mut settings = case.settings(&cloud);
            settings.push(("CAS_SIGNATURE", signature.to_owned()));
            let as_text: Vec<_> =
                settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            upload(&cloud, &cloud.emulator(), &as_text).assert_fields(&[("status", "CAS_OK")]);
            let requests = cloud.requests();
            let [request] = requests.as_slice() else { panic!("{requests:?}") };
            let text = |name: &str| request[name].as_str().unwrap().to_owned();
            assert_eq!(
                (text("method"), text("host"), text("path")),
                ("POST".to_owned(), host.to_owned(), "/".to_owned())
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
fn metadata_is_asked_with_a_token_and_without_only_where_that_may_be() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    let seen = |cloud: &Cloud| -> Vec<String> {
        let shown = |request: &Value| {
            format!("{} {}", request["method"].as_str().unwrap(), request["path"].as_str().unwrap())
        };
        cloud.requests().iter().map(shown).collect()
    };
    let (token, roles) =
        ("PUT /latest/api/token", "GET /latest/meta-data/ram/security-credentials/");
    assert_eq!(seen(&cloud), [token, roles, token, &format!("{roles}web-role")]);

    // No token is to be had, but none is needed either.
    let old = Cloud::start();
    old.set(&json!({"v1": true, "broken": {"ecs-token": {"status": 404, "body": ""}}}));
    upload(&old, &old.emulator(), &[]).assert_fields(&[("status", "CAS_OK")]);
    let outcome = upload(&old, &old.emulator(), &[("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("returned no token (HTTP 404)"), "{message}");

    // In a container, the answer to the question for a token may not find its way through.
    old.set(&json!({"broken": {"ecs-token": {"hang": true}}}));
    upload(&old, &old.emulator(), &[]).assert_fields(&[("status", "CAS_OK")]);
    // A switch for the chain is one for profiles too.
    let profile = with_cli(&json!({"mode": "EcsRamRole"}));
    let outcome = upload(&profile, &profile.emulator(), &[NO_METADATA]);
    assert!(
        fails(&outcome).0.contains("ALIBABA_CLOUD_ECS_METADATA_DISABLED is set"),
        "{}",
        outcome.stdout
    );
    assert!(profile.requests().is_empty());

    // No proxy knows this machine's role, whoever named it.
    let nowhere = "http://127.0.0.1:1";
    for proxy in [("HTTP_PROXY", nowhere), ("ALL_PROXY", nowhere)] {
        upload(&cloud, &emulator, &[proxy]).assert_fields(&[("status", "CAS_OK")]);
    }
}

#[test]
fn other_services_are_asked_through_the_proxy() {
    let case = cases().into_iter().find(|case| case.name == "RamRoleArn").unwrap();
    let cloud = case.cloud();
    let stub = Stub::start(vec![
        Reply::http("403 Forbidden", "", ""),
        Reply::http("403 Forbidden", "", ""),
    ]);
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, ("HTTPS_PROXY", &stub.url())]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("made no connection to sts.aliyuncs.com:443"), "{message}");
    assert!(
        stub.requests()[0].head.starts_with("CONNECT sts.aliyuncs.com:443 "),
        "{}",
        stub.requests()[0].head
    );
    assert!(cloud.requests().is_empty());
}

#[test]
fn a_command_is_run_as_it_is_written_and_its_failures_are_told_apart() {
    let print = |more: &str| {
        format!(
            r#"{{"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"{more}}}"#
        )
    };
    let external =
        |command: &str| with_cli(&json!({"mode": "External", "process_command": command}));
    let script = scratch("external").join("a helper.sh");
    fs::write(&script, format!("#!/bin/sh\n[ \"$1\" = 'two words' ] || exit 9\necho noise >&2\nsleep 0.2\ncat <<'END'\n{}\nEND\n", print(""))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}' \"two words\"", script.display());
    let cloud = external(&command);
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert!(!outcome.stderr.contains("noise"), "{}", outcome.stderr);
    // A host that ignores its children's ends.
    let ignoring = cloud.program("sh").arg("-c").arg("trap '' CHLD; exec \"$0\" \"$@\"");
    let ignoring = ignoring
        .arg(compile("tests/fixtures/c/report.c", &[]))
        .arg("web")
        .arg(&chain().chain)
        .arg(&chain().key);
    assert_eq!(ignoring.env("CAS_ENDPOINT", emulator.url()).run().field("status"), "CAS_OK");

    let sleep = "sh -c 'sleep 60'";
    for (command, words) in [
        ("/nonexistent/helper --canary", "process_command failed to start: No such file"),
        ("sh -c 'echo canary; exit 3'", "failed (exit status: 3)"),
        ("sh -c 'kill -9 $$'", "failed (signal: 9"),
        ("printf canary", "printed invalid JSON"),
        ("printf {}", "access_key_id is missing in the output of process_command"),
        (
            "printf '{\"access_key_id\":\"canary\"}'",
            "access_key_secret is missing in the output of process_command",
        ),
        (
            "printf '{\"mode\":\"StsToken\",\"access_key_id\":\"a\",\"access_key_secret\":\"canary\"}'",
            "sts_token is missing in the output of process_command",
        ),
        (
            "printf '{\"access_key_id\":\"a\",\"access_key_secret\":\"canary\",\"expiration\":\"soon\"}'",
            "invalid expiration (must be a time in UTC)",
        ),
        ("printf '", "unbalanced quotes"),
        ("head -c 1000000 /dev/zero", "printed more than 64 KiB"),
        (sleep, "did not finish in time"),
        ("sh -c 'exec >&-; sleep 60'", "did not finish in time"),
    ] {
        let cloud = external(command);
        let outcome = upload(&cloud, &emulator, &[NO_METADATA, ("CAS_TIMEOUT_MS", "1500")]);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words), "{command}: {message}");
        assert!(hint.contains("Run process_command by hand") || words.contains("quotes"), "{hint}");
    }
}
