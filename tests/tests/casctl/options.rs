//! Options, variables and exit statuses that belong to no single command.

use std::fs;
use std::process::Command;

use acceptance::network::silent::Full;
use acceptance::program::compile_preload;
use acceptance::{Emulator, Outcome, Process, Program, artefact, casctl, chain, other_chain, run};
use serde_json::{Value, json};

use super::deploy::{FIRST, add_resources, upload as upload_for};
use super::lineages::{self, Issuer};
use super::terminal::{interrupt_until_it_ends, on_terminal, script, type_unseen};

fn upload(emulator: &Emulator, more: &[&str]) -> Outcome {
    let [cert, key] = chain().files();
    casctl(emulator, &[&["upload", "--cert", cert, "--key", key], more].concat()).run()
}

/// The value of a parameter of the last request with this action.
fn parameter(emulator: &Emulator, action: &str, name: &str) -> Value {
    let requests = emulator.requests();
    let request = requests.iter().rfind(|request| request["action"] == action).unwrap();
    request["parameters"][name]["value"].clone()
}

#[test]
fn the_source_address_is_sent() {
    let emulator = Emulator::start(&[]);
    upload(&emulator, &["site", "--source-ip", "192.0.2.7"]).exits_with(0);
    assert_eq!(parameter(&emulator, "CreateUserCertificate", "SourceIp"), "192.0.2.7");
    let before = emulator.requests().len();
    let invalid = upload(&emulator, &["site", "--source-ip", "canary"]).exits_with(2);
    assert!(invalid.stderr.contains("source address") && !invalid.stderr.contains("canary"));
    assert_eq!(emulator.requests().len(), before);
}

#[test]
fn the_same_certificate_counts_under_any_name_on_request() {
    let emulator = Emulator::start(&[]);
    upload(&emulator, &["first"]).exits_with(0);
    let found = upload(&emulator, &["second", "--any-name", "--output", "json"]).exits_with(0);
    let found = found.json();
    assert_eq!((&found["name"], &found["outcome"]), (&json!("first"), &json!("reused")));
    assert_eq!(emulator.certificates().len(), 1);
    upload(&emulator, &["second"]).exits_with(0);
    assert_eq!(emulator.certificates().len(), 2);
}

#[test]
fn a_finding_is_allowed_by_its_name() {
    let emulator = Emulator::start(&[]);
    let pair = Issuer::new().issue("*.allowed.example");
    let [_, key] = other_chain().files();
    let top = lineages::directory("allowed");
    let cert = top.join("cert.pem");
    fs::write(&cert, pair.chain).unwrap();
    let upload = |more: &[&str]| {
        let arguments = ["upload", "site", "--key", key, "--cert", cert.to_str().unwrap()];
        casctl(&emulator, &[&arguments, more].concat()).run()
    };
    let refused = upload(&[]).exits_with(12);
    assert!(refused.stderr.contains("--allow-finding"), "{refused:?}");
    assert!(emulator.requests().is_empty());
    // The service sees it, and refuses what does not belong together.
    upload(&["--allow-finding", "expired", "--allow-finding", "key-mismatch"]).exits_with(16);
    assert_eq!(emulator.requests().len(), 1);
    let unknown = upload(&["--allow-finding", "canary"]).exits_with(2);
    assert!(unknown.stderr.contains("finding"), "{unknown:?}");
}

