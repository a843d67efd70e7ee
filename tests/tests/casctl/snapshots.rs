//! What people and scripts see of each command, compared with `tests/fixtures/snapshots/`.
//!
//! `UPDATE_SNAPSHOTS=1` writes the files anew: look at the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

use acceptance::{Emulator, Program, artefact, chain, other_chain, top};
use serde_json::json;

use super::deploy::add_resources;
use super::lineages::{self, Issuer};
use super::usage::COMMANDS;

/// What is typed: once the program has printed the first text, the second one.
type Typed<'a> = &'a [(&'a str, &'a str)];

/// The prompts after which nothing is echoed.
const HIDDEN: [&str; 2] = ["assword", "密码"];

/// The runs of one snapshot, in a directory of their own.
struct Snapshot {
    name: &'static str,
    directory: PathBuf,
    endpoint: String,
    variables: Vec<(&'static str, &'static str)>,
    text: String,
}

impl Snapshot {
    fn new(name: &'static str, endpoint: &str) -> Self {
        let directory = lineages::directory(&format!("snapshot-{name}"));
        let endpoint = endpoint.to_owned();
        Self { name, directory, endpoint, variables: Vec::new(), text: String::new() }
    }

    /// Copies a chain and its key to `NAME.pem` and `NAME.key`.
    fn files(&self, name: &str, chain: &Path, key: &Path) {
        fs::copy(chain, self.directory.join(format!("{name}.pem"))).unwrap();
        fs::copy(key, self.directory.join(format!("{name}.key"))).unwrap();
    }

    /// Sets variables for the runs that follow.
    fn with(&mut self, variables: &[(&'static str, &'static str)]) -> &mut Self {
        self.variables = variables.to_vec();
        self
    }

    fn program(&self, program: Program) -> Program {
        program
            .current_dir(&self.directory)
            .env("CASCTL_ENDPOINT", &self.endpoint)
            .env("LANG", "C.UTF-8")
            .envs(&self.variables)
    }

    /// Runs it in pipes.
    fn pipe(&mut self, arguments: &[&str]) -> &mut Self {
        let outcome = self.program(Program::new(artefact("casctl"))).args(arguments).run();
        assert!(!(outcome.stdout.clone() + &outcome.stderr).contains('\x1b'), "{outcome:?}");
        if arguments.contains(&"json") {
            outcome.json_lines();
        }
        self.add(
            arguments,
            "in a pipe",
            &[
                ("standard output", &self.steady(&outcome.stdout)),
                ("standard error", &self.steady(&outcome.stderr)),
            ],
        );
        self.ends_with(outcome.code.unwrap())
    }

    /// Runs it on a terminal.
    fn terminal(&mut self, columns: u16, arguments: &[&str], typed: Typed<'_>) -> &mut Self {
        let steps: serde_json::Value = typed
            .iter()
            .map(|(text, keys)| {
                json!([text, keys, if HIDDEN.contains(text) { "hidden" } else { "" }])
            })
            .collect();
        let driver = top().join("tests/fixtures/python/terminal.py");
        let python = || Program::new("python3").arg(&driver).arg(columns.to_string());
        let program = python().arg(steps.to_string()).arg(artefact("casctl"));
        let program = self.program(program.env("TERM", "xterm-256color")).args(arguments);
        let seen = program.run().exits_with(0).json();
        let raw = seen["raw"].as_str().unwrap();
        let is_plain = |(name, _): &(&str, &str)| matches!(*name, "NO_COLOR" | "TERM");
        assert!(!self.variables.iter().any(is_plain) || !raw.contains("\x1b[3"), "{raw:?}");
        let screen = python().run_with(&self.steady(raw)).exits_with(0).stdout;
        self.add(arguments, &format!("on a terminal of {columns} columns"), &[("screen", &screen)]);
        self.ends_with(i32::try_from(seen["status"].as_i64().unwrap()).unwrap())
    }

    /// The text without what differs from run to run.
    fn steady(&self, text: &str) -> String {
        steady(&text.replace(self.directory.to_str().unwrap(), "DIRECTORY"))
    }

    fn add(&mut self, arguments: &[&str], how: &str, outputs: &[(&str, &str)]) {
        let variables: String =
            self.variables.iter().map(|(name, value)| format!("{name}={value} ")).collect();
        self.text += &format!("$ {variables}casctl {}\n# {how}\n", arguments.join(" "));
        for (name, output) in outputs.iter().filter(|(_, output)| !output.is_empty()) {
            self.text += &format!("--- {name}\n{}\n", output.trim_end());
        }
    }

    fn ends_with(&mut self, status: i32) -> &mut Self {
        self.text += &format!("--- exit status {status}\n\n");
        self
    }

