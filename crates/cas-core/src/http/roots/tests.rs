//! The locations of the root store, in directories made for the purpose.

use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};

use super::*;
use crate::base::env::Group;

/// A directory that is removed on drop.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("libcas-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    fn write(&self, name: &str, content: &str) -> String {
        fs::write(self.0.join(name), content).unwrap();
        self.path(name)
    }

    fn directory(&self, name: &str) -> Self {
        fs::create_dir_all(self.0.join(name)).unwrap();
        Self(self.0.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn certificate() -> String {
    let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn soon() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn load_system(bundles: &[&str], directories: &[&str]) -> Result<LoadedRoots, TransportError> {
    super::load_system(bundles, directories, false, &soon())
}

fn load_environment(
    file: Option<&str>,
    directories: &[&str],
) -> Result<LoadedRoots, TransportError> {
    let directories: Vec<_> = directories.iter().map(PathBuf::from).collect();
    super::load_environment(file.map(Path::new), &directories, &soon())
}

/// The roots fail to load, and the message contains `parts`.
#[track_caller]
fn assert_fails(roots: Result<LoadedRoots, TransportError>, parts: &[&str]) {
    let error = roots.err().unwrap();
    assert!(error.permanent && error.hint.is_some());
    assert!(error.message.starts_with("failed to load root certificates: "), "{error}");
    for part in parts {
        assert!(error.message.contains(part), "{error}");
    }
}

#[test]
fn built_in_roots_are_used_if_the_system_has_no_store() {
    let scratch = Scratch::new("no-store");
    let empty = scratch.directory("empty");
    let missing = scratch.path("missing");
    for (bundles, directories) in [
        (vec![], vec![]),
        (vec![missing.as_str()], vec![missing.as_str()]),
        (vec![], vec![empty.0.to_str().unwrap()]),
    ] {
        let roots = load_system(&bundles, &directories).unwrap();
        assert!(roots.store.len() > 100);
        let source = "the Mozilla roots built into libcas, because the system has no root store";
        assert_eq!(roots.description, format!("{source}; {} roots", roots.store.len()));
    }
}

#[test]
fn unusable_system_store_is_not_replaced_by_the_built_in_roots() {
    let scratch = Scratch::new("unusable");
    let empty = scratch.write("empty.pem", "");
    let directory = scratch.directory("directory");
    let unreadable = directory.0.to_str().unwrap();
    assert_fails(load_system(&[&empty], &[]), &[&empty, "contains no certificate"]);
    assert_fails(load_system(&[unreadable], &[]), &[unreadable, "directory"]);
    assert_fails(load_system(&[&empty, unreadable], &[]), &[&empty, unreadable]);
    let invalid = scratch.write("invalid.pem", &certificate().replace("MII", "MI"));
    assert_fails(load_system(&[&invalid], &[]), &["contains no valid certificate"]);
    let good = scratch.write("good.pem", &certificate());
    assert_eq!(
        load_system(&[&empty, &good], &[]).unwrap().description,
        format!("the system's {good}; 1 root")
    );
}

#[test]
fn invalid_certificates_next_to_valid_ones_are_ignored() {
    let scratch = Scratch::new("mixed");
    let invalid = certificate().replace("MII", "MI");
    let mixed = scratch
        .write("mixed.pem", &[&invalid, &certificate(), &invalid].map(String::as_str).concat());
    assert_eq!(
        RootStore::from_file(Path::new(&mixed)).unwrap().load(&soon()).unwrap().store.len(),
        1
    );
}

#[test]
fn every_spelling_of_a_certificate_is_read() {
    let plain = certificate();
    for label in ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"] {
        let labelled = plain.replace("CERTIFICATE", label);
        for text in [labelled.clone(), format!("{labelled}{}", certificate())] {
            let count = text.matches("BEGIN").count();
            assert_eq!(parse(text.as_bytes()).unwrap().len(), count, "{label}");
        }
    }
    // The byte order mark of a file, and of one that was joined to another.
    let marked = format!("\u{feff}{plain}\u{feff}{}", certificate());
    assert_eq!(parse(marked.as_bytes()).unwrap().len(), 2);
    let words = format!("\u{feff}A root\n{plain}");
    assert_eq!(parse(words.as_bytes()).unwrap().len(), 1);
    assert!(parse(plain.replace("CERTIFICATE", "NEW CERTIFICATE REQUEST").as_bytes()).is_err());
}

#[test]
fn first_usable_location_of_the_system_is_the_only_one() {
    let scratch = Scratch::new("first");
    let one = scratch.write("one.pem", &certificate());
    let two = scratch.write("two.pem", &[certificate(), certificate()].concat());
    let loaded = |bundles: &[&str], directories: &[&str]| {
        load_system(bundles, directories).unwrap().description
    };
    assert_eq!(loaded(&[&one, &two], &[]), format!("the system's {one}; 1 root"));
    assert_eq!(loaded(&["/nonexistent", &two], &[]), format!("the system's {two}; 2 roots"));
    let all = scratch.0.to_str().unwrap();
    assert_eq!(loaded(&[&one], &[all]), format!("the system's {one}; 1 root"));
    // Each root counts once, and files that hold none are ignored.
    std::os::unix::fs::symlink("two.pem", scratch.0.join("01234567.0")).unwrap();
    std::os::unix::fs::symlink("missing.pem", scratch.0.join("01234567.1")).unwrap();
    fs::copy(&one, scratch.0.join("copy.pem")).unwrap();
    scratch.write("README", "no certificate");
    let below = scratch.directory("below");
    below.write("three.pem", &certificate());
    assert_eq!(loaded(&[], &[all]), format!("the system's {all}; 3 roots"));
}

#[test]
fn subdirectories_are_not_read() {
    let scratch = Scratch::new("below");
    let below = scratch.directory("below");
    below.write("a.pem", &certificate());
    let all = scratch.0.to_str().unwrap();
    assert_fails(load_environment(None, &[all]), &["(SSL_CERT_DIR): contains no certificate"]);
}

#[test]
fn environment_replaces_the_system_store() {
    let scratch = Scratch::new("environment");
    let file = scratch.write("file.pem", &certificate());
    let directory = scratch.directory("directory");
    directory.write("a.pem", &certificate());
    directory.write("b.pem", &fs::read_to_string(&file).unwrap());
    let directory = directory.0.to_str().unwrap();
    let empty = scratch.write("empty.pem", "");

    let by_file = load_environment(Some(&file), &[]).unwrap();
    assert_eq!(by_file.description, format!("\"{file}\" (SSL_CERT_FILE); 1 root"));
    let both = load_environment(Some(&file), &[directory]).unwrap();
    let sources = format!("\"{file}\" (SSL_CERT_FILE) and \"{directory}\" (SSL_CERT_DIR)");
    assert_eq!(both.description, format!("{sources}; 2 roots"));
    let partly = load_environment(None, &[directory, "/nonexistent"]).unwrap();
    for part in [", without \"/nonexistent\" (SSL_CERT_DIR): No such file", "; 2 roots"] {
        assert!(partly.description.contains(part), "{}", partly.description);
    }
    assert!(load_environment(Some(&file), &["/dev/null"]).is_ok());

    let missing = load_environment(Some("/nonexistent"), &[]);
    assert_fails(missing, &["\"/nonexistent\" (SSL_CERT_FILE): No such"]);
    let no_file = load_environment(Some(&empty), &[directory]);
    assert_fails(no_file, &["(SSL_CERT_FILE): contains no certificate"]);
    let no_directory = load_environment(None, &[&empty, "/nonexistent"]);
    assert_fails(no_directory, &["Not a directory", "No such file"]);
    let nothing = scratch.directory("nothing");
    let nothing = nothing.0.to_str().unwrap();
    let no_certificate = load_environment(None, &[nothing]);
    assert_fails(no_certificate, &[nothing, "(SSL_CERT_DIR): contains no certificate"]);
}

#[test]
fn empty_variables_count_as_not_set() {
    let of = |file: &str, directories: &str| {
        let variables = [("SSL_CERT_FILE", file), ("SSL_CERT_DIR", directories)];
        RootStore::of_environment(&EnvSnapshot::from_iter(variables))
    };
    assert!(matches!(of("", ""), RootStore::System { ignores_environment: false }));
    let none = RootStore::of_environment(&EnvSnapshot::default());
    assert!(matches!(none, RootStore::System { ignores_environment: false }));
    let RootStore::Environment { file, directories } = of("", "/a:/b") else { panic!() };
    assert_eq!((file, directories), (None, vec!["/a".into(), "/b".into()]));
    let RootStore::Environment { file, directories } = of("/f", "") else { panic!() };
    assert_eq!((file, directories), (Some("/f".into()), vec![]));
    // An empty list of directories does not select the system's store.
    let RootStore::Environment { file, directories } = of("", ":") else { panic!() };
    assert_fails(
        super::load_environment(file.as_deref(), &directories, &soon()),
        &["SSL_CERT_DIR"],
    );
    let ignored = RootStore::of_environment(&EnvSnapshot::ignored(vec![Group::Roots]));
    assert!(matches!(ignored, RootStore::System { ignores_environment: true }));
}

#[test]
fn ca_file_is_read_when_the_store_is_made() {
    let scratch = Scratch::new("ca-file");
    let file = scratch.write("file.pem", &certificate());
    let store = RootStore::from_file(Path::new(&file)).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(store.load(&soon()).unwrap().description, format!("the CA file \"{file}\"; 1 root"));

    let empty = scratch.write("empty.pem", "");
    let error = RootStore::from_file(Path::new(&empty)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    assert_eq!(error.message(), format!("The CA file \"{empty}\" contains no certificate."));
    assert_eq!(RootStore::from_file(Path::new(&file)).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn private_key_in_place_of_a_path_is_not_quoted() {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}", "MC4CAQAwBQYDK2VwBCIEIA".repeat(4));
    for roots in [load_environment(Some(&key), &[]), load_environment(None, &[&key])] {
        let error = roots.err().unwrap();
        assert!(!error.message.contains("MC4C"), "{error}");
    }
}
