//! Which servers libcas trusts, and how it reports those that it does not: uploads over TLS to the
//! emulator, with certificates made by openssl.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::test_ca::{CA, KINDS, LONG, New, TestCa};
use acceptance::{Emulator, FakeCloud, Outcome, chain, compile, report, scratch};

const SERVER: &str = "basicConstraints=critical,CA:FALSE
subjectAltName=IP:127.0.0.1,DNS:localhost
";

const GOOD: New<'_> = New {
    name: "good",
    subject: "server",
    key: "server",
    issuer: "intermediate",
    extensions: SERVER,
    valid: LONG,
    hash: "sha256",
};

/// The CA, and server certificates that differ from a good one in one respect each.
fn ca() -> &'static TestCa {
    static SHARED: OnceLock<TestCa> = OnceLock::new();
    SHARED.get_or_init(|| {
        let ca = TestCa::new("trust");
        ca.key("server", KINDS[3].algorithm);
        ca.key("ec", KINDS[3].algorithm);
        ca.key("misused", KINDS[3].algorithm);
        ca.key("entity", KINDS[3].algorithm);
        ca.key("rsa1024", KINDS[1].algorithm);
        ca.key("p521", KINDS[5].algorithm);
        let many = "basicConstraints=critical,CA:FALSE
subjectAltName=DNS:a.example,DNS:b.example,DNS:*.c.example,IP:192.0.2.1,DNS:e.example,DNS:f,DNS:g
";
        let no_san = "basicConstraints=critical,CA:FALSE\n";
        let authority = format!("{CA}subjectAltName=IP:127.0.0.1\n");
        let address = format!("{no_san}subjectAltName=IP:127.0.0.1\n");
        let for_clients = format!("{SERVER}extendedKeyUsage=clientAuth\n");
        let root = New { subject: "root", extensions: CA, ..GOOD };
        let no_signing = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\n";
        let misused = New { subject: "misused", key: "misused", issuer: "root", ..GOOD };
        for new in [
            GOOD,
            New { name: "many", extensions: many, ..GOOD },
            New { name: "address", extensions: &address, ..GOOD },
            New { name: "no-san", subject: "127.0.0.1", extensions: no_san, ..GOOD },
            New { name: "expired", valid: ["20200101000000Z", "20210101000000Z"], ..GOOD },
            New { name: "future", valid: ["20450101000000Z", LONG[1]], ..GOOD },
            New { name: "itself", issuer: "itself", ..GOOD },
            New { name: "itself-ca", issuer: "itself-ca", extensions: &authority, ..GOOD },
            New { name: "ca", extensions: &authority, ..GOOD },
            New { name: "for-clients", extensions: &for_clients, ..GOOD },
            New { name: "misused", extensions: no_signing, ..misused },
            New { name: "by-misused", issuer: "misused", ..GOOD },
            New { name: "entity", subject: "entity", key: "entity", ..GOOD },
            New { name: "by-entity", issuer: "entity", ..GOOD },
            New { name: "rsa1024", key: "rsa1024", ..GOOD },
            New { name: "p521", key: "p521", ..GOOD },
            // Other CAs with the name of the root.
            New { name: "root-again", key: "stranger", issuer: "root-again", ..root },
            New { name: "root-ec", key: "ec", issuer: "root-ec", ..root },
        ] {
            ca.issue(new);
        }
        ca
    })
}

pub fn file(name: &str) -> String {
    ca().0.join(name).to_str().unwrap().to_owned()
}

/// A PEM file with these certificates.
pub fn pem(names: &[&str]) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    ca().write(&format!("served-{count}.pem"), ca().chain(names))
}

pub fn key(name: &str) -> PathBuf {
    ca().0.join(format!("{name}.key"))
}

/// An emulator over TLS, and the file in which it stores.
struct Served {
    emulator: Emulator,
    data: PathBuf,
}

impl Served {
    fn start(names: &[&str]) -> Self {
        let chain = pem(names);
        let data = chain.with_extension("db");
        let key = key("server");
        let [chain, key, file] = [&chain, &key, &data].map(|path| path.to_str().unwrap());
        let emulator = Emulator::start(&["--tls-cert", chain, "--tls-key", key, "--data", file]);
        Self { emulator, data }
    }

    fn upload(&self, settings: &[(&str, &str)]) -> Outcome {
        upload(self.emulator.url(), settings)
    }

    /// The number of certificates that it stored, read by an emulator without TLS.
    fn stored(self) -> usize {
        self.emulator.stop();
        Emulator::start(&["--data", self.data.to_str().unwrap()]).certificates().len()
    }
}

