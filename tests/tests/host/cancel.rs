//! Calls that another thread ends with `cas_client_cancel`, whatever they are waiting for.
//!
//! The program compares each with the same call of another client that is not cancelled. `make
//! test-cancel` repeats everything more often and shows the times.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use acceptance::network::silent::{Full, Silent};
use acceptance::program::compile_preload;
use acceptance::{Emulator, Outcome, Program, chain, compile, other_chain, run, scratch};

const CANCELLED: &str = "CAS_ERR_CANCELLED";
const UNKNOWN: &str = "CAS_ERR_OUTCOME_UNKNOWN";

/// How often a call is cancelled in each state.
fn times() -> usize {
    std::env::var("CANCEL_TIMES").map_or(10, |times| times.parse().unwrap())
}

/// Cancels calls that wait, with these settings. They end with the first of `statuses`, and on a
/// busy machine, where some have not begun to wait, with one of the rest.
#[track_caller]
fn cancel(what: &str, endpoint: &str, call: &str, statuses: &[&str], settings: &[(&str, &str)]) {
    let program = Program::new(compile("tests/fixtures/c/cancel.c", &[])).envs(settings);
    check(what, program, endpoint, call, statuses);
}

#[track_caller]
fn check(what: &str, program: Program, endpoint: &str, call: &str, statuses: &[&str]) {
    let program = program.arg(endpoint).with_chain().arg(call).arg(times().to_string());
    let outcome = program.arg(&other_chain().chain).arg(&other_chain().key).run();
    assert_eq!(outcome.code, Some(0), "{what}: {}\n{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stderr, "", "{what}");
    println!("{what}, {call}: {}", outcome.stdout.replace('\n', " "));
    assert_statuses(what, &outcome, statuses);
}

#[track_caller]
fn assert_statuses(what: &str, outcome: &Outcome, statuses: &[&str]) {
    let counts: BTreeMap<_, usize> = outcome
        .stdout
        .lines()
        .filter(|line| line.starts_with("CAS_"))
        .filter_map(|line| line.split_once('='))
        .map(|(status, count)| (status, count.parse().unwrap()))
        .collect();
    assert!(counts.keys().all(|status| statuses.contains(status)), "{what}: {counts:?}");
    assert!(counts.contains_key(statuses[0]), "{what}: {counts:?}");
}

/// A call sends nothing before its wait is over.
#[track_caller]
fn cancel_before_sending(what: &str, endpoint: &str, settings: &[(&str, &str)]) {
    for call in ["upload", "list"] {
        cancel(what, endpoint, call, &[CANCELLED], settings);
    }
}

#[test]
fn looking_up_a_name() {
    let hangs = scratch("cancel-names").join("hangs");
    fs::write(&hangs, "").unwrap();
    let preload = compile_preload("tests/fixtures/c/name_service.c");
    let settings = [
        ("LD_PRELOAD", preload.to_str().unwrap()),
        ("NAME_SERVICE_HANGS", hangs.to_str().unwrap()),
        ("MARK", "Sending"),
    ];
    cancel_before_sending("looking up the endpoint", "https://cas.example", &settings);
    let proxy = [&settings[..], &[("CAS_PROXY", "http://proxy.example:3128")]].concat();
    cancel_before_sending("looking up the proxy", "http://127.0.0.1:1", &proxy);
}

#[test]
fn connecting() {
    let full = Full::start();
    for scheme in ["http", "https"] {
        let endpoint = format!("{scheme}://{}", full.address());
        cancel_before_sending("connecting", &endpoint, &[("MARK", "Sending")]);
    }
    let proxy = format!("http://{}", full.address());
    let settings = [("MARK", "Sending"), ("CAS_PROXY", proxy.as_str())];
    cancel_before_sending("connecting to a proxy", "https://127.0.0.1:1", &settings);
}

#[test]
fn waiting_for_a_proxy() {
    for scheme in ["http", "socks5", "socks5h"] {
        for endpoint in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
            // An HTTP proxy gets what is sent without TLS at once.
            if scheme == "http" && endpoint.starts_with("http:") {
                continue;
            }
            let silent = Silent::start();
            let proxy = format!("{scheme}://{}", silent.address());
            let settings = [("MARK", "Sending"), ("CAS_PROXY", proxy.as_str())];
            cancel_before_sending(&format!("{scheme} proxy to {endpoint}"), endpoint, &settings);
            assert!(silent.heard() * 4 > times(), "{scheme}");
        }
    }
}

#[test]
fn shaking_hands() {
    let silent = Silent::start();
    let endpoint = format!("https://{}", silent.address());
    cancel_before_sending("TLS handshake", &endpoint, &[("MARK", "Sending")]);
    assert!(silent.heard() * 4 > times());
}

