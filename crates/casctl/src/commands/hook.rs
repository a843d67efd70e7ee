//! `casctl hook`: what certbot, acme.sh and lego call after a renewal.

use std::path::PathBuf;

use cas_core::{OnConflict, Upload};
use clap::{Arg, ArgMatches, Command};

use crate::failure::Failure;
use crate::language::{say, text};
use crate::options::option;
use crate::output::{self, Format};
use crate::receipt;
use crate::rules::{self, Rules};
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("hook")
        .about(text(
            "Upload what a renewal client has renewed: its deploy hook",
            "上传续期客户端刚续期的证书：作为其部署钩子",
        ))
        .arg(
            Arg::new("client")
                .value_name("CLIENT")
                .required(true)
                .value_parser(["certbot", "acme.sh", "lego"])
                .hide_possible_values(true)
                .help(text("certbot, acme.sh or lego", "certbot、acme.sh 或 lego")),
        )
        .arg(option(
            "name",
            "NAME",
            "The name of the certificate [default: its common name and the first 8 digits of its \
             SHA-256, another one for each renewal]",
            "证书名称 [默认：通用名和 SHA-256 的前 8 位，每次续期都不同]",
        ))
        .args(rules::options())
        .after_help(text(
            "It deletes nothing unless you say --on-conflict replace, and may be run again.\n\n\
             Examples:\n  \
             certbot renew --deploy-hook 'casctl hook certbot'\n  \
             acme.sh --install-cert -d example.com --reloadcmd 'casctl hook acme.sh'\n  \
             acme.sh --deploy -d example.com --deploy-hook ali_cas\n  \
             lego renew --renew-hook 'casctl hook lego'        # lego 4\n  \
             lego run --deploy-hook 'casctl hook lego'         # lego 5",
            "除非指定 --on-conflict replace，否则不删除任何证书；可重复运行。\n\n\
             示例：\n  \
             certbot renew --deploy-hook 'casctl hook certbot'\n  \
             acme.sh --install-cert -d example.com --reloadcmd 'casctl hook acme.sh'\n  \
             acme.sh --deploy -d example.com --deploy-hook ali_cas\n  \
             lego renew --renew-hook 'casctl hook lego'        # lego 4\n  \
             lego run --deploy-hook 'casctl hook lego'         # lego 5",
        ))
}

/// The files that a client has renewed.
#[derive(Debug, PartialEq, Eq)]
struct Renewed {
    cert: PathBuf,
    key: PathBuf,
}

/// The variables of a client, the newest first: the chain and the key.
const VARIABLES: [(&str, [&str; 2]); 3] = [
    ("acme.sh", ["CERT_FULLCHAIN_PATH", "CERT_KEY_PATH"]),
    ("lego", ["LEGO_HOOK_CERT_PATH", "LEGO_HOOK_CERT_KEY_PATH"]),
    ("lego", ["LEGO_CERT_PATH", "LEGO_CERT_KEY_PATH"]),
];

/// Finds the files of `client` by its variables, which `get` reads. The error is the variable that
/// is missing.
fn renewed(client: &str, get: impl Fn(&str) -> Option<PathBuf>) -> Result<Renewed, &'static str> {
    if client == "certbot" {
        let lineage = get("RENEWED_LINEAGE").ok_or("RENEWED_LINEAGE")?;
        let [cert, key] = ["fullchain.pem", "privkey.pem"].map(|file| lineage.join(file));
        return Ok(Renewed { cert, key });
    }
    let mut missing = "";
    for (_, [cert, key]) in VARIABLES.iter().filter(|(other, _)| *other == client) {
        match (get(cert), get(key)) {
            (Some(cert), Some(key)) => return Ok(Renewed { cert, key }),
            (Some(_), None) => return Err(key),
            (None, _) => missing = cert,
        }
    }
    Err(missing)
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let client = options.get_one::<String>("client").map_or("", String::as_str);
    let get = |name: &str| std::env::var_os(name).filter(|path| !path.is_empty()).map(Into::into);
    let Renewed { cert, key } = renewed(client, get).map_err(|variable| {
        Failure::Usage(
            say!("The variable {variable} is not set.", "未设置变量 {variable}。"),
            say!(
                "Let {client} call this command: see casctl hook --help. By hand, use casctl \
                 upload.",
                "请由 {client} 调用此命令：参见 casctl hook --help。手工上传请用 casctl upload。"
            ),
        )
    })?;
    let mut upload = Upload::new();
    upload.load_certificate(&cert)?;
    upload.load_key(&key)?;
    match options.get_one::<String>("name") {
        Some(name) => upload.set_name(name),
        None => upload.set_suggested_name()?,
    }
    let rules = Rules::of(options);
    rules.set(&mut upload)?;
    if options.contains_id("name") && rules.on_conflict() == OnConflict::Reuse {
        session.note(text(
            "With --name, a renewal finds its name taken: add --on-conflict replace or rename.",
            "指定 --name 时，续期后名称已被占用：请加上 --on-conflict replace 或 rename。",
        ));
    }
    let receipt = session.client()?.upload(&upload)?;
    match session.format() {
        Format::Json => {
            output::json(&receipt::json_of(&receipt, upload.inspect().facts.as_ref()));
        }
        Format::Text => output::line(&format!("casctl: {}", receipt::summary(&receipt))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_names_its_files() {
        let of = |client: &str, variables: &[(&str, &str)]| {
            renewed(client, |name| {
                let found = variables.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| PathBuf::from(value))
            })
        };
        let files = |cert: &str, key: &str| Ok(Renewed { cert: cert.into(), key: key.into() });
        let lineage = ("RENEWED_LINEAGE", "/live/a");
        assert_eq!(
            of("certbot", &[lineage]),
            files("/live/a/fullchain.pem", "/live/a/privkey.pem")
        );
        let acme = [("CERT_FULLCHAIN_PATH", "f"), ("CERT_KEY_PATH", "k"), ("CERT_PATH", "c")];
        assert_eq!(of("acme.sh", &acme), files("f", "k"));
        let four = [("LEGO_CERT_PATH", "4"), ("LEGO_CERT_KEY_PATH", "4k")];
        let five = [("LEGO_HOOK_CERT_PATH", "5"), ("LEGO_HOOK_CERT_KEY_PATH", "5k")];
        assert_eq!(of("lego", &four), files("4", "4k"));
        assert_eq!(of("lego", &[four, five].concat()), files("5", "5k"));
        assert_eq!(of("certbot", &acme), Err("RENEWED_LINEAGE"));
        assert_eq!(of("acme.sh", &acme[..1]), Err("CERT_KEY_PATH"));
        assert_eq!(of("lego", &[]), Err("LEGO_CERT_PATH"));
    }
}
