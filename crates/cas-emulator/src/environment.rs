//! Options from the environment, for containers: `CAS_EMULATOR_LISTEN` is `--listen`.
//!
//! An option of the command line takes the place of its variable.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgAction, Command};

const PREFIX: &str = "CAS_EMULATOR_";

/// The name of the variable of an option, such as `CAS_EMULATOR_TLS_CERT`.
fn variable(option: &str) -> String {
    format!("{PREFIX}{}", option.replace('-', "_").to_ascii_uppercase())
}

/// The arguments, with those of the environment after the name of the program. `get` reads a
/// variable. The values of a repeatable option are separated by newlines.
pub(crate) fn arguments(
    command: &Command,
    given: Vec<OsString>,
    get: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<OsString>, String> {
    let matches = command.clone().ignore_errors(true).get_matches_from(given.clone());
    let mut added = Vec::new();
    for option in command.get_arguments() {
        let Some(long) = option.get_long() else { continue };
        let id = option.get_id().as_str();
        let is_given = matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        let name = variable(long);
        let Some(value) = get(&name).filter(|value| !is_given && !value.is_empty()) else {
            continue;
        };
        let value = value.into_string().map_err(|_| format!("invalid {name}: it is not UTF-8"))?;
        let flag = format!("--{long}");
        match option.get_action() {
            ArgAction::SetTrue => match value.as_str() {
                "1" | "true" | "yes" | "on" => added.push(flag.into()),
                "0" | "false" | "no" | "off" => {}
                _ => return Err(format!("invalid {name}: expected true or false")),
            },
            ArgAction::Append => {
                let values = value.lines().map(str::trim).filter(|line| !line.is_empty());
                added.extend(values.map(|line| OsString::from(format!("{flag}={line}"))));
            }
            ArgAction::Set => added.push(format!("{flag}={value}").into()),
            _ => {}
        }
    }
    let mut all = given;
    let first = all.len().min(1);
    all.splice(first..first, added);
    Ok(all)
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
        let all = arguments(&command(), given, get)?;
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
        for off in ["0", "false", "no", "off", ""] {
            assert!(arguments_of(&[], &[("CAS_EMULATOR_QUIET", off)]).unwrap().is_empty());
        }
        let error = arguments_of(&[], &[("CAS_EMULATOR_QUIET", "secret")]).unwrap_err();
        assert_eq!(error, "invalid CAS_EMULATOR_QUIET: expected true or false");
    }
}
