//! Tests of the checks: they find planted violations, and nothing in correct sources.

use crate::graph::{circles, upwards};
use crate::modules::{Arrows, Crate, Files};
use crate::source::{tokens, without_tests};
use crate::text::{dependencies, long_lines};

const LAYERS: [&str; 4] = ["lib", "upper", "lower", "base"];

fn files(sources: &[(&str, &str)]) -> Files {
    sources.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

/// A correct crate, with these files replaced or added.
fn crate_with(changed: &[(&str, &str)]) -> Files {
    let mut all = files(&[
        ("lib.rs", "mod upper; mod lower; mod base; pub use upper::Run;"),
        ("upper/mod.rs", "mod run; mod event; pub use run::Run; pub use event::Event;"),
        (
            "upper/run.rs",
            "use super::Event; use crate::lower::{Low, part::Part};
             pub struct Run(Event, Low, Part);",
        ),
        ("upper/event.rs", "pub struct Event;"),
        ("lower/mod.rs", "pub mod part; pub struct Low(part::Part);"),
        ("lower/part.rs", "use crate::base; pub struct Part(base::Time);"),
        ("base.rs", "pub struct Time;"),
    ]);
    all.extend(files(changed));
    all
}

fn arrows(files: &Files) -> Arrows {
    Crate::read("planted", files).arrows()
}

fn found_circles(changed: &[(&str, &str)]) -> Vec<String> {
    circles(&arrows(&crate_with(changed))).iter().map(|circle| circle.join(" ")).collect()
}

fn found_upwards(changed: &[(&str, &str)]) -> Vec<String> {
    let files = crate_with(changed);
    let krate = Crate::read("planted", &files);
    upwards(&krate.arrows(), &krate.names(), &LAYERS)
}

#[track_caller]
fn assert_upwards(changed: &[(&str, &str)], expected: &str) {
    let found = found_upwards(changed);
    assert!(found.len() == 1 && found[0].contains(expected), "{found:?}");
}

#[test]
fn a_sound_crate_passes() {
    assert!(found_circles(&[]).is_empty());
    assert!(found_upwards(&[]).is_empty());
    let shown: Vec<_> =
        arrows(&crate_with(&[])).keys().map(|(from, to)| format!("{from} {to}")).collect();
    let expected = [
        "lib upper::run",
        "lower lower::part",
        "lower::part base",
        "upper upper::event",
        "upper upper::run",
        "upper::run lower",
        "upper::run lower::part",
        "upper::run upper::event",
    ];
    assert_eq!(shown, expected);
}

#[test]
fn a_circle_of_siblings_is_found() {
    let back = [("upper/event.rs", "use super::run::Run; pub struct Event(Run);")];
    assert_eq!(found_circles(&back), ["upper::event upper::run"]);
    // The same through what the folder re-exports.
    let back = [("upper/event.rs", "pub struct Event(super::Run);")];
    assert_eq!(found_circles(&back), ["upper::event upper::run"]);
}

#[test]
fn a_child_that_uses_an_item_of_its_parent_closes_a_circle() {
    for text in [
        "use super::Low; pub struct Part(Low);",
        "use crate::lower::Low; pub struct Part(Low);",
        "use super::*; pub struct Part(Low);",
        "use crate::lower as it; pub struct Part(it::Low);",
        "pub struct Part; mod inner { use super::super::Low; struct X(Low); }",
    ] {
        assert_eq!(found_circles(&[("lower/part.rs", text)]), ["lower lower::part"], "{text}");
    }
}

#[test]
fn an_arrow_upwards_is_found_however_it_is_written() {
    let expected = "lower::part -> upper::run points upwards    src/lower/part.rs:2";
    for text in [
        "\nuse super::super::upper::Run; pub struct Part(Run);",
        "\nuse crate::upper::{Run as Other}; pub struct Part(Other);",
        "\nuse crate::{base::{self, Time}, upper::{Run}}; pub struct Part(base::Time, Time, Run);",
        "\npub struct Part(crate::upper::run::Run);",
        "pub struct Part; fn f() -> usize {\n size_of::<crate::upper::Run>() }",
        "pub struct Part; fn f() {\n use crate::upper; upper::Run::new() }",
        "pub struct Part; macro_rules! m { () => {\n $crate::upper::Run } }",
        "pub struct Part {\n #[serde(with = \"crate::upper::Run\")] x: u8 }",
        "pub struct Part;\nuse crate::Run;",
    ] {
        let found = found_upwards(&[("lower/part.rs", text)]);
        assert!(found.iter().any(|line| line.contains(expected)), "{text}: {found:?}");
    }
}

#[test]
fn a_macro_is_an_arrow_to_where_it_is_defined() {
    let upper = "macro_rules! shout { () => {} } pub struct Event;";
    let lower = "pub struct Part; fn f() { shout!() }";
    let planted = [("upper/event.rs", upper), ("lower/part.rs", lower)];
    assert_upwards(&planted, "lower::part -> upper::event");
}

#[test]
fn a_use_of_the_root_points_upwards() {
    let root = "mod upper; mod lower; mod base; pub fn version() {}";
    let base = "pub struct Time; fn f() { crate::version() }";
    assert_upwards(&[("lib.rs", root), ("base.rs", base)], "base -> lib");
    let planted = [
        ("lib.rs", "mod upper; mod lower; mod base; pub use base::f; pub fn version() {}"),
        ("base.rs", base),
    ];
    assert_eq!(found_circles(&planted), ["base lib"]);
}

#[test]
fn a_folder_that_is_not_declared_is_found() {
    let root = "mod upper; mod lower; mod base; mod utils;";
    assert_upwards(&[("lib.rs", root), ("utils.rs", "")], "utils is in no declared layer");
}

#[test]
fn comments_strings_and_tests_are_ignored() {
    let text = r##"
        //! crate::upper::Run
        /* crate::upper::Run /* nested */ crate::upper::Run */
        pub struct Part;
        const A: &str = "crate::upper::Run \" crate::upper::Run";
        const B: &str = r#"crate::upper::Run " crate::upper::Run"#;
        const C: [char; 2] = ['"', '\''];
        #[cfg(test)]
        use crate::upper::Run;
        #[cfg(test)]
        mod tests { use crate::upper::Run; }
        #[cfg(all(test, unix))]
        #[allow(dead_code)]
        fn f<'a>(it: &'a [u8; 2]) -> crate::upper::Run { if true { a } else { b } }
    "##;
    assert!(found_upwards(&[("lower/part.rs", text)]).is_empty());
    let siblings = [
        ("lower/part.rs", "pub struct Part; #[cfg(test)] mod tests;"),
        ("lower/part/tests.rs", "use crate::upper::Run;"),
    ];
    assert!(found_upwards(&siblings).is_empty());
    // What follows a test is read.
    let text = "#[cfg(test)] mod tests { fn f() {} }
        #[cfg(not(test))] use crate::upper::Run; pub struct Part;";
    assert_upwards(&[("lower/part.rs", text)], "src/lower/part.rs:2");
}

