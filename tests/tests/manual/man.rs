//! The manual pages of section 3, and that of the emulator: complete, up to date, read by roff.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::{Program, artefact, installed, run, scratch, top};

fn generator() -> Command {
    let mut command = Command::new("python3");
    command.arg("-B").arg(top().join("tools/manual/man.py"));
    command
}

/// roff says nothing about a page.
fn lint(path: &Path) {
    let path = path.to_str().unwrap();
    if installed("groff") {
        let options = ["-man", "-k", "-Tutf8", "-ww", path];
        let outcome = Program::bare("groff").args(options).run().exits_with(0);
        assert_eq!(outcome.stderr, "", "{path}");
    }
    if installed("mandoc") {
        let outcome = Program::bare("mandoc").args(["-Tlint", "-Wwarning", path]).run();
        // A date would differ from build to build.
        let said = outcome.stdout.lines().find(|line| !line.contains("missing date"));
        assert_eq!(said, None, "{path}");
    }
}

#[test]
fn each_function_and_constant_has_a_page() {
    let directory = scratch("manual").join("man3");
    let _ = fs::remove_dir_all(&directory);
    run(generator().arg("functions").arg(&directory));
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let map = fs::read_to_string(top().join("crates/cas-ffi/libcas.map")).unwrap();
    let functions: Vec<_> = map.lines().filter_map(|line| line.trim().strip_suffix(';')).collect();
    let functions: Vec<_> = functions.iter().filter(|line| line.starts_with("cas_")).collect();
    assert!(functions.len() > 90, "{}", functions.len());
    let mut all = String::new();
    for entry in fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if let Some(other) = text.strip_prefix(".so man3/") {
            assert!(directory.join(other.trim()).exists(), "{}: {other}", path.display());
        } else {
            assert!(text.starts_with(".TH LIBCAS"), "{text}");
            lint(&path);
            all += &text;
        }
    }
    for function in functions {
        assert!(directory.join(format!("{function}.3")).exists(), "{function}");
        assert!(all.contains(&format!(".SS {function}\n")), "{function}");
    }
    let constants =
        header.lines().filter_map(|line| line.strip_prefix("#define ")?.split(' ').next());
    let unlisted = ["LIBCAS_CAS_H", "CAS_WARN_UNUSED_RESULT", "CAS_POP_DIAGNOSTICS"];
    let constants: BTreeSet<_> = constants.filter(|name| !unlisted.contains(name)).collect();
    let listed: BTreeSet<_> = all
        .lines()
        .filter_map(|line| line.strip_prefix(".B CAS_")?.split(' ').next())
        .map(|name| format!("CAS_{name}"))
        .collect();
    for constant in &constants {
        assert!(listed.contains(*constant), "{constant}");
    }
    assert!(constants.len() > 35, "{constants:?}");
}

#[test]
fn the_page_of_the_emulator_is_its_help() {
    let path = top().join("packaging/man/cas-emulator.1");
    let wanted = run(generator().arg("emulator").arg(artefact("cas-emulator")));
    assert!(fs::read_to_string(&path).unwrap() == wanted, "run `make man`");
    lint(&path);
    assert!(wanted.matches("\n.TP\n.B \\-").count() > 25, "{wanted}");
}
