//! Certificates and keys that tests upload.

use std::time::{Duration, SystemTime};

/// A new self-signed P-256 certificate and its key.
pub(crate) fn certificate() -> (String, String) {
    let names = ["www.example.com".to_owned(), "example.com".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

/// A new certificate for `name` that expires in `days`, or has expired if negative.
pub(crate) fn certificate_for(name: &str, days: i64) -> (String, String) {
    let mut params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let day = Duration::from_secs(days.unsigned_abs() * 86_400);
    let end = if days < 0 { SystemTime::now() - day } else { SystemTime::now() + day };
    params.not_before = (end - Duration::from_secs(365 * 86_400)).into();
    params.not_after = end.into();
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// A new self-signed certificate of a certificate authority, and its key.
pub(crate) fn authority() -> (String, String) {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let key = rcgen::KeyPair::generate().unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// `rsa.crt` and its key: a certificate with fixed fields.
pub(crate) fn rsa() -> (&'static str, &'static str) {
    (include_str!("../data/keys/rsa.crt"), include_str!("../data/keys/rsa.pkcs8.key"))
}
