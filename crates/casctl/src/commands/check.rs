//! `casctl check`: inspects a certificate and its key on this machine, without network traffic.

use std::time::SystemTime;

use cas_core::{ErrorKind, Finding, Inspection, IssuerLink, Severity, UnixTime, Upload};
use clap::{ArgMatches, Command};
use serde_json::{Value, json};

use crate::failure::{Failure, IN_PART};
use crate::language::{say, text};
use crate::options::{flag, option};
use crate::output::{self, DIM, Format, GREEN, RED, YELLOW, styled};
use crate::pair;
use crate::session::Session;
use crate::wording::of_casctl;

/// The exit statuses of a Nagios plug-in.
const NAGIOS: [(u8, &str); 4] = [(0, "OK"), (1, "WARNING"), (2, "CRITICAL"), (3, "UNKNOWN")];

pub(crate) fn command() -> Command {
    Command::new("check")
        .about(text(
            "Inspect a certificate and its key, without network traffic",
            "在本机检查证书和私钥，不访问网络",
        ))
        .args(pair::options())
        .arg(
            option(
                "warn-days",
                "N",
                "Exit with status 1 if fewer than N days are left",
                "剩余天数少于 N 时以退出码 1 结束",
            )
            .value_parser(clap::value_parser!(u32)),
        )
        .arg(flag(
            "nagios",
            "One line and exit status as of a Nagios plug-in",
            "按 Nagios 插件的格式输出一行并返回退出码",
        ))
        .after_help(text(
            "Exit status: 0 fit for an upload; 1 it expires within --warn-days; 12 an upload would \
             refuse it.\n\n\
             Examples:\n  casctl check --cert fullchain.pem --key privkey.pem\n  \
             casctl check --cert fullchain.pem --warn-days 30 --nagios",
            "退出码：0 可以上传；1 将在 --warn-days 天内到期；12 上传会被拒绝。\n\n\
             示例：\n  casctl check --cert fullchain.pem --key privkey.pem\n  \
             casctl check --cert fullchain.pem --warn-days 30 --nagios",
        ))
}

/// What a check comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Fit,
    ExpiresSoon,
    Refused,
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let is_nagios = options.get_flag("nagios");
    let mut upload = Upload::new();
    if let Err(failure) = pair::read(options, &mut upload) {
        return Err(if is_nagios { unknown(&failure) } else { failure });
    }
    let inspection = upload.inspect();
    let days = inspection.facts.as_ref().map(|facts| days_until(facts.not_after));
    let warn_days = options.get_one::<u32>("warn-days").copied();
    let expires_soon = warn_days.zip(days).is_some_and(|(limit, days)| days < i64::from(limit));
    let verdict = match inspection.refused().next() {
        Some(_) => Verdict::Refused,
        None if expires_soon => Verdict::ExpiresSoon,
        None => Verdict::Fit,
    };
    if is_nagios {
        return nagios(&inspection, verdict, days);
    }
    match session.format() {
        Format::Json => output::json(&inspection_json(&inspection, verdict, days)),
        Format::Text => print(&inspection, verdict, days),
    }
    match verdict {
        Verdict::Fit => Ok(()),
        Verdict::ExpiresSoon => Err(Failure::Status(IN_PART)),
        Verdict::Refused => Err(Failure::Status(ErrorKind::Certificate as u8 + 10)),
    }
}

/// Whole days until a time; negative once it has passed.
fn days_until(end: UnixTime) -> i64 {
    (end.0 - UnixTime::of(SystemTime::now()).0).div_euclid(24 * 60 * 60)
}

fn nagios(inspection: &Inspection, verdict: Verdict, days: Option<i64>) -> Result<(), Failure> {
    let (status, word) = NAGIOS[match verdict {
        Verdict::Fit => 0,
        Verdict::ExpiresSoon => 1,
        Verdict::Refused => 2,
    }];
    let name = inspection.facts.as_ref().map(|facts| facts.common_name.clone()).unwrap_or_default();
    let days = days.map(|days| days.to_string()).unwrap_or_default();
    let summary = match inspection.refused().next() {
        Some(finding) => finding.to_string(),
        None => format!("{name} expires in {days} days"),
    };
    // A plug-in's output ends at a vertical bar, after which performance data begin.
    output::line(&format!("CERTIFICATE {word} - {} | days_left={days}", summary.replace('|', "/")));
    if status == 0 { Ok(()) } else { Err(Failure::Status(status)) }
}

/// A plug-in that cannot look says so in its own way.
fn unknown(failure: &Failure) -> Failure {
    let (status, word) = NAGIOS[3];
    let message = match failure {
        Failure::Usage(message, _) => message.clone(),
        Failure::Library(error) => of_casctl(error.message()),
        Failure::Status(_) => String::new(),
    };
    output::line(&format!("CERTIFICATE {word} - {}", message.replace('|', "/")));
    Failure::Status(status)
}

