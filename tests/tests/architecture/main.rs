//! Reads the sources and checks the architecture: modules form no circles, dependencies between
//! folders point downwards in the order that `layers.rs` declares, crates depend downwards, and
//! `unsafe` is used only where it is allowed.
//!
//! It needs no artefacts of `make build`: `cargo test -p acceptance --test architecture`.

mod graph;
mod layers;
mod modules;
mod self_test;
mod source;
mod text;

use std::fs;
use std::path::{Path, PathBuf};

use crate::layers::{COLUMNS, CRATES, Declared};
use crate::modules::{Crate, Files};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All crates of `crates/`, each with its source files.
fn crates() -> Vec<(&'static Declared, Files)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(top().join("crates")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let declared = CRATES.iter().find(|one| one.name == name);
        let declared =
            declared.unwrap_or_else(|| panic!("crates/{name} is not declared in layers.rs"));
        let src = top().join("crates").join(&name).join("src");
        let read = |path: &PathBuf| {
            let below = path.strip_prefix(&src).unwrap().to_str().unwrap().to_owned();
            (below, fs::read_to_string(path).unwrap())
        };
        let files: Files = text::files(&src, &[".rs"]).iter().map(read).collect();
        assert!(!files.is_empty(), "crates/{name} has no sources");
        found.push((declared, files));
    }
    assert!(found.len() >= 3, "only {} crates found", found.len());
    found
}

#[test]
fn modules_form_no_circles() {
    let mut wrong = String::new();
    for (declared, files) in crates() {
        let krate = Crate::read(declared.name, &files);
        let arrows = krate.arrows();
        let circles = graph::circles(&arrows);
        println!(
            "{}: {} modules, {} arrows, {} circles, {} pairs that name each other",
            declared.name,
            krate.names().len(),
            arrows.len(),
            circles.len(),
            graph::mutual(&arrows)
        );
        for circle in &circles {
            wrong += &format!("{}: {}\n", declared.name, graph::describe(circle, &arrows));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn arrows_between_folders_point_downwards() {
    let mut wrong = String::new();
    for (declared, files) in crates() {
        let krate = Crate::read(declared.name, &files);
        let upwards = graph::upwards(&krate.arrows(), &krate.names(), declared.layers);
        if !upwards.is_empty() {
            wrong += &format!(
                "{}, against {:?}:\n{}\n",
                declared.name,
                declared.layers,
                upwards.join("\n")
            );
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn crates_depend_downwards_only() {
    for (declared, _) in crates() {
        let manifest = top().join("crates").join(declared.name).join("Cargo.toml");
        let used = text::dependencies(&fs::read_to_string(manifest).unwrap());
        let own = |name: &&String| CRATES.iter().any(|one| one.name == **name);
        let used: Vec<_> = used.iter().filter(own).collect();
        let allowed = |name: &&&String| !declared.uses.contains(&name.as_str());
        let wrong: Vec<_> = used.iter().filter(allowed).collect();
        assert!(wrong.is_empty(), "{} must not depend on {wrong:?}", declared.name);
        for name in declared.uses {
            let other = CRATES.iter().find(|one| one.name == *name).unwrap();
            let circle = other.uses.contains(&declared.name);
            println!("{} -> {name}{}", declared.name, if circle { " and back" } else { "" });
        }
    }
}

#[test]
fn unsafe_is_used_only_where_it_is_allowed() {
    for (declared, files) in crates().into_iter().filter(|(declared, _)| !declared.may_be_unsafe) {
        for (path, text) in files {
            let tokens = source::tokens(&text);
            let found = tokens.iter().find(|token| token.word() == Some("unsafe"));
            let line = found.map(|token| token.line);
            assert_eq!(line, None, "unsafe in crates/{}/src/{path}", declared.name);
        }
    }
}

#[test]
fn no_line_exceeds_the_column_limit() {
    let mut long = Vec::new();
    let endings =
        [".rs", ".c", ".h", ".hpp", ".cpp", ".py", ".md", ".toml", ".sh", ".in", "Makefile"];
    for path in text::files(&top(), &endings) {
        let shown = path.strip_prefix(top()).unwrap().display().to_string();
        // A line break between two Chinese characters is shown as a space.
        if shown.contains("zh-CN") {
            continue;
        }
        for (line, length) in text::long_lines(&fs::read_to_string(&path).unwrap(), COLUMNS) {
            long.push(format!("{shown}:{line}: {length} columns"));
        }
    }
    assert!(long.is_empty(), "lines of more than {COLUMNS} columns:\n{}", long.join("\n"));
}

#[test]
fn the_tests_that_the_conformance_document_names_exist() {
    let document = fs::read_to_string(top().join("docs/conformance.md")).unwrap();
    let sources =
        ["crates", "tests"].map(|folder| text::files(&top().join(folder), &[".rs"])).concat();
    let sources: String = sources.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let mut named = 0;
    for paragraph in document.split("\n\n").filter(|paragraph| paragraph.starts_with("Tests: ")) {
        for name in paragraph.split('`').skip(1).step_by(2) {
            let test = format!("#[test]\nfn {name}()");
            let indented = format!("#[test]\n    fn {name}()");
            assert!(sources.contains(&test) || sources.contains(&indented), "no test {name}");
            named += 1;
        }
    }
    assert!(named > 50, "only {named} tests are named");
}

#[test]
fn every_folder_documents_its_purpose() {
    let sources =
        ["crates", "tests"].map(|folder| text::files(&top().join(folder), &[".rs"])).concat();
    let parts = |path: &&PathBuf| {
        ["lib.rs", "main.rs", "mod.rs"].contains(&path.file_name().unwrap().to_str().unwrap())
    };
    let silent = |path: &&PathBuf| !fs::read_to_string(path).unwrap().starts_with("//! ");
    let silent: Vec<_> = sources.iter().filter(parts).filter(silent).collect();
    assert!(silent.is_empty(), "no //! at the top of {silent:?}");
}
