//! The libraries as linkers and loaders see them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use acceptance::program::STRICT;
use acceptance::{Emulator, Program, artefact, run, scratch, top};

use crate::header;

/// Links `examples/c/upload.c` with a library, and uploads with it.
fn upload_with(name: &str, link: &[&str]) {
    let release = artefact("libcas.so").parent().unwrap().display().to_string();
    let program = scratch("abi").join(name);
    let mut gcc = Command::new("gcc");
    gcc.current_dir(top()).args(STRICT).args(["-Iinclude", "examples/c/upload.c", "-o"]);
    run(gcc
        .arg(&program)
        .arg(format!("-L{release}"))
        .args(link)
        .arg(format!("-Wl,-rpath,{release}")));
    let emulator = Emulator::start(&[]);
    let printed = Program::new(program).arg("web").with_chain().arg(emulator.url()).succeed();
    assert!(printed.ends_with("\nCertId: 10000000\n"), "{name}: {printed}");
}

/// The system libraries, such as `-lm`, that the README names for static linking.
fn documented_libraries() -> Vec<String> {
    let readme = fs::read_to_string(top().join("README.md")).unwrap();
    let lists = readme.split("libcas.a").skip(1).map(|rest| -> Vec<String> {
        let near: String = rest.chars().take(160).collect();
        let words = near.split(|c: char| c.is_whitespace() || "`(),|".contains(c));
        words.filter(|word| word.starts_with("-l")).map(ToOwned::to_owned).collect()
    });
    let list = lists.max_by_key(Vec::len).unwrap_or_default();
    assert!(!list.is_empty(), "the README names no system libraries beside libcas.a");
    list
}

/// The compiler, in the environment by which it finds itself.
pub fn rustc() -> Program {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let program = Program::bare(rustc).env("HOME", std::env::var("HOME").unwrap_or_default());
    ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN", "CARGO_HOME"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var(name).ok()?)))
        .fold(program, |program, (name, value)| program.env(name, value))
}

/// The system libraries that rustc names for any static library.
fn native_libraries() -> Vec<String> {
    let source = scratch("native").join("empty.rs");
    fs::write(&source, "").unwrap();
    let outcome = rustc()
        .args(["--crate-type=staticlib", "--print=native-static-libs", "-o"])
        .arg(source.with_extension("a"))
        .arg(&source)
        .run();
    let prefix = "native-static-libs: ";
    let list = outcome.stderr.lines().find_map(|line| line.split_once(prefix));
    let list = list.unwrap_or_else(|| panic!("{}", outcome.stderr)).1;
    list.split_whitespace().map(ToOwned::to_owned).collect()
}

#[test]
fn a_program_uploads_with_the_shared_library() {
    upload_with("shared", &["-lcas"]);
}

#[test]
fn a_program_uploads_with_the_static_library_and_the_documented_system_libraries() {
    let (documented, native) = (documented_libraries(), native_libraries());
    for (name, list) in [("static", &documented), ("static-by-rustc", &native)] {
        let list: Vec<&str> = list.iter().map(String::as_str).collect();
        upload_with(name, &[&["-l:libcas.a"], &list[..]].concat());
    }
    let surplus: Vec<_> = documented.iter().filter(|one| !native.contains(one)).collect();
    assert!(surplus.is_empty(), "the README names {surplus:?}, rustc only {native:?}");
}

/// Lines of a tool's output that hold `part`.
fn lines_with(command: &mut Command, part: &str) -> Vec<String> {
    run(command).lines().filter(|line| line.contains(part)).map(ToOwned::to_owned).collect()
}

#[test]
fn the_library_exports_the_functions_of_the_header_and_nothing_else() {
    let exported: BTreeSet<String> =
        run(Command::new("nm").args(["-D", "--defined-only"]).arg(artefact("libcas.so")))
            .lines()
            .map(|line| line.rsplit(' ').next().unwrap().to_owned())
            .collect();
    assert_eq!(exported, header::names().functions);
}

#[test]
fn the_library_depends_on_libc_only_and_stays_loaded() {
    let library = artefact("libcas.so");
    let needed = lines_with(Command::new("readelf").arg("-d").arg(&library), "(NEEDED)");
    let needed: BTreeSet<_> = needed
        .iter()
        .map(|line| line.split_once('[').unwrap().1.trim_end_matches(']'))
        // The dynamic loader, which every program has: thread-local variables ask it.
        .filter(|name| !name.starts_with("ld-linux"))
        .collect();
    assert_eq!(needed, BTreeSet::from(["libc.so.6"]));
    let soname = lines_with(Command::new("readelf").arg("-d").arg(&library), "(SONAME)");
    assert!(soname[0].contains("[libcas.so.0]"));
    assert!(
        lines_with(Command::new("readelf").arg("-d").arg(&library), "FLAGS_1")[0]
            .contains("NODELETE")
    );
    assert!(!run(Command::new("ldd").arg(&library)).contains("not found"));
}

#[test]
fn the_library_has_no_symbol_table_but_the_dynamic_one() {
    let mut readelf = Command::new("readelf");
    let sections = run(readelf.args(["-S", "--wide"]).arg(artefact("libcas.so")));
    assert!(sections.contains(".dynsym"), "{sections}");
    assert!(!sections.contains(".symtab"), "{sections}");
}

#[test]
fn the_libraries_are_small_and_contain_no_build_path() {
    let library = fs::read(artefact("libcas.so")).unwrap();
    assert!(library.len() < 3_100_000, "{} bytes", library.len());
    let cargo = std::env::var("CARGO_HOME")
        .unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").unwrap()));
    let registries = fs::read_dir(format!("{cargo}/registry/src")).into_iter().flatten();
    let mut hidden: Vec<String> =
        registries.map(|registry| registry.unwrap().file_name().into_string().unwrap()).collect();
    hidden.extend([cargo, top().display().to_string()]);
    for (name, bytes) in
        [("libcas.so", library), ("libcas.a", fs::read(artefact("libcas.a")).unwrap())]
    {
        for text in &hidden {
            let found = bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!found, "{name} contains {text}");
        }
    }
}
