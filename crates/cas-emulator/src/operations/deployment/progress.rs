//! How jobs and workers change. Time and faults are arguments.

use crate::store::deployment::{Job, Status, Worker};

/// Decides which workers fail.
pub(crate) trait WorkerFaults {
    /// Whether the next worker that would deploy its certificate fails.
    fn deployment_fails(&self) -> bool;
    /// Whether the next worker that would roll back fails.
    fn rollback_fails(&self) -> bool;
}

/// A status that cannot follow the present one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidTransition;

/// Advances a job by one step: pending, scheduling, processing, and then success or error. A job
/// that is pending waits for its schedule time. Workers that roll back end with the next step.
pub(super) fn step(job: &mut Job, now: i64, faults: &dyn WorkerFaults) {
    for worker in &mut job.workers {
        if worker.status == Status::Rollback {
            roll_back(worker, now, faults);
        }
    }
    let due = job.content.schedule_time.is_none_or(|time| time <= now);
    match job.status {
        Status::Pending if due => set_status(job, Status::Scheduling, now),
        Status::Scheduling => {
            job.started = job.started.or(Some(now));
            set_status(job, Status::Processing, now);
        }
        Status::Processing => {
            for worker in job.workers.iter_mut().filter(|worker| is_active(worker.status)) {
                deploy(worker, now, faults);
            }
            job.ended = Some(now);
            conclude(job, now);
        }
        _ => {}
    }
}

/// Changes the status of a job as a client asks for it. A job that has not begun can go back to
/// editing. One that has failed can begin again, with the workers that failed.
pub(super) fn change_job(job: &mut Job, target: Status, now: i64) -> Result<(), InvalidTransition> {
    match (job.status, target) {
        (status, target) if status == target => Ok(()),
        (
            Status::Editing | Status::Pending | Status::Scheduling,
            Status::Editing | Status::Pending | Status::Scheduling,
        ) => {
            set_status(job, target, now);
            Ok(())
        }
        (Status::Error, Status::Pending | Status::Scheduling) => {
            for worker in &mut job.workers {
                if worker.status == Status::Error {
                    set_worker(worker, Status::Editing, now);
                }
            }
            set_status(job, target, now);
            Ok(())
        }
        _ => Err(InvalidTransition),
    }
}

/// Changes the status of the worker with the index `worker`, once its job has ended.
pub(super) fn change_worker(
    job: &mut Job,
    worker: usize,
    target: Status,
    now: i64,
) -> Result<(), InvalidTransition> {
    let changed = &mut job.workers[worker];
    if changed.status == target {
        return Ok(());
    }
    if !matches!(job.status, Status::Success | Status::Error) {
        return Err(InvalidTransition);
    }
    match (changed.status, target) {
        (Status::Success | Status::RollbackError, Status::Rollback) => {
            set_worker(changed, target, now);
        }
        // Executes it again.
        (Status::Error | Status::RollbackSuccess, Status::Pending | Status::Scheduling) => {
            set_worker(changed, target, now);
            set_status(job, target, now);
        }
        // Marks it, and changes nothing at the resource.
        (
            Status::Success | Status::Error | Status::RollbackSuccess | Status::RollbackError,
            Status::Success | Status::RollbackSuccess | Status::RollbackError,
        ) => {
            set_worker(changed, target, now);
            conclude(job, now);
        }
        _ => return Err(InvalidTransition),
    }
    Ok(())
}

/// Whether a worker has still to deploy its certificate.
fn is_active(status: Status) -> bool {
    use Status::{Editing, Pending, Processing, Scheduling};
    matches!(status, Editing | Pending | Scheduling | Processing)
}

/// Sets the status of a job that has not ended, and of the workers that have something to do.
fn set_status(job: &mut Job, status: Status, now: i64) {
    (job.status, job.modified, job.ended) = (status, now, None);
    for worker in job.workers.iter_mut().filter(|worker| is_active(worker.status)) {
        set_worker(worker, status, now);
    }
}

fn set_worker(worker: &mut Worker, status: Status, now: i64) {
    (worker.status, worker.modified) = (status, now);
}

/// Sets the final status of a job.
fn conclude(job: &mut Job, now: i64) {
    let failed = job.workers.iter().any(|worker| worker.status == Status::Error);
    (job.status, job.modified) = (if failed { Status::Error } else { Status::Success }, now);
}