pub fn upload(endpoint: &str, settings: &[(&str, &str)]) -> Outcome {
    report(endpoint, settings, "web", &chain().chain, &chain().key).run()
}

#[track_caller]
fn assert_says(outcome: &Outcome, message: &[&str], hint: &[&str]) {
    outcome.assert_says("message", message);
    outcome.assert_says("hint", hint);
}

/// Checks that nothing was sent, and that a retry would not help.
#[track_caller]
pub fn assert_refused(outcome: &Outcome, message: &[&str], hint: &[&str]) {
    outcome.assert_fields(&[
        ("status", "CAS_ERR_NETWORK"),
        ("attempts", "1"),
        ("retryable", "0"),
        ("http_status", "0"),
        ("request_id", "(none)"),
    ]);
    assert_says(outcome, &["was not sent"], &[]);
    assert_says(outcome, message, hint);
}

/// The number before the last " root" in a message.
fn number_of_roots(outcome: &Outcome) -> usize {
    let (before, _) = outcome.field("message").rsplit_once(" root").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// A directory with these files.
fn directory(name: &str, files: &[(&str, &str)]) -> String {
    let path = scratch("trust-directories").join(name);
    fs::create_dir_all(&path).unwrap();
    for (name, content) in files {
        fs::write(path.join(name), content).unwrap();
    }
    path.to_str().unwrap().to_owned()
}

#[test]
fn each_setting_for_a_private_ca_makes_it_trusted() {
    let served = Served::start(&["good", "intermediate"]);
    let root = ca().read("root.pem");
    let hashed = directory("hashed", &[("root.pem", &root)]);
    ca().openssl(&["rehash", &hashed]);
    let links =
        fs::read_dir(&hashed).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_symlink());
    assert_eq!(links.count(), 1);
    let other = directory("other", &[("stranger.pem", &ca().read("stranger.pem"))]);
    let (both, partly) = (format!("{other}:{hashed}"), format!("/nonexistent:{hashed}"));
    let with_words = ca().write("words.pem", format!("My own CA\n\n{root}\nand that is all\n"));
    let marked = ca().write("marked.pem", format!("\u{feff}{root}"));
    let old = ca().write("old-label.pem", root.replace(" CERTIFICATE", " X509 CERTIFICATE"));
    let trusted = |name: &str, purposes: &[&str]| {
        let out = ["x509", "-in", "root.pem", "-trustout", "-out", name];
        ca().openssl(&[&out[..], purposes].concat());
        assert!(ca().read(name).contains("TRUSTED CERTIFICATE"));
        file(name)
    };
    let for_servers = trusted("for-servers.pem", &["-addtrust", "serverAuth"]);
    let named = trusted("named.pem", &["-setalias", "own", "-addreject", "emailProtection"]);
    let for_mail = trusted("for-mail.pem", &["-addtrust", "emailProtection"]);
    let rejected = trusted("rejected.pem", &["-addreject", "serverAuth"]);
    let (root, stranger) = (file("root.pem"), file("stranger.pem"));
    for (settings, outcome) in [
        (vec![("CAS_CA_FILE", root.as_str())], "0"),
        (vec![("CAS_CA_FILE", marked.to_str().unwrap())], "1"),
        (vec![("CAS_CA_FILE", old.to_str().unwrap())], "1"),
        (vec![("SSL_CERT_FILE", &for_servers)], "1"),
        (vec![("CAS_CA_FILE", &named)], "1"),
        (vec![("CAS_CA_FILE", with_words.to_str().unwrap())], "1"),
        (vec![("SSL_CERT_FILE", &root)], "1"),
        (vec![("SSL_CERT_DIR", &hashed)], "1"),
        (vec![("SSL_CERT_DIR", &both)], "1"),
        (vec![("SSL_CERT_DIR", &partly)], "1"),
        (vec![("SSL_CERT_FILE", &stranger), ("SSL_CERT_DIR", &hashed)], "1"),
        // An invalid directory beside a file is ignored.
        (vec![("SSL_CERT_FILE", &root), ("SSL_CERT_DIR", "/dev/null")], "1"),
        // A configured file takes precedence over the environment.
        (vec![("CAS_CA_FILE", &root), ("SSL_CERT_FILE", "/nonexistent")], "1"),
        (vec![("CAS_CA_FILE", &root), ("SSL_CERT_FILE", &stranger), ("SSL_CERT_DIR", &other)], "1"),
    ] {
        let uploaded = served.upload(&settings);
        uploaded.assert_fields(&[
            ("status", "CAS_OK"),
            ("cert_id", "10000000"),
            ("outcome", outcome),
        ]);
    }
    for settings in [
        vec![("CAS_CA_FILE", stranger.as_str()), ("SSL_CERT_FILE", root.as_str())],
        vec![("CAS_CA_FILE", &stranger), ("SSL_CERT_DIR", &hashed)],
        vec![("SSL_CERT_FILE", &stranger)],
        vec![("SSL_CERT_DIR", &other)],
    ] {
        assert_refused(&served.upload(&settings), &["issuer is not trusted"], &[]);
    }
    for not_for_servers in [&for_mail, &rejected] {
        let settings = [("SSL_CERT_FILE", not_for_servers.as_str())];
        assert_refused(&served.upload(&settings), &["contains no valid certificate"], &[]);
    }
    assert_eq!(served.stored(), 1);
}