/// Calls, and their status once they may have changed something.
const CALLS: [(&str, &[&str]); 4] = [
    ("upload", &[UNKNOWN, CANCELLED]),
    ("get", &[CANCELLED]),
    ("list", &[CANCELLED]),
    ("delete", &[UNKNOWN, CANCELLED]),
];

#[test]
fn waiting_for_a_response() {
    let silent = Silent::start();
    let endpoint = format!("http://{}", silent.address());
    for (call, statuses) in CALLS {
        cancel("response over HTTP", &endpoint, call, statuses, &[("MARK", "Sending")]);
    }
    assert!(silent.heard() > times());

    let [cert, key] = chain().files();
    let faults: Vec<_> = [
        "CreateUserCertificate",
        "DescribeUserCertificateDetail",
        "DescribeUserCertificateList",
        "DeleteUserCertificate",
    ]
    .iter()
    .map(|action| fault(action, r#""kind":"delay","ms":600000"#))
    .collect();
    let options: Vec<_> = faults.iter().flat_map(|fault| ["--fault", fault]).collect();
    let emulator = Emulator::start_tls(cert, key, &options);
    let settings = [("MARK", "Sending"), ("CAS_CA_FILE", chain().root.to_str().unwrap())];
    for (call, statuses) in CALLS {
        cancel("response over HTTPS", emulator.url(), call, statuses, &settings);
    }
}

fn fault(action: &str, rest: &str) -> String {
    format!(r#"{{"action":"{action}","times":100000,{rest}}}"#)
}

#[test]
fn backing_off() {
    let throttled = fault(
        "CreateUserCertificate",
        r#""kind":"error","status":400,"code":"Throttling.User","message":"later",
            "headers":{"x-acs-retry-after":"250000"}"#,
    );
    let settings = [("MARK", "Retry in")];
    let emulator = Emulator::start(&["--fault", &throttled]);
    cancel("throttled over HTTP", emulator.url(), "upload", &[CANCELLED], &settings);
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &["--fault", &throttled]);
    let trusted = [settings[0], ("CAS_CA_FILE", chain().root.to_str().unwrap())];
    cancel("throttled over HTTPS", emulator.url(), "upload", &[CANCELLED], &trusted);
    for endpoint in ["http://127.0.0.1:1", "https://127.0.0.1:1"] {
        cancel_before_sending(&format!("refused by {endpoint}"), endpoint, &settings);
    }
}

#[test]
fn waiting_for_a_turn() {
    let emulator = Emulator::start(&[]);
    // One of the threads has its turn at once, and after a second another one.
    let settings = [("CAS_RATE_LIMIT", "1"), ("THREADS", "60")];
    cancel("rate limit over HTTP", emulator.url(), "upload", &[CANCELLED, "CAS_OK"], &settings);
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    let trusted = [&settings[..], &[("CAS_CA_FILE", chain().root.to_str().unwrap())]].concat();
    cancel("rate limit over HTTPS", emulator.url(), "upload", &[CANCELLED, "CAS_OK"], &trusted);
}

/// A program without access key whose home directory is new.
fn without_key(name: &str) -> (Program, PathBuf) {
    let home = scratch(name);
    let program = Program::new(compile("tests/fixtures/c/cancel.c", &[]))
        .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
        .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        .env("HOME", &home);
    (program, home)
}

#[test]
fn waiting_for_an_access_key() {
    let emulator = Emulator::start(&[]);
    // With several threads, one fetches the key and the others wait for it.
    for threads in ["1", "4"] {
        for call in ["upload", "delete"] {
            let silent = Silent::start();
            let uri = format!("http://{}/key", silent.address());
            let (program, _) = without_key("cancel-uri");
            let program = program.env("ALIBABA_CLOUD_CREDENTIALS_URI", uri);
            let what = format!("credentials URI, {threads} threads");
            check(&what, program.env("THREADS", threads), emulator.url(), call, &[CANCELLED]);
            assert!(silent.heard() * 4 > times(), "{what}: {}", silent.heard());
        }

        let (program, home) = without_key("cancel-process");
        let profile = r#"{"current":"work","profiles":[{"name":"work","mode":"External",
            "process_command":"sleep 600"}]}"#;
        fs::create_dir_all(home.join(".aliyun")).unwrap();
        fs::write(home.join(".aliyun/config.json"), profile).unwrap();
        let program = program.env("CAS_PROFILE", "work").env("THREADS", threads);
        let what = format!("process_command, {threads} threads");
        check(&what, program, emulator.url(), "upload", &[CANCELLED]);
    }
    let (program, home) = without_key("cancel-pipe");
    fs::create_dir_all(home.join(".aliyun")).unwrap();
    run(Command::new("mkfifo").arg(home.join(".aliyun/config.json")));
    check("config.json is a pipe", program, emulator.url(), "upload", &[CANCELLED]);
    let (program, scratch) = without_key("cancel-passwd");
    let program = program.without("HOME").env("TRACE", scratch.join("trace"));
    let preload = compile_preload("tests/fixtures/c/trace_environment.c");
    let program = program.env("TRACE_HANG", "1").env("LD_PRELOAD", preload);
    check("password database", program, emulator.url(), "upload", &[CANCELLED]);
    assert_eq!(emulator.requests().len(), 0);
}

