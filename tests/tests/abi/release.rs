//! The libraries as `make dist` makes them of `libcas.a`: for systems as old as glibc 2.17, with
//! versions of the symbols, and beside other Rust code in one program.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::program::{compile_against, compile_static};
use acceptance::{Emulator, Outcome, Program, artefact, chain, run, scratch, top};

use crate::c_programs::{close_and_load_again, over_tls, suppressions};
use crate::header;
use crate::libraries::rustc;

const FLOOR: &str = "2.17";

/// Links `libcas.so` for glibc 2.17 from an archive.
fn link(archive: &Path, name: &str) -> PathBuf {
    assert!(
        top().join("target/zig/.ready").exists(),
        "run `make test`: it installs zig into target/zig"
    );
    let library = scratch(name).join("libcas.so");
    let target = format!("{}-linux-gnu.{FLOOR}", std::env::consts::ARCH);
    let mut link = Command::new(top().join("tools/package/link.sh"));
    run(link.args([archive, library.as_path()]).arg(target));
    let loaded_as = library.with_extension("so.0");
    if !loaded_as.exists() {
        std::os::unix::fs::symlink("libcas.so", loaded_as).unwrap();
    }
    library
}

/// What tools/package/check_library.py says of a library.
fn check(library: &Path) -> Outcome {
    Program::bare("python3")
        .arg("-B")
        .arg(top().join("tools/package/check_library.py"))
        .arg(library)
        .args(["--floor", FLOOR, "--exports"])
        .arg(top().join("crates/cas-ffi/libcas.map"))
        .run()
}

#[test]
fn the_library_needs_glibc_2_17_and_its_symbols_have_versions() {
    let library = link(&artefact("libcas.a"), "floor");
    let checked = check(&library);
    assert_eq!(
        (checked.code, checked.stdout.as_str()),
        (Some(0), "glibc 2.17\n"),
        "{}",
        checked.stderr
    );

    let symbols = run(Command::new("readelf").args(["--wide", "--dyn-syms"]).arg(&library));
    let exported: BTreeSet<(String, String)> = symbols
        .lines()
        .filter_map(|line| line.rsplit_once(' ')?.1.split_once("@@"))
        .map(|(name, version)| (name.to_owned(), version.to_owned()))
        .collect();
    assert_eq!(exported, header::promised());

    // The check sees what it is for: the development build needs a newer glibc, without versions.
    let checked = check(&artefact("libcas.so"));
    assert_eq!(checked.code, Some(1));
    assert!(checked.stderr.contains("exports differ"), "{}", checked.stderr);

    assert!(
        fs::read(link(&artefact("libcas.a"), "floor-again")).unwrap()
            == fs::read(&library).unwrap(),
        "the same archive became two different libraries"
    );

    close_and_load_again(&library);
    let program = compile_against("examples/c/upload.c", library.parent().unwrap(), &[]);
    let emulator = Emulator::start(&[]);
    let printed = Program::new(program).arg("web").with_chain().arg(emulator.url()).succeed();
    assert!(printed.ends_with("\nCertId: 10000000\n"), "{printed}");
}

/// The library for old systems has another unwinder than the development build.
#[test]
fn a_panic_becomes_an_error_where_zig_linked() {
    let library = link(&top().join("target/planted/debug/libcas.a"), "floor-planted");
    let program = compile_against("tests/fixtures/c/panic.c", library.parent().unwrap(), &[]);
    let outcome = Program::new(program).run();
    assert_eq!((outcome.code, outcome.stdout.as_str(), outcome.stderr.as_str()), (Some(0), "", ""));
}

/// Links `tests/fixtures/c/beside.c` with an archive of libcas and another Rust library. Whether
/// that works, and the program or the messages of the linker.
fn link_beside(archive: &Path, name: &str) -> (PathBuf, Outcome) {
    let directory = scratch("beside");
    let source = directory.join("other.rs");
    let text = "#[unsafe(no_mangle)]
        pub extern \"C\" fn other_library() -> i32 {
            std::panic::set_hook(Box::new(|_| {}));
            std::panic::catch_unwind(|| panic!()).map_or(7, |()| 0)
        }";
    fs::write(&source, text).unwrap();
    let other = directory.join(format!("lib{name}.a"));
    let compiled =
        rustc().args(["--edition=2024", "--crate-type=staticlib", "-o"]).args([&other, &source]);
    assert_eq!(compiled.run().code, Some(0));
    let program = directory.join(name);
    let linked = Program::bare("gcc")
        .arg("-I")
        .args([&top().join("include"), &top().join("tests/fixtures/c/beside.c")])
        .args([archive, other.as_path()])
        .args(["-lm", "-ldl", "-lpthread", "-o"])
        .arg(&program)
        .run();
    (program, linked)
}

#[test]
fn the_static_library_can_be_linked_beside_another_rust_library() {
    let archive = scratch("localised").join("libcas.a");
    run(Command::new(top().join("tools/package/localise.sh"))
        .args([&artefact("libcas.a"), &archive]));
    let (program, linked) = link_beside(&archive, "localised");
    assert_eq!(linked.code, Some(0), "{}", linked.stderr);
    let emulator = Emulator::start(&[]);
    Program::new(program).arg("web").with_chain().arg(emulator.url()).succeed();

    // The suppressions find the functions in it.
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    let program = compile_static("tests/fixtures/c/over_tls.c", &archive);
    let outcome = over_tls(&program, &[&suppressions()], emulator.url(), "upload");
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);

    let symbols = run(Command::new("nm").args(["--extern-only", "--defined-only"]).arg(&archive));
    let global: BTreeSet<String> =
        symbols.lines().filter_map(|line| Some(line.split_once(" T ")?.1.to_owned())).collect();
    assert_eq!(global, header::names().functions);
    assert_eq!(symbols.matches("\n0").count(), global.len(), "{symbols}");
    let size = fs::metadata(&archive).unwrap().len();
    assert!(size < 7_000_000, "{size} bytes");

    // As cargo makes it, it cannot.
    let (_, linked) = link_beside(&artefact("libcas.a"), "plain");
    assert!(linked.stderr.contains("multiple definition"), "{}", linked.stderr);
}