#[test]
fn a_program_beside_its_library_is_read_too() {
    let main = "mod cli; fn main() { planted::Run; cli::run() }";
    let planted = [("main.rs", main), ("cli.rs", "pub fn run() { super::main() }")];
    assert_eq!(found_circles(&planted), ["cli main"]);
    assert!(
        arrows(&crate_with(&planted)).contains_key(&("main".to_owned(), "upper::run".to_owned()))
    );
}

#[test]
fn unsafe_code_is_distinguished_from_the_word() {
    let count =
        |text: &str| tokens(text).iter().filter(|token| token.word() == Some("unsafe")).count();
    assert_eq!(count("// unsafe\nconst A: &str = \"unsafe\"; #![forbid(unsafe_code)]"), 0);
    assert_eq!(count("#[cfg(test)] fn f() { unsafe { g() } }"), 1);
    assert_eq!(without_tests(&tokens("#[cfg(test)] fn f() { unsafe { g() } }")).len(), 0);
}

#[test]
fn long_lines_and_dependencies_are_read() {
    assert_eq!(long_lines("äää\naaaa\n", 3), [(2, 4)]);
    let manifest = "[package]\nname = \"x\"\n[dependencies]\ncas-core.workspace = true\n# no = 1\n\
                    [target.'cfg(unix)'.dependencies]\nrenamed = { package = \"cas-sys\" }\n\
                    [dev-dependencies.cas-emulator]\npath = \"..\"\n[features]\ncas-ffi = []\n";
    let mut found = dependencies(manifest);
    found.retain(|name| !name.is_empty());
    assert_eq!(found, ["cas-core", "cas-sys", "cas-emulator"]);
}
