//! Jobs that deploy certificates to cloud resources.

use std::collections::HashSet;
use std::ops::Range;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use serde::{Deserialize, Serialize};

use super::account::Account;
use super::cloud_resources::{NewCloudResource, NewContact};
use super::json::{from_json, invalid, to_json};
use super::row;
use crate::certificates::domain;

/// The tables. What never changes of a job or a worker is JSON in one column. Times are in
/// milliseconds since 1970.
pub(super) const SCHEMA: &str = "
    CREATE TABLE deployment_job (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        account      INTEGER NOT NULL,
        content      TEXT NOT NULL,
        status       TEXT NOT NULL,
        created      INTEGER NOT NULL,
        modified     INTEGER NOT NULL,
        started      INTEGER,
        ended        INTEGER
    ) STRICT;
    CREATE TABLE deployment_worker (
        id           INTEGER PRIMARY KEY AUTOINCREMENT,
        job_id       INTEGER NOT NULL REFERENCES deployment_job (id),
        resource_id  INTEGER NOT NULL,
        cert_id      INTEGER NOT NULL,
        content      TEXT NOT NULL,
        status       TEXT NOT NULL,
        replaced     INTEGER NOT NULL,
        created      INTEGER NOT NULL,
        modified     INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX deployment_worker_by_job ON deployment_worker (job_id);";

/// Deletes the rows of all tables of [`SCHEMA`].
pub(super) const CLEAR: &str = "
    DELETE FROM deployment_worker;
    DELETE FROM deployment_job;";

/// The status of a job or of one of its workers. Jobs have only the first six.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Editing,
    Pending,
    Scheduling,
    Processing,
    Success,
    Error,
    Rollback,
    RollbackSuccess,
    RollbackError,
}

impl Status {
    pub(crate) const ALL: [(&'static str, Self); 9] = [
        ("editing", Self::Editing),
        ("pending", Self::Pending),
        ("scheduling", Self::Scheduling),
        ("processing", Self::Processing),
        ("success", Self::Success),
        ("error", Self::Error),
        ("rollback", Self::Rollback),
        ("rollback_success", Self::RollbackSuccess),
        ("rollback_error", Self::RollbackError),
    ];

    pub(crate) fn name(self) -> &'static str {
        let (name, _) = Self::ALL[self as usize];
        name
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, status)| status)
    }
}

/// A job to create.
pub(crate) struct NewJob<'a> {
    pub(crate) account: Account,
    pub(crate) name: &'a str,
    pub(crate) job_type: &'a str,
    pub(crate) schedule_time: Option<i64>,
    pub(crate) cert_ids: Vec<i64>,
    pub(crate) resource_ids: Vec<i64>,
    pub(crate) contact_ids: Vec<i64>,
}

/// What never changes of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobContent {
    pub(crate) name: String,
    pub(crate) job_type: String,
    pub(crate) schedule_time: Option<i64>,
    pub(crate) certificates: Vec<JobCertificate>,
    pub(crate) contacts: Vec<(i64, NewContact)>,
}

/// A certificate as it was when the job was created.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct JobCertificate {
    pub(crate) cert_id: i64,
    pub(crate) name: String,
    /// The common name, and then the other domains.
    pub(crate) domains: Vec<String>,
}

/// A job, and its workers in the order in which they run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: i64,
    pub(crate) content: JobContent,
    pub(crate) status: Status,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    pub(crate) started: Option<i64>,
    pub(crate) ended: Option<i64>,
    pub(crate) workers: Vec<Worker>,
}

/// What never changes of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WorkerContent {
    pub(crate) resource: NewCloudResource,
    pub(crate) certificate: JobCertificate,
    /// Whether the certificate covers the domain of the resource.
    pub(crate) matches: bool,
}

/// The deployment of one certificate to one cloud resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Worker {
    pub(crate) id: i64,
    pub(crate) resource_id: i64,
    pub(crate) content: WorkerContent,
    pub(crate) status: Status,
    /// The certificate that the resource used before; 0 for none.
    pub(crate) replaced: i64,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// The certificate that the resource uses now; `None` if the resource does not exist any more.
    pub(crate) bound: Option<i64>,
    /// Whether the certificate to deploy is still stored.
    pub(crate) certificate_stored: bool,
}

