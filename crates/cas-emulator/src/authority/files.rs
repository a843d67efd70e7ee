//! The files of the authority: `ca.pem`, which clients must trust, and `ca.key`.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use rcgen::{KeyPair, PublicKeyData};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use super::issue;

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";

/// How long to wait for another emulator that makes the files.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// What the files contain.
pub(super) struct Files {
    pub(super) pem: String,
    pub(super) key: KeyPair,
}

/// Reads the files in `directory`, or makes it and them. An error is a sentence for the user.
pub(super) fn open(directory: &Path, now: SystemTime) -> Result<Files, String> {
    let failure = |error: &dyn std::fmt::Display| {
        format!("the certificate authority in {} cannot be used: {error}", directory.display())
    };
    open_in(directory, now).map_err(|error| failure(&error))
}

fn open_in(directory: &Path, now: SystemTime) -> Result<Files, String> {
    if fs::metadata(directory).is_ok_and(|metadata| !metadata.is_dir()) {
        return Err("it is a file. Name a directory for ca.pem and ca.key".to_owned());
    }
    fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    let _lock = lock(directory)?;
    let read = |name: &str| match fs::read_to_string(directory.join(name)) {
        Ok(text) => Ok(Some(Zeroizing::new(text))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("failed to read {name}: {error}")),
    };
    let (pem, key) = (read(CERTIFICATE)?, read(KEY)?);
    let missing = |there, missing| {
        format!("{missing} is missing, but {there} exists. Restore it, or delete {there}")
    };
    match (pem, key) {
        (Some(pem), Some(key)) => {
            let files = check(pem.as_str(), &key, now)?;
            warn_of_readers(&directory.join(KEY));
            Ok(files)
        }
        (None, None) => make(directory, now),
        (Some(_), None) => Err(missing(CERTIFICATE, KEY)),
        (None, Some(_)) => Err(missing(KEY, CERTIFICATE)),
    }
}

/// Warns if users other than the owner can read the key.
fn warn_of_readers(key: &Path) {
    let Ok(metadata) = fs::metadata(key) else { return };
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let key = key.display();
        // Fails if stderr is closed.
        let _ = writeln!(
            io::stderr(),
            "cas-emulator: warning: {key} has mode {mode:03o}: with it, other users can issue \
             certificates that your clients trust. Run: chmod 600 {key}"
        );
    }
}

/// Locks the directory, until the result is dropped: emulators that start at once make one
/// authority.
fn lock(directory: &Path) -> Result<File, String> {
    let file = File::open(directory).map_err(|error| error.to_string())?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => {
                return Err("another program has locked the directory".to_owned());
            }
            Err(TryLockError::Error(error)) => return Err(format!("failed to lock it: {error}")),
        }
    }
}

fn make(directory: &Path, now: SystemTime) -> Result<Files, String> {
    let key = issue::new_key()?;
    let certificate = issue::authority(&key, now).self_signed(&key);
    let pem = certificate.map_err(|error| error.to_string())?.pem();
    let key_pem = Zeroizing::new(key.serialize_pem());
    write(directory, KEY, 0o600, &key_pem)?;
    write(directory, CERTIFICATE, 0o644, &pem).inspect_err(|_| {
        let _ = fs::remove_file(directory.join(KEY)); // so that the next start can try again
    })?;
    Ok(Files { pem, key })
}

/// Writes a new file, whole or not at all.
fn write(directory: &Path, name: &str, mode: u32, text: &str) -> Result<(), String> {
    let (path, partial) = (directory.join(name), directory.join(format!("{name}.partial")));
    let write = || {
        match fs::remove_file(&partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&partial)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&partial, &path)
    };
    write().map_err(|error| format!("failed to write {name}: {error}"))
}

fn check(pem: &str, key_pem: &str, now: SystemTime) -> Result<Files, String> {
    let again = format!("Delete {CERTIFICATE} and {KEY}: the next start makes new ones");
    // Without the cause, which could quote the key.
    let key = KeyPair::from_pem(key_pem)
        .map_err(|_| format!("{KEY} is not a private key in PEM. {again}"))?;
    let der = CertificateDer::from_pem_slice(pem.as_bytes());
    let der = der.map_err(|_| format!("{CERTIFICATE} is not a certificate in PEM. {again}"))?;
    let (_, certificate) = X509Certificate::from_der(&der)
        .map_err(|_| format!("{CERTIFICATE} is not a valid certificate. {again}"))?;
    if !certificate.is_ca() {
        return Err(format!("{CERTIFICATE} is not the certificate of an authority. {again}"));
    }
    if certificate.public_key().raw != key.subject_public_key_info() {
        return Err(format!("{KEY} does not belong to {CERTIFICATE}. {again}"));
    }
    let mut names = certificate.subject().iter_common_name();
    let name = names.next().and_then(|name| name.as_str().ok());
    if name != Some(issue::authority_name(&key).as_str()) {
        return Err(format!(
            "{CERTIFICATE} was not made by cas-emulator. Use another directory, or --tls-cert"
        ));
    }
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let validity = certificate.validity();
    if now > validity.not_after.timestamp() {
        return Err(format!("{CERTIFICATE} has expired. {again}"));
    }
    if now < validity.not_before.timestamp() {
        return Err(format!("{CERTIFICATE} is not valid yet: check the clock of this machine"));
    }
    Ok(Files { pem: pem.to_owned(), key })
}
