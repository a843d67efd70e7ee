//! Options from the environment, for containers: `CAS_EMULATOR_LISTEN` is `--listen`.
//!
//! An option of the command line takes the place of its variable.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgAction, Command};

const PREFIX: &str = "CAS_EMULATOR_";

/// How different the name may be that a warning suggests.
const MAX_DISTANCE: usize = 3;

/// The name of the variable of an option, such as `CAS_EMULATOR_TLS_CERT`.
fn variable(option: &str) -> String {
    format!("{PREFIX}{}", option.replace('-', "_").to_ascii_uppercase())
}

/// The arguments of the program, some of them from the environment.
pub(crate) struct Arguments {
    pub(crate) all: Vec<OsString>,
    /// The options that come from the environment, without `--`.
    variables: Vec<String>,
}

impl Arguments {
    /// The arguments, with those of the environment after the name of the program. `get` reads a
    /// variable. The values of a repeatable option are separated by newlines.
    pub(crate) fn new(
        command: &Command,
        given: Vec<OsString>,
        get: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, String> {
        let matches = command.clone().ignore_errors(true).get_matches_from(given.clone());
        let (mut added, mut variables) = (Vec::new(), Vec::new());
        for option in command.get_arguments() {
            let Some(long) = option.get_long() else { continue };
            let id = option.get_id().as_str();
            let is_given = matches.try_contains_id(id).is_ok()
                && matches.value_source(id) == Some(ValueSource::CommandLine);
            let name = variable(long);
            let Some(value) = get(&name).filter(|value| !is_given && !value.is_empty()) else {
                continue;
            };
            let value =
                value.into_string().map_err(|_| format!("invalid {name}: it is not UTF-8"))?;
            let flag = format!("--{long}");
            match option.get_action() {
                ArgAction::SetTrue => match value.trim().to_ascii_lowercase().as_str() {
                    "1" | "true" | "yes" | "on" => added.push(flag.into()),
                    "0" | "false" | "no" | "off" => {}
                    _ => {
                        return Err(format!(
                            "invalid {name}: expected true or false; 1, yes and on, or 0, no and \
                             off, mean the same"
                        ));
                    }
                },
                ArgAction::Append => {
                    let values = value.lines().map(str::trim).filter(|line| !line.is_empty());
                    added.extend(values.map(|line| OsString::from(format!("{flag}={line}"))));
                }
                ArgAction::Set => added.push(format!("{flag}={value}").into()),
                _ => {}
            }
            variables.push(long.to_owned());
        }
        let mut all = given;
        let first = all.len().min(1);
        all.splice(first..first, added);
        Ok(Self { all, variables })
    }

    /// `message` with the names of variables in place of the options that come from them.
    pub(crate) fn name_variables(&self, message: &str) -> String {
        let mut named = String::new();
        let mut rest = message;
        while let Some(start) = rest.find("--") {
            let (before, option) = (&rest[..start], &rest[start + 2..]);
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            let end = option.bytes().position(|byte| !is_name(byte)).unwrap_or(option.len());
            let (long, after) = option.split_at(end);
            named.push_str(before);
            if self.variables.iter().any(|variable| variable == long) {
                named.push_str(&variable(long));
            } else {
                named.push_str("--");
                named.push_str(long);
            }
            rest = after;
        }
        named + rest
    }
}

/// A sentence about each variable in `names` that looks like one of the emulator and is none.
pub(crate) fn unknown(command: &Command, names: impl Iterator<Item = OsString>) -> Vec<String> {
    let known: Vec<_> =
        command.get_arguments().filter_map(|it| it.get_long().map(variable)).collect();
    let mut unknown: Vec<_> = names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name))
        // Kubernetes and Docker set these for a service with the name cas-emulator.
        .filter(|name| {
            let rest = &name[PREFIX.len()..];
            rest != "PORT" && !rest.starts_with("PORT_") && !rest.starts_with("SERVICE_")
        })
        .collect();
    unknown.sort();
    let sentence = |name: String| {
        let nearest = known.iter().map(|known| (distance(&name, known), known)).min();
        let guess = match nearest {
            Some((1..=MAX_DISTANCE, known)) => format!(". Did you mean {known}?"),
            _ => String::new(),
        };
        format!("warning: unknown environment variable {}{guess}", name.escape_debug())
    };
    unknown.into_iter().map(sentence).collect()
}

/// How many bytes must be added, removed or replaced to make `a` of `b`.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.bytes().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, to) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Arg;

    fn command() -> Command {
        Command::new("test")
            .arg(Arg::new("listen").long("listen").action(ArgAction::Set))
            .arg(Arg::new("access_key").long("access-key").action(ArgAction::Append))
            .arg(Arg::new("quiet").long("quiet").short('q').action(ArgAction::SetTrue))
    }

    fn arguments_of(given: &[&str], variables: &[(&str, &str)]) -> Result<Vec<String>, String> {
        let get = |name: &str| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let given = ["test"].iter().chain(given).map(OsString::from).collect();
        let all = Arguments::new(&command(), given, get)?.all;
        Ok(all.into_iter().skip(1).map(|one| one.into_string().unwrap()).collect())
    }

    #[test]
    fn variables_become_options_that_the_command_line_replaces() {
        let all = [
            ("CAS_EMULATOR_LISTEN", "0.0.0.0:1"),
            ("CAS_EMULATOR_ACCESS_KEY", "a:b\n\n c:=d \n"),
            ("CAS_EMULATOR_QUIET", "true"),
            ("CAS_EMULATOR_OTHER", "x"),
        ];
        assert_eq!(
            arguments_of(&[], &all).unwrap(),
            ["--listen=0.0.0.0:1", "--access-key=a:b", "--access-key=c:=d", "--quiet"]
        );
        let given = ["-q", "--listen", "127.0.0.1:0", "--access-key", "e:f"];
        assert_eq!(arguments_of(&given, &all).unwrap(), given);
        for off in ["0", "false", "no", "off", "False", ""] {
            assert!(arguments_of(&[], &[("CAS_EMULATOR_QUIET", off)]).unwrap().is_empty());
        }
        let error = arguments_of(&[], &[("CAS_EMULATOR_QUIET", "secret")]).unwrap_err();
        assert!(error.starts_with("invalid CAS_EMULATOR_QUIET: expected true or false"), "{error}");
        assert!(!error.contains("secret"));
    }
}
