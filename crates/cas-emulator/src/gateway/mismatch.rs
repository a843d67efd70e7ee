//! Why a signature of version 1 does not match: finds what the client signed by trying the mistakes
//! that clients make.

use std::collections::BTreeMap;

use serde::Serialize;
use zeroize::Zeroizing;

use super::hmac_sha1;
use crate::request::{ApiCall, Mask, Place, percent_encode, unmasked};

/// Both strings to sign of a refused call. Values that contain a certificate or a secret are
/// replaced by `mask`, so that the strings can be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignatureMismatch {
    /// The string to sign of the request as it arrived.
    pub expected: String,
    /// The string that the client signed, if the emulator found it by trying known mistakes.
    pub signed: Option<String>,
    /// The mistakes, as sentences; empty if none of the known ones leads to the signature.
    pub mistakes: Vec<&'static str>,
}

/// The size of a request in bytes up to which the emulator tries the mistakes.
const MAX_TRIED: usize = 64 * 1024;

/// One way to build a string to sign. The default is the right one.
#[derive(Clone, Copy, Default)]
struct Way {
    other_method: bool,
    parameters: Parameters,
    encoding: Encoding,
    unsorted: bool,
    not_encoded_again: bool,
    secret: Secret,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Parameters {
    #[default]
    All,
    QueryOnly,
    WithoutEmpty,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Encoding {
    #[default]
    Rfc3986,
    /// Spaces as "+".
    Form,
    /// "*" as it is, "~" as "%7E": Java's and PHP's functions for forms with "+" replaced.
    FormWithoutPlus,
    /// `%2f` instead of `%2F`.
    LowerCase,
    /// "/" as it is: Python's `quote`.
    Slash,
    None,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Secret {
    #[default]
    WithAmpersand,
    Bare,
}

impl Way {
    /// All ways, those with the fewest mistakes first.
    fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for other_method in [false, true] {
            for parameters in [Parameters::All, Parameters::QueryOnly, Parameters::WithoutEmpty] {
                for encoding in [
                    Encoding::Rfc3986,
                    Encoding::Form,
                    Encoding::FormWithoutPlus,
                    Encoding::LowerCase,
                    Encoding::Slash,
                    Encoding::None,
                ] {
                    for unsorted in [false, true] {
                        for not_encoded_again in [false, true] {
                            for secret in [Secret::WithAmpersand, Secret::Bare] {
                                all.push(Self {
                                    other_method,
                                    parameters,
                                    encoding,
                                    unsorted,
                                    not_encoded_again,
                                    secret,
                                });
                            }
                        }
                    }
                }
            }
        }
        all.sort_by_key(|way| way.mistakes().len());
        all
    }

    fn mistakes(self) -> Vec<&'static str> {
        let parameters = match self.parameters {
            Parameters::All => None,
            Parameters::QueryOnly => Some("The client leaves the parameters of the body out."),
            Parameters::WithoutEmpty => Some("The client leaves empty parameters out."),
        };
        let encoding = match self.encoding {
            Encoding::Rfc3986 => None,
            Encoding::Form => Some("The client encodes a space as + instead of %20."),
            Encoding::FormWithoutPlus => {
                Some("The client does not encode *, or encodes ~, which RFC 3986 leaves as it is.")
            }
            Encoding::LowerCase => Some("The client escapes with lower-case digits, such as %2f."),
            Encoding::Slash => Some("The client does not encode /."),
            Encoding::None => Some("The client does not encode names and values."),
        };
        let found = [
            self.other_method.then_some("The client signs another HTTP method than it sends."),
            parameters,
            encoding,
            self.unsorted.then_some("The client does not sort the parameters by name."),
            self.not_encoded_again
                .then_some("The client does not encode the canonical query once more."),
            (self.secret == Secret::Bare)
                .then_some("The client does not append & to the secret for the HMAC key."),
        ];
        found.into_iter().flatten().collect()
    }

    fn string_to_sign(self, call: &ApiCall<'_>, shown: &Mask) -> Zeroizing<String> {
        let places: &[Place] = match self.parameters {
            Parameters::QueryOnly => &[Place::Query],
            _ => &[Place::Query, Place::Form],
        };
        let sent = places.iter().flat_map(|place| call.parameters.sent(*place));
        let kept = sent.filter(|(name, value)| {
            let is_empty = self.parameters == Parameters::WithoutEmpty && value.is_empty();
            *name != "Signature" && !is_empty
        });
        let pairs: Vec<(&str, &str)> = if self.unsorted {
            kept.collect()
        } else {
            kept.collect::<BTreeMap<_, _>>().into_iter().collect()
        };
        let length: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut query = Zeroizing::new(String::with_capacity(3 * length));
        for (index, (name, value)) in pairs.into_iter().enumerate() {
            if index > 0 {
                query.push('&');
            }
            let (name, value) = shown(name, value);
            self.encoding.append(&name, &mut query);
            query.push('=');
            self.encoding.append(&value, &mut query);
        }
        let method = match (self.other_method, call.http.method.as_str()) {
            (true, "GET") => "POST",
            (true, _) => "GET",
            (false, method) => method,
        };
        if self.not_encoded_again {
            let mut string = Zeroizing::new(String::with_capacity(16 + query.len()));
            for part in [method, "&%2F&", &query] {
                string.push_str(part);
            }
            return string;
        }
        hmac_sha1::string_to_sign(method, &query)
    }
}

impl Encoding {
    fn append(self, text: &str, query: &mut String) {
        if self == Self::None {
            query.push_str(text);
            return;
        }
        for part in percent_encode(text) {
            match (self, part) {
                (Self::Form, "%20") => query.push('+'),
                (Self::Form | Self::FormWithoutPlus, "%2A") => query.push('*'),
                (Self::Slash, "%2F") => query.push('/'),
                (Self::Form | Self::FormWithoutPlus, part) if part.contains('~') => {
                    query.push_str(&part.replace('~', "%7E"));
                }
                (Self::LowerCase, part) if part.starts_with('%') => {
                    query.extend(part.chars().map(|c| c.to_ascii_lowercase()));
                }
                (_, part) => query.push_str(part),
            }
        }
    }
}

/// Explains a signature of version 1 that does not match.
pub(super) fn explain(call: &ApiCall<'_>, secret: &str, mask: &Mask) -> SignatureMismatch {
    let signature = call.parameters.get("Signature").unwrap_or_default();
    let is_signed = |way: &Way| {
        let string = way.string_to_sign(call, &unmasked);
        match way.secret {
            Secret::WithAmpersand => hmac_sha1::verify(secret, &string, signature),
            Secret::Bare => hmac_sha1::verify_with_key(secret, &string, signature),
        }
    };
    let is_tried = call.http.target.len() + call.http.body.len() <= MAX_TRIED;
    let found = is_tried.then(Way::all).into_iter().flatten().find(is_signed);
    let show = |way: Way| way.string_to_sign(call, mask).to_string();
    SignatureMismatch {
        expected: show(Way::default()),
        signed: found.map(show),
        mistakes: found.map(Way::mistakes).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reader;

    /// A POST whose signature is that of `way`.
    fn request(way: Way) -> Vec<u8> {
        let raw = |signature: &str| {
            let body = format!("Key=k~*%2F&Empty=&Signature={}", signature.replace('+', "%2B"));
            format!(
                "POST /?Name=a%20b&Action=X HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            )
            .into_bytes()
        };
        let unsigned = raw("");
        let http =
            Reader::default().read(&mut std::io::Cursor::new(unsigned), || (), |_| false).unwrap();
        let call = ApiCall::parse(&http);
        let string = way.string_to_sign(&call, &unmasked);
        let key = if way.secret == Secret::Bare { "secret" } else { "secret&" };
        raw(&hmac_sha1::sign_with_key(key, &string))
    }

    #[test]
    fn every_mistake_is_found_and_both_strings_are_masked() {
        for way in Way::all() {
            let mut stream = std::io::Cursor::new(request(way));
            let http = Reader::default().read(&mut stream, || (), |_| false).unwrap();
            let call = ApiCall::parse(&http);
            let mask = |name: &str, value: &str| {
                unmasked(name, if name == "Key" { "masked" } else { value })
            };
            let found = explain(&call, "secret", &mask);
            let signed = found.signed.unwrap();
            assert!(found.mistakes.len() <= way.mistakes().len());
            // Different mistakes may lead to the same string.
            assert_eq!(signed, *way.string_to_sign(&call, &mask), "{:?}", way.mistakes());
            assert!(found.expected.starts_with("POST&%2F&Action%3DX%26Empty"));
            assert!(found.expected.contains("Key%3Dmasked") && !found.expected.contains("k~"));
            assert!(explain(&call, "other", &mask).signed.is_none());
        }
    }
}