#[test]
fn the_error_for_an_unknown_issuer_names_the_source_and_number_of_roots() {
    let served = Served::start(&["good", "intermediate"]);
    let of_system = served.upload(&[]);
    assert_refused(
        &of_system,
        &["its issuer is not trusted", "ends at \"root\"", "(trusted: the system's /"],
        &["private CA", "SSL_CERT_FILE or cas_config_set_ca_file"],
    );
    let (_, bundle) = of_system.field("message").split_once("the system's ").unwrap();
    let (bundle, _) = bundle.split_once(';').unwrap();
    let blocks = fs::read_to_string(bundle).unwrap().matches("-----BEGIN CERTIFICATE-----").count();
    let roots = number_of_roots(&of_system);
    assert!(roots <= blocks && roots * 10 >= blocks * 9, "{roots} of {blocks}");
    assert_eq!(
        of_system.field("message"),
        served.upload(&[("SSL_CERT_FILE", "")]).field("message")
    );

    let stranger = file("stranger.pem");
    let both = ca().write("both.pem", ca().chain(&["stranger", "root-ec", "stranger"]));
    let both = both.to_str().unwrap();
    let other = directory("alone", &[("stranger.pem", &ca().read("stranger.pem"))]);
    let partly = format!("{other}:/nonexistent");
    for (settings, source, hint) in [
        (
            ("CAS_CA_FILE", stranger.as_str()),
            format!("(trusted: the CA file \"{stranger}\"; 1 root)"),
            "CA file",
        ),
        (
            ("SSL_CERT_FILE", &stranger),
            format!("(trusted: \"{stranger}\" (SSL_CERT_FILE); 1 root)"),
            "SSL_CERT_FILE",
        ),
        (
            ("SSL_CERT_DIR", &other),
            format!("(trusted: \"{other}\" (SSL_CERT_DIR); 1 root)"),
            "SSL_CERT_DIR",
        ),
        (
            ("SSL_CERT_DIR", &partly),
            "without \"/nonexistent\" (SSL_CERT_DIR): No such".to_owned(),
            "SSL_CERT_DIR",
        ),
    ] {
        assert_refused(
            &served.upload(&[settings]),
            &["its issuer is not trusted: the server's chain ends at \"root\"", &source],
            &["private CA", "inspecting proxy", hint],
        );
    }
    // Duplicates count once; this chain is incomplete as well.
    let alone = Served::start(&["good"]);
    let outcome = alone.upload(&[("CAS_CA_FILE", both)]);
    assert_eq!(number_of_roots(&outcome), 2);
    assert_eq!(served.stored() + alone.stored(), 0);
}

