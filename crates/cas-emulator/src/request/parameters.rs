//! The parameters of a request: from its query, a form body, a JSON body, and its headers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::authorization::Authorization;
use super::percent;
use crate::http::Request;

/// The part of a request that contained a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The query of the request target.
    Query,
    /// An `application/x-www-form-urlencoded` body.
    Form,
    /// An `application/json` body.
    Json,
    /// A header. Requests with an ACS3 signature have the common parameters there.
    Header,
}

impl Place {
    /// `query`, `form`, `json` or `header`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Form => "form",
            Self::Json => "json",
            Self::Header => "header",
        }
    }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Names and values. Values are wiped on drop: one of them is a private key.
type Pair = (String, Zeroizing<String>);
type Pairs = Vec<Pair>;

/// Replaces a name and a value by what may be shown of them.
pub(crate) type Mask = dyn Fn(&str, &str) -> (Zeroizing<String>, Zeroizing<String>);

/// Replaces nothing.
pub(crate) fn unmasked(name: &str, value: &str) -> (Zeroizing<String>, Zeroizing<String>) {
    (Zeroizing::new(name.to_owned()), Zeroizing::new(value.to_owned()))
}

/// The parameters of a request, by place.
#[derive(Default)]
pub(crate) struct Parameters {
    query: Pairs,
    form: Pairs,
    json: Pairs,
    header: Pairs,
}

/// Headers of ACS3 requests, and the parameters of signature version 1 that they correspond to.
const HEADERS: [(&str, &str); 5] = [
    ("x-acs-action", "Action"),
    ("x-acs-version", "Version"),
    ("x-acs-date", "Timestamp"),
    ("x-acs-signature-nonce", "SignatureNonce"),
    ("x-acs-security-token", "SecurityToken"),
];

/// One parameter, with all places that contained it.
pub(crate) struct MergedParameter<'a> {
    pub(crate) places: Vec<Place>,
    pub(crate) value: &'a str,
}

impl Parameters {
    /// Parses the parameters of `request`. This never fails: a body that cannot be parsed has no
    /// parameters.
    pub(super) fn parse(request: &Request, authorization: Option<&Authorization<'_>>) -> Self {
        let mut parameters = Self::default();
        if let Some((_, query)) = request.target.split_once('?') {
            parameters.query = parse_form(query.as_bytes());
        }
        let form = "application/x-www-form-urlencoded";
        let content_type = request.header("content-type").unwrap_or(form);
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case(form) {
            parameters.form = parse_form(&request.body);
        } else if media_type.eq_ignore_ascii_case("application/json") {
            parameters.json = parse_json(&request.body);
        }
        // A call that needs no signature has these headers as well, in place of parameters.
        if authorization.is_some() || parameters.get("Action").is_none() {
            let sent = HEADERS
                .into_iter()
                .filter_map(|(header, name)| Some((name, request.header(header)?)));
            let signed = authorization.map(|authorization| {
                [
                    ("AccessKeyId", authorization.access_key_id),
                    ("Signature", authorization.signature),
                ]
            });
            let signed = signed.into_iter().flatten();
            let owned =
                |(name, value): (&str, &str)| (name.to_owned(), Zeroizing::new(value.to_owned()));
            parameters.header = sent.chain(signed).map(owned).collect();
        }
        parameters
    }

