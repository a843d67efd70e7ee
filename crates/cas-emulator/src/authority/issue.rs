//! The certificate of the authority, and those that it issues.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};

use crate::hex;
use crate::hosts::{self, DOMAIN};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long the certificate of an authority is valid, from a day before it was made.
const AUTHORITY_LIFETIME: Duration = DAY.saturating_mul(10 * 365);
/// The same for those that it issues. Clients of some systems accept no more than 825 days.
const LEAF_LIFETIME: Duration = DAY.saturating_mul(365);

/// Names that every certificate has.
const NAMES: [&str; 3] = ["localhost", "cas.aliyuncs.com", "sts.aliyuncs.com"];

pub(super) fn new_key() -> Result<KeyPair, String> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
    key.map_err(|error| format!("failed to make a TLS key: {error}"))
}

/// The common name of the authority with this key: each has its own, so that clients can trust
/// several.
pub(super) fn authority_name(key: &KeyPair) -> String {
    let digest = Sha256::digest(key.subject_public_key_info());
    format!("cas-emulator {}", hex::lower(&digest[..8]))
}

/// The certificate of the authority with this key. It is of no use for names outside of the
/// service's domain, even if its key leaks.
pub(super) fn authority(key: &KeyPair, now: SystemTime) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = name(DnType::CommonName, &authority_name(key));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let permitted = [DOMAIN, "localhost"].map(|name| GeneralSubtree::DnsName(name.to_owned()));
    params.name_constraints =
        Some(NameConstraints { permitted_subtrees: permitted.into(), excluded_subtrees: vec![] });
    set_lifetime(&mut params, now, AUTHORITY_LIFETIME);
    params
}

/// A certificate for the host `name`, for `addresses` and for the usual names. `None` if `name`
/// cannot be in a certificate.
pub(super) fn leaf(
    issuer: &Issuer<'_, KeyPair>,
    key: &KeyPair,
    name_of_host: &str,
    addresses: &[IpAddr],
    now: SystemTime,
) -> Option<CertifiedKey> {
    let mut params = CertificateParams::default();
    // Without a common name, which some clients would check like a host name.
    params.distinguished_name = name(DnType::OrganizationName, "cas-emulator");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let mut sans = Vec::new();
    let mut add = |san: SanType| {
        if !sans.contains(&san) {
            sans.push(san);
        }
    };
    let bare = name_of_host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => add(SanType::IpAddress(address.to_canonical())),
        Err(_) if hosts::is_of_service(bare) => add(SanType::DnsName(bare.try_into().ok()?)),
        Err(_) => {}
    }
    for name in NAMES {
        add(SanType::DnsName(name.try_into().ok()?));
    }
    let loopback: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    for address in loopback.iter().chain(addresses) {
        add(SanType::IpAddress(*address));
    }
    params.subject_alt_names = sans;
    set_lifetime(&mut params, now, LEAF_LIFETIME);
    let certificate = params.signed_by(key, issuer).ok()?;
    let signing_key = PrivateKeyDer::try_from(key.serialized_der()).ok()?;
    let signing_key = rustls::crypto::ring::sign::any_ecdsa_type(&signing_key).ok()?;
    Some(CertifiedKey::new(vec![certificate.der().clone()], Arc::clone(&signing_key)))
}

fn name(kind: DnType, text: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(kind, text);
    name
}

/// From a day before `now`, because the clocks of clients differ.
fn set_lifetime(params: &mut CertificateParams, now: SystemTime, lifetime: Duration) {
    let start = now - DAY;
    params.not_before = start.into();
    params.not_after = (start + lifetime).into();
}
