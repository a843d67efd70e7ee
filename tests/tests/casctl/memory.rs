//! What other programs can see of a running casctl: no secret on a command line or in a child, and
//! no key in its memory once it was sent.

use std::fs;

use acceptance::{Emulator, artefact, chain, memory};
use serde_json::json;

use super::canary::{Canary, PASSWORD, SECRET, TOKEN, assert_clean, forms, latin1, marks_of_key};
use super::lineages::{self, Issuer};
use super::terminal::{on_it, on_terminal, script, type_unseen};

/// Waits until the last fault that was added affects a call.
fn wait_for_fault(emulator: &Emulator) {
    while emulator.faults().last().unwrap()["left"] != 0 {
        std::thread::yield_now();
    }
}

/// The uploads of both versions of the API.
const UPLOADS: [(&str, &str); 2] =
    [("2018-07-13", "CreateUserCertificate"), ("2020-04-07", "UploadUserCertificate")];

#[test]
fn neither_a_command_line_nor_a_child_has_a_secret() {
    let canary = Canary::new("canary-processes");
    let emulator = Canary::emulator();
    // A program of the user that has the access key. It notes how it was called.
    let program = canary.input.join("key.sh");
    let answer = json!({"mode": "StsToken", "access_key_id": "canaryid",
        "access_key_secret": SECRET, "sts_token": TOKEN});
    fs::write(canary.input.join("answer.json"), answer.to_string()).unwrap();
    let input = canary.input.display();
    fs::write(
        &program,
        format!(
            "cat /proc/self/cmdline /proc/$$/cmdline /proc/$PPID/cmdline /proc/$$/environ > seen\n\
             cat '{input}/answer.json'\n"
        ),
    )
    .unwrap();
    fs::create_dir_all(canary.input.join(".aliyun")).unwrap();
    let profile = json!({"name": "default", "mode": "External",
        "process_command": format!("sh {}", program.display())});
    let profiles = json!({"current": "default", "profiles": [profile]}).to_string();
    fs::write(canary.input.join(".aliyun/config.json"), profiles).unwrap();
    emulator.fault(r#"{"action":"CreateUserCertificate","kind":"delay","ms":600000,"times":1}"#);
    let upload = ["upload", "site", "--pfx", "@/one.pfx", "--pfx-password-file", "@/password"];
    let process = canary
        .casctl(emulator.url(), &upload)
        .env("HOME", &canary.input)
        .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
        .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
        .without("ALIBABA_CLOUD_SECURITY_TOKEN")
        .start();
    wait_for_fault(&emulator);
    for file in ["cmdline", "environ"] {
        let text = latin1(&fs::read(format!("/proc/{}/{file}", process.id())).unwrap());
        assert!(!text.is_empty());
        assert_clean(file, &text, &canary.marks);
    }
    drop(process);
    assert!(fs::metadata(canary.written.join("seen")).unwrap().len() > 0);
    assert_eq!(canary.check_files(), 1);
}

#[test]
fn no_key_that_was_sent_stays_in_memory() {
    let issuer = Issuer::new();
    let [cert, key] = chain().files();
    for (version, action) in UPLOADS {
        for command in [&["upload", "--from"][..], &["sync", "--no-served"]] {
            for tls in [&[][..], &["--tls-cert", cert, "--tls-key", key]] {
                // The response to the first upload is lost, so that casctl reads the details, which
                // have the key in version 2018-07-13. The fourth upload waits.
                let lost = json!({"action": action, "kind": "drop-after"}).to_string();
                let waits = json!({"action": action, "kind": "delay", "ms": 600_000, "skip": 2});
                let faults = ["--fault", &lost, "--fault", &waits.to_string()].map(str::to_owned);
                let options: Vec<&str> =
                    faults.iter().map(String::as_str).chain(tls.iter().copied()).collect();
                let emulator = Emulator::start(&options);
                keeps_no_key(&emulator, &issuer, &[command, &["--api", version]].concat());
            }
        }
    }
}

/// Uploads four certificates, the last of which waits, and searches the memory.
#[track_caller]
fn keeps_no_key(emulator: &Emulator, issuer: &Issuer, command: &[&str]) {
    let top = lineages::directory(&format!("canary-memory-{}", emulator.port()));
    let keys: Vec<_> = (1..=4)
        .map(|number| {
            let domain = format!("site-{number}.example");
            let mut pair = issuer.issue(&domain);
            let marks = marks_of_key(&pair);
            // Files of different sizes, so that one does not overwrite what is left of another.
            pair.key.insert_str(0, &"A comment of 30 characters...\n".repeat(5 * (5 - number)));
            lineages::lego(&top, &domain, &pair);
            marks
        })
        .collect();
    let [sent @ .., waiting] = &keys[..] else { unreachable!() };
    let (first, options) = command.split_at(2);
    let mut process = acceptance::casctl(emulator, first)
        .arg(&top)
        .args(options)
        .args(["--jobs", "1", "--timeout", "300", "--ca-file"])
        .arg(&chain().root)
        .start();
    for _ in sent {
        process.line().unwrap();
    }
    // The control: what is being sent is found. While it was read for the first time, the memory
    // may have changed.
    let read = || latin1(&memory::bytes_of(process.id()));
    let is_waiting = |held: &String| waiting.iter().any(|mark| held.contains(mark));
    while !is_waiting(&read()) {}
    let held = read();
    assert!(is_waiting(&held), "what is being sent is no longer found");
    for mark in sent.iter().flatten() {
        assert!(!held.contains(mark), "{command:?} at {}: {mark:?}", emulator.url());
    }
}

#[test]
fn no_password_stays_in_memory() {
    let canary = Canary::new("canary-password");
    // The end alone as well: what frees memory may overwrite where it began.
    let end = &PASSWORD[PASSWORD.len() - 18..];
    let password = [PASSWORD, end].map(|text| forms(text.as_bytes())).concat();
    let emulator = Canary::emulator();
    let hold = || {
        emulator.clear_faults();
        emulator.fault(r#"{"action":"*","kind":"delay","ms":600000,"times":1}"#);
    };
    let check = |id: u32, marks: &[String]| {
        wait_for_fault(&emulator);
        let held = latin1(&memory::bytes_of(id));
        assert!(held.contains("canaryid"), "the search finds nothing");
        for mark in marks {
            assert!(!held.contains(mark), "{mark:?}");
        }
    };
    hold();
    let upload = ["upload", "site", "--pfx", "@/one.pfx", "--pfx-password-file", "@/password"];
    let process = canary.casctl(emulator.url(), &upload).start();
    check(process.id(), &password);
    drop(process);
    hold();
    let (casctl, pfx) = (artefact("casctl"), canary.input.join("one.pfx"));
    let command = format!("'{}' upload site --pfx '{}'", casctl.display(), pfx.display());
    let program = canary.in_environment(script(&emulator), emulator.url());
    let mut terminal = on_terminal(program, &command);
    type_unseen(&mut terminal, &format!("{PASSWORD}\n"));
    check(on_it(&terminal), &password);
}
