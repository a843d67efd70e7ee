//! `casctl completions`: what a shell needs to complete the command line.

use std::io;

use clap::{Arg, ArgMatches, Command};
use clap_complete::Generator;
use clap_complete::shells::{Bash, Fish, Zsh};

use crate::failure::{Failure, unusable};
use crate::language::{say, text};
use crate::output;
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("completions")
        .about(text(
            "Print the completions of the command line for a shell",
            "输出 shell 的命令行补全脚本",
        ))
        .arg(
            Arg::new("shell")
                .value_name("SHELL")
                .required(true)
                .value_parser(["bash", "zsh", "fish"])
                .hide_possible_values(true)
                .help(text("bash, zsh or fish", "bash、zsh 或 fish")),
        )
        .after_help(text(
            "Examples:\n  \
             casctl completions bash > ~/.local/share/bash-completion/completions/casctl\n  \
             casctl completions zsh > /usr/local/share/zsh/site-functions/_casctl\n  \
             casctl completions fish > ~/.config/fish/completions/casctl.fish",
            "示例：\n  \
             casctl completions bash > ~/.local/share/bash-completion/completions/casctl\n  \
             casctl completions zsh > /usr/local/share/zsh/site-functions/_casctl\n  \
             casctl completions fish > ~/.config/fish/completions/casctl.fish",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let mut command = session.command_line();
    let mut script = Vec::new();
    let written = match options.get_one::<String>("shell").map(String::as_str) {
        Some("zsh") => write(&Zsh, &mut command, &mut script),
        Some("fish") => write(&Fish, &mut command, &mut script),
        _ => write(&Bash, &mut command, &mut script),
    };
    written.map_err(|error| {
        unusable(
            say!("Failed to write the completions: {error}.", "生成补全脚本失败：{error}。"),
            String::new(),
        )
    })?;
    output::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}

/// Not through the type for any shell, which would bring those that casctl does not offer.
fn write(shell: &impl Generator, command: &mut Command, script: &mut Vec<u8>) -> io::Result<()> {
    command.set_bin_name("casctl");
    command.build();
    shell.try_generate(command, script)
}