#[test]
fn an_unusable_store_in_the_environment_fails_without_a_fallback() {
    let served = Served::start(&["good", "intermediate"]);
    let empty = ca().write("empty.pem", "");
    let garbage = ca().write("garbage.pem", "Here should have been a certificate.\n");
    let root = ca().read("root.pem");
    let damaged = ca().write("damaged.pem", root.replacen("MII", "M*I", 1));
    let cut = ca().write("cut.pem", &root[..root.len() / 2]);
    let [empty, garbage, damaged, cut] =
        [&empty, &garbage, &damaged, &cut].map(|path| path.to_str().unwrap());
    let nothing = directory("nothing", &[]);
    let words = directory("words", &[("README", "no certificate"), ("broken.pem", &root[..100])]);
    let two = format!("{nothing}:/nonexistent");
    let hashed = directory("of-use", &[("root.pem", &root)]);
    for (settings, parts) in [
        (
            vec![("SSL_CERT_FILE", "/nonexistent/roots.pem")],
            ["/nonexistent/roots.pem", "No such file"],
        ),
        (vec![("SSL_CERT_FILE", empty)], [empty, "contains no certificate"]),
        (vec![("SSL_CERT_FILE", garbage)], [garbage, "contains no certificate"]),
        (vec![("SSL_CERT_FILE", damaged)], [damaged, "contains no valid certificate"]),
        (vec![("SSL_CERT_FILE", cut)], [cut, "contains no valid certificate"]),
        (vec![("SSL_CERT_FILE", &nothing)], [&nothing, "it is a directory"]),
        (
            vec![("SSL_CERT_FILE", empty), ("SSL_CERT_DIR", &hashed)],
            [empty, "contains no certificate"],
        ),
        (vec![("SSL_CERT_DIR", "/nonexistent")], ["/nonexistent", "No such file"]),
        (vec![("SSL_CERT_DIR", &nothing)], [&nothing, "contains no certificate"]),
        (vec![("SSL_CERT_DIR", &words)], [&words, "contains no certificate"]),
        (vec![("SSL_CERT_DIR", &two)], ["contains no certificate; ", "No such file"]),
        (vec![("SSL_CERT_DIR", ":")], ["(SSL_CERT_DIR)", "No such file"]),
    ] {
        let outcome = served.upload(&settings);
        let variable = settings[0].0;
        assert_refused(
            &outcome,
            &["failed to load root certificates", &format!("({variable})")],
            &[variable],
        );
        assert_says(&outcome, &parts, &["libcas uses no other roots"]);
    }
    assert_eq!(served.stored(), 0);
}

#[test]
fn an_unusable_ca_file_fails_the_creation_of_the_client() {
    let root = ca().read("root.pem");
    let key = fs::read_to_string(key("server")).unwrap();
    for (content, says) in [
        (String::new(), "contains no certificate"),
        ("-----BEGIN CERTIFICATE-----\n".to_owned(), "contains no valid certificate"),
        (root.replacen("MII", "M*I", 1), "contains no valid certificate"),
        (key, "contains no certificate"),
    ] {
        let path = ca().write("no-ca.pem", content);
        let path = path.to_str().unwrap();
        // The port is closed, and nothing connects to it.
        let outcome = upload(
            "https://127.0.0.1:1",
            &[("CAS_CA_FILE", path), ("SSL_CERT_FILE", &file("root.pem"))],
        );
        outcome.assert_fields(&[
            ("status", "CAS_ERR_INVALID_ARGUMENT"),
            ("attempts", "0"),
            ("retryable", "0"),
        ]);
        assert_says(&outcome, &["The CA file", path, says], &["-----BEGIN CERTIFICATE-----"]);
    }
    for path in ["/nonexistent/ca.pem", ca().0.to_str().unwrap()] {
        let outcome = upload("https://127.0.0.1:1", &[("CAS_CA_FILE", path)]);
        outcome.assert_fields(&[("status", "CAS_ERR_IO"), ("attempts", "0"), ("retryable", "0")]);
        assert_says(&outcome, &["Failed to read the CA file", path], &["path of a PEM file"]);
    }
}

