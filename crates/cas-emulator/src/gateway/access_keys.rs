//! The access keys that the emulator accepts.

use std::collections::{BTreeSet, HashMap};

use zeroize::Zeroizing;

use crate::store::Account;

/// The secret parts of an access key. No `Debug`, to keep them out of logs.
pub(super) struct AccessKey {
    pub(super) secret: Zeroizing<String>,
    /// Set for temporary (STS) access keys.
    pub(super) security_token: Option<Zeroizing<String>>,
    pub(super) account: Account,
}

/// All access keys, by ID.
#[derive(Default)]
pub(crate) struct AccessKeys {
    by_id: HashMap<String, AccessKey>,
}

impl AccessKeys {
    /// Adds an access key. An error is a sentence for the user, which contains no part of the key.
    pub(crate) fn add(
        &mut self,
        id: &str,
        secret: &str,
        token: Option<&str>,
        account: Account,
    ) -> Result<(), String> {
        if id.is_empty() || secret.is_empty() || token == Some("") {
            return Err("invalid access key: a part is empty".to_owned());
        }
        let secret = Zeroizing::new(secret.to_owned());
        let security_token = token.map(|token| Zeroizing::new(token.to_owned()));
        match self.by_id.insert(id.to_owned(), AccessKey { secret, security_token, account }) {
            None => Ok(()),
            Some(_) => Err("invalid access keys: two of them have the same ID".to_owned()),
        }
    }

    /// Adds `testid` with the secret `testsecret`, the pair of Alibaba Cloud's own examples, unless
    /// the ID is in use.
    pub(crate) fn add_default(&mut self) {
        let secret = Zeroizing::new("testsecret".to_owned());
        let account = Account::default();
        let default = AccessKey { secret, security_token: None, account };
        self.by_id.entry("testid".to_owned()).or_insert(default);
    }

    /// The accounts that have an access key, each once.
    pub(crate) fn accounts(&self) -> BTreeSet<Account> {
        self.by_id.values().map(|key| key.account).collect()
    }

    /// IDs and secrets, in the order of the IDs.
    pub(crate) fn secrets(&self) -> Vec<(String, Zeroizing<String>)> {
        let mut all: Vec<_> =
            self.by_id.iter().map(|(id, key)| (id.clone(), key.secret.clone())).collect();
        all.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// The access keys that are not temporary, in the order of their IDs.
    pub(super) fn permanent(&self) -> Vec<(&str, &AccessKey)> {
        let all = self.by_id.iter().filter(|(_, key)| key.security_token.is_none());
        let mut all: Vec<_> = all.map(|(id, key)| (id.as_str(), key)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// The access key `id`, and its ID.
    pub(super) fn get(&self, id: &str) -> Option<(&str, &AccessKey)> {
        self.by_id.get_key_value(id).map(|(id, key)| (id.as_str(), key))
    }
}
