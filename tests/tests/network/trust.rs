//! Whom the library trusts, and why it refuses whom it does not: uploads over TLS to the real
//! emulator, with certificates that openssl made for the purpose.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use acceptance::network::tls::OneVersion;
use acceptance::workshop::{CA, KINDS, LONG, New, Workshop};
use acceptance::{Cloud, Emulator, Outcome, chain, compile, report, scratch};

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

/// Root, intermediate and stranger, and servers' certificates that differ from a good one in one
/// respect each.
fn workshop() -> &'static Workshop {
    static WORKSHOP: OnceLock<Workshop> = OnceLock::new();
    WORKSHOP.get_or_init(|| {
        let workshop = Workshop::new("trust");
        workshop.key("server", KINDS[3].algorithm);
        workshop.key("ec", KINDS[3].algorithm);
        let many = "basicConstraints=critical,CA:FALSE
subjectAltName=DNS:a.example,DNS:b.example,DNS:*.c.example,IP:192.0.2.1,DNS:e.example,DNS:f.example,DNS:g.example
";
        let no_san = "basicConstraints=critical,CA:FALSE\n";
        let authority = format!("{CA}subjectAltName=IP:127.0.0.1\n");
        for new in [
            GOOD,
            New { name: "many", extensions: many, ..GOOD },
            New { name: "address", extensions: &format!("{no_san}subjectAltName=IP:127.0.0.1\n"), ..GOOD },
            New { name: "no-san", subject: "127.0.0.1", extensions: no_san, ..GOOD },
            New { name: "expired", valid: ["20200101000000Z", "20210101000000Z"], ..GOOD },
            New { name: "future", valid: ["20450101000000Z", LONG[1]], ..GOOD },
            New { name: "itself", issuer: "itself", ..GOOD },
            New { name: "itself-ca", issuer: "itself-ca", extensions: &authority, ..GOOD },
            New { name: "ca", extensions: &authority, ..GOOD },
            New { name: "for-clients", extensions: &format!("{SERVER}extendedKeyUsage=clientAuth\n"), ..GOOD },
            // Other CAs of the root's name.
            New { name: "root-again", subject: "root", key: "stranger", issuer: "root-again", extensions: CA, ..GOOD },
            New { name: "root-ec", subject: "root", key: "ec", issuer: "root-ec", extensions: CA, ..GOOD },
        ] {
            workshop.issue(new);
        }
        workshop
    })
}

fn file(name: &str) -> String {
    workshop().0.join(name).to_str().unwrap().to_owned()
}

/// A file of certificates one after another.
fn pem(names: &[&str]) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    workshop().write(&format!("served-{count}.pem"), workshop().chain(names))
}

fn key(name: &str) -> PathBuf {
    workshop().0.join(format!("{name}.key"))
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

    /// How many certificates it stored, as the same emulator says without TLS.
    fn stored(self) -> usize {
        self.emulator.stop();
        Emulator::start(&["--data", self.data.to_str().unwrap()]).certificates().len()
    }
}

fn upload(endpoint: &str, settings: &[(&str, &str)]) -> Outcome {
    report(endpoint, settings, "web", &chain().chain, &chain().key).run()
}

#[track_caller]
fn assert_says(outcome: &Outcome, message: &[&str], hint: &[&str]) {
    for (field, parts) in [("message", message), ("hint", hint)] {
        for part in parts {
            assert!(
                outcome.field(field).contains(part),
                "{field} without {part:?} in:\n{}",
                outcome.stdout
            );
        }
    }
}

