//! How a part of a file is encrypted: by PKCS#12's own schemes (RFC 7292, appendix C) or by PBES2
//! (RFC 8018).

use ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
use ring::hmac;
use zeroize::Zeroizing;

use crate::pkcs12::ber;
use crate::pkcs12::ber::Reader;
use crate::pkcs12::cipher::Cipher;
use crate::pkcs12::derive::{Purpose, Salted, Work};
use crate::pkcs12::password::Password;
use crate::pkcs12::problem::Problem;

const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";

/// An encryption with its parameters.
pub(super) enum Scheme {
    Pkcs12 { cipher: Cipher, salted: Salted },
    Pbes2 { cipher: Cipher, iv: Zeroizing<Vec<u8>>, pbkdf2: Pbkdf2 },
}

impl Scheme {
    /// Reads an `AlgorithmIdentifier`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let mut reader = reader.sequence()?;
        let oid = reader.oid()?;
        let cipher = match &*oid {
            PBES2 => return Self::read_pbes2(reader.sequence()?),
            "1.2.840.113549.1.12.1.3" => Cipher::TripleDes,
            "1.2.840.113549.1.12.1.4" => Cipher::TripleDesOfTwo,
            "1.2.840.113549.1.12.1.5" => Cipher::Rc2With128Bits,
            "1.2.840.113549.1.12.1.6" => Cipher::Rc2With40Bits,
            _ => return Err(Problem::Unsupported(oid)),
        };
        let mut parameters = reader.sequence()?;
        let salted = Salted::new(parameters.octets()?, parameters.number()?)?;
        Ok(Self::Pkcs12 { cipher, salted })
    }

    fn read_pbes2(mut reader: Reader<'_>) -> Result<Self, Problem> {
        let pbkdf2 = Pbkdf2::read(&mut reader)?;
        let mut encryption = reader.sequence()?;
        let oid = encryption.oid()?;
        let cipher = match &*oid {
            "2.16.840.1.101.3.4.1.2" => Cipher::Aes128,
            "2.16.840.1.101.3.4.1.22" => Cipher::Aes192,
            "2.16.840.1.101.3.4.1.42" => Cipher::Aes256,
            "1.2.840.113549.3.7" => Cipher::TripleDes,
            _ => return Err(Problem::Unsupported(oid)),
        };
        Ok(Self::Pbes2 { cipher, iv: encryption.octets()?, pbkdf2 })
    }

    /// Decrypts an ASN.1 value.
    pub(super) fn decrypt(
        &self,
        encrypted: &[u8],
        password: &Password,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        let attempts = match self {
            Self::Pkcs12 { .. } => &password.for_pkcs12[..],
            Self::Pbes2 { .. } => &password.for_pbkdf2,
        };
        for password in attempts {
            let plain = match self {
                Self::Pkcs12 { cipher, salted } => {
                    let mut derived = |purpose, length| {
                        salted.by_pkcs12(&SHA1_FOR_LEGACY_USE_ONLY, purpose, password, length, work)
                    };
                    let key = derived(Purpose::Encryption, cipher.key_length())?;
                    let iv = derived(Purpose::Iv, cipher.block_length())?;
                    cipher.decrypt(&key, &iv, encrypted)
                }
                Self::Pbes2 { cipher, iv, pbkdf2 } => {
                    let key = pbkdf2.derive(password, cipher.key_length(), work)?;
                    cipher.decrypt(&key, iv, encrypted)
                }
            };
            // The padding of one wrong key in 256 looks right.
            if let Some(plain) = plain.filter(|plain| ber::is_sequence(plain)) {
                return Ok(plain);
            }
        }
        Err(Problem::NotDecrypted)
    }
}

/// PBKDF2 with its parameters.
pub(super) struct Pbkdf2 {
    salted: Salted,
    /// Only a MAC needs it: a cipher has its own.
    pub(super) key_length: Option<u32>,
    hash: hmac::Algorithm,
}

impl Pbkdf2 {
    /// Reads an `AlgorithmIdentifier`.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Problem> {
        let mut reader = reader.sequence()?;
        let oid = reader.oid()?;
        if oid != PBKDF2 {
            return Err(Problem::Unsupported(oid));
        }
        let mut parameters = reader.sequence()?;
        let salted = Salted::new(parameters.octets()?, parameters.number()?)?;
        let key_length = parameters.optional_number()?;
        let hash = if parameters.is_empty() {
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY
        } else {
            read_hmac(&mut parameters)?
        };
        Ok(Self { salted, key_length, hash })
    }

    pub(super) fn derive(
        &self,
        password: &[u8],
        length: usize,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        self.salted.by_pbkdf2(self.hash, password, length, work)
    }
}

/// Reads the `AlgorithmIdentifier` of an HMAC.
pub(super) fn read_hmac(reader: &mut Reader<'_>) -> Result<hmac::Algorithm, Problem> {
    let oid = reader.sequence()?.oid()?;
    Ok(match &*oid {
        "1.2.840.113549.2.7" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        "1.2.840.113549.2.9" => hmac::HMAC_SHA256,
        "1.2.840.113549.2.10" => hmac::HMAC_SHA384,
        "1.2.840.113549.2.11" => hmac::HMAC_SHA512,
        _ => return Err(Problem::Unsupported(oid)),
    })
}
