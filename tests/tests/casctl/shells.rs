//! `casctl completions` and `casctl man`, read by shells and by roff.

use std::fs;

use acceptance::{Program, artefact, installed, run};

use super::lineages;
use super::usage::COMMANDS;

const LANGUAGES: [&str; 2] = ["C", "zh_CN.UTF-8"];

fn print(arguments: &[&str], language: &str) -> String {
    let casctl = Program::new(artefact("casctl")).args(arguments).env("LANG", language);
    let outcome = casctl.run().exits_with(0);
    assert_eq!(outcome.stderr, "");
    outcome.stdout
}

#[test]
fn each_shell_reads_its_completions() {
    let directory = lineages::directory("completions");
    for (shell, option) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        for language in LANGUAGES {
            let script = print(&["completions", shell], language);
            for command in COMMANDS {
                assert!(script.contains(command), "{shell}: {command}");
            }
            for option in ["endpoint", "on-conflict", "warn-days"] {
                assert!(script.contains(option), "{shell}: {option}");
            }
            let path = directory.join(format!("casctl-{language}.{shell}"));
            fs::write(&path, &script).unwrap();
            if installed(shell) {
                run(std::process::Command::new(shell).arg(option).arg(&path));
            }
        }
    }
    assert!(installed("bash"));
    let unknown = Program::new(artefact("casctl")).args(["completions", "tcsh"]).run();
    assert!(unknown.exits_with(2).stderr.contains("bash, zsh, fish"));
}

#[test]
fn bash_completes_commands_options_and_values() {
    let script = lineages::directory("completions-bash").join("casctl");
    fs::write(&script, print(&["completions", "bash"], "C")).unwrap();
    let complete = |words: &[&str]| {
        let last = words.len() - 1;
        let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
        let program = format!(
            "source {}; COMP_WORDS=({}); COMP_CWORD={last}; _casctl casctl '{}' '{}'; \
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            script.display(),
            quoted.join(" "),
            words[last],
            words[last - 1],
        );
        let outcome = Program::new("bash").args(["-c", &program]).run().exits_with(0);
        outcome.stdout.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete(&["casctl", "up"]), ["upload"]);
    assert_eq!(complete(&["casctl", "doctor", "--prof"]), ["--profile"]);
    assert_eq!(
        complete(&["casctl", "upload", "--on-conflict", ""]),
        ["reuse", "fail", "rename", "replace"]
    );
    assert_eq!(complete(&["casctl", "list", "--output", "j"]), ["json"]);
    let options = complete(&["casctl", "upload", "--"]);
    assert!(!options.iter().any(|option| option.contains("secret")), "{options:?}");
}

#[test]
fn roff_reads_each_manual_page() {
    let directory = lineages::directory("manual");
    for language in LANGUAGES {
        for command in [&["man"][..]]
            .into_iter()
            .map(<[_]>::to_vec)
            .chain(COMMANDS.iter().map(|command| vec!["man", *command]))
        {
            let page = print(&command, language);
            let name = command[1..].iter().fold("CASCTL".to_owned(), |name, command| {
                format!("{name}-{}", command.to_uppercase())
            });
            assert!(page.starts_with(&format!(".TH {name} 1 \"\" \"casctl ")), "{page}");
            for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "NOTES"] {
                assert!(page.contains(&format!(".SH {section}\n")), "{command:?}: {section}");
            }
            let path = directory.join("page.1");
            fs::write(&path, &page).unwrap();
            let path = path.to_str().unwrap();
            if installed("groff") {
                let lint = ["-man", "-k", "-Tutf8", "-ww", path];
                let outcome = Program::bare("groff").args(lint).run().exits_with(0);
                assert_eq!(outcome.stderr, "", "{command:?} {language}");
            }
            if installed("mandoc") {
                let outcome = Program::bare("mandoc").args(["-Tlint", "-Wwarning", path]).run();
                // A date would differ from build to build.
                let said = outcome.stdout.lines().find(|line| !line.contains("missing date"));
                assert_eq!(said, None, "{command:?} {language}");
            }
        }
    }
    let unknown = Program::new(artefact("casctl")).args(["man", "canary"]).run().exits_with(2);
    assert!(!unknown.stderr.contains("canary"), "{unknown:?}");
}
