//! Compares a request with a string to sign of signature version 3. That has only a hash, so what
//! changed is found by trying the changes that happen on the way.

use cas_sign::{acs3, percent_decode, percent_encode};
use ring::digest;
use zeroize::Zeroizing;

use crate::signature_mismatch::explanation::{Change, Compared, Difference, Part};
use crate::signature_mismatch::request::SentRequest;
use crate::signature_mismatch::values::difference;

/// Longest canonical request for which two changes at once are tried, in bytes.
const MAX_TRIED_TWICE: usize = 64 << 10;

/// What a request is for the signature.
#[derive(Clone)]
struct Signed {
    method: String,
    path: String,
    query: Zeroizing<String>,
    /// Sorted by name.
    headers: Vec<(String, Zeroizing<String>)>,
    hash: String,
}

impl Signed {
    fn string_to_sign(&self) -> String {
        let headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let Self { method, path, query, hash, .. } = self;
        let head = Zeroizing::new(format!("{method}\n{path}\n{}\n", **query));
        acs3::string_to_sign(&acs3::canonical_request(&head, &headers, hash))
    }
}

/// A change on the way: the request after it, and what it is.
type Alternative = (Signed, Difference);

/// `None` if the request has no signature of this version.
pub(super) fn compare(request: &SentRequest, theirs: &str) -> Option<Compared> {
    let authorization = request.header("authorization")?;
    let field = |name: &str| {
        let at = authorization.find(name)? + name.len();
        Some(authorization[at..].split([',', ' ']).next().unwrap_or_default())
    };
    let mut names: Vec<&str> = field("SignedHeaders=")?.split(';').collect();
    names.sort_unstable();
    let headers = names.iter().map(|name| {
        (name.to_ascii_lowercase(), request.header(&name.to_ascii_lowercase()).unwrap_or_default())
    });
    let headers: Vec<_> = headers.collect();
    let hash = request.header("x-acs-content-sha256");
    let sent = Signed {
        method: request.method.clone(),
        path: request.path.clone(),
        query: canonical_query(request, Reading::Form),
        headers,
        hash: hash.as_ref().map_or_else(String::new, |hash| hash.to_string()),
    };
    let mut compared = Compared {
        access_key_id: field("Credential=").map(ToOwned::to_owned),
        is_equal: sent.string_to_sign() == theirs,
        ..Compared::default()
    };
    let body_hash = request.body.as_ref().map(|body| sha256(body));
    let body_changed = body_hash.as_ref().is_some_and(|body| *body != sent.hash);
    if compared.is_equal {
        return Some(compared);
    }
    let alternatives = alternatives(request, &sent, body_hash.as_deref());
    let found = |(signed, difference): &Alternative| {
        (signed.string_to_sign() == theirs).then(|| vec![difference.clone()])
    };
    compared.differences = alternatives.iter().find_map(found).unwrap_or_default();
    let size = sent.query.len() + sent.headers.iter().map(|(_, value)| value.len()).sum::<usize>();
    if compared.differences.is_empty() && size < MAX_TRIED_TWICE {
        compared.differences = alternatives
            .iter()
            .find_map(|(signed, first)| {
                let again = self::alternatives(request, signed, None);
                let (_, second) =
                    again.iter().find(|(twice, _)| twice.string_to_sign() == theirs)?;
                Some(vec![first.clone(), second.clone()])
            })
            .unwrap_or_default();
    }
    if compared.differences.is_empty() && body_changed {
        compared.differences.push(Difference {
            part: Part::Body,
            change: Change::OtherValue,
            position: None,
            sent: None,
            arrived: None,
        });
    }
    Some(compared)
}

/// How a server reads a query.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// `+` is a space.
    Form,
    /// `+` is a `+`.
    Literal,
    /// Values were encoded once more.
    EncodedAgain,
    /// Values were decoded once more.
    DecodedAgain,
    /// Parameters without a value were lost.
    WithoutEmpty,
}

/// Names are not encoded (docs/service.md, Signature ACS3).
fn canonical_query(request: &SentRequest, reading: Reading) -> Zeroizing<String> {
    let decode = |text: &str| {
        let text =
            if reading == Reading::Literal { text.to_owned() } else { text.replace('+', " ") };
        let text = Zeroizing::new(text);
        Zeroizing::new(percent_decode(&text).unwrap_or_else(|| text.to_string()))
    };
    let mut pairs: Vec<(Zeroizing<String>, Zeroizing<String>)> = request
        .query_pairs()
        .filter(|(_, value)| reading != Reading::WithoutEmpty || !value.is_empty())
        .map(|(name, value)| {
            let value = match reading {
                Reading::EncodedAgain => Zeroizing::new(value.to_owned()),
                Reading::DecodedAgain => decode(&decode(value)),
                _ => decode(value),
            };
            (decode(name), value)
        })
        .collect();
    pairs.sort_unstable_by(|(one, _), (other, _)| one.as_bytes().cmp(other.as_bytes()));
    let written: Vec<_> = pairs
        .iter()
        .map(|(name, value)| Zeroizing::new(format!("{}={}", **name, percent_encode(value))))
        .collect();
    let written: Vec<&str> = written.iter().map(|pair| pair.as_str()).collect();
    Zeroizing::new(written.join("&"))
}