/// Creates a job in the status `editing`, with a worker for each resource. Returns its ID, or
/// `None` if one of the certificates, resources or contacts does not exist.
pub(crate) fn create(
    transaction: &Transaction<'_>,
    new: &NewJob<'_>,
    now: i64,
) -> rusqlite::Result<Option<i64>> {
    let account = new.account;
    let select =
        |table: &str| format!("SELECT content FROM {table} WHERE account = ?1 AND id = ?2");
    let certificates = find_all(&new.cert_ids, |id| job_certificate(transaction, account, id))?;
    let resources = find_all(&new.resource_ids, |id| {
        let content = |row: &Row<'_>| Ok((id, from_json(row, "content")?));
        let select = select("cloud_resource");
        transaction.query_row(&select, params![account, id], content).optional()
    })?;
    let contacts = find_all(&new.contact_ids, |id| {
        let content = |row: &Row<'_>| Ok((id, from_json(row, "content")?));
        transaction.query_row(&select("contact"), params![account, id], content).optional()
    })?;
    let (Some(certificates), Some(resources), Some(contacts)) = (certificates, resources, contacts)
    else {
        return Ok(None);
    };
    let content = JobContent {
        name: new.name.to_owned(),
        job_type: new.job_type.to_owned(),
        schedule_time: new.schedule_time,
        certificates,
        contacts,
    };
    let editing = Status::Editing.name();
    transaction.execute(
        "INSERT INTO deployment_job (content, status, created, modified, account)
         VALUES (?1, ?2, ?3, ?3, ?4)",
        params![to_json(&content), editing, now, account],
    )?;
    let job_id = transaction.last_insert_rowid();
    for (resource_id, resource) in resources {
        let content = worker(&content.certificates, resource);
        let cert_id = content.certificate.cert_id;
        transaction.execute(
            "INSERT INTO deployment_worker
                 (job_id, resource_id, cert_id, content, status, replaced, created, modified)
             VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?6)",
            params![job_id, resource_id, cert_id, to_json(&content), editing, now],
        )?;
    }
    Ok(Some(job_id))
}

/// Lets `change` change the statuses, times and certificates of a job and its workers. Returns its
/// result, or `None` if the account has no job with this ID.
pub(crate) fn update<T>(
    transaction: &Transaction<'_>,
    account: Account,
    job_id: i64,
    change: impl FnOnce(&mut Job) -> T,
) -> rusqlite::Result<Option<T>> {
    let select = "SELECT * FROM deployment_job WHERE account = ?1 AND id = ?2";
    let before = transaction.query_row(select, params![account, job_id], job).optional()?;
    let Some(before) = before else {
        return Ok(None);
    };
    let before = Job { workers: workers(transaction, job_id)?, ..before };
    let mut after = before.clone();
    let result = change(&mut after);
    save(transaction, &before, &after)?;
    Ok(Some(result))
}

/// The jobs of an account that `selects` accepts, newest first: how many there are, and those in
/// `range`. `selects` sees no workers.
pub(crate) fn list(
    connection: &Connection,
    account: Account,
    selects: impl Fn(&Job) -> bool,
    range: &Range<usize>,
) -> rusqlite::Result<(usize, Vec<Job>)> {
    let mut select = connection
        .prepare_cached("SELECT * FROM deployment_job WHERE account = ?1 ORDER BY id DESC")?;
    let (mut total, mut selected) = (0, Vec::new());
    for found in select.query_map([account], job)? {
        let found = found?;
        if selects(&found) {
            if range.contains(&total) {
                selected.push(found);
            }
            total += 1;
        }
    }
    for job in &mut selected {
        job.workers = workers(connection, job.id)?;
    }
    Ok((total, selected))
}

/// All that `find` finds; `None` if it does not find one.
fn find_all<T>(
    ids: &[i64],
    find: impl Fn(i64) -> rusqlite::Result<Option<T>>,
) -> rusqlite::Result<Option<Vec<T>>> {
    ids.iter().map(|id| find(*id)).collect()
}

