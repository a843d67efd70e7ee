//! `CreateDeploymentJob`, `UpdateDeploymentJobStatus`, `DescribeDeploymentJob`,
//! `DescribeDeploymentJobStatus` and `ListDeploymentJob`.

use serde::Serialize;

use super::super::context::Context;
use super::super::errors::{self, ApiError};
use super::page::{Page, PageFields};
use super::progress::{self, InvalidTransition};
use super::{id, ids};
use crate::clock;
use crate::store::deployment::{self, Job, JobCertificate, NewJob, Status, Worker};
use crate::store::{Account, resource_id};

/// The values of the parameter `JobType`.
const JOB_TYPES: [(&str, &str); 2] = [("user", "user"), ("cloud", "cloud")];

/// From this number on, a schedule time is in milliseconds, below in seconds.
const FIRST_MILLISECONDS: i64 = 100_000_000_000;

/// The fields of a `CreateDeploymentJob` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateJobOutput {
    job_id: i64,
    request_id: String,
}

/// The fields of a response to a change of a status.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UpdateStatusOutput {
    data: [(); 0],
    request_id: String,
}

impl UpdateStatusOutput {
    pub(super) fn new(context: &Context<'_>) -> Self {
        Self { data: [], request_id: context.request_id.to_owned() }
    }
}

/// The fields of a `DescribeDeploymentJob` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DescribeJobOutput {
    #[serde(flatten)]
    job: JobFields,
    config: &'static str,
    cas_contacts: Vec<ContactItem>,
    request_id: String,
}

/// The fields of a `ListDeploymentJob` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListJobOutput {
    #[serde(flatten)]
    page: PageFields,
    data: Vec<JobItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JobItem {
    #[serde(flatten)]
    job: JobFields,
    certificates: Vec<CertificateItem>,
}

/// What details and lists show of a job. Times are in milliseconds since 1970.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct JobFields {
    id: i64,
    instance_id: String,
    name: String,
    job_type: String,
    status: &'static str,
    cert_type: &'static str,
    cert_domain: String,
    product_name: String,
    rollback: u8,
    del: u8,
    gmt_create: i64,
    gmt_modified: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_time: Option<i64>,
    user_id: i64,
}

