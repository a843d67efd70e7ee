//! `casctl delete`: deletes certificates by their CertId.

use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use crate::commands::show::valid_id;
use crate::failure::{Failure, IN_PART};
use crate::language::{say, text};
use crate::output::{self, Format};
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("delete")
        .about(text("Delete certificates", "删除证书"))
        .arg(
            Arg::new("id")
                .value_name("CERT_ID")
                .required(true)
                .num_args(1..)
                .value_parser(clap::value_parser!(i64))
                .allow_negative_numbers(true)
                .help(text("Their CertIds", "证书的 CertId")),
        )
        .after_help(text(
            "It goes on after a failure, and then ends with exit status 1.\n\n\
             Example:\n  casctl delete 10000001 10000002",
            "失败后继续处理其余证书，最后以退出码 1 结束。\n\n\
             示例：\n  casctl delete 10000001 10000002",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let given = options.get_many::<i64>("id").into_iter().flatten();
    let ids = given.map(|id| valid_id(*id)).collect::<Result<Vec<_>, _>>()?;
    let client = session.client()?;
    if let [id] = ids[..] {
        client.delete(id)?;
        print_deleted(session, id.get());
        return Ok(());
    }
    let mut failed = 0;
    for id in ids {
        match client.delete(id) {
            Ok(()) => print_deleted(session, id.get()),
            Err(error) => {
                failed += 1;
                Failure::Library(error).print(session.format());
            }
        }
    }
    if failed == 0 { Ok(()) } else { Err(Failure::Status(IN_PART)) }
}

fn print_deleted(session: &Session<'_>, id: i64) {
    match session.format() {
        Format::Json => output::json(&json!({ "cert_id": id, "outcome": "deleted" })),
        Format::Text => session.note(&say!("Deleted {id}.", "已删除 {id}。")),
    }
}
