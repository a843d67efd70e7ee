//! The key of a snapshot, which seals the private keys in it.

use std::num::NonZeroU32;

use ring::pbkdf2;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::document::Bytes;
use crate::hex;
use crate::store::key_sealer::{KEY_LENGTH, KeySealer, random_key};

/// How long it takes to try a secret: secrets that people choose are short.
const ROUNDS: NonZeroU32 = NonZeroU32::new(100_000).expect("not zero");

/// IDs and secrets of access keys.
pub(crate) type Secrets = [(String, Zeroizing<String>)];

/// The key of a document, sealed with the secret of an access key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SealedFor {
    access_key_id: String,
    salt: Bytes,
    sealed_key: Bytes,
}

/// A new key, and the same sealed with each of `secrets`. An error is a sentence.
pub(super) fn create(secrets: &Secrets) -> Result<(KeySealer, Vec<SealedFor>), String> {
    let key = random_key()?;
    let text = Zeroizing::new(hex::lower(&key));
    let seal = |(id, secret): &(String, Zeroizing<String>)| {
        let mut salt = vec![0; 16];
        SystemRandom::new().fill(&mut salt).map_err(|_| "the system returned no random bytes")?;
        let sealed = derived(secret, &salt)?.seal(id, &text);
        let sealed_key = Bytes(sealed.map_err(|_| "the key of the snapshot cannot be sealed")?);
        Ok::<_, String>(SealedFor { access_key_id: id.clone(), salt: Bytes(salt), sealed_key })
    };
    Ok((KeySealer::new(&key)?, secrets.iter().map(seal).collect::<Result<_, _>>()?))
}

/// The key of a document. An error is a sentence.
pub(super) fn open(sealed: &[SealedFor], secrets: &Secrets) -> Result<KeySealer, String> {
    let known = |it: &SealedFor| secrets.iter().find(|(id, _)| *id == it.access_key_id);
    for one in sealed {
        let Some((id, secret)) = known(one) else { continue };
        let Ok(key) = derived(secret, &one.salt.0)?.open(id, &one.sealed_key.0) else { continue };
        let key = hex::decode(&key).map(Zeroizing::new);
        return KeySealer::new(&key.ok_or("the key of the snapshot is damaged")?);
    }
    let ids: Vec<_> = sealed.iter().map(|it| it.access_key_id.as_str()).collect();
    Err(format!(
        "its private keys are sealed for the access keys {}, and this emulator has none of them \
         with the same secret: start it with one of them (--access-key)",
        ids.join(", ")
    ))
}

fn derived(secret: &str, salt: &[u8]) -> Result<KeySealer, String> {
    let mut key = Zeroizing::new([0; KEY_LENGTH]);
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ROUNDS, salt, secret.as_bytes(), &mut *key);
    KeySealer::new(&*key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(all: &[(&str, &str)]) -> Vec<(String, Zeroizing<String>)> {
        let owned = |(id, secret): &(&str, &str)| ((*id).to_owned(), (*secret).to_owned().into());
        all.iter().map(owned).collect()
    }

    #[test]
    fn each_of_the_secrets_opens_the_key() {
        let (document, sealed) = create(&secrets(&[("a", "1"), ("b", "2")])).unwrap();
        let text = document.seal("name", "the key").unwrap();
        for known in [&[("a", "1")][..], &[("b", "2")], &[("a", "wrong"), ("b", "2")]] {
            let opened = open(&sealed, &secrets(known)).unwrap();
            assert_eq!(*opened.open("name", &text).unwrap(), "the key");
        }
        for other in [&[][..], &[("c", "1")], &[("a", "2")]] {
            let error = open(&sealed, &secrets(other)).err().unwrap();
            assert!(error.contains("access keys a, b"), "{error}");
        }
    }
}
