//! The plan of a deployment: which resources get the certificate, and by which job. No I/O.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest;

use crate::base::time::unix_day;
use crate::deployment::{covers, names_of, normalized};
use crate::service::certificate::Certificate;
use crate::service::deployment::operations::OWN_CLOUD;
use crate::service::deployment::types::{
    CloudResource, Contact, DeploymentJob, JobStatus, WorkerResource, WorkerStatus,
};
use crate::service::types::CertId;

/// What the names of jobs of libcas begin with.
const PREFIX: &str = "libcas-";

/// The digits of the name that stand for the resources.
const DIGITS: usize = 12;

/// What to deploy.
#[derive(Clone, Debug, Default)]
pub struct DeploymentRequest {
    /// The domains whose resources get the certificate. `*.example.com` stands for the resources of
    /// `*.example.com` and of all domains that have one more label than `example.com`.
    pub domains: Vec<String>,
    /// The contacts that the service informs about the job. The first of the account's, if empty.
    pub contact_ids: Vec<i64>,
    /// Whether to create another job if the one of an earlier run has ended.
    pub again: bool,
    /// Whether to leave out resources whose present certificate was issued later.
    pub keep_newer: bool,
}

/// What a deployment will do. Nothing is changed at the service before it is executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentPlan {
    /// The certificate.
    pub cert_id: CertId,
    /// The name of the job. The same certificate and resources give the same name, so that a run
    /// that was interrupted finds its job again.
    pub job_name: String,
    /// The job of an earlier run. It is continued: no other one is created.
    pub job: Option<DeploymentJob>,
    /// The resources that get the certificate: each is a worker of the job.
    pub resources: Vec<CloudResource>,
    /// Resources of the domains that use the certificate already.
    pub deployed: Vec<CloudResource>,
    /// Resources of the domains that another job is deploying the certificate to.
    pub in_progress: Vec<CloudResource>,
    /// Resources of the domains whose present certificate was issued later, by day, if they are to
    /// be left out.
    pub newer: Vec<CloudResource>,
    /// Whether the certificate has expired, as the service sees it.
    pub expired: bool,
    /// Resources of the domains that the certificate does not cover: they are left out.
    pub not_covered: Vec<CloudResource>,
    /// Requested domains that no resource serves.
    pub unmatched: Vec<String>,
    /// Whom the service informs.
    pub contacts: Vec<Contact>,
}

/// What the service says, for [`plan`].
pub(crate) struct Inventory {
    pub(crate) certificate: Certificate,
    pub(crate) resources: Vec<CloudResource>,
    pub(crate) contacts: Vec<Contact>,
    /// The jobs of the certificate, and the workers of those that have not ended.
    pub(crate) jobs: Vec<(DeploymentJob, Vec<WorkerResource>)>,
}

/// Plans a deployment. Requested contacts that do not exist are left out.
pub(crate) fn plan(request: &DeploymentRequest, inventory: Inventory) -> DeploymentPlan {
    let Inventory { certificate, resources, contacts, jobs } = inventory;
    let cert_id = certificate.id;
    let names = names_of(&certificate.common_name, &certificate.sans);
    let is_covered = |domain: &str| names.iter().any(|name| covers(name, domain));
    let mut unmatched = Vec::new();
    let mut matched: BTreeMap<i64, CloudResource> = BTreeMap::new();
    for domain in &request.domains {
        let mut any = false;
        for resource in resources.iter().filter(|resource| serves(resource, domain)) {
            any = true;
            matched.insert(resource.id, resource.clone());
        }
        if !any {
            unmatched.push(domain.clone());
        }
    }
    let (covered, not_covered): (Vec<_>, Vec<_>) = matched
        .into_values()
        .partition(|resource| normalized(&resource.domain).is_some_and(|it| is_covered(&it)));
    let base = base_name(cert_id, &covered);
    let (number, job) = own_job(&base, &jobs, request.again);
    let job_name = if number == 1 { base } else { format!("{base}-{number}") };
    let elsewhere = busy_resources(&jobs, &job_name);
    let (deployed, covered): (Vec<_>, Vec<_>) =
        covered.into_iter().partition(|resource| resource.cert_id == Some(cert_id));
    let (in_progress, covered): (Vec<_>, Vec<_>) =
        covered.into_iter().partition(|resource| elsewhere.contains(&resource.id));
    let issued = unix_day(&certificate.not_before).filter(|_| request.keep_newer);
    let (newer, resources) =
        covered.into_iter().partition(|resource| issued.is_some_and(|day| is_newer(resource, day)));
    let contacts = if request.contact_ids.is_empty() {
        contacts.into_iter().take(1).collect()
    } else {
        let is_requested = |contact: &Contact| request.contact_ids.contains(&contact.id);
        contacts.into_iter().filter(is_requested).collect()
    };
    DeploymentPlan {
        cert_id,
        job_name,
        job,
        resources,
        deployed,
        in_progress,
        newer,
        expired: certificate.expired,
        not_covered,
        unmatched,
        contacts,
    }
}

