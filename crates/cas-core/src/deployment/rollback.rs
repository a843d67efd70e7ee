//! The rollback of a deployment: each resource gets its former certificate again.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::deployment::plan::{is_requested, prefix};
use crate::service::account::Account;
use crate::service::deployment::types::{CloudResource, JobId, WorkerResource, WorkerStatus};
use crate::service::failure::CallError;
use crate::service::messages::cancelled;
use crate::service::types::CertId;

/// Pauses between questions for the status; the last one is repeated.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// The rollback of one resource.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The job that deployed the certificate.
    pub job_id: JobId,
    /// The worker; its status says how the rollback ended.
    pub worker: WorkerResource,
    /// Why the rollback was not begun, or its end is not known.
    pub error: Option<Error>,
}

/// Returns what a rollback would change: workers of jobs of libcas that have deployed this
/// certificate to resources of these domains, which still use it.
pub(crate) fn plan(
    account: &Account,
    cert_id: CertId,
    domains: &[String],
    resources: &[CloudResource],
    deadline: &Deadline,
) -> Result<Vec<Rollback>, CallError> {
    let prefix = prefix(cert_id);
    let mut jobs = account.deployment_jobs(Some(cert_id), deadline)?;
    jobs.retain(|job| job.status.has_ended() && job.name.starts_with(&prefix));
    jobs.sort_by_key(|job| job.id);
    let mut of_resource = BTreeMap::new();
    for job in jobs {
        for worker in account.deployment_workers(job.id, deadline)? {
            if can_roll_back(&worker, cert_id, domains, resources) {
                // The newest job knows what it replaced.
                let rollback = Rollback { job_id: job.id, worker, error: None };
                of_resource.insert(rollback.worker.resource_id, rollback);
            }
        }
    }
    Ok(of_resource.into_values().collect())
}

fn can_roll_back(
    worker: &WorkerResource,
    cert_id: CertId,
    domains: &[String],
    resources: &[CloudResource],
) -> bool {
    // One that got another certificate since would get a wrong one.
    let uses_it = |resource: &CloudResource| {
        resource.id == worker.resource_id && resource.cert_id == Some(cert_id)
    };
    matches!(worker.status, WorkerStatus::Success | WorkerStatus::RollbackError)
        && worker.cert_id.is_none_or(|id| id == cert_id)
        && domains.iter().any(|domain| is_requested(domain, &worker.domain))
        && resources.iter().any(uses_it)
}

/// Rolls back, and waits for the end. Each call takes at most `call_timeout`.
pub(crate) fn execute(
    account: &Account,
    mut rollbacks: Vec<Rollback>,
    call_timeout: Duration,
    deadline: &Deadline,
) -> Vec<Rollback> {
    for rollback in &mut rollbacks {
        let worker = rollback.worker.id;
        let limit = deadline.within(call_timeout);
        match account.set_worker_status(rollback.job_id, worker, "rollback", &limit) {
            Ok(()) => rollback.worker.status = WorkerStatus::Rollback,
            Err(failure) => rollback.error = Some(failure.error),
        }
    }
    let mut pauses = 0;
    while rollbacks.iter().any(is_active) {
        let pause = PAUSES[pauses.min(PAUSES.len() - 1)];
        pauses += 1;
        if !account.caller.wait(pause, deadline, None) {
            for rollback in rollbacks.iter_mut().filter(|rollback| is_active(rollback)) {
                rollback.error.get_or_insert_with(|| not_ended(rollback.job_id, deadline));
            }
            break;
        }
        update(account, &mut rollbacks, &deadline.within(call_timeout));
    }
    rollbacks
}

fn is_active(rollback: &Rollback) -> bool {
    rollback.worker.status == WorkerStatus::Rollback
}

/// Asks for the status of the workers that have not ended.
fn update(account: &Account, rollbacks: &mut [Rollback], deadline: &Deadline) {
    let active = rollbacks.iter().filter(|rollback| is_active(rollback));
    let mut jobs: Vec<_> = active.map(|rollback| rollback.job_id).collect();
    jobs.dedup();
    for job in jobs {
        let result = account.deployment_workers(job, deadline);
        let of_job = |rollback: &&mut Rollback| rollback.job_id == job && is_active(rollback);
        for rollback in rollbacks.iter_mut().filter(of_job) {
            match &result {
                Ok(workers) => {
                    rollback.error = None;
                    let worker = workers.iter().find(|worker| worker.id == rollback.worker.id);
                    if let Some(worker) = worker {
                        rollback.worker.status = worker.status;
                    }
                }
                // Until the deadline: another question may get an answer.
                Err(failure) => rollback.error = Some(failure.error.clone()),
            }
        }
    }
}

