//! The parameters of a request: from the query, a form body, a JSON body, or several of them at once.

use std::collections::{BTreeMap, BTreeSet};

use cas_core::signature::{Params, percent_encode};
use zeroize::Zeroizing;

use crate::acs3::Authorization;
use crate::http::Request;

/// Where a parameter stood in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// In the request target, after the `?`.
    Query,
    /// In an `application/x-www-form-urlencoded` body.
    Form,
    /// A member of an `application/json` body.
    Json,
    /// A header, where a signature of version 3 keeps what is common to all calls.
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

/// Values are wiped when dropped: one of them is a private key.
type Pairs = Vec<(String, Zeroizing<String>)>;

/// What was received, each place for itself.
#[derive(Default)]
pub(crate) struct Parameters {
    query: Pairs,
    form: Pairs,
    json: Pairs,
    header: Pairs,
}

/// Headers of version 3 and the parameters of version 1 that they stand for.
const HEADERS: [(&str, &str); 5] = [
    ("x-acs-action", "Action"),
    ("x-acs-version", "Version"),
    ("x-acs-date", "Timestamp"),
    ("x-acs-signature-nonce", "SignatureNonce"),
    ("x-acs-security-token", "SecurityToken"),
];

/// One parameter after the places were merged.
pub(crate) struct Merged<'a> {
    pub(crate) places: Vec<Place>,
    pub(crate) value: &'a str,
}

impl Parameters {
    /// Reads `request`. What cannot be read as parameters is no parameter; it never fails.
    pub(crate) fn of(request: &Request) -> Self {
        let mut parameters = Self::default();
        if let Some((_, query)) = request.target.split_once('?') {
            parameters.query = pairs(query.as_bytes());
        }
        let content_type =
            request.header("content-type").unwrap_or("application/x-www-form-urlencoded");
        let media_type = content_type.split(';').next().unwrap_or_default().trim();
        if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            parameters.form = pairs(&request.body);
        } else if media_type.eq_ignore_ascii_case("application/json") {
            parameters.json = members(&request.body);
        }
        if let Some(authorization) = Authorization::of(request) {
            let sent = HEADERS
                .into_iter()
                .filter_map(|(header, name)| Some((name, request.header(header)?)));
            let signed =
                [("AccessKeyId", authorization.credential), ("Signature", authorization.signature)];
            let owned =
                |(name, value): (&str, &str)| (name.to_owned(), Zeroizing::new(value.to_owned()));
            parameters.header = sent.chain(signed).map(owned).collect();
        }
        parameters
    }

    /// The value of `name`; what stands in the body wins, and of several values the last.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let all = self.query.iter().chain(&self.form).chain(&self.json).chain(&self.header);
        all.rev().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// As [`get`](Self::get), where an empty value counts as none.
    pub(crate) fn non_empty(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// All parameters with the places they stood in, by name.
    pub(crate) fn merged(&self) -> BTreeMap<&str, Merged<'_>> {
        let mut merged = BTreeMap::<&str, Merged<'_>>::new();
        let places = [
            (Place::Query, &self.query),
            (Place::Form, &self.form),
            (Place::Json, &self.json),
            (Place::Header, &self.header),
        ];
        for (place, pairs) in places {
            for (name, value) in pairs {
                let entry = merged.entry(name).or_insert(Merged { places: Vec::new(), value });
                entry.value = value;
                if entry.places.last() != Some(&place) {
                    entry.places.push(place);
                }
            }
        }
        merged
    }

    /// The values of `Tags.1.Key` and `Tags.1.Value`, and so on, in the order of their numbers. Fails with the
    /// name of the key that a value is without.
    pub(crate) fn tags(&self) -> Result<Vec<(String, String)>, String> {
        let merged = self.merged();
        let number = |name: &str| {
            let (number, part) = name.strip_prefix("Tags.")?.split_once('.')?;
            number.parse::<u32>().ok().filter(|_| matches!(part, "Key" | "Value"))
        };
        let numbers: BTreeSet<_> = merged.keys().filter_map(|name| number(name)).collect();
        let text = |name: &str| merged.get(name).map(|found| found.value.to_owned());
        let tag = |number| {
            let name = format!("Tags.{number}.Key");
            let key = text(&name).filter(|key| !key.is_empty()).ok_or(name)?;
            Ok((key, text(&format!("Tags.{number}.Value")).unwrap_or_default()))
        };
        numbers.into_iter().map(tag).collect()
    }

    /// The query that a version 3 signature covers: names as they are, values encoded.
    pub(crate) fn signed_query(&self) -> String {
        let sorted: BTreeMap<&str, &str> =
            self.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let pair = |(name, value): (&str, &str)| format!("{name}={}", percent_encode(value));
        sorted.into_iter().map(pair).collect::<Vec<_>>().join("&")
    }

    /// What a version 1 signature covers: query and form.
    pub(crate) fn signed(&self) -> Params<'_> {
        let mut params = Params::new();
        for (name, value) in self.query.iter().chain(&self.form) {
            if name != "Signature" {
                params.set(name.as_str(), value.as_str());
            }
        }
        params
    }

    /// As [`signed`](Self::signed) with the JSON members merged in, which only the older Python SDK does.
    /// `None` if there are no members.
    pub(crate) fn signed_with_json(&self) -> Option<Params<'_>> {
        if self.json.is_empty() {
            return None;
        }
        let mut params = self.signed();
        for (name, value) in &self.json {
            if name != "Signature" {
                params.set(name.as_str(), value.as_str());
            }
        }
        Some(params)
    }
}

