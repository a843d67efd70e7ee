//! A certificate as the service describes it, in lists and in details of both versions.

use std::fmt;

use serde_json::Value;

use crate::protocol::reading::{integer, text};
use crate::service::types::CertId;

/// What the service says about a certificate. Texts are empty where it says nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Its id.
    pub id: CertId,
    /// Its name in the account.
    pub name: String,
    /// Common name of the subject.
    pub common_name: String,
    /// Subject alternative names, comma-separated.
    pub sans: String,
    /// Its issuer.
    pub issuer: String,
    /// SHA-1 of the leaf, 40 upper-case hexadecimal digits.
    pub sha1: String,
    /// SHA-256 of the leaf, 64 upper-case hexadecimal digits.
    pub sha256: String,
    /// First day of its validity, `YYYY-MM-DD`.
    pub not_before: String,
    /// Last day of its validity, `YYYY-MM-DD`.
    pub not_after: String,
    /// Whether that has passed.
    pub expired: bool,
    /// The chain, PEM.
    pub pem: String,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.id).finish()
    }
}

impl Certificate {
    /// Reads one. Names begin with a small letter in the lists of 2018-07-13 and with a capital everywhere
    /// else, and the id has a name of its own in each operation. `None` for what has no id: an order whose
    /// certificate is not issued yet.
    #[must_use]
    pub fn read(fields: &Value) -> Option<Self> {
        let id = integer(fields, &["CertificateId", "CertId", "Id", "id"]).and_then(CertId::new)?;
        let get = |names: &[&str]| text(fields, names).unwrap_or_default();
        let hex = |names: &[&str]| {
            let digits: String = get(names).chars().filter(char::is_ascii_hexdigit).collect();
            digits.to_ascii_uppercase()
        };
        Some(Self {
            id,
            name: get(&["Name", "name"]),
            common_name: get(&["Common", "CommonName", "common"]),
            sans: get(&["Sans", "sans"]),
            issuer: get(&["Issuer", "issuer"]),
            sha1: hex(&["Fingerprint", "fingerprint"]),
            sha256: hex(&["Sha2"]),
            not_before: get(&["StartDate", "startDate"]),
            not_after: get(&["EndDate", "endDate"]),
            expired: get(&["Expired", "expired"]) == "true",
            pem: get(&["Cert"]),
        })
    }
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page {
    /// How many entries all pages have, where the answer says so.
    pub total: Option<usize>,
    /// How many entries this page has, those without a certificate included.
    pub entries: usize,
    /// Its certificates.
    pub certificates: Vec<Certificate>,
}

impl Page {
    /// Reads one; `None` for an answer that is no list.
    #[must_use]
    pub(crate) fn read(answer: &Value) -> Option<Self> {
        let total =
            integer(answer, &["TotalCount", "totalCount"]).and_then(|total| total.try_into().ok());
        let list =
            ["CertificateOrderList", "CertificateList"].iter().find_map(|name| answer.get(name));
        // In XML a list of one is an element, and an empty one is none.
        let entries = match list {
            Some(Value::Array(entries)) => entries.as_slice(),
            Some(entry @ Value::Object(_)) => std::slice::from_ref(entry),
            Some(Value::Null) | None if total.is_some() => &[],
            Some(Value::String(empty)) if empty.is_empty() => &[],
            _ => return None,
        };
        let certificates = entries.iter().filter_map(Certificate::read).collect();
        Some(Self { total, entries: entries.len(), certificates })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_spellings_and_every_name_of_the_id_are_read() {
        let old = json!({"id": 7, "name": "n", "common": "c", "sans": "a,b", "fingerprint": "aa:bb", "issuer": "i",
                         "startDate": "2026-01-02", "endDate": "2027-01-02", "expired": true});
        let new = json!({"CertificateId": "7", "Name": "n", "CommonName": "c", "Sans": "a,b", "Fingerprint": "AABB",
                         "Issuer": "i", "StartDate": "2026-01-02", "EndDate": "2027-01-02", "Expired": "true"});
        let detail = json!({"Id": 7, "Name": "n", "Common": "c", "Sans": "a,b", "Fingerprint": "AABB", "Issuer": "i",
                            "StartDate": "2026-01-02", "EndDate": "2027-01-02", "Expired": true});
        let one = Certificate::read(&old).unwrap();
        assert_eq!((one.id.get(), one.sha1.as_str(), one.expired), (7, "AABB", true));
        assert!(
            one == Certificate::read(&new).unwrap() && one == Certificate::read(&detail).unwrap()
        );
        assert_eq!(Certificate::read(&json!({"Name": "an order"})), None);
    }

    #[test]
    fn pages_are_told_from_other_answers() {
        let page =
            |answer: Value| Page::read(&answer).map(|page| (page.total, page.certificates.len()));
        assert_eq!(
            page(json!({"TotalCount": 2, "CertificateList": [{"id": 1}, {"id": 2}]})),
            Some((Some(2), 2))
        );
        assert_eq!(
            page(json!({"TotalCount": "1", "CertificateOrderList": {"CertificateId": 1}})),
            Some((Some(1), 1))
        );
        assert_eq!(page(json!({"TotalCount": 0})), Some((Some(0), 0)));
        assert_eq!(page(json!({"CertificateList": []})), Some((None, 0)));
        assert_eq!(page(json!({"CertificateList": ""})), Some((None, 0)));
        assert_eq!(page(json!({"RequestId": "R"})), None);
        assert_eq!(page(json!({"CertificateList": "x"})), None);
        let orders = Page::read(&json!({"CertificateOrderList": [{"OrderId": 5}]})).unwrap();
        assert_eq!((orders.entries, orders.certificates.len()), (1, 0));
    }
}
