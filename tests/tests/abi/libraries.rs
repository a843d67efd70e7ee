//! The header and the library as compilers, linkers and loaders see them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use acceptance::{Program, artefact, installed, run, scratch, top};

const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"];

#[test]
fn the_header_compiles_without_a_warning_everywhere() {
    let matrix: [(&str, &[&str]); 2] = [
        ("gcc", &["-std=c89", "-std=c99", "-std=c11", "-std=c17"]),
        ("g++", &["-std=c++98", "-std=c++11", "-std=c++20"]),
    ];
    let clang: [(&str, &[&str]); 2] = [("clang", matrix[0].1), ("clang++", matrix[1].1)];
    for (compiler, standards) in
        matrix.into_iter().chain(clang.into_iter().filter(|(name, _)| installed(name)))
    {
        for standard in standards {
            let language = if compiler.ends_with("++") { "c++" } else { "c" };
            run(Command::new(compiler).current_dir(top()).args(STRICT).args([
                standard,
                "-fsyntax-only",
                "-Iinclude",
                "-x",
                language,
                "tests/fixtures/c/header.c",
            ]));
        }
    }
}

#[test]
fn both_libraries_link_and_run() {
    let release = top().join("target/release");
    for (name, link) in
        [("shared", vec!["-lcas"]), ("static", vec!["-l:libcas.a", "-lm", "-ldl", "-lpthread"])]
    {
        let program = scratch("abi").join(name);
        run(Command::new("gcc")
            .current_dir(top())
            .args(STRICT)
            .args(["-Iinclude", "tests/fixtures/c/panic.c", "-o"])
            .arg(&program)
            .arg(format!("-L{}", release.display()))
            .args(link)
            .arg(format!("-Wl,-rpath,{}", release.display())));
        // Without the planted panic the program stops at its first check: it ran, and the library
        // answered.
        let outcome = Program::new(&program).run();
        assert_eq!(outcome.code, Some(1));
        assert!(outcome.stderr.contains("CAS_ERR_INTERNAL"), "{}", outcome.stderr);
    }
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
    let committed: BTreeSet<String> =
        fs::read_to_string(top().join("tests/fixtures/data/symbols.txt"))
            .unwrap()
            .lines()
            .map(ToOwned::to_owned)
            .collect();
    assert_eq!(
        exported, committed,
        "a promised function is gone, or a new one is not in tests/fixtures/data/symbols.txt"
    );
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let code: String = header
        .split("/*")
        .map(|part| part.split_once("*/").map_or(part, |(_, code)| code))
        .collect();
    let declared: BTreeSet<String> = code
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '('))
        .filter_map(|word| word.split_once('(').map(|(name, _)| name.to_owned()))
        .filter(|name| name.starts_with("cas_") && name != "cas_log_fn")
        .collect();
    assert_eq!(exported, declared);
}

#[test]
fn the_library_needs_libc_alone_and_stays_loaded() {
    let library = artefact("libcas.so");
    let needed = lines_with(Command::new("readelf").arg("-d").arg(&library), "(NEEDED)");
    for line in &needed {
        assert!(
            ["[libc.so.6]", "[ld-linux", "[libm.so", "[libpthread.so", "[libdl.so"]
                .iter()
                .any(|name| line.contains(name)),
            "{line}"
        );
    }
    let soname = lines_with(Command::new("readelf").arg("-d").arg(&library), "(SONAME)");
    assert!(soname[0].contains("[libcas.so.0]"));
    assert!(
        lines_with(Command::new("readelf").arg("-d").arg(&library), "FLAGS_1")[0]
            .contains("NODELETE")
    );
    assert!(!run(Command::new("ldd").arg(&library)).contains("not found"));
}

#[test]
fn the_libraries_are_small_and_name_no_path_of_the_machine_that_built_it() {
    let library = fs::read(artefact("libcas.so")).unwrap();
    assert!(library.len() < 3_200_000, "{} bytes", library.len());
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
            assert!(!found, "{name} holds {text}");
        }
    }
}
