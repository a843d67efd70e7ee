//! Deployment of stored certificates. Only API version 2020-04-07 has it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::Client;
use crate::base::deadline::Deadline;
use crate::base::error::{Error, ErrorKind};
use crate::base::logger::Level;
use crate::deployment::machine::Rules;
use crate::deployment::plan::{self, DeploymentPlan, DeploymentRequest, Inventory};
use crate::deployment::rollback::{self, Rollback};
use crate::deployment::run::{self, Deployment, DeploymentEvent, Execution};
use crate::deployment::{invalid_domain, no_contact, normalized, nothing_to_deploy};
use crate::service::deployment::types::{CloudResource, Contact};
use crate::service::failure::CallError;
use crate::service::types::CertId;
use crate::service::version::ApiVersion;

/// Most domains that are searched for one by one; for more, all resources are read.
const MAX_SEARCHES: usize = 5;

/// What an account can deploy to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeploymentInventory {
    /// Cloud resources of other products.
    pub resources: Vec<CloudResource>,
    /// People whom the service can inform.
    pub contacts: Vec<Contact>,
}

impl Client {
    /// Returns the cloud resources that may serve one of `domains`, or all if that is empty, and
    /// the contacts.
    pub fn deployment_inventory(&self, domains: &[String]) -> Result<DeploymentInventory, Error> {
        self.check_deployment(domains)?;
        let deadline = self.begin(None)?;
        self.logged(self.resources(domains, &deadline).and_then(|resources| {
            let contacts = self.account.contacts(&deadline)?;
            Ok(DeploymentInventory { resources, contacts })
        }))
    }

    /// Plans the deployment of a certificate. Changes nothing at the service.
    ///
    /// The plan leaves out what has the certificate already. If an earlier run has created the job
    /// of this plan, the plan has that job.
    pub fn plan_deployment(
        &self,
        cert_id: CertId,
        request: &DeploymentRequest,
        inventory: &DeploymentInventory,
    ) -> Result<DeploymentPlan, Error> {
        self.check_deployment(&request.domains)?;
        let deadline = self.begin(None)?;
        self.logged(self.planned(cert_id, request, inventory, &deadline))
    }

    fn planned(
        &self,
        cert_id: CertId,
        request: &DeploymentRequest,
        inventory: &DeploymentInventory,
        deadline: &Deadline,
    ) -> Result<DeploymentPlan, CallError> {
        let certificate = self.account.get(cert_id, deadline)?;
        let mut jobs = Vec::new();
        for job in self.account.deployment_jobs(Some(cert_id), deadline)? {
            let workers = if plan::may_be_busy(&job) {
                self.account.deployment_workers(job.id, deadline)?
            } else {
                Vec::new()
            };
            jobs.push((job, workers));
        }
        let DeploymentInventory { resources, contacts } = inventory.clone();
        Ok(plan::plan(request, Inventory { certificate, resources, contacts, jobs }))
    }

    /// Executes a plan that has resources: creates the job, unless an earlier run has created it,
    /// starts it and, with `waits`, waits until it has ended, for at most `timeout`.
    ///
    /// No job is created twice, not even after a lost response. A resource whose deployment has
    /// failed is no error: see [`Deployment::workers`]. `listener` hears what happens.
    pub fn deploy(
        &self,
        plan: &DeploymentPlan,
        waits: bool,
        timeout: Duration,
        listener: &mut dyn FnMut(DeploymentEvent),
    ) -> Result<Deployment, Error> {
        if plan.resources.is_empty() {
            return Err(nothing_to_deploy(plan.cert_id));
        }
        if plan.contacts.is_empty() {
            return Err(no_contact());
        }
        let deadline = self.begin(Some(timeout))?;
        let rules = Rules { max_attempts: self.account.caller.max_attempts, waits };
        let execution = Execution { rules, call_timeout: self.timeout };
        let result = run::deploy(&self.account, plan, execution, &deadline, listener);
        if let Err(error) = &result {
            self.account.caller.logger.log(Level::Error, || error.to_string());
        }
        result
    }

    /// Returns what [`roll_back`](Self::roll_back) would change: the resources of these domains to
    /// which libcas has deployed this certificate, and which still use it.
    pub fn plan_rollback(
        &self,
        cert_id: CertId,
        domains: &[String],
    ) -> Result<Vec<Rollback>, Error> {
        self.check_deployment(domains)?;
        let deadline = self.begin(None)?;
        self.logged(self.resources(domains, &deadline).and_then(|resources| {
            rollback::plan(&self.account, cert_id, domains, &resources, &deadline)
        }))
    }

    /// Gives resources their former certificates again, and waits for at most `timeout` until that
    /// has ended. The result has the status of each, and the error if there was one.
    pub fn roll_back(
        &self,
        rollbacks: Vec<Rollback>,
        timeout: Duration,
    ) -> Result<Vec<Rollback>, Error> {
        let deadline = self.begin(Some(timeout))?;
        Ok(rollback::execute(&self.account, rollbacks, self.timeout, &deadline))
    }

    /// Returns the certificates that cloud resources use, or that deployment jobs refer to which
    /// have not ended.
    pub fn certificates_in_use(&self) -> Result<BTreeSet<CertId>, Error> {
        self.check_deployment(&[])?;
        self.logged(self.in_use(&self.begin(None)?))
    }

    fn in_use(&self, deadline: &Deadline) -> Result<BTreeSet<CertId>, CallError> {
        let resources = self.account.cloud_resources("", deadline)?;
        let mut in_use: BTreeSet<_> =
            resources.into_iter().filter_map(|resource| resource.cert_id).collect();
        let jobs = self.account.deployment_jobs(None, deadline)?;
        for job in jobs.into_iter().filter(|job| !job.status.has_ended()) {
            if job.cert_ids.is_empty() {
                let workers = self.account.deployment_workers(job.id, deadline)?;
                in_use.extend(workers.into_iter().filter_map(|worker| worker.cert_id));
            }
            in_use.extend(job.cert_ids);
        }
        Ok(in_use)
    }

    fn resources(
        &self,
        domains: &[String],
        deadline: &Deadline,
    ) -> Result<Vec<CloudResource>, CallError> {
        // The search does not know that two spellings are the same domain.
        let searched: Option<Vec<_>> = domains
            .iter()
            .map(|domain| normalized(domain).filter(|form| !form.contains("xn--")))
            .collect();
        let searched = searched.filter(|all| (1..=MAX_SEARCHES).contains(&all.len()));
        let Some(searched) = searched else { return self.account.cloud_resources("", deadline) };
        let mut found = BTreeMap::new();
        for domain in searched {
            let keyword = domain.strip_prefix("*.").unwrap_or(&domain);
            for resource in self.account.cloud_resources(keyword, deadline)? {
                found.insert(resource.id, resource);
            }
        }
        Ok(found.into_values().collect())
    }

    fn check_deployment(&self, domains: &[String]) -> Result<(), Error> {
        let requested = self.account.versions.requested();
        if requested.is_some_and(|version| version != ApiVersion::OF_DEPLOYMENT) {
            let sentence = "Invalid deployment: API version 2018-07-13 has no deployment jobs.";
            return Err(Error::new(ErrorKind::InvalidArgument, sentence)
                .with_hint("Let the client use 2020-04-07."));
        }
        match domains.iter().find(|domain| normalized(domain).is_none()) {
            None => Ok(()),
            Some(domain) => Err(invalid_domain(domain)),
        }
    }
}
