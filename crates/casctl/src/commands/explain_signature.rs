//! `casctl explain-signature`: says why the service answered `SignatureDoesNotMatch`.

use std::fs::File;
use std::io::{IsTerminal, Read};
use std::path::Path;

use cas_core::{
    Difference, MAX_EXPLAINED_BYTES, SignatureExplanation, Verdict, explain_signature, quoted_path,
};
use clap::{ArgMatches, Command};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::failure::{Failure, unusable};
use crate::language::{say, text};
use crate::options::option;
use crate::output::{self, Format, RED, YELLOW, styled};
use crate::session::Session;

/// Standard input in the place of a file.
const STDIN: &str = "-";

pub(crate) fn command() -> Command {
    Command::new("explain-signature")
        .about(text(
            "Say whether the secret is wrong or the request was changed on the way",
            "说明是密钥错误还是请求在途中被改动",
        ))
        .arg(option(
            "answer",
            "FILE",
            "The service's SignatureDoesNotMatch response, or a log that has it [default: -]",
            "服务返回的 SignatureDoesNotMatch 响应，或包含它的日志 [默认：-]",
        ))
        .arg(option(
            "request",
            "FILE",
            "The request as it was sent: a curl command, HTTP, a URL or a form [default: the file \
             with the response]",
            "发出的请求：curl 命令、HTTP 报文、URL 或表单 [默认：响应所在的文件]",
        ))
        .after_help(text(
            "Sends nothing. Keys, secrets and tokens of the request are never shown.\n\n\
             Examples:\n  casctl explain-signature --answer answer.json --request request.txt\n  \
             curl -v ... 2>&1 | casctl explain-signature",
            "不发送任何内容，从不显示请求中的私钥、密钥和令牌。\n\n\
             示例：\n  casctl explain-signature --answer answer.json --request request.txt\n  \
             curl -v ... 2>&1 | casctl explain-signature",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let value = |name: &str| options.get_one::<String>(name).map(String::as_str);
    let (answer, request) = (value("answer").unwrap_or(STDIN), value("request"));
    if answer == STDIN && std::io::stdin().is_terminal() && value("answer").is_none() {
        return Err(Failure::Usage(
            text("Missing --answer.", "缺少 --answer。").to_owned(),
            text(
                "Name the file with the response, or pipe the response in.",
                "请指定响应所在的文件，或通过管道传入。",
            )
            .to_owned(),
        ));
    }
    if answer == STDIN && request == Some(STDIN) {
        return Err(Failure::Usage(
            text("Only one of both can be standard input.", "只能有一个来自标准输入。").to_owned(),
            text(
                "Leave out --request if the text has the response and the request.",
                "如果文本中同时有响应和请求，请省略 --request。",
            )
            .to_owned(),
        ));
    }
    let answer = read(answer)?;
    let request = request.map(read).transpose()?;
    let explanation = match &request {
        Some(request) => explain_signature(&answer, Some(request)),
        None => match explain_signature(&answer, Some(&answer)) {
            found if found.verdict == Verdict::UnreadableRequest => {
                explain_signature(&answer, None)
            }
            found => found,
        },
    };
    match explanation.verdict {
        Verdict::Unchanged | Verdict::Changed | Verdict::OtherRequest => {
            match session.format() {
                Format::Json => output::json(&explanation_json(&explanation)),
                Format::Text => print(&explanation),
            }
            Ok(())
        }
        _ => Err(Failure::Usage(explanation.message, explanation.hint)),
    }
}

fn print(explanation: &SignatureExplanation) {
    let (style, verdict) = match explanation.verdict {
        Verdict::Unchanged => (RED, text("wrong secret or signature", "密钥或签名算法有误")),
        Verdict::Changed => (RED, text("changed request", "请求被改动")),
        _ => (YELLOW, text("other request", "不是同一个请求")),
    };
    output::line(&format!("{}: {}", styled(style, verdict), explanation.message));
    output::line(&format!("  {} {}", text("what to do:", "处理方法："), explanation.hint));
}

fn explanation_json(explanation: &SignatureExplanation) -> Value {
    let differences: Vec<_> = explanation.differences.iter().map(difference_json).collect();
    let habits: Vec<_> = explanation.habits.iter().map(ToString::to_string).collect();
    json!({
        "verdict": explanation.verdict.name(),
        "access_key_id": explanation.access_key_id,
        "cut_off": explanation.is_cut,
        "differences": differences,
        "habits": habits,
        "message": explanation.message,
        "hint": explanation.hint,
    })
}

fn difference_json(difference: &Difference) -> Value {
    json!({
        "part": difference.part.to_string(),
        "change": difference.change.name(),
        "position": difference.position,
        "sent": difference.sent,
        "arrived": difference.arrived,
    })
}

/// Reads a text, whatever its bytes are.
fn read(path: &str) -> Result<Zeroizing<String>, Failure> {
    let limit = MAX_EXPLAINED_BYTES as u64;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_EXPLAINED_BYTES.min(1 << 16)));
    let result = if path == STDIN {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes))
    };
    result.map_err(|error| {
        let path = quoted_path(Path::new(path));
        unusable(
            say!("Failed to read {path}: {error}.", "读取 {path} 失败：{error}。"),
            text("Check the path and its permissions.", "请检查路径和权限。").to_owned(),
        )
    })?;
    Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned()))
}
