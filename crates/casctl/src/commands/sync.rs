//! `casctl sync`: is each renewed certificate uploaded, deployed and served? Corrects what differs.

use std::collections::hash_map::RandomState;
use std::fs::{File, TryLockError};
use std::hash::BuildHasher;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use cas_core::{
    CertId, Certificate, Client, DeploymentInventory, DeploymentRequest, ErrorKind, Facts,
};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use crate::bulk;
use crate::commands::deploy;
use crate::deployment::{self, Row};
use crate::failure::{Failure, IN_PART, not_found, unusable};
use crate::language::{say, text};
use crate::layout::{self, Lineage};
use crate::options::{flag, option};
use crate::output::{self, Format, Progress};
use crate::parallel;
use crate::rules::{self, Rules};
use crate::served::{self, Answer, Check, Host};
use crate::session::{self, Session};

/// How long a server may take for the handshake, unless the user says otherwise.
const SERVED_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a run that waits for its jitter looks for a signal.
const TICK: Duration = Duration::from_millis(100);

pub(crate) fn command() -> Command {
    Command::new("sync")
        .about(text(
            "Check that renewed certificates are uploaded, deployed and served; correct what \
             differs",
            "检查续期的证书是否已上传、已部署并已生效，并修正差异",
        ))
        .arg(Arg::new("path").value_name("DIR|MANIFEST").required(true).help(text(
            "A directory of certbot, acme.sh or lego, or a manifest",
            "certbot、acme.sh 或 lego 的目录，或清单文件",
        )))
        .arg(flag(
            "deploy",
            "Deploy all; without it, those for which the manifest says deploy = true",
            "部署全部证书；不指定时只部署清单中 deploy = true 的证书",
        ))
        .arg(flag(
            "no-served",
            "Do not ask the servers which certificate they serve",
            "不检查服务器正在使用的证书",
        ))
        .arg(option(
            "served-timeout",
            "TIME",
            "Time for each handshake with a server [default: 10s]",
            "与每台服务器握手的时限 [默认：10s]",
        ))
        .arg(option(
            "jitter",
            "TIME",
            "Wait for a random time up to this first, so that a fleet does not call at once",
            "开始前随机等待不超过此时长，避免大量主机同时调用",
        ))
        .arg(
            option("jobs", "N", "Handle so many at once [default: 4]", "同时处理的数量 [默认：4]")
                .value_parser(clap::value_parser!(u16).range(1..=64)),
        )
        .arg(option(
            "report",
            "FILE",
            "Write a JSON line about each certificate to this file",
            "将每个证书的结果以 JSON 行写入此文件",
        ))
        .args(rules::options())
        .after_help(text(
            "For timers: a run that failed is made good by the next one. One run at a time.\n\
             Exit status: 0 all in order or corrected, 1 something is not, else as usual.\n\n\
             Examples:\n  \
             casctl sync /etc/letsencrypt/live --jitter 10m\n  \
             casctl sync certificates.toml --output json --report report.jsonl",
            "供定时任务使用：失败的运行会由下一次运行补救。同一时间只允许一个运行。\n\
             退出码：0 一切正常或已修正；1 存在问题；其他同一般约定。\n\n\
             示例：\n  \
             casctl sync /etc/letsencrypt/live --jitter 10m\n  \
             casctl sync certificates.toml --output json --report report.jsonl",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let path = Path::new(options.get_one::<String>("path").map_or("", String::as_str));
    let time = |name: &'static str, otherwise: Duration| match options.get_one::<String>(name) {
        Some(text) => session::duration(&format!("--{name}"), text),
        None => Ok(otherwise),
    };
    let jitter = time("jitter", Duration::ZERO)?;
    let served_timeout = time("served-timeout", SERVED_TIMEOUT)?;
    let client = session.client()?;
    // First, so that a mistake is seen at once.
    let _lock = lock(session, path)?;
    let lineages = layout::read(path)?;
    wait(session, jitter)?;
    let listed = match client.list() {
        Ok(listed) => listed,
        // The access key may upload but not list: the service then says what is stored.
        Err(error) if error.kind() == ErrorKind::Permission => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let sync = Sync {
        session,
        client,
        listed,
        rules: Rules::of(options),
        deploys_all: options.get_flag("deploy"),
        asks_servers: !options.get_flag("no-served"),
        served_timeout,
    };
    let mut report = options
        .get_one::<String>("report")
        .map(|path| bulk::create(Path::new(path)))
        .transpose()?;
    let jobs = options.get_one::<u16>("jobs").copied().unwrap_or(4).into();
    let progress = Progress::start(lineages.len(), session.shows_progress());
    let mut counts = Counts::default();
    parallel::each(
        &lineages,
        jobs,
        || !session.is_interrupted(),
        |lineage| sync.one(lineage),
        |index, result| {
            let line = print(session, &lineages[index], &result);
            progress.advance();
            counts.add(result);
            report.as_mut().map_or(Ok(()), |report| bulk::write(report, &line))
        },
    )?;
    drop(progress);
    counts.end(session, lineages.len())
}

/// Locks what is synchronised: one run at a time, whichever user started it. The lock ends with the
/// process, and leaves no file.
fn lock(session: &Session<'_>, path: &Path) -> Result<File, Failure> {
    let shown = cas_core::quoted_path(path);
    let failed = |error: std::io::Error| {
        unusable(
            say!("Failed to read {shown}: {error}.", "读取 {shown} 失败：{error}。"),
            say!("Name a directory or a manifest.", "请指定目录或清单文件。"),
        )
    };
    let file = File::open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let message = say!(
                "Another casctl sync of {shown} is running. Nothing was done.",
                "另一个 casctl sync 正在处理 {shown}。未执行任何操作。"
            );
            match session.format() {
                Format::Text => output::error(&message, None),
                Format::Json => {
                    let error = json!({
                        "kind": "locked", "exit_status": IN_PART, "message": message,
                        "retryable": true,
                    });
                    output::error_text(&json!({ "error": error }).to_string());
                }
            }
            Err(Failure::Status(IN_PART))
        }
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Waits for a random time up to `jitter`.
fn wait(session: &Session<'_>, jitter: Duration) -> Result<(), Failure> {
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0);
    let end = Instant::now() + jitter.mul_f64(f64::from(random) / f64::from(u32::MAX));
    while Instant::now() < end {
        if session.is_interrupted() {
            return Err(Failure::Status(INTERRUPTED));
        }
        thread::sleep(TICK.min(end.saturating_duration_since(Instant::now())));
    }
    Ok(())
}

/// The exit status of a cancelled call.
const INTERRUPTED: u8 = 25;

/// What is the same for all certificates of a run.
struct Sync<'a> {
    session: &'a Session<'a>,
    client: &'a Client,
    listed: Vec<Certificate>,
    rules: Rules,
    deploys_all: bool,
    asks_servers: bool,
    served_timeout: Duration,
}

