//! OpenSSL's server on many files at once, through tests/fixtures/c/openssl_server.c: the second
//! opinion on what `cas_inspect` says.

use std::collections::BTreeMap;

use crate::program::compile_without_libcas;
use crate::{Outcome, Program};

/// What OpenSSL says about a certificate, a key or a pair: the fields of openssl_server.c.
#[derive(Default, Clone)]
pub struct Judged {
    fields: BTreeMap<String, String>,
    /// The certificate as PEM: the first one of a file, or a new one for a key.
    pub pem: String,
}

impl Judged {
    /// A field; empty if OpenSSL has nothing to say.
    pub fn get(&self, field: &str) -> &str {
        self.fields.get(field).map_or("", String::as_str)
    }

    /// Whether OpenSSL says yes.
    pub fn is(&self, field: &str) -> bool {
        matches!(self.get(field), "yes" | "1")
    }
}

/// What OpenSSL says to each line, in one process.
pub fn judge(lines: &[String]) -> Vec<Judged> {
    let source = "tests/fixtures/c/openssl_server.c";
    let program = Program::new(compile_without_libcas(source, &["-lssl", "-lcrypto"]));
    let Outcome { code, stdout, stderr, .. } = program.run_with(&lines.join("\n"));
    // It starts with its version.
    let done = stdout.matches("\nend\n").count();
    assert_eq!((code, stderr.as_str(), done), (Some(0), "", lines.len() + 1), "{stdout}");
    let mut all = Vec::new();
    let mut current = Judged::default();
    for line in stdout.lines() {
        match line.split_once('=') {
            None => all.push(std::mem::take(&mut current)),
            Some(("pem", line)) => current.pem += &format!("{line}\n"),
            Some((field, value)) => {
                current.fields.insert(field.to_owned(), value.to_owned());
            }
        }
    }
    all.split_off(1)
}

/// The version of OpenSSL that judges.
pub fn version() -> String {
    let source = "tests/fixtures/c/openssl_server.c";
    let program = Program::new(compile_without_libcas(source, &["-lssl", "-lcrypto"]));
    program.run_with("").stdout.lines().next().unwrap().replace("version=", "")
}
