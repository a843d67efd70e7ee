//! The certificates and private keys of PyPI's cryptography-vectors, many of them unusual, broken
//! or not made by OpenSSL. `cas_inspect` and the `openssl` command agree on each certificate, and
//! on each key, both with certificates that match it and with certificates that do not.
//! tests/fixtures/data/corpus-disagreements.txt lists the exceptions and their reasons.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use acceptance::inspection::{Inspection, inspect, pair};
use acceptance::{Outcome, Process, run, scratch, sdk_python, top};

/// Kinds of keys that libcas checks in full and of which the corpus has no two: two of each are
/// made.
const MADE: [&str; 4] = [
    "EC -pkeyopt ec_paramgen_curve:P-384",
    "EC -pkeyopt ec_paramgen_curve:P-521",
    "EC -pkeyopt ec_paramgen_curve:secp256k1",
    "ED25519",
];
/// What openssl and what libcas call keys whose type has no size.
const TYPES: [(&str, &str); 17] = [
    ("prime192v1", "EC-P192"),
    ("secp224r1", "EC-P224"),
    ("brainpoolP256r1", "EC-brainpoolP256r1"),
    ("brainpoolP384r1", "EC-brainpoolP384r1"),
    ("brainpoolP512r1", "EC-brainpoolP512r1"),
    ("SM2", "SM2"),
    ("prime256v1", "EC-P256"),
    ("secp384r1", "EC-P384"),
    ("secp521r1", "EC-P521"),
    ("secp256k1", "EC-secp256k1"),
    ("ED25519", "Ed25519"),
    ("ED448", "Ed448"),
    ("dsaEncryption", "DSA"),
    ("dhKeyAgreement", "DH"),
    ("X9.42 DH", "DH"),
    ("X25519", "X25519"),
    ("X448", "X448"),
];
const CERTIFICATE_LABELS: [&str; 3] = ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"];
/// Findings that refuse a certificate, and those that refuse a key.
const UNREADABLE: [&str; 2] = ["broken-certificate", "broken-pem"];
const KEY_REFUSED: [&str; 6] =
    ["broken-key", "broken-pem", "key-encrypted", "key-mismatch", "no-key", "openssh-key"];

/// A certificate, alone in a file.
struct Certificate {
    name: String,
    pem: PathBuf,
    /// `None` where openssl refuses it.
    reference: Option<Reference>,
}

/// What openssl reports about a certificate.
struct Reference {
    not_before: String,
    not_after: String,
    sha256: String,
    key_type: String,
    /// The public key as PEM; `None` where openssl cannot read it.
    public: Option<String>,
    pem: String,
}

/// A file with a private key.
struct Key {
    name: String,
    pem: PathBuf,
    reference: KeyReference,
}

/// What openssl reports about a key.
enum KeyReference {
    /// Valid: its public key as PEM.
    Public(String),
    Encrypted,
    Openssh,
    /// Unreadable or inconsistent.
    Refused,
}

fn corpus() -> PathBuf {
    let script = "import cryptography_vectors; print(cryptography_vectors.__path__[0])";
    PathBuf::from(run(Command::new(sdk_python()).args(["-c", script])).trim_end())
}

/// The corpus's files with one of these endings, in order, by their names within it.
fn files(corpus: &Path, endings: &[&str]) -> Vec<String> {
    let all =
        run(Command::new("find").current_dir(corpus).args(["x509", "asymmetric", "-type", "f"]));
    let is_wanted = |name: &&str| endings.iter().any(|ending| name.ends_with(ending));
    let mut files: Vec<String> = all.lines().filter(is_wanted).map(ToOwned::to_owned).collect();
    files.sort();
    files
}

fn text(file: &Path) -> String {
    String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned()
}

fn put(name: &str, text: &str) -> PathBuf {
    let path = scratch("corpus").join(name.replace('/', "_"));
    fs::write(&path, text).unwrap();
    path
}

/// The PEM blocks in a text that have one of these labels.
fn blocks(text: &str, labels: &[&str]) -> Vec<String> {
    let block = |after_begin: &str| {
        let label = after_begin.split("-----").next()?;
        let content = after_begin.split("-----END ").next()?;
        labels.contains(&label).then(|| format!("-----BEGIN {content}-----END {label}-----\n"))
    };
    text.split("-----BEGIN ").skip(1).filter_map(block).collect()
}

