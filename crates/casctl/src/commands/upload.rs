//! `casctl upload`: stores one certificate, or many.

use std::io::IsTerminal;
use std::time::Instant;

use cas_core::{Facts, OnConflict, Outcome, Receipt, Upload};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use crate::failure::{Failure, wrong_option};
use crate::language::{Language, language, say, text};
use crate::options::{flag, option};
use crate::output::{self, Format};
use crate::pair;
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("upload")
        .about(text(
            "Upload a certificate and its private key, exactly once",
            "上传证书及其私钥，恰好一次",
        ))
        .arg(Arg::new("name").value_name("NAME").help(text(
            "Its name, unique in the account [default: its common name and the first 8 digits of \
             its SHA-256]",
            "证书名称，在账号内唯一 [默认：通用名和 SHA-256 的前 8 位]",
        )))
        .args(pair::options())
        .args(rules())
        .arg(flag(
            "dry-run",
            "Check the certificate, show what would be sent, and send nothing",
            "检查证书并显示将要发送的内容，不发送",
        ))
        .arg(
            option(
                "print",
                "FIELD",
                "Print this alone: cert-id, cert-identifier, name, outcome or fingerprint-sha256 \
                 [default: cert-id]",
                "只输出此字段：cert-id、cert-identifier、name、outcome 或 fingerprint-sha256 \
                 [默认：cert-id]",
            )
            .value_parser([
                "cert-id",
                "cert-identifier",
                "name",
                "outcome",
                "fingerprint-sha256",
            ]),
        )
        .after_help(text(
            "Examples:\n  \
             casctl upload my-site --cert fullchain.pem --key privkey.pem\n  \
             casctl upload --cert fullchain.pem --key privkey.pem --print cert-identifier\n  \
             vault read -field=key secret/site | casctl upload my-site --cert site.pem --key -\n  \
             casctl upload my-site --pfx site.pfx --dry-run",
            "示例：\n  \
             casctl upload my-site --cert fullchain.pem --key privkey.pem\n  \
             casctl upload --cert fullchain.pem --key privkey.pem --print cert-identifier\n  \
             vault read -field=key secret/site | casctl upload my-site --cert site.pem --key -\n  \
             casctl upload my-site --pfx site.pfx --dry-run",
        ))
}

/// The options that say how to upload.
fn rules() -> [Arg; 5] {
    [
        option(
            "on-conflict",
            "RULE",
            "If the name is taken: reuse the same certificate, fail, rename, or replace \
             [default: reuse]",
            "名称被占用时：reuse（沿用相同证书）、fail、rename 或 replace [默认：reuse]",
        )
        .value_parser(["reuse", "fail", "rename", "replace"]),
        flag(
            "any-name",
            "The same certificate under any other name counts as uploaded",
            "相同证书以其他名称存在时也视为已上传",
        ),
        option(
            "allow-finding",
            "ID",
            "Upload in spite of this finding of `casctl check`; repeatable",
            "忽略 `casctl check` 的此项发现并上传；可重复",
        )
        .action(clap::ArgAction::Append),
        option(
            "lang",
            "LANG",
            "Language of the service's messages, zh or en [default: that of casctl]",
            "服务消息的语言，zh 或 en [默认：与 casctl 相同]",
        )
        .value_parser(["zh", "en"]),
        option(
            "source-ip",
            "IP",
            "Address of the person on whose behalf you upload, for the service's audit trail",
            "委托上传者的 IP 地址，用于服务的审计日志",
        ),
    ]
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let mut upload = Upload::new();
    pair::read(options, &mut upload)?;
    let value = |name: &str| options.get_one::<String>(name).map(String::as_str);
    let name = value("name");
    if value("cert").is_some() && value("key").is_none() {
        return Err(Failure::Usage(
            say!("Missing --key.", "缺少 --key。"),
            say!("Name the file with the private key.", "请指定私钥文件。"),
        ));
    }
    match name {
        Some(name) => upload.set_name(name),
        None => upload.set_suggested_name()?,
    }
    set_rules(options, &mut upload)?;
    let client = session.client()?;
    if options.get_flag("dry-run") {
        let inspection = client.check(&upload)?;
        print_plan(session.format(), client.endpoint(), &upload, inspection.facts.as_ref());
        return Ok(());
    }
    let started = Instant::now();
    let receipt = client.upload(&upload)?;
    let facts = match (session.format(), value("print")) {
        (Format::Json, _) | (_, Some("fingerprint-sha256")) => upload.inspect().facts,
        _ => None,
    };
    if session.format() == Format::Json {
        output::json(&receipt_json(&receipt, facts.as_ref()));
        return Ok(());
    }
    let fingerprint = facts.map(|facts| facts.sha256).unwrap_or_default();
    output::line(&match value("print") {
        Some("cert-identifier") => receipt.cert_identifier.clone(),
        Some("name") => receipt.name.clone(),
        Some("outcome") => outcome_name(receipt.outcome).to_owned(),
        Some("fingerprint-sha256") => fingerprint,
        _ => receipt.cert_id.to_string(),
    });
    if std::io::stderr().is_terminal() {
        session.note(&summary(&receipt, started.elapsed().as_secs_f64()));
    }
    Ok(())
}