    /// The value of `name`. The body takes precedence over the query, and a later value over an
    /// earlier one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let all = self.query.iter().chain(&self.form).chain(&self.json).chain(&self.header);
        all.rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Like [`get`](Self::get), but an empty value counts as missing.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All parameters with their places, by name.
    pub(crate) fn merged(&self) -> BTreeMap<&str, MergedParameter<'_>> {
        let mut merged = BTreeMap::<&str, MergedParameter<'_>>::new();
        let places = [
            (Place::Query, &self.query),
            (Place::Form, &self.form),
            (Place::Json, &self.json),
            (Place::Header, &self.header),
        ];
        for (place, pairs) in places {
            for (name, value) in pairs {
                let entry =
                    merged.entry(name).or_insert(MergedParameter { places: Vec::new(), value });
                entry.value = value;
                if entry.places.last() != Some(&place) {
                    entry.places.push(place);
                }
            }
        }
        merged
    }

    /// The values of `name.N`, in the order of N.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        let numbered = self.merged().into_iter().filter_map(|(other, parameter)| {
            let number = other.strip_prefix(name)?.strip_prefix('.')?.parse::<u32>().ok()?;
            Some((number, parameter.value.to_owned()))
        });
        numbered.collect::<BTreeMap<_, _>>().into_values().collect()
    }

    /// The tags `list.N.Key` and `list.N.Value`, in the order of N. The error is the name of a
    /// missing key.
    pub(crate) fn tags(&self, list: &str) -> Result<Vec<(String, String)>, String> {
        let merged = self.merged();
        let number = |name: &str| {
            let (number, part) = name.strip_prefix(list)?.strip_prefix('.')?.split_once('.')?;
            number.parse::<u32>().ok().filter(|_| matches!(part, "Key" | "Value"))
        };
        let numbers: BTreeSet<_> = merged.keys().filter_map(|name| number(name)).collect();
        let text = |name: &str| merged.get(name).map(|found| found.value.to_owned());
        let tag = |number| {
            let name = format!("{list}.{number}.Key");
            let key = text(&name).filter(|key| !key.is_empty()).ok_or(name)?;
            Ok((key, text(&format!("{list}.{number}.Value")).unwrap_or_default()))
        };
        numbers.into_iter().map(tag).collect()
    }

    /// Names and values of one place, in the order in which they were sent.
    pub(crate) fn sent(&self, place: Place) -> impl Iterator<Item = (&str, &str)> {
        let pairs = match place {
            Place::Query => &self.query,
            Place::Form => &self.form,
            Place::Json => &self.json,
            Place::Header => &self.header,
        };
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The canonical query of signature version 1: query and form without `Signature`.
    pub(crate) fn canonical_query(&self) -> Zeroizing<String> {
        canonical_query(self.query.iter().chain(&self.form))
    }

    /// Like [`canonical_query`](Self::canonical_query), with the members of the JSON body. The
    /// older Python SDK signs them. `None` if there are none.
    pub(crate) fn canonical_query_with_json(&self) -> Option<Zeroizing<String>> {
        let all = self.query.iter().chain(&self.form).chain(&self.json);
        (!self.json.is_empty()).then(|| canonical_query(all))
    }

    /// The canonical query of an ACS3 signature: the query alone, with raw names.
    pub(crate) fn acs3_canonical_query(&self) -> Zeroizing<String> {
        self.acs3_query(&unmasked)
    }

    /// The same of the names and values that `shown` makes of those that were sent.
    pub(crate) fn acs3_query(&self, shown: &Mask) -> Zeroizing<String> {
        let sorted = sort(self.query.iter());
        let mut query = Zeroizing::new(String::with_capacity(encoded_length(&sorted)));
        for (index, (name, value)) in sorted.into_iter().enumerate() {
            if index > 0 {
                query.push('&');
            }
            let (name, value) = shown(name, value);
            query.push_str(&name);
            query.push('=');
            query.extend(percent::encode(&value));
        }
        query
    }
}

/// `name=value&…`, sorted by name and percent-encoded, without `Signature`.
fn canonical_query<'a>(pairs: impl Iterator<Item = &'a Pair>) -> Zeroizing<String> {
    let sorted = sort(pairs.filter(|(name, _)| name != "Signature"));
    let mut query = Zeroizing::new(String::with_capacity(encoded_length(&sorted)));
    for (index, (name, value)) in sorted.into_iter().enumerate() {
        if index > 0 {
            query.push('&');
        }
        query.extend(percent::encode(name));
        query.push('=');
        query.extend(percent::encode(value));
    }
    query
}

