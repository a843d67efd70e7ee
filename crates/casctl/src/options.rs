//! How options of the command line are declared.

use clap::{Arg, ArgAction};

use crate::language::text;

/// An option with a value. `help` says which one it takes.
pub(crate) fn option(
    name: &'static str,
    value: &'static str,
    english: &'static str,
    chinese: &'static str,
) -> Arg {
    Arg::new(name)
        .long(name)
        .value_name(value)
        .help(text(english, chinese))
        .hide_possible_values(true)
}

/// An option without a value.
pub(crate) fn flag(name: &'static str, english: &'static str, chinese: &'static str) -> Arg {
    Arg::new(name).long(name).help(text(english, chinese)).action(ArgAction::SetTrue)
}
