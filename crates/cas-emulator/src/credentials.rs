//! The access keys the server knows.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::StartError;

/// The secret behind one access key id. No `Debug`.
pub(crate) struct Credential {
    pub(crate) secret: Zeroizing<String>,
    /// Set for temporary (STS) credentials.
    pub(crate) token: Option<Zeroizing<String>>,
}

/// All of them, by id.
#[derive(Default)]
pub(crate) struct Credentials {
    by_id: HashMap<String, Credential>,
}

impl Credentials {
    /// Adds the pair of the vendor's own examples, for a server that was given no long-term key.
    pub(crate) fn add_example(&mut self) {
        let credential =
            Credential { secret: Zeroizing::new("testsecret".to_owned()), token: None };
        self.by_id.entry("testid".to_owned()).or_insert(credential);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&Credential> {
        self.by_id.get(id)
    }

    /// Adds one; ids are unique, and neither part may be empty.
    pub(crate) fn add(
        &mut self,
        id: &str,
        secret: &str,
        token: Option<&str>,
    ) -> Result<(), StartError> {
        if id.is_empty() || secret.is_empty() || token == Some("") {
            return Err(StartError::Option("an access key has an empty part".to_owned()));
        }
        let secret = Zeroizing::new(secret.to_owned());
        let token = token.map(|token| Zeroizing::new(token.to_owned()));
        match self.by_id.insert(id.to_owned(), Credential { secret, token }) {
            None => Ok(()),
            Some(_) => Err(StartError::Option("the same access key id is given twice".to_owned())),
        }
    }
}
