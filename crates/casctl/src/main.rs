//! The command-line program `casctl`: uploads and keeps certificates at Alibaba Cloud's
//! Certificate Management Service, for people, scripts and renewal hooks.
//!
//! Everything about the service is in `cas-core`. A file of `commands/` is a command: its options
//! and its help in two languages, and what it prints.
#![forbid(unsafe_code)]

mod arguments;
mod bulk;
mod commands;
mod confirm;
mod deployment;
mod failure;
mod language;
mod layout;
mod options;
mod output;
mod pair;
mod parallel;
mod receipt;
mod rules;
mod served;
mod session;
mod wording;

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Once;

use clap::error::ErrorKind;

use crate::failure::Failure;
use crate::language::{say, text};
use crate::output::Format;
use crate::session::Session;

/// Wipes every heap block, since keys are among them.
#[global_allocator]
static ALLOCATOR: cas_sys::ZeroizingAlloc = cas_sys::ZeroizingAlloc::new();

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    let wants_json = std::env::var("CASCTL_OUTPUT").is_ok_and(|format| format == "json")
        || arguments.iter().any(|argument| argument == "--output=json")
        || arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    let format = if wants_json { Format::Json } else { Format::Text };
    report_panics(format);
    std::panic::catch_unwind(|| run(arguments, format))
        .unwrap_or_else(|_| ExitCode::from(failure::status_of(cas_core::ErrorKind::Internal)))
}

/// Reports the first panic. Its message can quote a secret, so that the location has to be enough.
fn report_panics(format: Format) {
    static REPORTED: Once = Once::new();
    std::panic::set_hook(Box::new(move |info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        REPORTED.call_once(|| {
            failure::internal(
                &say!("casctl failed at {location}.", "casctl 在 {location} 处出错。"),
                text(
                    "Run the same command again. If it fails again, report it as a bug of casctl.",
                    "请再次运行同一命令。若仍然失败，请作为 casctl 的缺陷报告。",
                ),
            )
            .print(format);
        });
    }));
}

/// Parses the arguments and runs the command. `format` is for errors of usage.
fn run(arguments: Vec<OsString>, format: Format) -> ExitCode {
    let matches = match arguments::parse(arguments) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error, format),
    };
    let Some((name, options)) = matches.subcommand() else { return ExitCode::SUCCESS };
    let Some(entry) = commands::ALL.iter().find(|entry| entry.name == name) else {
        return ExitCode::SUCCESS;
    };
    let session = Session::new(options, arguments::command);
    let done = (entry.run)(options, &session).and_then(|()| match output::lost() {
        Some(error) => Err(failure::unwritten(error)),
        None => Ok(()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(session.format()),
    }
}

/// Prints what clap asks for: help, the version or an error of usage.
fn refuse(error: &clap::Error, format: Format) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let _ = error.print(); // a reader that is gone needs no help
            ExitCode::SUCCESS
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(2)
        }
        _ => {
            let (message, hint) = arguments::usage_error(error);
            Failure::Usage(message, hint).print(format)
        }
    }
}
