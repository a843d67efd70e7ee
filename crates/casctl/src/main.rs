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

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::failure::Failure;
use crate::language::say;
use crate::output::Format;
use crate::session::Session;

/// Wipes every heap block, since keys are among them.
#[global_allocator]
static ALLOCATOR: cas_sys::ZeroizingAlloc = cas_sys::ZeroizingAlloc::new();

fn main() -> ExitCode {
    // The message of a panic can quote a secret. The location is enough.
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        output::error(&say!("internal error at {location}", "内部错误，位于 {location}"), None);
    }));
    let arguments: Vec<_> = std::env::args_os().collect();
    let wants_json = std::env::var("CASCTL_OUTPUT").is_ok_and(|format| format == "json")
        || arguments.iter().any(|argument| argument == "--output=json")
        || arguments.windows(2).any(|pair| pair[0] == "--output" && pair[1] == "json");
    let matches = match arguments::parse(arguments) {
        Ok(matches) => matches,
        Err(error) => return refuse(&error, wants_json),
    };
    let Some((name, options)) = matches.subcommand() else { return ExitCode::SUCCESS };
    let Some(entry) = commands::ALL.iter().find(|entry| entry.name == name) else {
        return ExitCode::SUCCESS;
    };
    let session = Session::new(options, arguments::command);
    match (entry.run)(options, &session) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(session.format()),
    }
}

/// Prints what clap asks for: help, the version or an error of usage.
fn refuse(error: &clap::Error, wants_json: bool) -> ExitCode {
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
            let format = if wants_json { Format::Json } else { Format::Text };
            Failure::Usage(message, hint).print(format)
        }
    }
}
