//! Temporary keys under a clock that the tests move: refreshed before expiry, once for all threads,
//! kept while valid; and sign-ins, which are renewed in their file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::thread;

use acceptance::setups::{
    CLI, Case, ID, NO_METADATA, ROLE, SECRET, assert_hidden, case, cases, fails, for_each, issued,
    session, signer, static_profile, upload, with_cli,
};
use acceptance::{Emulator, FakeCloud, Official, compile, scratch};
use serde_json::{Value, json};

/// Every source of temporary keys, and its service.
fn expiring() -> Vec<(&'static str, Case)> {
    let first_of = |key: &'static str| key.strip_prefix("STS.")?.strip_suffix("-1");
    cases()
        .into_iter()
        .filter_map(|case| first_of(case.key).map(|service| (service, case)))
        .collect()
}

/// The lock of libcas beside the file of the official command line tool.
const LOCK: &str = ".aliyun/config.json.libcas-lock";

/// The name of the service in `broken`.
fn breakable(service: &'static str) -> &'static str {
    if service == "oauth" { "oauth-exchange" } else { service }
}

#[test]
fn keys_are_refreshed_before_expiry_and_kept_if_that_fails() {
    for_each(&expiring(), |(service, case)| {
        let service = *service;
        let host = case.host();
        let cloud = &host.cloud;
        cloud.set(&json!({"lifetime": {service: 3600}}));
        let mut program = host.session(&[]);
        let mut stored = |fetched: usize, what: &str| -> Vec<String> {
            let (response, log) = program.ask("1");
            assert_eq!(
                (response.as_str(), issued(cloud, service)),
                ("stored", fetched),
                "{}: {what} {log:?}",
                case.name
            );
            assert_hidden(&log.join(" "));
            log
        };
        stored(1, "the first");
        stored(1, "kept");
        cloud.advance(3600 - 1000);
        stored(1, "not too early");
        cloud.advance(200);
        stored(2, "ahead of expiry");
        stored(2, "kept again");

        let body = "{\"Code\":\"ServiceUnavailable\"}";
        let unavailable = json!({"status": 503, "body": body});
        cloud.set(&json!({"broken": {breakable(service): unavailable}}));
        cloud.advance(3600 - 600);
        let log = stored(2, "valid, though there is no other");
        assert!(
            log.iter().any(|line| line.contains("the current one is still valid")),
            "{}: {log:?}",
            case.name
        );
        cloud.advance(700);
        let (response, _) = program.ask("1");
        assert!(response.starts_with("CAS_ERR_CREDENTIALS: "), "{}: {response}", case.name);
        assert_hidden(&response);
        cloud.set(&json!({"broken": {breakable(service): null}}));
        let (response, _) = program.ask("1");
        assert_eq!(
            (response.as_str(), issued(cloud, service)),
            ("stored", 3),
            "{}: available again",
            case.name
        );
    });
}

#[test]
fn eight_threads_refresh_once_for_each_expiry() {
    for_each(&expiring(), |(service, case)| {
        let service = *service;
        let host = case.host();
        let cloud = &host.cloud;
        // Threads arrive while one of them is asking; it is right if they arrive later.
        cloud.set(&json!({"lifetime": {service: 3600}, "delay": 0.05}));
        let mut program = host.session(&[]);
        // First use, before expiry, and after expiry.
        for (fetched, advance) in [(1, 0), (2, 2800), (3, 4000), (4, 3000)] {
            cloud.advance(advance);
            let (response, log) = program.ask("8");
            assert_eq!(
                (response.as_str(), issued(cloud, service)),
                ("stored", fetched),
                "{}: {log:?}",
                case.name
            );
        }
    });
}

#[test]
fn a_credential_command_runs_again_before_its_key_expires() {
    let script = scratch("external").join("counting.sh");
    // Key number n, valid for an hour by the clock of the cloud.
    fs::write(
        &script,
        r#"#!/bin/sh
n=$(($(cat "$HOME/n") + 1))
echo $n > "$HOME/n"
until=$(date -u -d @$(($(date +%s) + 3600)) +%Y-%m-%dT%H:%M:%SZ)
cat <<END
{"mode": "StsToken", "access_key_id": "STS.ecs-$n", "access_key_secret": "canary-secret-ecs-$n",
 "sts_token": "canary-token-ecs-$n", "expiration": "$until"}
END
"#,
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}'", script.display());
    let cloud = with_cli(&json!({"mode": "External", "process_command": command}));
    let count = cloud.write("n", "0");
    let emulator = cloud.emulator();
    let mut program = session(&cloud, &emulator, &[]);
    for (advance, runs) in [(0, 1), (2600, 1), (200, 2), (5000, 3)] {
        cloud.advance(advance);
        assert_eq!(program.ask("8").0, "stored");
        assert_eq!(fs::read_to_string(&count).unwrap().trim(), runs.to_string());
    }
}

#[test]
fn refreshing_leaks_no_memory() {
    let cloud = FakeCloud::start();
    let emulator = cloud.emulator();
    // Not the instance role, which libcas asks with short timeouts: valgrind is slow.
    let uri = format!("{}/credentials", cloud.url());
    let valgrind =
        cloud.program("valgrind").args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
    let valgrind = valgrind
        .arg(compile("tests/fixtures/c/refresh.c", &[]))
        .env("CAS_ENDPOINT", emulator.url())
        .envs(&[NO_METADATA, ("ALIBABA_CLOUD_CREDENTIALS_URI", &uri)]);
    let mut program = valgrind.with_chain().session();
    for _ in 0..3 {
        assert_eq!(program.ask("4").0, "stored");
        cloud.advance(3000);
    }
    assert_eq!((program.end().code, issued(&cloud, "uri")), (Some(0), 3));
}

#[test]
fn a_forked_child_fetches_its_own_key() {
    let cloud = FakeCloud::start();
    let emulator = cloud.emulator();
    let fork = cloud.program(compile("tests/fixtures/c/fork.c", &[]));
    fork.arg(emulator.url()).with_chain().succeed();
    assert_eq!((issued(&cloud, "ecs"), emulator.certificates().len()), (2, 5));
}

#[test]
fn a_key_that_the_service_rejects_is_refreshed() {
    let cloud = FakeCloud::start();
    // The emulator knows only the second key.
    let known = "STS.ecs-2:canary-secret-ecs-2:canary-token-ecs-2";
    let emulator =
        Emulator::start(&["--access-key", "staticid:canary-secret-static", "--sts", known]);
    let outcome = upload(&cloud, &emulator, &[("CAS_MAX_ATTEMPTS", "2")]);
    outcome.assert_fields(&[("status", "CAS_OK"), ("attempts", "2")]);
    assert_eq!((signer(&emulator).as_str(), issued(&cloud, "ecs")), ("STS.ecs-2", 2));
    // A file is read again, once: it may have changed.
    cloud.reset();
    let lost = with_cli(
        &json!({"mode": "AK", "access_key_id": "unknownid", "access_key_secret": "canary-x"}),
    );
    let outcome = upload(&lost, &emulator, &[("CAS_MAX_ATTEMPTS", "4")]);
    outcome.assert_fields(&[("service_code", "InvalidAccessKeyId.NotFound"), ("attempts", "1")]);
}

#[test]
fn a_client_keeps_its_profile_when_the_current_profile_changes() {
    let role = static_profile(&json!({"mode": "RamRoleArn", "ram_role_arn": ROLE}));
    let cloud = with_cli(&role);
    let emulator = cloud.emulator();
    let mut program = session(&cloud, &emulator, &[NO_METADATA]);
    assert_eq!(program.ask("1").0, "stored");
    let text = fs::read_to_string(cloud.home().join(CLI)).unwrap();
    cloud.write(CLI, &text.replace("\"current\":\"work\"", "\"current\":\"default\""));
    cloud.advance(3000);
    assert_eq!((program.ask("1").0.as_str(), signer(&emulator).as_str()), ("stored", "STS.sts-2"));
    // A malformed key does not lead to another source.
    let cloud = FakeCloud::start();
    let broken = [(ID, "staticid"), (SECRET, "canary-secret-static\n")];
    let outcome = upload(&cloud, &cloud.emulator(), &broken);
    let (message, _) = fails(&outcome);
    assert!(message.contains("a line break") && cloud.requests().is_empty(), "{message}");
}

#[test]
fn refreshing_a_valid_key_leaves_time_for_the_upload() {
    let host = case("RamRoleArn").host();
    let cloud = &host.cloud;
    cloud.set(&json!({"lifetime": {"sts": 3600}}));
    // Half of this is left to the upload.
    let mut program = host.session(&[("CAS_TIMEOUT_MS", "20000")]);
    assert_eq!(program.ask("1").0, "stored");
    cloud.advance(3000);
    cloud.set(&json!({"broken": {"sts": {"hang": true}}}));
    let (response, log) = program.ask("8");
    assert_eq!((response.as_str(), issued(cloud, "sts")), ("stored", 1));
    assert!(log.iter().any(|line| line.contains("the current one is still valid")), "{log:?}");
}

#[test]
fn a_clock_ahead_of_the_service_does_not_multiply_requests() {
    let host = case("RamRoleArn").host();
    // Keys have expired when they arrive, by the clock of the client. All threads ask while the
    // response is delayed.
    host.cloud.set(&json!({"lifetime": {"sts": -10}, "delay": 3}));
    let mut program = host.session(&[]);
    assert_eq!((program.ask("8").0.as_str(), issued(&host.cloud, "sts")), ("stored", 1));
}

#[test]
fn the_error_for_an_expired_sign_in_explains_how_to_sign_in_again() {
    let mut expired = json!({
        "mode": "CloudSSO", "cloud_sso_sign_in_url": "https://signin.example.alibabacloudsso.com/",
        "cloud_sso_account_id": "1234567890", "cloud_sso_access_config": "ac-1",
        "access_token": "canary-sso-access", "cloud_sso_access_token_expire": 1_600_000_000});
    let cloud = with_cli(&expired);
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(
        message.contains("(line 1): the CloudSSO sign-in expired at 2020-09-13T12:26:40Z"),
        "{message}"
    );
    assert!(hint.contains("aliyun configure --mode CloudSSO"), "{hint}");
    expired.as_object_mut().unwrap().remove("access_token");
    let cloud = with_cli(&expired);
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
    assert!(fails(&outcome).0.contains("not signed in"), "{}", outcome.stdout);
    // With little time left, the refresh token is not used.
    let host = case("OAuth, tokens to be refreshed").host();
    let outcome = host.upload(&[NO_METADATA, ("CAS_TIMEOUT_MS", "1500")]);
    assert!(
        fails(&outcome).0.contains("not enough time to renew the sign-in"),
        "{}",
        outcome.stdout
    );
    assert!(host.cloud.requests().is_empty());
    assert_eq!(outcome.field("retryable"), "1");
}

#[test]
fn a_sign_in_is_renewed_in_both_spellings_of_the_response() {
    for camel in [false, true] {
        let host = case("OAuth, tokens to be refreshed").host();
        host.cloud.set(&json!({"camel": camel}));
        host.upload(&[NO_METADATA]).assert_fields(&[("status", "CAS_OK")]);
        assert_eq!(signer(&host.emulator), "STS.oauth-1", "{camel}");
    }
}

#[test]
fn a_sign_in_survives_a_response_that_breaks_off_or_is_not_understood() {
    for what in [json!({"cut": true}), json!({"close": true}), json!({"garbage": "{}"})] {
        for service in ["oauth-token", "oauth-exchange"] {
            let host = case("OAuth, tokens to be refreshed").host();
            let mut once = what.clone();
            once["times"] = json!(1);
            host.cloud.set(&json!({"broken": {service: once}}));
            let outcome = host.upload(&[NO_METADATA]);
            // Only what may pass is asked for again.
            if what.get("garbage").is_some() {
                fails(&outcome);
                host.upload(&[NO_METADATA]).assert_fields(&[("status", "CAS_OK")]);
            } else {
                outcome.assert_fields(&[("status", "CAS_OK")]);
            }
            let renewals = host.cloud.requests().into_iter();
            let renewals = renewals.filter(|request| request["service"] == "oauth-token").count();
            // The exchange is made again with the access token in the file.
            let expected = if service == "oauth-token" { 2 } else { 1 };
            assert_eq!(renewals, expected, "{service} {what}");
        }
    }
}

#[test]
fn the_refresh_token_is_not_used_if_its_successor_cannot_be_written() {
    let cloud = FakeCloud::start();
    // Beside a name of this length, there can be no file with a longer one.
    let name = format!("{}.json", "c".repeat(240));
    let path = cloud.write(
        &name,
        r#"{"current": "work", "profiles": [{"name": "work", "mode": "OAuth",
            "oauth_access_token": "canary-oauth-access-0", "oauth_access_token_expire": 1,
            "oauth_refresh_token": "canary-oauth-refresh-0"}]}"#,
    );
    let elsewhere = ("ALIBABA_CLOUD_CONFIG_FILE", path.to_str().unwrap());
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, elsewhere]);
    let (message, hint) = fails(&outcome);
    assert!(message.contains("failed to write the renewed sign-in to"), "{message}");
    assert!(hint.contains("Make the file and its directory writable"), "{hint}");
    assert!(cloud.requests().is_empty());
}