/// Nothing was sent, and sending it again would not help.
#[track_caller]
fn assert_refused(outcome: &Outcome, message: &[&str], hint: &[&str]) {
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
fn a_private_ca_is_trusted_by_each_of_the_ways() {
    let served = Served::start(&["good", "intermediate"]);
    let root = workshop().read("root.pem");
    let hashed = directory("hashed", &[("root.pem", &root)]);
    workshop().openssl(&["rehash", &hashed]);
    let links =
        fs::read_dir(&hashed).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_symlink());
    assert_eq!(links.count(), 1);
    let other = directory("other", &[("stranger.pem", &workshop().read("stranger.pem"))]);
    let (both, partly) = (format!("{other}:{hashed}"), format!("/nonexistent:{hashed}"));
    let with_words =
        workshop().write("words.pem", format!("My own CA\n\n{root}\nand that is all\n"));
    let (root, stranger) = (file("root.pem"), file("stranger.pem"));
    for (settings, outcome) in [
        (vec![("CAS_CA_FILE", root.as_str())], "0"),
        (vec![("CAS_CA_FILE", with_words.to_str().unwrap())], "1"),
        (vec![("SSL_CERT_FILE", &root)], "1"),
        (vec![("SSL_CERT_DIR", &hashed)], "1"),
        (vec![("SSL_CERT_DIR", &both)], "1"),
        (vec![("SSL_CERT_DIR", &partly)], "1"),
        (vec![("SSL_CERT_FILE", &stranger), ("SSL_CERT_DIR", &hashed)], "1"),
        // A directory that is none, beside a file, says that the file alone counts.
        (vec![("SSL_CERT_FILE", &root), ("SSL_CERT_DIR", "/dev/null")], "1"),
        // The file that the program names is above what the environment names, be that useless or
        // wrong.
        (vec![("CAS_CA_FILE", &root), ("SSL_CERT_FILE", "/nonexistent")], "1"),
        (vec![("CAS_CA_FILE", &root), ("SSL_CERT_FILE", &stranger), ("SSL_CERT_DIR", &other)], "1"),
    ] {
        let uploaded = served.upload(&settings);
        uploaded.assert_fields(&[("status", "CAS_OK"), ("cert_id", "1"), ("outcome", outcome)]);
    }
    for settings in [
        vec![("CAS_CA_FILE", stranger.as_str()), ("SSL_CERT_FILE", root.as_str())],
        vec![("CAS_CA_FILE", &stranger), ("SSL_CERT_DIR", &hashed)],
        vec![("SSL_CERT_FILE", &stranger)],
        vec![("SSL_CERT_DIR", &other)],
    ] {
        assert_refused(&served.upload(&settings), &["issuer is not trusted"], &[]);
    }
    assert_eq!(served.stored(), 1);
}

#[test]
fn an_unknown_issuer_is_told_with_where_the_roots_came_from_and_how_many_they_are() {
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
    let both = workshop().write("both.pem", workshop().chain(&["stranger", "root-ec", "stranger"]));
    let both = both.to_str().unwrap();
    let other = directory("alone", &[("stranger.pem", &workshop().read("stranger.pem"))]);
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
    // Twice the same is one; here the chain is broken off as well.
    let alone = Served::start(&["good"]);
    let outcome = alone.upload(&[("CAS_CA_FILE", both)]);
    assert_eq!(number_of_roots(&outcome), 2);
    assert_eq!(served.stored() + alone.stored(), 0);
}

