//! Runs a deployment: executes the steps of the state machine, and builds the result or the error.

use std::time::{Duration, Instant};

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::deployment::machine::{Event, FailReason, FoundJob, Machine, Moment, Rules, Step};
use crate::deployment::messages::{FailedDeployment, looking};
use crate::deployment::plan::{self, DeploymentPlan};
use crate::http::deadline::Connection;
use crate::protocol::failure_class::FailureClass;
use crate::service::account::Account;
use crate::service::backoff::{self, Wait};
use crate::service::deployment::operations::NewJob;
use crate::service::deployment::types::{JobId, JobProgress, JobStatus, WorkerResource};
use crate::service::failure::CallError;

/// How often a job whose workers have all ended is asked again if its status says that it runs: the
/// counts may be those of an earlier start.
const QUESTIONS_AFTER_LAST_WORKER: u32 = 3;

/// What a deployment did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The job.
    pub job_id: JobId,
    /// Its name.
    pub job_name: String,
    /// Whether this call created the job; otherwise it found the job of an earlier one.
    pub created: bool,
    /// The result for each resource.
    pub workers: Vec<WorkerResource>,
}

/// What a deployment reports while it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeploymentEvent {
    /// The job of an earlier run was found, with this status.
    Found(JobId, JobStatus),
    /// The job was created.
    Created(JobId),
    /// The job was started.
    Started(JobId),
    /// The job runs.
    Progress(JobId, JobProgress),
}

/// The program's function that hears of them.
pub(crate) type Listener<'a> = &'a mut dyn FnMut(DeploymentEvent);

/// How a deployment is executed.
#[derive(Clone, Copy)]
pub(crate) struct Execution {
    pub(crate) rules: Rules,
    /// The most time for one call.
    pub(crate) call_timeout: Duration,
}

/// Executes a plan that has resources.
pub(crate) fn deploy(
    account: &Account,
    plan: &DeploymentPlan,
    execution: Execution,
    deadline: &Deadline,
    listener: Listener<'_>,
) -> Result<Deployment, Error> {
    let mut run = Run {
        account,
        plan,
        deadline,
        call_timeout: execution.call_timeout,
        started: Instant::now(),
        listener,
        created: false,
        complete: 0,
        error: None,
    };
    let (mut machine, mut step) = Machine::begin(execution.rules);
    loop {
        let event = match step {
            Step::Look(pause) => run.look(pause),
            Step::Create(wait) => run.create(wait, machine.attempts() > 1),
            Step::Start(id, pause) => run.start(id, pause),
            Step::Watch(id, pause) => run.watch(id, pause),
            Step::Done(id) => return run.result(id),
            Step::Fail(reason) => return Err(run.error(&machine, reason)),
        };
        step = machine.next(event, run.moment());
    }
}

/// A plan, and what happened so far.
struct Run<'a> {
    account: &'a Account,
    plan: &'a DeploymentPlan,
    deadline: &'a Deadline,
    call_timeout: Duration,
    started: Instant,
    listener: Listener<'a>,
    created: bool,
    /// How often all workers had ended although the job had not.
    complete: u32,
    /// The error of the last call that failed.
    error: Option<Error>,
}

