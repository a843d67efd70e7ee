//! `casctl doctor`: takes the way of an upload step by step, and says where it ends.

use cas_core::{Diagnosis, Diagnostics, Probe, Status};
use clap::{ArgMatches, Command};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, error_json, status_of};
use crate::language::text;
use crate::output::{self, DIM, Format, GREEN, RED, YELLOW, styled};
use crate::session::Session;
use crate::wording::of_casctl;

pub(crate) fn command() -> Command {
    Command::new("doctor")
        .about(text(
            "Examine DNS, proxy, TLS, clock, access key and permission, and say what to do",
            "检查 DNS、代理、TLS、时钟、访问密钥和权限，并说明处理方法",
        ))
        .after_help(text(
            "Changes nothing at the service. Exit status: 0 uploads work; otherwise 10 + status of \
             the first failure.\n\n\
             Examples:\n  casctl doctor\n  casctl doctor --profile prod --output json",
            "不会改动服务中的任何内容。退出码：0 可以上传；否则为首个失败项的 10 + 状态码。\n\n\
             示例：\n  casctl doctor\n  casctl doctor --profile prod --output json",
        ))
}

pub(crate) fn run(_: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let diagnostics = Diagnostics::new(&session.config()?)?;
    let mut failed = None;
    diagnostics.run(|found| {
        failed = failed.or(found.kind());
        match session.format() {
            Format::Json => output::json(&diagnosis_json(found)),
            Format::Text => print(found, session.is_quiet()),
        }
    });
    failed.map_or(Ok(()), |kind| Err(Failure::Status(status_of(kind))))
}

/// One line for each probe, and what to do.
fn print(found: &Diagnosis, is_quiet: bool) {
    let (style, status) = match found.status {
        Status::Ok => (GREEN, text("ok", "正常")),
        Status::Warning => (YELLOW, text("warning", "警告")),
        Status::Failed => (RED, text("failed", "失败")),
        Status::Skipped => (DIM, text("skipped", "跳过")),
    };
    if is_quiet && matches!(found.status, Status::Ok | Status::Skipped) {
        return;
    }
    let message = of_casctl(&found.message);
    output::line(&format!("{} {}: {message}", styled(style, status), title(found.probe)));
    if let Some(hint) = &found.hint {
        output::line(&format!("  {} {}", text("what to do:", "处理方法："), of_casctl(hint)));
    }
}

fn title(probe: Probe) -> &'static str {
    match probe {
        Probe::Dns => "DNS",
        Probe::Proxy => text("proxy", "代理"),
        Probe::Connection => text("connection", "连接"),
        Probe::Roots => text("root certificates", "根证书"),
        Probe::Tls => "TLS",
        Probe::Service => text("service", "服务"),
        Probe::Clock => text("clock", "时钟"),
        Probe::Credentials => text("access key", "访问密钥"),
        Probe::Permission => text("permission", "权限"),
        _ => probe.name(),
    }
}

fn diagnosis_json(found: &Diagnosis) -> Value {
    let details: Map<String, Value> =
        found.details.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "probe": found.probe.name(),
        "status": found.status.name(),
        "message": of_casctl(&found.message),
        "hint": found.hint.as_deref().map(of_casctl),
        "details": details,
        "error": found.error.as_ref().map(error_json),
    })
}