#[test]
fn a_sign_in_survives_a_slow_response_and_a_lock_held_by_another_program() {
    let host = case("OAuth, tokens to be refreshed").host();
    host.cloud.set(&json!({"delay": 9}));
    let settings = [NO_METADATA, ("CAS_TIMEOUT_MS", "10000")];
    let mut program = host.session(&settings);
    let (response, _) = program.ask("1");
    assert!(response.starts_with("CAS_ERR_CREDENTIALS"), "{response}");
    assert!(host.cloud.requests().iter().any(|request| request["service"] == "oauth-token"));
    host.cloud.set(&json!({"delay": 0}));
    assert_eq!(program.ask("1").0, "stored");

    // While another program holds the lock, the key in the file is used.
    let locked = |name: &str| {
        let host = case(name).host();
        let lock = fs::File::create(host.cloud.write(LOCK, "")).unwrap();
        lock.lock().unwrap();
        let outcome = host.upload(&settings);
        (outcome, host.cloud.requests())
    };
    let (outcome, _) = locked("OAuth, key kept in the file");
    outcome.assert_fields(&[("status", "CAS_OK")]);
    let (outcome, requests) = locked("OAuth, tokens to be refreshed");
    assert!(fails(&outcome).0.contains("another program did not finish"), "{}", outcome.stdout);
    assert!(requests.is_empty());
}