/// Whether the present certificate of a resource was issued after this day.
fn is_newer(resource: &CloudResource, day: i64) -> bool {
    const DAY: i64 = 24 * 60 * 60;
    resource.cert_not_before.is_some_and(|from| from.0.div_euclid(DAY) > day)
}

/// Whether a resource of Alibaba Cloud serves a requested domain.
pub(crate) fn serves(resource: &CloudResource, domain: &str) -> bool {
    let is_own = resource.cloud.is_empty() || resource.cloud.eq_ignore_ascii_case(OWN_CLOUD);
    is_own && is_requested(domain, &resource.domain)
}

/// Whether a requested domain stands for the domain of a resource.
pub(crate) fn is_requested(domain: &str, of_resource: &str) -> bool {
    match (normalized(domain), normalized(of_resource)) {
        (Some(domain), Some(of_resource)) => covers(&domain, &of_resource),
        _ => false,
    }
}

/// What the names of all jobs begin with that libcas has created for a certificate.
pub(crate) fn prefix(cert_id: CertId) -> String {
    format!("{PREFIX}{cert_id}-")
}

/// The name of the first job that deploys a certificate to these resources.
fn base_name(cert_id: CertId, resources: &[CloudResource]) -> String {
    // Sorted, since they come from a map.
    let ids: Vec<_> = resources.iter().map(|resource| resource.id.to_string()).collect();
    let hash = digest::digest(&digest::SHA256, ids.join(",").as_bytes());
    let digits = base16ct::lower::encode_string(hash.as_ref());
    format!("{}{}", prefix(cert_id), &digits[..DIGITS])
}

/// The number of the job to continue or to create among those that began as `base`, and the job.
fn own_job(
    base: &str,
    jobs: &[(DeploymentJob, Vec<WorkerResource>)],
    again: bool,
) -> (u32, Option<DeploymentJob>) {
    let number = |name: &str| match name.strip_prefix(base)? {
        "" => Some(1),
        rest => rest.strip_prefix('-')?.parse::<u32>().ok().filter(|number| *number > 1),
    };
    let last = jobs.iter().filter_map(|(job, _)| number(&job.name)).max();
    let Some(last) = last else { return (1, None) };
    let name = if last == 1 { base.to_owned() } else { format!("{base}-{last}") };
    let job = find(jobs.iter().map(|(job, _)| job), &name);
    match job {
        Some(job) if again && job.status.has_ended() => (last.saturating_add(1), None),
        job => (last, job.cloned()),
    }
}

/// The job with this name. If there are several, which happens if two programs create it at the
/// same time, the first of those that run, or else the first: every program chooses the same one.
pub(crate) fn find<'a>(
    jobs: impl Iterator<Item = &'a DeploymentJob>,
    name: &str,
) -> Option<&'a DeploymentJob> {
    jobs.filter(|job| job.name == name).min_by_key(|job| (job.status == JobStatus::Editing, job.id))
}

/// Whether a job may be deploying. One in `editing` may never be started.
pub(crate) fn may_be_busy(job: &DeploymentJob) -> bool {
    !job.status.has_ended() && job.status != JobStatus::Editing
}

/// The resources that jobs with other names are deploying the certificate to.
fn busy_resources(jobs: &[(DeploymentJob, Vec<WorkerResource>)], name: &str) -> BTreeSet<i64> {
    let others = jobs.iter().filter(|(job, _)| job.name != name && may_be_busy(job));
    let workers = others.flat_map(|(_, workers)| workers);
    let active = workers.filter(|worker| worker.status == WorkerStatus::Active);
    active.map(|worker| worker.resource_id).collect()
}

#[cfg(test)]
mod tests;