/// What is the case for a certificate now.
struct Synced {
    cert_id: CertId,
    name: String,
    facts: Option<Facts>,
    /// Whether this run has uploaded it.
    uploaded: bool,
    /// What became of its resources, if it was to be deployed.
    deployed: Option<Result<Vec<Row>, Failure>>,
    /// Whether this run has deployed it to a resource.
    newly_deployed: bool,
    checks: Vec<Check>,
}

/// How a certificate fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was to be done.
    InOrder,
    /// This run has uploaded or deployed it.
    Corrected,
    /// A server serves another one, or none.
    NotServed,
    /// It could not be deployed to every resource.
    NotDeployed,
}

impl Sync<'_> {
    fn one(&self, lineage: &Lineage) -> Result<Synced, Failure> {
        // A hook may have uploaded it under a name that is not known here.
        let any_name = lineage.name.is_none();
        let (receipt, facts) =
            bulk::store(self.client, lineage, &self.rules, &self.listed, any_name)?;
        let sha256 = facts.as_ref().map_or("", |facts| facts.sha256.as_str());
        let hosts = hosts(lineage, facts.as_ref())?;
        let mut synced = Synced {
            cert_id: receipt.cert_id,
            name: receipt.name.clone(),
            uploaded: receipt.outcome != cas_core::Outcome::Reused,
            deployed: None,
            newly_deployed: false,
            checks: Vec::new(),
            facts: facts.clone(),
        };
        if self.asks_servers {
            synced.checks = served::check(self.client, &hosts, sha256, self.served_timeout);
        }
        let is_served = |check: &Check| matches!(check.answer, Answer::Served(_));
        let all_served = !synced.checks.is_empty() && synced.checks.iter().all(is_served);
        if (self.deploys_all || lineage.deploy) && !all_served {
            let result = self.deploy(receipt.cert_id, &hosts);
            synced.newly_deployed = matches!(&result, Ok((_, true)));
            synced.deployed = Some(result.map(|(rows, _)| rows));
            if synced.newly_deployed && self.asks_servers {
                synced.checks = served::check(self.client, &hosts, sha256, self.served_timeout);
            }
        }
        Ok(synced)
    }

    /// Deploys to the resources of the hosts. Returns what became of them, and whether a job ran.
    fn deploy(&self, cert_id: CertId, hosts: &[Host]) -> Result<(Vec<Row>, bool), Failure> {
        let mut domains: Vec<_> = hosts.iter().map(|host| host.domain.clone()).collect();
        domains.sort();
        domains.dedup();
        let inventory: DeploymentInventory = self.client.deployment_inventory(&domains)?;
        // The files here may be those of a machine that no longer renews.
        let request =
            DeploymentRequest { domains, keep_newer: true, ..DeploymentRequest::default() };
        let plan = self.client.plan_deployment(cert_id, &request, &inventory)?;
        let mut rows = deployment::other_rows(&plan);
        if rows.is_empty() && plan.resources.is_empty() {
            let domains = request.domains.join(", ");
            return Err(not_found(
                say!(
                    "No cloud resource of the account serves {domains}.",
                    "账号中没有云资源提供 {domains} 的服务。"
                ),
                say!("Remove deploy from the manifest.", "请从清单中移除 deploy。"),
            ));
        }
        if plan.resources.is_empty() {
            return Ok((rows, false));
        }
        deployment::refuse_expired(&plan)?;
        let deployed = deployment::execute(self.session, &plan, true, deploy::WAIT, false)?;
        rows.extend(deployed.deployment.workers.iter().map(deployment::worker_row));
        Ok((rows, true))
    }
}