/// Sorted by name, byte by byte. A later value replaces an earlier one.
fn sort<'a>(pairs: impl Iterator<Item = &'a Pair>) -> BTreeMap<&'a str, &'a str> {
    pairs.map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// The length if every byte is escaped. Buffers of this size never grow, and growing would leave
/// copies of a private key behind.
fn encoded_length(sorted: &BTreeMap<&str, &str>) -> usize {
    sorted.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum()
}

/// Parses `name=value&…`. `+` is a space in queries, too: some SDKs encode both in the same way.
fn parse_form(encoded: &[u8]) -> Pairs {
    let parts = encoded.split(|&byte| byte == b'&').filter(|part| !part.is_empty());
    let pair = |part: &[u8]| {
        let equals = part.iter().position(|&byte| byte == b'=');
        let (name, value) = part.split_at(equals.unwrap_or(part.len()));
        let value = percent::decode(value.get(1..).unwrap_or_default());
        (percent::decode(name), Zeroizing::new(value))
    };
    parts.map(pair).collect()
}

/// Parses the members of a JSON object. A null counts as missing. A value that is not a string
/// stays JSON text.
fn parse_json(body: &[u8]) -> Pairs {
    let Ok(serde_json::Value::Object(object)) = serde_json::from_slice(body) else {
        return Pairs::new();
    };
    let member = |(name, value)| match value {
        serde_json::Value::Null => None,
        serde_json::Value::String(text) => Some((name, Zeroizing::new(text))),
        other => Some((name, Zeroizing::new(other.to_string()))),
    };
    object.into_iter().filter_map(member).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &Pairs) -> Vec<(&str, &str)> {
        pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    #[test]
    fn decodes_names_and_values_of_a_form() {
        let parsed = parse_form(b"a=b+c%2B%e5%90%8d&&empty=&bare&odd=%4&x=%zz=1");
        let expected =
            [("a", "b c+名"), ("empty", ""), ("bare", ""), ("odd", "%4"), ("x", "%zz=1")];
        assert_eq!(read(&parsed), expected);
    }

    #[test]
    fn json_members_become_text() {
        let parsed = parse_json(br#"{"a":"b","n":1,"t":true,"nothing":null,"list":[1,2]}"#);
        assert_eq!(read(&parsed), [("a", "b"), ("list", "[1,2]"), ("n", "1"), ("t", "true")]);
        assert!(parse_json(b"[]").is_empty() && parse_json(b"{").is_empty());
    }

    #[test]
    fn tags_are_sorted_by_number() {
        let tags = |text: &[u8]| {
            let parameters = Parameters { query: parse_form(text), ..Parameters::default() };
            parameters.tags("Tags")
        };
        let query = b"Tags.10.Key=j&Tags.2.Value=2&Tags.2.Key=b&Tags.x.Key=x&Tags.3.Other=o&Tags=t";
        let expected = [("b".to_owned(), "2".to_owned()), ("j".to_owned(), String::new())];
        assert_eq!(tags(query).unwrap(), expected);
        assert_eq!(tags(b"Tags.1.Value=v"), Err("Tags.1.Key".to_owned()));
    }

    #[test]
    fn lists_are_sorted_by_number() {
        let query = parse_form(b"Id.10=j&Id.2=b&Id=x&Id.2.Key=k&Ids.1=y&Id.x=z");
        let parameters = Parameters { query, ..Parameters::default() };
        assert_eq!(parameters.list("Id"), ["b", "j"]);
    }

    #[test]
    fn the_body_takes_precedence() {
        let parameters = Parameters {
            query: parse_form(b"a=1&b=1&Signature=s"),
            form: parse_form(b"b=2"),
            json: parse_form(b"c=3"),
            header: Pairs::new(),
        };
        assert_eq!(parameters.get("b"), Some("2"));
        assert_eq!(parameters.merged()["b"].places, [Place::Query, Place::Form]);
        assert_eq!(*parameters.canonical_query(), "a=1&b=2");
        assert_eq!(*parameters.canonical_query_with_json().unwrap(), "a=1&b=2&c=3");
    }

    #[test]
    fn canonical_queries_are_sorted_by_raw_name_and_encoded() {
        let query = b"_=&a=+&B=*&%C3%A9=%2F&Tags.2.Key=&Tags.10.Key=&a%20b=~";
        let parameters = Parameters { query: parse_form(query), ..Parameters::default() };
        assert!(parameters.canonical_query_with_json().is_none());
        let expected = "B=%2A&Tags.10.Key=&Tags.2.Key=&_=&a=%20&a%20b=~&%C3%A9=%2F";
        assert_eq!(*parameters.canonical_query(), expected);
        let expected = "B=%2A&Tags.10.Key=&Tags.2.Key=&_=&a=%20&a b=~&é=%2F";
        assert_eq!(*parameters.acs3_canonical_query(), expected);
    }
}
