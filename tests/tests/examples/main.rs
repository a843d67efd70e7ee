//! The examples and the program in the README, compiled and run as documented.

mod fixtures;
mod languages;
mod programs;

use std::fs;
use std::process::Command;

use acceptance::limits::TEST;
use acceptance::{Emulator, Process, Program, artefact, chain, compile, other_chain, scratch, top};

fn last_line(text: &str) -> &str {
    text.lines().last().unwrap_or_default()
}

#[test]
fn upload_c_prints_the_id_and_explains_its_failures() {
    let emulator = Emulator::start(&[]);
    let upload = compile("examples/c/upload.c", &[]);
    let start = || Program::new(&upload).arg("web").with_chain();
    let printed = start().arg(emulator.url()).succeed();
    assert!(printed.contains("CertIdentifier: 10000000-cn-hangzhou\nRequestId: "), "{printed}");
    assert_eq!(last_line(&printed), "CertId: 10000000");

    assert_eq!(last_line(&start().arg(emulator.url()).succeed()), "CertId: 10000000");
    let other = Program::new(&upload).arg("web").arg(&other_chain().chain).arg(&other_chain().key);
    let again = other.arg(emulator.url()).run();
    assert_eq!((again.code, again.stdout.as_str()), (Some(1), ""));
    for part in ["CAS_ERR_NAME_TAKEN: ", "What to do: ", "The service says: ", "RequestId: "] {
        assert!(again.stderr.contains(part), "{}", again.stderr);
    }
    assert_eq!(Program::new(&upload).run().code, Some(2));
    let bad = start().arg("not an endpoint").run();
    let says = "CAS_ERR_INVALID_ARGUMENT: cas_config_set_endpoint: Invalid endpoint";
    assert!(bad.stderr.contains(says), "{}", bad.stderr);
    assert!(bad.stderr.contains("What to do: Set it to"), "{}", bad.stderr);
    let key = fs::read_to_string(&chain().key).unwrap();
    let pasted = Program::new(&upload).arg("web").arg(&key).arg(&key).run();
    assert!(pasted.stderr.contains("Failed to read the file (a PEM text)"), "{}", pasted.stderr);
    let missing = Program::new(&upload).arg("web").arg("/nonexistent").arg(&chain().key).run();
    assert!(
        missing.stderr.contains(
            "CAS_ERR_IO: cas_request_load_cert_file: Failed to read the file \"/nonexistent\""
        ),
        "{}",
        missing.stderr
    );
}

#[test]
fn upload_c_leaks_no_memory() {
    let emulator = Emulator::start(&[]);
    let upload = compile("examples/c/upload.c", &[]);
    let endpoints = [(emulator.url(), 0), ("http://127.0.0.1:1", 1), ("not an endpoint", 1)];
    for (endpoint, code) in endpoints {
        let outcome = Program::new("valgrind")
            .arg("--quiet")
            .arg("--error-exitcode=99")
            .arg("--leak-check=full")
            .arg("--errors-for-leak-kinds=definite,indirect,possible")
            .arg("--show-leak-kinds=definite,indirect,possible")
            .arg(&upload)
            .arg("web")
            .with_chain()
            .arg(endpoint)
            .run();
        assert_eq!(outcome.code, Some(code), "{endpoint}: {}", outcome.stderr);
    }
}

#[test]
fn inspect_c_reports_what_an_upload_would_refuse() {
    let inspect = compile("examples/c/inspect.c", &[]);
    let start = || Program::new(&inspect).arg(&chain().chain);
    let good = start().arg(&chain().key).succeed();
    for part in
        ["demo.example (RSA-2048), for demo.example,127.0.0.1\n", "2 certificates would be sent\n"]
    {
        assert!(good.contains(part), "{good}");
    }
    assert!(!good.contains("refused") && !good.contains("warning"), "{good}");
    assert!(start().succeed().contains("SHA-256 "));
    let wrong = start().arg(&other_chain().key).run();
    assert_eq!(wrong.code, Some(1));
    assert!(
        wrong.stdout.contains("refused: key-mismatch: the private key does not belong"),
        "{}",
        wrong.stdout
    );
    assert_eq!(Program::new(&inspect).run().code, Some(1));
    assert!(start().arg("/nonexistent").run().stderr.contains("/nonexistent"));
}

