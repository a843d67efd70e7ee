//! `docs/casctl.md`, the help and the manual pages list the same commands, options, variables and
//! exit statuses, and a test uses each of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use acceptance::{Program, artefact, top};

use super::usage::COMMANDS;

/// A set of names.
type Names = BTreeSet<String>;

/// What has no row in a table, because every command has it.
const HELP: [&str; 2] = ["help", "version"];

/// The options of other programs that the document shows: of certbot, acme.sh and lego.
const OF_OTHERS: [&str; 3] = ["deploy-hook", "renew-hook", "issue"];

/// The variables that are no option.
const OTHER_VARIABLES: [&str; 1] = ["CASCTL_PFX_PASSWORD"];

/// The exit statuses that are not 10 and a status of libcas.
const OTHER_STATUSES: [u8; 4] = [0, 1, 2, 130];

fn print(arguments: &[&str], language: &str) -> String {
    let casctl = Program::new(artefact("casctl")).args(arguments).env("LANG", language);
    casctl.run().exits_with(0).stdout
}

/// The name of the option with which a text begins.
fn option_at(text: &str) -> Option<String> {
    let name = text.strip_prefix("--").filter(|name| !name.starts_with('-'))?;
    let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(name.len());
    (end > 0).then(|| name[..end].to_owned())
}

/// The options that a help declares, common ones apart.
fn declared(help: &str, common_heading: &str) -> [Names; 2] {
    let (own, common) = help.split_once(common_heading).unwrap();
    [own, common].map(|part| {
        let after_short = |line: &str| match line.strip_prefix('-') {
            Some(short) if !short.starts_with('-') => short.split_once(", ").map(|it| it.1.into()),
            _ => Some(line.to_owned()),
        };
        let lines = part.lines().filter(|line| line.starts_with("  "));
        let options = lines.filter_map(|line| option_at(&after_short(line.trim())?));
        options.filter(|option| !HELP.contains(&option.as_str())).collect()
    })
}

/// The options of a command, common ones apart.
fn options(command: &str) -> [Names; 2] {
    declared(&print(&[command, "--help"], "C"), "Common options:")
}

fn document() -> String {
    fs::read_to_string(top().join("docs/casctl.md")).unwrap()
}

/// The cells of the rows of the table under a heading.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = document();
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let rows = section.lines().skip_while(|line| !line.starts_with("|---"));
    let rows = rows.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| {
        row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    rows.map(cells).collect()
}

/// The options in a text.
fn mentioned(text: &str) -> Names {
    let after = |at: usize| text[..at].chars().next_back();
    let starts = text.match_indices("--").filter(|(at, _)| after(*at) != Some('-'));
    starts.filter_map(|(at, _)| option_at(&text[at..])).collect()
}

