//! Deployment of certificates to cloud resources: the calls, in API version 2020-04-07.
//!
//! `deployment`, above, decides what to deploy and makes sure that no job is created twice.

pub(crate) mod operations;
pub(crate) mod types;

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::quote::quoted;
use crate::http::deadline::Connection;
use crate::protocol::failure_class::FailureClass;
use crate::protocol::fields::parse;
use crate::service::account::Account;
use crate::service::deployment::operations::NewJob;
use crate::service::deployment::types::{
    CloudResource, Contact, DeploymentJob, EntriesPage, JobId, JobProgress, NewJobId,
    WorkerResource,
};
use crate::service::failure::CallError;
use crate::service::messages::{incomplete, unusable_entries};
use crate::service::paging::{Next, Paging};
use crate::service::types::{CertId, Operation, Response};

impl Account {
    /// Returns the cloud resources whose domain or instance ID contains `keyword`; all of them if
    /// it is empty.
    pub(crate) fn cloud_resources(
        &self,
        keyword: &str,
        deadline: &Deadline,
    ) -> Result<Vec<CloudResource>, CallError> {
        let page = |page, size| operations::list_cloud_resources(keyword, page, size);
        self.entries(&page, "the cloud resources", deadline)
    }

    /// Returns the contacts.
    pub(crate) fn contacts(&self, deadline: &Deadline) -> Result<Vec<Contact>, CallError> {
        self.entries(&operations::list_contact, "the contacts", deadline)
    }

    /// Returns the jobs of one certificate, or all.
    pub(crate) fn deployment_jobs(
        &self,
        cert_id: Option<CertId>,
        deadline: &Deadline,
    ) -> Result<Vec<DeploymentJob>, CallError> {
        let page = |page, size| operations::list_deployment_job(cert_id, page, size);
        self.entries(&page, "the deployment jobs", deadline)
    }

    /// Returns the workers of a job.
    pub(crate) fn deployment_workers(
        &self,
        job: JobId,
        deadline: &Deadline,
    ) -> Result<Vec<WorkerResource>, CallError> {
        let page = |page, size| operations::list_worker_resource(job, page, size);
        self.entries(&page, &subject(job), deadline)
    }

    /// Creates a job, in one attempt: the service does not recognise a repeated request.
    pub(crate) fn create_deployment_job(
        &self,
        new: &NewJob<'_>,
        connection: Connection,
        deadline: &Deadline,
    ) -> Result<JobId, CallError> {
        let subject = format!("deployment job {}", quoted(new.name));
        let operation = operations::create_deployment_job(new);
        self.caller
            .attempt::<NewJobId>(&operation, &subject, connection, deadline)
            .map(|response| response.fields.job_id)
            .map_err(|failure| self.creation_failed(failure, &subject))
    }

    /// Sets the status of a job.
    pub(crate) fn set_job_status(
        &self,
        job: JobId,
        status: &str,
        deadline: &Deadline,
    ) -> Result<(), CallError> {
        let operation = operations::update_deployment_job_status(job, status);
        self.deployment_call::<IgnoredAny>(&operation, &subject(job), deadline).map(drop)
    }

    /// Returns what the service says about a job.
    pub(crate) fn deployment_job(
        &self,
        job: JobId,
        deadline: &Deadline,
    ) -> Result<DeploymentJob, CallError> {
        let operation = operations::describe_deployment_job(job);
        Ok(self.deployment_call(&operation, &subject(job), deadline)?.fields)
    }

    /// Returns how far a job is.
    pub(crate) fn job_progress(
        &self,
        job: JobId,
        deadline: &Deadline,
    ) -> Result<JobProgress, CallError> {
        let operation = operations::describe_deployment_job_status(job);
        Ok(self.deployment_call(&operation, &subject(job), deadline)?.fields)
    }

