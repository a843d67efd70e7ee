//! C programs that check what the header promises, on their own and under tools that watch memory.

use std::path::{Path, PathBuf};

use acceptance::network::tls::OneVersion;
use acceptance::program::{compile_against, compile_plugin_host, compile_static};
use acceptance::{Emulator, Outcome, Program, artefact, chain, compile, installed, top};

/// Programs that take ENDPOINT CERT KEY and more.
const PROGRAMS: [(&str, &[&str]); 7] = [
    ("tests/fixtures/c/nulls.c", &[]),
    ("tests/fixtures/c/order.c", &[]),
    ("tests/fixtures/c/threads.c", &["8", "50"]),
    ("tests/fixtures/c/fork.c", &[]),
    ("tests/fixtures/c/double_certificates.c", &[]),
    ("tests/fixtures/c/stored.c", &["1"]),
    ("tests/fixtures/c/stored.c", &["2"]),
];

fn with_arguments(program: Program, emulator: &Emulator, more: &[&str]) -> Program {
    let program = program.arg(emulator.url()).with_chain();
    more.iter().fold(program, |program, argument| program.arg(argument))
}

#[test]
fn c_programs_succeed() {
    for (source, more) in PROGRAMS {
        let emulator = Emulator::start(&[]);
        let outcome = with_arguments(Program::new(compile(source, &[])), &emulator, more).run();
        assert_eq!(outcome.code, Some(0), "{source}: {}", outcome.stderr);
        assert_eq!(outcome.stderr, "", "{source}");
    }
}

#[test]
fn valgrind_finds_no_error_and_no_leak() {
    assert!(installed("valgrind"), "valgrind is needed: install it");
    let report = ("tests/fixtures/c/report.c", &["3"] as &[&str]);
    for (source, more) in PROGRAMS
        .into_iter()
        .filter(|(source, _)| !source.ends_with("threads.c"))
        .chain([("tests/fixtures/c/threads.c", &["8", "5"] as &[&str]), report])
    {
        let emulator = Emulator::start(&[]);
        let program = Program::new("valgrind")
            .arg("--quiet")
            .arg("--error-exitcode=99")
            .arg("--leak-check=full")
            .arg("--show-leak-kinds=definite,indirect,possible")
            .arg("--errors-for-leak-kinds=definite,indirect,possible")
            .arg(compile(source, &[]));
        let program = if source == report.0 {
            program.env("CAS_ENDPOINT", emulator.url()).arg("web").with_chain().arg("3")
        } else {
            with_arguments(program, &emulator, more)
        };
        let outcome = program.run();
        assert_eq!(outcome.code, Some(0), "{source}:\n{}\n{}", outcome.stdout, outcome.stderr);
    }
}

/// The option by which valgrind takes the suppressions of the examples.
pub fn suppressions() -> String {
    format!("--suppressions={}", top().join("examples/valgrind.supp").display())
}

/// A run of `tests/fixtures/c/over_tls.c` under valgrind, with these options.
pub fn over_tls(program: &Path, options: &[&str], endpoint: &str, what: &str) -> Outcome {
    Program::new("valgrind")
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
        .arg("--show-leak-kinds=definite,indirect,possible")
        .arg("--errors-for-leak-kinds=definite,indirect,possible")
        .args(options)
        .arg(program)
        .arg(endpoint)
        .with_chain()
        .arg(&chain().root)
        .arg(what)
        .run()
}

