//! Derives keys from passwords: as PKCS#12 does on its own (RFC 7292, appendix B), and by PBKDF2.

use std::num::NonZeroU32;

use ring::digest;
use ring::digest::Context;
use ring::hmac;
use ring::pbkdf2;
use zeroize::Zeroizing;

use crate::pkcs12::problem::{MAX_ROUNDS, Problem};

/// Bytes that are hashed in the time of a round.
const ROUND_BYTES: usize = 64;

/// What is left of [`MAX_ROUNDS`], so that no file can keep a program busy.
pub(super) struct Work(u32);

impl Work {
    pub(super) fn new() -> Self {
        Self(MAX_ROUNDS)
    }

    /// Takes the work for an output of `length` bytes of a hash of `hash_length`.
    fn take(
        &mut self,
        salted: &Salted,
        password: &[u8],
        length: usize,
        hash_length: usize,
    ) -> Result<(), Problem> {
        let hashed_once = (salted.salt.len() + password.len()) / ROUND_BYTES;
        let rounds = u64::from(salted.iterations.get()) + hashed_once as u64;
        let needed = rounds.saturating_mul(length.div_ceil(hash_length) as u64);
        let left = u64::from(self.0).checked_sub(needed).ok_or(Problem::TooManyIterations)?;
        self.0 = u32::try_from(left).unwrap_or_default();
        Ok(())
    }
}

/// What a key is for: the same password and salt give another one for each purpose.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    Encryption = 1,
    Iv = 2,
    Mac = 3,
}

/// A salt, and how often to hash.
pub(super) struct Salted {
    pub(super) salt: Zeroizing<Vec<u8>>,
    pub(super) iterations: NonZeroU32,
}

impl Salted {
    pub(super) fn new(salt: Zeroizing<Vec<u8>>, iterations: u32) -> Result<Self, Problem> {
        let iterations = NonZeroU32::new(iterations).ok_or(Problem::Malformed)?;
        Ok(Self { salt, iterations })
    }

    /// PKCS#12's own derivation of `length` bytes. The numbers are those of RFC 7292, B.2.
    pub(super) fn by_pkcs12(
        &self,
        hash: &'static digest::Algorithm,
        purpose: Purpose,
        password: &[u8],
        length: usize,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        work.take(self, password, length, hash.output_len())?;
        let block = hash.block_len();
        // 1.
        let diversifier = vec![purpose as u8; block];
        // 2. to 4.: both repeated to whole blocks; nothing stays nothing.
        let parts =
            [&self.salt[..], password].map(|part| (part, part.len().next_multiple_of(block)));
        let mut input =
            Zeroizing::new(Vec::with_capacity(parts.iter().map(|(_, padded)| padded).sum()));
        for (part, padded) in parts {
            input.extend(part.iter().cycle().take(padded));
        }
        let mut key = Zeroizing::new(vec![0; length]);
        for piece in key.chunks_mut(hash.output_len()) {
            // 6.A.
            let mut context = Context::new(hash);
            context.update(&diversifier);
            context.update(&input);
            let mut result = context.finish();
            for _ in 1..self.iterations.get() {
                result = digest::digest(hash, result.as_ref());
            }
            let bytes = result.as_ref();
            piece.copy_from_slice(&bytes[..piece.len()]);
            // 6.B. and 6.C.: adds the result, repeated to a block, and one to each block.
            for summand in input.chunks_exact_mut(block) {
                let mut carry = 1;
                for at in (0..block).rev() {
                    carry += u16::from(summand[at]) + u16::from(bytes[at % bytes.len()]);
                    summand[at] = carry.to_be_bytes()[1];
                    carry >>= 8;
                }
            }
        }
        Ok(key)
    }