fn openssl(arguments: &[&str], file: &Path) -> Outcome {
    Process::start(Command::new("openssl").args(arguments).arg("-in").arg(file)).finish()
}

/// What openssl reports about a certificate, in PEM or DER.
fn reference(file: &Path) -> Option<Reference> {
    let print = [
        "x509",
        "-fingerprint",
        "-sha256",
        "-startdate",
        "-enddate",
        "-dateopt",
        "iso_8601",
        "-text",
    ];
    let mut output = openssl(&[&print[..], &["-pubkey"]].concat(), file);
    if output.code != Some(0) {
        // Where it is only the public key that cannot be read, it shows the rest.
        output = openssl(&print, file);
    }
    let text = &output.stdout;
    if output.code != Some(0) || text.contains("Bad time value") {
        return None;
    }
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    Some(Reference {
        not_before: field("notBefore=").replace(' ', "T"),
        not_after: field("notAfter=").replace(' ', "T"),
        sha256: field("sha256 Fingerprint=").replace(':', ""),
        key_type: key_type(text.split_once("Public Key Algorithm: ").unwrap().1),
        public: blocks(text, &["PUBLIC KEY"]).pop(),
        pem: blocks(text, &["CERTIFICATE"]).pop().unwrap(),
    })
}

/// The key type in libcas's terms.
fn key_type(description: &str) -> String {
    let after =
        |name: &str| Some(description.split_once(name)?.1.split(['\n', ' ']).next().unwrap());
    let sized = |name: &str| {
        after("Public-Key: (").map_or(name.to_owned(), |bits| format!("{name}-{bits}"))
    };
    let called =
        |word: &str| TYPES.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    match description.lines().next().unwrap() {
        "rsaEncryption" => sized("RSA"),
        "rsassaPss" => sized("RSA-PSS"),
        "id-ecPublicKey" => after("ASN1 OID: ").and_then(called).unwrap_or("EC").to_owned(),
        other => called(other).unwrap_or("unknown").to_owned(),
    }
}

impl Key {
    fn read(name: String, pem: PathBuf) -> Self {
        let text = text(&pem);
        let reference = if text.contains("ENCRYPTED") {
            KeyReference::Encrypted
        } else if text.contains("BEGIN OPENSSH PRIVATE KEY") {
            KeyReference::Openssh
        } else {
            let output =
                openssl(&["pkey", "-check", "-pubout", "-passin", "pass:wrong-on-purpose"], &pem);
            let public = blocks(&output.stdout, &["PUBLIC KEY"]).pop();
            public
                .filter(|_| output.code == Some(0))
                .map_or(KeyReference::Refused, KeyReference::Public)
        };
        Self { name, pem, reference }
    }
}

/// `compute` of each, on two threads: nearly all of the time goes to openssl processes.
fn of_each<T: Sync, R: Send>(all: &[T], compute: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let half = |half: &[T]| -> Vec<R> { half.iter().map(&compute).collect() };
    let (first, second) = all.split_at(all.len() / 2);
    thread::scope(|scope| {
        let second = scope.spawn(|| half(second));
        let first = half(first);
        first.into_iter().chain(second.join().unwrap()).collect()
    })
}

/// The certificates of a file, each alone in a PEM file; none where openssl finds none in DER.
fn certificates(name: &str, file: &Path) -> Vec<Certificate> {
    let blocks = blocks(&text(file), &CERTIFICATE_LABELS);
    if blocks.len() > 1 {
        let one = |(n, block): (usize, &String)| {
            let name = format!("{name}#{}", n + 1);
            let pem = put(&name, block);
            Certificate { name, reference: reference(&pem), pem }
        };
        return blocks.iter().enumerate().map(one).collect();
    }
    let reference = reference(file);
    let pem = match &reference {
        _ if blocks.len() == 1 => file.to_owned(),
        Some(converted) => put(name, &converted.pem),
        None => return Vec::new(),
    };
    vec![Certificate { name: name.to_owned(), pem, reference }]
}

