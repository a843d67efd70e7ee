//! The command line: what all commands share, and errors of usage.
//!
//! Nothing that a user typed in the place of a value is repeated in an error: it may be a secret.

use std::ffi::OsString;

use clap::builder::FalseyValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command, Error};

use crate::commands;
use crate::language::{Language, language, say, text};
use crate::options::{flag, option};

/// The whole command line.
pub(crate) fn command() -> Command {
    let command = Command::new("casctl")
        .version(env!("CARGO_PKG_VERSION"))
        .about(text(
            "Uploads and keeps certificates at Alibaba Cloud's Certificate Management Service",
            "向阿里云数字证书管理服务（CAS）上传并维护证书",
        ))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .after_help(text(
            "Access keys are never options. They come from the environment, the files of the\n\
             Alibaba Cloud CLI or the metadata server: see `casctl whoami`.\n\
             Exit status: 0 success, 1 failed in part, 2 wrong usage, 10 + status of libcas.",
            "访问密钥从不作为选项传入，而是来自环境变量、阿里云 CLI 的配置文件或实例元数据：\n\
             参见 `casctl whoami`。\n\
             退出码：0 成功；1 部分失败；2 用法错误；10 + libcas 状态码。",
        ))
        .args(common())
        .subcommands(commands::ALL.iter().map(|entry| (entry.command)().name(entry.name)));
    localised(command)
}

/// The options of every command. Each is also read from the environment.
fn common() -> Vec<Arg> {
    let options = [
        option(
            "endpoint",
            "URL",
            "Call this endpoint instead of the region's",
            "调用此接入点，而不是地域的接入点",
        ),
        option("region", "ID", "The region [default: cn-hangzhou]", "地域 [默认：cn-hangzhou]"),
        option(
            "profile",
            "NAME",
            "Take the access key from this profile of the Alibaba Cloud CLI, and no other source",
            "只从阿里云 CLI 的此配置中读取访问密钥",
        ),
        option(
            "api",
            "VERSION",
            "auto, 2018-07-13 or 2020-04-07 [default: auto]",
            "auto、2018-07-13 或 2020-04-07 [默认：auto]",
        )
        .value_parser(["auto", "2018-07-13", "2020-04-07"]),
        option(
            "signature",
            "KIND",
            "hmac-sha1 or acs3 [default: hmac-sha1]",
            "hmac-sha1 或 acs3 [默认：hmac-sha1]",
        )
        .value_parser(["hmac-sha1", "acs3"]),
        option(
            "ca-file",
            "FILE",
            "Trust these root certificates (PEM) instead of the system's",
            "信任此文件中的根证书（PEM），而不是系统的根证书",
        ),
        option(
            "proxy",
            "URL",
            "Use this proxy instead of the environment's; empty for none",
            "使用此代理，而不是环境变量中的代理；空值表示不使用代理",
        ),
        option(
            "timeout",
            "TIME",
            "Time for a call with all its attempts, such as 90s [default: 60s]",
            "一次调用（含全部重试）的时限，例如 90s [默认：60s]",
        ),
        option(
            "max-attempts",
            "N",
            "Most attempts to send a request [default: 4]",
            "请求的最多尝试次数 [默认：4]",
        )
        .value_parser(clap::value_parser!(u32)),
        flag(
            "allow-plaintext",
            "Allow http:// to other hosts than this one",
            "允许对其他主机使用 http://",
        ),
        option("output", "FORMAT", "text or json [default: text]", "text 或 json [默认：text]")
            .value_parser(["text", "json"]),
        flag("verbose", "Say more; -vv for each request", "输出更多信息；-vv 显示每个请求")
            .short('v')
            .action(ArgAction::Count),
        flag("quiet", "Print results and errors alone", "只输出结果和错误").short('q'),
    ];
    let heading = text("Common options", "通用选项");
    let described = |arg: Arg| {
        let variable = format!("CASCTL_{}", arg.get_id().as_str().replace('-', "_").to_uppercase());
        // An empty variable is as good as none, but says of the proxy that there is none.
        let is_set = arg.get_id() == "proxy"
            || std::env::var_os(&variable).is_some_and(|value| !value.is_empty());
        let arg = arg.global(true).help_heading(heading).hide_env(true);
        match arg.get_action() {
            // Counted: the environment has no value for it that a person would expect.
            ArgAction::Count => arg,
            _ if !is_set => arg,
            ArgAction::SetTrue => arg.env(variable).value_parser(FalseyValueParser::new()),
            _ => arg.env(variable),
        }
    };
    options.into_iter().map(described).collect()
}

