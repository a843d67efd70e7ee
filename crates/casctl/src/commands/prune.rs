//! `casctl prune`: deletes uploaded certificates that newer ones supersede.

use std::collections::BTreeSet;
use std::time::SystemTime;

use cas_core::{Certificate, ErrorKind, PruneDecision, PruneRules, UnixTime};
use clap::{ArgMatches, Command};
use serde_json::json;

use crate::commands::list::pattern;
use crate::confirm::{self, Answer};
use crate::failure::{Failure, IN_PART};
use crate::language::{say, text};
use crate::options::{flag, option};
use crate::output::{self, Format};
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("prune")
        .about(text(
            "Delete uploaded certificates that newer ones supersede",
            "删除已被更新证书取代的已上传证书",
        ))
        .arg(
            option(
                "name",
                "GLOB",
                "Only certificates whose name matches, such as 'shop-*'",
                "只处理名称匹配的证书，例如 'shop-*'",
            )
            .required(true),
        )
        .arg(
            option(
                "keep",
                "N",
                "Of the certificates for the same names, keep the N newest [default: 1]",
                "对域名相同的证书，保留最新的 N 个 [默认：1]",
            )
            .value_parser(clap::value_parser!(u32)),
        )
        .arg(flag("expired", "Delete only those that have expired", "只删除已过期的证书"))
        .arg(flag("yes", "Delete, and do not ask", "直接删除，不询问"))
        .arg(flag(
            "ignore-deployments",
            "Go on if the access key may not read cloud resources and deployment jobs",
            "访问密钥无权读取云资源和部署任务时仍继续",
        ))
        .after_help(text(
            "Certificates are compared if they have the same common name and names. One that is\n\
             the only valid one for its names, or that a cloud resource or an unfinished\n\
             deployment job uses, is never deleted.\n\n\
             Examples:\n  casctl prune --name 'shop-*' --keep 2\n  \
             casctl prune --name 'example.com-*' --keep 1 --expired --yes",
            "只比较通用名和域名都相同的证书。若某证书是其域名唯一有效的证书，或被云资源、未结束的部署\n\
             任务使用，则绝不删除。\n\n\
             示例：\n  casctl prune --name 'shop-*' --keep 2\n  \
             casctl prune --name 'example.com-*' --keep 1 --expired --yes",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let glob = options.get_one::<String>("name").map_or("", String::as_str);
    let pattern = pattern(glob)?;
    let client = session.client()?;
    let mut certificates = client.list()?;
    certificates.retain(|certificate| pattern.matches(&certificate.name));
    let in_use = match client.certificates_in_use() {
        Ok(in_use) => in_use,
        Err(error) if may_ignore(error.kind(), options.get_flag("ignore-deployments")) => {
            session.warn(&say!(
                "It is not known which certificates are in use: {error}",
                "无法得知哪些证书正在使用：{error}"
            ));
            BTreeSet::new()
        }
        Err(error) => return Err(error.into()),
    };
    let keep = options.get_one::<u32>("keep").copied().unwrap_or(1);
    let rules = PruneRules {
        keep: usize::try_from(keep).unwrap_or(usize::MAX),
        only_expired: options.get_flag("expired"),
        protected: BTreeSet::new(),
        in_use,
    };
    let decided = cas_core::prune(&certificates, &rules, UnixTime::of(SystemTime::now()));
    let superseded: Vec<&Certificate> = decided
        .iter()
        .filter(|(_, decision)| *decision == PruneDecision::Delete)
        .map(|(certificate, _)| *certificate)
        .collect();
    let is_text = session.format() == Format::Text;
    if is_text && !decided.is_empty() {
        table(&decided);
    }
    if superseded.is_empty() {
        session.note(text("Nothing to delete.", "没有需要删除的证书。"));
        print_kept(session, &decided, "kept");
        return Ok(());
    }
    let count = superseded.len();
    let noun = if count == 1 { "certificate" } else { "certificates" };
    let question = say!("Delete {count} {noun}?", "删除 {count} 个证书吗？");
    if confirm::ask(options, session, &question) != Answer::Yes {
        session.note(text(
            "Nothing was deleted. Add --yes to delete.",
            "未删除任何证书。加上 --yes 才会删除。",
        ));
        print_kept(session, &decided, "would-delete");
        return Ok(());
    }
    print_kept(session, &decided, "kept");
    let mut failures = Vec::new();
    for certificate in superseded {
        if session.is_interrupted() {
            session.warn(&say!(
                "Interrupted: run the same command again to go on.",
                "已中断：再次运行同一命令即可继续。"
            ));
            failures.push(Failure::Status(IN_PART));
            break;
        }
        match client.delete(certificate.id) {
            // Another run was faster.
            Ok(()) => print_deleted(session, certificate),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                print_deleted(session, certificate);
            }
            Err(error) => {
                let failure = Failure::Library(error);
                if is_text {
                    failure.print_about(&certificate.name);
                } else {
                    let mut value = json_of(certificate, PruneDecision::Delete, "failed");
                    value["error"] = failure.details();
                    output::json(&value);
                }
                failures.push(failure);
            }
        }
    }
    match failures.first() {
        None => Ok(()),
        Some(failure) if failures.len() == count => Err(Failure::Status(failure.status())),
        Some(_) => Err(Failure::Status(IN_PART)),
    }
}

