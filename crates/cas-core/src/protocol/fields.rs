//! Typed fields of a response: lenient values, and names in either spelling.
//!
//! The service writes an ID as a number or as a string, and the lists of 2018-07-13 begin names
//! with a small letter (docs/service.md, Responses). Types derive `Deserialize`, take their values
//! as [`Text`] and ignore unknown fields. Uses nothing of this crate.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

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

/// Names that mean the ID of a certificate. A response with different ones has no clear ID. `Id` is
/// not one of them: an order has an `Id` of its own.
const IDS: [&str; 4] = ["CertId", "certId", "CertificateId", "certificateId"];

/// Parses JSON. Where an object has a name twice, with different values, the field has both values
/// in a list, so that it is read as neither; `Value` itself keeps the last one.
pub(crate) fn from_json(json: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice::<Json>(json).map(|json| json.0)
}

struct Json(Value);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor).map(Self)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Bool(flag))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Number::from_f64(number).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Json(entry)) = entries.next_element()? {
            list.push(entry);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Json(value))) = entries.next_entry::<String, Json>()? {
            let value = match take(&mut fields, &name) {
                Some(known) if !same(&known, &value) => Value::Array(vec![known, value]),
                _ => value,
            };
            put(&mut fields, name, value);
        }
        Ok(Value::Object(fields))
    }
}

// One copy of each, since what they call is inlined.

#[inline(never)]
fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.remove(name)
}

#[inline(never)]
fn put(fields: &mut Map<String, Value>, name: String, value: Value) {
    fields.insert(name, value);
}

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
/// capital one counts, unless only the other one is a text, a number or a Boolean. Two different
/// codes are none, and neither are different IDs.
fn capitalized(mut fields: Map<String, Value>) -> Map<String, Value> {
    for name in EITHER_SPELLING {
        let Some(value) = take(&mut fields, name) else { continue };
        let mut capital = name.to_owned();
        capital[..1].make_ascii_uppercase();
        let value = match take(&mut fields, &capital) {
            Some(known) if matches!(name, "code" | "id") && differ(&known, &value) => UNCLEAR,
            Some(known) if !known.is_null() && (is_scalar(&known) || !is_scalar(&value)) => known,
            _ => value,
        };
        put(&mut fields, capital, value);
    }
    let ids: Vec<&Value> = IDS.iter().filter_map(|&name| fields.get(name)).collect();
    if ids.iter().any(|one| ids.iter().any(|other| differ(one, other))) {
        for name in IDS {
            put(&mut fields, name.to_owned(), UNCLEAR);
        }
    }
    fields
}

/// No text, and not missing.
const UNCLEAR: Value = Value::Array(Vec::new());

/// Whether two fields that mean the same have different values. An empty one has none.
fn differ(one: &Value, other: &Value) -> bool {
    let is_empty = |value: &Value| value.is_null() || value.as_str() == Some("");
    !is_empty(one) && !is_empty(other) && !same(one, other)
}

/// Whether two fields have the same text.
fn same(one: &Value, other: &Value) -> bool {
    let text = |value: &Value| is_scalar(value).then(|| Text::from(value.clone()).0);
    text(one).is_some_and(|one| Some(one) == text(other))
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
    fn a_name_that_occurs_twice_has_both_values() {
        for (json, fields) in [
            (
                r#"{"a":1,"b":{"c":[1.5,-1,null,true,"x"]}}"#,
                json!({"a": 1, "b": {"c": [
                1.5, -1, null, true, "x"]}}),
            ),
            (r#"{"a":1,"a":"1"}"#, json!({"a": "1"})),
            (r#"{"a":null,"a":1,"b":"","b":2}"#, json!({"a": [null, 1], "b": ["", 2]})),
            (r#"{"a":1,"b":2,"\u0061":2}"#, json!({"a": [1, 2], "b": 2})),
            (r#"[{"a":{},"a":{"b":1}}]"#, json!([{"a": [{}, {"b": 1}]}])),
        ] {
            assert_eq!(from_json(json.as_bytes()).unwrap(), fields, "{json}");
        }
        for invalid in ["", "{", r#"{"a":1}x"#, r#"{"a"}"#, &"[".repeat(1000)] {
            assert!(from_json(invalid.as_bytes()).is_err(), "{invalid}");
        }
    }

    #[test]
    fn different_ids_are_none() {
        for (json, id) in [
            (r#"{"CertId":7,"CertId":"7","certId":7,"CertificateId":"7"}"#, Some(7)),
            (r#"{"CertId":7,"CertId":8}"#, None),
            (r#"{"CertId":7,"certId":8}"#, None),
            (r#"{"CertId":7,"CertificateId":8}"#, None),
            (r#"{"CertId":7,"certificateId":[8]}"#, None),
            (r#"{"CertId":7,"certId":null,"CertificateId":"","Id":8}"#, Some(7)),
        ] {
            let sample: Sample = parse(from_json(json.as_bytes()).unwrap()).unwrap();
            assert_eq!(sample.cert_id.integer(), id, "{json}");
        }
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
