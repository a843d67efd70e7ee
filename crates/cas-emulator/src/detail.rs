//! `DescribeUserCertificateDetail` of version 2018-07-13 and `GetUserCertificateDetail` of version 2020-04-07.

use std::time::SystemTime;

use crate::answer::{Fields, Value};
use crate::certificate::{self, Link};
use crate::clock;
use crate::errors::{self, ApiError};
use crate::operation::Call;
use crate::store::{Found, StoredCertificate};

pub(crate) fn describe_user_certificate_detail(call: &Call<'_>) -> Result<Fields, ApiError> {
    let found = find(call)?;
    let stored = &found.certificate;
    let mut fields =
        vec![("Id", stored.cert_id.into()), ("Common", stored.common_name.as_str().into())];
    fields.extend(common(stored, call.now));
    fields.push(("BuyInAliyun", false.into()));
    fields.extend(secrets(&found));
    fields.push(("RequestId", call.request_id.into()));
    Ok(fields)
}

pub(crate) fn get_user_certificate_detail(call: &Call<'_>) -> Result<Fields, ApiError> {
    // Official SDKs write booleans in lower case or as Python does.
    let words = [("true", true), ("false", false), ("True", true), ("False", false)];
    let filter = call.one_of("CertFilter", false, &words)?;
    let found = find(call)?;
    let stored = &found.certificate;
    let mut fields =
        vec![("Id", stored.cert_id.into()), ("Common", stored.common_name.as_str().into())];
    fields.extend(common(stored, call.now));
    fields.extend([
        ("Sha2", stored.sha256.as_str().into()),
        ("CertSha2", stored.sha256.as_str().into()),
        ("SerialNo", stored.serial.as_str().into()),
        ("Algorithm", stored.algorithm.as_str().into()),
        ("NotBefore", clock::millis(stored.not_before).into()),
        ("NotAfter", clock::millis(stored.not_after).into()),
        ("BuyInAliyun", false.into()),
        ("OrderId", 0.into()),
        ("InstanceId", stored.resource_id().into()),
        ("ResourceGroupId", stored.resource_group_id.as_str().into()),
        ("CertIdentifier", format!("{}-{}", stored.cert_id, call.region).into()),
        ("CertChain", chain(stored, call.now)),
        ("Tags", tags(stored)),
    ]);
    if !filter {
        fields.extend(secrets(&found));
        // Only certificates with two pairs of keys have these.
        let pairs = ["EncryptCert", "EncryptPrivateKey", "SignCert", "SignPrivateKey"];
        fields.extend(pairs.map(|name| (name, "".into())));
    }
    fields.push(("RequestId", call.request_id.into()));
    Ok(fields)
}

fn find(call: &Call<'_>) -> Result<Found, ApiError> {
    call.store.find(call.cert_id()?)?.ok_or((&errors::NOT_FOUND).into())
}

/// What details of both versions and lists of the later one call by the same names.
pub(crate) fn common(stored: &StoredCertificate, now: SystemTime) -> Fields {
    vec![
        ("Name", stored.name.as_str().into()),
        ("Sans", stored.sans.join(",").into()),
        ("Fingerprint", stored.sha1.as_str().into()),
        ("Issuer", stored.issuer.as_str().into()),
        ("OrgName", stored.organization.as_str().into()),
        ("City", stored.city.as_str().into()),
        ("Province", stored.province.as_str().into()),
        ("Country", stored.country.as_str().into()),
        ("StartDate", clock::day(stored.not_before).into()),
        ("EndDate", clock::day(stored.not_after).into()),
        ("Expired", stored.expired(now).into()),
    ]
}

fn secrets(found: &Found) -> Fields {
    let mut fields = vec![("Cert", found.certificate.cert_pem.as_str().into())];
    fields.extend(found.key.as_ref().map(|key| ("Key", key.as_str().into())));
    fields
}

fn chain(stored: &StoredCertificate, now: SystemTime) -> Value {
    let link = |link: Link| {
        let left = clock::time(link.not_after).duration_since(now).unwrap_or_default();
        vec![
            ("CommonName", link.common_name.into()),
            ("IssuerCommonName", link.issuer.into()),
            ("NotBefore", (link.not_before * 1000).into()),
            ("NotAfter", (link.not_after * 1000).into()),
            ("RemainDay", i64::try_from(left.as_secs() / 86_400).unwrap_or(i64::MAX).into()),
        ]
    };
    // It could be read when it was stored.
    let links = certificate::chain(&stored.cert_pem).unwrap_or_default();
    Value::List(links.into_iter().map(link).collect())
}

/// Tags go in as `Key` and `Value` and come out under these names.
fn tags(stored: &StoredCertificate) -> Value {
    let tag = |(key, value): &(String, String)| {
        vec![("TagKey", key.as_str().into()), ("TagValue", value.as_str().into())]
    };
    Value::List(stored.tags.iter().map(tag).collect())
}
