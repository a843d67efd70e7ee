//! The input of an upload and its receipt. Uses `inspect` to check that a file is text.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::file;
use crate::base::quote::{quoted, quoted_path};
use crate::base::refusals::Refusals;
use crate::inspect;
use crate::inspect::{AllowedFindings, Inspection};
use crate::pkcs12;
use crate::pkcs12::Identity;
use crate::service::types::{CertId, Lang};
use crate::service::version::ApiVersion;
use crate::upload::events::{OnConflict, Outcome};

/// A certificate to upload.
///
/// After an error of a setter or loader, nothing is sent until a valid value is set: an upload
/// would send what was set before.
#[derive(Clone, Default)]
pub struct Upload {
    pub(crate) name: String,
    /// Zeroized as well: a file may hold both certificate and key.
    pub(crate) certificate: Zeroizing<Vec<u8>>,
    pub(crate) key: Option<Zeroizing<Vec<u8>>>,
    /// Certificate and key above are the signing pair then.
    pub(crate) sm2_encryption: Option<EncryptionPair>,
    pub(crate) lang: Option<Lang>,
    pub(crate) source_ip: Option<String>,
    pub(crate) on_conflict: OnConflict,
    pub(crate) reuse_any_name: bool,
    pub(crate) skip_checks: bool,
    pub(crate) allowed: AllowedFindings,
    /// `None` for the client's.
    pub(crate) timeout: Option<Duration>,
    refusals: Refusals,
}

/// The encryption certificate of SM2 double certificates, and its key: PEM.
#[derive(Clone)]
pub(crate) struct EncryptionPair {
    pub(crate) certificate: Zeroizing<Vec<u8>>,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// Prints no PEM text.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload").field("name", &quoted(&self.name)).finish_non_exhaustive()
    }
}

impl Upload {
    /// Creates an upload with nothing set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the name; empty if none is set.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets the name of the certificate at the service, unique in the account.
    pub fn set_name(&mut self, name: &str) {
        name.clone_into(&mut self.name);
    }

    /// Sets the name that the certificate itself suggests: its common name, or its first subject
    /// alternative name if it has none, and the first eight digits of its SHA-256 fingerprint, such
    /// as `_.example.com-8678b925`. A renewed certificate has another one. It is at most 63
    /// characters long, which the service documents as the limit.
    ///
    /// Set the certificate first. Fails with the findings if libcas cannot read it.
    pub fn set_suggested_name(&mut self) -> Result<(), Error> {
        self.check()?;
        let inspection = self.inspect();
        let Some(facts) = &inspection.facts else {
            let unnamed = || Error::new(ErrorKind::InvalidArgument, "The certificate is missing.");
            let refusal = inspection.refusal("the certificate", AllowedFindings::default());
            return Err(refusal.unwrap_or_else(unnamed));
        };
        self.name = inspect::suggested_name(facts);
        Ok(())
    }

    /// Inspects the certificate and, if it is set, the key, with this machine's clock.
    #[must_use]
    pub fn inspect(&self) -> Inspection {
        inspect::inspect_now(&self.certificate, self.key.as_ref().map(|key| &key[..]))
    }

    /// Sets the certificate chain, PEM of at most 2 MiB. The bytes are copied.
    pub fn set_certificate(&mut self, pem: &[u8]) -> Result<(), Error> {
        let copied = inspect::copied("certificate", pem);
        self.certificate = self.refusals.accept("cas_request_set_cert_pem", copied)?;
        Ok(())
    }

    /// Sets the private key, PEM of at most 2 MiB. The bytes are copied; the copy is zeroized on
    /// drop, the caller's bytes are not.
    pub fn set_key(&mut self, pem: &[u8]) -> Result<(), Error> {
        let copied = inspect::copied("key", pem);
        self.key = Some(self.refusals.accept("cas_request_set_key_pem", copied)?);
        Ok(())
    }

