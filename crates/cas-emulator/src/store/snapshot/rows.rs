//! Everything but certificates in a snapshot.

use rusqlite::{Connection, Row, params};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::account::Account;
use crate::store::cloud_resources::{NewCloudResource, NewContact};
use crate::store::deployment::{JobContent, Status, WorkerContent};
use crate::store::json::{from_json, invalid, to_json};

/// A row of a table.
pub(super) trait SnapshotRow: Serialize + DeserializeOwned {
    /// The member of the document.
    const MEMBER: &'static str;
    /// Selects all rows in order.
    const SELECT: &'static str;

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self>;

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize>;

    /// For an error.
    fn label(&self) -> String;
}

/// A client token of a deletion.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    account: Account,
    client_token: String,
    cert_id: i64,
}

impl SnapshotRow for Deletion {
    const MEMBER: &'static str = "deletions";
    const SELECT: &'static str = "SELECT * FROM deletion ORDER BY account, client_token";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            account: row.get("account")?,
            client_token: row.get("client_token")?,
            cert_id: row.get("cert_id")?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.execute(
            "INSERT INTO deletion (account, client_token, cert_id) VALUES (?1, ?2, ?3)",
            params![self.account, self.client_token, self.cert_id],
        )
    }

    fn label(&self) -> String {
        format!("deletion of certificate {}", self.cert_id)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloudResource {
    id: i64,
    account: Account,
    /// As it was added.
    content: NewCloudResource,
    /// The certificate that it uses now.
    cert_id: i64,
    created: i64,
    modified: i64,
}

impl SnapshotRow for CloudResource {
    const MEMBER: &'static str = "cloud_resources";
    const SELECT: &'static str = "SELECT * FROM cloud_resource ORDER BY id";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            account: row.get("account")?,
            content: from_json(row, "content")?,
            cert_id: row.get("cert_id")?,
            created: row.get("created")?,
            modified: row.get("modified")?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        let (identity, content) = (self.content.identity(), to_json(&self.content));
        connection.execute(
            "INSERT INTO cloud_resource
                 (id, account, identity, content, cert_id, created, modified)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                self.id,
                self.account,
                identity,
                content,
                self.cert_id,
                self.created,
                self.modified
            ],
        )
    }

    fn label(&self) -> String {
        format!("cloud resource {}", self.id)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Contact {
    id: i64,
    account: Account,
    content: NewContact,
}

impl SnapshotRow for Contact {
    const MEMBER: &'static str = "contacts";
    const SELECT: &'static str = "SELECT * FROM contact ORDER BY id";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let (id, account) = (row.get("id")?, row.get("account")?);
        Ok(Self { id, account, content: from_json(row, "content")? })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        connection.execute(
            "INSERT INTO contact (id, account, content) VALUES (?1, ?2, ?3)",
            params![self.id, self.account, to_json(&self.content)],
        )
    }

    fn label(&self) -> String {
        format!("contact {}", self.id)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Job {
    id: i64,
    account: Account,
    content: JobContent,
    status: String,
    created: i64,
    modified: i64,
    started: Option<i64>,
    ended: Option<i64>,
}

impl SnapshotRow for Job {
    const MEMBER: &'static str = "deployment_jobs";
    const SELECT: &'static str = "SELECT * FROM deployment_job ORDER BY id";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            account: row.get("account")?,
            content: from_json(row, "content")?,
            status: row.get("status")?,
            created: row.get("created")?,
            modified: row.get("modified")?,
            started: row.get("started")?,
            ended: row.get("ended")?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        check_status(&self.status)?;
        connection.execute(
            "INSERT INTO deployment_job
                 (id, account, content, status, created, modified, started, ended)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                self.id,
                self.account,
                to_json(&self.content),
                self.status,
                self.created,
                self.modified,
                self.started,
                self.ended
            ],
        )
    }

    fn label(&self) -> String {
        format!("deployment job {}", self.id)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Worker {
    id: i64,
    job_id: i64,
    resource_id: i64,
    cert_id: i64,
    content: WorkerContent,
    status: String,
    replaced: i64,
    created: i64,
    modified: i64,
}

impl SnapshotRow for Worker {
    const MEMBER: &'static str = "deployment_workers";
    const SELECT: &'static str = "SELECT * FROM deployment_worker ORDER BY id";

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            job_id: row.get("job_id")?,
            resource_id: row.get("resource_id")?,
            cert_id: row.get("cert_id")?,
            content: from_json(row, "content")?,
            status: row.get("status")?,
            replaced: row.get("replaced")?,
            created: row.get("created")?,
            modified: row.get("modified")?,
        })
    }

    fn insert(&self, connection: &Connection) -> rusqlite::Result<usize> {
        check_status(&self.status)?;
        connection.execute(
            "INSERT INTO deployment_worker
                 (id, job_id, resource_id, cert_id, content, status, replaced, created, modified)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                self.id,
                self.job_id,
                self.resource_id,
                self.cert_id,
                to_json(&self.content),
                self.status,
                self.replaced,
                self.created,
                self.modified
            ],
        )
    }

    fn label(&self) -> String {
        format!("deployment worker {}", self.id)
    }
}

fn check_status(status: &str) -> rusqlite::Result<()> {
    Status::from_name(status).map(|_| ()).ok_or_else(|| invalid("unknown status".into()))
}
