use std::fmt::Write as _;

use super::*;

/// `docs/findings.md`, as the table has it.
fn document() -> String {
    let mut text = String::from(HEAD);
    for severity in [Severity::Refused, Severity::Warning, Severity::Note] {
        let (title, about) = match severity {
            Severity::Refused => (
                "Refused",
                "Nothing is sent; the call fails with `CAS_ERR_CERTIFICATE`, or with `CAS_ERR_INVALID_ARGUMENT` for \
                 `name-empty`\nand where `not-text` is found by a function that takes text.",
            ),
            Severity::Warning => (
                "Warned of",
                "The upload goes on; the program's log hears of it at `CAS_LOG_WARN`.",
            ),
            Severity::Note => (
                "Noted",
                "What was tidied or left unchecked; the log hears of it at `CAS_LOG_INFO`.",
            ),
        };
        let head = "| identifier | what is said | what to do |\n|---|---|---|";
        writeln!(text, "\n## {title}\n{about}\n\n{head}").unwrap();
        for kind in FindingKind::ALL.iter().filter(|kind| kind.severity() == severity) {
            let cell = |text: &str| text.replace('|', "\\|");
            let (sentence, advice) = (cell(&kind.sentence()), cell(kind.advice()));
            writeln!(text, "| `{}` | {sentence} | {advice} |", kind.id()).unwrap();
        }
    }
    text
}

const HEAD: &str = "# What libcas finds in a certificate, its key and its name\n
Before an upload, and in `cas_inspect`, every certificate is read and checked on this machine. Identifiers and severities
stay as they are from release to release; sentences may become better. `…` stands for what depends on the case.
`cas_request_set_skip_checks` turns all of it off but `name-empty` and `name-control`, and what is no text cannot be sent.

This file is written from the table in `crates/cas-core/src/inspect/findings.rs`: `make findings`.
";

#[test]
fn every_finding_has_an_identifier_a_sentence_and_advice() {
    for (n, kind) in FindingKind::ALL.iter().enumerate() {
        assert!(
            kind.id().bytes().all(|b| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit())
        );
        assert!(
            FindingKind::ALL[..n].iter().all(|other| other.id() != kind.id()),
            "{} twice",
            kind.id()
        );
        assert!(kind.row().sentence.matches("{}").count() <= 1, "{}", kind.id());
        assert!(kind.advice().ends_with('.'), "{}", kind.id());
    }
    let finding = Finding::new(FindingKind::Expired, "2024-01-01T00:00:00Z");
    assert_eq!(finding.to_string(), "expired: not valid after 2024-01-01T00:00:00Z");
}

#[test]
fn the_document_is_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md");
    if std::env::var_os("UPDATE_FINDINGS").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    assert!(std::fs::read_to_string(path).unwrap_or_default() == document(), "run `make findings`");
}
