//! The manual in `docs` and the READMEs: what they say can be done, is done; both languages have
//! the same commands and codes; each status, error code and finding is described; links lead
//! somewhere.

mod code;
mod doxygen;
mod man;
mod markdown;
mod options;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance::{run, top};

use markdown::{Page, pages};

const LANGUAGES: [&str; 2] = ["docs", "docs/zh-CN"];

/// What a Chinese page leaves out of the English one: how that is made.
const LEFT_OUT: [&str; 2] = ["make findings", "crates/cas-core/src/inspect/findings.rs"];

fn everything() -> Vec<Page> {
    let mut all = pages("docs");
    all.extend(["README.md", "README.zh-CN.md"].map(Page::read));
    all
}

#[test]
fn every_code_block_names_its_language() {
    let mut blocks = 0;
    for page in everything() {
        for block in &page.blocks {
            let known = ["c", "cpp", "sh", "json", "toml", "ini", "text", "python"];
            assert!(known.contains(&block.language()), "{}: {block:?}", page.path.display());
            let is_file =
                |note: &str| note.contains('.') && ["c", "cpp"].contains(&block.language());
            let is_fine = |note: &str| is_file(note) || block.info == "sh no-run";
            assert!(block.note().is_none_or(is_fine), "{}: {block:?}", page.path.display());
            blocks += 1;
        }
    }
    assert!(blocks > 100, "{blocks}");
}

#[test]
fn every_link_leads_somewhere() {
    let broken: Vec<_> = everything().iter().flat_map(Page::broken_links).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    let links = everything().iter().map(|page| page.links().len()).sum::<usize>();
    assert!(links > 300, "{links}");
}

#[test]
fn every_page_is_a_chapter() {
    for language in LANGUAGES {
        let summary = Page::read(format!("{language}/SUMMARY.md"));
        assert_eq!(summary.broken_links(), [""; 0]);
        let chapters: BTreeSet<_> =
            summary.links().iter().map(|link| Path::new(language).join(link)).collect();
        for page in pages(language) {
            let is_other = language == "docs" && page.path.starts_with("docs/zh-CN");
            assert!(
                is_other || chapters.contains(&page.path),
                "{language}/SUMMARY.md has no chapter {}",
                page.path.display()
            );
        }
    }
}

/// Commands, options, variables, statuses, codes and findings are code in both languages.
#[test]
fn both_languages_have_the_same_code() {
    let mut compared = 0;
    for chinese in pages("docs/zh-CN") {
        let path = Path::new("docs").join(chinese.path.strip_prefix("docs/zh-CN").unwrap());
        let english = Page::read(&path);
        let shown = path.display();
        assert_eq!(english.code(), chinese.code(), "{shown}");
        let mut spans = english.spans();
        for left_out in LEFT_OUT.iter().filter(|_| path.ends_with("findings.md")) {
            assert!(spans.remove(*left_out), "{left_out}");
        }
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
            one.difference(other).cloned().collect()
        };
        let only = [only(&spans, &chinese.spans()), only(&chinese.spans(), &spans)];
        assert_eq!(only, [[""; 0]; 2], "{shown}: only in English, only in Chinese");
        // The introduction says what is in English alone.
        if !path.ends_with("docs/index.md") {
            assert_eq!(english.levels(), chinese.levels(), "{shown}: headings");
        }
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}

/// The Chinese README is shorter, and says nothing that the other one does not say.
#[test]
fn both_readmes_have_the_same_code() {
    let [english, chinese] = ["README.md", "README.zh-CN.md"].map(Page::read);
    let of_both = english.code();
    for block in chinese.code() {
        assert!(of_both.contains(&block), "README.md has no {block:?}");
    }
    let missing: Vec<_> = chinese.spans().difference(&english.spans()).cloned().collect();
    assert_eq!(missing, [""; 0], "not in README.md");
    assert!(chinese.blocks.len() >= 6);
}

#[test]
fn each_status_has_a_page() {
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let statuses: Vec<(&str, u32)> = header
        .lines()
        .filter_map(|line| line.strip_prefix("#define CAS_ERR_")?.split_once(' '))
        .map(|(name, number)| (name, number.parse().unwrap()))
        .collect();
    assert!(statuses.len() >= 15, "{statuses:?}");
    for language in LANGUAGES {
        let index = Page::read(format!("{language}/errors/index.md")).text();
        for (name, number) in &statuses {
            let name = format!("CAS_ERR_{name}");
            let page = Page::read(format!("{language}/errors/{name}.md")).text();
            assert!(page.starts_with(&format!("# {name}\n")), "{page}");
            let (number, exit) = (number.to_string(), (10 + number).to_string());
            assert!(page.contains(&format!("**{number}**")), "{page}");
            assert!(page.contains(&exit), "{page}");
            let row = format!("| [`{name}`]({name}.md) | {number} | {exit} |");
            assert!(index.contains(&row), "{language}: {row}");
        }
    }
}

#[test]
fn each_error_code_has_a_page() {
    let script = top().join("tools/manual/errors.py");
    run(Command::new("python3").arg("-B").arg(script).arg("--check"));
    let table = top().join("crates/cas-core/src/protocol/error_codes.rs");
    let table = fs::read_to_string(table).unwrap();
    let (_, rows) = table.split_once("const KNOWN: &[Row] = &[").unwrap();
    let (rows, _) = rows.split_once("\n];").unwrap();
    let codes: Vec<_> = rows.lines().filter_map(|row| row.split('"').nth(1)).collect();
    assert!(codes.len() >= 40, "{codes:?}");
    for language in LANGUAGES {
        for code in &codes {
            let page = format!("{language}/errors/codes/{}.md", code.trim_matches('*'));
            assert!(Page::read(page).text().starts_with(&format!("# `{code}`\n")), "{code}");
        }
    }
}

/// The identifiers of the findings of a page, one list for each part of it.
fn findings(page: &Page) -> Vec<Vec<String>> {
    let text = page.text();
    let identifiers = |part: &str| {
        let line = |line: &str| Some(line.strip_prefix("- `")?.split('`').next()?.to_owned());
        part.lines().filter_map(line).collect()
    };
    text.split("\n## ").map(identifiers).collect()
}

/// What a page says to do about each finding, as far as it is the same in every language: options,
/// functions and files.
fn remedies(page: &Page) -> Vec<(String, BTreeSet<String>)> {
    let text = page.text();
    let items = text.split("\n- `").skip(1).map(|item| item.split("\n## ").next().unwrap());
    let of_any_language = |word: &str| {
        let word = word.trim_matches(|c: char| ".,:()".contains(c));
        let is_technical = |c: char| c.is_ascii_graphic();
        (word.starts_with('-') || word.contains('_') || word.contains('='))
            .then(|| word.chars().take_while(|c| is_technical(*c)).collect::<String>())
    };
    items
        .filter_map(|item| item.split_once('`'))
        .map(|(finding, rest)| {
            let words = rest.split(|c: char| c.is_whitespace() || !c.is_ascii());
            (finding.to_owned(), words.filter_map(of_any_language).collect())
        })
        .collect()
}

#[test]
fn each_finding_is_described_in_both_languages() {
    let [english, chinese] =
        LANGUAGES.map(|language| Page::read(format!("{language}/findings.md")));
    assert_eq!(findings(&english), findings(&chinese));
    assert!(findings(&english).concat().len() > 70);
    for (english, chinese) in remedies(&english).iter().zip(remedies(&chinese)) {
        assert_eq!(*english, chinese);
    }
}
