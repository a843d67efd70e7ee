//! The certificate authorities that are trusted, and where they come from.

use std::fmt;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls_native_certs::load_certs_from_paths;

use super::Failure;
use crate::error::{Error, ErrorKind, quoted_path};

/// Bundles of the usual distributions. One of these already holds what the directories beside it hold;
/// reading both would double the time of a first call.
const BUNDLES: [&str; 3] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem"];

/// The certificate authorities that are trusted.
pub enum Trust {
    /// Those of a file that the program named, read already.
    Given {
        /// At least one that can be used.
        certificates: Vec<CertificateDer<'static>>,
        /// For messages.
        source: String,
    },
    /// Those of the machine, read when they are needed.
    System {
        /// `SSL_CERT_FILE`, as it was when the client was made.
        file: Option<PathBuf>,
        /// `SSL_CERT_DIR`, likewise; directories separated by colons.
        directories: Vec<PathBuf>,
    },
}

impl Trust {
    /// `SSL_CERT_FILE` and `SSL_CERT_DIR` where they are set, else the system's own store. The environment
    /// is read now and not again: other threads of a C program may be changing it later.
    #[must_use]
    pub fn of_system() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let directories = set("SSL_CERT_DIR").map(|value| std::env::split_paths(&value).collect());
        Self::System {
            file: set("SSL_CERT_FILE").map(PathBuf::from),
            directories: directories.unwrap_or_default(),
        }
    }

    /// The certificates of a PEM file, and no others. Read now, so that a wrong path is found early.
    pub fn of_file(path: &Path) -> Result<Self, Error> {
        let shown = quoted_path(path);
        let text = std::fs::read(path).map_err(|error| {
            Error::new(ErrorKind::Io, format!("The CA file {shown} could not be read: {error}."))
                .with_hint("Give the path of a PEM file that this program may read, not the PEM text itself.")
        })?;
        let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok).collect();
        if store_of(certificates.iter().cloned()).is_empty() {
            let sentence = format!("The CA file {shown} holds no certificate.");
            return Err(Error::new(ErrorKind::InvalidArgument, sentence)
                .with_hint("Give a PEM file with at least one -----BEGIN CERTIFICATE-----."));
        }
        Ok(Self::Given { certificates, source: format!("the CA file {shown}") })
    }

    /// The roots, at least one, and what they are for a message.
    pub(super) fn roots(&self) -> Result<(RootCertStore, String), Failure> {
        let (certificates, source) = match self {
            Self::Given { certificates, source } => (certificates.clone(), source.clone()),
            Self::System { file, directories } => match (file, directories.first()) {
                (None, None) => of_machine(),
                (Some(path), _) | (None, Some(path)) => {
                    let mut certificates = load_certs_from_paths(file.as_deref(), None).certs;
                    for directory in directories {
                        certificates.extend(load_certs_from_paths(None, Some(directory)).certs);
                    }
                    (certificates, format!("{} (from SSL_CERT_FILE or SSL_CERT_DIR)", quoted_path(path)))
                }
            },
        };
        let store = store_of(certificates.into_iter());
        if store.is_empty() {
            return Err(Failure::nowhere(format!("no trusted certificate authority was found in {source}"))
                .with_hint(
                    "Install the system's CA certificates, or name a PEM bundle with SSL_CERT_FILE or \
                     cas_config_set_ca_file.",
                )
                .permanent());
        }
        let shown = format!("{source} with {} certificates", store.len());
        Ok((store, shown))
    }
}

fn store_of(certificates: impl Iterator<Item = CertificateDer<'static>>) -> RootCertStore {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    store
}

fn of_machine() -> (Vec<CertificateDer<'static>>, String) {
    for bundle in BUNDLES {
        let certificates = load_certs_from_paths(Some(Path::new(bundle)), None).certs;
        if !certificates.is_empty() {
            return (certificates, bundle.to_owned());
        }
    }
    (rustls_native_certs::load_native_certs().certs, "the system's certificate store".to_owned())
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Given { source, .. } => f.debug_tuple("Given").field(source).finish(),
            Self::System { .. } => f.write_str("System"),
        }
    }
}
