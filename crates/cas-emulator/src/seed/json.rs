//! Seeds that people write: certificates, cloud resources and contacts as JSON.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::certificate::{SeedCertificate, read_text};
use super::content::SeedContent;
use crate::store::Account;
use crate::store::cloud_resources::{NewCloudResource, NewContact};

/// Texts that begin a PEM block. Everything else is the name of a file.
const PEM: &str = "-----BEGIN";

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Document {
    certificates: Vec<Entry>,
    cloud_resources: Vec<NewCloudResource>,
    contacts: Vec<NewContact>,
}

/// A certificate. `cert` and `key` are PEM, or names of files relative to the document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    cert: String,
    key: String,
    #[serde(default)]
    account: Option<Account>,
    #[serde(default)]
    resource_group_id: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Reads a document: an object, or an array of certificates.
pub(super) fn read(path: &Path) -> Result<SeedContent, String> {
    let about = |problem: String| format!("the seed {} cannot be used: {problem}", path.display());
    let text = read_text(path)?;
    let document = if text.trim_start().starts_with('[') {
        parse(&text).map(|certificates| Document { certificates, ..Document::default() })
    } else {
        parse(&text)
    };
    let document: Document = document.map_err(about)?;
    if document.cloud_resources.iter().any(|resource| resource.cloud_product.is_empty())
        || document.contacts.iter().any(|contact| contact.name.is_empty())
    {
        return Err(about("a `cloud_product` or the `name` of a contact is empty".to_owned()));
    }
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut certificates = Vec::new();
    for entry in document.certificates {
        let name = entry.name.clone();
        let certificate = certificate(entry, folder);
        certificates.push(certificate.map_err(|problem| about(format!("`{name}`: {problem}")))?);
    }
    let (cloud_resources, contacts) = (document.cloud_resources, document.contacts);
    Ok(SeedContent { cloud_resources, contacts, ..SeedContent::new(path, certificates) })
}

fn certificate(entry: Entry, folder: &Path) -> Result<SeedCertificate, String> {
    let pem = |text: &str| {
        if text.contains(PEM) {
            Ok(Zeroizing::new(text.to_owned()))
        } else {
            read_text(&folder.join(text))
        }
    };
    let key = Zeroizing::new(entry.key);
    let (cert_pem, key_pem) = (pem(&entry.cert)?, pem(&key)?);
    let certificate = SeedCertificate::new(&entry.name, cert_pem.to_string(), key_pem)?;
    Ok(SeedCertificate {
        account: entry.account,
        resource_group_id: entry.resource_group_id,
        tags: entry.tags.into_iter().collect(),
        ..certificate
    })
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| {
        // The message quotes the document, and this could be a private key.
        if error.to_string().contains(PEM) {
            format!("PEM where something else is expected, at line {}", error.line())
        } else {
            let terms = [("unknown field", "unknown member"), ("missing field", "missing member")];
            terms.iter().fold(error.to_string(), |message, (from, to)| message.replace(from, to))
        }
    })
}
