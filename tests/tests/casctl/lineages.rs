//! Certificates as renewal clients keep them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use acceptance::scratch;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// An authority that issues certificates on P-256 at once.
pub struct Issuer(CertifiedIssuer<'static, KeyPair>);

/// A chain and its key, PEM.
pub struct Pair {
    pub chain: String,
    pub key: String,
}

impl Issuer {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "libcas test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn issue(&self, domain: &str) -> Pair {
        self.issue_in(domain, 2026)
    }

    /// Issues a certificate that is valid from the beginning of a year.
    pub fn issue_in(&self, domain: &str, year: i32) -> Pair {
        self.issue_between(domain, year, 4096)
    }

    /// Issues a certificate that is valid from the beginning of a year to that of another.
    pub fn issue_between(&self, domain: &str, year: i32, end: i32) -> Pair {
        let mut params = CertificateParams::new(vec![domain.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, domain);
        params.use_authority_key_identifier_extension = true;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = rcgen::date_time_ymd(year, 1, 1);
        params.not_after = rcgen::date_time_ymd(end, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Pair { chain: certificate.pem() + &self.0.pem(), key: key.serialize_pem() }
    }
}

fn write(path: PathBuf, text: &str) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

/// A directory of a test, empty.
pub fn directory(name: &str) -> PathBuf {
    let path = scratch("casctl").join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// certbot's: files in `archive`, links in `live`.
pub fn certbot(top: &Path, domain: &str, pair: &Pair) {
    write(top.join("live/README"), "This directory contains your keys and certificates.\n");
    for (file, text) in [("fullchain", &pair.chain), ("privkey", &pair.key)] {
        write(top.join(format!("archive/{domain}/{file}1.pem")), text);
        let live = top.join("live").join(domain);
        fs::create_dir_all(&live).unwrap();
        let target = format!("../../archive/{domain}/{file}1.pem");
        symlink(target, live.join(format!("{file}.pem"))).unwrap();
    }
}

/// acme.sh's.
pub fn acme_sh(top: &Path, domain: &str, suffix: &str, pair: &Pair) {
    let path = top.join(format!("{domain}{suffix}"));
    write(path.join("fullchain.cer"), &pair.chain);
    write(path.join(format!("{domain}.key")), &pair.key);
    write(path.join(format!("{domain}.conf")), "Le_Domain='made for this test'\n");
    write(top.join("account.conf"), "LOG_LEVEL='1'\n");
    fs::create_dir_all(top.join("ca/acme.example")).unwrap();
}

/// lego's.
pub fn lego(top: &Path, domain: &str, pair: &Pair) {
    let file = |kind: &str| top.join("certificates").join(format!("{domain}.{kind}"));
    write(file("crt"), &pair.chain);
    write(file("key"), &pair.key);
    write(file("issuer.crt"), &pair.chain);
    write(file("json"), "{}\n");
}
