//! Storing a certificate.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use zeroize::Zeroizing;

use super::account::Account;
use super::error::StoreError;
use super::key_sealer::KeySealer;
use super::keys::{self, CertificateWithKey};
use super::listing::Hidden;
use super::row;
use super::tags;
use super::writer::{Change, lock};
use crate::certificates::certificate::Leaf;

/// The ID of the first certificate: eight digits, like the service's.
pub(super) const FIRST_ID: i64 = 10_000_000;

/// A certificate chain and its private key, PEM.
#[derive(Clone, Copy)]
pub(crate) struct PemPair<'a> {
    pub(crate) cert_pem: &'a str,
    pub(crate) key_pem: &'a str,
}

/// A certificate to store, with its private key.
pub(crate) struct NewCertificate<'a> {
    pub(crate) account: Account,
    pub(crate) name: &'a str,
    /// Of SM2 double certificates, the signing pair.
    pub(crate) pair: PemPair<'a>,
    /// The encryption pair of SM2 double certificates.
    pub(crate) encryption: Option<PemPair<'a>>,
    /// The first certificate of `pair`.
    pub(crate) leaf: &'a Leaf,
    pub(crate) resource_group_id: &'a str,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) client_token: Option<&'a str>,
    /// How long lists omit the certificate.
    pub(crate) lag: Option<Duration>,
    /// How many clients beside this one upload.
    pub(crate) other_uploaders: usize,
}

/// The result of storing a certificate.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum InsertResult {
    /// Stored with this ID, now or by an earlier call with the same client token.
    Stored(i64),
    /// Another certificate has this name.
    NameTaken,
    /// The quota is used up.
    QuotaExceeded,
    /// An earlier call had the same client token and different parameters.
    TokenMismatch,
}

/// An upload that waits for its turn to be written.
pub(super) struct PendingUpload {
    account: Account,
    name: String,
    /// See [`columns`].
    columns: Vec<Value>,
    cert_pem: String,
    sealed_key: Vec<u8>,
    encrypt_cert_pem: String,
    sealed_encrypt_key: Option<Vec<u8>>,
    repeatable: Option<RepeatableUpload>,
    quota: Option<u64>,
    lag: Option<Duration>,
    hidden: Arc<Mutex<Hidden>>,
}

/// What a second upload with the same client token must have in common with the first.
struct RepeatableUpload {
    client_token: String,
    key_pem: Zeroizing<String>,
    encrypt_key_pem: Option<Zeroizing<String>>,
    resource_group_id: String,
    tags: Vec<(String, String)>,
    sealer: Arc<KeySealer>,
}

impl PendingUpload {
    pub(super) fn new(
        new: &NewCertificate<'_>,
        sealer: &Arc<KeySealer>,
        quota: Option<u64>,
        hidden: &Arc<Mutex<Hidden>>,
    ) -> Result<Self, StoreError> {
        let leaf = new.leaf;
        let seal = |pair: PemPair<'_>| sealer.seal(new.name, pair.key_pem);
        let key_of = |pair: PemPair<'_>| Zeroizing::new(pair.key_pem.to_owned());
        let tags = row::tags_to_json(&new.tags);
        let group = new.resource_group_id;
        let columns = columns(new.account, new.name, leaf, group, tags, new.client_token);
        let repeatable = new.client_token.map(|client_token| RepeatableUpload {
            client_token: client_token.to_owned(),
            key_pem: key_of(new.pair),
            encrypt_key_pem: new.encryption.map(key_of),
            resource_group_id: new.resource_group_id.to_owned(),
            tags: new.tags.clone(),
            sealer: Arc::clone(sealer),
        });
        Ok(Self {
            account: new.account,
            name: new.name.to_owned(),
            columns,
            cert_pem: new.pair.cert_pem.to_owned(),
            sealed_key: seal(new.pair)?,
            encrypt_cert_pem: new.encryption.map_or("", |pair| pair.cert_pem).to_owned(),
            sealed_encrypt_key: new.encryption.map(seal).transpose()?,
            repeatable,
            quota,
            lag: new.lag,
            hidden: Arc::clone(hidden),
        })
    }

    /// Stores the certificate if its name is free.
    pub(super) fn run(self, connection: &Connection) -> Result<Change<InsertResult>, StoreError> {
        if let Some(result) = self.repeated(connection)? {
            return Ok(Change::Undo(result));
        }
        let refused = self.refused(connection)?;
        if let Some(result) = refused {
            return Ok(Change::Undo(result));
        }
        let cert_id = next_id(connection)?;
        if let Some(until) = self.lag.and_then(|lag| Instant::now().checked_add(lag)) {
            // Before the commit, so that no list shows it in between.
            lock(&self.hidden).insert(cert_id, until);
        }
        let pem = [self.cert_pem.as_str(), &self.encrypt_cert_pem];
        let keys = [Some(self.sealed_key.as_slice()), self.sealed_encrypt_key.as_deref()];
        insert(connection, cert_id, self.columns, pem, keys)?;
        Ok(Change::Keep(InsertResult::Stored(cert_id)))
    }

