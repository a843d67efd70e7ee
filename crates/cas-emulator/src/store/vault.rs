//! Private keys as they lie in the database: sealed with AES-256-GCM.
//!
//! The key that seals them is kept out of the database. In memory it lives as long as the process; beside a
//! data file it has a file of its own, so that a copied database alone gives no private key away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

const KEY_LENGTH: usize = 32;

/// Seals and opens private keys.
pub(super) struct Vault {
    key: LessSafeKey,
    random: SystemRandom,
}

/// Something was not sealed with this key, or under another name.
#[derive(Debug)]
pub(super) struct Unsealable;

impl Vault {
    /// With a key that is forgotten at the end of the process.
    pub(super) fn in_memory() -> Result<Self, String> {
        Self::of(&random_key()?)
    }

    /// With the key beside the data file. It is made if need be, but not where `needed` says that something
    /// is sealed already.
    pub(super) fn beside(data: &Path, needed: bool) -> Result<Self, String> {
        let file = key_file(data);
        let key = match read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && needed => Err(format!(
                "{} is missing, and the private keys in {} cannot be read without it. Put it back, or delete \
                 both files to begin anew",
                file.display(),
                data.display(),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(&file).map_err(|error| format!("{} cannot be made: {error}", file.display()))
            }
            Err(error) => Err(format!(
                "{} cannot be read: {error}. It holds the key to the private keys in {}; make it readable, or \
                 delete both files to begin anew",
                file.display(),
                data.display(),
            )),
            Ok(key) => Ok(key),
        }?;
        Self::of(&key)
    }

    fn of(key: &[u8]) -> Result<Self, String> {
        let key = UnboundKey::new(&AES_256_GCM, key)
            .map_err(|_| format!("the key beside the data file has not {KEY_LENGTH} bytes"))?;
        Ok(Self { key: LessSafeKey::new(key), random: SystemRandom::new() })
    }

    /// Seals the private key of the certificate called `name`.
    pub(super) fn seal(&self, name: &str, key: &str) -> Result<Vec<u8>, Unsealable> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).map_err(|_| Unsealable)?;
        let mut sealed = key.as_bytes().to_vec();
        let nonce_again = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce_again, Aad::from(name), &mut sealed);
        sealed.extend_from_slice(tag.map_err(|_| Unsealable)?.as_ref());
        Ok([&nonce[..], &sealed].concat())
    }

    /// The private key that was sealed under `name`.
    pub(super) fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<String>, Unsealable> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or(Unsealable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unsealable)?;
        let mut buffer = Zeroizing::new(sealed.to_vec());
        let key =
            self.key.open_in_place(nonce, Aad::from(name), &mut buffer).map_err(|_| Unsealable)?;
        std::str::from_utf8(key).map(|key| Zeroizing::new(key.to_owned())).map_err(|_| Unsealable)
    }
}

/// `FILE.key` for `FILE`.
pub(super) fn key_file(data: &Path) -> PathBuf {
    let mut name = data.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

type Key = Zeroizing<Vec<u8>>;

fn random_key() -> Result<Key, String> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| "the system has no random numbers".to_owned())?;
    Ok(key)
}

fn read(file: &Path) -> io::Result<Key> {
    let mut key = Zeroizing::new(Vec::with_capacity(KEY_LENGTH + 1));
    // One byte more than a key has shows that it is none.
    File::open(file)?.take(KEY_LENGTH as u64 + 1).read_to_end(&mut key)?;
    if key.len() == KEY_LENGTH {
        Ok(key)
    } else {
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("a key has {KEY_LENGTH} bytes, this file not"),
        ))
    }
}

/// The file appears whole or not at all, and on disk before anything is sealed with it.
fn make(file: &Path) -> io::Result<Key> {
    let key = random_key().map_err(io::Error::other)?;
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(name);
    let made = (|| {
        let mut new =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished)?;
        new.write_all(&key)?;
        new.sync_all()?;
        // Not renamed, which would replace the key that another emulator may just have made.
        fs::hard_link(&unfinished, file)
    })();
    let _ = fs::remove_file(&unfinished); // there may be none
    match made {
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
    fn a_sealed_key_opens_under_its_name_only() {
        let vault = Vault::in_memory().unwrap();
        let sealed = vault.seal("a", "the key").unwrap();
        assert!(!sealed.windows(3).any(|window| window == b"key"));
        assert_ne!(sealed, vault.seal("a", "the key").unwrap(), "a nonce came twice");
        assert_eq!(*vault.open("a", &sealed).unwrap(), "the key");
        assert!(vault.open("b", &sealed).is_err());
        assert!(Vault::in_memory().unwrap().open("a", &sealed).is_err());
        for length in 0..sealed.len() {
            assert!(vault.open("a", &sealed[..length]).is_err());
        }
    }

    #[test]
    fn the_key_file_is_made_once_for_the_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("cas.db");
        let sealed = Vault::beside(&data, false).unwrap().seal("a", "the key").unwrap();
        let mode = fs::metadata(folder.path().join("cas.db.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert_eq!(*Vault::beside(&data, true).unwrap().open("a", &sealed).unwrap(), "the key");
    }
}
