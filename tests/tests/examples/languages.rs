//! The examples in other languages than C and C++, and the projects of build systems, as they are
//! installed: each is built with an installed libcas and uploads to the emulator.
//!
//! A test does without a tool that is not installed, and says so.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{Emulator, Program, artefact, chain, installed, other_chain, run, scratch, top};

/// Whether all of these programs are installed; if not, says what the test does without.
fn all_installed(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| !installed(program));
    if let Some(program) = missing {
        println!("{program} is not installed: this test does without it");
    }
    missing.is_none()
}

/// A prefix in which libcas is installed, and a copy of the examples beside it.
fn prefix(name: &str) -> PathBuf {
    let prefix = scratch(&format!("example-{name}"));
    let libraries = prefix.join("lib");
    let version = env!("CARGO_PKG_VERSION");
    let fill = |template: &str, file: &str| {
        let text = fs::read_to_string(top().join("tools/package").join(template)).unwrap();
        let file = libraries.join(file);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text.replace("@VERSION@", version)).unwrap();
    };
    fill("libcas.pc.in", "pkgconfig/libcas.pc");
    fill("libcasConfig.cmake.in", "cmake/libcas/libcasConfig.cmake");
    fill("libcasConfigVersion.cmake.in", "cmake/libcas/libcasConfigVersion.cmake");
    let shared = artefact("libcas.so");
    for name in ["libcas.so", "libcas.so.0", &format!("libcas.so.{version}")] {
        symlink(&shared, libraries.join(name)).unwrap();
    }
    symlink(artefact("libcas.a"), libraries.join("libcas.a")).unwrap();
    symlink(top().join("include"), prefix.join("include")).unwrap();
    run(Command::new("cp").arg("-r").arg(top().join("examples")).arg(&prefix));
    prefix
}

/// A command in a directory of the examples that finds the libcas of a prefix.
fn build(prefix: &Path, directory: &str, program: &str, arguments: &[&str]) {
    let mut command = Command::new(program);
    command.current_dir(prefix.join("examples").join(directory)).args(arguments);
    command.env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")).env("HOME", prefix);
    for name in ["CFLAGS", "LDFLAGS", "MAKEFLAGS", "MAKELEVEL", "GOFLAGS"] {
        command.env_remove(name);
    }
    run(&mut command);
}

/// Uploads with the programs that `start` gives, which take NAME CERT KEY ENDPOINT: once with
/// success, once under a taken name, once with the key of another certificate.
fn uploads(prefix: &Path, start: impl Fn() -> Program) {
    let emulator = Emulator::start(&[]);
    let run = |cert: &Path, key: &Path| {
        let program = start().env("LD_LIBRARY_PATH", prefix.join("lib"));
        program.arg("web").arg(cert).arg(key).arg(emulator.url()).run()
    };
    let (own, other) = (chain(), other_chain());
    for _ in 0..2 {
        let done = run(&own.chain, &own.key);
        assert_eq!(done.code, Some(0), "{}\n{}", done.stdout, done.stderr);
        assert_eq!(super::last_line(&done.stdout), "CertId: 10000000");
    }
    let refusals = [
        (run(&other.chain, &other.key), "NAME_TAKEN", "already has another certificate"),
        (run(&own.chain, &other.key), "CERTIFICATE", "the private key does not belong"),
    ];
    for (refused, status, message) in refusals {
        assert!(refused.code.is_some_and(|code| code != 0), "{}", refused.stdout);
        assert_eq!(refused.stdout, "");
        let says = refused.stderr.to_lowercase();
        // casctl says "name taken".
        let status = status.to_lowercase();
        let has_status = says.contains(&status) || says.contains(&status.replace('_', " "));
        assert!(has_status && says.contains(message), "{}", refused.stderr);
        assert!(says.contains("  what to do: "), "{}", refused.stderr);
    }
    assert_eq!(start().env("LD_LIBRARY_PATH", prefix.join("lib")).run().code, Some(2));
}

fn is_shared(program: &Path) -> bool {
    run(Command::new("readelf").arg("-d").arg(program)).contains("[libcas.so.0]")
}

/// Whether Perl and FFI::Platypus are installed.
fn has_platypus() -> bool {
    let is_there = all_installed(&["perl"])
        && Program::new("perl").args(["-MFFI::Platypus", "-e", "1"]).run().code == Some(0);
    if !is_there {
        println!("FFI::Platypus is not installed: this test does without it");
    }
    is_there
}

/// Builds the example in COBOL with the command that it documents.
fn build_cobol(prefix: &Path) -> PathBuf {
    let directory = prefix.join("examples/cobol");
    let command = "cobc -x -free upload.cob $(pkg-config --libs libcas)";
    let source = fs::read_to_string(directory.join("upload.cob")).unwrap();
    assert!(source.contains(command), "the example documents another command");
    build(prefix, "cobol", "sh", &["-c", command]);
    directory.join("upload")
}

#[test]
fn perl() {
    if has_platypus() {
        let prefix = prefix("perl");
        uploads(&prefix, || Program::new("perl").arg(prefix.join("examples/perl/upload.pl")));
    }
}

#[test]
fn lua() {
    if all_installed(&["luajit"]) {
        let prefix = prefix("lua");
        uploads(&prefix, || Program::new("luajit").arg(prefix.join("examples/lua/upload.lua")));
    }
}

