//! What an upload is given and what it gives back.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use zeroize::Zeroizing;

use crate::base::error::{Error, ErrorKind};
use crate::base::quote::{quoted, quoted_path};
use crate::inspect;
use crate::service::types::{CertId, Lang};
use crate::service::version::ApiVersion;
use crate::upload::events::{OnConflict, Outcome};

/// A certificate to upload.
#[derive(Clone, Default)]
pub struct Upload {
    pub(crate) name: String,
    /// Wiped as well: a file may hold certificate and key.
    pub(crate) certificate: Zeroizing<Vec<u8>>,
    pub(crate) key: Option<Zeroizing<Vec<u8>>>,
    pub(crate) lang: Option<Lang>,
    pub(crate) source_ip: Option<String>,
    pub(crate) on_conflict: OnConflict,
    pub(crate) reuse_any_name: bool,
    pub(crate) skip_checks: bool,
}

/// Shows no PEM text.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("name", &quoted(&self.name)).finish_non_exhaustive()
    }
}

impl Upload {
    /// Nothing set yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The name that is set; empty at first.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name under which the service keeps it; unique in the account.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// The certificate and its chain, PEM.
    pub fn set_certificate(&mut self, pem: &[u8]) {
        self.certificate = Zeroizing::new(pem.to_owned());
    }

    /// The private key, PEM. The copy is wiped; the caller's is the caller's to wipe.
    pub fn set_key(&mut self, pem: &[u8]) {
        self.key = Some(Zeroizing::new(pem.to_owned()));
    }

    /// Reads the certificate and its chain from a PEM file, now.
    pub fn load_certificate(&mut self, path: &Path) -> Result<(), Error> {
        self.certificate = read_pem(path)?;
        Ok(())
    }

    /// Reads the private key from a PEM file, now.
    pub fn load_key(&mut self, path: &Path) -> Result<(), Error> {
        self.key = Some(read_pem(path)?);
        Ok(())
    }

    /// The language of the service's messages: `zh` or `en`.
    pub fn set_lang(&mut self, lang: &str) -> Result<(), Error> {
        let lang = Lang::parse(lang).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "The language is neither zh nor en.")
        })?;
        self.lang = Some(lang);
        Ok(())
    }

    /// The address of the person on whose behalf the call is made, for the service's audit trail.
    pub fn set_source_ip(&mut self, ip: &str) -> Result<(), Error> {
        if ip.parse::<IpAddr>().is_err() {
            return Err(Error::new(
                ErrorKind::InvalidArgument,
                "The source address is not an IP address.",
            ));
        }
        self.source_ip = Some(ip.to_owned());
        Ok(())
    }

    /// What to do when another certificate has the name.
    pub fn set_on_conflict(&mut self, on_conflict: OnConflict) {
        self.on_conflict = on_conflict;
    }

    /// Whether the same certificate under any other name will do.
    pub fn set_reuse_any_name(&mut self, reuse: bool) {
        self.reuse_any_name = reuse;
    }

    /// Whether to send what the local checks would refuse.
    pub fn set_skip_checks(&mut self, skip: bool) {
        self.skip_checks = skip;
    }
}

/// Largest PEM file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// What a PEM file holds. It is read into a buffer that never grows, so that no copy of a key is left
/// behind; where the size is not known before, as with a pipe, the buffer is as large as a file may be.
fn read_pem(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let shown = quoted_path(path);
    let unreadable = |error| {
        Error::new(ErrorKind::Io, format!("The file {shown} could not be read: {error}.")).with_hint(
            "Give the path of a PEM file that this program's user may read, not the PEM text itself.",
        )
    };
    let mut file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let expected =
        if metadata.is_file() && metadata.len() > 0 { metadata.len() } else { MAX_FILE_BYTES };
    let room = usize::try_from(expected.min(MAX_FILE_BYTES)).unwrap_or(0) + 1;
    let mut bytes = Zeroizing::new(vec![0; room]);
    let mut length = 0;
    while length < bytes.len() {
        match file.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    let refuse = |what: &str, hint: &str| {
        Err(Error::new(ErrorKind::Certificate, format!("The file {shown} {what}.")).with_hint(hint))
    };
    if length == bytes.len() && expected < MAX_FILE_BYTES {
        return refuse("grew while it was read", "Read it again once it is written.");
    }
    if length == bytes.len() {
        return refuse(
            "is larger than 1 MiB",
            "A certificate chain or key has a few kilobytes: check the path.",
        );
    }
    if length == 0 {
        return refuse("is empty", "Check the path, and whether the file was written.");
    }
    bytes.truncate(length);
    let Some(finding) = inspect::not_text(&bytes, &format!("file {shown}")) else {
        return Ok(bytes);
    };
    let message = format!("Nothing was read: {finding}.");
    Err(Error::new(ErrorKind::Certificate, message).with_hint(finding.kind.advice()))
}

/// What is known about a certificate after its upload.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// Its id.
    pub cert_id: CertId,
    /// The name it has at the service.
    pub name: String,
    /// `<CertId>-<region>`, as OSS, CDN and SLB take it.
    pub cert_identifier: String,
    /// The id under which support finds the request.
    pub request_id: Option<String>,
    /// What the upload did.
    pub outcome: Outcome,
    /// The API version that answered.
    pub api: ApiVersion,
    /// How often the certificate was sent, or sending it was tried; 0 where it was there already.
    pub attempts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_pem_are_refused_by_name() {
        let file = |name: &str, content: &[u8]| {
            let path = std::env::temp_dir().join(format!("libcas-{}-{name}", std::process::id()));
            std::fs::write(&path, content).unwrap();
            let read = read_pem(&path);
            std::fs::remove_file(&path).unwrap();
            read
        };
        assert_eq!(*file("pem", "é".as_bytes()).unwrap(), "é".as_bytes());
        let foreign = b"\xc4\xe3-----BEGIN A-----";
        assert_eq!(*file("gbk", foreign).unwrap(), foreign);
        for (name, content) in [
            ("empty", Vec::new()),
            ("der", b"\x30\x82\xff".to_vec()),
            ("large", vec![b'a'; (1 << 20) + 1]),
        ] {
            let error = file(name, &content).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Certificate);
            assert!(error.message().contains(name), "{error}");
        }
        let error = read_pem(Path::new("/nonexistent/cert.pem")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.message().contains("/nonexistent/cert.pem"));
        assert_eq!(read_pem(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::Certificate);
    }

    #[test]
    fn debug_shows_no_key() {
        let mut upload = Upload::new();
        upload.set_key(b"hidden");
        upload.set_certificate(b"hidden");
        upload.set_name("-----BEGIN PRIVATE KEY-----hidden");
        assert!(!format!("{upload:?}").contains("hidden"));
    }
}
