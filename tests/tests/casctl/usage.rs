//! Options, help, languages and wrong usage.

use std::collections::BTreeSet;

use acceptance::{Emulator, Program, artefact, casctl, chain};

fn alone(arguments: &[&str]) -> Program {
    Program::new(artefact("casctl")).args(arguments)
}

pub const COMMANDS: [&str; 14] = [
    "upload",
    "hook",
    "check",
    "list",
    "show",
    "delete",
    "prune",
    "deploy",
    "sync",
    "whoami",
    "doctor",
    "explain-signature",
    "completions",
    "man",
];

#[test]
fn help_is_in_the_language_of_the_environment() {
    let english = alone(&["--help"]).run().exits_with(0).stdout;
    let chinese = alone(&["--help"]).env("LANG", "zh_CN.UTF-8").run().exits_with(0).stdout;
    let other = alone(&["--help"]).env("LANG", "zh_CN.GBK").run().exits_with(0).stdout;
    assert!(english.contains("Usage: casctl") && chinese.contains("用法：casctl"), "{chinese}");
    assert_eq!(english, other);
    for command in COMMANDS {
        assert!(english.contains(&format!("\n  {command}")), "{command}");
        let help = |language: &str| {
            alone(&[command, "--help"]).env("LANG", language).run().exits_with(0).stdout
        };
        let (english, chinese) = (help("C"), help("zh_CN.UTF-8"));
        assert!(english.is_ascii(), "{english}");
        for text in ["Usage:", "Options:", "Arguments:", "Print", "[default", "[possible"] {
            assert!(!chinese.contains(text), "{command}: {text}");
        }
        let options = |help: &str| -> BTreeSet<String> {
            let after = help.split("--").skip(1);
            let is_of_name = |c: &char| c.is_ascii_lowercase() || *c == '-';
            after.map(|text| text.chars().take_while(is_of_name).collect()).collect()
        };
        assert_eq!(options(&english), options(&chinese), "{command}");
    }
}

#[test]
fn the_version_is_one_line() {
    for option in ["--version", "-V"] {
        let version = alone(&[option]).run().exits_with(0).stdout;
        assert_eq!(version, concat!("casctl ", env!("CARGO_PKG_VERSION"), "\n"));
    }
}

#[test]
fn wrong_usage_is_explained_without_the_values() {
    for (arguments, wanted) in [
        (&["uplod"][..], "Did you mean upload?"),
        (&["list", "--nam", "x"], "Did you mean --name?"),
        (&["list", "--output", "canary"], "expected one of text, json"),
        (&["list", "--max-attempts", "canary"], "Invalid value of --max-attempts"),
        (&["list", "--max-attempts", "0"], "must be positive"),
        (&["list", "--timeout", "canary"], "Invalid value of --timeout"),
        (&["list", "--timeout", "0"], "must be positive"),
        (&["list", "--endpoint", "ftp://canary"], "endpoint"),
        (&["list", "--region", "CANARY"], "region"),
        (&["list", "--name", "[canary"], "Invalid value of --name"),
        (&["upload", "a", "canary"], "not expected here"),
        (&["upload", "a", "--key", "canary"], "Missing --cert"),
        (&["upload", "a", "--cert", "/dev/null", "--pfx", "canary"], "cannot be used with"),
        (&["upload", "a", "--access-key-secret=canary"], "Secrets are not options"),
        (&["upload", "a", "--access-key-secret", "canary"], "Secrets are not options"),
        (&["show"], "Missing CERT_ID"),
        (&["show", "-5"], "Invalid CertId -5: must be positive."),
        (&["show", "canary"], "Invalid value of CERT_ID"),
        (&["delete", "0"], "Invalid CertId 0"),
        (&["list", "-----BEGIN PRIVATE KEY-----canary"], "Unknown option"),
    ] {
        for format in ["text", "json"] {
            let outcome = alone(arguments).env("CASCTL_OUTPUT", format).run().exits_with(2);
            assert!(outcome.stderr.contains(wanted), "{arguments:?}: {outcome:?}");
            assert!(!outcome.stderr.contains("canary"), "{arguments:?}: {outcome:?}");
            assert_eq!(outcome.stdout, "");
            if format == "json" {
                let error: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
                assert_eq!(error["error"]["exit_status"], 2);
            }
        }
    }
    assert!(alone(&[]).run().exits_with(2).stderr.contains("Usage"));
}

#[test]
fn common_options_come_from_the_environment_too() {
    let emulator = Emulator::start(&["--region", "ap-southeast-1"]);
    let upload = ["upload", "site", "--print", "cert-identifier", "--cert"];
    let outcome = casctl(&emulator, &upload)
        .arg(&chain().chain)
        .args(["--key"])
        .arg(&chain().key)
        .env("CASCTL_REGION", "ap-southeast-1")
        .env("CASCTL_API", "2020-04-07")
        .env("CASCTL_SIGNATURE", "acs3")
        .env("CASCTL_TIMEOUT", "30")
        .env("CASCTL_MAX_ATTEMPTS", "2")
        .env("CASCTL_PROXY", "")
        .env("CASCTL_CA_FILE", "")
        .run()
        .exits_with(0);
    assert_eq!(outcome.stdout, "10000000-ap-southeast-1\n");
    let request = &emulator.requests()[0];
    assert_eq!(
        (&request["action"], &request["signature"]),
        (&"UploadUserCertificate".into(), &"acs3".into())
    );
    let json = casctl(&emulator, &["list"]).env("CASCTL_OUTPUT", "json").run().exits_with(0);
    assert_eq!(json.json()["cert_id"], 10_000_000);
    // The command line takes precedence.
    let text = casctl(&emulator, &["list", "--output", "text"]).env("CASCTL_OUTPUT", "json").run();
    assert!(text.exits_with(0).stdout.contains("CERT ID"));
}