#[test]
fn go() {
    if all_installed(&["go", "pkg-config"]) {
        let prefix = prefix("go");
        build(&prefix, "go", "go", &["build", "-o", "upload", "."]);
        build(&prefix, "go", "go", &["vet", "."]);
        uploads(&prefix, || Program::new(prefix.join("examples/go/upload")));
    }
}

#[test]
fn cobol() {
    if all_installed(&["cobc", "pkg-config"]) {
        let prefix = prefix("cobol");
        let upload = build_cobol(&prefix);
        uploads(&prefix, || Program::new(&upload));
    }
}

/// A CertId above 2^53.
const ID: i64 = 9_007_199_254_740_993;

#[test]
fn large_ids_are_neither_cut_nor_rounded() {
    let prefix = prefix("ids");
    let first = Emulator::start(&[]);
    let upload = acceptance::compile("examples/c/upload.c", &[]);
    Program::new(&upload).arg("web").with_chain().arg(first.url()).succeed();
    let mut snapshot = first.control("GET", "/_emulator/snapshot");
    replace_numbers(&mut snapshot, 10_000_000, ID);
    let seed = prefix.join("seed.json");
    fs::write(&seed, snapshot.to_string()).unwrap();
    let emulator = Emulator::start(&["--seed", seed.to_str().unwrap()]);
    let start = |tool: &str, source: &str| {
        let program = Program::new(tool).env("LD_LIBRARY_PATH", prefix.join("lib"));
        let printed = program.args(source.split_whitespace()).arg("web").with_chain();
        assert_eq!(printed.arg(emulator.url()).succeed(), format!("CertId: {ID}\n"), "{tool}");
    };
    let [perl, lua] = ["perl/upload.pl", "lua/upload.lua"]
        .map(|file| prefix.join("examples").join(file).display().to_string());
    if has_platypus() {
        start("perl", &perl);
    }
    if all_installed(&["luajit"]) {
        start("luajit", &lua);
    }
    if all_installed(&["cobc", "pkg-config"]) {
        start(build_cobol(&prefix).to_str().unwrap(), "");
    }
}

/// Replaces a number wherever it is.
fn replace_numbers(value: &mut serde_json::Value, from: i64, to: i64) {
    match value {
        serde_json::Value::Array(all) => {
            all.iter_mut().for_each(|one| replace_numbers(one, from, to));
        }
        serde_json::Value::Object(all) => {
            all.values_mut().for_each(|one| replace_numbers(one, from, to));
        }
        _ if value.as_i64() == Some(from) => *value = to.into(),
        _ => {}
    }
}

#[test]
fn shell() {
    let prefix = prefix("shell");
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", artefact("casctl").parent().unwrap().display());
    let start = || {
        let program = Program::new("sh").env("PATH", &path).env("PAUSE", "0");
        program.arg(prefix.join("examples/shell/renew.sh"))
    };
    uploads(&prefix, start);

    // What a later attempt can cure is tried again, as often as told.
    let emulator = Emulator::start(&[]);
    let fault = r#"{"kind":"error","status":429,"code":"Throttling.User","times":1,
        "headers":{"x-acs-retry-after":"3600000"}}"#;
    emulator.fault(fault);
    let cured = start().arg("web").with_chain().arg(emulator.url()).run();
    assert_eq!((cured.code, cured.stdout.as_str()), (Some(0), "CertId: 10000000\n"));
    assert!(cured.stderr.contains("nothing was stored: trying again"), "{}", cured.stderr);
    emulator.fault(fault);
    let given_up = start().env("TRIES", "1").arg("new").with_chain().arg(emulator.url()).run();
    assert_eq!(given_up.code, Some(17), "{}", given_up.stderr);
    assert!(given_up.stderr.ends_with("Run the same command again.\n"), "{}", given_up.stderr);
}

/// Uploads with both programs of a project.
fn project(prefix: &Path, directory: &str) {
    let directory = prefix.join("examples/build").join(directory);
    for (name, shared) in [("upload", true), ("upload-static", false)] {
        let program = directory.join(name);
        assert_eq!(is_shared(&program), shared, "{}", program.display());
        uploads(prefix, || Program::new(&program));
    }
}

#[test]
fn make_project() {
    if all_installed(&["make", "pkg-config"]) {
        let prefix = prefix("make");
        build(&prefix, "build/make", "make", &[]);
        build(&prefix, "build/make", "make", &["static"]);
        project(&prefix, "make");
    }
}

#[test]
fn cmake_project() {
    if all_installed(&["cmake", "make"]) {
        let prefix = prefix("cmake");
        let found = format!("-DCMAKE_PREFIX_PATH={}", prefix.display());
        build(&prefix, "build/cmake", "cmake", &["-S", ".", "-B", "build", &found]);
        build(&prefix, "build/cmake", "cmake", &["--build", "build"]);
        project(&prefix, "cmake/build");
    }
}

#[test]
fn meson_project() {
    if all_installed(&["meson", "ninja", "pkg-config"]) {
        let prefix = prefix("meson");
        build(&prefix, "build/meson", "meson", &["setup", "build"]);
        build(&prefix, "build/meson", "meson", &["compile", "-C", "build"]);
        project(&prefix, "meson/build");
    }
}
