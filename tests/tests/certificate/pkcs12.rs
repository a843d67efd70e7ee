//! PKCS#12 files of many programs: what libcas uploads is what `openssl pkcs12 -nodes` reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::stub::Reply;
use acceptance::test_ca::{KINDS, TestCa};
use acceptance::{Emulator, Process, Program, Stub, compile, memory, run, sdk_python, top};

/// A file and its password.
struct File {
    path: PathBuf,
    password: Option<&'static str>,
}

/// The fields of each file, by its name, in the order of tests/fixtures/c/pkcs12.c.
type Reports = BTreeMap<String, Vec<(String, String)>>;

fn load(endpoint: &str, settings: &[(&str, &str)], files: &[File]) -> Reports {
    let lines: String = files
        .iter()
        .map(|File { path, password }| {
            let password = password.map(|password| format!("\t{password}")).unwrap_or_default();
            format!("{}\t{}{password}\n", name(path), path.display())
        })
        .collect();
    let program = Program::new(compile("tests/fixtures/c/pkcs12.c", &[])).arg(endpoint);
    let outcome = program.envs(settings).run_with(&lines);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{}", outcome.stdout);
    let (mut reports, mut fields) = (Reports::new(), Vec::new());
    for line in outcome.stdout.lines() {
        let (field, value) = line.split_once('=').unwrap();
        if field == "file" {
            reports.insert(value.to_owned(), std::mem::take(&mut fields));
        } else if field != "end" {
            fields.push((field.to_owned(), value.to_owned()));
        }
    }
    assert_eq!(reports.len(), files.len());
    reports
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

/// What one file ends with: the message and the hint.
fn refusal(path: &Path, password: Option<&'static str>) -> (String, String) {
    let file = File { path: path.to_owned(), password };
    let report = load("http://127.0.0.1:1", &[], &[file]).into_values().next().unwrap();
    let [status, message, hint] = &report[..] else { panic!("{report:?}") };
    assert_eq!(status.1, "CAS_ERR_CERTIFICATE", "{report:?}");
    let shown = format!("The file \"{}\" ", path.display());
    let message = message.1.strip_prefix(&shown).unwrap_or_else(|| panic!("{message:?}"));
    assert!(!hint.1.is_empty());
    (message.to_owned(), hint.1.clone())
}

/// The blocks of PEM with this label.
fn blocks(pem: &str, label: &str) -> BTreeSet<String> {
    let (begin, end) = (format!("-----BEGIN {label}-----\n"), format!("-----END {label}-----\n"));
    let bodies = pem.split(&begin).skip(1).map(|rest| rest.split(&end).next().unwrap().to_owned());
    bodies.collect()
}

/// The value of a field of a form.
fn form_field(body: &str, field: &str) -> String {
    let start = format!("{field}=");
    let value = body.split('&').find_map(|part| part.strip_prefix(&start)).unwrap();
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            b'+' => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

const PASSWORD: &str = "correct horse";
const CHINESE: &str = "密码🔑";

/// What openssl is told beside certificate, key and chain.
const OPENSSL: [(&str, &[&str], &str); 24] = [
    ("new", &[], PASSWORD),
    ("legacy", &["-legacy"], PASSWORD),
    ("empty", &[], ""),
    ("empty-legacy", &["-legacy"], ""),
    ("chinese", &[], CHINESE),
    ("chinese-legacy", &["-legacy"], CHINESE),
    ("no-mac", &["-nomac"], PASSWORD),
    ("no-iterations", &["-noiter", "-nomaciter"], PASSWORD),
    ("many-iterations", &["-iter", "600000"], PASSWORD),
    ("named", &["-name", "我的网站", "-caname", "CA"], PASSWORD),
    // As Windows and IIS write it.
    ("windows", &["-legacy", "-CSP", "Microsoft Software Key Storage Provider"], PASSWORD),
    ("windows-usage", &["-legacy", "-keyex", "-LMK"], PASSWORD),
    ("open-certificates", &["-certpbe", "NONE"], PASSWORD),
    ("open-key", &["-keypbe", "NONE"], PASSWORD),
    ("open", &["-certpbe", "NONE", "-keypbe", "NONE", "-nomac"], PASSWORD),
    ("aes-128", &["-certpbe", "AES-128-CBC", "-keypbe", "AES-128-CBC"], PASSWORD),
    ("aes-192", &["-certpbe", "AES-192-CBC", "-keypbe", "AES-192-CBC"], PASSWORD),
    ("3des-2", &["-certpbe", "DES-EDE3-CBC", "-keypbe", "DES-EDE3-CBC"], PASSWORD),
    ("3des", &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-2DES"], PASSWORD),
    ("rc2", &["-legacy", "-certpbe", "PBE-SHA1-RC2-128", "-keypbe", "PBE-SHA1-RC2-40"], PASSWORD),
    ("mac-sha1", &["-macalg", "sha1"], PASSWORD),
    ("mac-sha384", &["-macalg", "sha384"], PASSWORD),
    ("mac-sha512", &["-macalg", "sha512"], PASSWORD),
    ("with-root", &["-certfile", "cas.pem"], PASSWORD),
];

fn export(ca: &TestCa, name: &str, options: &[&str], password: &str) -> PathBuf {
    let (file, password) = (format!("{name}.pfx"), format!("pass:{password}"));
    let basic = ["pkcs12", "-export", "-in", "EC-P256-good.pem", "-inkey", "EC-P256.key"];
    let chain: &[&str] =
        if options.contains(&"-certfile") { &[] } else { &["-certfile", "intermediate.pem"] };
    ca.openssl(&[&basic, chain, options, &["-passout", &password, "-out", &file]].concat());
    ca.0.join(file)
}

/// What Python's package `cryptography` writes.
const PYTHON: &str = r#"
import hashlib
import hmac
import sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption, NoEncryption, PrivateFormat, load_pem_private_key, pkcs12)

password = sys.argv[1].encode()
key = load_pem_private_key(open("EC-P256.key", "rb").read(), None)
leaf, *others = x509.load_pem_x509_certificates(open("chain.pem", "rb").read())
builder = PrivateFormat.PKCS12.encryption_builder()
old, new = pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC, pkcs12.PBES.PBESv2SHA256AndAES256CBC
for name, encryption in {
    "best": BestAvailableEncryption(password),
    "none": NoEncryption(),
    "old": builder.key_cert_algorithm(old).hmac_hash(hashes.SHA1()).build(password),
    "new": builder.key_cert_algorithm(new).hmac_hash(hashes.SHA256()).build(password),
}.items():
    with open(f"python-{name}.p12", "wb") as file:
        file.write(pkcs12.serialize_key_and_certificates(b"web", key, leaf, others, encryption))


# The MAC of RFC 9579, which OpenSSL 3.4 writes on request, for a file without one.
def tlv(tag, *parts):
    body = b"".join(parts)
    length = [len(body)] if len(body) < 128 else [0x82, *divmod(len(body), 256)]
    return bytes([tag, *length]) + body


password = sys.argv[2].encode()
safe = open("no-mac.pfx", "rb").read()[7:]
prf = tlv(0x30, bytes.fromhex("06082a864886f70d0209"))
derivation = tlv(0x30, bytes.fromhex("06092a864886f70d01050c"), tlv(
    0x30, tlv(4, b"salt"), tlv(2, b"\x08\x00"), tlv(2, b"\x20"), prf))
pbmac1 = tlv(0x30, bytes.fromhex("06092a864886f70d01050e"), tlv(0x30, derivation, prf))
mac_key = hashlib.pbkdf2_hmac("sha256", password, b"salt", 0x800, 32)
tag = hmac.digest(mac_key, safe[23:], "sha256")
mac = tlv(0x30, tlv(0x30, pbmac1, tlv(4, tag)), tlv(4, b"unused"), tlv(2, b"\x01"))
with open("python-pbmac1.p12", "wb") as file:
    file.write(tlv(0x30, tlv(2, b"\x03"), safe, mac))
"#;

#[test]
fn files_are_uploaded_as_openssl_reads_them() {
    let ca = TestCa::new("pkcs12");
    ca.make(&KINDS[3]);
    ca.write("cas.pem", ca.chain(&["root", "intermediate"]));
    let chain = ca.chain(&["EC-P256-good", "intermediate"]);
    ca.write("chain.pem", &chain);
    let mut files: Vec<File> = OPENSSL
        .iter()
        .map(|(name, options, password)| File {
            path: export(&ca, name, options, password),
            // An empty password is also none.
            password: Some(*password).filter(|password| !password.is_empty() || *name != "empty"),
        })
        .collect();
    run(Command::new(sdk_python()).args(["-c", PYTHON, CHINESE, PASSWORD]).current_dir(&ca.0));
    for (name, password) in [
        ("best", Some(CHINESE)),
        ("none", None),
        ("old", Some(CHINESE)),
        ("new", Some(CHINESE)),
        ("pbmac1", Some(PASSWORD)),
    ] {
        files.push(File { path: ca.0.join(format!("python-{name}.p12")), password });
    }

    // Each is a certificate that the service takes with its key, the second time the same.
    let emulator = Emulator::start(&[]);
    let reports = load(emulator.url(), &[], &files);
    for (file, fields) in &reports {
        let fields: Vec<&str> = fields.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, ["id", "outcome", "id", "outcome"], "{file}: {:?}", reports[file]);
    }
    let stored = emulator.certificates();
    assert_eq!(stored.len(), files.len());
    for certificate in stored {
        assert_eq!(certificate["cert_pem"], chain.as_str(), "{}", certificate["name"]);
    }

    // As it is in the file, where nothing is checked.
    for file in &files {
        let stub = Stub::start(vec![Reply::http("200 OK", "", r#"{"CertId":1,"RequestId":"R"}"#)]);
        let report = load(&stub.url(), &[("CAS_SKIP_CHECKS", "1")], std::slice::from_ref(file));
        let mut openssl = Command::new("openssl");
        openssl
            .args(["pkcs12", "-legacy", "-nodes", "-in"])
            .arg(&file.path)
            .args(["-passin", &format!("pass:{}", file.password.unwrap_or_default())])
            // OpenSSL 3.0 cannot verify it.
            .args(file.path.ends_with("python-pbmac1.p12").then_some("-nomacver"));
        let extracted = Process::start(&mut openssl).finish().stdout;
        let keys = blocks(&extracted, "PRIVATE KEY");
        assert_eq!(keys.len(), 1, "{}: {report:?}", file.path.display());
        let requests = stub.requests();
        assert_eq!(requests.len(), 2, "{}: {report:?}", file.path.display());
        for request in requests {
            let sent = ["Cert", "Key"].map(|field| form_field(&request.body, field));
            assert_eq!(blocks(&sent[0], "CERTIFICATE"), blocks(&extracted, "CERTIFICATE"));
            assert!(sent[0].starts_with(&ca.read("EC-P256-good.pem")), "the leaf is first");
            assert_eq!(blocks(&sent[1], "PRIVATE KEY"), keys);
        }
    }
}

#[test]
fn no_password_and_no_key_stay_in_memory() {
    let ca = TestCa::new("pkcs12-secret");
    ca.make(&KINDS[3]);
    let password = "canary-password-of-a-file";
    let in_utf16: String = password.chars().map(|c| format!("{c}\0")).collect();
    let key = ca.read("EC-P256.key");
    let key = key.lines().nth(1).unwrap();
    let emulator = Emulator::start(&[]);
    for (name, options) in [("new", &[][..]), ("legacy", &["-legacy"]), ("no-mac", &["-nomac"])] {
        let path = export(&ca, name, options, password);
        let program = Program::new(compile("tests/fixtures/c/pkcs12.c", &[])).arg(emulator.url());
        let mut process = program.start();
        assert!(process.write(&format!("{name}\t{}\t{password}\n", path.display())));
        let mut lines = std::iter::from_fn(|| process.line()).take_while(|line| line != "end=");
        assert!(lines.any(|line| line == "outcome=1"), "{name}");
        assert_eq!(lines.last(), Some(format!("file={name}")));
        let left = memory::of(&process);
        // The control: the search finds what is there.
        assert!(left.contains(emulator.url()), "the search finds nothing");
        for secret in [password, &in_utf16, key] {
            assert!(!left.contains(secret), "{name}: {secret:?}");
        }
    }
}

fn fixture(name: &str) -> PathBuf {
    top().join("tests/fixtures/data/pkcs12").join(name)
}

#[test]
fn files_of_programs_that_are_not_here_are_uploaded() {
    let files: Vec<File> = [
        ("keytool.p12", "test-only"),
        ("keytool-legacy.p12", "test-only"),
        // Trusted certificates of others are not part of the chain.
        ("keytool-trusted.p12", "test-only"),
        ("nss.p12", "test-only"),
        ("nss-chinese.p12", "密码"),
        ("gnutls.p12", "test-only"),
        ("gnutls-null.p12", ""),
        ("bouncy-castle.p12", "test-only"),
        ("bouncy-castle-empty.p12", ""),
        ("bouncy-castle-chinese.p12", "密码"),
    ]
    .into_iter()
    .map(|(name, password)| File { path: fixture(name), password: Some(password) })
    .collect();
    let emulator = Emulator::start(&[]);
    let reports = load(emulator.url(), &[], &files);
    let stored = emulator.certificates();
    assert_eq!(stored.len(), files.len(), "{reports:?}");
    for certificate in &stored {
        assert_eq!(certificate["cert_pem"], stored[0]["cert_pem"], "{}", certificate["name"]);
    }
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_do() {
    let ca = TestCa::new("pkcs12-refused");
    ca.make(&KINDS[3]);
    let good = export(&ca, "good", &[], PASSWORD);
    let says = |path: &Path, password, message: &str, hint: &str| {
        let (said, advice) = refusal(path, password);
        assert!(said.contains(message), "{said}, not {message}");
        assert!(advice.contains(hint), "{advice}, not {hint}");
        assert!(!said.contains("hunter2") && !advice.contains("hunter2"));
    };
    says(&good, Some("hunter2"), "was not exported with the password that was given", "UTF-8");
    says(&good, None, "has a password, and none was given", "Pass the password");
    // The password is right, and shows it.
    let mut damaged = fs::read(&good).unwrap();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let damaged = ca.write("damaged.pfx", damaged);
    says(&damaged, Some(PASSWORD), "its MAC does not match", "Copy the file again");
    let half = ca.write("half.pfx", &fs::read(&good).unwrap()[..middle]);
    says(&half, Some(PASSWORD), "is damaged or incomplete", "binary mode");
    for (algorithm, named) in [
        ("PBE-SHA1-RC4-128", "RC4 with 128 bits"),
        ("CAMELLIA-128-CBC", "the algorithm 1.2.392.200011.61.1.1.1.2"),
    ] {
        let path = export(&ca, algorithm, &["-legacy", "-keypbe", algorithm], PASSWORD);
        says(&path, Some(PASSWORD), &format!("uses {named}, which"), "openssl pkcs12");
    }
    let endless = [
        &b"\x30\x42\x02\x01\x03"[..],
        b"\x30\x0f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x02\x04\x00",
        b"\x30\x2c\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14",
        &[7; 20],
        b"\x04\x01\x00\x02\x04\x7f\xff\xff\xff",
    ]
    .concat();
    let endless = ca.write("endless.pfx", endless);
    says(&endless, Some(PASSWORD), "asks for more than 10000000 iterations", "Export it again");
    let no_key = ca.0.join("no-key.pfx");
    let password = format!("pass:{PASSWORD}");
    let out = ["-passout", &password, "-out", "no-key.pfx"];
    ca.openssl(&[&["pkcs12", "-export", "-nokeys", "-in", "intermediate.pem"], &out[..]].concat());
    says(&no_key, Some(PASSWORD), "contains no private key", "with its private key");
    let out = ["-passout", &password, "-out", "no-cert.pfx"];
    ca.openssl(&[&["pkcs12", "-export", "-nocerts", "-inkey", "root.key"], &out[..]].concat());
    says(&ca.0.join("no-cert.pfx"), Some(PASSWORD), "contains no certificate", "chain");
    says(&ca.0.join("root.pem"), None, "is PEM, not PKCS#12", "cas_request_load_cert_file");
    ca.openssl(&["x509", "-in", "root.pem", "-outform", "der", "-out", "root.der"]);
    says(&ca.0.join("root.der"), None, "is DER, but not PKCS#12", "openssl x509");
    says(&fixture("keystore.jks"), None, "is a Java keystore", "keytool -importkeystore");
    says(
        &fixture("keytool-two.p12"),
        Some("test-only"),
        "several certificates with a private key: \"web\", \"old\"",
        "a file of its own",
    );
    says(&fixture("../../c/check.h"), None, "is not PKCS#12", ".pfx");
    // The setters of PEM name this one.
    let report = acceptance::report("http://127.0.0.1:1", &[], "x", &good, ca.0.join("root.key"));
    report.run().assert_says("hint", &["cas_request_load_pkcs12_file", "openssl pkcs12"]);
}
