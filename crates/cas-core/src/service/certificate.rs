//! A certificate as the service describes it, in the lists and details of both versions.
//!
//! The operations name the same fields differently: see docs/service.md, Operations.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::protocol::fields::{Text, parse, scalar};
use crate::service::types::CertId;

/// What the service says about a certificate. A text is empty if the service does not give it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "CertificateFields")]
pub struct Certificate {
    /// The certificate's ID.
    pub id: CertId,
    /// Its name in the account.
    pub name: String,
    /// Common name of the subject.
    pub common_name: String,
    /// Subject alternative names, separated by commas.
    pub sans: String,
    /// The issuer.
    pub issuer: String,
    /// SHA-1 fingerprint of the leaf, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// SHA-256 fingerprint of the leaf, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// First day of its validity, `YYYY-MM-DD`.
    pub not_before: String,
    /// Last day of its validity, `YYYY-MM-DD`.
    pub not_after: String,
    /// Whether it has expired, as the service sees it.
    pub expired: bool,
    /// The certificate chain, PEM; of SM2 double certificates, that of the signing certificate.
    /// Empty in lists.
    pub pem: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.id).finish()
    }
}

/// A certificate in the names of every operation; the ID has a name of its own in each.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct CertificateFields {
    certificate_id: Option<Text>,
    cert_id: Option<Text>,
    id: Option<Text>,
    name: Text,
    #[serde(deserialize_with = "scalar")]
    common: Option<Text>,
    #[serde(deserialize_with = "scalar")]
    common_name: Option<Text>,
    #[serde(rename = "common", deserialize_with = "scalar")]
    common_in_lists: Option<Text>,
    sans: Text,
    issuer: Text,
    fingerprint: Text,
    sha2: Text,
    start_date: Text,
    end_date: Text,
    expired: Text,
    cert: Text,
    sign_cert: Text,
}

impl TryFrom<CertificateFields> for Certificate {
    type Error = &'static str;

    /// Fails without an ID: an order whose certificate is not issued yet.
    fn try_from(fields: CertificateFields) -> Result<Self, Self::Error> {
        let id = fields.certificate_id.or(fields.cert_id).or(fields.id);
        let id = id.and_then(|id| id.integer()).and_then(CertId::new);
        let common = fields.common.or(fields.common_name).or(fields.common_in_lists);
        // `Cert` is empty for SM2 double certificates.
        let pem = [fields.cert, fields.sign_cert].into_iter().find(|pem| !pem.as_str().is_empty());
        let (first, second) = (digits(fields.fingerprint.as_str()), digits(fields.sha2.as_str()));
        let of_length = |length| {
            let mut found = [&second, &first].into_iter().filter(|digits| digits.len() == length);
            found.next().cloned().unwrap_or_default()
        };
        Ok(Self {
            id: id.ok_or("missing certificate ID")?,
            name: fields.name.into_string(),
            common_name: common.unwrap_or_default().into_string(),
            sans: fields.sans.into_string(),
            issuer: fields.issuer.into_string(),
            sha1: of_length(SHA1_DIGITS),
            sha256: of_length(SHA256_DIGITS),
            not_before: fields.start_date.into_string(),
            not_after: fields.end_date.into_string(),
            expired: fields.expired.as_str() == "true",
            pem: pem.unwrap_or_default().into_string(),
        })
    }
}

const SHA1_DIGITS: usize = 40;
const SHA256_DIGITS: usize = 64;

/// What fingerprints may begin with, in any case, as openssl and other tools print them.
const PREFIXES: [&str; 6] = ["sha256", "sha-256", "sha1", "sha-1", "fingerprint", "="];

/// The digits of a fingerprint, in upper case. Empty for any other text: it must not look like
/// the fingerprint of another certificate.
fn digits(text: &str) -> String {
    let mut rest = text.trim();
    let separator = |c: char| c == ':' || c.is_whitespace();
    while let Some(prefix) = PREFIXES.iter().find(|prefix| {
        rest.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }) {
        rest = rest[prefix.len()..].trim_start_matches(separator);
    }
    let digits: String = rest.chars().filter(|c| !separator(*c)).collect();
    let is_fingerprint = matches!(digits.len(), SHA1_DIGITS | SHA256_DIGITS)
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_fingerprint { digits.to_ascii_uppercase() } else { String::new() }
}

/// One page of a list.
#[derive(Debug, Deserialize)]
#[serde(try_from = "PageFields")]
pub(crate) struct Page {
    /// How many entries all pages have, if the response says so.
    pub total: Option<usize>,
    /// How many entries this page has, including those without a certificate.
    pub entries: usize,
    /// How many entries a page has, if the response says so.
    pub size: Option<usize>,
    /// The certificates of this page.
    pub certificates: Vec<Certificate>,
    /// The names of the entries whose certificate ID cannot be read.
    pub unreadable: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct PageFields {
    total_count: Text,
    show_size: Text,
    certificate_order_list: Value,
    certificate_list: Value,
}

impl TryFrom<PageFields> for Page {
    type Error = &'static str;

