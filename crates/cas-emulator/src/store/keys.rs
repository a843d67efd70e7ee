//! Certificates with their private keys.

use rusqlite::Row;
use zeroize::Zeroizing;

use super::key_sealer::{KeySealer, SealError};
use super::row::{self, StoredCertificate};

/// A stored certificate with its private key. No `Debug`, to keep the key out of logs.
pub(crate) struct CertificateWithKey {
    pub(crate) certificate: StoredCertificate,
    /// `None` for certificates from schema 1, which stored no keys.
    pub(crate) key: Option<Zeroizing<String>>,
    /// The key of the encryption certificate; `None` for other than SM2 double certificates.
    pub(crate) encrypt_key: Option<Zeroizing<String>>,
}

/// A row of `certificate` joined with `material`, with its keys decrypted.
pub(super) fn with_keys(
    row: &Row<'_>,
    sealer: &KeySealer,
) -> rusqlite::Result<Result<CertificateWithKey, SealError>> {
    let certificate = row::with_pem(row)?;
    let open = |column| {
        let encrypted: Option<Vec<u8>> = row.get(column)?;
        let opened = encrypted.map(|encrypted| sealer.open(&certificate.name, &encrypted));
        Ok::<_, rusqlite::Error>(opened.transpose())
    };
    Ok(match (open("sealed_key")?, open("sealed_encrypt_key")?) {
        (Ok(key), Ok(encrypt_key)) => Ok(CertificateWithKey { certificate, key, encrypt_key }),
        (Err(error), _) | (_, Err(error)) => Err(error),
    })
}