#[test]
fn valgrind_finds_no_error_over_tls_with_the_suppressions_of_the_examples() {
    let file = suppressions();
    let suppressed: &[&str] = &[&file];
    let [cert, key] = chain().files();
    for (linked, program) in [
        ("libcas.so", compile("tests/fixtures/c/over_tls.c", &[])),
        ("libcas.a", compile_static("tests/fixtures/c/over_tls.c", &artefact("libcas.a"))),
    ] {
        let emulator = || Emulator::start_tls(cert, key, &[]);
        let outcome = over_tls(&program, suppressed, emulator().url(), "calls");
        assert_eq!(outcome.code, Some(0), "{linked}, TLS 1.3:\n{}", outcome.stderr);
        let older = OneVersion::start("TLSv1_2", cert.as_ref(), key.as_ref());
        let outcome = over_tls(&program, suppressed, &older.url(), "upload");
        assert_eq!(outcome.code, Some(0), "{linked}, TLS 1.2:\n{}", outcome.stderr);

        // The file hides nothing else.
        for (mistake, report) in [
            ("uninitialised", "uninitialised value"),
            ("overflow", "Invalid read of size"),
            ("leak", "definitely lost"),
        ] {
            let outcome = over_tls(&program, suppressed, emulator().url(), mistake);
            assert_eq!(outcome.code, Some(99), "{linked}, {mistake}:\n{}", outcome.stderr);
            assert!(outcome.stderr.contains(report), "{linked}, {mistake}:\n{}", outcome.stderr);
        }

        // ring chooses its assembler by the processor that valgrind emulates.
        let outcome = over_tls(&program, &[], emulator().url(), "calls");
        if outcome.code != Some(99) {
            println!("valgrind has nothing to report on this machine; the file is not needed");
        }
    }
}

#[test]
fn address_sanitizer_finds_no_error() {
    for (source, more) in PROGRAMS {
        let emulator = Emulator::start(&[]);
        let program =
            compile(source, &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
        let outcome = with_arguments(Program::new(program), &emulator, more).run();
        assert_eq!(outcome.code, Some(0), "{source}: {}", outcome.stderr);
    }
}

/// Checks the C side only: how the library uses the memory of the program, and the log function.
/// Inside the library, the sanitizer would report false races, because Rust's standard library and
/// its locks are not instrumented. Safe Rust excludes data races there, except for the types that
/// cas-ffi declares `Send` and `Sync`.
#[test]
fn thread_sanitizer_finds_no_race() {
    let emulator = Emulator::start(&[]);
    let program = compile("tests/fixtures/c/threads.c", &["-fsanitize=thread"]);
    let program = Program::new(program).env("TSAN_OPTIONS", "ignore_noninstrumented_modules=1");
    let outcome = with_arguments(program, &emulator, &["8", "20"]).run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn ten_thousand_uploads_use_one_connection_and_no_more_memory_than_a_hundred() {
    let emulator = Emulator::start(&[]);
    let printed = with_arguments(
        Program::new(compile("tests/fixtures/c/soak.c", &[])),
        &emulator,
        &["10000"],
    )
    .succeed();
    println!("{printed}");
    let requests = emulator.requests();
    assert_eq!(requests.len(), 1000);
    assert!(requests.iter().all(|request| request["connection"] == 1 && request["status"] == 200));
    let last = emulator.certificates().last().unwrap()["cert_id"].clone();
    assert_eq!(last, 10_009_999);
}

/// Runs `tests/fixtures/c/unload.c` with a library, under valgrind as well.
pub fn close_and_load_again(library: &Path) {
    let program = compile_plugin_host("tests/fixtures/c/unload.c");
    let valgrind = Program::new("valgrind").args(["--quiet", "--error-exitcode=99"]);
    let valgrind = valgrind.arg("--leak-check=full").arg(&program);
    for run in [Program::new(&program), valgrind] {
        let emulator = Emulator::start(&[]);
        run.arg(library).arg(emulator.url()).with_chain().succeed();
    }
}

#[test]
fn closing_the_library_is_safe_while_a_thread_that_used_it_lives() {
    close_and_load_again(&artefact("libcas.so"));
}

#[test]
fn a_panic_becomes_an_error_and_prints_nothing() {
    let planted: PathBuf = top().join("target/planted/debug");
    assert!(
        planted.join("libcas.so").exists(),
        "run `make test`: it builds the library with a planted panic"
    );
    if !planted.join("libcas.so.0").exists() {
        std::os::unix::fs::symlink(Path::new("libcas.so"), planted.join("libcas.so.0")).unwrap();
    }
    let outcome = Program::new(compile_against("tests/fixtures/c/panic.c", &planted, &[])).run();
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), "", ""));
}
