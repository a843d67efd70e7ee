//! The root store: the certificate authorities that libcas trusts, and where they come from.
//!
//! The first of these that is set or exists: the CA file or CA PEM of the configuration;
//! `SSL_CERT_FILE` and `SSL_CERT_DIR`; the system's store; the Mozilla roots built into libcas.
//! libcas never falls back from a store that was configured to a broader one: if it is unusable,
//! the call fails. The first usable location of the system's store counts, and the built-in roots
//! are used only if none of these locations exists.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::base::deadline::Deadline;
use crate::base::env::{EnvSnapshot, Variable};
use crate::base::error::{Error, ErrorKind};
use crate::base::exhaustion::{Exhaustion, clause_of};
use crate::base::file;
use crate::base::memory;
use crate::base::quote::quoted_path;
use crate::http::failure::TransportError;
use crate::inspect::trusted_for_servers;

/// Where systems keep all their roots in one file.
const BUNDLES: [&str; 17] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Gentoo, Arch, Alpine, NixOS, OpenWrt
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",   // their older releases
    "/var/lib/ca-certificates/ca-bundle.pem", // SUSE
    "/etc/ssl/ca-bundle.pem",             // older SUSE
    "/etc/ssl/certs/ca-bundle.crt",       // NixOS
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
    "/etc/ssl/cert.pem",                  // Alpine, FreeBSD, OpenBSD
    "/etc/pki/tls/cacert.pem",            // OpenELEC
    "/opt/etc/ssl/certs/ca-certificates.crt", // Entware
    "/usr/local/etc/ssl/cert.pem",        // FreeBSD
    "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD, DragonFly BSD
    "/usr/local/ssl/cert.pem",            // OpenSSL from source
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD
    "/etc/certs/ca-certificates.crt",     // Solaris, illumos
    "/etc/ssl/cacert.pem",                // OmniOS
    "/etc/ssl/certs/cacert.pem",          // OpenHarmony
];

/// Where systems keep a file for each root. Used if there is no bundle, which holds the same roots.
const DIRECTORIES: [&str; 8] = [
    "/etc/ssl/certs",               // most
    "/etc/pki/tls/certs",           // Fedora, RHEL
    "/var/lib/ca-certificates/pem", // SUSE
    "/usr/local/share/certs",       // FreeBSD
    "/usr/local/ssl/certs",         // OpenSSL from source
    "/etc/openssl/certs",           // NetBSD
    "/etc/certs/CA",                // Solaris, illumos
    "/etc/security/certificates",   // OpenHarmony
];

/// The memory for reading roots, in multiples of their text. Very small certificates take most.
const WORK: usize = 8;

/// Hint for a CA file or CA PEM without roots.
const PEM_FORM: &str = "Use PEM with at least one -----BEGIN CERTIFICATE----- block.";

/// Where the trusted root certificates come from.
#[derive(Clone)]
pub(crate) enum RootStore {
    /// The CA file or CA PEM of the configuration, already read.
    Configured(LoadedRoots),
    /// The locations that the environment names, read when the first TLS connection is opened.
    Environment {
        /// `SSL_CERT_FILE`, at the time when the client was made.
        file: Option<PathBuf>,
        /// `SSL_CERT_DIR`, likewise, split at its colons.
        directories: Vec<PathBuf>,
    },
    /// The system's store, read when the first TLS connection is opened, or the built-in roots.
    System {
        /// Whether libcas ignores the locations that the environment names.
        ignores_environment: bool,
    },
}

/// Root certificates that were read: at least one.
#[derive(Clone)]
pub(crate) struct LoadedRoots {
    pub(crate) store: Arc<RootCertStore>,
    /// Their source and number, for messages.
    pub(crate) description: String,
    /// How to add a root, as an imperative clause about "it": the CA that is missing.
    pub(crate) how_to_add: &'static str,
}

