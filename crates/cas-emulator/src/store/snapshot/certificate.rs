//! Certificates of a snapshot. What the certificate itself says is not a part of it.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::document::Bytes;
use crate::certificates::certificate::parse_leaf;
use crate::store::account::Account;
use crate::store::key_sealer::{KeySealer, SealError};
use crate::store::row::{tags_from_json, tags_to_json};
use crate::store::upload;

/// How many certificates are read at once.
const BATCH: i64 = 100;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Certificate {
    cert_id: i64,
    account: Account,
    name: String,
    cert_pem: String,
    /// Null for certificates of the first version, which stored no keys.
    sealed_key: Option<Bytes>,
    encrypt_cert_pem: String,
    sealed_encrypt_key: Option<Bytes>,
    resource_group_id: String,
    tags: Vec<Tag>,
    client_token: Option<String>,
    uploaded_with: Option<UploadedWith>,
}

/// What the upload had, if that has changed since.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UploadedWith {
    resource_group_id: String,
    tags: Vec<Tag>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

/// The next certificates after the one with the ID `last`, with their keys sealed for a document.
pub(super) fn read(
    connection: &Connection,
    last: i64,
    stored: &KeySealer,
    document: &KeySealer,
) -> rusqlite::Result<Result<Vec<Certificate>, SealError>> {
    let mut select = connection.prepare_cached(
        "SELECT certificate.*, material.*, uploaded_with.resource_group_id AS first_group,
                uploaded_with.tags AS first_tags
         FROM certificate JOIN material USING (cert_id) LEFT JOIN uploaded_with USING (cert_id)
         WHERE certificate.cert_id > ?1 ORDER BY certificate.cert_id LIMIT ?2",
    )?;
    let mut rows = select.query(params![last, BATCH])?;
    let mut certificates = Vec::new();
    while let Some(row) = rows.next()? {
        let (name, cert_pem): (String, String) = (row.get("name")?, row.get("cert_pem")?);
        let seal_again = |sealed: Option<Vec<u8>>| {
            let again = |sealed: Vec<u8>| {
                let key = stored.open(&name, &sealed)?;
                document.seal(&bound_to(&name, &cert_pem), &key).map(Bytes)
            };
            sealed.map(again).transpose()
        };
        let keys = (seal_again(row.get("sealed_key")?), seal_again(row.get("sealed_encrypt_key")?));
        let (sealed_key, sealed_encrypt_key) = match keys {
            (Ok(key), Ok(encrypt_key)) => (key, encrypt_key),
            (Err(error), _) | (_, Err(error)) => return Ok(Err(error)),
        };
        let uploaded_with = match row.get::<_, Option<String>>("first_group")? {
            None => None,
            Some(resource_group_id) => {
                let tags = tags(&row.get::<_, String>("first_tags")?);
                Some(UploadedWith { resource_group_id, tags })
            }
        };
        certificates.push(Certificate {
            cert_id: row.get("cert_id")?,
            account: row.get("account")?,
            encrypt_cert_pem: row.get("encrypt_cert_pem")?,
            resource_group_id: row.get("resource_group_id")?,
            tags: tags(&row.get::<_, String>("tags")?),
            client_token: row.get("client_token")?,
            name,
            cert_pem,
            sealed_key,
            sealed_encrypt_key,
            uploaded_with,
        });
    }
    Ok(Ok(certificates))
}

/// Why a certificate cannot be stored.
pub(super) enum Problem {
    /// What is wrong with it.
    Invalid(&'static str),
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Problem {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Certificate {
    pub(super) fn cert_id(&self) -> i64 {
        self.cert_id
    }

    pub(super) fn label(&self) -> String {
        format!("certificate `{}`", self.name)
    }

    pub(super) fn has_keys(&self) -> bool {
        self.sealed_key.is_some() || self.sealed_encrypt_key.is_some()
    }

    /// Stores it, with its keys sealed for the store.
    pub(super) fn store(
        &self,
        connection: &Connection,
        stored: &KeySealer,
        document: Option<&KeySealer>,
    ) -> Result<(), Problem> {
        if self.cert_id < 1 || self.name.is_empty() {
            return Err(Problem::Invalid("its ID or its name is empty"));
        }
        let no_certificate = Problem::Invalid("its `cert_pem` is not a certificate");
        let leaf = parse_leaf(&self.cert_pem).map_err(|_| no_certificate)?;
        if !self.encrypt_cert_pem.is_empty() {
            let no_certificate = Problem::Invalid("its `encrypt_cert_pem` is not a certificate");
            parse_leaf(&self.encrypt_cert_pem).map_err(|_| no_certificate)?;
        }
        let seal_again = |sealed: &Option<Bytes>| {
            let (Some(sealed), Some(document)) = (sealed, document) else { return Ok(None) };
            let key: Zeroizing<String> = document
                .open(&bound_to(&self.name, &self.cert_pem), &sealed.0)
                .map_err(|_| "its key was sealed for another certificate or name")?;
            stored.seal(&self.name, &key).map(Some).map_err(|_| "its key cannot be sealed")
        };
        let key = seal_again(&self.sealed_key).map_err(Problem::Invalid)?;
        let encrypt_key = seal_again(&self.sealed_encrypt_key).map_err(Problem::Invalid)?;
        let group = &self.resource_group_id;
        let token = self.client_token.as_deref();
        let tags = to_json(&self.tags);
        let columns = upload::columns(self.account, &self.name, &leaf, group, tags, token);
        let pem = [self.cert_pem.as_str(), &self.encrypt_cert_pem];
        upload::insert(
            connection,
            self.cert_id,
            columns,
            pem,
            [key.as_deref(), encrypt_key.as_deref()],
        )?;
        if let Some(first) = &self.uploaded_with {
            connection.execute(
                "INSERT INTO uploaded_with (cert_id, resource_group_id, tags) VALUES (?1, ?2, ?3)",
                params![self.cert_id, first.resource_group_id, to_json(&first.tags)],
            )?;
        }
        Ok(())
    }
}

/// What a sealed key belongs to: it cannot be opened with another name or certificate.
fn bound_to(name: &str, cert_pem: &str) -> String {
    format!("{name}\n{cert_pem}")
}

fn tags(json: &str) -> Vec<Tag> {
    tags_from_json(json).into_iter().map(|(key, value)| Tag { key, value }).collect()
}

fn to_json(tags: &[Tag]) -> String {
    let pairs: Vec<_> = tags.iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
    tags_to_json(&pairs)
}
