//! A marked key, access key secret, token and password, and the search for every form of them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{Emulator, Outcome, Program, artefact, run};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::lineages::{self, Issuer, Pair};

pub const SECRET: &str = "canary+Secret/0123456789abcdefgh";
pub const TOKEN: &str = "canary+Token/0123456789ABCDEFGHIJKLMNOP==";
pub const PASSWORD: &str = "canary+Password/0123456789 abcdefgh";

/// Where the secret number of a key on P-256 stands in its PKCS#8.
pub const NUMBER: std::ops::Range<usize> = 36..68;

/// Bytes as text, so that they can be searched: each as the character of its number.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

pub fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            write!(encoded, "%{byte:02X}").unwrap();
        }
        encoded
    })
}

/// The forms in which a secret could be seen: as it is, percent-encoded once and twice,
/// hexadecimal, and base64 wherever it begins in the text that is encoded.
pub fn forms(secret: &[u8]) -> Vec<String> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let plain = latin1(secret);
    let once = percent_encoded(&plain);
    let twice = percent_encoded(&once);
    let mut forms = vec![plain, once, twice, hex.to_uppercase(), hex];
    for before in 0..3 {
        let encoded = STANDARD.encode([&vec![0; before], secret].concat());
        // Without the characters that depend on what is before and after it.
        let part = &encoded[(before * 8).div_ceil(6)..(before + secret.len()) * 8 / 6];
        forms.extend([part.to_owned(), percent_encoded(part), part.replace('+', "-")]);
    }
    forms
}

/// The marks of the key of a pair.
pub fn marks_of_key(pair: &Pair) -> Vec<String> {
    let lines: Vec<_> = pair.key.lines().filter(|line| !line.starts_with('-')).collect();
    let base64 = lines.concat();
    let der = STANDARD.decode(&base64).unwrap();
    assert_eq!(der[NUMBER.start - 2..NUMBER.start], [4, 32], "a number of 32 bytes");
    let number = &der[NUMBER];
    let backwards: Vec<u8> = number.iter().rev().copied().collect();
    // A line of PEM ends after 64 characters.
    let [first, second] = [&base64[48..64], &base64[64..90]];
    [number, &backwards, first.as_bytes(), second.as_bytes()].into_iter().flat_map(forms).collect()
}

#[track_caller]
pub fn assert_clean(what: &str, text: &str, marks: &[String]) {
    for mark in marks {
        assert!(!text.contains(mark), "{what} has {mark:?}:\n{text}");
    }
}

/// Two certificates with their keys, the files of both, and a directory for all that casctl writes.
pub struct Canary {
    pub marks: Vec<String>,
    pub input: PathBuf,
    pub written: PathBuf,
}

impl Canary {
    pub fn new(name: &str) -> Self {
        let top = lineages::directory(name);
        let [input, written] = ["input", "written"].map(|name| top.join(name));
        for path in [&input, &written] {
            fs::create_dir_all(path).unwrap();
        }
        let issuer = Issuer::new();
        let mut marks: Vec<_> =
            [SECRET, TOKEN, PASSWORD].iter().flat_map(|secret| forms(secret.as_bytes())).collect();
        for (name, domain) in [("one", "one.example"), ("two", "two.example")] {
            let pair = issuer.issue(domain);
            marks.extend(marks_of_key(&pair));
            fs::write(input.join(format!("{name}.pem")), &pair.chain).unwrap();
            fs::write(input.join(format!("{name}.key")), &pair.key).unwrap();
            lineages::certbot(&input.join("certbot"), domain, &pair);
            if name == "two" {
                // One that is refused.
                let swapped = Pair { chain: pair.key, key: pair.chain };
                lineages::certbot(&input.join("certbot"), "swapped.example", &swapped);
            }
        }
        let padding = "another line\n".repeat(50);
        fs::write(input.join("password"), format!("{PASSWORD}\n{padding}")).unwrap();
        fs::write(input.join("wrong"), format!("{PASSWORD}!\n")).unwrap();
        run(Command::new("openssl")
            .args(["pkcs12", "-export", "-inkey", "one.key", "-in", "one.pem", "-out", "one.pfx"])
            .args(["-passout", "file:password"])
            .current_dir(&input));
        Self { marks, input, written }
    }

    pub fn emulator() -> Emulator {
        Emulator::start(&["--sts", &format!("canaryid:{SECRET}:{TOKEN}")])
    }

    /// `casctl` with all that it can say, in the directory of what it writes. `@` in an argument
    /// is the directory with the files of this canary.
    pub fn casctl(&self, endpoint: &str, arguments: &[&str]) -> Program {
        let input = self.input.to_str().unwrap();
        self.in_environment(Program::new(artefact("casctl")), endpoint)
            .args(arguments.iter().map(|argument| argument.replace('@', input)))
            .arg("-vvv")
            .current_dir(&self.written)
    }

    pub fn in_environment(&self, program: Program, endpoint: &str) -> Program {
        program
            .env("CASCTL_ENDPOINT", endpoint)
            .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "canaryid")
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
            .env("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN)
            .env("ALIBABA_CLOUD_STS_ENDPOINT", endpoint)
            .env("HOME", &self.written)
            .env("TMPDIR", &self.written)
            .env("RUST_LOG", "trace")
            .env("RUST_BACKTRACE", "full")
    }

    /// Runs it to its end; nothing that it printed has a mark.
    #[track_caller]
    pub fn shows_nothing(&self, program: Program) -> Outcome {
        let outcome = program.run();
        assert_clean("standard output", &outcome.stdout, &self.marks);
        assert_clean("standard error", &outcome.stderr, &self.marks);
        outcome
    }

    /// Checks all that was written. Returns how many files there are.
    pub fn check_files(&self) -> usize {
        fn check(canary: &Canary, directory: &Path) -> usize {
            let check_one = |entry: std::io::Result<fs::DirEntry>| {
                let path = entry.unwrap().path();
                let what = path.display().to_string();
                assert_clean("the name of a file", &what, &canary.marks);
                if path.is_dir() {
                    return check(canary, &path);
                }
                assert_clean(&what, &latin1(&fs::read(&path).unwrap()), &canary.marks);
                1
            };
            fs::read_dir(directory).unwrap().map(check_one).sum()
        }
        check(self, &self.written)
    }
}
