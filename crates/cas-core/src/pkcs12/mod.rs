//! Reads PKCS#12 (.pfx, .p12): the certificates and the private keys behind a password. Pure, and
//! uses `inspect` to recognise other formats and to write PEM.
//!
//! The one kept crate that reads all of PKCS#12 would make `libcas.so` larger by a seventh, and
//! reads no BER. This module reads the structure (RFC 7292) with the ASN.1 reader that certificates
//! need anyway. Hashes are ring's, and the ciphers are those of `RustCrypto`.

mod ber;
mod cipher;
mod contents;
mod derive;
mod mac;
mod password;
mod problem;
mod scheme;

use std::mem;

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};
use zeroize::Zeroizing;

use crate::base::error::Error;
use crate::inspect::{decode_bare, is_der, is_pkcs7, is_pkcs12, write_pem};
use ber::Reader;
use contents::{Contents, DATA, SIGNED_DATA};
use derive::Work;
use mac::Mac;
use password::Password;
use problem::{Foreign, Problem};

/// What an upload needs of a file, as PEM.
pub(crate) struct Identity {
    /// The certificates: first the one that belongs to the key, if the file says so, then the
    /// others in the order of the file.
    pub(crate) certificates: Zeroizing<Vec<u8>>,
    /// The private keys in PKCS#8, in the order of the file.
    pub(crate) keys: Zeroizing<Vec<u8>>,
}

/// Reads PKCS#12. `source` names it in an error, such as "The file x".
pub(crate) fn read(source: &str, data: &[u8], password: Option<&str>) -> Result<Identity, Error> {
    identity(data, &Password::new(password)).map_err(|problem| problem.error(source))
}

fn identity(data: &[u8], password: &Password) -> Result<Identity, Problem> {
    let pfx = Reader::new(data).sequence().and_then(|mut pfx| Ok((pfx.number()?, pfx)));
    let Ok((3, mut pfx)) = pfx else { return Err(instead_of_pkcs12(data)) };
    let mut safe = pfx.sequence()?;
    let content = match &*safe.oid()? {
        DATA => safe.tagged()?.octets()?,
        SIGNED_DATA => return Err(Problem::ForRecipient),
        _ => return Err(Problem::Malformed),
    };
    let mac = if pfx.is_empty() { None } else { Some(Mac::read(&mut pfx)?) };
    let mut work = Work::new();
    let is_authentic =
        mac.as_ref().map(|mac| mac.is_of(&content, password, &mut work)).transpose()?;
    let mut contents = Contents::new(password, &mut work);
    let read = contents.read(&content);
    match (is_authentic, read) {
        // A password that decrypts is right.
        (Some(false), _) if contents.is_decrypted => return Err(Problem::Altered),
        (Some(false), _) => return Err(password.wrong()),
        (None, Err(Problem::NotDecrypted)) if !contents.is_decrypted => {
            return Err(password.wrong());
        }
        (_, read) => read?,
    }
    contents.check_identities()?;
    contents.into_identity()
}

/// What data is that does not begin like PKCS#12.
fn instead_of_pkcs12(data: &[u8]) -> Problem {
    let is_base64_of_pkcs12 =
        |text: &str| decode_bare(text).is_some_and(|decoded| is_pkcs12(&decoded));
    Problem::Foreign(match data {
        _ if memchr::memmem::find(data, b"-----BEGIN ").is_some() => Foreign::Pem,
        [0xfe, 0xed, 0xfe, 0xed, ..] | [0xce, 0xce, 0xce, 0xce, ..] => Foreign::JavaKeystore,
        _ if is_pkcs12(data) => return Problem::Malformed,
        _ if is_pkcs7(data) => Foreign::Pkcs7,
        _ if is_der(data) => Foreign::Der,
        _ if std::str::from_utf8(data).is_ok_and(is_base64_of_pkcs12) => Foreign::Base64,
        _ => Foreign::Unknown,
    })
}

impl Contents<'_> {
    fn into_identity(self) -> Result<Identity, Problem> {
        if self.keys.is_empty() {
            return Err(Problem::NoKey);
        }
        let certificates: Vec<_> = self.chain().map(|entry| &entry.der[..]).collect();
        if certificates.is_empty() {
            return Err(Problem::NoCertificate);
        }
        let keys: Vec<_> = self.keys.iter().map(|key| without_attributes(&key.der)).collect();
        Ok(Identity {
            certificates: pem("CERTIFICATE", &certificates),
            keys: pem("PRIVATE KEY", &keys.iter().map(|key| &key[..]).collect::<Vec<_>>()),
        })
    }
}

/// A key in PKCS#8 without the attributes that Windows adds: its key container and usage.
fn without_attributes(key: &Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    const ATTRIBUTES: Tag = Tag(0);
    let Ok((_, info)) = Any::from_der(&key[..]) else { return key.clone() };
    // Reserved at once: reallocation would leave a copy of a key in memory.
    let mut content = Zeroizing::new(Vec::with_capacity(key.len()));
    let mut rest = info.data;
    while let Ok((after, value)) = Any::from_der(rest) {
        if (value.class(), value.tag()) != (Class::ContextSpecific, ATTRIBUTES) {
            content.extend_from_slice(&rest[..rest.len() - after.len()]);
        }
        rest = after;
    }
    if !rest.is_empty() || content.len() == info.data.len() {
        return key.clone();
    }
    let mut plain = Zeroizing::new(Vec::with_capacity(key.len()));
    plain.push(0x30);
    match u8::try_from(content.len()) {
        Ok(short) if short < 0x80 => plain.push(short),
        // No key is longer than 2^32 bytes: the data has at most 2 MiB.
        _ => {
            let length = u32::try_from(content.len()).unwrap_or(u32::MAX).to_be_bytes();
            let zeros = length.iter().take_while(|byte| **byte == 0).count();
            plain.push([0x84, 0x83, 0x82, 0x81][zeros]);
            plain.extend_from_slice(&length[zeros..]);
        }
    }
    plain.extend_from_slice(&content);
    plain
}

fn pem(label: &str, ders: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    // Reserved at once: reallocation would leave a copy of a key in memory. Base64 with line ends
    // takes less than half as much again, and the markers less than 100 bytes.
    let size = ders.iter().map(|der| der.len() + der.len() / 2 + 100).sum();
    let mut pem = Zeroizing::new(String::with_capacity(size));
    for der in ders {
        write_pem(label, der, &mut pem);
    }
    Zeroizing::new(mem::take(&mut *pem).into_bytes())
}

#[cfg(test)]
mod tests;
