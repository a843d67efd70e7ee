//! The certificates and private keys in the parts of a file.

use zeroize::Zeroizing;

use crate::base::quote::quoted;
use crate::pkcs12::ber::Reader;
use crate::pkcs12::derive::Work;
use crate::pkcs12::password::Password;
use crate::pkcs12::problem::{MAX_ENTRIES, Problem};
use crate::pkcs12::scheme::Scheme;

pub(super) const DATA: &str = "1.2.840.113549.1.7.1";
pub(super) const SIGNED_DATA: &str = "1.2.840.113549.1.7.2";
const ENVELOPED_DATA: &str = "1.2.840.113549.1.7.3";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";

/// Names in one message.
const MAX_NAMES: usize = 5;
/// How deep bags may be nested.
const MAX_DEPTH: usize = 4;

/// A certificate or a private key.
pub(super) struct Entry {
    /// A certificate, or a key in PKCS#8.
    pub(super) der: Zeroizing<Vec<u8>>,
    attributes: Attributes,
}

/// What a file says about an entry.
#[derive(Default)]
struct Attributes {
    /// Equal for a private key and its certificate.
    local_key_id: Option<Zeroizing<Vec<u8>>>,
    friendly_name: Option<String>,
    /// Java: a trusted root, not a part of a chain.
    is_trusted: bool,
}

/// What a file holds, in its order.
pub(super) struct Contents<'a> {
    pub(super) certificates: Vec<Entry>,
    pub(super) keys: Vec<Entry>,
    /// Whether the password has decrypted anything.
    pub(super) is_decrypted: bool,
    password: &'a Password,
    work: &'a mut Work,
}

impl<'a> Contents<'a> {
    pub(super) fn new(password: &'a Password, work: &'a mut Work) -> Self {
        Self { certificates: Vec::new(), keys: Vec::new(), is_decrypted: false, password, work }
    }

    /// Reads an `AuthenticatedSafe`.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let mut parts = Reader::new(bytes).sequence()?;
        while !parts.is_empty() {
            let mut part = parts.sequence()?;
            let bags = match &*part.oid()? {
                DATA => part.tagged()?.octets()?,
                ENCRYPTED_DATA => self.read_encrypted(part.tagged()?.sequence()?)?,
                ENVELOPED_DATA => return Err(Problem::ForRecipient),
                _ => return Err(Problem::Malformed),
            };
            self.read_bags(Reader::new(&bags).sequence()?, MAX_DEPTH)?;
        }
        Ok(())
    }

    /// Reads `EncryptedData` and decrypts its content.
    fn read_encrypted(&mut self, mut data: Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Problem> {
        data.number()?;
        let mut info = data.sequence()?;
        info.oid()?;
        let scheme = Scheme::read(&mut info)?;
        self.decrypt(&scheme, &info.tagged_octets()?)
    }

    fn decrypt(
        &mut self,
        scheme: &Scheme,
        encrypted: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let decrypted = scheme.decrypt(encrypted, self.password, self.work)?;
        self.is_decrypted = true;
        Ok(decrypted)
    }

    fn read_bags(&mut self, mut bags: Reader<'_>, depth: usize) -> Result<(), Problem> {
        while !bags.is_empty() {
            if self.certificates.len() + self.keys.len() >= MAX_ENTRIES {
                return Err(Problem::TooManyEntries);
            }
            let mut bag = bags.sequence()?;
            let kind = bag.oid()?;
            let mut value = bag.tagged()?;
            let Some(kind) = kind.strip_prefix("1.2.840.113549.1.12.10.1.") else { continue };
            match kind {
                "1" => {
                    let der = Zeroizing::new(value.rest().to_vec());
                    self.keys.push(Entry { der, attributes: Attributes::read(bag)? });
                }
                "2" => {
                    let mut encrypted = value.sequence()?;
                    let scheme = Scheme::read(&mut encrypted)?;
                    let der = self.decrypt(&scheme, &encrypted.octets()?)?;
                    self.keys.push(Entry { der, attributes: Attributes::read(bag)? });
                }
                "3" => {
                    let mut certificate = value.sequence()?;
                    if certificate.oid()? == "1.2.840.113549.1.9.22.1" {
                        let der = certificate.tagged()?.octets()?;
                        let attributes = Attributes::read(bag)?;
                        self.certificates.push(Entry { der, attributes });
                    }
                }
                "6" => {
                    let depth = depth.checked_sub(1).ok_or(Problem::Malformed)?;
                    self.read_bags(value.sequence()?, depth)?;
                }
                // Revocation lists, and secrets of other kinds.
                _ => {}
            }
        }
        Ok(())
    }

    /// The certificates for an upload: those with a key first, and without the trusted roots of a
    /// Java keystore, unless there is nothing else.
    pub(super) fn chain(&self) -> impl Iterator<Item = &Entry> {
        let keep_trusted = self.certificates.iter().all(|entry| entry.attributes.is_trusted);
        let others = move |entry: &&Entry| {
            !self.has_key(entry) && (keep_trusted || !entry.attributes.is_trusted)
        };
        self.identities().chain(self.certificates.iter().filter(others))
    }

    /// The certificates whose private key is there too, as the file links them.
    fn identities(&self) -> impl Iterator<Item = &Entry> {
        self.certificates.iter().filter(|entry| self.has_key(entry))
    }

    fn has_key(&self, certificate: &Entry) -> bool {
        let id = certificate.local_key_id();
        id.is_some() && self.keys.iter().any(|key| key.local_key_id() == id)
    }

    /// Fails if several keys have a certificate: the file does not say which one is meant.
    pub(super) fn check_identities(&self) -> Result<(), Problem> {
        let first = self.identities().next().and_then(Entry::local_key_id);
        if self.identities().all(|entry| entry.local_key_id() == first) {
            return Ok(());
        }
        let names = self
            .identities()
            .map(|entry| entry.attributes.friendly_name.as_deref())
            .map(|name| name.map_or_else(|| "(no friendly name)".to_owned(), quoted));
        Err(Problem::SeveralIdentities(names.take(MAX_NAMES).collect()))
    }
}

impl Entry {
    fn local_key_id(&self) -> Option<&[u8]> {
        self.attributes.local_key_id.as_ref().map(|id| id.as_slice())
    }
}

impl Attributes {
    /// Reads the attributes of a bag, whose rest they are.
    fn read(mut bag: Reader<'_>) -> Result<Self, Problem> {
        let mut read = Self::default();
        if bag.is_empty() {
            return Ok(read);
        }
        let mut attributes = bag.set()?;
        while !attributes.is_empty() {
            let mut attribute = attributes.sequence()?;
            let kind = attribute.oid()?;
            let mut values = attribute.set()?;
            match &*kind {
                "1.2.840.113549.1.9.20" => read.friendly_name = values.text().ok(),
                "1.2.840.113549.1.9.21" => read.local_key_id = values.octets().ok(),
                "2.16.840.1.113894.746875.1.1" => read.is_trusted = true,
                _ => {}
            }
        }
        Ok(read)
    }
}
