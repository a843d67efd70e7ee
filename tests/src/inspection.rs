//! `cas_inspect` on many files at once, through tests/fixtures/c/inspect.c.

use std::collections::BTreeMap;
use std::path::Path;

use crate::{Program, compile};

/// What libcas reports about a certificate and a key.
#[derive(Default)]
pub struct Inspection {
    /// The fields that tests/fixtures/c/inspect.c prints once.
    pub fields: BTreeMap<String, String>,
    /// Severity, identifier and sentence of each finding.
    pub findings: Vec<(u8, String, String)>,
    /// The tidied chain.
    pub pem: String,
}

/// A line for [`inspect`]: the files of a certificate and of a key.
pub fn pair(certificate: &Path, key: Option<&Path>) -> String {
    let shown = |path: &Path| path.to_str().unwrap().to_owned();
    key.map_or_else(|| shown(certificate), |key| format!("{}\t{}", shown(certificate), shown(key)))
}

/// Inspects the files of all lines in one process, which must succeed and print nothing on standard
/// error.
pub fn inspect(lines: &[String]) -> Vec<Inspection> {
    let program = Program::new(compile("tests/fixtures/c/inspect.c", &[]));
    let outcome = program.run_with(&lines.join("\n"));
    let next = lines.get(outcome.stdout.matches("\nend=").count());
    assert_eq!((outcome.code, outcome.stderr.as_str(), next), (Some(0), "", None));
    assert!(!outcome.stdout.contains("status=CAS_ERR_INTERNAL"), "a panic");
    let mut inspections = Vec::new();
    let mut current = Inspection::default();
    for line in outcome.stdout.lines() {
        let (field, value) = line.split_once('=').unwrap_or_else(|| panic!("no field: {line}"));
        match field {
            "end" => inspections.push(std::mem::take(&mut current)),
            "pem" => current.pem += &format!("{value}\n"),
            "finding" => {
                let (severity, text) = value.split_once(' ').unwrap();
                let (id, sentence) = text.split_once(": ").unwrap();
                current.findings.push((
                    severity.parse().unwrap(),
                    id.to_owned(),
                    sentence.to_owned(),
                ));
            }
            "hint" => assert!(!value.is_empty()),
            _ => drop(current.fields.insert(field.to_owned(), value.to_owned())),
        }
    }
    assert_eq!(inspections.len(), lines.len());
    inspections
}

/// Whether what libcas says quotes a part of a text: ten letters of a line that may be base64.
pub fn quotes(inspection: &Inspection, text: &str) -> bool {
    const PART: usize = 10;
    let said: String = inspection.findings.iter().map(|(_, _, said)| said.as_str()).collect();
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || b"+/=".contains(b);
    let parts = text.lines().flat_map(|line| line.as_bytes().windows(PART));
    let mut parts = parts.filter(|part| {
        // Words of a sentence are no secrets.
        part.iter().all(is_base64) && !part.iter().all(u8::is_ascii_lowercase)
    });
    parts.any(|part| said.as_bytes().windows(PART).any(|window| window == part))
}

impl Inspection {
    /// The identifiers of refusals and warnings, sorted.
    pub fn problems(&self) -> Vec<&str> {
        let problems = self.findings.iter().filter(|(severity, _, _)| *severity > 0);
        let mut ids: Vec<&str> = problems.map(|(_, id, _)| id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    /// The identifiers of all findings, sorted.
    pub fn ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.findings.iter().map(|(_, id, _)| id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    /// Whether there is a finding with this identifier.
    pub fn has(&self, id: &str) -> bool {
        self.findings.iter().any(|(_, found, _)| found == id)
    }

    /// The identifiers of the findings that refuse an upload.
    pub fn refused(&self) -> Vec<&str> {
        let refused = self.findings.iter().filter(|(severity, _, _)| *severity == 2);
        refused.map(|(_, id, _)| id.as_str()).collect()
    }
}
