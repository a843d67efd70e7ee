//! Asks before something is changed that `--yes` allows.

use std::io::{BufRead, IsTerminal, Write};

use clap::ArgMatches;

use crate::session::Session;

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
    /// There is no terminal, and `--yes` is missing.
    NotAsked,
}

/// Takes `--yes` for an answer, or asks on the terminal if there is one.
pub(crate) fn ask(options: &ArgMatches, session: &Session<'_>, question: &str) -> Answer {
    if options.get_flag("yes") {
        return Answer::Yes;
    }
    let (input, mut output) = (std::io::stdin(), std::io::stderr());
    if !input.is_terminal() || !output.is_terminal() {
        return Answer::NotAsked;
    }
    if write!(output, "{question} [y/N] ").and_then(|()| output.flush()).is_err() {
        return Answer::NotAsked;
    }
    let mut line = String::new();
    match session.asking(|| input.lock().read_line(&mut line)) {
        Ok(0) => {
            let _ = writeln!(output); // the end of the input has ended no line
            Answer::No
        }
        Ok(_) if is_yes(&line) => Answer::Yes,
        _ => Answer::No,
    }
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_lowercase().as_str(), "y" | "yes" | "是")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_answer_is_yes() {
        for yes in ["y\n", "Y", " yes \r\n", "是\n"] {
            assert!(is_yes(yes), "{yes}");
        }
        for no in ["", "\n", "n\n", "yess", "ok", "0"] {
            assert!(!is_yes(no), "{no}");
        }
    }
}