    fn try_from(fields: PageFields) -> Result<Self, Self::Error> {
        let number = |text: &Text| text.integer().and_then(|number| number.try_into().ok());
        let (total, size) = (number(&fields.total_count), number(&fields.show_size));
        let list = match (fields.certificate_order_list, fields.certificate_list) {
            (Value::Null, list) | (list, _) => list,
        };
        // In XML, a list of one is an element, and an empty list is empty text.
        let entries = match list {
            Value::Array(entries) => entries,
            entry @ Value::Object(_) => vec![entry],
            // A total without a list says nothing about its entries.
            Value::Null if total == Some(0) => Vec::new(),
            Value::String(empty) if empty.is_empty() => Vec::new(),
            _ => return Err("missing certificate list"),
        };
        let mut page =
            Self { total, size, entries: entries.len(), certificates: vec![], unreadable: vec![] };
        for entry in entries {
            let name = entry.get("Name").or_else(|| entry.get("name")).and_then(Value::as_str);
            let name = name.unwrap_or_default().to_owned();
            match parse(entry) {
                Ok(certificate) => page.certificates.push(certificate),
                Err(_) => page.unreadable.push(name),
            }
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const SHA1: &str = "ABABABABABABABABABABABABABABABABABABABAB";
    const SHA256: &str = "CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD";

    fn certificate(fields: Value) -> Certificate {
        parse(fields).unwrap()
    }

    #[test]
    fn a_certificate_is_read_in_the_names_of_every_operation() {
        let list_2018 = json!({
            "id": 7, "name": "n", "common": "c", "sans": "a,b", "fingerprint": "ab".repeat(20),
            "issuer": "i", "startDate": "2026-01-02", "endDate": "2027-01-02", "expired": true,
        });
        let list_2020 = json!({
            "CertificateId": "7", "Name": "n", "CommonName": "c", "Sans": "a,b",
            "Fingerprint": SHA1, "Issuer": "i", "StartDate": "2026-01-02",
            "EndDate": "2027-01-02", "Expired": "true", "OrderId": 5,
        });
        let detail = json!({
            "Id": 7, "Name": "n", "Common": "c", "Sans": "a,b", "Fingerprint": SHA1,
            "Issuer": "i", "StartDate": "2026-01-02", "EndDate": "2027-01-02", "Expired": true,
        });
        let one = certificate(list_2018);
        let texts = [&one.name, &one.common_name, &one.sans, &one.issuer, &one.sha1];
        assert_eq!(texts, ["n", "c", "a,b", "i", SHA1]);
        let dates = [&one.not_before, &one.not_after];
        assert_eq!(
            (one.id.get(), one.expired, dates),
            (7, true, ["2026-01-02", "2027-01-02"].map(str::to_owned).each_ref())
        );
        assert!(one == certificate(list_2020) && one == certificate(detail));
        let one = certificate(json!({"Id": 7, "Sha2": SHA256, "Cert": "PEM", "Expired": false}));
        assert_eq!((one.sha256.as_str(), one.pem.as_str(), one.expired), (SHA256, "PEM", false));
        let double = json!({"Id": 7, "Cert": "", "SignCert": "SIGN", "EncryptCert": "ENCRYPT"});
        assert_eq!(certificate(double).pem, "SIGN");
        assert_eq!(certificate(json!({"Id": 7, "Cert": "PEM", "SignCert": ""})).pem, "PEM");
    }

    #[test]
    fn only_a_whole_fingerprint_counts() {
        let with_colons = |digits: &str| -> String {
            let pairs = digits.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap());
            pairs.collect::<Vec<_>>().join(":")
        };
        for digits in [SHA1, SHA256] {
            for text in [
                digits.to_owned(),
                digits.to_ascii_lowercase(),
                with_colons(digits),
                format!(" {} ", with_colons(digits).replace(':', " ")),
                format!("SHA1:{digits}"),
                format!("sha256 Fingerprint={}", with_colons(digits)),
                format!("SHA-1 fingerprint: {digits}"),
            ] {
                for field in ["Fingerprint", "Sha2"] {
                    let one = certificate(json!({"Id": 7, field: text}));
                    let expected = if digits == SHA1 { (SHA1, "") } else { ("", SHA256) };
                    assert_eq!((one.sha1.as_str(), one.sha256.as_str()), expected, "{text}");
                }
            }
        }
        for text in [
            "",
            "AA",
            "unknown",
            &SHA1[1..],
            &format!("{SHA1}A"),
            &format!("{SHA1}{SHA1}"),
            &SHA1.replace('A', "G"),
            &SHA1.replace('A', "-"),
            &format!("md5:{SHA1}"),
            &format!("0x{SHA1}"),
            "sha1:",
        ] {
            let one = certificate(json!({"Id": 7, "Fingerprint": text, "Sha2": text}));
            assert_eq!((one.sha1.as_str(), one.sha256.as_str()), ("", ""), "{text}");
        }
    }

    #[test]
    fn a_certificate_needs_a_positive_id() {
        for fields in [
            json!({"Name": "an order"}),
            json!({"Id": 0}),
            json!({"Id": -5}),
            json!({"Id": ""}),
            json!({"CertificateId": 0, "Id": 5}),
            json!("text"),
        ] {
            assert!(parse::<Certificate>(fields.clone()).is_err(), "{fields}");
        }
        let error = parse::<Certificate>(json!({"Name": "an order"})).unwrap_err();
        assert_eq!(error.to_string(), "missing certificate ID");
        // Orders have an ID of their own beside that of the certificate.
        assert_eq!(certificate(json!({"CertificateId": 7, "Id": 5})).id.get(), 7);
    }

    #[test]
    fn only_documented_names_are_the_id() {
        // Whatever else a response has, what is compared, replaced and deleted is this ID.
        for other in ["certId", "certificateId", "CERTID", "ID"] {
            for name in ["id", "Id"] {
                assert_eq!(certificate(json!({name: 7, other: 6})).id.get(), 7, "{name} {other}");
            }
            assert!(parse::<Certificate>(json!({other: 6})).is_err(), "{other}");
        }
    }

    #[test]
    fn different_ids_are_none() {
        for (one, other) in [
            ("CertId", "CertificateId"),
            ("CertId", "certId"),
            ("CertificateId", "certificateId"),
            ("Id", "id"),
        ] {
            for value in [json!(6), json!([7]), json!({})] {
                let fields = json!({one: 7, other: value});
                assert!(parse::<Certificate>(fields.clone()).is_err(), "{fields}");
            }
            assert_eq!(certificate(json!({one: 7, other: "7"})).id.get(), 7, "{one} {other}");
        }
        for unclear in ["CertificateId", "CertId"] {
            assert!(parse::<Certificate>(json!({unclear: [6, 7], "Id": 7})).is_err(), "{unclear}");
        }
    }

    #[test]
    fn a_name_without_a_text_leaves_the_next_one_to_count() {
        for (first, second) in [("CertificateId", "CertId"), ("CertId", "Id"), ("Id", "id")] {
            assert_eq!(certificate(json!({first: null, second: 7})).id.get(), 7, "{first}");
        }
        for nothing in [json!(null), json!([]), json!({}), json!(["x"])] {
            for (first, second) in [("Common", "CommonName"), ("CommonName", "common")] {
                let one = certificate(json!({"id": 7, first: nothing, second: "c"}));
                assert_eq!(one.common_name, "c", "{first} {nothing}");
            }
        }
    }

    #[test]
    fn a_page_is_recognised() {
        let page = |response: Value| {
            let page = parse::<Page>(response).ok()?;
            Some((page.total, page.entries, page.certificates.len()))
        };
        for (response, expected) in [
            (
                json!({"TotalCount": 2, "CertificateList": [{"id": 1}, {"id": 2}]}),
                Some((Some(2), 2, 2)),
            ),
            (
                json!({"TotalCount": "1", "CertificateOrderList": {"CertificateId": 1}}),
                Some((Some(1), 1, 1)),
            ),
            (json!({"totalCount": 0}), Some((Some(0), 0, 0))),
            (json!({"TotalCount": 0, "CertificateList": null}), Some((Some(0), 0, 0))),
            (json!({"TotalCount": 5}), None),
            (json!({"TotalCount": 5, "CertificateList": null}), None),
            (json!({"TotalCount": -1}), None),
            (json!({"CertificateList": []}), Some((None, 0, 0))),
            (json!({"CertificateList": ""}), Some((None, 0, 0))),
            (json!({"CertificateOrderList": [{"OrderId": 5}, "odd"]}), Some((None, 2, 0))),
            (json!({"RequestId": "R"}), None),
            (json!({"certificateList": [{"id": 1}]}), None),
            (json!({"CertificateList": "x"}), None),
            (json!({"TotalCount": 1, "CertificateList": 7}), None),
        ] {
            assert_eq!(page(response.clone()), expected, "{response}");
        }
    }

    #[test]
    fn the_names_of_entries_without_an_id_are_kept() {
        let page: Page = parse(json!({"ShowSize": "20", "CertificateList": [
            {"id": 1, "name": "web"},
            {"id": 9_223_372_036_854_775_808_u64, "name": "too large"},
            {"id": "x", "Name": "no number"},
            {"name": [7]},
            "odd",
        ]}))
        .unwrap();
        assert_eq!((page.size, page.entries, page.certificates.len()), (Some(20), 5, 1));
        assert_eq!(page.unreadable, ["too large", "no number", "", ""]);
    }
}