/// Makes a certificate for a key. Another key signs it, as not every key can sign.
fn certificate_for(key: &Key, signer: &Key) -> Option<Certificate> {
    let KeyReference::Public(public) = &key.reference else { return None };
    let name = format!("new certificate for {}", key.name);
    let (pem, public) = (put(&name, ""), put(&format!("public key of {}", key.name), public));
    let mut new = Command::new("openssl");
    new.args(["x509", "-new", "-subj", "/CN=corpus.example", "-days", "30", "-force_pubkey"])
        .arg(public);
    run(new.arg("-key").arg(&signer.pem).arg("-out").arg(&pem));
    Some(Certificate { name, reference: reference(&pem), pem })
}

/// Makes a private key of a kind that `openssl genpkey -algorithm` knows.
fn new_key(n: usize, kind: &str) -> Key {
    let name = format!("new key {n} of {kind}");
    let pem = put(&name, "");
    let mut new = Command::new("openssl");
    run(new.args(["genpkey", "-algorithm"]).args(kind.split(' ')).arg("-out").arg(&pem));
    Key::read(name, pem)
}

/// The differences between an inspection and openssl.
trait Compared {
    fn finds(&self, severity: u8, identifiers: &[&str]) -> bool;
    fn differences(&self, reference: Option<&Reference>) -> Vec<&'static str>;
    fn key_difference(&self, key: &Key, reference: &Reference) -> Option<&'static str>;
}

impl Compared for Inspection {
    fn finds(&self, severity: u8, identifiers: &[&str]) -> bool {
        self.findings
            .iter()
            .any(|(found, id, _)| *found == severity && identifiers.contains(&id.as_str()))
    }

    /// The differences for a certificate.
    fn differences(&self, reference: Option<&Reference>) -> Vec<&'static str> {
        let field = |name: &str| self.fields.get(name).cloned().unwrap_or_default();
        // A type without a name is an identifier here, and words of its own to openssl.
        let key_type = field("key_type");
        let key_type = if key_type.starts_with(|c: char| c.is_ascii_digit()) {
            "unknown".to_owned()
        } else {
            key_type
        };
        let is_read = !field("sha256").is_empty();
        match reference {
            None if self.finds(2, &UNREADABLE) && !is_read => vec![],
            None => vec!["read"],
            Some(_) if !is_read => vec!["not read"],
            Some(reference) => [
                ("not before", &reference.not_before, field("not_before")),
                ("not after", &reference.not_after, field("not_after")),
                ("SHA-256", &reference.sha256, field("sha256")),
                ("key type", &reference.key_type, key_type),
                ("tidied PEM", &reference.pem, self.pem.clone()),
            ]
            .into_iter()
            .filter(|(_, theirs, ours)| *theirs != ours)
            .map(|(what, ..)| what)
            .collect(),
        }
    }

    /// The difference for a key beside a certificate.
    fn key_difference(&self, key: &Key, reference: &Reference) -> Option<&'static str> {
        let (agree, what) = match &key.reference {
            KeyReference::Encrypted => (self.finds(2, &["key-encrypted"]), "is encrypted"),
            KeyReference::Openssh => (self.finds(2, &["openssh-key"]), "is OpenSSH's"),
            KeyReference::Refused => (self.finds(2, &KEY_REFUSED), "is taken"),
            KeyReference::Public(_) if !is_own(key, reference) => {
                (self.finds(2, &["key-mismatch"]), "no mismatch beside another key's certificate")
            }
            _ if self.finds(2, &KEY_REFUSED) => (false, "refused beside its certificate"),
            _ => {
                let is_checked = !self.finds(0, &["key-not-verified"]);
                (is_checked || !must_be_checked(&reference.key_type), "not verified")
            }
        };
        (!agree).then_some(what)
    }
}

fn is_own(key: &Key, reference: &Reference) -> bool {
    match (&key.reference, &reference.public) {
        (KeyReference::Public(own), Some(public)) => own == public,
        _ => false,
    }
}

/// Whether libcas checks keys of this type in full.
fn must_be_checked(key_type: &str) -> bool {
    let rsa = key_type.strip_prefix("RSA-").and_then(|bits| bits.parse().ok());
    rsa.is_some_and(|bits: u32| (2048..=4096).contains(&bits))
        || ["EC-P256", "EC-P384", "EC-P521", "EC-secp256k1", "Ed25519"].contains(&key_type)
}

