//! What deployment consists of, as the service describes it: cloud resources, contacts, jobs and
//! the workers of a job.
//!
//! Numbers arrive as numbers or as text; a text is empty if the service does not give it
//! (docs/service.md, Deployment).

use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::base::time::UnixTime;
use crate::protocol::fields::{Text, parse};
use crate::service::paging::PageInfo;
use crate::service::types::CertId;

/// The ID of a deployment job. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "Text")]
pub struct JobId(i64);

impl JobId {
    /// Returns `None` if `id` is not positive.
    #[must_use]
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl TryFrom<Text> for JobId {
    type Error = &'static str;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        text.integer().and_then(Self::new).ok_or("invalid job ID")
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The status of a deployment job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JobStatus {
    /// Created, and not started.
    Editing,
    /// Waits for its time.
    Pending,
    /// Is about to run.
    Scheduling,
    /// Runs.
    Processing,
    /// Has ended, and every worker has succeeded.
    Success,
    /// Has ended, and a worker has failed.
    Error,
    /// A status that libcas does not know.
    Unknown,
}

impl JobStatus {
    /// Reads the service's name of a status.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "editing" => Self::Editing,
            "pending" => Self::Pending,
            "scheduling" => Self::Scheduling,
            "processing" => Self::Processing,
            "success" => Self::Success,
            "error" => Self::Error,
            _ => Self::Unknown,
        }
    }

    /// Returns the service's name of the status; `unknown` for one that libcas does not know.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Editing => "editing",
            Self::Pending => "pending",
            Self::Scheduling => "scheduling",
            Self::Processing => "processing",
            Self::Success => "success",
            Self::Error => "error",
            Self::Unknown => "unknown",
        }
    }

    /// Whether the job has ended.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Success | Self::Error)
    }
}

/// A resource of another product that can use a certificate, such as a CDN domain or a listener.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ResourceFields")]
pub struct CloudResource {
    /// The ID by which deployment knows it.
    pub id: i64,
    /// The cloud provider, such as `aliyun`.
    pub cloud: String,
    /// The product, such as `CDN`.
    pub product: String,
    /// The region.
    pub region: String,
    /// The domain that it serves; may be empty.
    pub domain: String,
    /// The instance, of load balancers.
    pub instance_id: String,
    /// The listener, of load balancers.
    pub listener_id: String,
    /// The port of the listener.
    pub listener_port: String,
    /// The certificate that it uses, if it uses one of the account.
    pub cert_id: Option<CertId>,
    /// The start of the validity of that certificate.
    pub cert_not_before: Option<UnixTime>,
    /// The end of the validity of that certificate.
    pub cert_not_after: Option<UnixTime>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ResourceFields {
    id: Text,
    cloud_name: Text,
    cloud_product: Text,
    region_id: Text,
    domain: Text,
    instance_id: Text,
    listener_id: Text,
    listener_port: Text,
    cert_id: Text,
    cert_start_time: Text,
    cert_end_time: Text,
}

impl TryFrom<ResourceFields> for CloudResource {
    type Error = &'static str;

    fn try_from(fields: ResourceFields) -> Result<Self, Self::Error> {
        Ok(Self {
            id: positive(&fields.id).ok_or("missing resource ID")?,
            cloud: fields.cloud_name.into_string(),
            product: fields.cloud_product.into_string(),
            region: fields.region_id.into_string(),
            domain: fields.domain.into_string(),
            instance_id: fields.instance_id.into_string(),
            listener_id: fields.listener_id.into_string(),
            listener_port: fields.listener_port.into_string(),
            cert_id: fields.cert_id.integer().and_then(CertId::new),
            cert_not_before: milliseconds(&fields.cert_start_time),
            cert_not_after: milliseconds(&fields.cert_end_time),
        })
    }
}

/// A person whom the service informs about a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ContactFields")]
pub struct Contact {
    /// The ID of the contact.
    pub id: i64,
    /// The name.
    pub name: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ContactFields {
    contact_id: Text,
    name: Text,
}

impl TryFrom<ContactFields> for Contact {
    type Error = &'static str;