#[test]
fn each_reason_to_reject_a_certificate_has_its_own_message() {
    let (root, stranger) = (file("root.pem"), file("stranger.pem"));
    let (again, ec) = (file("root-again.pem"), file("root-ec.pem"));
    let (itself, itself_ca) = (file("itself.pem"), file("itself-ca.pem"));
    let several = "its subjectAltNames are \"a.example\", \"b.example\", \"*.c.example\", \
                   \"192.0.2.1\", \"e.example\" and 2 more";
    let another = "it is not valid for \"127.0.0.1\"";
    let itself_says = "it is self-signed and not trusted";
    let authority_says = "it is a self-signed CA certificate, not a server certificate";
    for (served, trusted, message, hint) in [
        (
            &["many", "intermediate"][..],
            Some(&root),
            &[another, several][..],
            &["endpoint", "subjectAltName"][..],
        ),
        (
            &["no-san", "intermediate"],
            Some(&root),
            &[another, "it has no subjectAltName"],
            &["subjectAltName"],
        ),
        (
            &["expired", "intermediate"],
            Some(&root),
            &[
                "it or a certificate in its chain expired at 2021-01-01T00:00:00Z",
                "(the time is 20",
            ],
            &["clock", "renew"],
        ),
        (
            &["good", "old"],
            Some(&root),
            &["a certificate in its chain expired at 2021-01-01T00:00:00Z"],
            &["clock"],
        ),
        (
            &["future", "intermediate"],
            Some(&root),
            &["is not valid before 2045-01-01T00:00:00Z (the time is 20"],
            &["clock"],
        ),
        (&["itself"], None, &[itself_says, "the system's"], &["SSL_CERT_FILE", "inspecting proxy"]),
        (&["itself"], Some(&root), &[itself_says, "1 root"], &["CA file", "inspecting proxy"]),
        (&["itself-ca"], None, &[authority_says], &["CA:FALSE", "inspecting proxy"]),
        (&["itself-ca"], Some(&itself_ca), &[authority_says], &["CA:FALSE"]),
        (
            &["ca", "intermediate"],
            Some(&root),
            &["it is a CA certificate, not a server certificate"],
            &["CA:FALSE", "this CA signed"],
        ),
        (
            &["good", "intermediate"],
            Some(&stranger),
            &["its issuer is not trusted", "ends at \"root\""],
            &["private CA"],
        ),
        (
            &["good", "intermediate", "root"],
            Some(&stranger),
            &["its issuer is not trusted", "ends at \"root\""],
            &["private CA"],
        ),
        (
            &["good", "intermediate"],
            Some(&again),
            &["does not match the key of the issuer that it names", "1 root"],
            &["Another CA may have the same name"],
        ),
        (
            &["good", "intermediate"],
            Some(&ec),
            &["signature algorithm that libcas does not support or that does not match the \
                 issuer's key"],
            &["RSA", "SHA-256"],
        ),
        (
            &["good"],
            Some(&root),
            &["its issuer is not trusted: \"intermediate\", whose \
                 certificate the server did not send"],
            &["If \"intermediate\" is an intermediate, configure the server to \
                 send its certificate"],
        ),
        (
            &["for-clients", "intermediate"],
            Some(&root),
            &["its extended key usage does not allow server authentication"],
            &["serverAuth"],
        ),
        (
            &["by-misused", "misused"],
            Some(&root),
            &["the key usage of the intermediate \"misused\" does not allow it to sign"],
            &["keyCertSign"],
        ),
        (
            &["by-entity", "entity", "intermediate"],
            Some(&root),
            &["a certificate in its chain signed another one, but is not of a CA"],
            &["that libcas can verify"],
        ),
    ] {
        let server = Served::start(served);
        let trusted = trusted.map(|path| ("CAS_CA_FILE", path.as_str()));
        let outcome = server.upload(trusted.as_slice());
        let address = server.emulator.url().strip_prefix("https://").unwrap().to_owned();
        let sentence = format!("the TLS certificate of the server {address} was rejected: ");
        assert_refused(&outcome, &["\"web\"", &sentence], &[]);
        assert_refused(&outcome, message, hint);
        assert_eq!(server.stored(), 0, "{served:?}");
    }
    // The hint for a self-signed certificate is correct.
    let server = Served::start(&["itself"]);
    server
        .upload(&[("CAS_CA_FILE", &itself)])
        .assert_fields(&[("status", "CAS_OK"), ("outcome", "0")]);
    // Only the name of the endpoint counts, not another name of the machine.
    let server = Served::start(&["address", "intermediate"]);
    let by_name = server.emulator.url().replace("127.0.0.1", "localhost");
    let outcome = upload(&by_name, &[("CAS_CA_FILE", &root)]);
    assert_refused(
        &outcome,
        &["it is not valid for \"localhost\": its subjectAltNames are \"127.0.0.1\""],
        &["endpoint"],
    );
    assert_eq!(server.stored(), 0);
    let server = Served::start(&["good", "intermediate"]);
    let by_name = server.emulator.url().replace("127.0.0.1", "localhost");
    upload(&by_name, &[("CAS_CA_FILE", &root)]).assert_fields(&[("status", "CAS_OK")]);
}

#[test]
fn without_a_system_store_the_built_in_roots_are_trusted() {
    let served = Served::start(&["good", "intermediate"]);
    let cloud = FakeCloud::start();
    let program = cloud.program(compile("tests/fixtures/c/report.c", &[])).without("SSL_CERT_FILE");
    let program = program.env("REDIRECT_NO_STORE", "1").env("CAS_ENDPOINT", served.emulator.url());
    let program = program.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    let program = program.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    let outcome = program.arg("web").with_chain().run();
    assert_refused(
        &outcome,
        &[
            "its issuer is not trusted",
            "the Mozilla roots built into libcas, because the system has no root store",
        ],
        &["private CA", "SSL_CERT_FILE or cas_config_set_ca_file"],
    );
    assert!(number_of_roots(&outcome) > 100, "{}", outcome.stdout);
    assert_eq!(served.stored(), 0);
}
