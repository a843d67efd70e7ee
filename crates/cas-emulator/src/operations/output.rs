//! The response fields of all operations.

use serde::Serialize;

use super::certificate_detail::CertificateDetailOutput;
use super::delete::DeleteOutput;
use super::deployment::jobs::{
    CreateJobOutput, DescribeJobOutput, JobStatusOutput, ListJobOutput, UpdateStatusOutput,
};
use super::deployment::resources::{ListContactOutput, ListResourcesOutput};
use super::deployment::workers::ListWorkerOutput;
use super::detail::{DescribeOutput, GetOutput};
use super::list::{DescribeListOutput, ListOutput};
use super::oidc::AssumeRoleWithOidcOutput;
use super::sts::{AssumeRoleOutput, CallerIdentityOutput};
use super::tags::{DoneOutput, ListTagOutput};
use super::upload::{CreateOutput, UploadOutput};

/// The response fields of one operation.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Output {
    Create(CreateOutput),
    Upload(UploadOutput),
    Describe(Box<DescribeOutput>),
    Get(Box<GetOutput>),
    DescribeList(DescribeListOutput),
    List(ListOutput),
    Delete(DeleteOutput),
    CertificateDetail(Box<CertificateDetailOutput>),
    Done(DoneOutput),
    ListTags(ListTagOutput),
    CreateJob(CreateJobOutput),
    UpdateStatus(UpdateStatusOutput),
    DescribeJob(Box<DescribeJobOutput>),
    JobStatus(JobStatusOutput),
    ListJobs(ListJobOutput),
    ListWorkers(ListWorkerOutput),
    ListResources(ListResourcesOutput),
    ListContacts(ListContactOutput),
    AssumeRole(AssumeRoleOutput),
    AssumeRoleWithOidc(Box<AssumeRoleWithOidcOutput>),
    CallerIdentity(CallerIdentityOutput),
}

impl Output {
    /// Removes the `CertId` of an upload, for the fault `no-cert-id`.
    pub(crate) fn remove_cert_id(&mut self) {
        match self {
            Self::Create(output) => output.cert_id = None,
            Self::Upload(output) => output.cert_id = None,
            _ => {}
        }
    }

    /// Whether the operation has stored a certificate.
    pub(crate) fn is_upload(&self) -> bool {
        matches!(self, Self::Create(_) | Self::Upload(_))
    }
}
