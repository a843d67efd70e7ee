//! The MAC of a file, which shows that the password is right and nothing was changed.

use ring::hmac;
use zeroize::Zeroizing;

use crate::pkcs12::ber::Reader;
use crate::pkcs12::derive::{Purpose, Salted, Work};
use crate::pkcs12::password::Password;
use crate::pkcs12::problem::Problem;
use crate::pkcs12::scheme::{Pbkdf2, read_hmac};

/// PBMAC1 of RFC 9579.
const PBMAC1: &str = "1.2.840.113549.1.5.14";

/// Longest key, in bytes: a block of SHA-512.
const MAX_KEY: usize = 128;

/// How the key of the MAC is derived.
enum Derivation {
    Pkcs12(Salted),
    /// With the length of the key.
    Pbmac1(Pbkdf2, usize),
}

/// A MAC with its parameters.
pub(super) struct Mac {
    hmac: hmac::Algorithm,
    derivation: Derivation,
    tag: Zeroizing<Vec<u8>>,
}

impl Mac {
    /// Reads `MacData`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let mut data = reader.sequence()?;
        let mut digest_info = data.sequence()?;
        let mut algorithm = digest_info.sequence()?;
        let tag = digest_info.octets()?;
        let oid = algorithm.oid()?;
        if oid == PBMAC1 {
            let mut parameters = algorithm.sequence()?;
            let pbkdf2 = Pbkdf2::read(&mut parameters)?;
            let hmac = read_hmac(&mut parameters)?;
            let length = pbkdf2.key_length.and_then(|length| usize::try_from(length).ok());
            let length = length.filter(|length| (1..=MAX_KEY).contains(length));
            let length = length.ok_or(Problem::Malformed)?;
            return Ok(Self { hmac, derivation: Derivation::Pbmac1(pbkdf2, length), tag });
        }
        let hmac = match &*oid {
            "1.3.14.3.2.26" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "2.16.840.1.101.3.4.2.1" => hmac::HMAC_SHA256,
            "2.16.840.1.101.3.4.2.2" => hmac::HMAC_SHA384,
            "2.16.840.1.101.3.4.2.3" => hmac::HMAC_SHA512,
            _ => return Err(Problem::Unsupported(oid)),
        };
        let salt = data.octets()?;
        let iterations = if data.is_empty() { 1 } else { data.number()? };
        Ok(Self { hmac, derivation: Derivation::Pkcs12(Salted::new(salt, iterations)?), tag })
    }

    /// Whether the MAC is that of `content` with this password.
    pub(super) fn is_of(
        &self,
        content: &[u8],
        password: &Password,
        work: &mut Work,
    ) -> Result<bool, Problem> {
        let hash = self.hmac.digest_algorithm();
        let attempts = match &self.derivation {
            Derivation::Pkcs12(_) => &password.for_pkcs12[..],
            Derivation::Pbmac1(..) => &password.for_pbkdf2,
        };
        for password in attempts {
            let key = match &self.derivation {
                Derivation::Pkcs12(salted) => {
                    salted.by_pkcs12(hash, Purpose::Mac, password, hash.output_len(), work)
                }
                Derivation::Pbmac1(pbkdf2, length) => pbkdf2.derive(password, *length, work),
            }?;
            if hmac::verify(&hmac::Key::new(self.hmac, &key), content, &self.tag).is_ok() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
