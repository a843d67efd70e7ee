//! `casctl whoami`: which credential source serves, without and with a request.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use acceptance::{Emulator, Program, artefact, casctl};
use serde_json::{Value, json};

use super::lineages;

/// A home directory with profiles of the Alibaba Cloud CLI, and a program that leaves a mark.
fn home(name: &str) -> std::path::PathBuf {
    let home = lineages::directory(name);
    let config = home.join(".aliyun/config.json");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    let key = json!({"access_key_id": "testid", "access_key_secret": "testsecret"});
    let with = |more: Value| {
        let mut profile = key.clone();
        profile.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        profile
    };
    let mark = format!("touch {}", home.join("ran").display());
    let profiles = [
        with(json!({"name": "plain", "mode": "AK"})),
        with(json!({"name": "role", "mode": "RamRoleArn",
            "ram_role_arn": "acs:ram::1000000000000001:role/deployer",
            "ram_session_name": "here"})),
        with(json!({"name": "process", "mode": "External", "process_command": mark})),
        with(json!({"name": "broken", "mode": "AK", "access_key_id": ""})),
    ];
    let text = json!({"current": "plain", "profiles": profiles}).to_string();
    fs::write(&config, text).unwrap();
    fs::set_permissions(&config, Permissions::from_mode(0o600)).unwrap();
    home
}

/// `casctl whoami` with the access keys of a home directory alone.
fn whoami(emulator: &Emulator, home: &Path, arguments: &[&str]) -> Program {
    casctl(emulator, &[&["whoami"], arguments].concat())
        .env("HOME", home)
        .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
        .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
}

#[test]
fn without_a_test_nothing_is_sent() {
    let emulator = Emulator::start(&[]);
    let text = casctl(&emulator, &["whoami"]).run().exits_with(0);
    for wanted in [
        format!("Endpoint: {}/", emulator.url()),
        "Region: cn-hangzhou".to_owned(),
        "Signature: hmac-sha1".to_owned(),
        "Proxy: none".to_owned(),
        "Access key: testid, from the environment".to_owned(),
        "not asked".to_owned(),
    ] {
        assert!(text.stdout.contains(&wanted), "{wanted}: {text:?}");
    }
    let found = casctl(&emulator, &["whoami", "--output", "json"]).run().exits_with(0).json();
    assert_eq!(found["access_key"], json!({"id": "testid", "temporary": false, "expires": null}));
    assert_eq!((&found["source"], &found["test"]), (&json!("the environment"), &Value::Null));
    assert!(emulator.requests().is_empty());
    let chinese = casctl(&emulator, &["whoami"]).env("LANG", "zh_CN.UTF-8").run().exits_with(0);
    for word in ["接入点", "使用中", "未查询", "来自"] {
        assert!(chinese.stdout.contains(word), "{word}: {chinese:?}");
    }
}

#[test]
fn a_test_makes_one_call_that_changes_nothing() {
    let emulator = Emulator::start(&[]);
    for (api, action) in
        [("2018-07-13", "DescribeUserCertificateList"), ("2020-04-07", "ListUserCertificateOrder")]
    {
        let before = emulator.requests().len();
        let arguments = ["whoami", "--test", "--output", "json", "--api", api];
        let found = casctl(&emulator, &arguments)
            .env("ALIBABA_CLOUD_STS_ENDPOINT", emulator.url())
            .run()
            .exits_with(0)
            .json();
        assert_eq!(
            (&found["test"]["action"], &found["test"]["api"]),
            (&json!(action), &json!(api))
        );
        assert_eq!(found["test"]["arn"], "acs:ram::1000000000000001:user/testid");
        let requests = emulator.requests();
        let actions: Vec<_> =
            requests[before..].iter().map(|one| one["action"].as_str().unwrap()).collect();
        assert_eq!(actions, [action, "GetCallerIdentity"]);
        assert_eq!(requests[before]["parameters"]["ShowSize"]["value"], "1");
    }
    // Without a host of STS, the key for another service is not sent to the real one.
    let alone = casctl(&emulator, &["whoami", "--test", "--output", "json"]).run().exits_with(0);
    assert_eq!(alone.json()["test"]["account_id"], Value::Null);
    let wrong = casctl(&emulator, &["whoami", "--test"])
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-of-this-test")
        .run()
        .exits_with(16);
    assert!(wrong.stderr.contains("secret is wrong"), "{wrong:?}");
    assert!(!format!("{wrong:?}").contains("canary"));
}