fn severity_name(severity: Severity) -> &'static str {
    match severity {
        Severity::Refused => "refused",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

fn inspection_json(inspection: &Inspection, verdict: Verdict, days: Option<i64>) -> Value {
    let facts = inspection.facts.as_ref();
    let chain: Vec<Value> = inspection
        .chain
        .iter()
        .map(|entry| {
            json!({
                "subject": entry.subject,
                "issuer": entry.issuer,
                "not_after": entry.not_after.to_string(),
                "issuer_verified": entry.issuer_link.map(|link| link == IssuerLink::Signature),
            })
        })
        .collect();
    let findings: Vec<Value> = inspection
        .findings
        .iter()
        .map(|finding| {
            json!({
                "id": finding.kind.id(),
                "severity": severity_name(finding.kind.severity()),
                "message": finding.sentence(),
                "advice": of_casctl(finding.kind.advice()),
            })
        })
        .collect();
    json!({
        "verdict": match verdict {
            Verdict::Fit => "fit",
            Verdict::ExpiresSoon => "expires-soon",
            Verdict::Refused => "refused",
        },
        "common_name": facts.map(|facts| &facts.common_name),
        "sans": facts.map(|facts| &facts.sans),
        "issuer": facts.map(|facts| &facts.issuer),
        "serial": facts.map(|facts| &facts.serial),
        "not_before": facts.map(|facts| facts.not_before.to_string()),
        "not_after": facts.map(|facts| facts.not_after.to_string()),
        "days_left": days,
        "key_type": facts.map(|facts| &facts.key_type),
        "has_key": !inspection.key_pem().is_empty(),
        "fingerprint_sha1": facts.map(|facts| &facts.sha1),
        "fingerprint_sha256": facts.map(|facts| &facts.sha256),
        "chain": chain,
        "findings": findings,
    })
}

fn print(inspection: &Inspection, verdict: Verdict, days: Option<i64>) {
    if let Some(facts) = &inspection.facts {
        let days = days.unwrap_or_default();
        let style = match verdict {
            _ if days < 0 => RED,
            Verdict::ExpiresSoon => YELLOW,
            _ => GREEN,
        };
        let ago = days.unsigned_abs();
        let left = if days < 0 {
            say!("expired {ago} days ago", "已过期 {ago} 天")
        } else {
            say!("{days} days left", "剩余 {days} 天")
        };
        let key = if inspection.key_pem().is_empty() {
            text("no key was given", "未提供私钥")
        } else {
            text("with its private key", "含私钥")
        };
        for (label, value) in [
            (text("Common name", "通用名"), facts.common_name.clone()),
            (text("Names in it", "域名"), facts.sans.join(", ")),
            (text("Issuer", "颁发者"), facts.issuer.clone()),
            (text("Valid from", "有效期自"), facts.not_before.to_string()),
            (
                text("Valid until", "有效期至"),
                format!("{} ({})", facts.not_after, styled(style, &left)),
            ),
            (text("Key", "密钥"), format!("{}, {key}", facts.key_type)),
            ("SHA-256", facts.sha256.clone()),
        ] {
            output::line(&format!("{label}: {value}"));
        }
        print_chain(inspection);
    }
    for finding in &inspection.findings {
        print_finding(finding);
    }
    output::line(&match verdict {
        Verdict::Fit => styled(GREEN, text("Fit for an upload.", "可以上传。")),
        Verdict::ExpiresSoon => styled(YELLOW, text("It expires soon.", "即将到期。")),
        Verdict::Refused => styled(RED, text("An upload would refuse it.", "上传会被拒绝。")),
    });
}

/// Draws the chain as a tree, the leaf first.
fn print_chain(inspection: &Inspection) {
    output::line(&format!("{}:", text("Chain", "证书链")));
    for (depth, entry) in inspection.chain.iter().enumerate() {
        let branch =
            if depth == 0 { String::new() } else { format!("{}└─ ", "   ".repeat(depth - 1)) };
        let link = match entry.issuer_link {
            Some(IssuerLink::Signature) => String::new(),
            Some(IssuerLink::NameOnly) => text("signature not verified", "签名未验证").to_owned(),
            None => {
                let issuer = &entry.issuer;
                say!("issued by {issuer}, not included", "由 {issuer} 颁发，未包含")
            }
        };
        let until = entry.not_after.to_string();
        let until = until.split('T').next().unwrap_or_default();
        let remarks = format!("({until}) {link}");
        output::line(&format!("  {branch}{} {}", entry.subject, styled(DIM, remarks.trim_end())));
    }
}

fn print_finding(finding: &Finding) {
    let (style, word) = match finding.kind.severity() {
        Severity::Refused => (RED, text("refused", "拒绝")),
        Severity::Warning => (YELLOW, text("warning", "警告")),
        Severity::Note => (DIM, text("note", "提示")),
    };
    output::line(&format!("{} {finding}", styled(style, &format!("{word}:"))));
    output::line(&format!("  {}", of_casctl(finding.kind.advice())));
}