    fn try_from(fields: ContactFields) -> Result<Self, Self::Error> {
        let id = positive(&fields.contact_id).ok_or("missing contact ID")?;
        Ok(Self { id, name: fields.name.into_string() })
    }
}

/// A deployment job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "JobFields")]
pub struct DeploymentJob {
    /// The ID of the job.
    pub id: JobId,
    /// Its name, which the program that created it has chosen.
    pub name: String,
    /// Its status.
    pub status: JobStatus,
    /// The certificates that it deploys, as far as the response has them.
    pub cert_ids: Vec<CertId>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct JobFields {
    id: Text,
    name: Text,
    status: Text,
    certificates: Value,
}

impl TryFrom<JobFields> for DeploymentJob {
    type Error = &'static str;

    fn try_from(fields: JobFields) -> Result<Self, Self::Error> {
        // Their members are not documented: those that cannot be read are left out.
        let certificates = match fields.certificates {
            Value::Array(entries) => entries,
            _ => Vec::new(),
        };
        let cert_ids = certificates.into_iter().filter_map(|entry| {
            parse::<JobCertificate>(entry).ok().map(|certificate| certificate.cert_id)
        });
        Ok(Self {
            id: JobId::try_from(fields.id)?,
            name: fields.name.into_string(),
            status: JobStatus::parse(fields.status.as_str()),
            cert_ids: cert_ids.collect(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct JobCertificate {
    cert_id: CertId,
}

/// How far a job is. The counts are those of its workers: it has one for each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "ProgressFields")]
pub struct JobProgress {
    /// All workers.
    pub workers: u64,
    /// Workers that have succeeded and were not rolled back.
    pub succeeded: u64,
    /// Workers that have failed.
    pub failed: u64,
    /// Workers that were, or are being, rolled back.
    pub rolled_back: u64,
    /// What the service says the job consumes of the account's deployments (`CostCount`).
    pub cost: u64,
    /// What the service says the account has bought (`BuyCount`), and has used (`UseCount`).
    pub bought: u64,
    /// See `bought`.
    pub used: u64,
}

impl JobProgress {
    /// Whether every worker has ended.
    #[must_use]
    pub fn is_complete(self) -> bool {
        self.workers > 0 && self.ended() >= self.workers
    }

    /// The workers that have ended.
    #[must_use]
    pub fn ended(self) -> u64 {
        self.succeeded.saturating_add(self.failed).saturating_add(self.rolled_back)
    }
}

#[expect(clippy::struct_field_names, reason = "the API names its fields so")]
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct ProgressFields {
    worker_count: Text,
    success_count: Text,
    failed_count: Text,
    rollback_count: Text,
    cost_count: Text,
    buy_count: Text,
    use_count: Text,
}

impl TryFrom<ProgressFields> for JobProgress {
    type Error = &'static str;

    fn try_from(fields: ProgressFields) -> Result<Self, Self::Error> {
        let count = |text: &Text| text.integer().and_then(|number| u64::try_from(number).ok());
        Ok(Self {
            workers: count(&fields.worker_count).ok_or("missing WorkerCount")?,
            succeeded: count(&fields.success_count).unwrap_or_default(),
            failed: count(&fields.failed_count).unwrap_or_default(),
            rolled_back: count(&fields.rollback_count).unwrap_or_default(),
            cost: count(&fields.cost_count).unwrap_or_default(),
            bought: count(&fields.buy_count).unwrap_or_default(),
            used: count(&fields.use_count).unwrap_or_default(),
        })
    }
}

/// The status of a worker: of the deployment to one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WorkerStatus {
    /// Has not ended.
    Active,
    /// The resource uses the certificate.
    Success,
    /// The deployment has failed.
    Error,
    /// Is being rolled back.
    Rollback,
    /// The resource uses its former certificate again.
    RollbackSuccess,
    /// The rollback has failed.
    RollbackError,
    /// A status that libcas does not know.
    Unknown,
}

impl WorkerStatus {
    /// Reads the service's name of a status.
    #[must_use]
    pub fn parse(name: &str) -> Self {
        match name {
            "editing" | "pending" | "scheduling" | "processing" => Self::Active,
            "success" => Self::Success,
            "error" => Self::Error,
            "rollback" => Self::Rollback,
            "rollback_success" => Self::RollbackSuccess,
            "rollback_error" => Self::RollbackError,
            _ => Self::Unknown,
        }
    }

    /// Returns the service's name of the status; `active` for all that have not ended.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Success => "success",
            Self::Error => "error",
            Self::Rollback => "rollback",
            Self::RollbackSuccess => "rollback_success",
            Self::RollbackError => "rollback_error",
            Self::Unknown => "unknown",
        }
    }
}

/// The part of a job that deploys a certificate to one resource.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "WorkerFields")]
pub struct WorkerResource {
    /// The ID of the worker.
    pub id: i64,
    /// Its status.
    pub status: WorkerStatus,
    /// The certificate that it deploys.
    pub cert_id: Option<CertId>,
    /// The ID of the resource.
    pub resource_id: i64,
    /// The domain of the resource.
    pub domain: String,
    /// The product of the resource.
    pub product: String,
    /// The region of the resource.
    pub region: String,
    /// The certificate that the resource had before, if it had one.
    pub replaced: Option<CertId>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct WorkerFields {
    id: Text,
    status: Text,
    cert_id: Text,
    resource_id: Text,
    resource_domain: Text,
    resource_cert_id: Text,
    cloud_product: Text,
    region_id: Text,
}

impl TryFrom<WorkerFields> for WorkerResource {
    type Error = &'static str;

    fn try_from(fields: WorkerFields) -> Result<Self, Self::Error> {
        Ok(Self {
            id: positive(&fields.id).ok_or("missing worker ID")?,
            status: WorkerStatus::parse(fields.status.as_str()),
            cert_id: fields.cert_id.integer().and_then(CertId::new),
            resource_id: fields.resource_id.integer().unwrap_or_default(),
            domain: fields.resource_domain.into_string(),
            product: fields.cloud_product.into_string(),
            region: fields.region_id.into_string(),
            replaced: fields.resource_cert_id.integer().and_then(CertId::new),
        })
    }
}

/// The response to the creation of a job.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NewJobId {
    pub(crate) job_id: JobId,
}

/// One page of a list, whose entries are read later: one copy of this code serves all lists.
#[derive(Deserialize)]
#[serde(try_from = "EntriesFields")]
pub(crate) struct EntriesPage {
    pub(crate) info: PageInfo,
    pub(crate) entries: Vec<Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct EntriesFields {
    total: Text,
    total_count: Text,
    show_size: Text,
    data: Value,
    contact_list: Value,
}

/// What the ID of an entry is called.
const IDS: [&str; 2] = ["Id", "ContactId"];

impl TryFrom<EntriesFields> for EntriesPage {
    type Error = &'static str;

    /// Fails if an entry has no ID: it may be the job that is looked for.
    fn try_from(fields: EntriesFields) -> Result<Self, Self::Error> {
        let number = |text: &Text| text.integer().and_then(|number| number.try_into().ok());
        let total = number(&fields.total).or_else(|| number(&fields.total_count));
        let list = match (fields.data, fields.contact_list) {
            (Value::Null, list) | (list, _) => list,
        };
        let entries = match list {
            Value::Array(entries) => entries,
            Value::Null if total == Some(0) => Vec::new(),
            _ => return Err("missing list"),
        };
        let id = |entry: &Value| {
            let id = IDS.iter().find_map(|name| entry.get(name))?;
            positive(&Text::from(id.clone()))
        };
        let ids: Option<Vec<_>> = entries.iter().map(id).collect();
        let ids = ids.ok_or("invalid entry in the list")?;
        let size = number(&fields.show_size);
        Ok(Self { info: PageInfo { total, entries: entries.len(), size, ids }, entries })
    }
}

fn positive(text: &Text) -> Option<i64> {
    text.integer().filter(|id| *id > 0)
}

/// A time that the service writes in milliseconds since 1970; `None` for none.
fn milliseconds(text: &Text) -> Option<UnixTime> {
    positive(text).map(|milliseconds| UnixTime(milliseconds / 1000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_resource_is_read_with_numbers_and_texts() {
        let fields = json!({
            "Id": 7, "CloudName": "aliyun", "CloudProduct": "CDN", "RegionId": "cn-hangzhou",
            "Domain": "www.example.com", "CertId": 5, "CertEndTime": "1700000000000",
            "CertStartTime": 1_600_000_000_000_i64,
            "UserId": 1, "EnableHttps": 1,
        });
        let resource: CloudResource = parse(fields.clone()).unwrap();
        let texts = [&resource.cloud, &resource.product, &resource.region, &resource.domain];
        assert_eq!(texts, ["aliyun", "CDN", "cn-hangzhou", "www.example.com"]);
        assert_eq!(resource.cert_id, CertId::new(5));
        assert_eq!(resource.cert_not_after, Some(UnixTime(1_700_000_000)));
        assert_eq!(resource.cert_not_before, Some(UnixTime(1_600_000_000)));
        let mut other = fields;
        other["Id"] = json!("7");
        other["CertId"] = json!("5");
        assert_eq!(parse::<CloudResource>(other).unwrap(), resource);
        let bare: CloudResource = parse(json!({"Id": 1, "CertId": 0, "CertEndTime": ""})).unwrap();
        assert_eq!((bare.cert_id, bare.cert_not_after), (None, None));
        assert!(parse::<CloudResource>(json!({"Domain": "www.example.com"})).is_err());
    }

    #[test]
    fn a_job_is_read_whatever_its_certificates_are() {
        let job = |certificates: Value| -> DeploymentJob {
            let fields = json!({
                "Id": 3, "Name": "n", "Status": "scheduling", "Certificates": certificates,
            });
            parse(fields).unwrap()
        };
        let one = job(json!([{"CertId": 5, "CertName": "c"}, {"CertId": "6"}, {"Name": 1}, 7]));
        assert_eq!((one.id.get(), one.status), (3, JobStatus::Scheduling));
        assert_eq!(one.cert_ids, [5, 6].map(|id| CertId::new(id).unwrap()));
        for none in [json!(null), json!("x"), json!({}), json!([])] {
            assert!(job(none).cert_ids.is_empty());
        }
        assert!(parse::<DeploymentJob>(json!({"Name": "n"})).is_err());
        assert!(parse::<DeploymentJob>(json!({"Id": 0})).is_err());
    }

    #[test]
    fn every_status_has_a_name() {
        for name in ["editing", "pending", "scheduling", "processing", "success", "error"] {
            assert_eq!(JobStatus::parse(name).as_str(), name);
            let ended = matches!(name, "success" | "error");
            assert_eq!(JobStatus::parse(name).has_ended(), ended);
        }
        assert_eq!(JobStatus::parse("paused"), JobStatus::Unknown);
        for name in ["success", "error", "rollback", "rollback_success", "rollback_error"] {
            assert_eq!(WorkerStatus::parse(name).as_str(), name);
        }
        assert_eq!(WorkerStatus::parse("processing"), WorkerStatus::Active);
    }

    #[test]
    fn progress_is_complete_when_every_worker_has_ended() {
        for (fields, complete) in [
            (json!({"WorkerCount": 0}), false),
            (json!({"WorkerCount": 2, "SuccessCount": 1}), false),
            (json!({"WorkerCount": "2", "SuccessCount": "1", "FailedCount": 1}), true),
            (json!({"WorkerCount": 2, "SuccessCount": 1, "RollbackCount": 1}), true),
        ] {
            let progress: JobProgress = parse(fields.clone()).unwrap();
            assert_eq!(progress.is_complete(), complete, "{fields}");
        }
        assert!(parse::<JobProgress>(json!({"SuccessCount": 1})).is_err());
    }

    #[test]
    fn a_page_is_read_whole_or_not_at_all() {
        let page = |fields: Value| {
            let page = parse::<EntriesPage>(fields).ok()?;
            Some((page.info.total, page.entries.len()))
        };
        let list = json!([{"ContactId": 1, "Name": "n"}]);
        for (fields, expected) in [
            (json!({"ContactList": list, "TotalCount": 1}), Some((Some(1), 1))),
            (json!({"Data": list, "Total": "1", "ShowSize": 50}), Some((Some(1), 1))),
            (json!({"Data": []}), Some((None, 0))),
            (json!({"Total": 0}), Some((Some(0), 0))),
            (json!({"Total": 1}), None),
            (json!({"RequestId": "R"}), None),
            (json!({"Data": [{"ContactId": 1}, {"Name": "n"}]}), None),
            (json!({"Data": "x"}), None),
        ] {
            assert_eq!(page(fields.clone()), expected, "{fields}");
        }
    }
}