#[test]
fn profiles_are_described_and_asked_only_for_a_test() {
    let emulator = Emulator::start(&[]);
    let home = home("whoami-home");
    let of = |profile: &str, more: &[&str]| {
        let arguments = [&["--output", "json", "--profile", profile], more].concat();
        let program = whoami(&emulator, &home, &arguments);
        let outcome = program.env("ALIBABA_CLOUD_STS_ENDPOINT", emulator.url()).run();
        assert!(!format!("{outcome:?}").contains("testsecret"), "{outcome:?}");
        outcome
    };
    let serving = |found: &Value| {
        let sources = found["sources"].as_array().unwrap();
        sources.iter().find(|source| source["state"] == "serves").cloned().unwrap_or_default()
    };
    let plain = whoami(&emulator, &home, &["--output", "json"]).run().exits_with(0).json();
    assert_eq!(serving(&plain)["details"]["mode"], "AK");
    assert!(plain["source"].as_str().unwrap().contains(".aliyun/config.json"), "{plain}");
    let role = of("role", &[]).exits_with(0).json();
    assert_eq!(
        serving(&role)["details"]["ram_role_arn"],
        "acs:ram::1000000000000001:role/deployer"
    );
    assert_eq!(role["access_key"], Value::Null);
    assert!(emulator.requests().is_empty(), "STS was asked");
    let role = of("role", &["--test"]).exits_with(0).json();
    assert_eq!(role["access_key"]["temporary"], true);
    assert!(role["access_key"]["expires"].as_str().unwrap().ends_with('Z'), "{role}");
    assert!(role["test"]["arn"].as_str().unwrap().contains("assumed-role/deployer"), "{role}");
    let process = of("process", &[]).exits_with(0).json();
    assert_eq!(serving(&process)["details"]["mode"], "External");
    assert!(!home.join("ran").exists(), "the program was run");
    of("process", &["--test"]).exits_with(13);
    assert!(home.join("ran").exists());
    let broken = of("broken", &[]).exits_with(13).json();
    assert!(broken["error"]["message"].as_str().unwrap().contains("access_key_id is missing"));
    let missing = of("no-such-profile", &[]).exits_with(13).json();
    assert_eq!(missing["error"]["kind"], "credentials");
}

#[test]
fn proxies_are_shown_without_their_login() {
    let whoami = |variable: &str, url: &str| {
        Program::new(artefact("casctl"))
            .args(["whoami", "--output", "json"])
            .env(variable, url)
            .run()
            .exits_with(0)
    };
    for (variable, url, shown) in [
        ("HTTPS_PROXY", "http://canary:canary@proxy.example:3128", "http://****:****@"),
        ("https_proxy", "socks5h://proxy.example", "socks5h://"),
        ("CASCTL_PROXY", "http://canary@proxy.example", "http://****:****@"),
    ] {
        let outcome = whoami(variable, url);
        assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        let proxy = outcome.json()["proxy"].as_str().unwrap().to_owned();
        assert!(proxy.starts_with(&format!("{shown}proxy.example:")), "{proxy}");
    }
    let outcome = whoami("NO_PROXY", "*").json();
    assert_eq!(outcome["proxy"], Value::Null);
    assert_eq!(outcome["endpoint"], "https://cas.aliyuncs.com/");
}

#[test]
fn unusable_settings_are_errors_and_the_rest_is_shown() {
    let alone =
        |arguments: &[&str]| Program::new(artefact("casctl")).arg("whoami").args(arguments).run();
    let outcome = alone(&["--ca-file", "/nonexistent/ca.pem"]).exits_with(21);
    assert!(outcome.stdout.contains("Trusted roots: invalid"), "{outcome:?}");
    assert!(outcome.stderr.contains("/nonexistent/ca.pem"), "{outcome:?}");
    let json = alone(&["--ca-file", "/nonexistent/ca.pem", "--output", "json"]).exits_with(21);
    assert_eq!(json.json()["error"]["kind"], "io");
    alone(&["--region", "Not a region"]).exits_with(2);
}
