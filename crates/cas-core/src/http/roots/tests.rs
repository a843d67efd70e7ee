use rcgen::{CertificateParams, KeyPair};

use super::*;

/// A directory of the tests' own; it goes with them.
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

fn read_environment(
    file: Option<&str>,
    directories: &[&str],
) -> Result<LoadedRoots, TransportError> {
    let directories: Vec<_> = directories.iter().map(PathBuf::from).collect();
    super::read_environment(file.map(Path::new), &directories)
}

#[track_caller]
fn refused(roots: Result<LoadedRoots, TransportError>, parts: &[&str]) {
    let failure = roots.err().unwrap();
    assert!(failure.permanent && failure.hint.is_some());
    for part in parts {
        assert!(failure.message.contains(part), "{failure}");
    }
}

#[test]
fn what_is_built_in_serves_where_there_is_no_store() {
    let scratch = Scratch::new("no-store");
    let empty = scratch.directory("empty");
    let absent = scratch.path("absent");
    for (bundles, directories) in [
        (vec![], vec![]),
        (vec![absent.as_str()], vec![absent.as_str()]),
        (vec![], vec![empty.0.to_str().unwrap()]),
    ] {
        let roots = read_system(&bundles, &directories).unwrap();
        assert!(roots.store.len() > 100);
        let count = format!("no store; {} roots", roots.store.len());
        assert!(
            roots.shown.starts_with("the Mozilla roots built into libcas, as this machine has ")
        );
        assert!(roots.shown.ends_with(&count), "{}", roots.shown);
    }
}

#[test]
fn a_store_that_is_there_but_of_no_use_is_no_reason_for_a_wider_one() {
    let scratch = Scratch::new("no-use");
    let empty = scratch.write("empty.pem", "");
    let directory = scratch.directory("directory");
    let unreadable = directory.0.to_str().unwrap();
    refused(
        read_system(&[&empty], &[]),
        &["no trusted certificate authority", &empty, "no certificate"],
    );
    refused(read_system(&[unreadable], &[]), &[unreadable, "directory"]);
    refused(read_system(&[&empty, unreadable], &[]), &[&empty, unreadable]);
    let damaged = scratch.write("damaged.pem", &certificate().replace("MII", "MI"));
    refused(read_system(&[&damaged], &[]), &["none of its certificates can be read"]);
    let good = scratch.write("good.pem", &certificate());
    assert_eq!(
        read_system(&[&empty, &good], &[]).unwrap().shown,
        format!("the system's {good}; 1 root")
    );
}

#[test]
fn the_first_place_that_is_of_use_counts_alone() {
    let scratch = Scratch::new("first");
    let one = scratch.write("one.pem", &certificate());
    let two = scratch.write("two.pem", &[certificate(), certificate()].concat());
    let shown =
        |bundles: &[&str], directories: &[&str]| read_system(bundles, directories).unwrap().shown;
    assert_eq!(shown(&[&one, &two], &[]), format!("the system's {one}; 1 root"));
    assert_eq!(shown(&["/nonexistent", &two], &[]), format!("the system's {two}; 2 roots"));
    let all = scratch.0.to_str().unwrap();
    assert_eq!(shown(&[&one], &[all]), format!("the system's {one}; 1 root"));
    // Each once, under whatever names, and nothing of what stands beside them.
    std::os::unix::fs::symlink("two.pem", scratch.0.join("01234567.0")).unwrap();
    std::os::unix::fs::symlink("gone.pem", scratch.0.join("01234567.1")).unwrap();
    fs::copy(&one, scratch.0.join("copy.pem")).unwrap();
    scratch.write("README", "no certificate");
    scratch.directory("below").write("three.pem", &certificate());
    assert_eq!(shown(&[], &[all]), format!("the system's {all}; 3 roots"));
}

#[test]
fn what_the_environment_names_counts_alone() {
    let scratch = Scratch::new("environment");
    let file = scratch.write("file.pem", &certificate());
    let directory = scratch.directory("directory");
    directory.write("a.pem", &certificate());
    directory.write("b.pem", &fs::read_to_string(&file).unwrap());
    let directory = directory.0.to_str().unwrap();
    let empty = scratch.write("empty.pem", "");

    let by_file = read_environment(Some(&file), &[]).unwrap();
    assert_eq!(by_file.shown, format!("\"{file}\" (SSL_CERT_FILE); 1 root"));
    let both = read_environment(Some(&file), &[directory]).unwrap();
    let sources = format!("\"{file}\" (SSL_CERT_FILE) and \"{directory}\" (SSL_CERT_DIR)");
    assert_eq!(both.shown, format!("{sources}; 2 roots"));
    let partly = read_environment(None, &[directory, "/nonexistent"]).unwrap();
    for part in [", without \"/nonexistent\" (SSL_CERT_DIR): No such file", "; 2 roots"] {
        assert!(partly.shown.contains(part), "{}", partly.shown);
    }
    assert!(read_environment(Some(&file), &["/dev/null"]).is_ok());

    refused(
        read_environment(Some("/nonexistent"), &[]),
        &["\"/nonexistent\" (SSL_CERT_FILE): No such"],
    );
    refused(
        read_environment(Some(&empty), &[directory]),
        &["(SSL_CERT_FILE): it holds no certificate"],
    );
    refused(
        read_environment(None, &[&empty, "/nonexistent"]),
        &["Not a directory", "No such file"],
    );
    let nothing = scratch.directory("nothing");
    let nothing = nothing.0.to_str().unwrap();
    refused(
        read_environment(None, &[nothing]),
        &[nothing, "(SSL_CERT_DIR): it holds no certificate"],
    );
}

#[test]
fn variables_are_read_once_and_empty_ones_are_none() {
    let of = |file: &str, directories: &str| {
        RootStore::from_variables(|name| {
            Some(OsString::from(if name == "SSL_CERT_FILE" { file } else { directories }))
        })
    };
    assert!(matches!(of("", ""), RootStore::System));
    assert!(matches!(RootStore::from_variables(|_| None), RootStore::System));
    let RootStore::Environment { file, directories } = of("", "/a:/b") else { panic!() };
    assert_eq!((file, directories), (None, vec!["/a".into(), "/b".into()]));
    let RootStore::Environment { file, directories } = of("/f", "") else { panic!() };
    assert_eq!((file, directories), (Some("/f".into()), vec![]));
    // A list of nothing is no list of everything.
    let RootStore::Environment { file, directories } = of("", ":") else { panic!() };
    refused(super::read_environment(file.as_deref(), &directories), &["SSL_CERT_DIR"]);
}

#[test]
fn a_key_in_place_of_a_path_is_not_shown() {
    let key = format!("-----BEGIN PRIVATE KEY-----\n{}", "MC4CAQAwBQYDK2VwBCIEIA".repeat(4));
    for roots in [read_environment(Some(&key), &[]), read_environment(None, &[&key])] {
        let failure = roots.err().unwrap();
        assert!(!failure.message.contains("MC4C"), "{failure}");
    }
}
