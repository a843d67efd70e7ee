//! `casctl deploy`: puts an uploaded certificate on the resources that serve its domains.

use std::time::Duration;

use cas_core::{CertId, DeploymentPlan, DeploymentRequest, Rollback, WorkerStatus};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use crate::commands::show::valid_id;
use crate::confirm::{self, Answer};
use crate::deployment::{self, Deployed, Row};
use crate::failure::{Failure, IN_PART, not_found};
use crate::language::{say, text};
use crate::options::{flag, option};
use crate::output::{self, Format};
use crate::session::{self, Session};

/// How long casctl waits for a job unless the user says otherwise.
pub(crate) const WAIT: Duration = Duration::from_secs(15 * 60);

pub(crate) fn command() -> Command {
    Command::new("deploy")
        .about(text(
            "Put an uploaded certificate on the resources that serve a domain",
            "将已上传的证书部署到提供域名服务的云资源",
        ))
        .arg(
            Arg::new("id")
                .value_name("CERT_ID")
                .required(true)
                .value_parser(clap::value_parser!(i64))
                .allow_negative_numbers(true)
                .help(text("Its CertId", "证书的 CertId")),
        )
        .arg(
            option(
                "domain",
                "DOMAIN",
                "A domain whose resources get it, such as www.example.com or '*.example.com'; \
                 repeatable",
                "要部署的域名，例如 www.example.com 或 '*.example.com'；可重复",
            )
            .required(true)
            .action(ArgAction::Append),
        )
        .arg(
            option(
                "contact",
                "ID",
                "Inform this contact; repeatable [default: the first of the account]",
                "通知此联系人；可重复 [默认：账号的第一个联系人]",
            )
            .value_parser(clap::value_parser!(i64))
            .action(ArgAction::Append),
        )
        .arg(flag("dry-run", "Show the plan, and change nothing", "显示计划，不做任何更改"))
        .arg(flag("yes", "Do not ask", "不询问"))
        .arg(
            option(
                "wait",
                "TIME",
                "Wait for the end so long [default: 15m]",
                "等待部署结束的时限 [默认：15m]",
            )
            .num_args(0..=1)
            .default_missing_value("15m")
            .require_equals(true),
        )
        .arg(
            flag("no-wait", "Start the job, and do not wait for its end", "启动任务，不等待其结束")
                .conflicts_with("wait"),
        )
        .arg(flag(
            "again",
            "Create another job, although one has deployed it before",
            "即使此前的任务已部署过，也再创建一个任务",
        ))
        .arg(
            flag(
                "rollback",
                "Give the resources their former certificates",
                "使资源恢复使用此前的证书",
            )
            .conflicts_with_all(["again", "contact", "no-wait"]),
        )
        .after_help(text(
            "It shows what it would do and what that may cost, and asks; --yes answers.\n\
             Run again, it goes on with its own job and does not pay twice.\n\
             Exit status: 0 deployed, 1 not to each resource, 23 no resource has the domains.\n\n\
             Examples:\n  \
             casctl deploy 10000001 --domain www.example.com --dry-run\n  \
             casctl deploy 10000001 --domain '*.example.com' --domain example.com --yes\n  \
             casctl deploy 10000001 --domain www.example.com --rollback",
            "先显示将执行的操作及可能的费用，再询问；--yes 表示同意。\n\
             再次运行会继续自己的任务，不会重复付费。\n\
             退出码：0 已部署；1 部分资源未部署；23 没有资源提供这些域名的服务。\n\n\
             示例：\n  \
             casctl deploy 10000001 --domain www.example.com --dry-run\n  \
             casctl deploy 10000001 --domain '*.example.com' --domain example.com --yes\n  \
             casctl deploy 10000001 --domain www.example.com --rollback",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let id = valid_id(options.get_one::<i64>("id").copied().unwrap_or_default())?;
    let domains: Vec<String> =
        options.get_many::<String>("domain").into_iter().flatten().cloned().collect();
    let wait = options.get_one::<String>("wait");
    let wait = wait.map(|text| session::duration("--wait", text)).transpose()?.unwrap_or(WAIT);
    if options.get_flag("rollback") {
        return roll_back(options, session, id, &domains, wait);
    }
    let request = DeploymentRequest {
        domains,
        contact_ids: options.get_many::<i64>("contact").into_iter().flatten().copied().collect(),
        again: options.get_flag("again"),
        // The user has named the certificate.
        keep_newer: false,
    };
    let client = session.client()?;
    let inventory = client.deployment_inventory(&request.domains)?;
    let plan = client.plan_deployment(id, &request, &inventory)?;
    let rows: Vec<Row> = plan
        .resources
        .iter()
        .map(|resource| deployment::row(resource, "planned"))
        .chain(deployment::other_rows(&plan))
        .collect();
    if rows.is_empty() {
        let domains = request.domains.join(", ");
        return Err(not_found(
            say!(
                "No cloud resource of the account serves {domains}.",
                "账号中没有云资源提供 {domains} 的服务。"
            ),
            say!(
                "Add the domain to CDN, a load balancer or another product first. New resources \
                 are listed late.",
                "请先在 CDN、负载均衡等产品中添加该域名。新资源可能稍后才会列出。"
            ),
        ));
    }
    warn(session, &plan);
    if let Some(job) = plan.job.as_ref().filter(|_| !plan.resources.is_empty()) {
        let (id, status) = (job.id, job.status.as_str());
        session.note(&say!(
            "Deployment job {id} of an earlier run is {status}: no other one is created. --again \
             creates one if it has ended.",
            "此前运行的部署任务 {id} 状态为 {status}：不再创建其他任务。若其已结束，可用 --again 新建。"
        ));
    }
    if plan.resources.is_empty() {
        session.note(text("Nothing to deploy.", "没有需要部署的资源。"));
        print(session, &plan, &rows, None, options.get_flag("dry-run"));
        return status(&plan, false);
    }
    deployment::refuse_expired(&plan)?;
    if options.get_flag("dry-run") {
        session.note(&deployment::cost(plan.resources.len()));
        print(session, &plan, &rows, None, true);
        return Ok(());
    }
    if !options.get_flag("yes") {
        session.note(&deployment::cost(plan.resources.len()));
        if session.format() == Format::Text {
            deployment::table(&rows);
        }
    }
    agree(options, session, text("Deploy?", "部署吗？"))?;
    let waits = !options.get_flag("no-wait");
    let deployed = deployment::execute(session, &plan, waits, wait, session.shows_progress())?;
    let workers = deployed.deployment.workers.iter().map(deployment::worker_row);
    let rows: Vec<Row> = workers.chain(deployment::other_rows(&plan)).collect();
    print(session, &plan, &rows, Some(&deployed), false);
    status(&plan, deployed.has_failed())
}

/// Fails unless the user agrees.
fn agree(options: &ArgMatches, session: &Session<'_>, question: &str) -> Result<(), Failure> {
    match confirm::ask(options, session, question) {
        Answer::Yes => Ok(()),
        Answer::No => {
            session.warn(text("Nothing was changed.", "未做任何更改。"));
            Err(Failure::Status(IN_PART))
        }
        Answer::NotAsked => Err(Failure::Usage(
            say!("Missing --yes: nothing was changed.", "缺少 --yes：未做任何更改。"),
            say!(
                "Without a terminal, add --yes to go on, or --dry-run to see the plan.",
                "没有终端时，请加上 --yes 以继续，或用 --dry-run 查看计划。"
            ),
        )),
    }
}

/// Says what is left out.
fn warn(session: &Session<'_>, plan: &DeploymentPlan) {
    for domain in &plan.unmatched {
        session.warn(&say!(
            "No cloud resource of the account serves {domain}.",
            "账号中没有云资源提供 {domain} 的服务。"
        ));
    }
    for resource in &plan.not_covered {
        let (id, domain) = (resource.id, &resource.domain);
        session.warn(&say!(
            "The certificate does not cover {domain} (resource {id}): left out.",
            "证书不覆盖 {domain}（资源 {id}）：已略过。"
        ));
    }
}

/// The exit status of a deployment.
fn status(plan: &DeploymentPlan, has_failed: bool) -> Result<(), Failure> {
    let in_part = has_failed || !plan.unmatched.is_empty() || !plan.not_covered.is_empty();
    if in_part { Err(Failure::Status(IN_PART)) } else { Ok(()) }
}

fn print(
    session: &Session<'_>,
    plan: &DeploymentPlan,
    rows: &[Row],
    deployed: Option<&Deployed>,
    is_dry_run: bool,
) {
    match session.format() {
        Format::Json => output::json(&json_of(plan, rows, deployed, is_dry_run)),
        Format::Text => {
            deployment::table(rows);
            if let Some(cost) = deployed.and_then(|deployed| deployed.progress) {
                let (cost, used, bought) = (cost.cost, cost.used, cost.bought);
                if cost > 0 {
                    session.note(&say!(
                        "Deployments that the service counts for this job: {cost}. Used: {used} of \
                         {bought} bought ones.",
                        "服务为此任务计 {cost} 次部署；已购 {bought} 次，已用 {used} 次。"
                    ));
                }
            }
        }
    }
}

fn json_of(
    plan: &DeploymentPlan,
    rows: &[Row],
    deployed: Option<&Deployed>,
    is_dry_run: bool,
) -> Value {
    let job = deployed.map(|deployed| &deployed.deployment);
    let job_id = job.map(|job| job.job_id).or(plan.job.as_ref().map(|job| job.id));
    let progress = deployed.and_then(|deployed| deployed.progress);
    let job_name = (job.is_some() || !plan.resources.is_empty()).then_some(&plan.job_name);
    json!({
        "cert_id": plan.cert_id.get(),
        "dry_run": is_dry_run,
        "job_id": job_id.map(cas_core::JobId::get),
        "job_name": job_name,
        "created": job.is_some_and(|job| job.created),
        "resources": rows.iter().map(deployment::json_of).collect::<Vec<_>>(),
        "unmatched": plan.unmatched,
        "cost_count": progress.map(|progress| progress.cost),
    })
}

fn roll_back(
    options: &ArgMatches,
    session: &Session<'_>,
    id: CertId,
    domains: &[String],
    wait: Duration,
) -> Result<(), Failure> {
    let client = session.client()?;
    let rollbacks = client.plan_rollback(id, domains)?;
    if rollbacks.is_empty() {
        return Err(not_found(
            say!(
                "No resource of these domains has CertId {id} by a job of casctl.",
                "这些域名的资源中，没有由 casctl 部署的 CertId {id}。"
            ),
            say!("Nothing to roll back.", "没有可回滚的资源。"),
        ));
    }
    let planned: Vec<Row> = rollbacks
        .iter()
        .map(|rollback| Row {
            status: "to-be-rolled-back",
            ..deployment::worker_row(&rollback.worker)
        })
        .collect();
    if options.get_flag("dry-run") {
        print_rollback(session, id, &planned, true);
        return Ok(());
    }
    if session.format() == Format::Text && !options.get_flag("yes") {
        deployment::table(&planned);
    }
    agree(options, session, text("Roll back?", "回滚吗？"))?;
    let rollbacks = client.roll_back(rollbacks, wait)?;
    let rows: Vec<Row> =
        rollbacks.iter().map(|rollback| deployment::worker_row(&rollback.worker)).collect();
    print_rollback(session, id, &rows, false);
    for rollback in &rollbacks {
        if let Some(error) = &rollback.error {
            let domain = &rollback.worker.domain;
            Failure::Library(error.clone()).print_about(domain);
        }
    }
    let is_done = |rollback: &Rollback| rollback.worker.status == WorkerStatus::RollbackSuccess;
    if rollbacks.iter().all(is_done) { Ok(()) } else { Err(Failure::Status(IN_PART)) }
}

fn print_rollback(session: &Session<'_>, id: CertId, rows: &[Row], is_dry_run: bool) {
    match session.format() {
        Format::Json => output::json(&json!({
            "cert_id": id.get(),
            "dry_run": is_dry_run,
            "resources": rows.iter().map(deployment::json_of).collect::<Vec<_>>(),
        })),
        Format::Text => deployment::table(rows),
    }
}
