//! Uploads with a marked key, secret and token that succeed or fail in every way: no part of them
//! appears anywhere but in the body of the request.

mod live;
mod sm2;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, chain, compile, other_chain, run, scratch};

const SECRET: &str = "canarySecret0123456789abcdefgh";
const TOKEN: &str = "canary+Token/0123456789ABCDEFGHIJKLMNOP==";

/// The marks: the secret, the token, every line of the key; plain and encoded once, twice and three
/// times.
fn marks() -> Vec<String> {
    let key = fs::read_to_string(&chain().key).unwrap();
    let lines = key.lines().filter(|line| !line.starts_with("-----")).flat_map(|line| {
        // Each line in pieces, so that half a line is found as well.
        line.as_bytes()
            .chunks(16)
            .filter(|piece| piece.len() >= 12)
            .map(|piece| String::from_utf8(piece.to_vec()).unwrap())
    });
    let mut marks: Vec<String> =
        [SECRET, TOKEN].into_iter().map(ToOwned::to_owned).chain(lines).collect();
    for times in 1..=3 {
        let encoded: Vec<_> =
            marks[..marks.len() / times].iter().map(|mark| encode(mark, times)).collect();
        marks.extend(encoded);
    }
    assert!(marks.len() > 200);
    marks
}

fn encode(text: &str, times: usize) -> String {
    (0..times).fold(text.to_owned(), |text, _| {
        text.bytes().fold(String::new(), |mut encoded, byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                encoded.push(char::from(byte));
            } else {
                write!(encoded, "%{byte:02X}").unwrap();
            }
            encoded
        })
    })
}

#[track_caller]
fn assert_clean(what: &str, text: &str) {
    for mark in marks() {
        assert!(!text.contains(&mark), "{what} holds {mark}:\n{text}");
    }
}

/// An upload with all logging turned on.
fn report(endpoint: &str, settings: &[(&str, &str)]) -> Outcome {
    report_files(endpoint, settings, &chain().chain, &chain().key)
}

fn report_files(endpoint: &str, settings: &[(&str, &str)], cert: &Path, key: &Path) -> Outcome {
    let mut program = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "canaryid")
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
        .env("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN)
        .env("CAS_ENDPOINT", endpoint)
        .env("CAS_LOG", "4")
        .env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "1");
    for (name, value) in settings {
        program = program.env(name, value);
    }
    let outcome = program.arg("canary").arg(cert).arg(key).run();
    assert!(outcome.stdout.contains("status="), "{}", outcome.stderr);
    assert_clean("the program's output", &outcome.stdout);
    assert_clean("the program's complaints", &outcome.stderr);
    outcome
}

#[test]
fn client_and_emulator_reveal_no_part_of_key_secret_or_token() {
    // With each signature.
    for signature in ["0", "1"] {
        shows_nothing(signature);
    }
}