    /// PBKDF2 of RFC 8018, for `length` bytes.
    pub(super) fn by_pbkdf2(
        &self,
        hash: hmac::Algorithm,
        password: &[u8],
        length: usize,
        work: &mut Work,
    ) -> Result<Zeroizing<Vec<u8>>, Problem> {
        work.take(self, password, length, hash.digest_algorithm().output_len())?;
        let prf = if hash == hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY {
            pbkdf2::PBKDF2_HMAC_SHA1
        } else if hash == hmac::HMAC_SHA256 {
            pbkdf2::PBKDF2_HMAC_SHA256
        } else if hash == hmac::HMAC_SHA384 {
            pbkdf2::PBKDF2_HMAC_SHA384
        } else {
            pbkdf2::PBKDF2_HMAC_SHA512
        };
        let mut key = Zeroizing::new(vec![0; length]);
        pbkdf2::derive(prf, self.iterations, &self.salt, password, &mut key);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY as SHA1, SHA256, SHA512};

    /// "密🔑" with its terminating NUL.
    const PASSWORD: &[u8] = b"\x5b\xc6\xd8\x3d\xdd\x11\0\0";

    fn salted(iterations: u32) -> Salted {
        Salted::new(Zeroizing::new((1..=8).collect()), iterations).unwrap()
    }

    #[test]
    fn keys_are_those_that_openssl_derives() {
        // openssl kdf -keylen 24 -kdfopt digest:SHA1 -kdfopt id:1 -kdfopt iter:1000 -kdfopt
        // hexsalt:0102030405060708 -kdfopt hexpass:5bc6d83ddd110000 PKCS12KDF
        for (hash, purpose, iterations, wanted) in [
            (&SHA1, Purpose::Encryption, 1000, "583D6BFE67FE141CA6EBDEB383DFFFD88435C36F63681BE9"),
            (&SHA1, Purpose::Iv, 1000, "41A5362BB93E7C21"),
            (
                &SHA1,
                Purpose::Encryption,
                3,
                "4FEF079F29AE62C1760B72C1F0A645F8ADA560367007469A58DB7DDC89D578F8\
                 61709AF350E82B4F89F93162F80BB9C40929",
            ),
            (
                &SHA256,
                Purpose::Mac,
                2048,
                "1DEBA3C809F77B57437D26E57A4AC84DCF18D9E382CF5758ACDDC9EC5CAC5A0A",
            ),
            (
                &SHA512,
                Purpose::Mac,
                1,
                "82B0EB2FA3A6F69D2CF477609F0AFFF4BA6DCCD57FE3629A461A8CB7FDDA193E\
                 64B9BEE36F63568AEE5974539E77135D556BDC23293B0A48847FEAAD7ACE2443",
            ),
        ] {
            let key = salted(iterations)
                .by_pkcs12(hash, purpose, PASSWORD, wanted.len() / 2, &mut Work::new())
                .unwrap();
            assert_eq!(base16ct::upper::encode_string(&key), wanted);
        }
        assert!(Salted::new(Zeroizing::default(), 0).is_err());
    }

    #[test]
    fn the_work_of_a_file_is_bounded() {
        let mut work = Work::new();
        let mut derive = |iterations, length| {
            let salted = salted(iterations);
            salted.by_pkcs12(&SHA1, Purpose::Mac, PASSWORD, length, &mut work).map(drop)
        };
        assert_eq!(derive(u32::MAX, 20), Err(Problem::TooManyIterations));
        assert_eq!(derive(MAX_ROUNDS, 21), Err(Problem::TooManyIterations));
        derive(1, 20).unwrap();
        assert_eq!(derive(MAX_ROUNDS, 20), Err(Problem::TooManyIterations));
        // An empty salt and an empty password hash nothing but the purpose.
        let nothing = Salted::new(Zeroizing::default(), 1).unwrap();
        let key = nothing.by_pkcs12(&SHA1, Purpose::Iv, b"", 50, &mut Work::new()).unwrap();
        assert_eq!(key[..20], key[20..40]);
        // What a long salt costs counts.
        let long = Salted::new(Zeroizing::new(vec![7; 1 << 20]), MAX_ROUNDS - 100).unwrap();
        let derived = long.by_pkcs12(&SHA1, Purpose::Iv, b"", 8, &mut Work::new());
        assert_eq!(derived.unwrap_err(), Problem::TooManyIterations);
    }
}
