//! `ListWorkerResource` and `UpdateWorkerResourceStatus`.

use serde::Serialize;

use super::super::context::Context;
use super::super::errors::{self, ApiError};
use super::jobs::{self, UpdateStatusOutput};
use super::page::{Page, PageFields};
use super::progress::{self, InvalidTransition};
use super::resources::has_listeners;
use super::{id, time};
use crate::clock;
use crate::store::deployment::{self, Job, Status, Worker};
use crate::store::{Account, resource_id};

/// The fields of a `ListWorkerResource` response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListWorkerOutput {
    #[serde(flatten)]
    page: PageFields,
    data: Vec<WorkerItem>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct WorkerItem {
    id: i64,
    job_id: i64,
    status: &'static str,
    cert_id: i64,
    cert_name: String,
    cert_domain: String,
    cert_instance_id: String,
    resource_id: i64,
    resource_domain: String,
    resource_cert_id: i64,
    cloud_product: String,
    /// Missing for Alibaba Cloud itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_name: Option<String>,
    region_id: String,
    cloud_region: String,
    #[serde(flatten)]
    listener: Option<ListenerFields>,
    gmt_create: String,
    gmt_modified: String,
    user_id: i64,
}

/// The fields that only load balancers have.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListenerFields {
    instance_id: String,
    listener_id: String,
    port: u16,
    default_resource: bool,
}

pub(in super::super) fn list(context: &Context<'_>) -> Result<ListWorkerOutput, ApiError> {
    let page = Page::parse(context, 50)?;
    let statuses = Status::ALL.map(|(name, status)| (name, Some(status)));
    let status = context.one_of("Status", None, &statuses)?;
    let product = context.parameters.non_empty("CloudProduct");
    let job = jobs::shown(context)?;
    let selected = job.workers.iter().filter(|worker| {
        status.is_none_or(|status| worker.status == status)
            && product.is_none_or(|product| worker.content.resource.cloud_product == product)
    });
    let (total, workers) = page.select(selected.map(|worker| item(&job, worker, context.account)));
    Ok(ListWorkerOutput { page: page.fields(context, total), data: workers })
}

fn item(job: &Job, worker: &Worker, account: Account) -> WorkerItem {
    let (resource, certificate) = (&worker.content.resource, &worker.content.certificate);
    let name = &resource.cloud_name;
    WorkerItem {
        id: worker.id,
        job_id: job.id,
        status: worker.status.name(),
        cert_id: certificate.cert_id,
        cert_name: certificate.name.clone(),
        cert_domain: certificate.domains.join(","),
        cert_instance_id: resource_id(certificate.cert_id),
        resource_id: worker.resource_id,
        resource_domain: resource.domain.clone(),
        resource_cert_id: worker.replaced,
        cloud_product: resource.cloud_product.clone(),
        cloud_name: (name != "aliyun").then(|| name.clone()),
        region_id: resource.region_id.clone(),
        cloud_region: resource.region_id.clone(),
        listener: has_listeners(resource).then(|| ListenerFields {
            instance_id: resource.instance_id.clone(),
            listener_id: resource.listener_id.clone(),
            port: resource.listener_port,
            default_resource: resource.default_resource,
        }),
        gmt_create: time(worker.created),
        gmt_modified: time(worker.modified),
        user_id: account.number(),
    }
}

pub(in super::super) fn update_status(
    context: &Context<'_>,
) -> Result<UpdateStatusOutput, ApiError> {
    let (job_id, worker_id) = (id(context, "JobId")?, id(context, "WorkerId")?);
    context.required("Status")?;
    // `error` and `processing` are the only ones that a client cannot set.
    let settable =
        |(_, status): &&(_, Status)| !matches!(status, Status::Error | Status::Processing);
    let statuses: Vec<_> = Status::ALL.iter().filter(settable).copied().collect();
    let target = context.one_of("Status", Status::Rollback, &statuses)?;
    let now = clock::unix_milliseconds(context.now);
    let changed = context.store.change(|transaction| {
        deployment::update(transaction, context.account, job_id, |job| {
            let worker = job.workers.iter().position(|worker| worker.id == worker_id)?;
            Some(progress::change_worker(job, worker, target, now))
        })
    })?;
    let changed = changed.flatten().ok_or(&errors::NOT_FOUND)?;
    changed.map_err(|InvalidTransition| ApiError::new(&errors::INVALID, "Status"))?;
    Ok(UpdateStatusOutput::new(context))
}