/// What may have become of a request on the way.
fn alternatives(request: &SentRequest, sent: &Signed, body_hash: Option<&str>) -> Vec<Alternative> {
    let mut all = Vec::new();
    let mut add = |signed: Signed, difference: Option<Difference>| {
        all.extend(difference.map(|difference| (signed, difference)));
    };
    let whole =
        |part, change| Some(Difference { part, change, position: None, sent: None, arrived: None });
    for method in ["GET", "POST", "PUT"].into_iter().filter(|method| *method != sent.method) {
        let found = difference(Part::Method, Some(&sent.method), Some(method));
        add(Signed { method: method.to_owned(), ..sent.clone() }, found);
    }
    for path in ["/", "", "//"].into_iter().filter(|path| *path != sent.path) {
        let found = difference(Part::Path, Some(&sent.path), Some(path));
        add(Signed { path: path.to_owned(), ..sent.clone() }, found);
    }
    for (reading, change) in [
        (Reading::Literal, Change::SpaceToPlus),
        (Reading::EncodedAgain, Change::EncodedAgain),
        (Reading::DecodedAgain, Change::DecodedAgain),
        (Reading::WithoutEmpty, Change::Lost),
    ] {
        let query = canonical_query(request, reading);
        if query != sent.query {
            add(Signed { query, ..sent.clone() }, whole(Part::Query, change));
        }
    }
    if !sent.query.is_empty() {
        let query = Zeroizing::default();
        add(Signed { query, ..sent.clone() }, whole(Part::Query, Change::Lost));
    }
    for (index, (name, value)) in sent.headers.iter().enumerate() {
        for arrived in other_values(name, value) {
            let mut signed = sent.clone();
            signed.headers[index].1 = Zeroizing::new(arrived.clone());
            let part = Part::Header(name.clone());
            let found = if arrived.is_empty() {
                difference(part, Some(value), None)
            } else {
                difference(part, Some(value), Some(&arrived))
            };
            add(signed, found);
        }
    }
    // A gateway may hash the body that arrived.
    let hashes = body_hash.into_iter().map(ToOwned::to_owned).chain([sha256("")]);
    for hash in hashes.filter(|hash| *hash != sent.hash) {
        let mut signed = Signed { hash: hash.clone(), ..sent.clone() };
        let change = if hash == sha256("") { Change::Lost } else { Change::OtherValue };
        add(signed.clone(), whole(Part::Body, change));
        if let Some(header) =
            signed.headers.iter_mut().find(|(name, _)| name == "x-acs-content-sha256")
        {
            header.1 = Zeroizing::new(hash);
            add(signed, whole(Part::Body, change));
        }
    }
    all
}

/// The values that a header may have after a proxy; empty if it is lost.
fn other_values(name: &str, value: &str) -> Vec<String> {
    let mut values = vec![String::new(), value.to_ascii_lowercase()];
    let more: &[&str] = match name {
        "accept" => &["*/*", "application/json", "text/html, image/gif, image/jpeg, */*"],
        "accept-encoding" => &["identity", "gzip", "gzip, deflate", "gzip, deflate, br"],
        "content-type" => &[
            "application/json",
            "application/json; charset=utf-8",
            "application/json;charset=utf-8",
            "application/octet-stream",
            "application/x-www-form-urlencoded",
            "application/x-www-form-urlencoded; charset=utf-8",
            "application/x-www-form-urlencoded;charset=utf-8",
            "application/x-www-form-urlencoded; charset=UTF-8",
            "application/x-www-form-urlencoded;charset=UTF-8",
        ],
        _ => &[],
    };
    values.extend(more.iter().map(|value| (*value).to_owned()));
    if name == "host" {
        match value.rsplit_once(':') {
            Some((host, _)) => values.push(host.to_owned()),
            None => values.extend([80, 443, 8080, 8443].map(|port| format!("{value}:{port}"))),
        }
        let bare = value.strip_suffix('.').unwrap_or(value);
        values.push(bare.to_owned());
    }
    values.retain(|other| other != value);
    values.dedup();
    values
}

fn sha256(text: &str) -> String {
    base16ct::lower::encode_string(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}