/// The certificates that a key is compared with: all of its own, and four others of each type.
fn beside<'a>(key: &Key, certificates: &'a [Certificate]) -> Vec<(&'a Certificate, &'a Reference)> {
    let mut others: BTreeMap<String, usize> = BTreeMap::new();
    let mut is_wanted = |reference: &Reference| {
        is_own(key, reference) || {
            let seen = others.entry(reference.key_type.clone()).or_default();
            *seen += 1;
            *seen <= 4
        }
    };
    let readable = certificates.iter().filter_map(|one| Some((one, one.reference.as_ref()?)));
    readable.filter(|(_, reference)| is_wanted(reference)).collect()
}

/// Fails unless the differences are exactly those of the list.
fn assert_listed(found: &BTreeMap<&str, BTreeSet<&str>>) {
    let list =
        fs::read_to_string(top().join("tests/fixtures/data/corpus-disagreements.txt")).unwrap();
    let row = |line: &str| {
        let [file, what, reason] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert!(reason.len() > 10, "no reason: {line}");
        format!("{file}\t{what}")
    };
    let listed: BTreeSet<_> = list.lines().filter(|line| !line.starts_with('#')).map(row).collect();
    let joined = |what: &BTreeSet<&str>| what.iter().copied().collect::<Vec<_>>().join(", ");
    let found: BTreeSet<_> =
        found.iter().map(|(file, what)| format!("{file}\t{}", joined(what))).collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "not listed: {unlisted:#?}\nlisted, but gone: {gone:#?}"
    );
}

#[test]
fn inspection_agrees_with_openssl() {
    let corpus = corpus();
    let sources = files(&corpus, &[".pem", ".der", ".crt"]);
    let read = of_each(&sources, |name| certificates(name, &corpus.join(name)));
    let mut certificates: Vec<_> = read.into_iter().flatten().collect();
    let from_corpus = certificates.len();
    let mut with_key = files(&corpus, &[".pem", ".key"]);
    with_key.retain(|name| text(&corpus.join(name)).contains("PRIVATE KEY-----"));
    let mut keys = of_each(&with_key, |name| Key::read(name.clone(), corpus.join(name)));
    keys.extend(MADE.iter().flat_map(|kind| [1, 2].map(|n| new_key(n, kind))));
    let signer = new_key(3, "ED25519");
    certificates.extend(of_each(&keys, |key| certificate_for(key, &signer)).into_iter().flatten());

    let pairs: Vec<_> = keys
        .iter()
        .flat_map(|key| {
            beside(key, &certificates)
                .into_iter()
                .map(move |(one, reference)| (key, one, reference))
        })
        .collect();
    let mut lines: Vec<String> = certificates.iter().map(|one| pair(&one.pem, None)).collect();
    lines.extend(pairs.iter().map(|(key, one, _)| pair(&one.pem, Some(&key.pem))));
    // Inspection must return for every file, whatever it contains.
    lines.extend(sources.iter().map(|name| pair(&corpus.join(name), None)));
    let inspections = inspect(&lines);
    let (of_certificates, of_keys) = inspections.split_at(certificates.len());

    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (one, inspection) in certificates.iter().zip(of_certificates) {
        for what in inspection.differences(one.reference.as_ref()) {
            found.entry(&one.name).or_default().insert(what);
        }
    }
    for ((key, _, reference), inspection) in pairs.iter().zip(of_keys) {
        if let Some(what) = inspection.key_difference(key, reference) {
            found.entry(&key.name).or_default().insert(what);
        }
    }
    assert_listed(&found);

    let refused = certificates.iter().filter(|one| one.reference.is_none()).count();
    let own = pairs.iter().filter(|(key, _, reference)| is_own(key, reference)).count();
    let counts = [from_corpus, refused, with_key.len(), own, pairs.len()];
    println!(
        "certificates, of them refused, keys, keys beside their own certificate, beside any: \
         {counts:?}"
    );
    let expected = [500, 3, 100, 50, 5000];
    assert!(
        counts.iter().zip(expected).all(|(count, least)| *count >= least),
        "{counts:?} {expected:?}"
    );
}