    /// Makes it an upload of SM2 double certificates: certificate and key are the signing pair, and
    /// these are the encryption pair, PEM of at most 2 MiB each. The bytes are copied; the copies
    /// are zeroized on drop.
    pub fn set_sm2_encryption(&mut self, certificate: &[u8], key: &[u8]) -> Result<(), Error> {
        let copied =
            inspect::copied("encryption certificate", certificate).and_then(|certificate| {
                let key = inspect::copied("key of the encryption certificate", key)?;
                Ok(EncryptionPair { certificate, key })
            });
        let pair = self.refusals.accept("cas_request_set_sm2_encryption", copied)?;
        self.sm2_encryption = Some(pair);
        Ok(())
    }

    /// Reads the certificate chain from a PEM file of at most 1 MiB, now.
    pub fn load_certificate(&mut self, path: &Path) -> Result<(), Error> {
        let read = read_pem(path);
        self.certificate = self.refusals.accept("cas_request_load_cert_file", read)?;
        Ok(())
    }

    /// Reads the private key from a PEM file of at most 1 MiB, now.
    pub fn load_key(&mut self, path: &Path) -> Result<(), Error> {
        let read = read_pem(path);
        self.key = Some(self.refusals.accept("cas_request_load_key_file", read)?);
        Ok(())
    }

    /// Sets the certificate, its chain and the private key from PKCS#12 of at most 2 MiB. What is
    /// read is zeroized on drop; the caller's bytes are not.
    pub fn set_pkcs12(&mut self, data: &[u8], password: Option<&str>) -> Result<(), Error> {
        let read = inspect::check_size("PKCS#12 data", data)
            .and_then(|()| pkcs12::read("The PKCS#12 data", data, password));
        self.accept("cas_request_set_pkcs12", read)
    }

    /// Reads the certificate, its chain and the private key from a PKCS#12 file of at most 1 MiB,
    /// now.
    pub fn load_pkcs12(&mut self, path: &Path, password: Option<&str>) -> Result<(), Error> {
        let advice = "Give the path of a PKCS#12 file that this program may read.";
        let read = read_file(path, advice).and_then(|data| {
            pkcs12::read(&format!("The file {}", quoted_path(path)), &data, password)
        });
        self.accept("cas_request_load_pkcs12_file", read)
    }

    fn accept(&mut self, setter: &'static str, read: Result<Identity, Error>) -> Result<(), Error> {
        let Identity { certificates, keys } = self.refusals.accept(setter, read)?;
        self.certificate = certificates;
        self.key = Some(keys);
        Ok(())
    }

    /// Sets the language of the service's messages: `zh` or `en`.
    pub fn set_lang(&mut self, lang: &str) -> Result<(), Error> {
        let lang = Lang::parse(lang).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, "Invalid language: must be zh or en.")
        });
        self.lang = Some(self.refusals.accept("cas_request_set_lang", lang)?);
        Ok(())
    }

    /// Sets the IP address of the person on whose behalf the call is made, for the service's audit
    /// trail.
    pub fn set_source_ip(&mut self, ip: &str) -> Result<(), Error> {
        let checked = ip.parse::<IpAddr>().map_err(|_| {
            let message = "Invalid source address: must be an IP address.";
            Error::new(ErrorKind::InvalidArgument, message)
        });
        self.refusals.accept("cas_request_set_source_ip", checked)?;
        self.source_ip = Some(ip.to_owned());
        Ok(())
    }

    /// Sets what to do if the name is taken.
    pub fn set_on_conflict(&mut self, on_conflict: OnConflict) {
        self.on_conflict = on_conflict;
    }

    /// Sets whether the same certificate under any other name counts as stored.
    pub fn set_reuse_any_name(&mut self, reuse: bool) {
        self.reuse_any_name = reuse;
    }

    /// Sets whether to skip the local checks and send the input as it is.
    pub fn set_skip_checks(&mut self, skip: bool) {
        self.skip_checks = skip;
    }

    /// Allows a refused finding by its identifier: the upload continues in spite of it. Fails for
    /// an unknown identifier, and for a finding that cannot be allowed (docs/findings.md).
    pub fn allow_finding(&mut self, id: &str) -> Result<(), Error> {
        let kind = self.refusals.accept("cas_request_allow_finding", inspect::allowable(id))?;
        self.allowed.add(kind);
        Ok(())
    }

    /// Sets how long this upload may take, including all attempts and delays. `None` means as long
    /// as any call of the client.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// Records whether `setter`, a C function, set its value. After a failure, of any kind, nothing
    /// is sent until it succeeds.
    pub fn record(&mut self, setter: &'static str, set: Result<(), Error>) -> Result<(), Error> {
        self.refusals.accept(setter, set)
    }

    /// Fails if a value was refused and not set right: with the error of the first one.
    pub fn check(&self) -> Result<(), Error> {
        self.refusals.check()
    }
}

