//! `casctl list`: the certificates of the account.

use cas_core::Certificate;
use clap::{ArgMatches, Command};
use glob::Pattern;

use crate::commands::show::{certificate_json, days_left};
use crate::failure::Failure;
use crate::language::{say, text};
use crate::options::{flag, option};
use crate::output::{self, Format};
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("list")
        .about(text("List the uploaded certificates", "列出已上传的证书"))
        .arg(flag("expired", "Only those that have expired", "只列出已过期的证书"))
        .arg(option(
            "name",
            "GLOB",
            "Only those whose name matches, such as 'shop-*'",
            "只列出名称匹配的证书，例如 'shop-*'",
        ))
        .after_help(text(
            "Examples:\n  casctl list --name 'shop-*'\n  \
             casctl list --output json | jq -r 'select(.days_left < 30) | .name'",
            "示例：\n  casctl list --name 'shop-*'\n  \
             casctl list --output json | jq -r 'select(.days_left < 30) | .name'",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let pattern = options.get_one::<String>("name").map(|glob| pattern(glob)).transpose()?;
    let only_expired = options.get_flag("expired");
    let mut certificates = session.client()?.list()?;
    certificates.retain(|certificate| {
        pattern.as_ref().is_none_or(|pattern| pattern.matches(&certificate.name))
            && (certificate.expired || !only_expired)
    });
    certificates.sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
    if session.format() == Format::Json {
        certificates.iter().map(certificate_json).for_each(|value| output::json(&value));
        return Ok(());
    }
    if certificates.is_empty() {
        session.note(text("No certificates.", "没有证书。"));
        return Ok(());
    }
    let headings = [
        "CERT ID",
        text("NAME", "名称"),
        text("NAMES IN IT", "域名"),
        text("VALID UNTIL", "有效期至"),
        text("DAYS LEFT", "剩余天数"),
    ];
    output::table(&headings, certificates.iter().map(row).collect());
    Ok(())
}

/// A pattern of names.
pub(crate) fn pattern(glob: &str) -> Result<Pattern, Failure> {
    Pattern::new(glob).map_err(|error| {
        let (position, what) = (error.pos, error.msg);
        Failure::Usage(
            say!(
                "Invalid value of --name: {what} at position {position}.",
                "--name 的值无效：位置 {position}：{what}。"
            ),
            say!("Use *, ? and [...], in quotes.", "请使用 *、? 和 [...]，并加引号。"),
        )
    })
}

fn row(certificate: &Certificate) -> Vec<String> {
    let left = match days_left(certificate) {
        _ if certificate.expired => text("expired", "已过期").to_owned(),
        Some(days) => days.to_string(),
        None => String::new(),
    };
    vec![
        certificate.id.to_string(),
        certificate.name.clone(),
        certificate.sans.replace(',', ", "),
        certificate.not_after.clone(),
        left,
    ]
}
