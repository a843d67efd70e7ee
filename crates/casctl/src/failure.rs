//! Why a command failed: printed on standard error, and as exit status.

use std::process::ExitCode;

use cas_core::{Error, ErrorKind};
use serde_json::{Value, json};

use crate::language::{say, text};
use crate::output::{self, Format};
use crate::wording::of_casctl;

/// Success in part: some of several certificates failed, and the output says which.
pub(crate) const IN_PART: u8 = 1;
/// The arguments are wrong.
const USAGE: u8 = 2;
/// Added to the status of libcas.
const OF_LIBRARY: u8 = 10;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The arguments are wrong: a sentence, and what to do.
    Usage(String, String),
    /// libcas failed.
    Library(Error),
    /// Everything is said; this exit status is left.
    Status(u8),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

/// An option whose value libcas does not accept is wrong usage.
pub(crate) fn wrong_option(error: &Error) -> Failure {
    let hint = error.hint().map(of_casctl).unwrap_or_default();
    Failure::Usage(of_casctl(error.message()), hint)
}

/// A file that cannot be used: a sentence, and what to do.
pub(crate) fn unusable(message: String, hint: String) -> Failure {
    Failure::Library(Error::new(ErrorKind::Io, message).with_hint(hint))
}

/// The command has done its work, and its results could not be printed.
pub(crate) fn unwritten(cause: &std::io::Error) -> Failure {
    unusable(
        say!(
            "Failed to write the results to standard output: {cause}.",
            "无法将结果写入标准输出：{cause}。"
        ),
        text(
            "casctl has done the rest. Run the same command again to see the results.",
            "其余工作已完成。请再次运行同一命令以查看结果。",
        )
        .to_owned(),
    )
}

/// What was asked for does not exist: a sentence, and what to do.
pub(crate) fn not_found(message: String, hint: String) -> Failure {
    Failure::Library(Error::new(ErrorKind::NotFound, message).with_hint(hint))
}

/// What must not happen: a sentence, and what to do.
pub(crate) fn internal(message: &str, hint: &str) -> Failure {
    Failure::Library(Error::new(ErrorKind::Internal, message).with_hint(hint))
}

/// The name of a kind in JSON.
fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidArgument => "invalid-argument",
        ErrorKind::Certificate => "certificate",
        ErrorKind::Credentials => "credentials",
        ErrorKind::Network => "network",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Service => "service",
        ErrorKind::Throttled => "throttled",
        ErrorKind::NameTaken => "name-taken",
        ErrorKind::Protocol => "protocol",
        ErrorKind::OutcomeUnknown => "outcome-unknown",
        ErrorKind::Io => "io",
        ErrorKind::NotFound => "not-found",
        ErrorKind::Permission => "permission",
        ErrorKind::Cancelled => "cancelled",
        _ => "internal",
    }
}

/// What a kind of failure is called, for people.
fn heading(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidArgument => text("invalid argument", "参数无效"),
        ErrorKind::Certificate => text("certificate refused", "证书未通过检查，未发送"),
        ErrorKind::Credentials => text("no usable access key", "没有可用的访问密钥"),
        ErrorKind::Network => text("network failure", "网络故障，请求未送达"),
        ErrorKind::Timeout => text("timeout", "超时，未执行"),
        ErrorKind::Service => text("refused by the service", "服务返回错误"),
        ErrorKind::Throttled => text("throttled", "被限流"),
        ErrorKind::NameTaken => text("name taken", "名称已被其他证书占用"),
        ErrorKind::Protocol => text("not the service's answer", "响应不是来自服务"),
        ErrorKind::OutcomeUnknown => text("outcome unknown", "结果未知，请重试同一命令"),
        ErrorKind::Io => text("file error", "文件读写失败"),
        ErrorKind::NotFound => text("not found", "未找到"),
        ErrorKind::Permission => text("permission denied", "没有权限"),
        ErrorKind::Cancelled => text("cancelled", "已取消"),
        _ => text("internal error", "内部错误"),
    }
}

/// The exit status for an error of libcas.
pub(crate) fn status_of(kind: ErrorKind) -> u8 {
    u8::try_from(kind as i32).unwrap_or(u8::MAX - OF_LIBRARY) + OF_LIBRARY
}

/// An error of libcas as JSON.
pub(crate) fn error_json(error: &Error) -> Value {
    json!({
        "kind": kind_name(error.kind()),
        "exit_status": status_of(error.kind()),
        "message": of_casctl(error.message()),
        "hint": error.hint().map(of_casctl),
        "service_code": error.service_code(),
        "service_message": error.service_message(),
        "http_status": error.http_status(),
        "request_id": error.request_id(),
        "attempts": error.attempts(),
        "retryable": error.is_retryable(),
    })
}

/// One line about an error of libcas: what kind it is, and what happened.
fn error_line(error: &Error) -> String {
    format!("{}: {}", heading(error.kind()), of_casctl(error.message()))
}

impl Failure {
    /// Its exit status.
    pub(crate) fn status(&self) -> u8 {
        match self {
            Self::Usage(..) => USAGE,
            Self::Library(error) => status_of(error.kind()),
            Self::Status(status) => *status,
        }
    }

    /// What it is as JSON; null if everything is said.
    pub(crate) fn details(&self) -> Value {
        match self {
            Self::Usage(message, hint) => json!({
                "kind": "usage",
                "exit_status": USAGE,
                "message": message,
                "hint": hint,
            }),
            Self::Library(error) => error_json(error),
            Self::Status(_) => Value::Null,
        }
    }

    /// Prints it to standard error.
    pub(crate) fn print(&self, format: Format) -> ExitCode {
        let details = self.details();
        match format {
            Format::Json if details.is_null() => {}
            Format::Json => output::error_text(&json!({ "error": details }).to_string()),
            Format::Text => self.print_text(""),
        }
        ExitCode::from(self.status())
    }

    /// Prints that it happened to one of several.
    pub(crate) fn print_about(&self, which: &str) {
        self.print_text(&format!("{which}: "));
    }

    fn print_text(&self, which: &str) {
        match self {
            Self::Usage(message, hint) => output::error(&format!("{which}{message}"), Some(hint)),
            Self::Library(error) => {
                let line = format!("{which}{}", error_line(error));
                output::error(&line, error.hint().map(of_casctl).as_deref());
                let request_id = error.request_id().filter(|id| !error.message().contains(*id));
                if let Some(id) = request_id {
                    output::error_text(&format!("  RequestId: {id}"));
                }
            }
            Self::Status(_) => {}
        }
    }
}
