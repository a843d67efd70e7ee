//! `cas.hpp` as C++ programs use it: every standard, both kinds of error handling, under tools.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use acceptance::program::STRICT;
use acceptance::{Emulator, Outcome, Program, artefact, chain, installed, run, scratch, top};

const STANDARDS: [&str; 5] = ["-std=c++11", "-std=c++14", "-std=c++17", "-std=c++20", "-std=c++2b"];
const EXCEPTIONS: &str = "tests/fixtures/cpp/exceptions.cpp";
const STATUSES: &str = "tests/fixtures/cpp/statuses.cpp";

/// The sources, each with the options that choose its kind of error handling.
const KINDS: [(&str, &str); 3] = [
    (EXCEPTIONS, "-fexceptions"),
    (STATUSES, "-fno-exceptions"),
    (STATUSES, "-DCAS_NO_EXCEPTIONS"),
];

/// What careful programs turn on besides [`STRICT`].
const STRICTER: [&str; 4] = ["-Wshadow", "-Wconversion", "-Wold-style-cast", "-Wnon-virtual-dtor"];

fn compile(compiler: &str, name: &str, arguments: &[&str]) -> PathBuf {
    let program = scratch("cpp").join(name);
    let release = artefact("libcas.so").parent().unwrap().display().to_string();
    let mut command = Command::new(compiler);
    command.current_dir(top()).args(["-g", "-Iinclude"]).args(STRICT).args(STRICTER);
    command.args(arguments).arg("-o").arg(&program);
    command.args([&format!("-L{release}"), "-lcas", "-pthread", &format!("-Wl,-rpath,{release}")]);
    run(&mut command);
    program
}

fn succeeds(what: &str, program: Program) {
    let emulator = Emulator::start(&[]);
    let Outcome { code, stdout, stderr } = program.arg(emulator.url()).with_chain().run();
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{what}: {stdout}");
}

#[test]
fn it_serves_every_standard_with_and_without_exceptions() {
    for compiler in ["g++", "clang++"] {
        if compiler == "clang++" && !installed(compiler) {
            println!("{compiler} is not installed: this test does without it");
            continue;
        }
        for standard in STANDARDS {
            for (number, (source, kind)) in KINDS.into_iter().enumerate() {
                let name = format!("{compiler}{standard}-{number}");
                let program = compile(compiler, &name, &[standard, kind, source]);
                succeeds(&format!("{compiler} {standard} {kind}"), Program::new(program));
            }
        }
    }
}

#[test]
fn files_of_both_kinds_are_linked_into_one_program() {
    let object = |source: &str, name: &str, kind: &str| {
        let object = scratch("cpp").join(name).with_extension("o");
        let renamed = format!("-Dmain=with_{name}");
        let mut command = Command::new("g++");
        command.current_dir(top()).args(["-std=c++11", "-Iinclude", "-c", kind, &renamed, source]);
        run(command.arg("-o").arg(&object));
        object.to_str().unwrap().to_owned()
    };
    let with_exceptions = object(EXCEPTIONS, "exceptions", "-fexceptions");
    let with_statuses = object(STATUSES, "statuses", "-DCAS_NO_EXCEPTIONS");
    let files = ["tests/fixtures/cpp/both.cpp", &with_exceptions, &with_statuses];
    succeeds("both", Program::new(compile("g++", "both", &files)));
}

#[test]
fn valgrind_and_sanitizers_find_no_error() {
    assert!(installed("valgrind"), "valgrind is needed: install it");
    for (number, (source, kind)) in KINDS.into_iter().enumerate() {
        let program = compile("g++", &format!("plain-{number}"), &["-std=c++17", kind, source]);
        let valgrind = Program::new("valgrind")
            .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
            .args(["--show-leak-kinds=definite,indirect,possible"])
            .args(["--errors-for-leak-kinds=definite,indirect,possible"])
            .arg(program);
        succeeds(source, valgrind);
        let options = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
        let arguments = [&["-std=c++17", kind, source], &options[..]].concat();
        let program = compile("g++", &format!("sanitized-{number}"), &arguments);
        succeeds(source, Program::new(program));
    }
}

#[test]
fn the_example_prints_the_id_and_explains_its_failures() {
    let emulator = Emulator::start(&[]);
    let upload = compile("g++", "upload", &["-std=c++11", "examples/cpp/upload.cpp"]);
    let start = || Program::new(&upload).arg("web");
    let printed = start().with_chain().arg(emulator.url()).succeed();
    assert!(printed.contains("CertIdentifier: 10000000-cn-hangzhou\n"), "{printed}");
    assert!(printed.ends_with("CertId: 10000000\n"), "{printed}");
    emulator.fault(r#"{"kind":"error","code":"Forbidden.RAM","status":403}"#);
    let refused = start().with_chain().arg(emulator.url()).run();
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    for part in ["CAS_ERR_", "What to do: ", "The service says: ", "RequestId: "] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    let missing = start().arg("/nonexistent").arg(&chain().key).run();
    assert!(missing.stderr.starts_with("CAS_ERR_IO: "), "{}", missing.stderr);
    assert_eq!(start().run().code, Some(2));
}

/// The functions of `cas.h`, and of `cas.hpp` those that a call uses.
#[test]
fn every_function_of_c_has_a_method() {
    let map = fs::read_to_string(top().join("crates/cas-ffi/libcas.map")).unwrap();
    let header = fs::read_to_string(top().join("include/cas.hpp")).unwrap();
    // Comments name functions as well.
    let code: String = header
        .lines()
        .filter(|line| !line.trim_start().starts_with(['/', '*']))
        .flat_map(|line| [line, "\n"])
        .collect();
    let is_used = |name: &str| {
        code.match_indices(name).any(|(at, _)| {
            let next = code[at + name.len()..].chars().next().unwrap();
            !next.is_ascii_alphanumeric() && next != '_'
        })
    };
    let functions: Vec<&str> = map
        .lines()
        .filter_map(|line| line.trim().strip_suffix(';'))
        .filter(|name| name.starts_with("cas_"))
        .collect();
    assert!(functions.len() > 90, "{functions:?}");
    let missing: Vec<_> = functions.into_iter().filter(|name| !is_used(name)).collect();
    assert_eq!(missing, [""; 0]);
}