#[test]
fn another_user_cannot_hold_a_renewal_up() {
    let host = case("OAuth, tokens to be refreshed").host();
    let config = host.cloud.home().join(CLI);
    fs::set_permissions(&config, fs::Permissions::from_mode(0o644)).unwrap();
    let lock = host.cloud.write(LOCK, "");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o644)).unwrap();
    // Whatever another user may open.
    let held = [config.parent().unwrap(), &config, &lock].map(|path| fs::File::open(path).unwrap());
    for file in &held {
        file.lock().unwrap();
    }
    let outcome = host.upload(&[NO_METADATA, ("CAS_TIMEOUT_MS", "30000")]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert!(fs::read_to_string(&config).unwrap().contains("canary-oauth-refresh-1"));
}

#[test]
fn a_sign_in_is_renewed_in_its_file_and_nothing_else_changes() {
    let cloud = FakeCloud::start();
    let before = r#"{
	"current": "work",
	"profiles": [
		{"name": "other", "mode": "AK", "access_key_id": "o", "access_key_secret": "canary-o", "x": 1.50},
		{
			"name": "work",
			"mode": "OAuth",
			"oauth_site_type": "intl",
			"oauth_access_token": "canary-oauth-access-0",
			"oauth_access_token_expire": 1,
			"oauth_refresh_token": "canary-oauth-refresh-0",
			"language": "en"
		}
	]
}
"#;
    // With a byte order mark, as some editors write it.
    let real = cloud.write("dotfiles/config.json", &format!("\u{feff}{before}"));
    fs::create_dir_all(cloud.home().join(".aliyun")).unwrap();
    let link = cloud.home().join(CLI);
    symlink(&real, &link).unwrap();
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(signer(&emulator), "STS.oauth-1");
    assert!(cloud.requests().iter().all(|request| request["host"] == "oauth.alibabacloud.com"));

    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o600);
    let after = fs::read_to_string(&real).unwrap();
    let is_new = |line: &str| {
        ["oauth_access_token", "oauth_refresh_token", "sts_"].iter().any(|new| line.contains(new))
    };
    let kept = |text: &str| {
        text.lines()
            .filter(|line| !is_new(line) && line.trim() != "{" && !line.contains("STS.oauth"))
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&format!("\u{feff}{before}")), kept(&after));
    assert!(after.contains("\"x\": 1.50"), "{after}");
    let parsed: Value = serde_json::from_str(after.strip_prefix('\u{feff}').unwrap()).unwrap();
    let work = &parsed["profiles"][1];
    assert_eq!(
        (&work["oauth_access_token"], &work["access_key_id"]),
        (&json!("canary-oauth-access-1"), &json!("STS.oauth-1"))
    );
    assert!(work["sts_expiration"].as_u64().unwrap() > 1_700_000_000);
    let files: Vec<_> = fs::read_dir(real.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(files.len(), 2, "{files:?}");
    let lock = fs::metadata(real.with_file_name("config.json.libcas-lock")).unwrap();
    assert_eq!((lock.mode() & 0o777, lock.len()), (0o600, 0));

    // Another process and the official package use the renewed sign-in: the refresh token is valid
    // once.
    cloud.reset();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    // The official packages do not accept a byte order mark.
    fs::write(&real, after.trim_start_matches('\u{feff}')).unwrap();
    assert_eq!(cloud.resolve(Official::Python, &[]).field("access_key_id"), "STS.oauth-1");
    assert!(cloud.requests().is_empty());
}

#[test]
fn eight_processes_renew_one_sign_in_once() {
    let host = case("OAuth, tokens to be refreshed").host();
    // Other processes start before the first is done; it is right if they start later.
    host.cloud.set(&json!({"delay": 0.4}));
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| host.upload(&[NO_METADATA]))).collect();
        for run in runs {
            run.join().unwrap().assert_fields(&[("status", "CAS_OK")]);
        }
    });
    assert_eq!(issued(&host.cloud, "oauth"), 1);
}