fn not_ended(job: JobId, deadline: &Deadline) -> Error {
    if deadline.is_cancelled() {
        return cancelled("The rollback", &format!("deployment job {job}"));
    }
    let sentence = format!("The rollback of deployment job {job} has not ended in time.");
    Error::new(ErrorKind::Timeout, sentence)
        .with_hint("Look at the job in the console, or list its resources again later.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    use crate::protocol::fields::parse;
    use crate::service::account::tests::account;
    use crate::service::caller::tests::{AN_HOUR, ScriptedResult, response};

    fn id(id: i64) -> CertId {
        CertId::new(id).unwrap()
    }

    fn resource(resource: i64, cert_id: i64) -> CloudResource {
        parse(json!({"Id": resource, "Domain": "www.example.com", "CertId": cert_id})).unwrap()
    }

    fn jobs(list: &[(i64, &str, &str)]) -> ScriptedResult {
        let data: Vec<_> = list
            .iter()
            .map(|(id, name, status)| json!({"Id": id, "Name": name, "Status": status}))
            .collect();
        response(200, &json!({"Data": data, "Total": data.len()}).to_string())
    }

    /// Workers by their ID, resource and status.
    fn workers(list: &[(i64, i64, &str)]) -> ScriptedResult {
        let worker = |(id, resource, status): &(i64, i64, &str)| {
            json!({
                "Id": id, "ResourceId": resource, "Status": status, "CertId": 7,
                "ResourceDomain": "www.example.com",
            })
        };
        let data: Vec<_> = list.iter().map(worker).collect();
        response(200, &json!({"Data": data, "Total": data.len()}).to_string())
    }

    fn planned(outcomes: Vec<ScriptedResult>, resources: &[CloudResource]) -> Vec<(i64, i64)> {
        let (account, _) = account(outcomes);
        let domains = ["*.example.com".to_owned()];
        let plan = plan(&account, id(7), &domains, resources, &Deadline::after(AN_HOUR)).unwrap();
        plan.iter().map(|rollback| (rollback.job_id.get(), rollback.worker.id)).collect()
    }

    #[test]
    fn what_libcas_deployed_and_is_still_in_use_is_rolled_back() {
        let resources = [resource(1, 7), resource(2, 8), resource(3, 7)];
        let outcomes = vec![
            jobs(&[
                (5, "libcas-7-a-2", "success"),
                (4, "libcas-7-a", "error"),
                (3, "by hand", "success"),
                (2, "libcas-7-b", "processing"),
                (1, "libcas-77-a", "success"),
            ]),
            workers(&[(10, 1, "success"), (11, 2, "success"), (12, 3, "error")]),
            workers(&[(20, 1, "success"), (21, 2, "success"), (22, 4, "success")]),
        ];
        // The newest job of a resource counts; resource 2 has another certificate by now.
        assert_eq!(planned(outcomes, &resources), [(5, 20)]);
        assert_eq!(planned(vec![jobs(&[])], &resources), []);
    }

    #[test]
    fn a_rollback_is_followed_to_its_end() {
        let ok = || response(200, r#"{"Data":[]}"#);
        let (account, sent) = account(vec![
            ok(),
            response(403, r#"{"Code":"Forbidden.RAM"}"#),
            ok(),
            workers(&[(1, 1, "rollback"), (3, 3, "rollback_error")]),
            workers(&[(1, 1, "rollback_success"), (3, 3, "rollback_error")]),
        ]);
        let rollback = |worker: i64| Rollback {
            job_id: JobId::new(5).unwrap(),
            worker: parse(json!({"Id": worker, "ResourceId": worker, "Status": "success"}))
                .unwrap(),
            error: None,
        };
        let rollbacks = vec![rollback(1), rollback(2), rollback(3)];
        let ended = execute(&account, rollbacks, AN_HOUR, &Deadline::after(AN_HOUR));
        let statuses: Vec<_> = ended.iter().map(|rollback| rollback.worker.status).collect();
        let expected =
            [WorkerStatus::RollbackSuccess, WorkerStatus::Success, WorkerStatus::RollbackError];
        assert_eq!(statuses, expected);
        let errors: Vec<_> = ended.iter().map(|rollback| rollback.error.is_some()).collect();
        assert_eq!(errors, [false, true, false]);
        assert!(sent.lock().unwrap()[0].contains("Status=rollback"));
    }

    #[test]
    fn a_rollback_that_does_not_end_is_an_error() {
        let (account, _) = account(vec![response(200, "{}")]);
        let rollback = Rollback {
            job_id: JobId::new(5).unwrap(),
            worker: parse(json!({"Id": 1, "Status": "success"})).unwrap(),
            error: None,
        };
        // Less than the first pause.
        let deadline = Deadline::after(Duration::from_millis(200));
        let ended = execute(&account, vec![rollback], AN_HOUR, &deadline);
        assert_eq!(ended[0].error.as_ref().unwrap().kind(), ErrorKind::Timeout);
    }
}
