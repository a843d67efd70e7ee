//! `casctl upload`: stores one certificate, or many.

use std::io::IsTerminal;
use std::path::Path;

use cas_core::{Facts, Upload};
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use crate::bulk::Bulk;
use crate::failure::Failure;
use crate::language::{say, text};
use crate::layout;
use crate::options::{flag, option};
use crate::output::{self, Format};
use crate::pair;
use crate::receipt;
use crate::rules::{self, Rules};
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
        .args(rules::options())
        .arg(
            option(
                "from",
                "DIR|MANIFEST",
                "Upload all certificates of certbot's live/, of acme.sh or lego, or of a manifest",
                "上传 certbot 的 live/、acme.sh 或 lego 目录中，或清单中的全部证书",
            )
            .conflicts_with_all(["name", "cert", "key", "pfx", "dry-run", "print"]),
        )
        .arg(
            option(
                "jobs",
                "N",
                "With --from: upload so many at once [default: 4]",
                "与 --from 同用：同时上传的数量 [默认：4]",
            )
            .value_parser(clap::value_parser!(u16).range(1..=64))
            .requires("from"),
        )
        .arg(
            option(
                "report",
                "FILE",
                "With --from: write a JSON line about each certificate to this file",
                "与 --from 同用：将每个证书的结果以 JSON 行写入此文件",
            )
            .requires("from"),
        )
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
             casctl upload my-site --pfx site.pfx --dry-run\n  \
             casctl upload --from /etc/letsencrypt/live --jobs 8 --report report.jsonl\n\n\
             A manifest for --from is TOML:\n  \
             [[certificate]]\n  \
             name = \"shop\"              # default: as without NAME\n  \
             cert = \"shop/fullchain.pem\"\n  \
             key = \"shop/privkey.pem\"\n  \
             on_conflict = \"replace\"    # default: as --on-conflict\n  \
             lang = \"zh\"",
            "示例：\n  \
             casctl upload my-site --cert fullchain.pem --key privkey.pem\n  \
             casctl upload --cert fullchain.pem --key privkey.pem --print cert-identifier\n  \
             vault read -field=key secret/site | casctl upload my-site --cert site.pem --key -\n  \
             casctl upload my-site --pfx site.pfx --dry-run\n  \
             casctl upload --from /etc/letsencrypt/live --jobs 8 --report report.jsonl\n\n\
             --from 的清单为 TOML 格式：\n  \
             [[certificate]]\n  \
             name = \"shop\"              # 默认：与不指定 NAME 时相同\n  \
             cert = \"shop/fullchain.pem\"\n  \
             key = \"shop/privkey.pem\"\n  \
             on_conflict = \"replace\"    # 默认：同 --on-conflict\n  \
             lang = \"zh\"",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    if let Some(from) = options.get_one::<String>("from") {
        return run_bulk(Path::new(from), options, session);
    }
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
    Rules::of(options).set(&mut upload)?;
    let client = session.client()?;
    if options.get_flag("dry-run") {
        let inspection = client.check(&upload)?;
        print_plan(session.format(), client.endpoint(), &upload, inspection.facts.as_ref());
        return Ok(());
    }
    let receipt = client.upload(&upload)?;
    let facts = match (session.format(), value("print")) {
        (Format::Json, _) | (_, Some("fingerprint-sha256")) => upload.inspect().facts,
        _ => None,
    };
    if session.format() == Format::Json {
        output::json(&receipt::json_of(&receipt, facts.as_ref()));
        return Ok(());
    }
    let fingerprint = facts.map(|facts| facts.sha256).unwrap_or_default();
    output::line(&match value("print") {
        Some("cert-identifier") => receipt.cert_identifier.clone(),
        Some("name") => receipt.name.clone(),
        Some("outcome") => receipt::outcome_name(receipt.outcome).to_owned(),
        Some("fingerprint-sha256") => fingerprint,
        _ => receipt.cert_id.to_string(),
    });
    if std::io::stderr().is_terminal() {
        session.note(&receipt::summary(&receipt));
    }
    Ok(())
}

/// Uploads all certificates of a directory or a manifest.
fn run_bulk(from: &Path, options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let lineages = layout::read(from)?;
    let bulk = Bulk {
        session,
        rules: Rules::of(options),
        jobs: options.get_one::<u16>("jobs").copied().unwrap_or(4).into(),
        report: options.get_one::<String>("report").map(Path::new),
    };
    bulk.run(&lineages)
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
