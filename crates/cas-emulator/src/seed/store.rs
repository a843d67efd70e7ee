//! Storing what a seed has.

use std::fs::File;

use zeroize::Zeroizing;

use super::certificate::SeedCertificate;
use super::content::SeedContent;
use crate::store::{
    Account, CertificateWithKey, InsertResult, NewCertificate, PemPair, SnapshotError, Store,
    StoreError,
};

/// The access keys of an emulator that reads a seed.
pub(crate) struct SeedOwner<'a> {
    /// The account of certificates that name none.
    pub(crate) account: Account,
    /// For snapshots.
    pub(crate) secrets: &'a [(String, Zeroizing<String>)],
}

impl SeedContent {
    /// Stores the certificates that are not stored yet. What is stored already must be the same. An
    /// error is a sentence for the user.
    pub(crate) fn store(&self, store: &Store, owner: &SeedOwner<'_>) -> Result<(), String> {
        if self.is_snapshot {
            return self.store_snapshot(store, owner);
        }
        for (index, certificate) in self.certificates.iter().enumerate() {
            let id = |it: &SeedCertificate| (it.account.unwrap_or(owner.account), it.name.clone());
            let same = |it: &&SeedCertificate| id(it) == id(certificate);
            if let Some(earlier) = self.certificates[..index].iter().find(same)
                && (&earlier.cert_pem, &earlier.key_pem)
                    != (&certificate.cert_pem, &certificate.key_pem)
            {
                let name = &certificate.name;
                return Err(self.about(&format!(
                    "it has two different certificates with the name `{name}`. Give one of them \
                     another name"
                )));
            }
            self.store_one(store, certificate, owner.account)?;
        }
        Ok(())
    }

    fn store_one(
        &self,
        store: &Store,
        certificate: &SeedCertificate,
        account: Account,
    ) -> Result<(), String> {
        let account = certificate.account.unwrap_or(account);
        let failed = |error: StoreError| self.about(&error.to_string());
        let name = &certificate.name;
        if let Some(stored) = store.find_by_name(account, name).map_err(failed)? {
            let key = stored.key.as_ref().map(|key| key.trim_end());
            let is_same = stored.certificate.cert_pem.trim_end() == certificate.cert_pem.trim_end()
                && key == Some(certificate.key_pem.trim_end());
            return if is_same { Ok(()) } else { Err(self.conflict(name)) };
        }
        let new = NewCertificate {
            account,
            name,
            pair: PemPair { cert_pem: &certificate.cert_pem, key_pem: &certificate.key_pem },
            encryption: None,
            leaf: &certificate.leaf,
            resource_group_id: &certificate.resource_group_id,
            tags: certificate.tags.clone(),
            client_token: None,
            lag: None,
            other_uploaders: 0,
        };
        match store.insert(&new).map_err(failed)? {
            InsertResult::QuotaExceeded => Err(self.about("it has more certificates than --quota")),
            InsertResult::NameTaken | InsertResult::TokenMismatch => Err(self.conflict(name)),
            InsertResult::Stored(_) => Ok(()),
        }
    }

    /// A snapshot fills an emulator that has no certificate. Another one keeps what it has, which
    /// must not contradict the snapshot.
    fn store_snapshot(&self, store: &Store, owner: &SeedOwner<'_>) -> Result<(), String> {
        let failed = |error: StoreError| self.about(&error.to_string());
        let is_empty = store.count().map_err(failed)? == 0;
        let other;
        let target = if is_empty {
            store
        } else {
            other = Store::open(None, None)?;
            &other
        };
        let mut file = File::open(&self.path).map_err(|error| self.about(&error.to_string()))?;
        target.import(owner.secrets, &mut file).map_err(|error| match error {
            SnapshotError::Invalid(sentence) => self.about(&sentence),
            SnapshotError::Store(error) => failed(error),
        })?;
        if is_empty {
            return Ok(());
        }
        let same = |one: &CertificateWithKey, other: &CertificateWithKey| {
            one.certificate.cert_pem == other.certificate.cert_pem
                && one.certificate.encrypt_cert_pem == other.certificate.encrypt_cert_pem
                && (&one.key, &one.encrypt_key) == (&other.key, &other.encrypt_key)
        };
        for seeded in target.all().map_err(failed)? {
            let Some(account) = Account::parse(&seeded.account) else { continue };
            let find = |store: &Store| store.find_by_name(account, &seeded.name).map_err(failed);
            if let (Some(stored), Some(seeded)) = (find(store)?, find(target)?)
                && !same(&stored, &seeded)
            {
                return Err(self.conflict(&seeded.certificate.name));
            }
        }
        Ok(())
    }

    fn about(&self, problem: &str) -> String {
        format!("the seed {} cannot be used: {problem}", self.path.display())
    }

    fn conflict(&self, name: &str) -> String {
        self.about(&format!(
            "a different certificate is stored as `{name}`. Give one of them another name, or \
             start without --data or with another file"
        ))
    }
}
