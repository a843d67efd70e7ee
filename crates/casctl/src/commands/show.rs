//! `casctl show`: what the service says about one certificate.

use cas_core::{CertId, Certificate};
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::language::{say, text};
use crate::options::flag;
use crate::output::{self, Format};
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("show")
        .about(text("Show one certificate", "显示一个证书"))
        .arg(
            Arg::new("id")
                .value_name("CERT_ID")
                .required(true)
                .value_parser(clap::value_parser!(i64))
                .allow_negative_numbers(true)
                .help(text("Its CertId", "证书的 CertId")),
        )
        .arg(flag("pem", "Print its chain alone, as PEM", "只输出证书链（PEM）"))
        .after_help(text(
            "Examples:\n  casctl show 10000001\n  casctl show 10000001 --pem > chain.pem",
            "示例：\n  casctl show 10000001\n  casctl show 10000001 --pem > chain.pem",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let id = valid_id(options.get_one::<i64>("id").copied().unwrap_or_default())?;
    let certificate = session.client()?.get(id)?;
    if options.get_flag("pem") {
        output::line(certificate.pem.trim_end());
    } else if session.format() == Format::Json {
        let mut value = certificate_json(&certificate);
        value["certificate"] = json!(certificate.pem);
        output::json(&value);
    } else {
        let days = days_left(&certificate);
        for (label, value) in [
            ("CertId", certificate.id.to_string()),
            (text("Name", "名称"), certificate.name.clone()),
            (text("Common name", "通用名"), certificate.common_name.clone()),
            (text("Names in it", "域名"), certificate.sans.replace(',', ", ")),
            (text("Issuer", "颁发者"), certificate.issuer.clone()),
            (text("Valid from", "有效期自"), certificate.not_before.clone()),
            (text("Valid until", "有效期至"), certificate.not_after.clone()),
            (text("Days left", "剩余天数"), days.map(|days| days.to_string()).unwrap_or_default()),
            ("SHA-1", certificate.sha1.clone()),
            ("SHA-256", certificate.sha256.clone()),
        ] {
            if !value.is_empty() {
                output::line(&format!("{label}: {value}"));
            }
        }
    }
    Ok(())
}

/// A CertId from the command line.
pub(crate) fn valid_id(id: i64) -> Result<CertId, Failure> {
    CertId::new(id).ok_or_else(|| {
        Failure::Usage(
            say!("Invalid CertId {id}: must be positive.", "CertId {id} 无效：必须为正数。"),
            say!("`casctl list` prints them.", "可用 `casctl list` 查看。"),
        )
    })
}

/// What the service says about a certificate, as JSON.
pub(crate) fn certificate_json(certificate: &Certificate) -> Value {
    let given = |text: &'_ str| (!text.is_empty()).then(|| text.to_owned());
    let sans: Vec<&str> = certificate.sans.split(',').filter(|name| !name.is_empty()).collect();
    json!({
        "cert_id": certificate.id.get(),
        "name": certificate.name,
        "common_name": given(&certificate.common_name),
        "sans": sans,
        "issuer": given(&certificate.issuer),
        "not_before": given(&certificate.not_before),
        "not_after": given(&certificate.not_after),
        "days_left": days_left(certificate),
        "expired": certificate.expired,
        "fingerprint_sha1": given(&certificate.sha1),
        "fingerprint_sha256": given(&certificate.sha256),
    })
}

/// The days until a certificate's last day, if the service gives it; negative after it.
pub(crate) fn days_left(certificate: &Certificate) -> Option<i64> {
    const DAY: i64 = 24 * 60 * 60;
    let end = humantime::parse_rfc3339(&format!("{}T00:00:00Z", certificate.not_after)).ok()?;
    let now = cas_core::UnixTime::of(std::time::SystemTime::now());
    Some(cas_core::UnixTime::of(end).0.div_euclid(DAY) - now.0.div_euclid(DAY))
}