/// Reads a PEM file.
fn read_pem(path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = read_file(
        path,
        "Give the path of a PEM file that this program may read, not the PEM text itself.",
    )?;
    let Some(finding) = inspect::not_text(&bytes, &format!("file {}", quoted_path(path))) else {
        return Ok(bytes);
    };
    let message = format!("Nothing was read: {finding}.");
    Err(Error::new(ErrorKind::Certificate, message).with_hint(finding.kind.advice()))
}

/// Reads a file, which may hold a key, without leaving a copy of it behind. `advice` is the hint if
/// it cannot be read.
fn read_file(path: &Path, advice: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    let shown = quoted_path(path);
    let refuse = |what: &str, hint: &str| {
        Err(Error::new(ErrorKind::Certificate, format!("The file {shown} {what}.")).with_hint(hint))
    };
    let limit = Deadline::after(file::PIPE_TIME);
    let file::Contents { bytes, grew } = match file::read(path, file::MAX_BYTES, &limit) {
        Ok(contents) => contents,
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
            return refuse(
                "is larger than 1 MiB",
                "Check the path: a certificate chain or private key has a few kilobytes.",
            );
        }
        Err(error) => {
            return Err(file::read_error(&format!("the file {shown}"), &error, advice));
        }
    };
    if grew {
        return refuse("grew while libcas read it", "Read it again once it is written.");
    }
    if bytes.is_empty() {
        return refuse("is empty", "Check the path, and that the file was written.");
    }
    Ok(bytes)
}

/// The result of a successful upload.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The certificate's ID.
    pub cert_id: CertId,
    /// Its name at the service.
    pub name: String,
    /// `<CertId>-<region>`, as OSS, CDN and SLB expect it.
    pub cert_identifier: String,
    /// The RequestId, by which Alibaba Cloud's support finds the request.
    pub request_id: Option<String>,
    /// What the upload did.
    pub outcome: Outcome,
    /// The API version of the response.
    pub api: ApiVersion,
    /// Attempts to send the certificate; 0 if it was stored already.
    pub attempts: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_not_pem_are_refused_by_name() {
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
        assert_eq!(read_pem(Path::new("/dev/zero")).unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn a_refused_value_stays_refused_until_it_is_set_right() {
        let mut upload = Upload::new();
        let is_refused_by = |upload: &Upload, setter: &str| {
            upload.check().is_err_and(|error| error.message().starts_with(setter))
        };
        let nowhere = Path::new("/nonexistent");
        upload.set_certificate(b"before").unwrap();
        upload.load_certificate(nowhere).unwrap_err();
        assert_eq!(upload.check().unwrap_err().kind(), ErrorKind::Io);
        assert!(is_refused_by(&upload, "cas_request_load_cert_file: Failed to read"));
        upload.load_key(nowhere).unwrap_err();
        upload.set_certificate(b"after").unwrap();
        assert!(is_refused_by(&upload, "cas_request_load_key_file: "));
        upload.set_key(b"after").unwrap();
        upload.set_lang("de").unwrap_err();
        assert!(is_refused_by(&upload, "cas_request_set_lang: "));
        upload.set_lang("zh").unwrap();
        upload.set_source_ip("here").unwrap_err();
        assert!(is_refused_by(&upload, "cas_request_set_source_ip: "));
        upload.set_source_ip("::1").unwrap();
        upload.check().unwrap();
    }

    #[test]
    fn debug_prints_no_key() {
        let mut upload = Upload::new();
        upload.set_key(b"hidden").unwrap();
        upload.set_certificate(b"hidden").unwrap();
        upload.set_sm2_encryption(b"hidden", b"hidden").unwrap();
        upload.set_name("-----BEGIN PRIVATE KEY-----hidden");
        assert!(!format!("{upload:?}").contains("hidden"));
    }
}