/// Whether to go on without knowing which certificates are in use: API version 2018-07-13 has no
/// deployment, so the service cannot tell.
fn may_ignore(kind: ErrorKind, is_allowed: bool) -> bool {
    match kind {
        ErrorKind::InvalidArgument => true,
        ErrorKind::Permission | ErrorKind::Service => is_allowed,
        _ => false,
    }
}

fn print_deleted(session: &Session<'_>, certificate: &Certificate) {
    match session.format() {
        Format::Json => output::json(&json_of(certificate, PruneDecision::Delete, "deleted")),
        Format::Text => {
            let (id, name) = (certificate.id, &certificate.name);
            session.note(&say!("Deleted {id} ({name}).", "已删除 {id}（{name}）。"));
        }
    }
}

/// Prints as JSON what is not deleted now: what is kept, and with `would-delete` all.
fn print_kept(
    session: &Session<'_>,
    decided: &[(&Certificate, PruneDecision)],
    outcome: &'static str,
) {
    if session.format() == Format::Text {
        return;
    }
    for (certificate, decision) in decided {
        match decision {
            PruneDecision::Delete if outcome == "kept" => {}
            PruneDecision::Delete => output::json(&json_of(certificate, *decision, outcome)),
            _ => output::json(&json_of(certificate, *decision, "kept")),
        }
    }
}

fn json_of(
    certificate: &Certificate,
    decision: PruneDecision,
    outcome: &'static str,
) -> serde_json::Value {
    json!({
        "cert_id": certificate.id.get(),
        "name": certificate.name,
        "common_name": certificate.common_name,
        "sans": certificate.sans,
        "not_after": certificate.not_after,
        "expired": certificate.expired,
        "reason": match decision {
            PruneDecision::Delete => "superseded",
            PruneDecision::Newest => "newest",
            PruneDecision::OnlyValid => "only-valid",
            PruneDecision::NotExpired => "not-expired",
            PruneDecision::Protected => "protected",
            PruneDecision::InUse => "in-use",
            PruneDecision::Unclear => "unclear",
        },
        "outcome": outcome,
    })
}

fn table(decided: &[(&Certificate, PruneDecision)]) {
    let headings = [
        "CERT ID",
        text("NAME", "名称"),
        text("NAMES IN IT", "域名"),
        text("VALID UNTIL", "有效期至"),
        text("DECISION", "处理"),
    ];
    let cells = |(certificate, decision): &(&Certificate, PruneDecision)| {
        let names = if certificate.sans.is_empty() {
            certificate.common_name.clone()
        } else {
            certificate.sans.replace(',', ", ")
        };
        vec![
            certificate.id.to_string(),
            certificate.name.clone(),
            names,
            certificate.not_after.clone(),
            decision_text(*decision).to_owned(),
        ]
    };
    output::table(&headings, decided.iter().map(cells).collect());
}

fn decision_text(decision: PruneDecision) -> &'static str {
    match decision {
        PruneDecision::Delete => text("delete: superseded", "删除：已被取代"),
        PruneDecision::Newest => text("keep: one of the newest", "保留：属于最新"),
        PruneDecision::OnlyValid => text("keep: the only valid one", "保留：唯一有效"),
        PruneDecision::NotExpired => text("keep: not expired", "保留：未过期"),
        PruneDecision::Protected => text("keep: protected", "保留：受保护"),
        PruneDecision::InUse => text("keep: in use", "保留：正在使用"),
        PruneDecision::Unclear => text("keep: cannot be compared", "保留：无法比较"),
    }
}