fn shows_nothing(signature: &str) {
    let report_files = |endpoint: &str, settings: &[(&str, &str)], cert: &Path, key: &Path| {
        report_files(endpoint, &[settings, &[("CAS_SIGNATURE", signature)]].concat(), cert, key)
    };
    let report = |endpoint: &str, settings: &[(&str, &str)]| {
        report_files(endpoint, settings, &chain().chain, &chain().key)
    };
    let directory = scratch(&format!("canary-{signature}"));
    let data = directory.join("emulator.sqlite");
    let sts = format!("canaryid:{SECRET}:{TOKEN}");
    let emulator = Emulator::start(&["--sts", &sts, "--data", data.to_str().unwrap()]);
    assert_eq!(report(emulator.url(), &[]).field("status"), "CAS_OK");
    assert_eq!(report(emulator.url(), &[]).field("outcome"), "1");
    for (rule, status) in [("1", "CAS_ERR_NAME_TAKEN"), ("2", "CAS_OK"), ("3", "CAS_OK")] {
        assert_eq!(report(emulator.url(), &[("CAS_ON_CONFLICT", rule)]).field("status"), status);
    }
    let other = report_files(emulator.url(), &[], &other_chain().chain, &other_chain().key);
    assert_eq!(other.field("status"), "CAS_ERR_NAME_TAKEN");
    // After a lost response libcas reads the details, which contain the key.
    for (api, action) in [("1", "CreateUserCertificate"), ("2", "UploadUserCertificate")] {
        emulator.fault(&format!(r#"{{"action":"{action}","kind":"drop-after"}}"#));
        assert_eq!(report(emulator.url(), &[("CAS_API", api)]).field("status"), "CAS_OK");
    }
    let recorded = emulator.requests().len();
    let wrong = [("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "anotherSecretThanTheRightOne00")];
    assert_eq!(report(emulator.url(), &wrong).field("service_code"), "SignatureDoesNotMatch");
    let unknown = [("ALIBABA_CLOUD_ACCESS_KEY_ID", "unknownid")];
    assert_eq!(
        report(emulator.url(), &unknown).field("service_code"),
        "InvalidAccessKeyId.NotFound"
    );
    let swapped = report_files(emulator.url(), &[], &chain().key, &chain().chain);
    assert_eq!(swapped.field("status"), "CAS_ERR_CERTIFICATE");
    let both =
        report_files(emulator.url(), &[("CAS_SKIP_CHECKS", "1")], &chain().key, &chain().key);
    assert_eq!(both.field("status"), "CAS_ERR_SERVICE");

    assert_eq!(emulator.requests().len(), recorded + 3);
    assert_clean(
        "/_emulator/requests",
        &emulator.control("GET", "/_emulator/requests").to_string(),
    );
    assert_clean(
        "/_emulator/certificates",
        &emulator.control("GET", "/_emulator/certificates").to_string(),
    );
    assert_clean("what the emulator printed", &emulator.stop());
    let mut files = 0;
    for file in fs::read_dir(&directory).unwrap() {
        let path = file.unwrap().path();
        assert_clean(
            &path.display().to_string(),
            &String::from_utf8_lossy(&fs::read(&path).unwrap()),
        );
        files += 1;
    }
    assert!(files > 0, "the emulator kept nothing in {}", directory.display());
}

#[test]
fn an_echoed_request_is_redacted_in_every_form() {
    // The first upload shows the body; then stub servers echo it in every place.
    let stub = Stub::start(vec![Reply::http("200 OK", "", r#"{"CertId":1}"#)]);
    report(&stub.url(), &[]);
    let body = stub.requests().remove(0).body;
    let key = fs::read_to_string(&chain().key).unwrap();
    assert!(
        body.contains(&encode(&key, 1)) && body.contains(&encode(TOKEN, 1)),
        "the body is the place for it"
    );
    assert!(!body.contains(SECRET));

    let json = |text: &str| serde_json::Value::String(text.to_owned()).to_string();
    let glued: String = key.lines().map(|line| format!("XX{line}YY ")).collect();
    let echoes = [
        glued,
        body.clone(),
        encode(&body, 1),
        key.clone(),
        key.replace('\n', ""),
        format!("secret {SECRET} token {TOKEN}"),
    ];
    let check = |echo: &String| {
        let quoted = json(echo);
        let piece: String = echo.replace('\n', "").chars().skip(60).take(60).collect();
        for reply in [
            Reply::http(
                "400 Bad Request",
                "",
                &format!("{{\"Code\":\"SignatureDoesNotMatch\",\"Message\":{quoted}}}"),
            ),
            Reply::http(
                "400 Bad Request",
                "",
                &format!("{{\"Code\":\"Other\",\"Message\":{quoted}}}"),
            ),
            Reply::http(
                "400 Bad Request",
                "",
                &format!("{{\"Code\":{quoted},\"Message\":\"m\",\"RequestId\":{quoted}}}"),
            ),
            Reply::http(
                "400 Bad Request",
                "",
                &format!("<Error><Code>C</Code><Message><![CDATA[{echo}]]></Message></Error>"),
            ),
            Reply::http(
                "502 Bad Gateway",
                "",
                &format!("<html><title>{echo}</title>{echo}</html>"),
            ),
            Reply::http("502 Bad Gateway", "", echo),
            Reply::http("200 OK", "", &format!("{{\"CertId\":{quoted}")),
            Reply::http("200 OK", "", &format!("{{\"RequestId\":{quoted}}}")),
            Reply::http(
                "302 Found",
                &format!("Location: https://example/{}\r\n", encode(echo, 1)),
                "",
            ),
            Reply::http("200 OK", &format!("x-acs-request-id: {}\r\n", encode(echo, 1)), "{}"),
            Reply::http("200 OK", &format!("x-acs-request-id: {piece}\r\n"), "{}"),
            Reply::http(
                "400 Bad Request",
                "",
                &format!("{{\"Code\":\"C\",\"RequestId\":\"{piece}\"}}"),
            ),
            Reply::SendAndClose(echo.clone().into_bytes()),
        ] {
            let stub = Stub::start(vec![reply]);
            let settings = [("CAS_MAX_ATTEMPTS", "1"), ("CAS_TIMEOUT_MS", "1000")];
            let outcome = report(&stub.url(), &settings);
            assert_ne!(outcome.field("status"), "CAS_OK");
            for part in ["SignatureNonce", "Signature=", "Signature%3D", "Signature%253D"] {
                assert!(!outcome.stdout.contains(part), "{}", outcome.stdout);
            }
        }
    };
    // Most of them end in doubt, at the deadline.
    thread::scope(|scope| {
        for echo in &echoes {
            scope.spawn(|| check(echo));
        }
    });
}

#[test]
fn no_part_of_the_key_remains_in_memory() {
    let key = fs::read_to_string(&chain().key).unwrap();
    let line = key.lines().nth(5).unwrap();
    let backwards: String = line[..48].chars().rev().collect();
    let primes = prime_of(&chain().key);
    let emulator = Emulator::start(&[]);
    let throttled = Stub::start(vec![Reply::http(
        "400 Bad Request",
        "x-acs-retry-after: 1\r\n",
        r#"{"Code":"Throttling"}"#,
    )]);
    let page =
        Stub::start(vec![Reply::http("502 Bad Gateway", "", "<html><title>Proxy</title></html>")]);
    for (endpoint, secret, status) in [
        (emulator.url(), "testsecret", "CAS_OK"),
        // The second time libcas reads the details, which contain the key.
        (emulator.url(), "testsecret", "CAS_OK"),
        (emulator.url(), "another-secret", "CAS_ERR_SERVICE"),
        (&throttled.url(), "testsecret", "CAS_ERR_THROTTLED"),
        (&page.url(), "testsecret", "CAS_ERR_OUTCOME_UNKNOWN"),
        ("http://127.0.0.1:1", "testsecret", "CAS_ERR_NETWORK"),
    ] {
        let mut program = Program::new(compile("tests/fixtures/c/wiped.c", &[]))
            .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret)
            .env("SSL_CERT_FILE", &chain().root)
            .arg(endpoint)
            .with_chain()
            .arg(status)
            .arg(&backwards);
        for number in &primes {
            program = program.arg(number);
        }
        program.succeed();
    }
}

/// A piece of one prime of an RSA key in hexadecimal, in both byte orders.
fn prime_of(key: &Path) -> [String; 2] {
    let text = run(Command::new("openssl").args(["rsa", "-noout", "-text", "-in"]).arg(key));
    let (_, prime) = text.split_once("prime1:").unwrap();
    let (prime, _) = prime.split_once("prime2:").unwrap();
    let bytes: Vec<&str> =
        prime.split(|c: char| c == ':' || c.is_whitespace()).filter(|b| !b.is_empty()).collect();
    let piece = &bytes[bytes.len() - 64..bytes.len() - 32];
    [piece.concat(), piece.iter().rev().copied().collect()]
}

#[test]
fn errors_do_not_quote_a_key_passed_in_the_wrong_place() {
    let pem = fs::read_to_string(&chain().key).unwrap();
    let one_line: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    for key in [pem.as_str(), one_line.as_str()] {
        let path = Path::new(key);
        report_files("http://127.0.0.1:1", &[], path, path);
        report_files("http://127.0.0.1:1", &[], &chain().chain, path);
        report("http://127.0.0.1:1", &[("CAS_CA_FILE", key)]);
        report("http://127.0.0.1:1", &[("CAS_ENDPOINT", key)]);
        report("http://127.0.0.1:1", &[("CAS_REGION", key)]);
        let named = Program::new(compile("examples/c/upload.c", &[])).arg(key).with_chain().run();
        assert_clean("upload.c with a key as its name", &named.stderr);
        let emulator = Program::new(acceptance::artefact("cas-emulator"))
            .arg("--tls-cert")
            .arg(key)
            .arg("--tls-key")
            .arg(key)
            .run();
        assert_eq!(emulator.code, Some(2), "{}", emulator.stderr);
        assert_clean("the emulator's complaint", &emulator.stderr);
    }
    let named = Program::new(compile("examples/c/upload.c", &[]))
        .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", SECRET)
        .arg(SECRET)
        .with_chain()
        .arg("http://127.0.0.1:1")
        .run();
    assert!(
        named.stderr.contains("The certificate name contains the access key secret"),
        "{}",
        named.stderr
    );
    assert_clean("upload.c with the secret as its name", &named.stderr);
}

#[test]
fn network_failures_reveal_no_secret() {
    for (reply, timeout) in [(Reply::Nothing, "2000"), (Reply::SendAndClose(Vec::new()), "3000")] {
        let stub = Stub::start(vec![reply]);
        let outcome = report(&stub.url(), &[("CAS_TIMEOUT_MS", timeout)]);
        assert_eq!(outcome.field("status"), "CAS_ERR_OUTCOME_UNKNOWN");
    }
    report("http://127.0.0.1:1", &[("CAS_MAX_ATTEMPTS", "2")]);
    let key = chain().key.clone();
    report_files("http://127.0.0.1:1", &[], Path::new("/nonexistent"), &key);
}