#[test]
fn looking_up_what_a_lost_response_said() {
    let lost = fault("CreateUserCertificate", r#""kind":"drop-after""#);
    let slow = fault("DescribeUserCertificateList", r#""kind":"delay","ms":600000"#);
    let emulator = Emulator::start(&["--fault", &lost, "--fault", &slow]);
    let settings = [("MARK", "Sending DescribeUserCertificateList")];
    cancel("look-up over HTTP", emulator.url(), "upload", &[UNKNOWN], &settings);
    // All of them are stored: the status says so.
    assert_eq!(emulator.certificates().len(), times() + 1);
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &["--fault", &lost, "--fault", &slow]);
    let trusted = [settings[0], ("CAS_CA_FILE", chain().root.to_str().unwrap())];
    cancel("look-up over HTTPS", emulator.url(), "upload", &[UNKNOWN], &trusted);
}

#[test]
fn deleting_the_replaced_certificate() {
    let slow = fault("DeleteUserCertificate", r#""kind":"delay","ms":600000"#);
    let mark = ("MARK", "Sending DeleteUserCertificate");
    let emulator = Emulator::start(&["--fault", &slow]);
    cancel("deletion over HTTP", emulator.url(), "replace", &["CAS_OK"], &[mark]);
    assert_eq!(emulator.certificates().len(), 2 * (times() + 1));
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &["--fault", &slow]);
    let settings = [mark, ("CAS_CA_FILE", chain().root.to_str().unwrap())];
    cancel("deletion over HTTPS", emulator.url(), "replace", &["CAS_OK"], &settings);
}

#[test]
fn in_a_signal_handler_in_a_child_and_before_a_call() {
    let (emulator, silent) = (Emulator::start(&[]), Silent::start());
    let program = Program::new(compile("tests/fixtures/c/cancel_anywhere.c", &[]));
    let silent = format!("http://{}", silent.address());
    program.arg(emulator.url()).with_chain().arg(silent).arg("100").succeed();
    assert_eq!(emulator.certificates().len(), 100);
}

#[test]
fn a_storm_of_cancellations_stores_nothing_twice() {
    let uploads = (10 * times()).min(200);
    let emulator = Emulator::start(&[]);
    let storm = || Program::new(compile("tests/fixtures/c/cancel_storm.c", &[]));
    let run = |program: Program, emulator: &Emulator| {
        let program = program.arg(emulator.url()).with_chain().arg(uploads.to_string());
        println!("storm: {}", program.succeed());
    };
    run(storm(), &emulator);
    let mut names: Vec<_> =
        emulator.certificates().iter().map(|one| one["name"].to_string()).collect();
    names.sort();
    assert_eq!(names.len(), 8 * uploads);
    names.dedup();
    assert_eq!(names.len(), 8 * uploads);

    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    run(storm().env("CAS_CA_FILE", &chain().root), &emulator);
}

/// The programs above under a tool that watches memory, with fewer uploads.
#[track_caller]
fn watched(uploads: &str, tool: impl Fn(&str) -> Program) {
    let (emulator, silent) = (Emulator::start(&[]), Silent::start());
    let silent = format!("http://{}", silent.address());
    let waiting = tool("tests/fixtures/c/cancel.c").env("MARK", "Sending").env("THREADS", "3");
    let waiting = waiting.env("UNBOUNDED", "1").arg(&silent).with_chain().args(["upload", "5"]);
    waiting.succeed();
    let anywhere = tool("tests/fixtures/c/cancel_anywhere.c");
    anywhere.arg(emulator.url()).with_chain().arg(&silent).arg(uploads).succeed();
    let storm = tool("tests/fixtures/c/cancel_storm.c");
    storm.arg(emulator.url()).with_chain().arg(uploads).succeed();
}

#[test]
fn thread_sanitizer_finds_no_race() {
    watched("10", |source| {
        let program = Program::new(compile(source, &["-fsanitize=thread"]));
        program.env("TSAN_OPTIONS", "ignore_noninstrumented_modules=1")
    });
}

#[test]
fn valgrind_finds_no_error_and_no_leak() {
    watched("2", |source| {
        Program::new("valgrind")
            .args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--fair-sched=yes"])
            .arg("--show-leak-kinds=definite,indirect,possible")
            .arg("--errors-for-leak-kinds=definite,indirect,possible")
            .arg(compile(source, &[]))
    });
}
