//! Whether what an upload says is true of what is stored.

use std::fs;

use acceptance::{Chain, Emulator, Outcome};
use serde_json::Value;

pub const OK: &str = "CAS_OK";
pub const UNKNOWN: &str = "CAS_ERR_OUTCOME_UNKNOWN";
pub const NAME_TAKEN: &str = "CAS_ERR_NAME_TAKEN";

/// How often the long tests repeat what they do; `make test-exactly-once` sets it.
pub fn times() -> Option<usize> {
    std::env::var("EXACTLY_ONCE_TIMES").map(|times| times.parse().unwrap()).ok()
}

/// Whether to run every combination instead of a selection.
pub fn in_full() -> bool {
    times().is_some()
}

/// How an upload ended: `created`, `reused`, `replaced` or its status.
pub fn ended(outcome: &Outcome) -> &str {
    match outcome.field("status") {
        OK => ["created", "reused", "replaced"][outcome.field("outcome").parse::<usize>().unwrap()],
        status => status,
    }
}

/// The copies of a certificate that are stored.
pub fn copies<'a>(stored: &'a [Value], chain: &Chain) -> Vec<&'a Value> {
    let pem = fs::read_to_string(&chain.chain).unwrap();
    stored.iter().filter(|one| one["cert_pem"] == pem.as_str()).collect()
}

/// Checks an upload that has the only client of its certificate: the certificate is stored at most
/// once. It is stored where the call says so, under the reported CertId and name, and it is not
/// stored where the call says that.
pub fn check(emulator: &Emulator, chain: &Chain, outcome: &Outcome) -> Result<(), String> {
    let stored = emulator.certificates();
    let copies = copies(&stored, chain);
    if copies.len() > 1 {
        return Err(format!("{} copies", copies.len()));
    }
    match outcome.field("status") {
        OK => reported(&copies, outcome),
        UNKNOWN => Ok(()),
        _ if copies.is_empty() => Ok(()),
        status => Err(format!("{status}, and it is stored")),
    }
}

/// Checks that the CertId and the name of a success are those of one of the copies.
pub fn reported(copies: &[&Value], outcome: &Outcome) -> Result<(), String> {
    let is_reported = |copy: &&Value| {
        let (id, name) = (copy["cert_id"].to_string(), copy["name"].as_str().unwrap());
        (outcome.field("cert_id"), outcome.field("name")) == (&id, name)
    };
    let found = copies.iter().any(is_reported);
    if found { Ok(()) } else { Err(format!("none of {} copies is reported", copies.len())) }
}