fn deploy(worker: &mut Worker, now: i64, faults: &dyn WorkerFaults) {
    match worker.bound {
        Some(bound) if worker.certificate_stored && !faults.deployment_fails() => {
            worker.replaced = bound;
            worker.bound = Some(worker.content.certificate.cert_id);
            set_worker(worker, Status::Success, now);
        }
        _ => set_worker(worker, Status::Error, now),
    }
}

fn roll_back(worker: &mut Worker, now: i64, faults: &dyn WorkerFaults) {
    if worker.bound.is_some() && !faults.rollback_fails() {
        worker.bound = Some(worker.replaced);
        set_worker(worker, Status::RollbackSuccess, now);
    } else {
        set_worker(worker, Status::RollbackError, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::cloud_resources::NewCloudResource;
    use crate::store::deployment::{JobCertificate, JobContent, WorkerContent};

    struct NoFaults;

    impl WorkerFaults for NoFaults {
        fn deployment_fails(&self) -> bool {
            false
        }

        fn rollback_fails(&self) -> bool {
            false
        }
    }

    fn job(status: Status, workers: &[Status]) -> Job {
        let certificate = JobCertificate { cert_id: 7, name: String::new(), domains: Vec::new() };
        let resource: NewCloudResource =
            serde_json::from_str(r#"{"cloud_product":"CDN"}"#).unwrap();
        let content = WorkerContent { resource, certificate, matches: true };
        let worker = |(id, status): (i64, &Status)| Worker {
            id,
            resource_id: id,
            content: content.clone(),
            status: *status,
            replaced: 0,
            created: 0,
            modified: 0,
            bound: Some(3),
            certificate_stored: true,
        };
        Job {
            id: 1,
            content: JobContent {
                name: String::new(),
                job_type: String::new(),
                schedule_time: None,
                certificates: Vec::new(),
                contacts: Vec::new(),
            },
            status,
            created: 0,
            modified: 0,
            started: None,
            ended: None,
            workers: (1..).zip(workers).map(worker).collect(),
        }
    }

    fn names(statuses: &[Status]) -> String {
        statuses.iter().map(|status| status.name()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_job_changes_to_these_statuses() {
        let expected = [
            ("editing", "editing pending scheduling"),
            ("pending", "editing pending scheduling"),
            ("scheduling", "editing pending scheduling"),
            ("processing", "processing"),
            ("success", "success"),
            ("error", "pending scheduling error"),
        ];
        for ((name, status), (of, allowed)) in Status::ALL[..6].iter().zip(expected) {
            let reached = Status::ALL[..6].iter().map(|(_, target)| *target);
            let reached = reached
                .filter(|target| change_job(&mut job(*status, &[*status]), *target, 1).is_ok());
            assert_eq!((*name, names(&reached.collect::<Vec<_>>()).as_str()), (of, allowed));
        }
    }

    #[test]
    fn a_worker_of_a_job_that_has_ended_changes_to_these_statuses() {
        let marks = "success rollback_success rollback_error";
        let expected = [
            ("success", format!("success rollback {}", &marks[8..])),
            ("error", "pending scheduling success error rollback_success rollback_error".into()),
            ("rollback", "rollback".into()),
            ("rollback_success", format!("pending scheduling {marks}")),
            ("rollback_error", "success rollback rollback_success rollback_error".into()),
        ];
        for ((name, status), (of, allowed)) in Status::ALL[4..].iter().zip(expected) {
            let reached = Status::ALL.iter().map(|(_, target)| *target);
            let reached = reached.filter(|target| {
                let mut job = job(Status::Success, &[Status::Success, *status]);
                change_worker(&mut job, 1, *target, 1).is_ok()
            });
            assert_eq!((*name, names(&reached.collect::<Vec<_>>())), (of, allowed));
        }
    }

    /// A step ends: a job that is not edited reaches its end in three steps, and stays there.
    #[test]
    fn steps_end_in_a_status_that_no_step_leaves() {
        for (_, status) in &Status::ALL[1..6] {
            let mut job = job(*status, &[*status, Status::Success]);
            for now in 1..=3 {
                step(&mut job, now, &NoFaults);
            }
            assert!(matches!(job.status, Status::Success | Status::Error), "{}", status.name());
            let before = job.clone();
            step(&mut job, 9, &NoFaults);
            assert_eq!(job, before);
        }
        let mut edited = job(Status::Editing, &[Status::Editing]);
        let before = edited.clone();
        step(&mut edited, 9, &NoFaults);
        assert_eq!(edited, before);
    }
}
