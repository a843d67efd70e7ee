//! The commands: a file for each.

use clap::{ArgMatches, Command};

use crate::failure::Failure;
use crate::session::Session;

mod check;
mod completions;
mod delete;
mod deploy;
mod doctor;
mod explain_signature;
mod hook;
mod list;
mod man;
mod prune;
mod show;
mod sync;
mod upload;
mod whoami;

/// A command of casctl.
pub(crate) struct Entry {
    /// Its name on the command line.
    pub name: &'static str,
    /// Its options and help.
    pub command: fn() -> Command,
    /// Runs it.
    pub run: fn(&ArgMatches, &Session<'_>) -> Result<(), Failure>,
}

/// All commands, in the order of the help.
pub(crate) const ALL: &[Entry] = &[
    Entry { name: "upload", command: upload::command, run: upload::run },
    Entry { name: "hook", command: hook::command, run: hook::run },
    Entry { name: "check", command: check::command, run: check::run },
    Entry { name: "list", command: list::command, run: list::run },
    Entry { name: "show", command: show::command, run: show::run },
    Entry { name: "delete", command: delete::command, run: delete::run },
    Entry { name: "prune", command: prune::command, run: prune::run },
    Entry { name: "deploy", command: deploy::command, run: deploy::run },
    Entry { name: "sync", command: sync::command, run: sync::run },
    Entry { name: "whoami", command: whoami::command, run: whoami::run },
    Entry { name: "doctor", command: doctor::command, run: doctor::run },
    Entry {
        name: "explain-signature",
        command: explain_signature::command,
        run: explain_signature::run,
    },
    Entry { name: "completions", command: completions::command, run: completions::run },
    Entry { name: "man", command: man::command, run: man::run },
];
