//! The files of the emulator's certificate authority.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use cas_emulator::{Emulator, StartError};

use crate::certificates::certificate;
use crate::client::{Call, Connection};
use crate::process::{Process, command, rejected};
use crate::tls_client::{connect, tcp};

fn start(directory: &Path) -> Result<Emulator, StartError> {
    Emulator::builder().tls_ca(directory).start()
}

/// Changes the files of a new authority, and returns why an emulator does not start with them.
fn refusal(change: impl FnOnce(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).unwrap();
    change(folder.path());
    let files = || ["ca.pem", "ca.key"].map(|name| fs::read(folder.path().join(name)).ok());
    let before = files();
    let error = start(folder.path()).err().unwrap().to_string();
    assert_eq!(files(), before, "nothing is overwritten");
    assert!(error.contains(folder.path().to_str().unwrap()), "{error}");
    assert!(!error.contains("PRIVATE") && !error.contains("BEGIN"), "{error}");
    error
}

#[test]
fn it_is_made_once_and_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("new/ca");
    let files =
        || ["ca.pem", "ca.key"].map(|name| fs::read_to_string(directory.join(name)).unwrap());
    start(&directory).unwrap();
    let made = files();
    let mode_of = |name| fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode_of("ca.key"), 0o600);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
    let emulator = start(&directory).unwrap();
    assert_eq!(files(), made);
    let call = Call::v2018("DescribeUserCertificateList").bytes();
    let ca_pem = emulator.ca_pem().unwrap();
    assert_eq!(connect(tcp(emulator.port()), "localhost", ca_pem).exchange(&call).status, 200);
    // Another authority has another name, so that a client can trust both.
    let other = start(&folder.path().join("other")).unwrap();
    let name = |pem: &str| {
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        pem.parse_x509().unwrap().subject().to_string()
    };
    assert_ne!(name(other.ca_pem().unwrap()), name(ca_pem));
}

#[test]
fn a_key_that_others_can_read_is_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().to_str().unwrap();
    start(folder.path()).unwrap();
    let said = || {
        let process = Process::start(&["--tls-ca", directory]);
        process.signal("-TERM");
        process.end().2
    };
    assert_eq!(said(), "");
    let key = folder.path().join("ca.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let warning = said();
    assert!(warning.contains(&format!("warning: {} has mode 644", key.display())), "{warning}");
}

#[test]
fn emulators_that_start_at_once_make_one() {
    let folder = tempfile::tempdir().unwrap();
    let pems: Vec<_> = thread::scope(|scope| {
        let start = || start(folder.path()).unwrap().ca_pem().unwrap().to_owned();
        let started: Vec<_> = (0..8).map(|_| scope.spawn(start)).collect();
        started.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(pems.iter().all(|pem| *pem == pems[0]));
}

#[test]
fn files_that_cannot_be_used_are_refused() {
    let remove =
        |name: &'static str| move |directory: &Path| fs::remove_file(directory.join(name)).unwrap();
    let write = |name: &'static str, text: String| {
        move |directory: &Path| fs::write(directory.join(name), text).unwrap()
    };
    let (cert, key) = certificate();
    let (ca, ca_key) = authority(0);
    let (expired, expired_key) = authority(-1);
    let own_expired = |directory: &Path| expire(directory);
    let both = |cert: String, key: String| {
        move |directory: &Path| {
            fs::write(directory.join("ca.pem"), cert).unwrap();
            fs::write(directory.join("ca.key"), key).unwrap();
        }
    };
    let says = |error: String, part: &str| assert!(error.contains(part), "{error}");
    says(refusal(remove("ca.pem")), "ca.pem is missing, but ca.key exists");
    says(refusal(remove("ca.key")), "ca.key is missing, but ca.pem exists");
    says(refusal(write("ca.key", String::new())), "ca.key is not a private key");
    says(refusal(write("ca.pem", "x".into())), "ca.pem is not a certificate");
    says(refusal(write("ca.pem", ca_key.clone())), "ca.pem is not a certificate");
    says(refusal(write("ca.key", key.clone())), "ca.key does not belong to ca.pem");
    says(refusal(both(cert, key)), "not the certificate of an authority");
    says(refusal(both(ca, ca_key)), "was not made by cas-emulator");
    says(refusal(both(expired, expired_key)), "was not made by cas-emulator");
    says(refusal(own_expired), "ca.pem has expired");
    says(
        refusal(|directory| {
            fs::remove_file(directory.join("ca.pem")).unwrap();
            fs::create_dir(directory.join("ca.pem")).unwrap();
        }),
        "failed to read ca.pem",
    );
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(start(&file).is_err(), "a file is no directory");
}

/// A certificate authority of another program, which is valid for another day or has expired.
fn authority(days: i64) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    (self_signed("another", &key, days), key.serialize_pem())
}

fn self_signed(name: &str, key: &rcgen::KeyPair, days: i64) -> String {
    let mut params = rcgen::CertificateParams::default();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, name);
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    params.not_before = (now - 3 * day).into();
    params.not_after = if days < 0 { now - day } else { now + day }.into();
    params.self_signed(key).unwrap().pem()
}

/// Makes the certificate of an authority one that has expired.
fn expire(directory: &Path) {
    let pem = fs::read_to_string(directory.join("ca.pem")).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let name = certificate.subject().iter_common_name().next().unwrap().as_str().unwrap();
    let key = fs::read_to_string(directory.join("ca.key")).unwrap();
    let key = rcgen::KeyPair::from_pem(&key).unwrap();
    fs::write(directory.join("ca.pem"), self_signed(name, &key, -1)).unwrap();
}

#[test]
fn the_option_and_its_variable_start_it() {
    let folder = tempfile::tempdir().unwrap();
    let (status, stderr) = rejected(&[
        "--tls-ca",
        "x",
        "--tls-cert",
        "x",
        "--tls-key",
        "x",
        "--listen",
        "127.0.0.1:0",
    ]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("cannot be used with"), "{stderr}");
    let mut command = command();
    command.env("CAS_EMULATOR_TLS_CA", folder.path());
    let process = Process::start_by(command, &[]);
    let ca_pem = fs::read_to_string(folder.path().join("ca.pem")).unwrap();
    let mut connection: Connection<_> = connect(tcp(process.port), "127.0.0.1", &ca_pem);
    assert_eq!(connection.exchange(b"GET /_emulator/health HTTP/1.1\r\n\r\n").status, 200);
    fs::remove_file(folder.path().join("ca.key")).unwrap();
    let (status, stderr) =
        rejected(&["--listen", "127.0.0.1:0", "--tls-ca", folder.path().to_str().unwrap()]);
    assert_eq!(status, Some(2));
    assert!(stderr.contains("ca.key is missing"), "{stderr}");
}
