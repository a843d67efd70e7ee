//! Cloud resources, to which jobs deploy certificates, and contacts.

use rusqlite::{Connection, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::json::{from_json, to_json};

/// The tables. Times are in milliseconds since 1970.
pub(super) const SCHEMA: &str = "
    CREATE TABLE cloud_resource (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        account      INTEGER NOT NULL,
        identity     TEXT NOT NULL,
        content      TEXT NOT NULL,
        cert_id      INTEGER NOT NULL,
        created      INTEGER NOT NULL,
        modified     INTEGER NOT NULL,
        UNIQUE (account, identity)
    ) STRICT;
    CREATE TABLE contact (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        account      INTEGER NOT NULL,
        content      TEXT NOT NULL,
        UNIQUE (account, content)
    ) STRICT;";

/// Deletes the rows of all tables of [`SCHEMA`].
pub(super) const CLEAR: &str = "
    DELETE FROM contact;
    DELETE FROM cloud_resource;";

/// A cloud resource as the emulator is told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCloudResource {
    /// The cloud service, such as `CDN`.
    pub(crate) cloud_product: String,
    /// The provider.
    #[serde(default = "aliyun")]
    pub(crate) cloud_name: String,
    #[serde(default)]
    pub(crate) region_id: String,
    #[serde(default)]
    pub(crate) domain: String,
    #[serde(default)]
    pub(crate) instance_id: String,
    #[serde(default)]
    pub(crate) listener_id: String,
    /// 0 for none.
    #[serde(default)]
    pub(crate) listener_port: u16,
    /// The access key ID of another provider.
    #[serde(default)]
    pub(crate) cloud_access_id: String,
    #[serde(default)]
    pub(crate) default_resource: bool,
    /// The certificate that it uses; 0 for none.
    #[serde(default)]
    pub(crate) cert_id: i64,
}

fn aliyun() -> String {
    "aliyun".to_owned()
}

impl NewCloudResource {
    /// What makes it the same resource as another one.
    pub(super) fn identity(&self) -> String {
        to_json(&(
            &self.cloud_name,
            &self.cloud_product,
            &self.region_id,
            &self.domain,
            &self.instance_id,
            &self.listener_id,
            self.listener_port,
        ))
    }
}

/// A cloud resource. `cert_id` of `content` is the certificate that it uses now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CloudResource {
    pub(crate) id: i64,
    #[serde(flatten)]
    pub(crate) content: NewCloudResource,
    #[serde(skip)]
    pub(crate) created: i64,
    #[serde(skip)]
    pub(crate) modified: i64,
    /// Its certificate, if that is stored.
    #[serde(skip)]
    pub(crate) certificate: Option<BoundCertificate>,
}

/// The certificate of a cloud resource. Times are in milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BoundCertificate {
    pub(crate) name: String,
    pub(crate) not_before: i64,
    pub(crate) not_after: i64,
}

/// A contact as the emulator is told about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewContact {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) email: String,
    #[serde(default)]
    pub(crate) mobile: String,
}

/// A contact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Contact {
    pub(crate) id: i64,
    #[serde(flatten)]
    pub(crate) content: NewContact,
}

/// Adds cloud resources. One that exists already gets the certificate that is given, if any.
pub(crate) fn add(
    transaction: &Transaction<'_>,
    account: Account,
    resources: &[NewCloudResource],
    now: i64,
) -> rusqlite::Result<()> {
    for resource in resources {
        transaction.execute(
            "INSERT INTO cloud_resource (identity, content, cert_id, created, modified, account)
             VALUES (?1, ?2, ?3, ?4, ?4, ?5)
             ON CONFLICT DO UPDATE SET cert_id = ?3, modified = ?4 WHERE ?3 != 0",
            params![resource.identity(), to_json(resource), resource.cert_id, now, account],
        )?;
    }
    Ok(())
}

/// The cloud resources of an account, or of all for `None`, oldest first.
pub(crate) fn list(
    connection: &Connection,
    account: Option<Account>,
) -> rusqlite::Result<Vec<CloudResource>> {
    let mut select = connection.prepare_cached(
        "SELECT cloud_resource.*, certificate.name, certificate.not_before, certificate.not_after
         FROM cloud_resource LEFT JOIN certificate USING (account, cert_id)
         WHERE ?1 IS NULL OR account = ?1 ORDER BY cloud_resource.id",
    )?;
    select.query_map([account], cloud_resource)?.collect()
}

/// The cloud services that use a certificate, each once.
pub(crate) fn products_using(
    connection: &Connection,
    cert_id: i64,
) -> rusqlite::Result<Vec<String>> {
    let mut select =
        connection.prepare_cached("SELECT content FROM cloud_resource WHERE cert_id = ?1")?;
    let product = |row: &Row<'_>| {
        from_json::<NewCloudResource>(row, "content").map(|resource| resource.cloud_product)
    };
    let mut products: Vec<_> = select.query_map([cert_id], product)?.collect::<Result<_, _>>()?;
    products.sort_unstable();
    products.dedup();
    Ok(products)
}

/// Removes all cloud resources.
pub(crate) fn clear(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("DELETE FROM cloud_resource")
}

/// Adds contacts that do not exist.
pub(crate) fn add_contacts(
    transaction: &Transaction<'_>,
    account: Account,
    contacts: &[NewContact],
) -> rusqlite::Result<()> {
    for contact in contacts {
        let insert = "INSERT OR IGNORE INTO contact (account, content) VALUES (?1, ?2)";
        transaction.execute(insert, params![account, to_json(contact)])?;
    }
    Ok(())
}

/// The contacts of an account, or of all for `None`, oldest first.
pub(crate) fn contacts(
    connection: &Connection,
    account: Option<Account>,
) -> rusqlite::Result<Vec<Contact>> {
    let mut select = connection
        .prepare_cached("SELECT * FROM contact WHERE ?1 IS NULL OR account = ?1 ORDER BY id")?;
    let contact =
        |row: &Row<'_>| Ok(Contact { id: row.get("id")?, content: from_json(row, "content")? });
    select.query_map([account], contact)?.collect()
}

/// Removes all contacts.
pub(crate) fn clear_contacts(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch("DELETE FROM contact")
}

fn cloud_resource(row: &Row<'_>) -> rusqlite::Result<CloudResource> {
    let mut content: NewCloudResource = from_json(row, "content")?;
    content.cert_id = row.get("cert_id")?;
    let certificate = match row.get::<_, Option<String>>("name")? {
        None => None,
        Some(name) => {
            let milliseconds = |name: &str| row.get::<_, i64>(name).map(|seconds| seconds * 1000);
            let (not_before, not_after) = (milliseconds("not_before")?, milliseconds("not_after")?);
            Some(BoundCertificate { name, not_before, not_after })
        }
    };
    Ok(CloudResource {
        id: row.get("id")?,
        content,
        created: row.get("created")?,
        modified: row.get("modified")?,
        certificate,
    })
}
