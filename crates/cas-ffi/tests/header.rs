//! Generates `include/cas.h` and compares it with the committed file.
//!
//! cbindgen turns the crate's public items and their doc comments into C declarations, but groups
//! them by kind: first all types, then all constants, then all functions. A manual needs the order
//! of the subject. So the header follows the sources: one section per `pub mod` of `lib.rs`, in
//! that order, with the module's `//!` comment as its introduction, and inside a section the order
//! of the file, followed by the files of its own `pub mod`s. A line `// --- Title ---` in a module
//! starts a group. Handles come first of all, since functions of every section use them. The rest
//! of the file is `cas.h.in`.
#![allow(clippy::unwrap_used)] // outside of `#[test]` functions as well

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

static HEADER: LazyLock<String> = LazyLock::new(generate);

const WIDTH: usize = 80;

fn crate_dir() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header_path() -> PathBuf {
    crate_dir().join("../../include/cas.h")
}

fn read(path: &str) -> String {
    fs::read_to_string(crate_dir().join(path)).unwrap()
}

/// The declarations that cbindgen writes, with their comments, by the name that each declares.
fn declarations() -> HashMap<String, String> {
    let config = cbindgen::Config::from_file(crate_dir().join("cbindgen.toml")).unwrap();
    let mut text = Vec::new();
    let builder = cbindgen::Builder::new().with_crate(crate_dir()).with_config(config);
    builder.generate().unwrap().write(&mut text);
    let text = String::from_utf8(text).unwrap();
    text.trim().split("\n\n").map(|item| (declared_name(item), tidied(item))).collect()
}

fn declared_name(declaration: &str) -> String {
    let code = declaration.rsplit("*/").next().unwrap();
    // `#define NAME value`, `type (*NAME)(arguments)`, `type NAME(arguments)` or `type NAME;`.
    let before = match code.trim().strip_prefix("#define ") {
        Some(definition) => definition.split(' ').next().unwrap(),
        None => {
            code.trim().trim_start_matches("typedef void (*").split(['(', ')', ';']).next().unwrap()
        }
    };
    before.rsplit([' ', '*']).next().unwrap().to_owned()
}

/// Closes a comment of one line on that line, and puts a long value or return type on a line of its
/// own.
fn tidied(declaration: &str) -> String {
    let is_long = declaration.lines().any(|line| line.len() > WIDTH);
    if let Some((before, arguments)) = declaration.rsplit_once('(')
        && let Some((before, name)) = before.rsplit_once('*')
        && is_long
        && !declaration.contains("#define ")
    {
        let arguments: Vec<&str> = arguments.lines().map(str::trim).collect();
        return format!("{before}*\n{name}({}", arguments.join(" "));
    }
    let (comment, code) = declaration.rsplit_once('\n').unwrap_or(("", declaration));
    let code = match code.strip_prefix("#define ").and_then(|code| code.split_once(' ')) {
        Some((name, value)) if is_long => format!("#define {name} \\\n    {value}"),
        _ => code.to_owned(),
    };
    match comment.lines().collect::<Vec<_>>()[..] {
        ["/**", text, " */"] if text.len() + 5 <= WIDTH => format!("/**{} */\n{code}", &text[2..]),
        _ => format!("{comment}\n{code}"),
    }
}

/// The name of the item that a line of Rust begins, if it is one for C.
fn item_of(line: &str) -> Option<&str> {
    let name = [
        "pub struct ",
        "pub type ",
        "pub const ",
        "pub extern \"C\" fn ",
        "pub unsafe extern \"C\" fn ",
    ]
    .iter()
    .find_map(|start| line.strip_prefix(start))?;
    name.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()
}

/// The names of the modules that a source declares as `pub mod`.
fn public_modules(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
}

fn section(title: &str, introduction: &str) -> String {
    let rule = "=".repeat(WIDTH - 3);
    let mut text = format!("/* {rule}\n * {title}\n * {rule}\n");
    for line in introduction.lines() {
        writeln!(text, " * {line}").unwrap();
    }
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n */", lines.join("\n"))
}

fn group(title: &str) -> String {
    let rule = "-".repeat(WIDTH - "/* --- ".len() - title.len() - " ".len() - " */".len());
    format!("/* --- {title} {rule} */")
}

fn generate() -> String {
    let mut declarations = declarations();
    let mut handles = vec![section("Handles", "")];
    let mut sections = Vec::new();
    for module in public_modules(&read("src/lib.rs")) {
        let source = read(&format!("src/{module}.rs"));
        let about: String = source
            .lines()
            .map_while(|line| line.strip_prefix("//!"))
            .fold(String::new(), |text, line| text + line.strip_prefix(' ').unwrap_or(line) + "\n");
        let (title, introduction) = about.split_once('\n').unwrap();
        sections.push(section(title.trim_end_matches('.'), introduction));
        let parts = public_modules(&source).map(|part| read(&format!("src/{module}/{part}.rs")));
        for line in source.lines().chain(parts.collect::<String>().lines()) {
            if let Some(title) =
                line.strip_prefix("// --- ").and_then(|rest| rest.strip_suffix(" ---"))
            {
                sections.push(group(title));
            } else if let Some(declaration) =
                item_of(line).and_then(|name| declarations.remove(name))
            {
                let is_handle = declaration.contains("typedef struct");
                if is_handle { &mut handles } else { &mut sections }.push(declaration);
            }
        }
    }
    assert!(declarations.is_empty(), "not found in any `pub mod`: {:?}", declarations.keys());
    handles.extend(sections);
    read("cas.h.in").replace("@DECLARATIONS@", &handles.join("\n\n"))
}

#[test]
fn the_committed_header_is_current() {
    if std::env::var_os("UPDATE_HEADER").is_some() {
        fs::write(header_path(), &*HEADER).unwrap();
    }
    let committed = fs::read_to_string(header_path()).unwrap_or_default();
    assert!(committed == *HEADER, "include/cas.h is out of date: run `make header`");
}

#[test]
fn the_header_fits_into_80_columns() {
    for (number, line) in HEADER.lines().enumerate() {
        assert!(line.chars().count() <= WIDTH, "include/cas.h:{}: {line}", number + 1);
    }
}

/// The example between `@code` and `@endcode` is a whole program.
#[test]
fn the_example_compiles() {
    let example = HEADER.split_once("@code\n").unwrap().1.split_once(" * @endcode").unwrap().0;
    let example: String =
        example.lines().map(|line| line.trim_start_matches(" *").to_owned() + "\n").collect();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("header");
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("cas.h"), &*HEADER).unwrap();
    let source = directory.join("example.c");
    fs::write(&source, example).unwrap();
    for (compiler, standard) in [("gcc", "-std=c99"), ("gcc", "-std=c17"), ("g++", "-std=c++11")] {
        let language = if compiler == "g++" { "c++" } else { "c" };
        let status = Command::new(compiler)
            .args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", standard])
            .args(["-x", language, "-I"])
            .args([&directory, &source])
            .status()
            .unwrap();
        assert!(status.success(), "{compiler} {standard}");
    }
}
