//! The binary: options, first line, signals, data file, and what it must never write anywhere.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::client::{Call, Connection, Shape, certificate, control};

struct Process {
    child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    url: String,
    port: u16,
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cas-emulator"))
}

impl Process {
    fn start(options: &[&str]) -> Self {
        let mut command = command();
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.strip_prefix("cas-emulator listening on ").unwrap().trim_end().to_owned();
        let port = url.rsplit(':').next().unwrap().parse().unwrap();
        Self { child, stdout, url, port }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Exit status, the rest of stdout, stderr.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // For tests that fail half-way; harmless on a process that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn refused(options: &[&str]) -> (Option<i32>, String) {
    let Output { status, stderr, .. } =
        command().args(options).stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn sigterm_and_sigint_end_it_though_a_connection_is_idle() {
    for signal in ["-TERM", "-INT"] {
        let process = Process::start(&[]);
        assert_eq!(process.url, format!("http://127.0.0.1:{}", process.port));
        let mut idle = Connection::open(process.port);
        assert_eq!(idle.exchange(b"GET /_emulator/health HTTP/1.1\r\n\r\n").status, 200);
        let _silent = TcpStream::connect(("127.0.0.1", process.port)).unwrap();
        let before = Instant::now();
        process.signal(signal);
        assert!(idle.is_closed());
        assert_eq!(process.end(), (Some(0), String::new(), String::new()));
        assert!(before.elapsed() < Duration::from_secs(4), "it waited for the idle connection");
    }
}

#[test]
fn a_request_in_flight_is_answered_before_it_ends() {
    let process = Process::start(&[]);
    let (cert, key) = certificate();
    let (target, content_type, body) = Call::upload("in flight", &cert, &key).parts();
    let head = format!(
        "POST {target} HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut connection = Connection::open(process.port);
    connection.send(head.as_bytes());
    assert_eq!(connection.head(), "HTTP/1.1 100 Continue");
    process.signal("-TERM");
    // From here on nobody else is let in.
    while TcpStream::connect(("127.0.0.1", process.port)).is_ok() {
        std::thread::yield_now();
    }
    let answer = connection.exchange(body.as_bytes());
    assert_eq!((answer.cert_id(), answer.header("connection")), (1, Some("close")));
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn a_killed_process_has_lost_no_answered_upload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let options = ["--data", file.to_str().unwrap()];
    let (cert, key) = certificate();
    let mut process = Process::start(&options);
    let mut connection = Connection::open(process.port);
    for id in 1..=20 {
        let call = Call::upload(&format!("n{id}"), &cert, &key);
        assert_eq!(connection.exchange(&call.bytes()).cert_id(), id);
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();

    let process = Process::start(&options);
    let stored = control(process.port, "GET", "/_emulator/certificates").json();
    assert_eq!(stored.as_array().unwrap().len(), 20);
    assert_eq!(Call::upload("n20", &cert, &key).send(process.port).code(), "NameRepeat");
    assert_eq!(Call::upload("n21", &cert, &key).send(process.port).cert_id(), 21);
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn wrong_options_end_it_with_status_2_and_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = certificate();
    let (cert, other) = (file("cert", &cert), certificate().1);
    let (key, other) = (file("key", &key), file("other", &other));
    let cases: [(&[&str], &str); 14] = [
        (&["--listen", "0.0.0.0:0"], "not a loopback address"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--access-key", "nocolon-secret"], "--access-key takes ID:SECRET"),
        (&["--access-key", ":secret"], "empty part"),
        (&["--access-key", "a:s", "--sts", "a:s:t"], "given twice"),
        (&["--sts", "id:nocolon-secret"], "--sts takes ID:SECRET:TOKEN"),
        (&["--tls-cert", &cert], "--tls-key"),
        (&["--tls-cert", &cert, "--tls-key", &other], "cannot be used"),
        (&["--tls-cert", &key, "--tls-key", &cert], "not a private key in PEM"),
        (&["--clock-offset", "soon"], "--clock-offset"),
        (&["--fault", "{\"kind\":\"fall\"}"], "there is no kind \"fall\"; there are drop-before"),
        (&["--fault", "drop-after"], "a fault is given as JSON"),
        (&["--qps", "0"], "at least 1 call a second"),
        (&["--quota", "many"], "--quota"),
    ];
    for (options, sentence) in cases {
        let (status, stderr) = refused(options);
        assert_eq!(status, Some(2), "{options:?}: {stderr}");
        assert!(stderr.contains(sentence), "{options:?}: {stderr}");
        assert!(!stderr.contains("nocolon-secret"));
    }
    let text = file("text", "somebody's notes, which must not be written over by an emulator");
    let (status, stderr) = refused(&["--listen", "127.0.0.1:0", "--data", &text]);
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        format!("cas-emulator: {text} was not made by cas-emulator; it is left as it is\n")
    );
    assert!(std::fs::read_to_string(text).unwrap().starts_with("somebody's notes"));

    let taken = Process::start(&[]);
    let (status, stderr) = refused(&["--listen", &taken.url["http://".len()..]]);
    assert_eq!(status, Some(1));
    assert!(stderr.starts_with("cas-emulator: cannot listen on 127.0.0.1:"), "{stderr}");
}

#[test]
fn faults_limits_and_quotas_are_options() {
    let process = Process::start(&[
        "--fault",
        r#"{"action":"CreateUserCertificate","kind":"no-cert-id"}"#,
        "--fault",
        r#"[{"kind":"error","code":"First"},{"kind":"error","code":"Second"}]"#,
        "--quota",
        "1",
        "--qps",
        "1000000",
    ]);
    let (cert, key) = certificate();
    let upload = |name: &str| Call::upload(name, &cert, &key).send(process.port);
    assert_eq!(upload("a").json().get("CertId"), None);
    assert_eq!(
        [upload("b").code(), upload("b").code(), upload("b").code()],
        ["First", "Second", "InsufficientQuota"]
    );
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));

    let Output { status, stdout, .. } = command().arg("--help").output().unwrap();
    let help = String::from_utf8(stdout).unwrap();
    assert!(status.success());
    for option in ["--fault <JSON>", "--qps <N>", "--quota <N>"] {
        assert!(help.contains(option), "{help}");
    }
}

#[test]
fn remote_addresses_can_be_allowed() {
    let process = Process::start(&["--allow-remote", "--listen", "0.0.0.0:0"]);
    assert_eq!(process.url, format!("http://0.0.0.0:{}", process.port));
    assert_eq!(control(process.port, "GET", "/_emulator/health").status, 200);
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
}

fn contents(folder: &Path) -> Vec<u8> {
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap());
    files.flatten().collect()
}

#[test]
fn keys_secrets_and_tokens_appear_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let process = Process::start(&[
        "--data",
        file.to_str().unwrap(),
        "--access-key",
        "testid:canarysecret",
        "--sts",
        "STS.id:canarysecret2:canarytoken",
    ]);
    let port = process.port;
    let (cert, key) = certificate();
    let other = certificate().1;
    for shape in [Shape::GetQuery, Shape::PostForm, Shape::PostQueryAndForm, Shape::PostJsonSigned]
    {
        let upload = |key: &str| Call::upload(&format!("{shape:?}"), &cert, key).shape(shape);
        let sts = upload(&key).set("AccessKeyId", "STS.id").set("SecurityToken", "canarytoken");
        assert_eq!(sts.secret("canarysecret2").send(port).status, 200);
        assert_eq!(upload(&key).secret("canarysecret").send(port).code(), "NameRepeat");
        assert_eq!(upload(&other).secret("canarysecret").send(port).code(), "CertKeyNotMatch");
        assert_eq!(upload(&key).secret("wrong").send(port).code(), "SignatureDoesNotMatch");
        let astray = upload("k").set("Comment", &key).set(&key, "x").secret("canarysecret");
        assert_eq!(astray.send(port).code(), "PrivateKeyFormatError");
    }
    // Not even a request, with the key in what it is instead.
    Connection::open(port).exchange(format!("{}\r\n\r\n", key.replace('\n', " ")).as_bytes());

    let requests = control(port, "GET", "/_emulator/requests").body;
    let certificates = control(port, "GET", "/_emulator/certificates").body;
    let running = contents(folder.path());
    process.signal("-TERM");
    let (status, stdout, stderr) = process.end();
    assert_eq!((status, stdout.as_str(), stderr.as_str()), (Some(0), "", ""));

    let mut canaries = vec!["canarysecret".to_owned(), "canarytoken".to_owned()];
    for key in [&key, &other] {
        // A piece of the key without characters that an encoding would change.
        let line = key.lines().nth(1).unwrap();
        canaries.extend(
            line.split(['+', '/', '=']).filter(|piece| piece.len() >= 12).map(str::to_owned),
        );
    }
    assert!(canaries.len() >= 4, "too few pieces of the keys to look for");
    let stopped = contents(folder.path());
    let places: [&[u8]; 4] = [requests.as_bytes(), certificates.as_bytes(), &running, &stopped];
    for canary in canaries {
        for place in places {
            let found = place.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "a secret was kept");
        }
    }
}