fn job_certificate(
    connection: &Connection,
    account: Account,
    cert_id: i64,
) -> rusqlite::Result<Option<JobCertificate>> {
    let select = "SELECT name, common_name, sans FROM certificate
                  WHERE account = ?1 AND cert_id = ?2";
    let certificate = |row: &Row<'_>| {
        let (common_name, sans): (String, String) = (row.get("common_name")?, row.get("sans")?);
        let mut domains = vec![common_name];
        domains.extend(sans.split(',').map(str::to_owned));
        domains.retain(|domain| !domain.is_empty());
        let mut seen = HashSet::new();
        domains.retain(|domain| seen.insert(domain.clone()));
        Ok(JobCertificate { cert_id, name: row.get("name")?, domains })
    };
    connection.query_row(select, params![account, cert_id], certificate).optional()
}

/// Chooses the certificate for a resource: the first that covers its domain, or the first of all.
fn worker(certificates: &[JobCertificate], resource: NewCloudResource) -> WorkerContent {
    let covers = |certificate: &&JobCertificate| {
        let mut names = certificate.domains.iter();
        resource.domain.is_empty() || names.any(|name| domain::covers(name, &resource.domain))
    };
    let covering = certificates.iter().find(covers);
    // A job has at least one certificate.
    let certificate = covering.unwrap_or(&certificates[0]).clone();
    WorkerContent { certificate, matches: covering.is_some(), resource }
}

fn save(transaction: &Transaction<'_>, before: &Job, after: &Job) -> rusqlite::Result<()> {
    let changing = |job: &Job| (job.status, job.modified, job.started, job.ended);
    if changing(before) != changing(after) {
        transaction.execute(
            "UPDATE deployment_job SET status = ?2, modified = ?3, started = ?4, ended = ?5
             WHERE id = ?1",
            params![after.id, after.status.name(), after.modified, after.started, after.ended],
        )?;
    }
    for (before, after) in before.workers.iter().zip(&after.workers) {
        if before == after {
            continue;
        }
        transaction.execute(
            "UPDATE deployment_worker SET status = ?2, replaced = ?3, modified = ?4 WHERE id = ?1",
            params![after.id, after.status.name(), after.replaced, after.modified],
        )?;
        if before.bound != after.bound {
            transaction.execute(
                "UPDATE cloud_resource SET cert_id = ?2, modified = ?3 WHERE id = ?1",
                params![after.resource_id, after.bound, after.modified],
            )?;
        }
    }
    Ok(())
}

/// A job without its workers.
fn job(row: &Row<'_>) -> rusqlite::Result<Job> {
    Ok(Job {
        id: row.get("id")?,
        content: from_json(row, "content")?,
        status: status(row)?,
        created: row.get("created")?,
        modified: row.get("modified")?,
        started: row.get("started")?,
        ended: row.get("ended")?,
        workers: Vec::new(),
    })
}

fn workers(connection: &Connection, job_id: i64) -> rusqlite::Result<Vec<Worker>> {
    let mut select = connection.prepare_cached(
        "SELECT deployment_worker.*, cloud_resource.cert_id AS bound,
                certificate.cert_id IS NOT NULL AS stored
         FROM deployment_worker
             LEFT JOIN cloud_resource ON cloud_resource.id = resource_id
             LEFT JOIN certificate ON certificate.cert_id = deployment_worker.cert_id
         WHERE job_id = ?1 ORDER BY deployment_worker.id",
    )?;
    let worker = |row: &Row<'_>| {
        let content: WorkerContent = from_json(row, "content")?;
        Ok(Worker {
            id: row.get("id")?,
            resource_id: row.get("resource_id")?,
            content,
            status: status(row)?,
            replaced: row.get("replaced")?,
            created: row.get("created")?,
            modified: row.get("modified")?,
            bound: row.get("bound")?,
            certificate_stored: row.get("stored")?,
        })
    };
    select.query_map([job_id], worker)?.collect()
}

fn status(row: &Row<'_>) -> rusqlite::Result<Status> {
    let name: String = row.get("status")?;
    Status::from_name(&name).ok_or_else(|| invalid("unknown status".into()))
}

/// The instance ID of a job, such as `cas-job-user-00000a`.
pub(crate) fn instance_id(job_type: &str, job_id: i64) -> String {
    format!("cas-job-{job_type}-{}", row::base36(job_id))
}