#[test]
fn the_named_contacts_are_informed() {
    let emulator = Emulator::start(&[]);
    upload_for(&emulator, &Issuer::new(), "a.shop.example");
    add_resources(&emulator, &["a.shop.example"]);
    emulator.control_with("POST", "/_emulator/contacts", r#"[{"name":"second"},{"name":"third"}]"#);
    let deploy = |contacts: &[&str]| {
        let arguments = ["deploy", FIRST, "--domain", "a.shop.example", "--yes"];
        casctl(&emulator, &[&arguments, contacts].concat()).run()
    };
    deploy(&["--contact", "canary"]).exits_with(2);
    deploy(&["--contact", "3", "--contact", "2"]).exits_with(0);
    let contacts = parameter(&emulator, "CreateDeploymentJob", "ContactIds");
    let mut contacts: Vec<_> = contacts.as_str().unwrap().split(',').collect();
    contacts.sort_unstable();
    assert_eq!(contacts, ["2", "3"]);
}

#[test]
fn the_password_of_pkcs12_comes_from_a_file_the_environment_or_the_terminal() {
    let emulator = Emulator::start(&[]);
    let top = lineages::directory("password");
    let pfx = acceptance::top().join("tests/fixtures/data/pkcs12/keytool.p12");
    let [right, wrong] =
        [("right", "test-only\nsecond line\n"), ("wrong", "canary\n")].map(|(name, text)| {
            let path = top.join(name);
            fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        });
    let upload = |more: &[&str]| {
        casctl(&emulator, &["upload", "site", "--print", "outcome", "--pfx"]).arg(&pfx).args(more)
    };
    let of_file = upload(&["--pfx-password-file", &right]).run().exits_with(0);
    assert_eq!(of_file.stdout, "created\n");
    upload(&[]).env("CASCTL_PFX_PASSWORD", "test-only").run().exits_with(0);
    // A file is meant, whatever the environment says.
    let both = upload(&["--pfx-password-file", &right]).env("CASCTL_PFX_PASSWORD", "canary").run();
    both.exits_with(0);
    for outcome in [
        upload(&["--pfx-password-file", &wrong]).run(),
        upload(&[]).env("CASCTL_PFX_PASSWORD", "canary").run(),
        upload(&[]).run(),
    ] {
        let outcome = outcome.exits_with(12);
        assert!(outcome.stderr.contains("password"), "{outcome:?}");
        assert!(!outcome.stderr.contains("canary"), "{outcome:?}");
    }
    let missing = upload(&["--pfx-password-file", "/nonexistent/canary"]).run().exits_with(21);
    assert!(missing.stderr.contains("--pfx-password-file"), "{missing:?}");
    // Some pass the password itself.
    assert!(!missing.stderr.contains("canary"), "{missing:?}");
    casctl(&emulator, &["upload", "--pfx-password-file", &right]).run().exits_with(2);
    let command =
        format!("'{}' upload site --pfx '{}'", artefact("casctl").display(), pfx.display());
    for (password, status) in [("test-only", 0), ("canary", 12)] {
        let mut terminal = on_terminal(script(&emulator), &command);
        type_unseen(&mut terminal, &format!("{password}\n"));
        let outcome = terminal.finish().exits_with(status);
        assert!(outcome.stdout.contains("Password of the PKCS#12 file:"), "{outcome:?}");
        assert!(!outcome.stdout.contains(password), "{outcome:?}");
    }
    assert_eq!(emulator.certificates().len(), 1);
    // Ctrl+C ends casctl, not the shell, and the terminal shows again what is typed.
    let file = top.join("commands");
    fs::write(&file, format!("trap : INT\n{command}\necho status=$?\nstty -a\n")).unwrap();
    let mut terminal = on_terminal(script(&emulator), &format!("sh '{}'", file.display()));
    type_unseen(&mut terminal, "\u{3}");
    let shown = terminal.finish().exits_with(0).stdout;
    assert!(shown.contains("status=130"), "{shown}");
    assert!(shown.contains(" echo ") && shown.contains(" icanon "), "{shown}");
}

#[test]
fn verbose_and_quiet_change_what_is_said_and_nothing_else() {
    let emulator = Emulator::start(&[]);
    let list = |more: &[&str]| {
        let outcome = casctl(&emulator, &[&["list"], more].concat()).run().exits_with(0);
        assert_eq!(outcome.stdout, "");
        outcome.stderr
    };
    assert_eq!(list(&[]), "No certificates.\n");
    for quiet in [&["--quiet"][..], &["-q"], &["-q", "-vvv"]] {
        assert_eq!(list(quiet), "", "{quiet:?}");
    }
    let other = Emulator::start(&[]);
    let upload = |more: &[&str]| upload(&other, &[&["site"], more].concat()).exits_with(0).stderr;
    assert_eq!(upload(&[]), "");
    let says = |text: &str| (text.contains("CertId 10000000"), text.contains("Sending Create"));
    for (options, said) in [
        (&["--verbose"][..], (true, false)),
        (&["-v"], (true, false)),
        (&["-vv"], (true, true)),
        (&["--verbose", "--verbose"], (true, true)),
        (&["--quiet", "-vv"], (false, false)),
    ] {
        assert_eq!(says(&upload(options)), said, "{options:?}");
    }
    let json = list(&["-vv", "--output", "json"]);
    let mut notes = json.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert!(notes.all(|line| line["note"].is_string()), "{json}");
    for (value, is_quiet) in [("1", true), ("true", true), ("0", false), ("no", false), ("", false)]
    {
        let outcome = casctl(&emulator, &["list"]).env("CASCTL_QUIET", value).run().exits_with(0);
        assert_eq!(outcome.stderr.is_empty(), is_quiet, "{value}: {outcome:?}");
    }
    // An error is said in any case.
    let failed = casctl(&emulator, &["show", "7", "--quiet"]).run().exits_with(23);
    assert!(failed.stderr.starts_with("error: "), "{failed:?}");
}

#[test]
fn a_profile_is_chosen_by_the_environment() {
    let emulator = Emulator::start(&["--access-key", "profileid:profilesecret"]);
    let home = lineages::directory("profile-home");
    fs::create_dir_all(home.join(".aliyun")).unwrap();
    let profile = |name: &str, id: &str| {
        json!({"name": name, "mode": "AK", "access_key_id": id,
            "access_key_secret": "profilesecret"})
    };
    let profiles = [profile("default", "unknown"), profile("prod", "profileid")];
    let text = json!({"current": "default", "profiles": profiles}).to_string();
    fs::write(home.join(".aliyun/config.json"), text).unwrap();
    let list = |profile: &str| {
        let list = casctl(&emulator, &["list"]).env("HOME", &home);
        list.env("CASCTL_PROFILE", profile).run()
    };
    list("prod").exits_with(0);
    list("default").exits_with(16);
    list("missing").exits_with(13);
    // The key of the environment, which this emulator does not know.
    list("").exits_with(16);
}

#[test]
fn plain_http_to_other_hosts_has_to_be_allowed() {
    let list = || {
        let list = Program::new(artefact("casctl"));
        list.args(["list", "--endpoint", "http://no-such-name.invalid", "--max-attempts", "1"])
    };
    let refused = list().run().exits_with(11);
    assert!(refused.stderr.contains("use --allow-plaintext"), "{refused:?}");
    list().env("CASCTL_ALLOW_PLAINTEXT", "false").run().exits_with(11);
    // Allowed, it looks for the host.
    list().arg("--allow-plaintext").run().exits_with(14);
    list().env("CASCTL_ALLOW_PLAINTEXT", "1").run().exits_with(14);
}

#[test]
fn an_empty_variable_is_as_good_as_none() {
    let emulator = Emulator::start(&[]);
    for name in [
        "REGION",
        "PROFILE",
        "API",
        "SIGNATURE",
        "CA_FILE",
        "TIMEOUT",
        "MAX_ATTEMPTS",
        "OUTPUT",
        "QUIET",
        "ALLOW_PLAINTEXT",
    ] {
        let list = casctl(&emulator, &["list"]).env(&format!("CASCTL_{name}"), "").run();
        assert_eq!(list.exits_with(0).stderr, "No certificates.\n", "{name}");
    }
    let whoami = Program::new(artefact("casctl")).arg("whoami").env("CASCTL_ENDPOINT", "").run();
    assert!(whoami.exits_with(0).stdout.contains("https://cas.aliyuncs.com/"));
}

/// Runs a command with both kinds of output; returns the object of its error.
#[track_caller]
fn fails(status: i32, kind: &str, program: impl Fn() -> Program) -> Value {
    let text = program().run().exits_with(status);
    assert!(text.stderr.contains("error: ") && text.stderr.contains("what to do:"), "{text:?}");
    let json = program().env("CASCTL_OUTPUT", "json").run().exits_with(status);
    let lines = json.stderr.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let errors: Vec<_> = lines.filter(|line| line["error"].is_object()).collect();
    let [error] = &errors[..] else { panic!("{json:?}") };
    let error = &error["error"];
    assert_eq!((&error["kind"], &error["exit_status"]), (&json!(kind), &json!(status)), "{json:?}");
    error.clone()
}

#[test]
fn time_that_ran_out_before_anything_was_sent_is_15() {
    let full = Full::start();
    let url = format!("http://{}", full.address());
    let list = || {
        Program::new(artefact("casctl")).args(["list", "--endpoint", &url, "--timeout", "200ms"])
    };
    assert_eq!(fails(15, "timeout", list)["retryable"], true);
}

#[test]
fn throttling_that_does_not_end_is_17() {
    let emulator = Emulator::start(&[]);
    emulator.fault(
        r#"{"action":"*","kind":"error","status":400,"code":"Throttling.User","times":1000}"#,
    );
    let list = || casctl(&emulator, &["list", "--timeout", "2s"]);
    assert_eq!(fails(17, "throttled", list)["service_code"], "Throttling.User");
}

#[test]
fn a_response_of_something_else_is_19() {
    let emulator = Emulator::start(&[]);
    emulator.fault(r#"{"action":"*","kind":"garbage","times":1000}"#);
    let error = fails(19, "protocol", || casctl(&emulator, &["list", "--timeout", "2s"]));
    assert_eq!(error["service_code"], Value::Null);
}

/// `casctl` without the threads that it needs, after the first few.
fn without_threads(program: Program, after: &str) -> Program {
    program
        .env("LD_PRELOAD", compile_preload("tests/fixtures/c/exhausted.c"))
        .env("EXHAUSTED", "pthread_create")
        .env("EXHAUSTED_ERRNO", "11")
        .env("EXHAUSTED_AFTER", after)
}

#[test]
fn what_must_not_happen_is_22() {
    let emulator = Emulator::start(&[]);
    let error = fails(22, "internal", || without_threads(casctl(&emulator, &["list"]), "0"));
    assert!(error["message"].as_str().unwrap().contains("signals"), "{error}");
    // A panic.
    let top = lineages::directory("panic");
    lineages::lego(&top, "a.example", &Issuer::new().issue("a.example"));
    let error = fails(22, "internal", || {
        without_threads(casctl(&emulator, &["upload", "--from"]).arg(&top), "1")
    });
    assert!(error["message"].as_str().unwrap().starts_with("casctl failed at "), "{error}");
    assert!(emulator.certificates().is_empty());
}

/// Sends a signal.
fn signal(process: &Process, name: &str) {
    run(Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]));
}