#[test]
fn the_document_has_each_command_with_its_options() {
    let rows = table("Options");
    let mut documented: BTreeMap<&str, Names> = BTreeMap::new();
    for row in &rows {
        for command in row[0].split(", ") {
            documented
                .entry(command.trim_matches('`'))
                .or_default()
                .append(&mut mentioned(&row[1]));
        }
    }
    assert_eq!(documented.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(COMMANDS));
    for command in COMMANDS {
        assert_eq!(documented[command], options(command)[0], "{command}");
    }
    // Nor are there others elsewhere in the document.
    let all = COMMANDS.iter().flat_map(|command| options(command)).flatten();
    let known: Names =
        all.chain([&HELP[..], &OF_OTHERS].concat().iter().map(|it| (*it).into())).collect();
    let unknown: Vec<_> = mentioned(&document()).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn the_document_has_the_common_options_with_their_values_and_defaults() {
    let help = print(&["list", "--help"], "C");
    let (_, help) = help.split_once("Common options:").unwrap();
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let rows = table("Common options");
    let documented: Names = rows.iter().flat_map(|row| mentioned(&row[0])).collect();
    assert_eq!(documented, options("list")[1]);
    for row in rows {
        let [option, default] = [&row[0], &row[1]].map(|cell| cell.trim_matches('`'));
        let Some((name, value)) = option.split_once(' ').filter(|_| option.starts_with("--"))
        else {
            continue;
        };
        let declared = format!("{name} <{value}>");
        let (_, rest) = help.split_once(&declared).unwrap_or_else(|| panic!("{declared}: {help}"));
        let sentence = rest.split(" --").next().unwrap();
        if let Some((_, found)) = sentence.split_once("[default: ") {
            assert_eq!(default, &found[..found.find(']').unwrap()], "{option}");
        }
    }
}

#[test]
fn the_manual_pages_have_the_options_of_the_help_in_both_languages() {
    for (language, heading) in [("C", "Common options:"), ("zh_CN.UTF-8", "通用选项:")] {
        for command in COMMANDS {
            let help = print(&[command, "--help"], language).replace('：', ":");
            let [own, common] = declared(&help, heading);
            assert_eq!([&own, &common], options(command).each_ref(), "{command}: {language}");
            let page = print(&["man", command], language).replace("\\fR", " ").replace('\\', "");
            let (page, _) = page.split_once("\n.SH NOTES\n").unwrap();
            let lines = page.lines().filter(|line| line.starts_with("fB-"));
            let options = lines.flat_map(mentioned);
            let options: Names =
                options.filter(|option| !HELP.contains(&option.as_str())).collect();
            assert_eq!(options, own.union(&common).cloned().collect(), "{command}: {language}");
        }
    }
}

/// The documented exit statuses.
fn statuses() -> BTreeSet<u8> {
    table("Exit status").iter().map(|row| row[0].parse().unwrap()).collect()
}

#[test]
fn the_document_has_an_exit_status_for_each_status_of_libcas() {
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let values = header.lines().filter_map(|line| {
        let (_, value) = line.strip_prefix("#define CAS_ERR_")?.split_once(' ')?;
        value.parse::<u8>().ok()
    });
    let wanted: BTreeSet<_> = values.map(|value| value + 10).chain(OTHER_STATUSES).collect();
    assert!(wanted.len() > 15);
    assert_eq!(statuses(), wanted);
}

/// The variables of casctl.
fn variables() -> Names {
    let of_options = options("list")[1].clone();
    let of_options = of_options.iter().filter(|option| *option != "verbose");
    let name = |option: &String| format!("CASCTL_{}", option.to_uppercase().replace('-', "_"));
    of_options.map(name).chain(OTHER_VARIABLES.map(ToOwned::to_owned)).collect()
}

#[test]
fn the_document_names_no_other_variable() {
    let text = document();
    let is_of_name = |c: &char| c.is_ascii_uppercase() || *c == '_';
    let named: Names = text
        .match_indices("CASCTL_")
        .map(|(at, _)| text[at..].chars().take_while(is_of_name).collect())
        .filter(|name| name != "CASCTL_")
        .collect();
    let variables = variables();
    assert!(named.is_subset(&variables), "{named:?}");
    assert!(OTHER_VARIABLES.iter().all(|name| named.contains(*name)));
}

#[test]
fn a_test_uses_each_option_variable_and_exit_status() {
    let sources = |directory: &str| -> String {
        let files = fs::read_dir(top().join(directory)).unwrap();
        let texts = files.map(|file| file.unwrap().path()).filter(|path| path.is_file());
        texts.map(|path| fs::read_to_string(path).unwrap()).collect()
    };
    let tests = sources("tests/tests/casctl") + &sources("tests/src");
    let options: Names = COMMANDS.iter().flat_map(|command| options(command)).flatten().collect();
    let is_used = |option: &String| {
        let uses = [format!("\"--{option}\""), format!("\"--{option}="), format!(" --{option} ")];
        uses.iter().any(|word| tests.contains(word))
    };
    let unused: Vec<_> = options.iter().filter(|option| !is_used(option)).collect();
    assert!(unused.is_empty(), "options: {unused:?}");
    let variables = variables();
    let is_used = |name: &&String| tests.contains(&format!("\"{name}\""));
    let unused: Vec<_> = variables.iter().filter(|name| !is_used(name)).collect();
    assert!(unused.is_empty(), "variables: {unused:?}");
    let is_used = |status: &u8| {
        let uses = [format!("exits_with({status})"), format!("fails({status}, ")];
        uses.iter().any(|word| tests.contains(word))
    };
    let unused: Vec<_> = statuses().into_iter().filter(|status| !is_used(status)).collect();
    assert!(unused.is_empty(), "exit statuses: {unused:?}");
}
