//! Access keys that expire, under a clock that the tests move: refreshed ahead, once for all
//! threads, kept while valid; and sign-ins, which are renewed in their file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::thread;

use acceptance::program::Talk;
use acceptance::setups::{
    CLI, Case, ID, NO_METADATA, ROLE, SECRET, assert_hidden, cases, fails, for_each, issued,
    signer, upload, with_cli,
};
use acceptance::{Cloud, Emulator, chain, compile, scratch};
use serde_json::{Value, json};

fn refreshing(cloud: &Cloud, emulator: &Emulator, settings: &[(&str, &str)]) -> Talk {
    let program = cloud.program(compile("tests/fixtures/c/refresh.c", &[]));
    let program = program.env("CAS_ENDPOINT", emulator.url()).env("CAS_LOG", "2");
    let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
    program.arg(&chain().chain).arg(&chain().key).talk()
}

/// Every way to get expiring keys, and the service that gives them.
fn expiring() -> Vec<(&'static str, Case)> {
    let first_of = |key: &'static str| key.strip_prefix("STS.")?.strip_suffix("-1");
    cases()
        .into_iter()
        .filter_map(|case| first_of(case.key).map(|service| (service, case)))
        .collect()
}

/// The service's name in `broken`: that which gives the key.
fn breakable(service: &'static str) -> &'static str {
    if service == "oauth" { "oauth-exchange" } else { service }
}

#[test]
fn keys_are_refreshed_ahead_of_expiry_and_kept_while_they_are_valid() {
    for_each(&expiring(), |(service, case)| {
        let service = *service;
        let cloud = case.cloud();
        let emulator = cloud.emulator();
        cloud.set(&json!({"lifetime": {service: 3600}}));
        let settings = case.settings(&cloud);
        let as_text: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut program = refreshing(&cloud, &emulator, &as_text);
        let mut stored = |fetched: usize, what: &str| -> Vec<String> {
            let (answer, log) = program.ask("1");
            assert_eq!(
                (answer.as_str(), issued(&cloud, service)),
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

        cloud.set(&json!({"broken": {breakable(service): {"status": 503, "body": "{\"Code\":\"ServiceUnavailable\"}"}}}));
        cloud.advance(3600 - 600);
        let log = stored(2, "valid, though there is no other");
        assert!(
            log.iter().any(|line| line.contains("the current one is still valid")),
            "{}: {log:?}",
            case.name
        );
        cloud.advance(700);
        let (answer, _) = program.ask("1");
        assert!(answer.starts_with("CAS_ERR_CREDENTIALS: "), "{}: {answer}", case.name);
        assert_hidden(&answer);
        cloud.set(&json!({"broken": {breakable(service): null}}));
        let (answer, _) = program.ask("1");
        assert_eq!(
            (answer.as_str(), issued(&cloud, service)),
            ("stored", 3),
            "{}: mended",
            case.name
        );
    });
}

#[test]
fn eight_threads_refresh_once_for_each_expiry() {
    for_each(&expiring(), |(service, case)| {
        let service = *service;
        let cloud = case.cloud();
        let emulator = cloud.emulator();
        // Slow enough for all threads to arrive while one of them is asking.
        cloud.set(&json!({"lifetime": {service: 3600}, "delay": 0.05}));
        let settings = case.settings(&cloud);
        let as_text: Vec<_> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut program = refreshing(&cloud, &emulator, &as_text);
        // At first, ahead of an expiry, and after one.
        for (fetched, advance) in [(1, 0), (2, 2800), (3, 4000), (4, 3000)] {
            cloud.advance(advance);
            let (answer, log) = program.ask("8");
            assert_eq!(
                (answer.as_str(), issued(&cloud, service)),
                ("stored", fetched),
                "{}: {log:?}",
                case.name
            );
        }
    });
}

#[test]
fn a_command_is_run_again_before_its_key_expires() {
    let script = scratch("external").join("counting.sh");
    // Key number n, good for an hour by the clock of this world.
    fs::write(
        &script,
        "#!/bin/sh\nn=$(($(cat \"$HOME/n\") + 1)); echo $n > \"$HOME/n\"\nprintf '{\"mode\": \"StsToken\", \
         \"access_key_id\": \"STS.ecs-%s\", \"access_key_secret\": \"canary-secret-ecs-%s\", \"sts_token\": \
         \"canary-token-ecs-%s\", \"expiration\": \"%s\"}' $n $n $n \"$(date -u -d @$(($(date +%s) + 3600)) +%Y-%m-%dT%H:%M:%SZ)\"\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}'", script.display());
    let cloud = with_cli(&json!({"mode": "External", "process_command": command}));
    let count = cloud.write("n", "0");
    let emulator = cloud.emulator();
    let mut program = refreshing(&cloud, &emulator, &[]);
    for (advance, runs) in [(0, 1), (2600, 1), (200, 2), (5000, 3)] {
        cloud.advance(advance);
        assert_eq!(program.ask("8").0, "stored");
        assert_eq!(fs::read_to_string(&count).unwrap().trim(), runs.to_string());
    }
}

#[test]
fn refreshing_loses_no_memory() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let valgrind =
        cloud.program("valgrind").args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
    let valgrind = valgrind
        .arg(compile("tests/fixtures/c/refresh.c", &[]))
        .env("CAS_ENDPOINT", emulator.url());
    let mut program = valgrind.arg(&chain().chain).arg(&chain().key).talk();
    for _ in 0..3 {
        assert_eq!(program.ask("4").0, "stored");
        cloud.advance(3000);
    }
    assert_eq!((program.end(), issued(&cloud, "ecs")), (Some(0), 3));
}

#[test]
fn a_forked_child_has_a_key_of_its_own() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let fork = cloud.program(compile("tests/fixtures/c/fork.c", &[]));
    fork.arg(emulator.url()).arg(&chain().chain).arg(&chain().key).succeed();
    assert_eq!((issued(&cloud, "ecs"), emulator.certificates().len()), (2, 5));
}

#[test]
fn a_key_that_the_service_no_longer_takes_is_replaced() {
    let cloud = Cloud::start();
    // It knows the second key alone.
    let known = "STS.ecs-2:canary-secret-ecs-2:canary-token-ecs-2";
    let emulator =
        Emulator::start(&["--access-key", "staticid:canary-secret-static", "--sts", known]);
    let outcome = upload(&cloud, &emulator, &[("CAS_MAX_ATTEMPTS", "2")]);
    outcome.assert_fields(&[("status", "CAS_OK"), ("attempts", "2")]);
    assert_eq!((signer(&emulator).as_str(), issued(&cloud, "ecs")), ("STS.ecs-2", 2));
    // What comes from a file is read again, once: somebody may have changed it.
    cloud.reset();
    let lost = with_cli(
        &json!({"mode": "AK", "access_key_id": "nobody", "access_key_secret": "canary-x"}),
    );
    let outcome = upload(&lost, &emulator, &[("CAS_MAX_ATTEMPTS", "4")]);
    outcome.assert_fields(&[("service_code", "InvalidAccessKeyId.NotFound"), ("attempts", "1")]);
}

#[test]
fn a_program_keeps_its_identity_when_the_file_names_another_current_profile() {
    let role = json!({"mode": "RamRoleArn", "access_key_id": "staticid",
        "access_key_secret": "canary-secret-static", "ram_role_arn": ROLE});
    let cloud = with_cli(&role);
    let emulator = cloud.emulator();
    let mut program = refreshing(&cloud, &emulator, &[NO_METADATA]);
    assert_eq!(program.ask("1").0, "stored");
    let text = fs::read_to_string(cloud.home().join(CLI)).unwrap();
    cloud.write(CLI, &text.replace("\"current\":\"work\"", "\"current\":\"default\""));
    cloud.advance(3000);
    assert_eq!((program.ask("1").0.as_str(), signer(&emulator).as_str()), ("stored", "STS.sts-2"));
    // Nor does a key become another one for a slip in it.
    let cloud = Cloud::start();
    let broken = [(ID, "staticid"), (SECRET, "canary-secret-static\n")];
    let outcome = upload(&cloud, &cloud.emulator(), &broken);
    let (message, _) = fails(&outcome);
    assert!(message.contains("a line break") && cloud.requests().is_empty(), "{message}");
}

#[test]
fn a_valid_key_leaves_time_for_the_upload() {
    let case = cases().into_iter().find(|case| case.name == "RamRoleArn").unwrap();
    let cloud = case.cloud();
    let emulator = cloud.emulator();
    cloud.set(&json!({"lifetime": {"sts": 3600}}));
    let mut program = refreshing(&cloud, &emulator, &[("CAS_TIMEOUT_MS", "6000")]);
    assert_eq!(program.ask("1").0, "stored");
    cloud.advance(3000);
    cloud.set(&json!({"broken": {"sts": {"hang": true}}}));
    let (answer, log) = program.ask("8");
    assert_eq!((answer.as_str(), issued(&cloud, "sts")), ("stored", 1));
    assert!(log.iter().any(|line| line.contains("the current one is still valid")), "{log:?}");
}

#[test]
fn a_clock_that_is_ahead_does_not_multiply_requests() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    // Seen from here, keys have expired when they come.
    cloud.set(&json!({"lifetime": {"ecs": -10}, "delay": 0.4}));
    let mut program = refreshing(&cloud, &emulator, &[]);
    assert_eq!((program.ask("8").0.as_str(), issued(&cloud, "ecs")), ("stored", 1));
}

