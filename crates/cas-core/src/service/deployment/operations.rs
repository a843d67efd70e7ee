//! The operations of deployment, which only API version 2020-04-07 has: typed input becomes
//! parameters.

use crate::service::deployment::types::JobId;
use crate::service::types::{CertId, Operation};
use crate::service::version::ApiVersion;

const VERSION: ApiVersion = ApiVersion::OF_DEPLOYMENT;

/// The type of jobs for Alibaba Cloud's own products.
const JOB_TYPE: &str = "user";

/// The name by which the service calls its own cloud in lists of resources.
pub(crate) const OWN_CLOUD: &str = "aliyun";

/// What a job is created with.
pub(crate) struct NewJob<'a> {
    pub(crate) name: &'a str,
    pub(crate) cert_id: CertId,
    pub(crate) resource_ids: &'a [i64],
    pub(crate) contact_ids: &'a [i64],
}

/// `keyword` is a part of a domain; empty for every resource.
pub(crate) fn list_cloud_resources(keyword: &str, page: usize, size: usize) -> Operation<'_> {
    let operation = paged("ListCloudResources", page, size);
    if keyword.is_empty() { operation } else { operation.with("Keyword", keyword) }
}

pub(crate) fn list_contact(page: usize, size: usize) -> Operation<'static> {
    paged("ListContact", page, size)
}

pub(crate) fn create_deployment_job<'a>(new: &NewJob<'a>) -> Operation<'a> {
    Operation::new("CreateDeploymentJob", VERSION)
        .with("Name", new.name)
        .with("JobType", JOB_TYPE)
        .with("CertIds", new.cert_id.to_string())
        .with("ResourceIds", joined(new.resource_ids))
        .with("ContactIds", joined(new.contact_ids))
}

/// `scheduling` starts a job at once.
pub(crate) fn update_deployment_job_status(job: JobId, status: &str) -> Operation<'_> {
    Operation::new("UpdateDeploymentJobStatus", VERSION)
        .with("JobId", job.to_string())
        .with("Status", status)
}

pub(crate) fn describe_deployment_job(job: JobId) -> Operation<'static> {
    Operation::new("DescribeDeploymentJob", VERSION).with("JobId", job.to_string())
}

pub(crate) fn describe_deployment_job_status(job: JobId) -> Operation<'static> {
    Operation::new("DescribeDeploymentJobStatus", VERSION).with("JobId", job.to_string())
}

/// The jobs of one certificate, or all.
pub(crate) fn list_deployment_job(
    cert_id: Option<CertId>,
    page: usize,
    size: usize,
) -> Operation<'static> {
    let operation = paged("ListDeploymentJob", page, size);
    match cert_id {
        Some(id) => operation.with("CertId", id.to_string()),
        None => operation,
    }
}

pub(crate) fn list_worker_resource(job: JobId, page: usize, size: usize) -> Operation<'static> {
    paged("ListWorkerResource", page, size).with("JobId", job.to_string())
}

/// `rollback` gives the resource its former certificate.
pub(crate) fn update_worker_resource_status(
    job: JobId,
    worker: i64,
    status: &str,
) -> Operation<'_> {
    Operation::new("UpdateWorkerResourceStatus", VERSION)
        .with("JobId", job.to_string())
        .with("WorkerId", worker.to_string())
        .with("Status", status)
}

fn paged(action: &'static str, page: usize, size: usize) -> Operation<'static> {
    Operation::new(action, VERSION)
        .with("ShowSize", size.to_string())
        .with("CurrentPage", page.to_string())
}

fn joined(ids: &[i64]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_its_parameters_and_its_ram_action_is_documented() {
        let document = include_str!("../../../../../docs/security.md");
        let (job, cert_id) = (JobId::new(3).unwrap(), CertId::new(7).unwrap());
        let new = NewJob { name: "n", cert_id, resource_ids: &[1, 2], contact_ids: &[4] };
        for (operation, expected) in [
            (
                list_cloud_resources("example.com", 2, 50),
                "Action=ListCloudResources&CurrentPage=2&Format=JSON&Keyword=example.com\
                 &ShowSize=50&{V}",
            ),
            (
                list_cloud_resources("", 1, 50),
                "Action=ListCloudResources&CurrentPage=1&Format=JSON&ShowSize=50&{V}",
            ),
            (list_contact(1, 50), "Action=ListContact&CurrentPage=1&Format=JSON&ShowSize=50&{V}"),
            (
                create_deployment_job(&new),
                "Action=CreateDeploymentJob&CertIds=7&ContactIds=4&Format=JSON&JobType=user\
                 &Name=n&ResourceIds=1%2C2&{V}",
            ),
            (
                update_deployment_job_status(job, "scheduling"),
                "Action=UpdateDeploymentJobStatus&Format=JSON&JobId=3&Status=scheduling&{V}",
            ),
            (describe_deployment_job(job), "Action=DescribeDeploymentJob&Format=JSON&JobId=3&{V}"),
            (
                describe_deployment_job_status(job),
                "Action=DescribeDeploymentJobStatus&Format=JSON&JobId=3&{V}",
            ),
            (
                list_deployment_job(Some(cert_id), 1, 50),
                "Action=ListDeploymentJob&CertId=7&CurrentPage=1&Format=JSON&ShowSize=50&{V}",
            ),
            (
                list_deployment_job(None, 1, 50),
                "Action=ListDeploymentJob&CurrentPage=1&Format=JSON&ShowSize=50&{V}",
            ),
            (
                list_worker_resource(job, 1, 50),
                "Action=ListWorkerResource&CurrentPage=1&Format=JSON&JobId=3&ShowSize=50&{V}",
            ),
            (
                update_worker_resource_status(job, 9, "rollback"),
                "Action=UpdateWorkerResourceStatus&Format=JSON&JobId=3&Status=rollback\
                 &{V}&WorkerId=9",
            ),
        ] {
            let query = operation.params.canonical_query();
            assert_eq!(query, expected.replace("{V}", "Version=2020-04-07"));
            let action = format!("`{}:{}`", operation.ram, operation.action);
            assert!(document.contains(&action), "{action}");
        }
    }
}