    /// Compares the runs with the file.
    #[track_caller]
    fn compare(&self) {
        let text = self.text.trim_end().to_owned() + "\n";
        let path = top().join("tests/fixtures/snapshots").join(format!("{}.txt", self.name));
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let wanted = fs::read_to_string(&path).unwrap_or_default();
        let differing = wanted.lines().zip(text.lines()).position(|(wanted, is)| wanted != is);
        let line = differing.unwrap_or_else(|| wanted.lines().count().min(text.lines().count()));
        assert!(
            wanted == text,
            "{}:{} is {:?}; UPDATE_SNAPSHOTS=1 accepts it",
            path.display(),
            line + 1,
            text.lines().nth(line),
        );
    }
}

/// The text without what differs from run to run. Lines keep their width.
fn steady(text: &str) -> String {
    let text = text.replace(concat!("casctl ", env!("CARGO_PKG_VERSION")), "casctl VERSION");
    let (mut steady, mut rest) = (String::new(), text.as_str());
    while let Some(first) = rest.chars().next() {
        if let Some(end) =
            rest.strip_prefix("\x1b[").and_then(|rest| rest.find(|c: char| c.is_ascii_alphabetic()))
        {
            let (sequence, after) = rest.split_at(end + 3);
            steady += sequence;
            rest = after;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end.max(first.len_utf8()));
        steady += &steady_word(&steady, word, after);
        rest = after;
    }
    steady
}

/// A word that follows `before` and precedes `after`.
fn steady_word(before: &str, word: &str, after: &str) -> String {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    let is_hex = word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let masked = |with: &str| with.repeat(word.len());
    if is_number && (before.ends_with("127.0.0.1:") || before.ends_with("localhost:")) {
        return masked("p");
    }
    if is_number && [" days", " 天", "天"].iter().any(|unit| after.starts_with(unit)) {
        return masked("N");
    }
    if is_number && after.starts_with(" ms") {
        return "N".to_owned();
    }
    if is_number && (before.ends_with(", in ") || before.ends_with("用时 ")) {
        return "N".to_owned();
    }
    if is_number && (before.ends_with(", in N.") || before.ends_with("用时 N.")) {
        return "N".to_owned();
    }
    let is_api = ["2018-07-13", "2020-04-07"]
        .iter()
        .any(|date| date.starts_with(word) && after.starts_with(&date[4..]));
    if is_number && word.len() == 4 && !is_api && is_date(after) {
        return masked("Y");
    }
    if before.ends_with("YYYY-") {
        return masked("M");
    }
    if before.ends_with("YYYY-MM-") {
        // With its time: 01T02
        return word.chars().map(|c| if c == 'T' { 'T' } else { 'D' }).collect();
    }
    if before.ends_with(":") && before.contains("DDTDD:") && word.len() <= 3 {
        let time: Vec<_> = before.rsplitn(2, "DDTDD:").collect();
        if time[0].is_empty() || time[0] == "mm:" {
            return word.chars().map(|c| if c == 'Z' { 'Z' } else { 'm' }).collect();
        }
    }
    let is_id = word.len() >= 8 && is_hex && !word.starts_with("10000");
    let continues_id = is_hex && word.len() >= 4 && before.ends_with("xxxx-");
    if is_id || continues_id { masked("x") } else { word.to_owned() }
}

/// Whether `-MM-DD` follows.
fn is_date(after: &str) -> bool {
    let bytes = after.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes.get(range).is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit))
    };
    bytes.first() == Some(&b'-') && digits(1..3) && bytes.get(3) == Some(&b'-') && digits(4..6)
}

const NOWHERE: &str = "http://127.0.0.1:1";
const CHINESE: (&str, &str) = ("LANG", "zh_CN.UTF-8");

#[test]
fn help() {
    let mut snapshot = Snapshot::new("help", NOWHERE);
    snapshot.pipe(&["--help"]).terminal(80, &["--help"], &[]).terminal(
        40,
        &["prune", "--help"],
        &[],
    );
    for command in COMMANDS {
        snapshot.pipe(&[command, "--help"]);
    }
    snapshot.with(&[CHINESE]).pipe(&["--help"]).terminal(80, &["upload", "--help"], &[]);
    snapshot.compare();
}