#[test]
fn a_sign_in_that_is_over_says_how_to_sign_in_again() {
    let mut expired = json!({"mode": "CloudSSO", "cloud_sso_sign_in_url": "https://signin.example.alibabacloudsso.com/",
        "cloud_sso_account_id": "1234567890", "cloud_sso_access_config": "ac-1", "access_token": "canary-sso-access",
        "cloud_sso_access_token_expire": 1_600_000_000});
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
    // With little time, the token is not spent.
    let oauth =
        cases().into_iter().find(|case| case.name == "OAuth, tokens to be refreshed").unwrap();
    let cloud = oauth.cloud();
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, ("CAS_TIMEOUT_MS", "1500")]);
    assert!(
        fails(&outcome).0.contains("not enough time to renew the sign-in"),
        "{}",
        outcome.stdout
    );
    assert!(cloud.requests().is_empty());
    assert_eq!(outcome.field("retryable"), "1");
}

#[test]
fn a_sign_in_is_not_lost_to_a_slow_answer_or_another_programs_lock() {
    let of = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    let cloud = of("OAuth, tokens to be refreshed").cloud();
    let emulator = cloud.emulator();
    cloud.set(&json!({"delay": 3}));
    let settings = [NO_METADATA, ("CAS_TIMEOUT_MS", "5000")];
    let mut program = refreshing(&cloud, &emulator, &settings);
    let (answer, _) = program.ask("1");
    assert!(answer.starts_with("CAS_ERR_CREDENTIALS"), "{answer}");
    assert!(cloud.requests().iter().any(|request| request["service"] == "oauth-token"));
    cloud.set(&json!({"delay": 0}));
    assert_eq!(program.ask("1").0, "stored");

    // While somebody holds the lock, the key that the file has will do.
    let cloud = of("OAuth, key kept in the file").cloud();
    let directory = fs::File::open(cloud.home().join(".aliyun")).unwrap();
    directory.lock().unwrap();
    upload(&cloud, &cloud.emulator(), &settings).assert_fields(&[("status", "CAS_OK")]);
    let cloud = of("OAuth, tokens to be refreshed").cloud();
    let directory = fs::File::open(cloud.home().join(".aliyun")).unwrap();
    directory.lock().unwrap();
    let outcome = upload(&cloud, &cloud.emulator(), &settings);
    assert!(fails(&outcome).0.contains("another program did not finish"), "{}", outcome.stdout);
    assert!(cloud.requests().is_empty());
}