/// `name=value&…`, decoded. `+` is a space in a query as well: some SDKs write both that way.
fn pairs(encoded: &[u8]) -> Pairs {
    let parts = encoded.split(|&byte| byte == b'&').filter(|part| !part.is_empty());
    let pair = |part: &[u8]| {
        let equals = part.iter().position(|&byte| byte == b'=');
        let (name, value) = part.split_at(equals.unwrap_or(part.len()));
        (decode(name), Zeroizing::new(decode(value.get(1..).unwrap_or_default())))
    };
    parts.map(pair).collect()
}

fn decode(encoded: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        decoded.push(match (byte, tail) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => byte,
        });
    }
    String::from_utf8(decoded)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

/// The members of a JSON object; null is no value, anything that is not text is taken as it is written.
fn members(body: &[u8]) -> Pairs {
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

    #[test]
    fn names_and_values_are_decoded() {
        let read = pairs(b"a=b+c%2B%e5%90%8d&&empty=&bare&odd=%4&x=%zz=1");
        let read: Vec<_> =
            read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected =
            [("a", "b c+名"), ("empty", ""), ("bare", ""), ("odd", "%4"), ("x", "%zz=1")];
        assert_eq!(read, expected);
    }

    #[test]
    fn members_are_text() {
        let read = members(br#"{"a":"b","n":1,"t":true,"nothing":null,"list":[1,2]}"#);
        let read: Vec<_> =
            read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("a", "b"), ("list", "[1,2]"), ("n", "1"), ("t", "true")]);
        assert!(members(b"[]").is_empty() && members(b"{").is_empty());
    }

    #[test]
    fn tags_come_in_the_order_of_their_numbers() {
        let tags = |text: &[u8]| Parameters { query: pairs(text), ..Parameters::default() }.tags();
        let read =
            tags(b"Tags.10.Key=j&Tags.2.Value=2&Tags.2.Key=b&Tags.x.Key=x&Tags.3.Other=o&Tags=t");
        let expected = [("b".to_owned(), "2".to_owned()), ("j".to_owned(), String::new())];
        assert_eq!(read.unwrap(), expected);
        assert_eq!(tags(b"Tags.1.Value=v"), Err("Tags.1.Key".to_owned()));
    }

    #[test]
    fn the_body_wins_and_json_is_signed_only_on_request() {
        let place = |text: &[u8]| pairs(text);
        let parameters = Parameters {
            query: place(b"a=1&b=1&Signature=s"),
            form: place(b"b=2"),
            json: place(b"c=3"),
            header: Pairs::new(),
        };
        assert_eq!(parameters.get("b"), Some("2"));
        assert_eq!(parameters.merged()["b"].places, [Place::Query, Place::Form]);
        assert_eq!(parameters.signed().canonical_query(), "a=1&b=2");
        assert_eq!(parameters.signed_with_json().unwrap().canonical_query(), "a=1&b=2&c=3");
    }

    #[test]
    fn the_url_of_the_older_python_sdk() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../../../vectors/vectors.json")).unwrap();
        let all = vectors["vectors"].as_array().unwrap();
        let vector = all.iter().find(|vector| vector["kind"] == "rpc-v1-full-url").unwrap();
        let (_, query) = vector["url_path_and_query"].as_str().unwrap().split_once('?').unwrap();
        let parameters = Parameters { query: pairs(query.as_bytes()), ..Parameters::default() };
        let string = crate::signature::string_to_sign("GET", &parameters.signed());
        assert_eq!(*string, vector["string_to_sign"].as_str().unwrap());
        assert!(crate::signature::matches(
            "testsecret",
            &string,
            parameters.get("Signature").unwrap()
        ));
    }
}
