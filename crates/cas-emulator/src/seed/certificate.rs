//! A certificate of a seed.

use std::path::Path;

use zeroize::Zeroizing;

use crate::certificates::certificate::{Leaf, parse_leaf};
use crate::certificates::private_key::{self, KeyError};
use crate::store::Account;

/// The longest name, in characters.
const MAX_NAME: usize = 128;

/// A certificate and its key, checked. No `Debug`, to keep the key out of logs.
pub(super) struct SeedCertificate {
    /// `None` for the first account.
    pub(super) account: Option<Account>,
    pub(super) name: String,
    pub(super) cert_pem: String,
    pub(super) key_pem: Zeroizing<String>,
    pub(super) leaf: Leaf,
    pub(super) resource_group_id: String,
    pub(super) tags: Vec<(String, String)>,
}

impl SeedCertificate {
    /// Checks certificate and key, which are PEM, like an upload. An error says what to do.
    pub(super) fn new(
        name: &str,
        cert_pem: String,
        key_pem: Zeroizing<String>,
    ) -> Result<Self, String> {
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(format!("a name must have 1 to {MAX_NAME} characters"));
        }
        let leaf = parse_leaf(&cert_pem).map_err(|_| {
            "the certificate cannot be read: it must be the chain in PEM, leaf first, with nothing \
             else"
        })?;
        private_key::check(&key_pem, &leaf.public_key).map_err(|error| match error {
            KeyError::Invalid => {
                "the private key cannot be read: it must be one key in PEM, not encrypted"
            }
            KeyError::Mismatch => {
                "the private key belongs to another certificate: use the pair of one renewal"
            }
        })?;
        Ok(Self {
            account: None,
            name: name.to_owned(),
            cert_pem,
            key_pem,
            leaf,
            resource_group_id: String::new(),
            tags: Vec::new(),
        })
    }
}

/// The text of a file, wiped because it may be a private key. An error names the file.
pub(super) fn read_text(file: &Path) -> Result<Zeroizing<String>, String> {
    let failed =
        |error: &dyn std::fmt::Display| format!("failed to read {}: {error}", file.display());
    let bytes = std::fs::read(file).map(Zeroizing::new).map_err(|error| failed(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| failed(&"it is not text"))?;
    Ok(Zeroizing::new(text.to_owned()))
}
