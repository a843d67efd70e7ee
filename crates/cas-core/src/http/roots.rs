//! The certificate authorities that are trusted, and where they come from.
//!
//! The first of these that is there: a file that the program named; what the environment names; the machine's own
//! store; the Mozilla roots that are built in. Whoever named a store meant it: nothing wider stands in for one of no use.
//! Of the machine's own places, the first of use counts; the built-in roots only where none of them is there.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fmt, fs, io};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted_path;
use crate::http::failure::TransportError;

/// Where systems have all their roots in one file.
const BUNDLES: [&str; 17] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Gentoo, Arch, Alpine, NixOS, OpenWrt
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
    "/etc/pki/tls/certs/ca-bundle.crt",   // older ones of these
    "/var/lib/ca-certificates/ca-bundle.pem", // SUSE
    "/etc/ssl/ca-bundle.pem",             // older SUSE
    "/etc/ssl/certs/ca-bundle.crt",       // NixOS
    "/etc/ca-certificates/extracted/tls-ca-bundle.pem", // Arch
    "/etc/ssl/cert.pem",                  // Alpine, FreeBSD, OpenBSD
    "/etc/pki/tls/cacert.pem",            // OpenELEC
    "/opt/etc/ssl/certs/ca-certificates.crt", // Entware
    "/usr/local/etc/ssl/cert.pem",        // FreeBSD
    "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD, DragonFly BSD
    "/usr/local/ssl/cert.pem",            // OpenSSL as it installs itself
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD
    "/etc/certs/ca-certificates.crt",     // Solaris, illumos
    "/etc/ssl/cacert.pem",                // OmniOS
    "/etc/ssl/certs/cacert.pem",          // OpenHarmony
];

/// Where systems have a file for each root. Read where there is no bundle, which would hold the same.
const DIRECTORIES: [&str; 8] = [
    "/etc/ssl/certs",               // most
    "/etc/pki/tls/certs",           // Fedora, RHEL
    "/var/lib/ca-certificates/pem", // SUSE
    "/usr/local/share/certs",       // FreeBSD
    "/usr/local/ssl/certs",         // OpenSSL as it installs itself
    "/etc/openssl/certs",           // NetBSD
    "/etc/certs/CA",                // Solaris, illumos
    "/etc/security/certificates",   // OpenHarmony
];

/// The certificate authorities that are trusted.
pub(crate) enum RootStore {
    /// Those of a file that the program named, read already.
    File {
        /// At least one.
        roots: RootCertStore,
        /// For messages.
        source: String,
    },
    /// Those that the environment names, read when they are needed.
    Environment {
        /// `SSL_CERT_FILE`, as it was when the client was made.
        file: Option<PathBuf>,
        /// `SSL_CERT_DIR`, likewise; directories separated by colons.
        directories: Vec<PathBuf>,
    },
    /// Those of the machine, read when they are needed; where it has none, those that are built in.
    System,
}

/// Roots that were read, at least one.
pub(crate) struct LoadedRoots {
    pub(crate) store: Arc<RootCertStore>,
    /// Where they come from and how many they are.
    pub(crate) shown: String,
    /// How another one is added.
    pub(crate) remedy: &'static str,
}

impl LoadedRoots {
    fn new(mut store: RootCertStore, source: &str, remedy: &'static str) -> Self {
        let mut each = Vec::with_capacity(store.len());
        for root in store.roots {
            if !each.contains(&root) {
                each.push(root);
            }
        }
        store.roots = each;
        let plural = if store.len() == 1 { "" } else { "s" };
        let shown = format!("{source}; {} root{plural}", store.len());
        Self { store: Arc::new(store), shown, remedy }
    }
}

