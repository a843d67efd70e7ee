//! Commands and options that the manual names exist.

use std::collections::BTreeMap;

use acceptance::{Program, artefact};

use super::everything;

/// The help texts of a program and of its commands.
struct Help {
    program: &'static str,
    texts: BTreeMap<String, String>,
}

impl Help {
    fn of(program: &'static str) -> Self {
        let help = |arguments: &[&str]| Program::new(artefact(program)).args(arguments).succeed();
        let whole = help(&["--help"]);
        let names = whole.lines().skip_while(|line| *line != "Commands:").skip(1);
        let names = names.take_while(|line| !line.is_empty());
        let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        let names: Vec<_> = names.filter_map(|line| line.split_whitespace().next()).collect();
        let mut texts: BTreeMap<_, _> =
            names.iter().map(|name| ((*name).to_owned(), help(&[name, "--help"]))).collect();
        texts.insert(String::new(), whole);
        Self { program, texts }
    }

    /// What is wrong with a command line, from the word after the program on.
    fn problem(&self, words: &[&str]) -> Option<String> {
        let command = words.iter().find(|word| !word.starts_with('-')).copied();
        // `casctl --help`, `casctl COMMAND --help`, and the options of the emulator.
        let command = match command {
            Some(command) if self.texts.len() > 1 && command != "COMMAND" => command,
            _ => "",
        };
        let Some(help) = self.texts.get(command) else {
            return Some(format!("{} has no command {command}", self.program));
        };
        let options = words.iter().filter(|word| word.starts_with("--") && word.len() > 2);
        let names = options.map(|option| option.split(['=', '[']).next().unwrap());
        let unknown = |name: &&str| {
            let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
            !help.match_indices(*name).any(|(at, _)| is_end(&help[at + name.len()..]))
        };
        names
            .filter(|name| *name != "--help")
            .find(unknown)
            .map(|name| format!("{} {command} has no option {name}", self.program))
    }
}

/// The command lines of a program in a text, each from the word after the program on.
fn command_lines<'a>(text: &'a str, program: &str) -> Vec<Vec<&'a str>> {
    let mut found = Vec::new();
    for line in text.split(['\n', '|', ';', '&', '<', '>', '(', ')']) {
        let line = line.split(" #").next().unwrap_or_default();
        let mut words: Vec<_> = line.split(|c: char| c.is_whitespace() || c == '\'').collect();
        words.retain(|word| !word.is_empty() && *word != "\\");
        let is_program = |word: &&str| word.rsplit('/').next() == Some(program);
        let Some(at) = words.iter().position(is_program) else { continue };
        found.push(words.split_off(at + 1));
    }
    found
}

#[test]
fn commands_and_options_exist() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for help in ["casctl", "cas-emulator"].map(Help::of) {
        for page in everything() {
            let blocks = page.blocks.iter().filter(|block| block.language() == "sh");
            let mut texts: Vec<_> = blocks.map(|block| block.code.replace("\\\n", " ")).collect();
            // A path with the name of the program is not a command.
            texts.extend(page.spans().into_iter().filter(|span| span.contains(' ')));
            for text in texts {
                for words in command_lines(&text, help.program) {
                    let problem = help.problem(&words);
                    wrong.extend(problem.map(|text| format!("{}: {text}", page.path.display())));
                    checked += 1;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(checked > 150, "{checked}");
}

#[test]
fn an_unknown_option_is_found() {
    let help = Help::of("casctl");
    let problems = |text| {
        let lines = command_lines(text, "casctl");
        lines.iter().filter_map(|words| help.problem(words)).collect::<Vec<_>>()
    };
    assert_eq!(problems("x --y 'casctl hook lego --name n' && casctl list"), [""; 0]);
    assert_eq!(problems("casctl frobnicate"), ["casctl has no command frobnicate"]);
    assert_eq!(problems("casctl list --jobs 3"), ["casctl list has no option --jobs"]);
    assert_eq!(problems("a | casctl upload --on"), ["casctl upload has no option --on"]);
}