/// A command whose own texts, and those of its subcommands, are in the chosen language.
fn localised(command: Command) -> Command {
    let help = Arg::new("help")
        .long("help")
        .short('h')
        .action(ArgAction::Help)
        .help(text("Print this help", "显示帮助"));
    let command = command.disable_help_flag(true).arg(help).next_line_help(false);
    let command = if command.get_version().is_some() {
        let version = Arg::new("version")
            .long("version")
            .short('V')
            .action(ArgAction::Version)
            .help(text("Print the version", "显示版本"));
        command.disable_version_flag(true).arg(version)
    } else {
        command
    };
    let command = match language() {
        Language::English => command,
        Language::Chinese => command.subcommand_help_heading("命令").help_template(
            "{before-help}{about-with-newline}\n用法：{usage}\n\n{all-args}{after-help}",
        ),
    };
    let command = command.mut_args(|arg| match language() {
        Language::Chinese if arg.get_help_heading().is_none() => {
            let heading = if arg.is_positional() { "参数" } else { "选项" };
            arg.help_heading(heading)
        }
        _ => arg,
    });
    command.mut_subcommands(localised)
}

/// Parses the arguments.
pub(crate) fn parse(arguments: Vec<OsString>) -> Result<clap::ArgMatches, Error> {
    command().try_get_matches_from(arguments)
}

/// A sentence about wrong usage, and what to do. Names options, and never a value.
pub(crate) fn usage_error(error: &Error) -> (String, String) {
    let named = |kind| match error.get(kind) {
        Some(ContextValue::String(name)) => name_of(name),
        Some(ContextValue::Strings(names)) => {
            names.iter().map(|name| name_of(name)).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    let argument = named(ContextKind::InvalidArg);
    let message = match error.kind() {
        ErrorKind::InvalidSubcommand => say!("Unknown command.", "未知的命令。"),
        ErrorKind::UnknownArgument if argument.starts_with('-') => {
            say!("Unknown option {argument}.", "未知的选项 {argument}。")
        }
        ErrorKind::UnknownArgument => say!(
            "An argument is not an option, and not expected here.",
            "有一个参数不是选项，这里也不需要它。"
        ),
        ErrorKind::MissingRequiredArgument => say!("Missing {argument}.", "缺少 {argument}。"),
        ErrorKind::MissingSubcommand => say!("Missing command.", "缺少命令。"),
        ErrorKind::ArgumentConflict => {
            let other = named(ContextKind::PriorArg);
            say!("{argument} cannot be used with {other}.", "{argument} 不能与 {other} 同时使用。")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let expected = match error.get(ContextKind::ValidValue) {
                Some(ContextValue::Strings(values)) if !values.is_empty() => values.join(", "),
                _ => String::new(),
            };
            if expected.is_empty() {
                say!("Invalid value of {argument}.", "{argument} 的值无效。")
            } else {
                say!(
                    "Invalid value of {argument}: expected one of {expected}.",
                    "{argument} 的值无效：应为 {expected} 之一。"
                )
            }
        }
        ErrorKind::TooManyValues | ErrorKind::WrongNumberOfValues | ErrorKind::TooFewValues => {
            say!("Wrong number of values of {argument}.", "{argument} 的值个数不对。")
        }
        ErrorKind::InvalidUtf8 => say!("An argument is not UTF-8.", "有一个参数不是 UTF-8。"),
        _ => say!("The arguments are invalid.", "参数无效。"),
    };
    (message, hint(error, &argument))
}

fn hint(error: &Error, argument: &str) -> String {
    const SECRETS: [&str; 5] = ["secret", "token", "password", "passphrase", "access-key"];
    if SECRETS.iter().any(|secret| argument.contains(secret)) {
        return say!(
            "Secrets are not options, because other users can read command lines. Set \
             ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, or use --profile.",
            "机密不作为选项传入，因为其他用户能读到命令行。请设置 ALIBABA_CLOUD_ACCESS_KEY_ID 和 \
             ALIBABA_CLOUD_ACCESS_KEY_SECRET，或使用 --profile。"
        );
    }
    let similar = [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg]
        .into_iter()
        .find_map(|kind| match error.get(kind) {
            Some(ContextValue::String(name)) => Some(name.clone()),
            Some(ContextValue::Strings(names)) => names.last().cloned(), // the most similar
            _ => None,
        });
    match similar {
        Some(name) => say!(
            "Did you mean {name}? See casctl --help.",
            "您是指 {name} 吗？参见 casctl --help。"
        ),
        None => say!("See casctl --help.", "参见 casctl --help。"),
    }
}

/// The name of an option as clap gives it, without a value that came with it.
fn name_of(argument: &str) -> String {
    let end = argument.find(['=', ' ']).unwrap_or(argument.len());
    argument[..end].trim_start_matches('<').trim_end_matches('>').to_owned()
}
