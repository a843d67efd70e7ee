//! JSON that services and other programs write, read into types. Unknown fields are ignored, and a
//! value of the wrong type counts as missing: error messages then name the field.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::{Map, Value};

use crate::base::secret::Secret;
use crate::protocol::fields::Text;

/// The fields of an object. All are missing if `value` is not an object.
pub(crate) fn fields<T: DeserializeOwned + Default>(value: Value) -> T {
    match value {
        Value::Object(fields) => T::deserialize(one_spelling(fields)).unwrap_or_default(),
        _ => T::default(),
    }
}

/// Each field once: of a name with a small first letter and the same name with a capital, the one
/// with a value, or else the capital one. serde refuses a field that has an alias and comes twice.
#[inline(never)]
fn one_spelling(mut fields: Map<String, Value>) -> Map<String, Value> {
    let names: Vec<String> = fields.keys().cloned().collect();
    for name in names {
        let mut capital = name.clone();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        if capital == name {
            continue;
        }
        match fields.get(&capital) {
            Some(Value::Null) => fields.remove(&capital),
            Some(_) => fields.remove(&name),
            None => None,
        };
    }
    fields
}

/// The same for a field, by `deserialize_with`: unlike a derived type, it does not accept a list of
/// values in place of an object.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Value::deserialize(deserializer).map(fields)
}

/// A string, number or Boolean as text that is wiped. Missing if it is anything else, or empty.
#[derive(Default)]
pub(crate) struct SecretText(Option<Secret>);

impl SecretText {
    pub(crate) fn get(&self) -> Option<&str> {
        self.0.as_ref().map(Secret::expose)
    }

    pub(crate) fn into_secret(self) -> Option<Secret> {
        self.0
    }

    /// The value as decimal digits, with a minus sign if it is negative.
    pub(crate) fn integer(&self) -> Option<i64> {
        self.get().filter(|digits| !digits.starts_with('+'))?.parse().ok()
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Text::from(Value::deserialize(deserializer)?).into_string();
        Ok(Self(Some(Secret::new(text)).filter(|secret| !secret.expose().is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Sample {
        a: SecretText,
    }

    #[test]
    fn scalars_are_text_and_everything_else_is_missing() {
        for (value, text) in [
            (json!({"a": "x", "unknown": [1]}), Some("x")),
            (json!({"a": 7}), Some("7")),
            (json!({"a": -1.5}), Some("-1.5")),
            (json!({"a": true}), Some("true")),
            (json!({"a": ""}), None),
            (json!({"a": null}), None),
            (json!({"a": ["x"]}), None),
            (json!({"a": {"b": "x"}}), None),
            (json!({}), None),
            (json!(["x"]), None),
            (json!("x"), None),
        ] {
            let shown = value.to_string();
            assert_eq!(fields::<Sample>(value).a.get(), text, "{shown}");
        }
    }

    #[test]
    fn integers_are_numbers_or_digits() {
        for (value, number) in [
            (json!(7), Some(7)),
            (json!("7"), Some(7)),
            (json!("-7"), Some(-7)),
            (json!("+7"), None),
            (json!(1.5), None),
            (json!("soon"), None),
        ] {
            assert_eq!(fields::<Sample>(json!({"a": value})).a.integer(), number, "{value}");
        }
    }
}