#[test]
fn minimal_c_is_short_and_works() {
    let lines = fs::read_to_string(top().join("examples/c/minimal.c")).unwrap().lines().count();
    assert!(lines < 30, "{lines} lines");
    let emulator = Emulator::start(&[]);
    let minimal = compile("examples/c/minimal.c", &[]);
    let start = |endpoint: &str| Program::new(&minimal).arg("web").with_chain().arg(endpoint).run();
    assert_eq!(start(emulator.url()).stdout, "CertId: 10000000\n");
    assert_eq!(start(emulator.url()).stdout, "CertId: 10000000\n");
    let refused = start("http://127.0.0.1:1/path");
    assert_eq!(
        (refused.code, refused.stderr.starts_with("usage: ")),
        (Some(1), true),
        "{}",
        refused.stderr
    );
    let unreachable = start("https://127.0.0.1:1");
    assert!(unreachable.stderr.contains("for \"web\" was not sent"), "{}", unreachable.stderr);
}

#[test]
fn the_program_in_the_readme_compiles_and_uploads() {
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let block = |language: &str, part: &str| {
        readme
            .split(&format!("```{language}\n"))
            .skip(1)
            .map(|rest| rest.split("```").next().unwrap())
            .find(|block| block.contains(part))
            .unwrap_or_else(|| panic!("the README has no {language} block with {part}"))
    };
    let directory = scratch("readme");
    fs::write(directory.join("first.c"), block("c", "cas_create_user_certificate")).unwrap();
    let line =
        block("sh", "cc first.c").lines().find(|line| line.starts_with("cc first.c")).unwrap();
    for name in ["include", "target"] {
        let link = directory.join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(top().join(name), link).unwrap();
        }
    }
    acceptance::run(
        Command::new("sh")
            .current_dir(&directory)
            .arg("-c")
            .arg(format!("{line} -Wall -Wextra -Werror")),
    );
    let emulator = Emulator::start(&[]);
    let printed = Program::new(directory.join("first"))
        .env("LD_LIBRARY_PATH", artefact("libcas.so").parent().unwrap())
        .arg(emulator.url())
        .with_chain()
        .run();
    assert_eq!(
        (printed.code, last_line(&printed.stdout)),
        (Some(0), "CertId: 10000000"),
        "{}",
        printed.stderr
    );
}

#[test]
fn make_run_prints_the_cert_id() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new("make");
        command.args(["--silent", "run"]).current_dir(top());
        for name in ["NAME", "CERT", "KEY", "ENDPOINT", "MAKEFLAGS", "MAKELEVEL"] {
            command.env_remove(name);
        }
        // What cargo says of this test. The script that builds ring depends on it, so that
        // everything would be built again.
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("CARGO_")) {
            if name != "CARGO_HOME" {
                command.env_remove(name);
            }
        }
        // It builds first, if something has changed since.
        let outcome = Process::start(command.envs(variables.iter().copied())).finish_within(TEST);
        assert_eq!(outcome.code, Some(0), "{}\n{}", outcome.stdout, outcome.stderr);
        outcome.stdout
    };
    let printed = run(&[]);
    assert!(printed.contains("cas-emulator listening on http://127.0.0.1:"), "{printed}");
    assert!(printed.contains("RequestId: ") && printed.contains("Time: "), "{printed}");
    assert_eq!(last_line(&printed), "CertId: 10000000");
    let [cert, key] = chain().files();
    let emulator = Emulator::start(&[]);
    let own = [
        ("NAME", "it's \"my\" own"),
        ("CERT", cert),
        ("KEY", key),
        ("ENDPOINT", emulator.url()),
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    assert_eq!(last_line(&run(&own)), "CertId: 10000000");
    assert_eq!(emulator.certificates()[0]["name"], "it's \"my\" own");
    let printed = run(&own[..3]);
    assert_eq!(last_line(&printed), "CertId: 10000000");
}
