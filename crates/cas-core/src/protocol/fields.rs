//! Typed fields of a response: lenient values, and names in either spelling.
//!
//! The service writes an ID as a number or as a string, and the lists of 2018-07-13 begin names
//! with a small letter (docs/service.md, Responses). Types derive `Deserialize`, take their values
//! as [`Text`] and ignore unknown fields. Uses nothing of this crate.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde_json::{Map, Value};

/// Names that begin with a small letter in some responses and with a capital in others. All other
/// names have one spelling: `certId`, for one, is not the ID of a certificate.
const EITHER_SPELLING: [&str; 12] = [
    "code",
    "endDate",
    "expired",
    "fingerprint",
    "id",
    "issuer",
    "message",
    "name",
    "requestId",
    "sans",
    "startDate",
    "totalCount",
];

/// Reads the fields of a response, or of an entry of a list, as a `T`.
///
/// Errors reach messages and logs, so `T` must not quote a value in them. [`Text`] never fails.
pub(crate) fn parse<T: DeserializeOwned>(fields: Value) -> Result<T, serde_json::Error> {
    match fields {
        // From a map, which needs less code in each type than from any value.
        Value::Object(fields) => T::deserialize(capitalized(fields)),
        _ => Err(serde_json::Error::custom("not an object")),
    }
}

/// The fields with the names of [`EITHER_SPELLING`] capitalized. Where both spellings occur, the
/// capital one counts, unless only the other one is a text, a number or a Boolean.
fn capitalized(mut fields: Map<String, Value>) -> Map<String, Value> {
    for name in EITHER_SPELLING {
        let Some(value) = fields.remove(name) else { continue };
        let mut capital = name.to_owned();
        capital[..1].make_ascii_uppercase();
        let known = fields.entry(capital).or_insert(Value::Null);
        if known.is_null() || (is_scalar(&value) && !is_scalar(known)) {
            *known = value;
        }
    }
    fields
}

fn is_scalar(value: &Value) -> bool {
    matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_))
}

/// For a field that has several names: missing unless it is a string, a number or a Boolean, so
/// that the next name counts.
pub(crate) fn scalar<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Text>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(is_scalar(&value).then(|| value.into()))
}

/// A string, a number or a Boolean, as text. Empty for anything else, or if the field is missing.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }

    /// The value as a whole number: decimal digits, with a minus sign if it is negative.
    pub(crate) fn integer(&self) -> Option<i64> {
        let digits = self.0.strip_prefix('-').unwrap_or(&self.0);
        let is_decimal = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        is_decimal.then(|| self.0.parse().ok())?
    }
}

impl From<Value> for Text {
    #[inline(never)]
    fn from(value: Value) -> Self {
        Self(match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
        })
    }
}

impl<'de> Deserialize<'de> for Text {
    // One copy instead of one for each field.
    #[inline(never)]
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Deserialize)]
    #[serde(default, rename_all = "PascalCase")]
    #[derive(Default)]
    struct Sample {
        cert_id: Text,
        expired: Text,
    }

    #[test]
    fn whole_numbers_are_read_from_numbers_and_strings() {
        for (value, number) in [
            (json!(18_382_705), Some(18_382_705)),
            (json!("18382705"), Some(18_382_705)),
            (json!(i64::MAX), Some(i64::MAX)),
            (json!("9223372036854775807"), Some(i64::MAX)),
            (json!("9223372036854775808"), None),
            (json!(9_223_372_036_854_775_808_u64), None),
            (json!("-1008"), Some(-1008)),
            (json!(1.0), None),
            (json!("+1"), None),
            (json!("-"), None),
            (json!(""), None),
            (json!(null), None),
            (json!([1]), None),
        ] {
            let sample: Sample = parse(json!({"CertId": value, "New": {"a": [1]}})).unwrap();
            assert_eq!(sample.cert_id.integer(), number, "{value}");
        }
        assert_eq!(parse::<Sample>(json!({})).unwrap().cert_id.integer(), None);
    }

    #[test]
    fn names_are_read_in_both_spellings() {
        for fields in [
            json!({"Expired": true}),
            json!({"expired": "true"}),
            json!({"Expired": true, "expired": false}),
            json!({"Expired": null, "expired": true}),
            json!({"Expired": [], "expired": true}),
        ] {
            let sample: Sample = parse(fields.clone()).unwrap();
            assert_eq!(sample.expired.as_str(), "true", "{fields}");
        }
        // Names that no response begins with a small letter have one spelling.
        assert_eq!(parse::<Sample>(json!({"certId": 7})).unwrap().cert_id.integer(), None);
        assert!(parse::<Sample>(json!("text")).is_err());
        parse::<Sample>(json!({"": 1, "名": 2})).unwrap();
    }
}