impl RootStore {
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` where they are set, else the machine's own store. The environment
    /// is read now and not again: other threads of a C program may be changing it later.
    #[must_use]
    pub(crate) fn from_env() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        match (set("SSL_CERT_FILE"), set("SSL_CERT_DIR")) {
            (None, None) => Self::System,
            (file, directories) => Self::Environment {
                file: file.map(PathBuf::from),
                directories: directories.iter().flat_map(std::env::split_paths).collect(),
            },
        }
    }

    /// The certificates of a PEM file, and no others. Read now, so that a wrong path is found early.
    pub(crate) fn from_file(path: &Path) -> Result<Self, Error> {
        let shown = quoted_path(path);
        let roots = read_file(path).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                let sentence = format!("The CA file {shown} is of no use: {error}.");
                Error::new(ErrorKind::InvalidArgument, sentence)
                    .with_hint("Give a PEM file with at least one -----BEGIN CERTIFICATE-----.")
            }
            _ => Error::new(
                ErrorKind::Io,
                format!("The CA file {shown} could not be read: {error}."),
            )
            .with_hint(
                "Give the path of a PEM file that this program may read, not the PEM text itself.",
            ),
        })?;
        Ok(Self::File { roots, source: format!("the CA file {shown}") })
    }

    /// The roots, read if they were not yet.
    pub(crate) fn roots(&self) -> Result<LoadedRoots, TransportError> {
        match self {
            Self::File { roots, source } => Ok(LoadedRoots::new(
                roots.clone(),
                source,
                "add its certificate to the CA file, without which no other root counts",
            )),
            Self::Environment { file, directories } => {
                read_environment(file.as_deref(), directories)
            }
            Self::System => read_system(&BUNDLES, &DIRECTORIES),
        }
    }
}

/// What the environment names and nothing else. A file must be of use; of the directories, one must be where no file
/// is named: `SSL_CERT_DIR` is a list, and whoever wants the file alone points it at nothing.
fn read_environment(
    file: Option<&Path>,
    directories: &[PathBuf],
) -> Result<LoadedRoots, TransportError> {
    let (mut store, mut sources, mut problems) = (RootCertStore::empty(), Vec::new(), Vec::new());
    let file = file.map(|path| (path, "SSL_CERT_FILE", read_file as Reader));
    let directories =
        directories.iter().map(|path| (path.as_path(), "SSL_CERT_DIR", read_directory as Reader));
    let mut of_use = true;
    for (path, variable, read) in file.into_iter().chain(directories) {
        let place = format!("{} ({variable})", quoted_path(path));
        match read(path) {
            Ok(more) => {
                store.extend(more.roots);
                sources.push(place);
            }
            Err(error) => {
                of_use &= variable == "SSL_CERT_DIR";
                problems.push(format!("{place}: {error}"));
            }
        }
    }
    if !of_use || store.is_empty() {
        return Err(no_roots(
            &problems,
            "Correct SSL_CERT_FILE or SSL_CERT_DIR: while one of them is set, no other root counts.",
        ));
    }
    let mut source = sources.join(" and ");
    if !problems.is_empty() {
        source = format!("{source}, without {}", problems.join("; "));
    }
    let remedy = "add its certificate to what SSL_CERT_FILE or SSL_CERT_DIR names, or name its PEM bundle with \
                  cas_config_set_ca_file";
    Ok(LoadedRoots::new(store, &source, remedy))
}

/// The first of these places that is of use; what is built in where none of them is there.
fn read_system(bundles: &[&str], directories: &[&str]) -> Result<LoadedRoots, TransportError> {
    let remedy = "name its PEM bundle with SSL_CERT_FILE or cas_config_set_ca_file";
    let bundles = bundles.iter().map(|path| (path, read_file as Reader));
    let directories = directories.iter().map(|path| (path, read_directory as Reader));
    let mut problems = Vec::new();
    for (path, read) in bundles.chain(directories) {
        match read(Path::new(path)) {
            Ok(roots) => {
                return Ok(LoadedRoots::new(roots, &format!("the system's {path}"), remedy));
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) => {}
            Err(error) => problems.push(format!("the system's {path}: {error}")),
        }
    }
    if !problems.is_empty() {
        return Err(no_roots(
            &problems,
            "Repair the system's CA certificates, or name a PEM bundle with SSL_CERT_FILE or cas_config_set_ca_file.",
        ));
    }
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let source = "the Mozilla roots built into libcas, as this machine has no store";
    Ok(LoadedRoots::new(roots, source, remedy))
}

fn no_roots(problems: &[String], hint: &str) -> TransportError {
    let what = format!("no trusted certificate authority was found in {}", problems.join("; "));
    TransportError::not_sent(what).with_hint(hint).permanent()
}

/// Reads a place; `Ok` holds at least one root.
type Reader = fn(&Path) -> io::Result<RootCertStore>;

/// The certificates of a PEM file; `InvalidData` where it has none. What is damaged beside others is passed over, as
/// everywhere.
fn read_file(path: &Path) -> io::Result<RootCertStore> {
    let text = fs::read(path)?;
    let (mut roots, mut damaged) = (RootCertStore::empty(), false);
    for certificate in CertificateDer::pem_slice_iter(&text) {
        damaged |= !certificate.is_ok_and(|certificate| roots.add(certificate).is_ok());
    }
    if roots.is_empty() {
        let why = if damaged {
            "none of its certificates can be read"
        } else {
            "it holds no certificate"
        };
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    Ok(roots)
}

/// The certificates of a directory's files, each once under however many names; `NotFound` where it has none.
fn read_directory(path: &Path) -> io::Result<RootCertStore> {
    let (mut roots, mut problem) = (RootCertStore::empty(), None);
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(path)? {
        let file = entry?.path();
        // A link may lead nowhere, and a directory is not gone into.
        let is_new = fs::metadata(&file).is_ok_and(|metadata| {
            metadata.is_file() && seen.insert((metadata.dev(), metadata.ino()))
        });
        if !is_new {
            continue;
        }
        match read_file(&file) {
            Ok(more) => roots.extend(more.roots),
            // Anything may stand in a directory.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
            Err(error) => {
                problem =
                    Some(io::Error::new(error.kind(), format!("{}: {error}", quoted_path(&file))));
            }
        }
    }
    if roots.is_empty() {
        let nothing = || io::Error::new(io::ErrorKind::NotFound, "it holds no certificate");
        return Err(problem.unwrap_or_else(nothing));
    }
    Ok(roots)
}

impl fmt::Debug for RootStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { source, .. } => f.debug_tuple("File").field(source).finish(),
            Self::Environment { .. } => f.write_str("Environment"),
            Self::System => f.write_str("System"),
        }
    }
}

#[cfg(test)]
mod tests;
