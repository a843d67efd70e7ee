//! What the emulator is told to have: cloud resources and contacts, as JSON.

use std::fmt;

use serde::de::DeserializeOwned;

use super::fault_json::parse_one_or_many;
use crate::store::StoreError;
use crate::store::cloud_resources::{NewCloudResource, NewContact};

/// The cloud resources and contacts that the emulator has when it starts, and after a reset.
#[derive(Default)]
pub(crate) struct Seed {
    pub(crate) cloud_resources: Vec<NewCloudResource>,
    pub(crate) contacts: Vec<NewContact>,
}

impl Seed {
    /// The contacts, or the one that the emulator has without any.
    pub(crate) fn contacts(&self) -> Vec<NewContact> {
        if !self.contacts.is_empty() {
            return self.contacts.clone();
        }
        vec![NewContact {
            name: "emulator".to_owned(),
            email: "emulator@example.com".to_owned(),
            mobile: "13800000000".to_owned(),
        }]
    }
}

/// Why a cloud resource or a contact was rejected. Displayed as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedError(String);

impl fmt::Display for SeedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SeedError {}

impl From<StoreError> for SeedError {
    fn from(error: StoreError) -> Self {
        Self(error.to_string())
    }
}

/// Parses one cloud resource or an array of cloud resources.
pub(crate) fn parse_cloud_resources(json: &[u8]) -> Result<Vec<NewCloudResource>, SeedError> {
    let resources: Vec<NewCloudResource> = parse("cloud resource", json)?;
    if resources.iter().any(|resource| resource.cloud_product.is_empty()) {
        return Err(SeedError("invalid cloud resource: `cloud_product` is empty".to_owned()));
    }
    Ok(resources)
}

/// Parses one contact or an array of contacts.
pub(crate) fn parse_contacts(json: &[u8]) -> Result<Vec<NewContact>, SeedError> {
    let contacts: Vec<NewContact> = parse("contact", json)?;
    if contacts.iter().any(|contact| contact.name.is_empty()) {
        return Err(SeedError("invalid contact: `name` is empty".to_owned()));
    }
    Ok(contacts)
}

fn parse<T: DeserializeOwned>(what: &str, json: &[u8]) -> Result<Vec<T>, SeedError> {
    parse_one_or_many(json).map_err(|reason| SeedError(format!("invalid {what}: {reason}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_invalid_json_and_says_why() {
        let resources = [
            ("", "EOF while parsing a value at line 1 column 0"),
            ("{}", "missing member `cloud_product` at line 1 column 2"),
            (r#"{"cloud_product":""}"#, "`cloud_product` is empty"),
            (r#"{"cloud_product":7}"#, "integer `7`, expected a string at line 1 column 18"),
            (r#"{"CloudProduct":"CDN"}"#, "unknown member `CloudProduct`, expected one of `cloud_"),
            (r#"{"cloud_product":"SLB","listener_port":65536}"#, "whole number up to 65535"),
            (r#"[["CDN"]]"#, "expected a JSON object at line 1 column 1"),
            (r#"{"domain":"-----BEGIN PRIVATE KEY-----"}"#, "PEM where JSON is expected"),
        ];
        for (json, message) in resources {
            let error = parse_cloud_resources(json.as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with("invalid cloud resource: "), "{error}");
            assert!(error.contains(message), "{json}: {error:?} must contain {message:?}");
        }
        let error = parse_contacts(br#"{"name":""}"#).unwrap_err().to_string();
        assert_eq!(error, "invalid contact: `name` is empty");
        assert_eq!(parse_contacts(br#"[{"name":"a"},{"name":"b"}]"#).unwrap().len(), 2);
    }
}
