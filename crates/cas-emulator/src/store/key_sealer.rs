//! Encryption of the private keys in the database, with AES-256-GCM.
//!
//! The encryption key is never in the database. For a database in memory it lives as long as the
//! process. For a data file it is in a file of its own, so that a copy of the database alone
//! reveals no private key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

pub(super) const KEY_LENGTH: usize = 32;

/// Encrypts and decrypts private keys.
pub(super) struct KeySealer {
    key: LessSafeKey,
    random: SystemRandom,
}

/// A private key could not be encrypted or decrypted, for example because it was encrypted with
/// another key or for another certificate name.
#[derive(Debug)]
pub(super) struct SealError;

impl KeySealer {
    /// With a random key that exists only in this process. An error is a sentence for the user.
    pub(super) fn in_memory() -> Result<Self, String> {
        Self::new(&random_key()?)
    }

    /// With the key in `FILE.key` beside the data file. Creates the key file if it is missing and
    /// not `required` to decrypt existing private keys. An error is a sentence for the user.
    pub(super) fn beside(data: &Path, required: bool) -> Result<Self, String> {
        let file = key_file(data);
        let key = match read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && required => Err(format!(
                "{} is missing: the private keys in {} cannot be decrypted without it. Restore \
                 it, or delete both files to start over",
                file.display(),
                data.display(),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => create(&file)
                .map_err(|error| format!("failed to create {}: {error}", file.display())),
            Err(error) => Err(format!(
                "failed to read {}: {error}. The private keys in {} cannot be decrypted without \
                 it. Restore it, or delete both files to start over",
                file.display(),
                data.display(),
            )),
            Ok(key) => Ok(key),
        }?;
        Self::new(&key)
    }

    /// With a key. An error is a sentence for the user.
    pub(super) fn new(key: &[u8]) -> Result<Self, String> {
        let key = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| format!("the encryption key must have {KEY_LENGTH} bytes"))?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    /// Encrypts the private key of the certificate `name`.
    pub(super) fn seal(&self, name: &str, key: &str) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| SealError)?;
        let mut sealed = key.as_bytes().to_vec();
        let sealing_nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(sealing_nonce, Aad::from(name), &mut sealed);
        sealed.extend_from_slice(tag.map_err(|_| SealError)?.as_ref());
        Ok([&nonce[..], &sealed].concat())
    }

    /// Decrypts the private key of the certificate `name`.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<String>, SealError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(SealError)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| SealError)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let key =
            self.key.open_in_place(nonce, Aad::from(name), &mut buffer).map_err(|_| SealError)?;
        std::str::from_utf8(key).map(|key| Zeroizing::new(key.to_owned())).map_err(|_| SealError)
    }
}

/// `FILE.key` for `FILE`.
pub(super) fn key_file(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

pub(super) type Key = Zeroizing<Vec<u8>>;

/// A new key. An error is a sentence for the user.
pub(super) fn random_key() -> Result<Key, String> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| "the system returned no random bytes".to_owned())?;
    Ok(key)
}

fn read(file: &Path) -> io::Result<Key> {
    let mut key = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    // One more byte than a key has, to notice a longer file.
    File::open(file)?.take(KEY_LENGTH as u64 + 1).read_to_end(&mut key)?;
    if key.len() == KEY_LENGTH {
        Ok(key)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it must have exactly {KEY_LENGTH} bytes"),
        ))
    }
}

/// Creates the key file atomically, and syncs it to disk before anything is encrypted with it.
fn create(file: &Path) -> io::Result<Key> {
    let key = random_key().map_err(io::Error::other)?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let temporary = PathBuf::from(name);
    let created = (|| {
        let mut new =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        new.write_all(&key)?;
        new.sync_all()?;
        // A hard link, because a rename could replace the key of another emulator.
        fs::hard_link(&temporary, file)
    })();
    let _ = fs::remove_file(&temporary); // fails if it was not created
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(error),
        Ok(()) => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
            Ok(key)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_decrypts_only_for_its_own_name() {
        let sealer = KeySealer::in_memory().unwrap();
        let encrypted = sealer.seal("a", "the key").unwrap();
        assert!(!encrypted.windows(3).any(|window| window == b"key"));
        assert_ne!(encrypted, sealer.seal("a", "the key").unwrap(), "a nonce was used twice");
        assert_eq!(*sealer.open("a", &encrypted).unwrap(), "the key");
        assert!(sealer.open("b", &encrypted).is_err());
        assert!(KeySealer::in_memory().unwrap().open("a", &encrypted).is_err());
        for length in 0..encrypted.len() {
            assert!(sealer.open("a", &encrypted[..length]).is_err());
        }
    }

    #[test]
    fn creates_the_key_file_once_and_for_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("cas.db");
        let encrypted = KeySealer::beside(&data, false).unwrap().seal("a", "the key").unwrap();
        let mode = fs::metadata(folder.path().join("cas.db.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(
            *KeySealer::beside(&data, true).unwrap().open("a", &encrypted).unwrap(),
            "the key"
        );
    }
}