impl Run<'_> {
    fn moment(&self) -> Moment {
        Moment {
            now: self.started.elapsed(),
            deadline: self.deadline.instant().saturating_duration_since(self.started),
        }
    }

    fn call_deadline(&self) -> Deadline {
        self.deadline.within(self.call_timeout)
    }

    fn look(&mut self, pause: Duration) -> Event {
        if let Some(ended) = self.wait(pause) {
            return ended;
        }
        if let Some(error) = self.error.as_ref().filter(|_| pause.is_zero()) {
            let message = || looking(error, &self.plan.job_name);
            self.account.caller.logger.log(Level::Warn, message);
        }
        match self.account.deployment_jobs(Some(self.plan.cert_id), &self.call_deadline()) {
            Ok(jobs) => {
                let found = plan::find(jobs.iter(), &self.plan.job_name);
                let found = found.map(|job| FoundJob { id: job.id, status: job.status });
                if let Some(job) = found.filter(|_| !self.created) {
                    (self.listener)(DeploymentEvent::Found(job.id, job.status));
                }
                Event::Looked(found)
            }
            Err(failure) => self.failed(failure, Event::LookFailed),
        }
    }

    fn create(&mut self, wait: Wait, is_repeated: bool) -> Event {
        match backoff::before_attempt(wait, self.deadline) {
            Ok(Some(delay)) => {
                if let Some(ended) = self.wait(delay) {
                    return ended;
                }
            }
            Ok(None) => return self.out_of_time(),
            Err(error) => return self.failed(error.into(), Event::CreationFailed),
        }
        let ids: Vec<_> = self.plan.resources.iter().map(|resource| resource.id).collect();
        let contacts: Vec<_> = self.plan.contacts.iter().map(|contact| contact.id).collect();
        let new = NewJob {
            name: &self.plan.job_name,
            cert_id: self.plan.cert_id,
            resource_ids: &ids,
            contact_ids: &contacts,
        };
        let connection = if is_repeated { Connection::New } else { Connection::Any };
        match self.account.create_deployment_job(&new, connection, &self.call_deadline()) {
            Ok(id) => {
                (self.created, self.error) = (true, None);
                (self.listener)(DeploymentEvent::Created(id));
                Event::Created(id)
            }
            Err(failure) => self.failed(failure, Event::CreationFailed),
        }
    }

    fn start(&mut self, id: JobId, pause: Duration) -> Event {
        if let Some(ended) = self.wait(pause) {
            return ended;
        }
        match self.account.set_job_status(id, "scheduling", &self.call_deadline()) {
            Ok(()) => {
                (self.listener)(DeploymentEvent::Started(id));
                Event::Started
            }
            Err(failure) => self.failed(failure, Event::StartFailed),
        }
    }

    fn watch(&mut self, id: JobId, pause: Duration) -> Event {
        if let Some(ended) = self.wait(pause) {
            return ended;
        }
        let deadline = self.call_deadline();
        let progress = self.account.job_progress(id, &deadline);
        let both = progress
            .and_then(|progress| Ok((progress, self.account.deployment_job(id, &deadline)?)));
        match both {
            Ok((progress, job)) => {
                (self.listener)(DeploymentEvent::Progress(id, progress));
                Event::Status(self.status(job.status, progress))
            }
            Err(failure) => self.failed(failure, Event::StatusFailed),
        }
    }

    /// The status of a job by its own status and those of its workers.
    fn status(&mut self, status: JobStatus, progress: JobProgress) -> JobStatus {
        if status.has_ended() || status == JobStatus::Editing || !progress.is_complete() {
            return status;
        }
        self.complete += 1;
        if status != JobStatus::Unknown && self.complete < QUESTIONS_AFTER_LAST_WORKER {
            return status;
        }
        if progress.failed > 0 { JobStatus::Error } else { JobStatus::Success }
    }

    /// Waits. Returns an event if the step must not be executed.
    fn wait(&mut self, pause: Duration) -> Option<Event> {
        let waited = self.account.caller.wait(pause, self.deadline, None);
        if waited { None } else { Some(self.out_of_time()) }
    }

    fn out_of_time(&self) -> Event {
        if self.deadline.is_cancelled() { Event::Cancelled } else { Event::DeadlineTooNear }
    }

    fn failed(&mut self, failure: CallError, event: fn(FailureClass) -> Event) -> Event {
        let is_cancelled = failure.error.kind() == ErrorKind::Cancelled && !failure.in_doubt;
        self.error = Some(failure.error);
        if is_cancelled { Event::Cancelled } else { event(failure.class) }
    }

    fn result(self, id: JobId) -> Result<Deployment, Error> {
        let (job_name, created) = (self.plan.job_name.clone(), self.created);
        match self.account.deployment_workers(id, &self.call_deadline()) {
            Ok(workers) => Ok(Deployment { job_id: id, job_name, created, workers }),
            Err(failure) => {
                let reason = if failure.error.kind() == ErrorKind::Cancelled {
                    FailReason::Cancelled(Some(id))
                } else {
                    FailReason::NotFollowed(id)
                };
                let failed = FailedDeployment {
                    endpoint: &self.account.caller.endpoint,
                    name: &self.plan.job_name,
                    in_doubt: false,
                };
                Err(failed.error(reason, Some(failure.error)))
            }
        }
    }

    fn error(self, machine: &Machine, reason: FailReason) -> Error {
        let failed = FailedDeployment {
            endpoint: &self.account.caller.endpoint,
            name: &self.plan.job_name,
            in_doubt: machine.in_doubt(),
        };
        failed.error(reason, self.error)
    }
}

#[cfg(test)]
mod tests;