/// The servers of a certificate: what the manifest says, or else the names in it.
fn hosts(lineage: &Lineage, facts: Option<&Facts>) -> Result<Vec<Host>, Failure> {
    if lineage.domains.is_empty() {
        let names = facts.map(|facts| facts.sans.as_slice()).unwrap_or_default();
        // Neither IPv6 nor names of other kinds.
        let names = names.iter().filter(|name| !name.contains([':', '@', '/']));
        return Ok(names.filter_map(|name| Host::parse(name)).collect());
    }
    let parse = |name: &String| {
        Host::parse(name).ok_or_else(|| {
            let label = &lineage.label;
            Failure::Usage(
                say!("Invalid domain of {label}.", "{label} 的域名无效。"),
                say!(
                    "Write it as www.example.com or www.example.com:8443.",
                    "请写成 www.example.com 或 www.example.com:8443。"
                ),
            )
        })
    };
    lineage.domains.iter().map(parse).collect()
}

/// Whether a resource is as it should be.
fn is_fine(row: &Row) -> bool {
    matches!(row.status, "deployed" | "already-deployed" | "newer")
}

impl Synced {
    fn state(&self) -> State {
        let is_bad = |row: &Row| !is_fine(row);
        match &self.deployed {
            Some(Err(_)) => return State::NotDeployed,
            Some(Ok(rows)) if rows.iter().any(is_bad) => return State::NotDeployed,
            _ => {}
        }
        let is_served = |check: &Check| match &check.answer {
            Answer::Served(_) | Answer::NotAsked => true,
            // A deployment needs time to reach every server.
            Answer::Other(_) => self.newly_deployed,
            Answer::Unreachable(_) => false,
        };
        if !self.checks.iter().all(is_served) {
            return State::NotServed;
        }
        if self.uploaded || self.newly_deployed { State::Corrected } else { State::InOrder }
    }

