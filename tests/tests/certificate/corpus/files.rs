//! Certificates and private keys in the files of packages that were not made for libcas.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::inspection::pair;
use acceptance::openssl_server::{Judged, judge};
use acceptance::{run, scratch, sdk_python, top};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::Value;

const CERTIFICATE_LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
const KEY_LABELS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
/// Programs and documents, in which PEM is an example and often shortened, or written in quotes.
const SOURCES: [&str; 7] = ["c", "h", "inc", "md", "pl", "py", "txt"];

/// A certificate, alone in a file.
pub struct Certificate {
    pub name: String,
    pub path: PathBuf,
    pub judged: Judged,
}

/// A private key, alone in a file.
pub struct Key {
    pub name: String,
    pub path: PathBuf,
    pub judged: Judged,
}

impl Key {
    /// The file.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.path).unwrap()).into_owned()
    }
}

/// The certificates and private keys of a package.
#[derive(Default)]
pub struct Corpus {
    name: String,
    /// Every file that may contain one, also those that do not.
    pub files: Vec<(String, PathBuf)>,
    /// The files with several certificates.
    pub chains: Vec<(String, PathBuf)>,
    pub certificates: Vec<Certificate>,
    pub keys: Vec<Key>,
}

/// The folder of a Python package in target/venv.
pub fn python_package(name: &str) -> PathBuf {
    let script = format!("import {name}; print({name}.__path__[0])");
    PathBuf::from(run(Command::new(sdk_python()).args(["-c", &script])).trim_end())
}

/// The folder of a crate of tests/fixtures/corpora, which `make test` fetches.
pub fn crate_source(name: &str) -> PathBuf {
    let rustc = run(Command::new("rustc").arg("-vV"));
    let host = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let mut metadata = Command::new("cargo");
    metadata
        .current_dir(top().join("tests/fixtures/corpora"))
        .args(["metadata", "--format-version=1", "--locked", "--offline", "--filter-platform"])
        .arg(host);
    let metadata: Value = serde_json::from_str(&run(&mut metadata)).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == name).unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

impl Corpus {
    /// A corpus without files.
    pub fn empty(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Reads the files below some folders of a package.
    pub fn read(name: &str, package: &Path, folders: &[&str]) -> Self {
        let mut files = Vec::new();
        for folder in folders {
            add_files(package, &package.join(folder), &mut files);
        }
        files.sort();
        let mut corpus = Self::empty(name);
        let (mut certificates, mut keys) = (Vec::new(), Vec::new());
        let (mut from_der, mut keys_from_der) = (Vec::new(), Vec::new());
        let mut seen = BTreeSet::new();
        for (name, path) in files {
            let bytes = fs::read(&path).unwrap();
            if !seen.insert(bytes.clone()) {
                continue;
            }
            let text = String::from_utf8_lossy(&bytes);
            if !text.contains("-----BEGIN ") {
                if bytes.first() == Some(&0x30) {
                    let as_label = |label| {
                        let name = format!("{name} as {label}");
                        (name.clone(), corpus.put(&name, &pem(label, &bytes)))
                    };
                    from_der.push(as_label("CERTIFICATE"));
                    keys_from_der.extend(KEY_LABELS.map(as_label));
                    corpus.files.push((name, path));
                }
                continue;
            }
            let in_file = blocks(&text, |label| CERTIFICATE_LABELS.contains(&label));
            let keys_in_file = blocks(&text, |label| label.ends_with("PRIVATE KEY"));
            if in_file.len() > 1 {
                corpus.chains.push((name.clone(), path.clone()));
            }
            // OpenSSL finds PEM at the beginning of lines only: not in the middle of a Go program.
            let is_pem = text.starts_with("-----BEGIN ") || text.contains("\n-----BEGIN ");
            let whole = is_pem.then_some(path.as_path());
            certificates.extend(corpus.alone(&name, whole, &in_file, ""));
            keys.extend(corpus.alone(&name, whole, &keys_in_file, "key "));
            corpus.files.push((name, path));
        }
        corpus.certificates = judged_certificates(certificates);
        // DER may be anything, and has one label of three that fits.
        let from_der = judged_certificates(from_der);
        corpus.certificates.extend(from_der.into_iter().filter(|one| !one.judged.pem.is_empty()));
        corpus.add_keys(keys, |_| true);
        corpus.add_keys(keys_from_der, |key| key.judged.is("loads"));
        corpus
    }

    /// Adds those keys that are wanted, with a new certificate for each that has a public key.
    pub fn add_keys(&mut self, files: Vec<(String, PathBuf)>, is_wanted: impl Fn(&Key) -> bool) {
        let lines: Vec<_> = files.iter().map(|(_, path)| format!("\t{}", path.display())).collect();
        let keys = files.into_iter().zip(judge(&lines));
        let keys = keys.map(|((name, path), judged)| Key { name, path, judged });
        let keys: Vec<_> = keys.filter(is_wanted).collect();
        let new = keys.iter().filter(|key| !key.judged.pem.is_empty()).map(|key| {
            let name = format!("new certificate for {}", key.name);
            (name.clone(), self.put(&name, &key.judged.pem))
        });
        self.certificates.extend(judged_certificates(new.collect()));
        self.keys.extend(keys);
    }

    /// Writes a file, and returns its path.
    pub fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = scratch("corpus").join(format!("{}-{}", self.name, name.replace('/', "_")));
        fs::write(&path, text).unwrap();
        path
    }

    /// The blocks of a file, each alone in one: a file of PEM with one block stays as it is.
    fn alone(
        &self,
        name: &str,
        whole: Option<&Path>,
        blocks: &[String],
        kind: &str,
    ) -> Vec<(String, PathBuf)> {
        if let (Some(whole), [_]) = (whole, blocks) {
            return vec![(name.to_owned(), whole.to_owned())];
        }
        let one = |(n, block): (usize, &String)| {
            let name = format!("{name}#{kind}{}", n + 1);
            (name.clone(), self.put(&name, block))
        };
        blocks.iter().enumerate().map(one).collect()
    }
}

fn judged_certificates(files: Vec<(String, PathBuf)>) -> Vec<Certificate> {
    let lines: Vec<_> = files.iter().map(|(_, path)| pair(path, None)).collect();
    let all = files.into_iter().zip(judge(&lines));
    all.map(|((name, path), judged)| Certificate { name, path, judged }).collect()
}

fn add_files(package: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let entry = entry.unwrap();
        let path = entry.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        if entry.file_type().unwrap().is_dir() {
            add_files(package, &path, files);
        } else if !SOURCES.contains(&extension.as_str()) {
            let name = path.strip_prefix(package).unwrap().display().to_string();
            files.push((name, path));
        }
    }
}

/// The PEM blocks in a text whose labels are wanted.
fn blocks(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let block = |after_begin: &str| {
        let label = after_begin.split("-----").next()?;
        let content = after_begin.split("-----END ").next()?;
        let end = format!("-----END {label}-----");
        let is_whole = after_begin[content.len()..].starts_with(&end);
        (is_wanted(label) && is_whole).then(|| format!("-----BEGIN {content}{end}\n"))
    };
    text.split("-----BEGIN ").skip(1).filter_map(block).collect()
}

/// DER as PEM.
fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in BASE64_STANDARD.encode(der).as_bytes().chunks(64) {
        text += &format!("{}\n", std::str::from_utf8(line).unwrap());
    }
    text + &format!("-----END {label}-----\n")
}
