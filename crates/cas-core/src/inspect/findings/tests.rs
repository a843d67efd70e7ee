//! `docs/findings.md`, and the rules for sentences and advice.

use std::fmt::Write as _;

use super::*;

/// Columns of a line of the document.
const COLUMNS: usize = 100;

const HEAD: &str = "# Findings in a certificate, its private key and its name

Before an upload, and in `cas_inspect`, libcas reads and checks every certificate on this machine.
Identifiers and severities are stable from release to release; sentences may change. `…` stands for
details of the case. `cas_request_set_skip_checks` turns off everything except `name-empty` and
`name-control`; libcas still cannot send input that is not text. `cas_request_allow_finding` allows
one refused finding by its identifier, and leaves all other checks on: see
[Allowing a refused finding](#allowing-a-refused-finding).

Generated from `crates/cas-core/src/inspect/findings.rs` by `make findings`.
";

const ALLOWING: &str = "
## Allowing a refused finding

`cas_request_allow_finding` lets an upload continue although it has a finding, such as the expired
certificate of a test. libcas logs an allowed finding at `CAS_LOG_WARN`, and what it sends is tidied
as ever. `cas_inspect` lists the finding as before. Allowing a warning or a note is accepted and
does nothing. A finding that would send a private key as something public, or that leaves nothing
to send, cannot be allowed.

| finding | can be allowed | what libcas sends, or why not |
|---|---|---|
";

/// The content of `docs/findings.md`.
fn document() -> String {
    let mut text = String::from(HEAD);
    for severity in [Severity::Refused, Severity::Warning, Severity::Note] {
        let (title, about) = match severity {
            Severity::Refused => (
                "Refused",
                "libcas sends nothing. The call fails with `CAS_ERR_CERTIFICATE`, or with \
                 `CAS_ERR_INVALID_ARGUMENT` for `name-empty` and if a function that takes text \
                 finds `not-text`.",
            ),
            Severity::Warning => {
                ("Warnings", "The upload continues. libcas logs the finding at `CAS_LOG_WARN`.")
            }
            Severity::Note => (
                "Notes",
                "libcas tidied something or could not check it. The upload continues. libcas logs \
                 the finding at `CAS_LOG_INFO`. No action is needed unless a fix is listed.",
            ),
        };
        writeln!(text, "\n## {title}\n\n{}\n", wrap("", about)).unwrap();
        for kind in FindingKind::ALL.iter().filter(|kind| kind.severity() == severity) {
            let finding = format!("`{}`: {}", kind.id(), kind.sentence());
            writeln!(text, "{}", wrap("- ", &finding)).unwrap();
            if kind.advice() != NO_ACTION {
                let fix = format!("*Fix:* {}", kind.advice());
                writeln!(text, "{}", wrap("  ", &fix)).unwrap();
            }
        }
    }
    text.push_str(ALLOWING);
    for kind in FindingKind::ALL {
        let (can, what) = match kind.allowing() {
            Sends(what) => ("yes", what),
            Never(reason) => ("no", reason),
            Needless => continue,
        };
        writeln!(text, "| `{}` | {can} | {what} |", kind.id()).unwrap();
    }
    text
}

/// Wraps `text` after `first`, a list marker or an indentation. Indents further lines by as much.
fn wrap(first: &str, text: &str) -> String {
    let indent = " ".repeat(first.len());
    let mut lines = vec![first.to_owned()];
    for word in text.split_whitespace() {
        let line = lines.last_mut().unwrap();
        if line.len() == first.len() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= COLUMNS {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines.join("\n")
}

#[test]
fn every_finding_has_an_identifier_a_sentence_and_advice() {
    let is_id = |b: u8| b == b'-' || b.is_ascii_lowercase() || b.is_ascii_digit();
    for (n, kind) in FindingKind::ALL.iter().enumerate() {
        let (id, sentence) = (kind.id(), kind.row().sentence);
        assert!(id.bytes().all(is_id), "{id}");
        assert!(FindingKind::ALL[..n].iter().all(|other| other.id() != id), "{id} twice");
        assert!(sentence.matches("{}").count() <= 1, "{id}");
        assert!(!sentence.ends_with('.') && !sentence.starts_with(char::is_uppercase), "{id}");
        assert!(kind.advice().ends_with('.'), "{id}");
        let is_refused = kind.severity() == Severity::Refused;
        assert_eq!(kind.allowing() != Needless, is_refused, "{id}");
    }
    let finding = Finding::new(FindingKind::Expired, "2024-01-01T00:00:00Z");
    assert_eq!(finding.to_string(), "expired: the certificate expired at 2024-01-01T00:00:00Z");
    assert_eq!(FindingKind::Expired.sentence(), "the certificate expired at …");
}

#[test]
fn details_are_not_searched_for_placeholders() {
    let finding = Finding::new(FindingKind::NameControl, "\"{}\"");
    assert_eq!(finding.sentence(), "the name \"{}\" contains control characters");
}

#[test]
fn document_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/findings.md");
    let document = document();
    if std::env::var_os("UPDATE_FINDINGS").is_some() {
        std::fs::write(path, &document).unwrap();
    }
    assert!(document.lines().all(|line| line.chars().count() <= COLUMNS));
    assert!(
        std::fs::read_to_string(path).unwrap_or_default() == document,
        "outdated: run `make findings`"
    );
}