    fn json(&self) -> Value {
        let facts = self.facts.as_ref();
        let (deployed, error) = match &self.deployed {
            None => (Value::Null, Value::Null),
            Some(Ok(rows)) => {
                (rows.iter().map(deployment::json_of).collect::<Vec<_>>().into(), Value::Null)
            }
            Some(Err(failure)) => (Value::Null, failure.details()),
        };
        json!({
            "cert_id": self.cert_id.get(),
            "name": self.name,
            "state": self.state().name(),
            "uploaded": self.uploaded,
            "deployed": deployed,
            "deployment_error": error,
            "served": self.checks.iter().map(Check::json).collect::<Vec<_>>(),
            "fingerprint_sha256": facts.map(|facts| &facts.sha256),
            "not_after": facts.map(|facts| facts.not_after.to_string()),
        })
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::InOrder => "in-order",
            Self::Corrected => "corrected",
            Self::NotServed => "not-served",
            Self::NotDeployed => "not-deployed",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::InOrder => text("in order", "正常"),
            Self::Corrected => text("corrected", "已修正"),
            Self::NotServed => text("not served", "未生效"),
            Self::NotDeployed => text("not deployed", "未部署"),
        }
    }
}

/// Prints what is the case for a certificate. Returns it as JSON.
fn print(session: &Session<'_>, lineage: &Lineage, result: &Result<Synced, Failure>) -> Value {
    let mut value = match result {
        Ok(synced) => synced.json(),
        Err(failure) => json!({ "state": "failed", "error": failure.details() }),
    };
    value["source"] = json!(lineage.label);
    value["cert_file"] = json!(lineage.cert);
    if session.format() == Format::Json {
        output::json(&value);
        return value;
    }
    match result {
        Err(failure) => failure.print_about(&lineage.label),
        Ok(synced) => {
            let state = synced.state();
            output::line(&format!("{} {} {}", synced.cert_id, synced.name, state.text()));
            if let Some(Err(failure)) = &synced.deployed {
                failure.print_about(&lineage.label);
            }
            for row in synced.deployed.iter().flatten().flatten() {
                if !is_fine(row) {
                    let (id, domain, status) = (row.resource_id, &row.domain, row.status);
                    session.warn(&say!(
                        "Resource {id} ({domain}): {status}.",
                        "资源 {id}（{domain}）：{status}。"
                    ));
                }
            }
            let not_after =
                synced.facts.as_ref().map(|facts| facts.not_after.to_string()).unwrap_or_default();
            for check in &synced.checks {
                if let Some(problem) = check.problem(&not_after) {
                    session.warn(&problem);
                }
            }
        }
    }
    value
}

/// How many came to which end.
#[derive(Default)]
struct Counts {
    in_order: usize,
    corrected: usize,
    wrong: usize,
    failed: usize,
    first_failure: Option<Failure>,
}

impl Counts {
    fn add(&mut self, result: Result<Synced, Failure>) {
        match result.as_ref().map(Synced::state) {
            Ok(State::InOrder) => self.in_order += 1,
            Ok(State::Corrected) => self.corrected += 1,
            Ok(State::NotServed | State::NotDeployed) => self.wrong += 1,
            Err(_) => self.failed += 1,
        }
        if let Err(failure) = result {
            self.first_failure.get_or_insert(failure);
        }
    }

    fn end(self, session: &Session<'_>, all: usize) -> Result<(), Failure> {
        let Self { in_order, corrected, wrong, failed, first_failure } = self;
        let left = all - in_order - corrected - wrong - failed;
        session.note(&say!(
            "{in_order} in order, {corrected} corrected, {wrong} not served or deployed, {failed} \
             failed, {left} not tried.",
            "正常 {in_order}，已修正 {corrected}，未生效或未部署 {wrong}，失败 {failed}，未尝试 {left}。"
        ));
        if left > 0 {
            session.warn(&say!(
                "Interrupted: run the same command again to go on.",
                "已中断：再次运行同一命令即可继续。"
            ));
        }
        match first_failure {
            None if left == 0 && wrong == 0 => Ok(()),
            // Nothing was achieved: the exit status says why.
            Some(failure) if failed == all => Err(Failure::Status(failure.status())),
            _ => Err(Failure::Status(IN_PART)),
        }
    }
}
