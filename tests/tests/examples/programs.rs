//! The examples in C that are more than an upload, under valgrind as well.

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::program::compile_plugin_host;
use acceptance::{Emulator, Program, artefact, compile, other_chain, run, scratch};

use super::last_line;

/// A program under valgrind, whose status is 99 for an error or a leak.
fn valgrind(program: &Path) -> Program {
    Program::new("valgrind")
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
        .args(["--errors-for-leak-kinds=definite,indirect,possible"])
        .args(["--show-leak-kinds=definite,indirect,possible"])
        .arg(program)
}

/// Adds the name and the files of an upload.
fn job(program: Program, name: &str) -> Program {
    program.arg(name).with_chain()
}

fn names(emulator: &Emulator) -> Vec<String> {
    let certificates = emulator.certificates();
    let name = |one: &serde_json::Value| one["name"].as_str().unwrap().to_owned();
    let mut names: Vec<_> = certificates.iter().map(name).collect();
    names.sort();
    names
}

#[test]
fn list_and_prune_c_deletes_what_has_expired_and_matches_and_only_if_told_to() {
    let emulator = Emulator::start(&[]);
    let upload = compile("examples/c/upload.c", &[]);
    for name in ["web-1", "web-2", "mail"] {
        job(Program::new(&upload), name).arg(emulator.url()).succeed();
    }
    let prune = compile("examples/c/list_and_prune.c", &[]);
    let start = |arguments: &[&str]| valgrind(&prune).args(arguments).arg(emulator.url());
    let listed = start(&["--delete", "web-"]).succeed();
    assert!(listed.starts_with("keep ") && listed.lines().count() == 2, "{listed}");

    emulator.control_with("PUT", "/_emulator/clock", r#"{"now":"2100-01-01T00:00:00Z"}"#);
    let planned = start(&["web-"]).succeed();
    assert_eq!(planned.matches("would delete ").count(), 2, "{planned}");
    assert!(planned.ends_with("Nothing was deleted. Add --delete to delete 2.\n"), "{planned}");
    assert_eq!(names(&emulator), ["mail", "web-1", "web-2"]);

    // One deletion fails; the other one does not depend on it.
    emulator.fault(
        r#"{"action":"DeleteUserCertificate","kind":"error","status":403,"code":"Forbidden.RAM"}"#,
    );
    let outcome = start(&["--delete", "web-"]).run();
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for part in ["CAS_ERR_PERMISSION: ", "What to do: ", "RequestId: "] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
    assert_eq!(outcome.stdout.matches("failed to delete ").count(), 1, "{}", outcome.stdout);
    assert_eq!(names(&emulator).len(), 2);
    start(&["--delete", "web-"]).succeed();
    assert_eq!(names(&emulator), ["mail"]);
    for wrong in [&[][..], &[""], &["--delete"], &["--delete", ""]] {
        assert_eq!(Program::new(&prune).args(wrong).run().code, Some(2), "{wrong:?}");
    }
}

#[test]
fn threads_cancel_c_uploads_all_and_names_what_fails() {
    let emulator = Emulator::start(&[]);
    let program = compile("examples/c/threads_cancel.c", &[]);
    let all = ["a", "b", "c", "d", "e", "f"];
    let printed = all.into_iter().fold(valgrind(&program), job).arg(emulator.url()).succeed();
    assert_eq!(printed.matches(": CertId: 100000").count(), all.len(), "{printed}");
    assert_eq!(names(&emulator), all);

    let taken = Program::new(&program).arg("a").arg(&other_chain().chain).arg(&other_chain().key);
    let outcome = job(taken, "g").arg(emulator.url()).run();
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    assert!(outcome.stdout.starts_with("g: CertId: "), "{}", outcome.stdout);
    assert!(outcome.stderr.starts_with("a: CAS_ERR_NAME_TAKEN: "), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("  What to do: "), "{}", outcome.stderr);
    assert_eq!(Program::new(&program).args(["a", "b"]).run().code, Some(2));
}

#[test]
fn threads_cancel_c_ends_at_once_on_a_signal() {
    let program = compile("examples/c/threads_cancel.c", &[]);
    for (signal, status) in [("INT", 130), ("TERM", 143)] {
        let emulator = Emulator::start(&[]);
        // The client would wait for a response for a minute.
        emulator.fault(r#"{"kind":"delay","ms":600000,"times":100,"skip":1}"#);
        let all = ["a", "b", "c", "d", "e", "f", "g"];
        let start = all.into_iter().fold(valgrind(&program), job);
        let mut process = start.arg(emulator.url()).start();
        // One upload is done: the program is in the others.
        assert!(process.line().unwrap().contains(": CertId: "));
        run(Command::new("kill").arg(format!("-{signal}")).arg(process.id().to_string()));
        let outcome = process.finish();
        assert_eq!(outcome.code, Some(status), "{}", outcome.stderr);
        let cancelled = outcome.stderr.matches("CAS_ERR_CANCELLED").count()
            + outcome.stderr.matches("CAS_ERR_OUTCOME_UNKNOWN").count();
        assert!(cancelled <= 4, "{}", outcome.stderr);
        let left = format!("{} not begun\n", all.len() - 1 - cancelled);
        assert!(outcome.stderr.ends_with(&left), "{}", outcome.stderr);
    }
}

#[test]
fn syslog_c_logs_what_happens() {
    let emulator = Emulator::start(&[]);
    let program = compile("examples/c/syslog.c", &[]);
    let done = job(valgrind(&program), "100%s").arg(emulator.url()).run();
    assert_eq!((done.code, last_line(&done.stdout)), (Some(0), "CertId: 10000000"));
    for line in done.stderr.lines() {
        assert!(line.starts_with("cas-upload["), "{}", done.stderr);
    }
    assert!(done.stderr.contains(r#""100%s" is uploaded, CertId 10000000"#), "{}", done.stderr);
    let taken = valgrind(&program).arg("100%s").arg(&other_chain().chain).arg(&other_chain().key);
    let outcome = taken.arg(emulator.url()).run();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(1), ""), "{}", outcome.stderr);
    // The first is what libcas logs.
    let logged = r#" already has a certificate named "100%s" (NameRepeat)"#;
    for part in [logged, "]: CAS_ERR_NAME_TAKEN: ", "]: What to do: ", "]: RequestId: "] {
        assert!(outcome.stderr.contains(part), "{}", outcome.stderr);
    }
}

#[test]
fn plugin_c_uploads_with_a_library_that_it_loads() {
    let emulator = Emulator::start(&[]);
    let program = compile_plugin_host("examples/c/plugin.c");
    let library = artefact("libcas.so.0");
    let with = |start: Program| start.env("LD_LIBRARY_PATH", library.parent().unwrap());
    let printed = job(with(valgrind(&program)), "web").arg(emulator.url()).succeed();
    assert_eq!(printed, "CertId: 10000000\n");
    let [cert, key] = other_chain().files();
    let taken = with(valgrind(&program)).args(["web", cert, key, emulator.url()]).run();
    assert_eq!((taken.code, taken.stdout.as_str()), (Some(1), ""), "{}", taken.stderr);
    assert!(taken.stderr.starts_with("CAS_ERR_NAME_TAKEN: "), "{}", taken.stderr);
    assert!(taken.stderr.contains("  What to do: "), "{}", taken.stderr);

    // The loader looks no further than this file, which is not a library.
    let nothing = scratch("plugin");
    fs::write(nothing.join("libcas.so.0"), "").unwrap();
    let without = job(Program::new(&program), "web").env("LD_LIBRARY_PATH", &nothing);
    let without = without.arg(emulator.url()).run();
    assert_eq!((without.code, without.stdout.as_str()), (Some(1), ""), "{}", without.stderr);
    assert!(without.stderr.starts_with("libcas is not available: "), "{}", without.stderr);
}