/// Sets what the options say about how to upload.
pub(crate) fn set_rules(options: &ArgMatches, upload: &mut Upload) -> Result<(), Failure> {
    let value = |name: &str| options.get_one::<String>(name).map(String::as_str);
    upload.set_on_conflict(rule_of(value("on-conflict").unwrap_or_default()));
    upload.set_reuse_any_name(options.get_flag("any-name"));
    for id in options.get_many::<String>("allow-finding").into_iter().flatten() {
        upload.allow_finding(id).map_err(|error| wrong_option(&error))?;
    }
    upload.set_lang(value("lang").unwrap_or(match language() {
        Language::English => "en",
        Language::Chinese => "zh",
    }))?;
    if let Some(ip) = value("source-ip") {
        upload.set_source_ip(ip).map_err(|error| wrong_option(&error))?;
    }
    Ok(())
}

/// The rule for a name that is taken.
fn rule_of(name: &str) -> OnConflict {
    match name {
        "fail" => OnConflict::Fail,
        "rename" => OnConflict::Rename,
        "replace" => OnConflict::Replace,
        _ => OnConflict::Reuse,
    }
}

/// The name of an outcome.
pub(crate) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::Reused => "reused",
        Outcome::Replaced => "replaced",
    }
}

/// A receipt as JSON.
pub(crate) fn receipt_json(receipt: &Receipt, facts: Option<&Facts>) -> Value {
    json!({
        "cert_id": receipt.cert_id.get(),
        "name": receipt.name,
        "cert_identifier": receipt.cert_identifier,
        "outcome": outcome_name(receipt.outcome),
        "fingerprint_sha256": facts.map(|facts| &facts.sha256),
        "not_after": facts.map(|facts| facts.not_after.to_string()),
        "request_id": receipt.request_id,
        "attempts": receipt.attempts,
        "api": receipt.api.as_str(),
    })
}

/// What an upload did, for a person who watches.
fn summary(receipt: &Receipt, seconds: f64) -> String {
    let Receipt { name, attempts, .. } = receipt;
    match receipt.outcome {
        Outcome::Created => say!(
            "Uploaded as {name} in {seconds:.1} s, {attempts} attempt(s).",
            "已上传为 {name}，用时 {seconds:.1} 秒，尝试 {attempts} 次。"
        ),
        Outcome::Reused => say!(
            "The same certificate is stored already, as {name}.",
            "相同的证书已存在，名称为 {name}。"
        ),
        Outcome::Replaced => say!(
            "Uploaded as {name}; the certificate that had the name is deleted.",
            "已上传为 {name}；原占用该名称的证书已删除。"
        ),
    }
}

/// Prints what would be sent, without the key.
fn print_plan(format: Format, endpoint: &str, upload: &Upload, facts: Option<&Facts>) {
    let fact = |read: fn(&Facts) -> String| facts.map(read).unwrap_or_default();
    let name = upload.name();
    if format == Format::Json {
        output::json(&json!({
            "dry_run": true,
            "endpoint": endpoint,
            "name": name,
            "fingerprint_sha256": facts.map(|facts| &facts.sha256),
            "not_after": facts.map(|facts| facts.not_after.to_string()),
            "key_type": facts.map(|facts| &facts.key_type),
            "sans": facts.map(|facts| &facts.sans),
        }));
        return;
    }
    for (label, value) in [
        (text("Endpoint", "接入点"), endpoint.to_owned()),
        (text("Name", "名称"), name.to_owned()),
        (text("Names in it", "域名"), fact(|facts| facts.sans.join(", "))),
        (text("Valid until", "有效期至"), fact(|facts| facts.not_after.to_string())),
        ("SHA-256", fact(|facts| facts.sha256.clone())),
        (
            text("Private key", "私钥"),
            fact(|facts| {
                let kind = &facts.key_type;
                say!("{kind}, belongs to the certificate; not shown", "{kind}，与证书匹配；不显示")
            }),
        ),
    ] {
        output::line(&format!("{label}: {value}"));
    }
    output::line(text("Nothing was sent.", "未发送任何内容。"));
}