#[expect(clippy::struct_field_names, reason = "the API names its fields so")]
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CertificateItem {
    cert_id: i64,
    cert_instance_id: String,
    cert_name: String,
    cert_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContactItem {
    /// Text here, although a number in lists of contacts.
    id: String,
    name: String,
    email: String,
    mobile: String,
}

/// The fields of a `DescribeDeploymentJobStatus` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct JobStatusOutput {
    cert_count: usize,
    resource_count: usize,
    worker_count: usize,
    match_worker_count: usize,
    success_count: usize,
    failed_count: usize,
    rollback_count: usize,
    rollback_success_count: usize,
    rollback_failed_count: usize,
    product_worker_count: Vec<ProductCount>,
    // The emulator charges nothing.
    buy_count: usize,
    cost_count: usize,
    use_count: usize,
    request_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ProductCount {
    product_name: String,
    count: usize,
}

pub(in super::super) fn create(context: &Context<'_>) -> Result<CreateJobOutput, ApiError> {
    let name = context.required("Name")?;
    context.required("JobType")?;
    let job_type = context.one_of("JobType", "user", &JOB_TYPES)?;
    let (cert_ids, resource_ids) = (ids(context, "CertIds")?, ids(context, "ResourceIds")?);
    let contact_ids = ids(context, "ContactIds")?;
    let schedule_time = schedule_time(context)?;
    let account = context.account;
    let new =
        NewJob { account, name, job_type, schedule_time, cert_ids, resource_ids, contact_ids };
    let now = clock::unix_milliseconds(context.now);
    let job_id = context.store.change(|transaction| deployment::create(transaction, &new, now))?;
    let job_id = job_id.ok_or(&errors::NOT_FOUND)?;
    Ok(CreateJobOutput { job_id, request_id: context.request_id.to_owned() })
}

/// The parameter `ScheduleTime`, in milliseconds since 1970. The documentation says seconds, its
/// samples have milliseconds.
fn schedule_time(context: &Context<'_>) -> Result<Option<i64>, ApiError> {
    let Some(text) = context.parameters.non_empty("ScheduleTime") else { return Ok(None) };
    let number = text.parse().ok().filter(|number| *number >= 0);
    let number: i64 = number.ok_or_else(|| ApiError::new(&errors::INVALID, "ScheduleTime"))?;
    Ok(Some(if number < FIRST_MILLISECONDS { number * 1000 } else { number }))
}

pub(in super::super) fn update_status(
    context: &Context<'_>,
) -> Result<UpdateStatusOutput, ApiError> {
    let job_id = id(context, "JobId")?;
    context.required("Status")?;
    let statuses = [Status::Editing, Status::Pending, Status::Scheduling];
    let statuses = statuses.map(|status| (status.name(), status));
    let target = context.one_of("Status", Status::Editing, &statuses)?;
    let now = clock::unix_milliseconds(context.now);
    let changed = context.store.change(|transaction| {
        deployment::update(transaction, context.account, job_id, |job| {
            progress::change_job(job, target, now)
        })
    })?;
    let changed = changed.ok_or(&errors::NOT_FOUND)?;
    changed.map_err(|InvalidTransition| ApiError::new(&errors::INVALID, "Status"))?;
    Ok(UpdateStatusOutput::new(context))
}

/// The job that the parameter `JobId` names. It advances by one step afterwards, so that a response
/// shows what the last change has set.
pub(super) fn shown(context: &Context<'_>) -> Result<Job, ApiError> {
    let job_id = id(context, "JobId")?;
    let now = clock::unix_milliseconds(context.now);
    let shown = context.store.change(|transaction| {
        deployment::update(transaction, context.account, job_id, |job| {
            let shown = job.clone();
            progress::step(job, now, context.worker_faults);
            shown
        })
    })?;
    Ok(shown.ok_or(&errors::NOT_FOUND)?)
}

pub(in super::super) fn describe(context: &Context<'_>) -> Result<DescribeJobOutput, ApiError> {
    let job = shown(context)?;
    let contacts = job.content.contacts.iter().map(|(id, contact)| ContactItem {
        id: id.to_string(),
        name: contact.name.clone(),
        email: contact.email.clone(),
        mobile: contact.mobile.clone(),
    });
    Ok(DescribeJobOutput {
        job: JobFields::new(&job, context.account),
        config: "",
        cas_contacts: contacts.collect(),
        request_id: context.request_id.to_owned(),
    })
}

pub(in super::super) fn describe_status(
    context: &Context<'_>,
) -> Result<JobStatusOutput, ApiError> {
    let job = shown(context)?;
    let count = |status| job.workers.iter().filter(|worker| worker.status == status).count();
    let rolling_back = count(Status::Rollback);
    let (rolled_back, stuck) = (count(Status::RollbackSuccess), count(Status::RollbackError));
    let products = products(&job).into_iter().map(|product| {
        let of_product = |worker: &&_| product_of(worker) == product;
        let count = job.workers.iter().filter(of_product).count();
        ProductCount { count, product_name: product.to_owned() }
    });
    Ok(JobStatusOutput {
        cert_count: job.content.certificates.len(),
        resource_count: job.workers.len(),
        worker_count: job.workers.len(),
        match_worker_count: job.workers.iter().filter(|worker| worker.content.matches).count(),
        success_count: count(Status::Success),
        failed_count: count(Status::Error),
        rollback_count: rolling_back + rolled_back + stuck,
        rollback_success_count: rolled_back,
        rollback_failed_count: stuck,
        product_worker_count: products.collect(),
        buy_count: 0,
        cost_count: 0,
        use_count: 0,
        request_id: context.request_id.to_owned(),
    })
}

pub(in super::super) fn list(context: &Context<'_>) -> Result<ListJobOutput, ApiError> {
    let page = Page::parse(context, 50)?;
    let parameter = |name| context.parameters.non_empty(name);
    let cert_id = parameter("CertId").map(|_| id(context, "CertId")).transpose()?;
    let job_type =
        context.one_of("JobType", None, &JOB_TYPES.map(|(name, _)| (name, Some(name))))?;
    let statuses: Vec<_> = Status::ALL[..6].iter().map(|(name, it)| (*name, Some(*it))).collect();
    let status = context.one_of("Status", None, &statuses)?;
    let selects = |job: &Job| {
        let uses = |id| job.content.certificates.iter().any(|it| it.cert_id == id);
        cert_id.is_none_or(uses)
            && job_type.is_none_or(|job_type| job.content.job_type == job_type)
            && status.is_none_or(|status| job.status == status)
            && parameter("InstanceId").is_none_or(|wanted| instance_id(job) == wanted)
    };
    let account = context.account;
    let (total, jobs) = context
        .store
        .query(|connection| deployment::list(connection, account, selects, &page.range()))?;
    let item = |job: &Job| JobItem {
        job: JobFields::new(job, account),
        certificates: job.content.certificates.iter().map(CertificateItem::new).collect(),
    };
    Ok(ListJobOutput { page: page.fields(context, total), data: jobs.iter().map(item).collect() })
}

impl JobFields {
    fn new(job: &Job, account: Account) -> Self {
        let mut domains: Vec<&str> = Vec::new();
        for domain in job.content.certificates.iter().flat_map(|it| &it.domains) {
            if !domains.contains(&domain.as_str()) {
                domains.push(domain);
            }
        }
        let rolls_back = |status| {
            use Status::{Rollback, RollbackError, RollbackSuccess};
            matches!(status, Rollback | RollbackSuccess | RollbackError)
        };
        Self {
            id: job.id,
            instance_id: instance_id(job),
            name: job.content.name.clone(),
            job_type: job.content.job_type.clone(),
            status: job.status.name(),
            cert_type: "upload",
            cert_domain: domains.join(","),
            product_name: products(job).join(","),
            rollback: job.workers.iter().any(|worker| rolls_back(worker.status)).into(),
            del: 0,
            gmt_create: job.created,
            gmt_modified: job.modified,
            schedule_time: job.content.schedule_time,
            start_time: job.started,
            end_time: job.ended,
            user_id: account.number(),
        }
    }
}

impl CertificateItem {
    fn new(certificate: &JobCertificate) -> Self {
        Self {
            cert_id: certificate.cert_id,
            cert_instance_id: resource_id(certificate.cert_id),
            cert_name: certificate.name.clone(),
            cert_type: "upload",
        }
    }
}

fn instance_id(job: &Job) -> String {
    deployment::instance_id(&job.content.job_type, job.id)
}

fn product_of(worker: &Worker) -> &str {
    &worker.content.resource.cloud_product
}

/// The cloud services of a job, each once.
fn products(job: &Job) -> Vec<&str> {
    let mut products: Vec<_> = job.workers.iter().map(product_of).collect();
    products.sort_unstable();
    products.dedup();
    products
}