#[test]
fn a_sign_in_is_renewed_in_its_file_and_nothing_else_changes() {
    let cloud = Cloud::start();
    let before = r#"{
	"current": "work",
	"profiles": [
		{"name": "other", "mode": "AK", "access_key_id": "o", "access_key_secret": "canary-other", "x": 1.50},
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
    // As some editors leave it, with a mark at the beginning.
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
    assert_eq!(files, ["config.json"]);

    // Another process, and the official package, go on from there: the refresh token was good for
    // one use.
    cloud.reset();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    // Which does not read a file with a mark.
    fs::write(&real, after.trim_start_matches('\u{feff}')).unwrap();
    assert_eq!(cloud.resolve(&[]).field("access_key_id"), "STS.oauth-1");
    assert!(cloud.requests().is_empty());
}

#[test]
fn eight_processes_renew_one_sign_in_once() {
    let case =
        cases().into_iter().find(|case| case.name == "OAuth, tokens to be refreshed").unwrap();
    let cloud = case.cloud();
    let emulator = cloud.emulator();
    // So that all have begun before the first is done.
    cloud.set(&json!({"delay": 0.4}));
    thread::scope(|scope| {
        let runs: Vec<_> =
            (0..8).map(|_| scope.spawn(|| upload(&cloud, &emulator, &[NO_METADATA]))).collect();
        for run in runs {
            run.join().unwrap().assert_fields(&[("status", "CAS_OK")]);
        }
    });
    assert_eq!(issued(&cloud, "oauth"), 1);
}
