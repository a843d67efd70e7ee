//! Deploys by a plan, and says what became of each resource.

use std::time::Duration;

use cas_core::{
    CloudResource, Deployment, DeploymentEvent, DeploymentPlan, Error, ErrorKind, JobProgress,
    WorkerResource, WorkerStatus,
};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::language::{say, text};
use crate::output::{self, Progress};
use crate::session::Session;

/// What became, or becomes, of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub resource_id: i64,
    pub product: String,
    pub domain: String,
    pub region: String,
    /// In JSON.
    pub status: &'static str,
    /// The certificate that it had before.
    pub replaced: Option<i64>,
}

/// A deployment that was started, or that had ended before.
pub(crate) struct Deployed {
    pub deployment: Deployment,
    /// How far the job was when it was last asked.
    pub progress: Option<JobProgress>,
}

impl Deployed {
    /// Whether a resource has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.deployment
            .workers
            .iter()
            .any(|worker| !matches!(worker.status, WorkerStatus::Success | WorkerStatus::Active))
    }
}

/// Executes a plan that has resources. `shows_progress` draws a bar.
pub(crate) fn execute(
    session: &Session<'_>,
    plan: &DeploymentPlan,
    waits: bool,
    timeout: Duration,
    shows_progress: bool,
) -> Result<Deployed, Failure> {
    let mut last = None;
    let bar = shows_progress.then(|| Progress::start(plan.resources.len(), true));
    let mut shown = 0;
    let deployment = session.client()?.deploy(plan, waits, timeout, &mut |event| match event {
        DeploymentEvent::Found(id, _) => {
            session.note(&say!("Going on with deployment job {id}.", "继续执行部署任务 {id}。"));
        }
        DeploymentEvent::Created(id) => {
            session.note(&say!("Created deployment job {id}.", "已创建部署任务 {id}。"));
        }
        DeploymentEvent::Started(id) => {
            session.note(&say!("Started deployment job {id}.", "已启动部署任务 {id}。"));
        }
        DeploymentEvent::Progress(_, progress) => {
            let ended = progress.ended().min(progress.workers);
            while shown < ended {
                bar.iter().for_each(Progress::advance);
                shown += 1;
            }
            last = Some(progress);
        }
        _ => {}
    })?;
    drop(bar);
    Ok(Deployed { deployment, progress: last })
}

/// Refuses to deploy a certificate that has expired: every client would reject it.
pub(crate) fn refuse_expired(plan: &DeploymentPlan) -> Result<(), Failure> {
    if !plan.expired || plan.resources.is_empty() {
        return Ok(());
    }
    let id = plan.cert_id;
    let sentence =
        say!("CertId {id} has expired: it is not deployed.", "CertId {id} 已过期：不予部署。");
    let hint = text("Deploy a renewed certificate.", "请部署续期后的证书。");
    Err(Failure::Library(Error::new(ErrorKind::Certificate, sentence).with_hint(hint)))
}

/// What may be charged for a plan, as far as it is known.
pub(crate) fn cost(resources: usize) -> String {
    let noun =
        if resources == 1 { "1 resource".to_owned() } else { format!("{resources} resources") };
    say!(
        "Alibaba Cloud charges for deployments, and the price is in its console; users report 10 \
         free ones, and 30 CNY for each further one. This job deploys to {noun}.",
        "阿里云对部署收费，价格以控制台为准；据用户反馈，前 10 次免费，之后每次 30 元。此任务将部署到 \
         {resources} 个资源。"
    )
}

/// A resource with a status.
pub(crate) fn row(resource: &CloudResource, status: &'static str) -> Row {
    Row {
        resource_id: resource.id,
        product: resource.product.clone(),
        domain: resource.domain.clone(),
        region: resource.region.clone(),
        status,
        replaced: resource.cert_id.map(cas_core::CertId::get),
    }
}

/// A worker, as a row.
pub(crate) fn worker_row(worker: &WorkerResource) -> Row {
    Row {
        resource_id: worker.resource_id,
        product: worker.product.clone(),
        domain: worker.domain.clone(),
        region: worker.region.clone(),
        status: match worker.status {
            WorkerStatus::Success => "deployed",
            WorkerStatus::Error => "failed",
            WorkerStatus::Active => "running",
            WorkerStatus::Rollback => "rolling-back",
            WorkerStatus::RollbackSuccess => "rolled-back",
            WorkerStatus::RollbackError => "rollback-failed",
            WorkerStatus::Unknown => "unknown",
        },
        replaced: worker.replaced.map(cas_core::CertId::get),
    }
}

/// The rows of a plan that its job does not have.
pub(crate) fn other_rows(plan: &DeploymentPlan) -> Vec<Row> {
    let groups = [
        (&plan.deployed, "already-deployed"),
        (&plan.in_progress, "in-progress"),
        (&plan.newer, "newer"),
        (&plan.not_covered, "not-covered"),
    ];
    let of_group = |(resources, status): (&Vec<CloudResource>, &'static str)| {
        resources.iter().map(|resource| row(resource, status)).collect::<Vec<_>>()
    };
    groups.into_iter().flat_map(of_group).collect()
}

/// A row as JSON.
pub(crate) fn json_of(row: &Row) -> Value {
    json!({
        "resource_id": row.resource_id,
        "product": row.product,
        "region": row.region,
        "domain": row.domain,
        "status": row.status,
        "replaced_cert_id": row.replaced,
    })
}

/// Prints rows as a table.
pub(crate) fn table(rows: &[Row]) {
    let headings = [
        text("RESOURCE", "资源"),
        text("PRODUCT", "产品"),
        text("DOMAIN", "域名"),
        text("STATUS", "状态"),
    ];
    let cells = |row: &Row| {
        vec![
            row.resource_id.to_string(),
            row.product.clone(),
            row.domain.clone(),
            status_text(row.status).to_owned(),
        ]
    };
    output::table(&headings, rows.iter().map(cells).collect());
}

/// A status for people.
fn status_text(status: &'static str) -> &'static str {
    match status {
        "planned" => text("to be deployed", "待部署"),
        "deployed" => text("deployed", "已部署"),
        "already-deployed" => text("deployed already", "此前已部署"),
        "in-progress" => text("another job works on it", "其他任务正在部署"),
        "newer" => text("has a newer certificate", "已有更新的证书"),
        "not-covered" => text("not covered by the certificate", "证书不覆盖此域名"),
        "failed" => text("failed", "失败"),
        "running" => text("running", "进行中"),
        "to-be-rolled-back" => text("to be rolled back", "待回滚"),
        "rolling-back" => text("being rolled back", "回滚中"),
        "rolled-back" => text("rolled back", "已回滚"),
        "rollback-failed" => text("the rollback failed", "回滚失败"),
        _ => text("unknown", "未知"),
    }
}