#[test]
fn what_the_environment_names_must_be_of_use_and_nothing_wider_stands_in() {
    let served = Served::start(&["good", "intermediate"]);
    let empty = workshop().write("empty.pem", "");
    let garbage = workshop().write("garbage.pem", "Here should have been a certificate.\n");
    let root = workshop().read("root.pem");
    let damaged = workshop().write("damaged.pem", root.replacen("MII", "M*I", 1));
    let cut = workshop().write("cut.pem", &root[..root.len() / 2]);
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
        (vec![("SSL_CERT_FILE", &nothing)], [&nothing, "Is a directory"]),
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
fn a_ca_file_of_no_use_is_found_when_the_client_is_made() {
    let root = workshop().read("root.pem");
    let key = fs::read_to_string(key("server")).unwrap();
    for (content, says) in [
        (String::new(), "contains no certificate"),
        ("-----BEGIN CERTIFICATE-----\n".to_owned(), "contains no valid certificate"),
        (root.replacen("MII", "M*I", 1), "contains no valid certificate"),
        (key, "contains no certificate"),
    ] {
        let path = workshop().write("no-ca.pem", content);
        let path = path.to_str().unwrap();
        // Nobody listens there, and nobody is asked.
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
    for path in ["/nonexistent/ca.pem", workshop().0.to_str().unwrap()] {
        let outcome = upload("https://127.0.0.1:1", &[("CAS_CA_FILE", path)]);
        outcome.assert_fields(&[("status", "CAS_ERR_IO"), ("attempts", "0"), ("retryable", "0")]);
        assert_says(&outcome, &["Failed to read the CA file", path], &["path of a PEM file"]);
    }
}

#[test]
fn each_certificate_is_refused_with_its_own_sentence() {
    let (root, stranger) = (file("root.pem"), file("stranger.pem"));
    let (again, ec) = (file("root-again.pem"), file("root-ec.pem"));
    let (itself, itself_ca) = (file("itself.pem"), file("itself-ca.pem"));
    let several = "its subjectAltNames are \"a.example\", \"b.example\", \"*.c.example\", \"192.0.2.1\", \"e.example\" and 2 more";
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
            &[
                "signature algorithm that libcas does not support or that does not match the issuer's key",
            ],
            &["RSA", "SHA-256"],
        ),
        (
            &["good"],
            Some(&root),
            &[
                "its issuer is not trusted: \"intermediate\", whose certificate the server did not send",
            ],
            &[
                "If \"intermediate\" is an intermediate, configure the server to send its certificate",
            ],
        ),
        (
            &["for-clients", "intermediate"],
            Some(&root),
            &["its extended key usage does not allow server authentication"],
            &["serverAuth"],
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
    // What the hint says of one that signed itself is true.
    let server = Served::start(&["itself"]);
    server
        .upload(&[("CAS_CA_FILE", &itself)])
        .assert_fields(&[("status", "CAS_OK"), ("outcome", "0")]);
    // A name of the machine is no other than the one that was asked for.
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
fn tls_1_2_and_1_3_are_spoken_and_nothing_older() {
    let (root, served) = (file("root.pem"), pem(&["good", "intermediate"]));
    let trusted = [("CAS_CA_FILE", root.as_str())];
    let start = |version| OneVersion::start(version, Path::new(&served), &key("server"));
    for (name, shown) in [("TLSv1_2", "TLSv1.2"), ("TLSv1_3", "TLSv1.3")] {
        let mut server = start(name);
        upload(&server.url(), &trusted).assert_fields(&[("status", "CAS_OK"), ("cert_id", "7")]);
        assert_eq!(server.arrived(), format!("{shown} POST / HTTP/1.1"));
        // Whom nobody vouches for is refused in each.
        assert_refused(&upload(&server.url(), &[]), &["its issuer is not trusted"], &[]);
        assert!(server.arrived().starts_with("no request:"));
        assert_eq!(server.stop(), "");
    }
    for name in ["TLSv1", "TLSv1_1"] {
        let mut server = start(name);
        assert_refused(
            &upload(&server.url(), &trusted),
            &["the TLS handshake with 127.0.0.1", "does not support TLS 1.2 or newer"],
            &["older TLS versions are insecure"],
        );
        let arrived = server.arrived();
        assert!(
            arrived.starts_with("no request:") && arrived.to_lowercase().contains("protocol"),
            "{arrived}"
        );
        assert_eq!(server.stop(), "");
    }
}

/// Whatever comes, this is the answer; what came is returned.
fn answers(answer: Vec<u8>) -> (String, thread::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let came = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 5];
        stream.read_exact(&mut hello).unwrap();
        let mut body = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
        stream.read_exact(&mut body).unwrap();
        stream.write_all(&answer).unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        rest
    });
    (url, came)
}

#[test]
fn old_servers_and_ports_without_tls_are_told_apart() {
    // A server that never heard of supported versions and takes up 1.1, with
    // TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA.
    let hello = [&[2, 0, 0, 38, 3, 2][..], &[7; 32], &[0, 0xc0, 0x13, 0]].concat();
    let takes_up = [&[22, 3, 2, 0, 42][..], &hello].concat();
    let alert = |description: u8| vec![21, 3, 2, 0, 2, 2, description];
    for (answer, message, hint) in [
        (takes_up, "does not support TLS 1.2 or newer", "older TLS versions are insecure"),
        (alert(70), "does not support TLS 1.2 or newer", "older TLS versions are insecure"),
        (alert(40), "TLS 1.2 or newer, or no secure cipher suite", "TLS 1.3"),
        (alert(80), "InternalError", "speaks TLS 1.2"),
        (
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            "the response of the server is not TLS",
            "without TLS, use http://",
        ),
        (b"220 mail.example ESMTP\r\n".to_vec(), "the response of the server is not TLS", "port"),
    ] {
        let (url, came) = answers(answer);
        let outcome = upload(&url, &[("CAS_CA_FILE", &file("root.pem"))]);
        assert_refused(&outcome, &["the TLS handshake with 127.0.0.1", message], &[hint]);
        // An alert at most, which has seven bytes.
        assert!(came.join().unwrap().len() <= 7);
    }
}

#[test]
fn a_machine_without_a_store_trusts_the_roots_that_are_built_in() {
    let served = Served::start(&["good", "intermediate"]);
    let cloud = Cloud::start();
    let program = cloud.program(compile("tests/fixtures/c/report.c", &[])).without("SSL_CERT_FILE");
    let program = program.env("ELSEWHERE_NO_STORE", "1").env("CAS_ENDPOINT", served.emulator.url());
    let program = program.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    let program = program.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    let outcome = program.arg("web").arg(&chain().chain).arg(&chain().key).run();
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