    /// Sets the status of a worker.
    pub(crate) fn set_worker_status(
        &self,
        job: JobId,
        worker: i64,
        status: &str,
        deadline: &Deadline,
    ) -> Result<(), CallError> {
        let operation = operations::update_worker_resource_status(job, worker, status);
        let subject = format!("worker {worker} of {}", subject(job));
        self.deployment_call::<IgnoredAny>(&operation, &subject, deadline).map(drop)
    }

    /// Reads a list page by page, to its end. Each entry is there once.
    fn entries<'a, T: DeserializeOwned>(
        &self,
        page: &dyn Fn(usize, usize) -> Operation<'a>,
        subject: &str,
        deadline: &Deadline,
    ) -> Result<Vec<T>, CallError> {
        let (entries, action) = self.raw_entries(page, subject, deadline)?;
        let entries: Result<_, _> = entries.into_iter().map(parse).collect();
        entries.map_err(|cause| {
            let response = Response { fields: (), request_id: None, http_status: 200 };
            incomplete(&self.caller.endpoint, action, subject, &cause, response)
        })
    }

    /// The entries, and the name of the operation.
    fn raw_entries<'a>(
        &self,
        page: &dyn Fn(usize, usize) -> Operation<'a>,
        subject: &str,
        deadline: &Deadline,
    ) -> Result<(Vec<Value>, &'static str), CallError> {
        let (mut paging, mut entries, mut ids) = (Paging::new(), Vec::new(), BTreeSet::new());
        loop {
            let (number, size) = paging.request();
            let operation = page(number, size);
            let response: Response<EntriesPage> =
                self.deployment_call(&operation, subject, deadline)?;
            let EntriesPage { info, entries: of_page } = response.fields;
            match paging.add_page(&info) {
                Next::Again => {
                    entries.clear();
                    ids.clear();
                }
                Next::Unstable => return Err(unusable_entries(&self.caller.endpoint, subject)),
                next => {
                    let new = info.ids.into_iter().zip(of_page).filter(|(id, _)| ids.insert(*id));
                    entries.extend(new.map(|(_, entry)| entry));
                    if next == Next::End {
                        return Ok((entries, operation.action));
                    }
                }
            }
        }
    }

    fn deployment_call<T: DeserializeOwned>(
        &self,
        operation: &Operation<'_>,
        subject: &str,
        deadline: &Deadline,
    ) -> Result<Response<T>, CallError> {
        self.caller.call(operation, subject, deadline).map_err(|failure| {
            let endpoint = &self.caller.endpoint;
            match failure.error.kind() {
                ErrorKind::NotFound => reworded(failure, |code| {
                    let sentence = format!("{endpoint} has no {subject} ({code}).");
                    Error::new(ErrorKind::NotFound, sentence)
                }),
                _ => failure,
            }
        })
    }

    /// The sentences of the caller are about certificates.
    fn creation_failed(&self, failure: CallError, subject: &str) -> CallError {
        let endpoint = &self.caller.endpoint;
        match (failure.error.kind(), failure.class) {
            (ErrorKind::NotFound, _) => reworded(failure, |code| {
                let sentence = format!(
                    "{endpoint} refused to create {subject}: the certificate, a resource or a \
                     contact does not exist ({code})."
                );
                Error::new(ErrorKind::NotFound, sentence)
                    .with_hint("Run the deployment again, to plan it anew.")
            }),
            (ErrorKind::NameTaken, FailureClass::NameTaken) => reworded(failure, |code| {
                let sentence = format!("{endpoint} already has {subject} ({code}).");
                Error::new(ErrorKind::NameTaken, sentence)
            }),
            _ => failure,
        }
    }
}

fn subject(job: JobId) -> String {
    format!("deployment job {job}")
}

/// The failure with another error, which is about what the service says with this code.
fn reworded(mut failure: CallError, error: impl FnOnce(&str) -> Error) -> CallError {
    let old = &failure.error;
    failure.error = error(old.service_code().unwrap_or_default())
        .with_service_details_of(old)
        .with_attempts(old.attempts());
    failure
}

#[cfg(test)]
mod tests;