#[test]
fn check() {
    let mut snapshot = Snapshot::new("check", NOWHERE);
    snapshot.files("site", &chain().chain, &chain().key);
    snapshot.files("other", &other_chain().chain, &other_chain().key);
    let expired = Issuer::new().issue_between("old.example", 2019, 2020);
    fs::write(snapshot.directory.join("expired.pem"), expired.chain).unwrap();
    let good = ["check", "--cert", "site.pem", "--key", "site.key"];
    let bad = ["check", "--cert", "site.pem", "--key", "other.key"];
    let soon = ["check", "--cert", "site.pem", "--warn-days", "3650"];
    let nagios = [&soon[..], &["--nagios"]].concat();
    let expired = ["check", "--cert", "expired.pem"];
    snapshot.pipe(&good).pipe(&bad).pipe(&soon).pipe(&nagios).pipe(&expired);
    snapshot.pipe(&[&good[..], &["--output", "json"]].concat());
    snapshot.pipe(&[&bad[..], &["--output", "json"]].concat());
    snapshot.terminal(80, &good, &[]).terminal(80, &bad, &[]).terminal(40, &bad, &[]);
    snapshot.with(&[("NO_COLOR", "1")]).terminal(80, &soon, &[]);
    snapshot.with(&[("TERM", "dumb")]).terminal(80, &soon, &[]);
    snapshot.with(&[CHINESE]).terminal(80, &good, &[]).terminal(40, &bad, &[]);
    snapshot.compare();
}

#[test]
fn password() {
    let mut snapshot = Snapshot::new("password", NOWHERE);
    snapshot.files("site", &chain().chain, &chain().key);
    let mut openssl = std::process::Command::new("openssl");
    openssl.current_dir(&snapshot.directory).args(
        "pkcs12 -export -in site.pem -inkey site.key -out site.pfx -passout pass:canary".split(' '),
    );
    acceptance::run(&mut openssl);
    let check = ["check", "--pfx", "site.pfx"];
    snapshot.pipe(&check);
    for typed in ["canary\r", "wrong-canary\r", "\x04", "\x03"] {
        snapshot.terminal(80, &check, &[("assword", typed)]);
    }
    snapshot.with(&[CHINESE]).terminal(40, &check, &[("密码", "canary\r")]);
    assert!(!snapshot.text.contains("canary"), "{}", snapshot.text);
    snapshot.compare();
}

#[test]
fn stored() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("stored", emulator.url());
    snapshot.files("site", &chain().chain, &chain().key);
    snapshot.files("other", &other_chain().chain, &other_chain().key);
    let upload = ["upload", "my-site", "--cert", "site.pem", "--key", "site.key"];
    let other = ["upload", "my-site", "--cert", "other.pem", "--key", "other.key"];
    snapshot.pipe(&["list"]).terminal(80, &["list"], &[]);
    snapshot.pipe(&[&upload[..], &["--dry-run"]].concat());
    snapshot.pipe(&[&upload[..], &["--dry-run", "--output", "json"]].concat());
    snapshot.pipe(&upload).pipe(&[&upload[..], &["--output", "json"]].concat());
    snapshot.terminal(80, &upload, &[]).pipe(&other).terminal(40, &other, &[]);
    snapshot.terminal(80, &[&other[..], &["--on-conflict", "rename"]].concat(), &[]);
    snapshot.pipe(&["list"]).pipe(&["list", "--output", "json"]);
    snapshot.terminal(80, &["list"], &[]).terminal(40, &["list", "--name", "my-site"], &[]);
    snapshot.pipe(&["show", "10000000"]);
    snapshot.terminal(80, &["show", "10000000"], &[]).pipe(&["show", "1"]);
    snapshot.pipe(&["delete", "10000000", "1"]);
    snapshot.with(&[CHINESE]).terminal(80, &["list"], &[]).terminal(80, &["show", "1"], &[]);
    snapshot.compare();
}

#[test]
fn bulk() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("bulk", emulator.url());
    let issuer = Issuer::new();
    let certbot = snapshot.directory.join("certbot");
    for domain in ["a.example", "b.example", "c.example"] {
        lineages::certbot(&certbot, domain, &issuer.issue(domain));
    }
    fs::write(certbot.join("archive/b.example/privkey1.pem"), "not a key\n").unwrap();
    let upload = ["upload", "--from", "certbot", "--jobs", "1"];
    snapshot.pipe(&[&upload[..], &["--dry-run"]].concat());
    snapshot.pipe(&upload).pipe(&[&upload[..], &["--output", "json"]].concat());
    snapshot.terminal(80, &upload, &[]).terminal(40, &upload, &[]);
    snapshot.with(&[CHINESE]).terminal(80, &upload, &[]);
    snapshot.compare();
}

#[test]
fn prune() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("prune", emulator.url());
    let issuer = Issuer::new();
    for (name, domain) in [("old", "a.example"), ("new", "a.example"), ("other", "b.example")] {
        let pair = issuer.issue(domain);
        let [cert, key] = ["pem", "key"].map(|kind| format!("{name}.{kind}"));
        fs::write(snapshot.directory.join(&cert), pair.chain).unwrap();
        fs::write(snapshot.directory.join(&key), pair.key).unwrap();
        snapshot.pipe(&["upload", name, "--cert", &cert, "--key", &key]);
    }
    let prune = ["prune", "--name", "*"];
    snapshot.pipe(&prune).pipe(&[&prune[..], &["--output", "json"]].concat());
    snapshot.terminal(40, &prune, &[("[y/N]", "n\r")]);
    for typed in ["\x04", "\x03"] {
        snapshot.terminal(80, &prune, &[("[y/N]", typed)]);
    }
    snapshot.with(&[CHINESE]).terminal(80, &prune, &[("[y/N]", "\r")]);
    snapshot.with(&[]).terminal(80, &prune, &[("[y/N]", "y\r")]);
    snapshot.terminal(80, &prune, &[]);
    snapshot.compare();
}