impl LoadedRoots {
    fn new(store: RootCertStore, source: &str, how_to_add: &'static str) -> Self {
        let store = without_duplicates(store);
        let plural = if store.len() == 1 { "" } else { "s" };
        let description = format!("{source}; {} root{plural}", store.len());
        Self { store: Arc::new(store), description, how_to_add }
    }
}

/// Stores often have a root in several files.
fn without_duplicates(mut store: RootCertStore) -> RootCertStore {
    let mut seen = BTreeSet::new();
    let is_first: Vec<bool> = store
        .roots
        .iter()
        .map(|root| {
            let constraints = root.name_constraints.as_deref();
            seen.insert((&*root.subject, &*root.subject_public_key_info, constraints))
        })
        .collect();
    let mut is_first = is_first.into_iter();
    store.roots.retain(|_| is_first.next().unwrap_or(true));
    store
}

impl RootStore {
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` if they are set, else the system's store.
    #[must_use]
    pub(crate) fn of_environment(variables: &EnvSnapshot) -> Self {
        match (variables.path(Variable::SSL_CERT_FILE), variables.path(Variable::SSL_CERT_DIR)) {
            (None, None) => Self::System { ignores_environment: variables.is_ignored() },
            (file, directories) => Self::Environment {
                file: file.map(PathBuf::from),
                directories: directories.iter().flat_map(std::env::split_paths).collect(),
            },
        }
    }

    /// Whether libcas ignores the locations that the environment names.
    pub(crate) fn ignores_environment(&self) -> bool {
        matches!(self, Self::System { ignores_environment: true })
    }

    /// Only the certificates of a PEM file. It is read now, so that a wrong path is reported early.
    pub(crate) fn from_file(path: &Path) -> Result<Self, Error> {
        let quoted = quoted_path(path);
        let roots = read_file(path, &Deadline::after(file::PIPE_TIME)).map_err(|cause| {
            if cause.kind() == io::ErrorKind::InvalidData {
                let message = format!("The CA file {quoted} {cause}.");
                return Error::new(ErrorKind::InvalidArgument, message).with_hint(PEM_FORM);
            }
            file::read_error(
                &format!("the CA file {quoted}"),
                &cause,
                "Set the path of a PEM file that this program can read, not the PEM text itself.",
            )
        })?;
        Ok(Self::Configured(LoadedRoots::new(
            roots,
            &format!("the CA file {quoted}"),
            "add its certificate to the CA file, because libcas uses no other roots",
        )))
    }

    /// Only the certificates of a PEM text that the program passed.
    pub(crate) fn from_pem(pem: &[u8]) -> Result<Self, Error> {
        let invalid = |problem: &str| {
            Error::new(ErrorKind::InvalidArgument, format!("Invalid CA PEM: it {problem}."))
                .with_hint(PEM_FORM)
        };
        if pem.len() > file::MAX_ROOTS_BYTES {
            return Err(invalid("is larger than 32 MiB"));
        }
        memory::check(WORK * pem.len()).map_err(|cause| {
            let message = format!("Failed to read the CA PEM: {cause}.");
            Error::new(ErrorKind::InvalidArgument, message).with_exhaustion(cause)
        })?;
        Ok(Self::Configured(LoadedRoots::new(
            parse(pem).map_err(invalid)?,
            "the CA PEM of the program",
            "add its certificate to the CA PEM that the program sets, because libcas uses no other \
             roots",
        )))
    }

    /// Returns the roots; reads them before `deadline` if they are not read yet.
    pub(crate) fn load(&self, deadline: &Deadline) -> Result<LoadedRoots, TransportError> {
        match self {
            Self::Configured(roots) => Ok(roots.clone()),
            Self::Environment { file, directories } => {
                load_environment(file.as_deref(), directories, deadline)
            }
            Self::System { ignores_environment } => {
                load_system(&BUNDLES, &DIRECTORIES, *ignores_environment, deadline)
            }
        }
    }
}

/// Loads only what the environment names. `SSL_CERT_FILE` must be usable. `SSL_CERT_DIR` is a list:
/// without a file, one of its directories must be usable, and next to a file none need be.
fn load_environment(
    file: Option<&Path>,
    directories: &[PathBuf],
    deadline: &Deadline,
) -> Result<LoadedRoots, TransportError> {
    let (mut store, mut sources, mut problems) = (RootCertStore::empty(), Vec::new(), Vec::new());
    let file = file.map(|path| (path, "SSL_CERT_FILE", read_file as Reader));
    let directories =
        directories.iter().map(|path| (path.as_path(), "SSL_CERT_DIR", read_directory as Reader));
    let mut file_is_usable = true;
    for (path, variable, read) in file.into_iter().chain(directories) {
        let location = format!("{} ({variable})", quoted_path(path));
        match read(path, deadline) {
            Ok(more) => {
                store.extend(more.roots);
                sources.push(location);
            }
            Err(error) if file::is_retryable(&error) => return Err(not_read(&location, &error)),
            Err(error) => {
                file_is_usable &= variable == "SSL_CERT_DIR";
                problems.push(format!("{location}: {error}"));
            }
        }
    }
    if !file_is_usable || store.is_empty() {
        return Err(not_loaded(
            &problems,
            "Correct SSL_CERT_FILE or SSL_CERT_DIR: while one of them is set, libcas uses no other \
             roots.",
        ));
    }
    let mut source = sources.join(" and ");
    if !problems.is_empty() {
        source = format!("{source}, without {}", problems.join("; "));
    }
    let how_to_add = "add its certificate to SSL_CERT_FILE or SSL_CERT_DIR, or set \
                      cas_config_set_ca_file to its PEM bundle";
    Ok(LoadedRoots::new(store, &source, how_to_add))
}

/// Loads the first usable location, or the built-in roots if no location exists.
fn load_system(
    bundles: &[&str],
    directories: &[&str],
    ignores_environment: bool,
    deadline: &Deadline,
) -> Result<LoadedRoots, TransportError> {
    let how_to_add = if ignores_environment {
        "pass its PEM bundle to cas_config_set_ca_file or cas_config_set_ca_pem"
    } else {
        "set SSL_CERT_FILE or cas_config_set_ca_file to its PEM bundle"
    };
    let bundles = bundles.iter().map(|path| (path, read_file as Reader));
    let directories = directories.iter().map(|path| (path, read_directory as Reader));
    let mut problems = Vec::new();
    for (path, read) in bundles.chain(directories) {
        let location = format!("the system's {path}");
        match read(Path::new(path), deadline) {
            Ok(roots) => return Ok(LoadedRoots::new(roots, &location, how_to_add)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) if file::is_retryable(&error) => return Err(not_read(&location, &error)),
            Err(error) => problems.push(format!("{location}: {error}")),
        }
    }
    if !problems.is_empty() {
        return Err(not_loaded(
            &problems,
            "Repair the CA certificates of the system, or pass a PEM bundle to \
             cas_config_set_ca_file or cas_config_set_ca_pem.",
        ));
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let source = "the Mozilla roots built into libcas, because the system has no root store";
    Ok(LoadedRoots::new(roots, source, how_to_add))
}

fn not_loaded(problems: &[String], hint: &str) -> TransportError {
    let message = format!("failed to load root certificates: {}", problems.join("; "));
    TransportError::not_sent(message).with_hint(hint).permanent()
}

/// The store exists, but cannot be read now: neither a part of it nor another one replaces it.
fn not_read(location: &str, error: &io::Error) -> TransportError {
    let cause = clause_of(error);
    TransportError::not_sent(format!("failed to load root certificates: {location}: {cause}"))
        .with_hint_for(error, file::hint(error, ""))
}

/// Reads the roots at a path. `Ok` holds at least one.
type Reader = fn(&Path, &Deadline) -> io::Result<RootCertStore>;

/// Reads the certificates of a PEM file; `InvalidData` if it has none. Invalid certificates next to
/// valid ones are ignored, as is usual.
fn read_file(path: &Path, deadline: &Deadline) -> io::Result<RootCertStore> {
    let text = file::read(path, file::MAX_ROOTS_BYTES, deadline)?.bytes;
    memory::check(WORK * text.len())?;
    parse(&text).map_err(|problem| io::Error::new(io::ErrorKind::InvalidData, problem))
}

/// What is read as if the second text stood there: the label of an old OpenSSL, OpenSSL's own
/// label, and the byte order mark of an editor, also where files were joined.
const SPELLINGS: [(&[u8], &[u8]); 3] = [
    (b" X509 CERTIFICATE-----", b" CERTIFICATE-----"),
    (b" TRUSTED CERTIFICATE-----", b" CERTIFICATE-----"),
    (b"\xef\xbb\xbf-----BEGIN ", b"-----BEGIN "),
];

/// Reads the certificates of a PEM text. Fails if it has none.
fn parse(text: &[u8]) -> Result<RootCertStore, &'static str> {
    let text =
        SPELLINGS.iter().fold(Cow::Borrowed(text), |text, (from, to)| replaced(text, from, to));
    let (mut roots, mut any_invalid) = (RootCertStore::empty(), false);
    for entry in CertificateDer::pem_slice_iter(&text) {
        any_invalid |= !entry.is_ok_and(|entry| add(&mut roots, &entry));
    }
    match roots.is_empty() {
        false => Ok(roots),
        true if any_invalid => Err("contains no valid certificate"),
        true => Err("contains no certificate"),
    }
}

/// Adds an entry of a root store. Returns whether it is trusted for servers, and valid.
fn add(roots: &mut RootCertStore, entry: &[u8]) -> bool {
    trusted_for_servers(entry)
        .is_some_and(|certificate| roots.add(CertificateDer::from(certificate)).is_ok())
}

/// Replaces each `from`. Copies the text only if there is one.
fn replaced<'a>(text: Cow<'a, [u8]>, from: &[u8], to: &[u8]) -> Cow<'a, [u8]> {
    if memchr::memmem::find(&text, from).is_none() {
        return text;
    }
    let (mut result, mut rest) = (Vec::with_capacity(text.len()), &*text);
    while let Some(at) = memchr::memmem::find(rest, from) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    result.extend_from_slice(rest);
    Cow::Owned(result)
}

/// Reads the certificates in the files of a directory; `NotFound` if there are none. A file that
/// has several names is read once, and subdirectories are not read.
fn read_directory(path: &Path, deadline: &Deadline) -> io::Result<RootCertStore> {
    let (mut roots, mut problem) = (RootCertStore::empty(), None);
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(path)? {
        deadline.tick()?;
        let file = entry?.path();
        // This follows links, which may be broken.
        let is_new = match fs::metadata(&file) {
            Ok(metadata) => metadata.is_file() && seen.insert((metadata.dev(), metadata.ino())),
            Err(error) if Exhaustion::of(&error).is_some() => return Err(error),
            Err(_) => false,
        };
        if !is_new {
            continue;
        }
        match read_file(&file, deadline) {
            Ok(more) => roots.extend(more.roots),
            Err(error) if Exhaustion::of(&error).is_some() => return Err(error),
            // Other files are allowed next to certificates.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            Err(error) => {
                let message = format!("{}: {error}", quoted_path(&file));
                problem = Some(io::Error::new(error.kind(), message));
            }
        }
    }
    if roots.is_empty() {
        let none = || io::Error::new(io::ErrorKind::NotFound, "contains no certificate");
        return Err(problem.unwrap_or_else(none));
    }
    Ok(roots)
}

impl fmt::Debug for RootStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured(roots) => {
                f.debug_tuple("Configured").field(&roots.description).finish()
            }
            Self::Environment { .. } => f.write_str("Environment"),
            Self::System { .. } => f.write_str("System"),
        }
    }
}

#[cfg(test)]
mod tests;