#[test]
fn an_interruption_before_anything_was_stored_is_25() {
    let emulator = Emulator::start(&[]);
    for name in ["INT", "TERM"] {
        // Nothing leaves before the connection is open.
        let full = Full::start();
        let url = format!("http://{}", full.address());
        let [cert, key] = chain().files();
        let upload = ["upload", "site", "--cert", cert, "--key", key, "--endpoint", &url, "-vv"];
        let process = casctl(&emulator, &upload).start();
        wait_for_connection(&process);
        signal(&process, name);
        let outcome = process.finish().exits_with(25);
        assert!(outcome.stderr.contains("cancelled"), "{outcome:?}");
    }
    assert!(emulator.requests().is_empty());
}

/// Waits until a process has begun to open a connection.
fn wait_for_connection(process: &Process) {
    let files = format!("/proc/{}/fd", process.id());
    let is_socket = |entry: std::io::Result<fs::DirEntry>| {
        let target = fs::read_link(entry.unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().starts_with("socket:"))
    };
    // Two are those of the signals.
    while fs::read_dir(&files).unwrap().filter_map(|entry| is_socket(entry).then_some(())).count()
        < 3
    {
        std::thread::yield_now();
    }
}

#[test]
fn a_second_signal_ends_it_at_once_with_130() {
    let emulator = Emulator::start(&[]);
    let issuer = Issuer::new();
    for _ in 0..2 {
        upload_for(&emulator, &issuer, "a.example");
    }
    let command = format!("'{}' prune --name '*'", artefact("casctl").display());
    let mut terminal = on_terminal(script(&emulator), &command);
    // It has asked, and waits for the answer.
    while terminal.line().is_some_and(|line| !line.contains("CERT ID")) {}
    let outcome = interrupt_until_it_ends(terminal).exits_with(130);
    assert!(outcome.stdout.contains("[y/N]"), "{outcome:?}");
    assert_eq!(emulator.certificates().len(), 2);
}