#[test]
fn deploy() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("deploy", emulator.url());
    super::deploy::upload(&emulator, &Issuer::new(), "*.shop.example");
    add_resources(&emulator, &["www.shop.example", "api.shop.example"]);
    let deploy = ["deploy", "10000000", "--domain", "*.shop.example"];
    snapshot.pipe(&[&deploy[..], &["--dry-run"]].concat()).pipe(&deploy);
    snapshot.pipe(&[&deploy[..], &["--dry-run", "--output", "json"]].concat());
    snapshot.pipe(&["deploy", "10000000", "--domain", "www.other.example", "--dry-run"]);
    snapshot.terminal(40, &deploy, &[("[y/N]", "n\r")]);
    snapshot.with(&[CHINESE]).terminal(80, &deploy, &[("[y/N]", "n\r")]);
    snapshot.with(&[]).terminal(80, &deploy, &[("[y/N]", "y\r")]);
    snapshot.pipe(&[&deploy[..], &["--yes"]].concat());
    snapshot.compare();
}

#[test]
fn sync() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("sync", emulator.url());
    snapshot.files("site", &chain().chain, &chain().key);
    let manifest = "[[certificate]]\nname = \"site\"\ncert = \"site.pem\"\nkey = \"site.key\"\n\
                    domains = [\"127.0.0.1:1\"]\n";
    fs::write(snapshot.directory.join("certificates.toml"), manifest).unwrap();
    let sync = ["sync", "certificates.toml"];
    snapshot.pipe(&sync).pipe(&[&sync[..], &["--output", "json"]].concat());
    snapshot.pipe(&[&sync[..], &["--no-served"]].concat());
    snapshot.terminal(80, &sync, &[]).terminal(40, &sync, &[]);
    snapshot.with(&[CHINESE]).terminal(80, &sync, &[]);
    snapshot.compare();
}

#[test]
fn diagnosis() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("diagnosis", emulator.url());
    fs::copy(&chain().root, snapshot.directory.join("root.pem")).unwrap();
    snapshot.with(&[("CASCTL_CA_FILE", "root.pem")]);
    let data = json!({
        "Code": "SignatureDoesNotMatch",
        "Message": "Specified signature is not matched with our calculation. server string to \
                    sign is:GET&%2F&Action%3DX",
    });
    fs::write(snapshot.directory.join("answer.json"), data.to_string()).unwrap();
    snapshot.pipe(&["whoami"]).pipe(&["whoami", "--output", "json"]).terminal(40, &["whoami"], &[]);
    snapshot.pipe(&["doctor"]).terminal(40, &["doctor"], &[]);
    snapshot.with(&[CHINESE, ("CASCTL_CA_FILE", "root.pem")]);
    snapshot.terminal(80, &["doctor"], &[]).terminal(80, &["whoami"], &[]);
    let explain = ["explain-signature", "--answer", "answer.json", "--request", "answer.json"];
    snapshot.with(&[]).pipe(&explain).terminal(40, &explain, &[]);
    snapshot.compare();
}

#[test]
fn hook() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("hook", emulator.url());
    lineages::certbot(&snapshot.directory, "a.example", &Issuer::new().issue("a.example"));
    snapshot.pipe(&["hook", "certbot"]);
    snapshot.with(&[("RENEWED_LINEAGE", "live/a.example"), ("RENEWED_DOMAINS", "a.example")]);
    snapshot.pipe(&["hook", "certbot"]).pipe(&["hook", "certbot"]);
    snapshot.compare();
}

#[test]
fn errors() {
    let emulator = Emulator::start(&[]);
    let mut snapshot = Snapshot::new("errors", NOWHERE);
    let list = ["list", "--max-attempts", "1"];
    snapshot.pipe(&list).pipe(&[&list[..], &["--output", "json"]].concat());
    snapshot.terminal(80, &list, &[]).terminal(40, &list, &[]);
    snapshot.with(&[CHINESE]).pipe(&list).terminal(40, &list, &[]);
    snapshot.with(&[]).pipe(&["uplod"]).terminal(40, &["list", "--nam", "x"], &[]);
    snapshot.pipe(&["check", "--cert", "missing.pem"]);
    snapshot.endpoint = emulator.url().to_owned();
    snapshot.with(&[("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "wrong")]).pipe(&["list"]);
    snapshot.compare();
}
