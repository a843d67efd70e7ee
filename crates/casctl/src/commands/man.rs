//! `casctl man`: the manual page of casctl, or of one of its commands.

use std::io;

use clap::{Arg, ArgMatches, Command};
use clap_mangen::Man;

use crate::failure::{Failure, unusable};
use crate::language::{say, text};
use crate::output;
use crate::session::Session;

pub(crate) fn command() -> Command {
    Command::new("man")
        .about(text(
            "Print the manual page of casctl or of one of its commands",
            "输出 casctl 或其某个命令的手册页",
        ))
        .arg(
            Arg::new("command")
                .value_name("COMMAND")
                .help(text("The command [default: casctl as a whole]", "命令 [默认：casctl 整体]")),
        )
        .after_help(text(
            "Examples:\n  casctl man upload | man -l -\n  casctl man > casctl.1",
            "示例：\n  casctl man upload | man -l -\n  casctl man > casctl.1",
        ))
}

pub(crate) fn run(options: &ArgMatches, session: &Session<'_>) -> Result<(), Failure> {
    let mut command = session.command_line();
    command.build();
    if let Some(name) = options.get_one::<String>("command") {
        command = command.find_subcommand(name).cloned().ok_or_else(|| {
            Failure::Usage(
                text("Unknown command.", "未知的命令。").to_owned(),
                text("See casctl --help.", "参见 casctl --help。").to_owned(),
            )
        })?;
    }
    let mut page = Vec::new();
    render(command, &mut page).map_err(|error| {
        unusable(
            say!("Failed to write the manual page: {error}.", "生成手册页失败：{error}。"),
            String::new(),
        )
    })?;
    output::line(String::from_utf8_lossy(&page).trim_end());
    Ok(())
}

fn render(command: Command, page: &mut Vec<u8>) -> io::Result<()> {
    let extra = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.get_subcommands().next().is_some();
    let name = command.get_display_name().unwrap_or("casctl").to_uppercase();
    // Not by clap_mangen, which writes no date as no argument.
    let title = format!(".TH {name} 1 \"\" \"casctl {}\" casctl\n", env!("CARGO_PKG_VERSION"));
    page.extend_from_slice(title.as_bytes());
    let man = Man::new(command.after_help(""));
    man.render_name_section(page)?;
    man.render_synopsis_section(page)?;
    man.render_description_section(page)?;
    man.render_options_section(page)?;
    if has_commands {
        man.render_subcommands_section(page)?;
    }
    page.extend_from_slice(notes(&extra).as_bytes());
    Ok(())
}

/// What follows the options: sentences, and examples, whose lines begin with spaces and stay lines.
fn notes(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let mut page = ".SH NOTES\n".to_owned();
    let mut is_example = false;
    for line in text.lines() {
        let begins_example = line.starts_with(' ');
        if begins_example != is_example {
            page.push_str(if begins_example { ".nf\n" } else { ".fi\n" });
            is_example = begins_example;
        }
        let escaped = line.replace('\\', "\\e").replace('-', "\\-").replace('`', "\\(ga");
        match escaped.chars().next() {
            None => page.push_str(".PP\n"),
            // It would be a request of roff.
            Some('.' | '\'') => page.extend(["\\&", &escaped, "\n"]),
            Some(_) => page.extend([&*escaped, "\n"]),
        }
    }
    if is_example {
        page.push_str(".fi\n");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_not_read_as_requests() {
        assert_eq!(notes(""), "");
        assert_eq!(
            notes("One.\n\nExamples:\n  a --b \\n\n  `z`\n.x\n'y"),
            ".SH NOTES\nOne.\n.PP\nExamples:\n.nf\n  a \\-\\-b \\en\n  \\(gaz\\(ga\n.fi\n\\&.x\n\
             \\&'y\n"
        );
    }
}