    /// The result for a certificate whose client token was used before; `None` for a new token.
    fn repeated(&self, connection: &Connection) -> Result<Option<InsertResult>, StoreError> {
        let Some(repeatable) = &self.repeatable else { return Ok(None) };
        let first = connection
            .prepare_cached(
                "SELECT * FROM certificate JOIN material USING (cert_id)
                 WHERE account = ?1 AND client_token = ?2",
            )?
            .query_row(params![self.account, repeatable.client_token], |row| {
                keys::with_keys(row, &repeatable.sealer)
            })
            .optional()?;
        let Some(first) = first.transpose()? else { return Ok(None) };
        let CertificateWithKey { certificate: first, key, encrypt_key } = first;
        let (resource_group_id, tags) = tags::uploaded_with(connection, first.cert_id)?
            .unwrap_or((first.resource_group_id, first.tags));
        let same = first.name == self.name
            && first.cert_pem == self.cert_pem
            && first.encrypt_cert_pem == self.encrypt_cert_pem
            && resource_group_id == repeatable.resource_group_id
            && tags == repeatable.tags
            && key.as_ref() == Some(&repeatable.key_pem)
            && encrypt_key == repeatable.encrypt_key_pem;
        Ok(Some(if same {
            InsertResult::Stored(first.cert_id)
        } else {
            InsertResult::TokenMismatch
        }))
    }

    /// Why the certificate cannot be stored: the name, then the quota.
    fn refused(&self, connection: &Connection) -> Result<Option<InsertResult>, StoreError> {
        let taken = connection
            .prepare_cached("SELECT 1 FROM certificate WHERE account = ?1 AND name = ?2")?
            .exists(params![self.account, self.name])?;
        if taken {
            return Ok(Some(InsertResult::NameTaken));
        }
        let Some(quota) = self.quota else { return Ok(None) };
        let count: i64 = connection
            .prepare_cached("SELECT count(*) FROM certificate WHERE account = ?1")?
            .query_row([self.account], |row| row.get(0))?;
        Ok((count.unsigned_abs() >= quota).then_some(InsertResult::QuotaExceeded))
    }
}

/// The columns of a certificate from `account` to `client_token`.
pub(super) fn columns(
    account: Account,
    name: &str,
    leaf: &Leaf,
    resource_group_id: &str,
    tags: String,
    client_token: Option<&str>,
) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    vec![
        account.into(),
        text(name),
        text(&leaf.common_name),
        text(&leaf.sans.join(",")),
        text(&leaf.issuer),
        text(&leaf.organization),
        text(&leaf.city),
        text(&leaf.province),
        text(&leaf.country),
        leaf.not_before.into(),
        leaf.not_after.into(),
        text(&leaf.sha1),
        text(&leaf.sha256),
        text(&leaf.serial),
        text(leaf.public_key.algorithm.name()),
        text(resource_group_id),
        tags.into(),
        client_token.map(str::to_owned).into(),
    ]
}

/// Stores the rows of a certificate: its [`columns`], and what lists never read.
pub(super) fn insert(
    connection: &Connection,
    cert_id: i64,
    columns: Vec<Value>,
    [cert_pem, encrypt_cert_pem]: [&str; 2],
    [sealed_key, sealed_encrypt_key]: [Option<&[u8]>; 2],
) -> rusqlite::Result<()> {
    let values = [cert_id.into()].into_iter().chain(columns);
    connection
        .prepare_cached(
            "INSERT INTO certificate
                 (cert_id, account, name, common_name, sans, issuer, organization, city, province,
                  country, not_before, not_after, sha1, sha256, serial, algorithm,
                  resource_group_id, tags, client_token)
             VALUES
                 (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,
                  ?19)",
        )?
        .execute(params_from_iter(values))?;
    connection
        .prepare_cached("INSERT INTO material VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![cert_id, cert_pem, sealed_key, encrypt_cert_pem, sealed_encrypt_key])?;
    Ok(())
}

/// The next ID: never one of a deleted certificate.
fn next_id(connection: &Connection) -> Result<i64, StoreError> {
    let last: Option<i64> = connection
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'certificate'")?
        .query_row([], |row| row.get(0))
        .optional()?;
    Ok(last.map_or(FIRST_ID, |last| FIRST_ID.max(last + 1)))
}
