//! The program: options, first line, signals, data file, and secrets that it must never write.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::certificates::certificate;
use crate::client::{Call, Connection, Shape, control};
use crate::load::scale;

/// How long a process may run; in the long forms of tests, 20 times as long.
const LIMIT: Duration = Duration::from_secs(60);

/// How long stopping waits for busy connections.
const GRACE: Duration = Duration::from_secs(5);

/// Kills a process that runs for too long, so that a test that waits for it fails instead of
/// hanging.
struct Watchdog {
    _stop: Sender<()>,
}

impl Watchdog {
    fn new(child: &Child) -> Self {
        let pid = child.id().to_string();
        let (stop, stopped) = mpsc::channel::<()>();
        thread::spawn(move || {
            if stopped.recv_timeout(scale(LIMIT, 20 * LIMIT)) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-KILL", &pid]).status();
            }
        });
        Self { _stop: stop }
    }
}

pub(crate) struct Process {
    // Before `child`, so that a process that has been waited for is never killed.
    _watchdog: Watchdog,
    pub(crate) child: Child,
    stdout: BufReader<std::process::ChildStdout>,
    pub(crate) url: String,
    pub(crate) port: u16,
}

/// The program that `CAS_EMULATOR` names, or that of this build.
pub(crate) fn program() -> OsString {
    let built = env!("CARGO_BIN_EXE_cas-emulator");
    std::env::var_os("CAS_EMULATOR").unwrap_or_else(|| built.into())
}

pub(crate) fn command() -> Command {
    Command::new(program())
}

impl Process {
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_by(command(), options)
    }

    /// Starts it by a command that ends with the program, such as one with other limits.
    pub(crate) fn start_by(mut command: Command, options: &[&str]) -> Self {
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command.args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let watchdog = Watchdog::new(&child);
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.strip_prefix("cas-emulator listening on ").unwrap().trim_end().to_owned();
        let port = url.rsplit(':').next().unwrap().parse().unwrap_or(0); // a Unix socket has none
        Self { _watchdog: watchdog, child, stdout, url, port }
    }

    /// The number in a line of `/proc/PID/status`, such as `VmHWM` in KiB.
    pub(crate) fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_start_matches(':').split_whitespace().next().unwrap().parse().unwrap()
    }

    /// The processor time that it has spent, in the unit of the kernel.
    pub(crate) fn processor_time(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Ends it as the kernel does when memory runs out.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }

    /// Waits for the process to exit. Returns exit status, the rest of stdout, and stderr.
    pub(crate) fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut err) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), out, err)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // For tests that fail. Killing a process that has exited does nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn rejected(options: &[&str]) -> (Option<i32>, String) {
    let mut command = command();
    command.args(options).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let _watchdog = Watchdog::new(&child);
    let Output { status, stderr, .. } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

#[test]
fn sigterm_and_sigint_stop_it_while_connections_are_idle() {
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
        assert!(before.elapsed() < GRACE, "it waited for an idle connection");
    }
}

#[test]
fn a_request_in_flight_gets_its_response_before_it_exits() {
    let process = Process::start(&[]);
    let (cert, key) = certificate();
    let (target, content_type, body) = Call::create("in flight", &cert, &key).parts();
    let head = format!(
        "POST {target} HTTP/1.1\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\
         Expect: 100-continue\r\n\r\n",
        body.len()
    );
    let mut connection = Connection::open(process.port);
    connection.send(head.as_bytes());
    assert_eq!(connection.head(), "HTTP/1.1 100 Continue");
    process.signal("-TERM");
    // Wait until it accepts no more connections.
    let before = Instant::now();
    while TcpStream::connect(("127.0.0.1", process.port)).is_ok() {
        assert!(before.elapsed() < LIMIT, "it still accepts connections");
        thread::yield_now();
    }
    let response = connection.exchange(body.as_bytes());
    assert_eq!((response.cert_id(), response.header("connection")), (10_000_000, Some("close")));
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn a_killed_process_loses_no_completed_upload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let options = ["--data", file.to_str().unwrap()];
    let (cert, key) = certificate();
    let mut process = Process::start(&options);
    let mut connection = Connection::open(process.port);
    for id in 1..=20 {
        let call = Call::create(&format!("n{id}"), &cert, &key);
        assert_eq!(connection.exchange(&call.bytes()).cert_id(), 9_999_999 + id);
    }
    process.child.kill().unwrap();
    process.child.wait().unwrap();

    let process = Process::start(&options);
    let stored = control(process.port, "GET", "/_emulator/certificates").json();
    assert_eq!(stored.as_array().unwrap().len(), 20);
    assert_eq!(Call::create("n20", &cert, &key).send(process.port).code(), "NameRepeat");
    assert_eq!(Call::create("n21", &cert, &key).send(process.port).cert_id(), 10_000_020);
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
}

#[test]
fn invalid_options_exit_with_status_2_and_a_message() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert, key) = certificate();
    let (cert, other) = (file("cert", &cert), certificate().1);
    let (key, other) = (file("key", &key), file("other", &other));
    let cases: [(&[&str], &str); 21] = [
        (&["--tls-cert", "/nope", "--tls-key", &key], "/nope of --tls-cert: No such file"),
        (&["--tls-ca", &cert], "it is a file. Name a directory for ca.pem"),
        (&["--listen", "0.0.0.0:0"], "not a loopback address"),
        (&["--listen", "nowhere"], "--listen"),
        (&["--access-key", "nocolon-secret"], "--access-key: expected ID:SECRET"),
        (&["--access-key", ":secret"], "a part is empty"),
        (&["--access-key", "a:s", "--sts", "a:s:t"], "have the same ID"),
        (&["--sts", "id:nocolon-secret"], "--sts: expected ID:SECRET:TOKEN"),
        (&["--tls-cert", &cert], "--tls-key"),
        (&["--tls-cert", &cert, "--tls-key", &other], "cannot be used"),
        (&["--tls-cert", &key, "--tls-key", &cert], "must be a private key in PEM"),
        (&["--clock-offset", "soon"], "--clock-offset"),
        (&["--clock-offset", "99999999999"], "more than a century"),
        (&["--region", ""], "invalid region"),
        (&["--region", "cn hang/zhou\"<"], "invalid region"),
        (&["--access-key", "id", "nocolon-secret"], "unexpected argument: it is neither"),
        (&["id:nocolon-secret"], "unexpected argument: it is neither"),
        (&["--fault", "{\"kind\":\"fall\"}"], "unknown kind `fall`, expected one of drop-before"),
        (&["--fault", "drop-after"], "invalid fault: expected value at line 1 column 1"),
        (&["--qps", "0"], "must be at least 1"),
        (&["--quota", "many"], "--quota"),
    ];
    for (options, sentence) in cases {
        let (status, stderr) = rejected(options);
        assert_eq!(status, Some(2), "{options:?}: {stderr}");
        assert!(stderr.contains(sentence), "{options:?}: {stderr}");
        assert!(!stderr.contains("nocolon-secret"));
    }
    let text = file("text", "notes of a user, which the emulator must not overwrite");
    let (status, stderr) = rejected(&["--listen", "127.0.0.1:0", "--data", &text]);
    assert_eq!(status, Some(1));
    assert_eq!(
        stderr,
        format!("cas-emulator: {text} is not a cas-emulator database; it was not changed\n")
    );
    assert!(std::fs::read_to_string(text).unwrap().starts_with("notes of a user"));

    let taken = Process::start(&[]);
    let (status, stderr) = rejected(&["--listen", &taken.url["http://".len()..]]);
    assert_eq!(status, Some(1));
    assert!(stderr.starts_with("cas-emulator: failed to listen on 127.0.0.1:"), "{stderr}");
}

#[test]
fn faults_rate_limit_and_quota_are_options() {
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
    let upload = |name: &str| Call::create(name, &cert, &key).send(process.port);
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
fn allow_remote_allows_other_addresses() {
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
fn a_call_that_is_not_emulated_is_named_on_stderr() {
    let process = Process::start(&["--quiet"]);
    assert_eq!(Call::v2020("ListCert").send(process.port).status, 404);
    assert_eq!(Call::v2020("ListCerts").send(process.port).status, 404);
    process.signal("-TERM");
    let (status, _, stderr) = process.end();
    let line = "cas-emulator: ListCert of version 2020-04-07 is not emulated\n";
    assert_eq!((status, stderr.as_str()), (Some(0), line));
}

#[test]
fn options_come_from_the_environment_as_well() {
    let key = ("CAS_EMULATOR_ACCESS_KEY", "first:one\nsecond:two");
    let mut program = command();
    program.envs([key, ("CAS_EMULATOR_QUIET", "true")]);
    let process = Process::start_by(program, &[]);
    for (id, secret) in [("first", "one"), ("second", "two")] {
        let call = Call::v2018("DescribeUserCertificateList").set("AccessKeyId", id);
        let call = call.set("CurrentPage", "1").set("ShowSize", "10").secret(secret);
        assert_eq!(call.send(process.port).status, 200, "{id}");
    }
    let health = |listen: &str| {
        let mut check = command();
        check.arg("--check-health").env("CAS_EMULATOR_LISTEN", listen);
        check.output().unwrap()
    };
    let well = health(&format!("0.0.0.0:{}", process.port));
    assert_eq!((well.status.code(), well.stderr.as_slice()), (Some(0), &b""[..]));
    process.signal("-TERM");
    assert_eq!(process.end(), (Some(0), String::new(), String::new()));
    let nobody = health("127.0.0.1:1");
    assert_eq!(nobody.status.code(), Some(1));
    assert!(nobody.stderr.starts_with(b"cas-emulator: not healthy: "));
}

#[test]
fn mistakes_in_the_environment_are_named() {
    let mut program = command();
    program.env("CAS_EMULATOR_REGOIN", "secret").env("CAS_EMULATOR_QUIET", "True");
    program.env("CAS_EMULATOR_PORT", "tcp://10.0.0.1:8480").env("CAS_EMULATOR_UNLIKE", "secret");
    let process = Process::start_by(program, &[]);
    Call::v2018("DescribeUserCertificateList").send(process.port);
    process.signal("-TERM");
    let warning = "cas-emulator: warning: unknown environment variable";
    let expected = format!(
        "{warning} CAS_EMULATOR_REGOIN. Did you mean CAS_EMULATOR_REGION?\n\
         {warning} CAS_EMULATOR_UNLIKE\n"
    );
    assert_eq!(process.end().2, expected);
    for (name, value) in [
        ("CAS_EMULATOR_LISTEN", "nowhere"),
        ("CAS_EMULATOR_QPS", "many"),
        ("CAS_EMULATOR_QUIET", "perhaps"),
        ("CAS_EMULATOR_ACCESS_KEY", "nocolon-secret"),
        ("CAS_EMULATOR_CONTROL_ALLOW", "everyone"),
    ] {
        let output = command().env(name, value).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}: {stderr}");
        let option = name.replace("CAS_EMULATOR_", "--").replace('_', "-").to_lowercase();
        let first = stderr.lines().next().unwrap_or_default();
        assert!(first.contains(name) && !first.contains(&option), "{stderr}");
        assert!(!stderr.contains("nocolon-secret"), "{stderr}");
    }
}

#[test]
fn it_goes_on_if_nobody_reads_its_stderr() {
    let mut process = Process::start(&[]);
    let mut connection = Connection::open(process.port);
    for _ in 0..3_000 {
        let call = Call::v2018("DescribeUserCertificateList").shape(Shape::GetQuery);
        assert_eq!(connection.exchange(&call.bytes()).status, 200);
    }
    let mut lines = BufReader::new(process.child.stderr.take().unwrap()).lines();
    let told = lines.find_map(|line| Some(line.ok()?.strip_prefix("cas-emulator: ")?.to_owned()));
    assert!(told.is_some_and(|told| told.contains(" lines left out because ")));
}

#[test]
fn the_emulator_exits_with_its_parent() {
    // A shell that starts the emulator, prints its process ID and waits for a line.
    let script = r#""$0" --exit-with-parent --listen 127.0.0.1:0 & echo $!; read line"#;
    let mut shell = Command::new("sh")
        .args(["-c", script])
        .arg(program())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let _watchdog = Watchdog::new(&shell);
    let output = BufReader::new(shell.stdout.take().unwrap());
    let lines: Vec<String> = output.lines().take(2).map(Result::unwrap).collect();
    let emulator = lines.iter().find_map(|line| line.parse::<u32>().ok()).unwrap();
    let url = lines.iter().find(|line| line.contains("listening")).unwrap();
    let port = url.rsplit(':').next().unwrap().parse().unwrap_or(0); // a Unix socket has none
    assert_eq!(control(port, "GET", "/_emulator/health").status, 200);
    drop(shell.stdin.take());
    shell.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while Path::new(&format!("/proc/{emulator}")).exists() {
        assert!(Instant::now() < deadline, "it still runs");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_token_opens_the_control_interface() {
    let process = Process::start(&["--control-token", "the token", "--quiet"]);
    let ask = |head: &str| {
        let request = format!("GET /_emulator/requests HTTP/1.1\r\n{head}\r\n\r\n");
        Connection::open(process.port).exchange(request.as_bytes()).status
    };
    let host = "Host: emulator.example";
    assert_eq!(ask(host), 403);
    assert_eq!(ask(&format!("{host}\r\nAuthorization: Bearer the token")), 200);
    assert_eq!(ask(&format!("{host}\r\nAuthorization: Bearer the tokem")), 403);
    assert_eq!(ask(&format!("{host}\r\nAuthorization: bearer the token")), 200);
    let sentence = |head: &str| {
        let request = format!("GET /_emulator/requests HTTP/1.1\r\n{head}\r\n\r\n");
        Connection::open(process.port).exchange(request.as_bytes()).body
    };
    let wrong = sentence(&format!("{host}\r\nAuthorization: Bearer the tokem"));
    assert!(wrong.contains("is not that of --control-token. Send the value"), "{wrong}");
    assert!(!sentence(host).contains("is not that"));
    for (option, value) in [("--control-token", ""), ("--control-allow", "everyone")] {
        let output = command().args(["--listen", "127.0.0.1:0", option, value]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{option}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(option), "{said}");
    }
}

#[test]
fn each_call_is_a_line_on_stderr() {
    for (options, expected) in [
        (&[][..], Some("")),
        (&["--log", "json"], Some("{")),
        (&["--quiet"], None),
        (&["-q", "--log", "json"], None),
    ] {
        let process = Process::start(options);
        let call = Call::v2018("DescribeUserCertificateList").set("CurrentPage", "1");
        assert_eq!(call.set("ShowSize", "10").set("Name", "a\nb\"").send(process.port).status, 200);
        process.signal("-TERM");
        let (status, _, stderr) = process.end();
        assert_eq!(status, Some(0));
        let lines: Vec<_> = stderr.lines().collect();
        match expected {
            None => assert!(lines.is_empty(), "{stderr}"),
            Some("{") => {
                let line: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
                assert_eq!((lines.len(), &line["status"]), (1, &200.into()));
                assert_eq!(line["name"], "a\nb\"");
            }
            Some(_) => {
                assert!(lines.len() == 1 && lines[0].contains(" name=a\\nb"), "{stderr}");
            }
        }
    }
}

#[test]
fn a_line_on_stderr_is_short_whatever_a_client_sends() {
    for log in ["text", "json"] {
        let process = Process::start(&["--log", log]);
        let long = "\u{e001}".repeat(20_000);
        let call = Call::v2018(&long).set("Version", &long).set("Name", &long);
        assert_eq!(call.send(process.port).code(), "InvalidVersion");
        let method = "M".repeat(10_000);
        let head = format!("{method} /?Action={} HTTP/1.1\r\n\r\n", "a".repeat(200_000));
        assert_eq!(Connection::open(process.port).exchange(head.as_bytes()).status, 400);
        process.signal("-TERM");
        let stderr = process.end().2;
        assert_eq!(stderr.lines().count(), 2, "{stderr}");
        let shown = if log == "text" { r"\u{e001}" } else { "\u{e001}" };
        assert_eq!(stderr.matches(shown).count(), 3 * 64, "{stderr}");
        assert!(stderr.lines().all(|line| line.len() < 2_000), "{stderr}");
    }
}

#[test]
fn keys_secrets_and_tokens_are_written_nowhere() {
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
        let upload = |key: &str| Call::create(&format!("{shape:?}"), &cert, key).shape(shape);
        let sts = upload(&key).set("AccessKeyId", "STS.id").set("SecurityToken", "canarytoken");
        assert_eq!(sts.secret("canarysecret2").send(port).status, 200);
        assert_eq!(upload(&key).secret("canarysecret").send(port).code(), "NameRepeat");
        assert_eq!(upload(&other).secret("canarysecret").send(port).code(), "CertKeyNotMatch");
        assert_eq!(upload(&key).secret("wrong").send(port).code(), "SignatureDoesNotMatch");
        let astray = upload("k").set("Comment", &key).set(&key, "x").secret("canarysecret");
        assert_eq!(astray.send(port).code(), "PrivateKeyFormatError");
    }
    // An invalid request that contains the key.
    Connection::open(port).exchange(format!("{}\r\n\r\n", key.replace('\n', " ")).as_bytes());

    let requests = control(port, "GET", "/_emulator/requests").body;
    let certificates = control(port, "GET", "/_emulator/certificates").body;
    let running = contents(folder.path());
    process.signal("-TERM");
    let (status, stdout, stderr) = process.end();
    assert_eq!((status, stdout.as_str()), (Some(0), ""));
    assert!(stderr.contains(" GET CreateUserCertificate 2018-07-13 400 SignatureDoesNotMatch "));

    let mut canaries = vec!["canarysecret".to_owned(), "canarytoken".to_owned()];
    for key in [&key, &other] {
        // Parts of the key without characters that an encoding changes.
        let line = key.lines().nth(1).unwrap();
        canaries.extend(
            line.split(['+', '/', '=']).filter(|piece| piece.len() >= 12).map(str::to_owned),
        );
    }
    assert!(canaries.len() >= 4, "too few parts of the keys to search for");
    let stopped = contents(folder.path());
    let places: [&[u8]; 5] =
        [requests.as_bytes(), certificates.as_bytes(), &running, &stopped, stderr.as_bytes()];
    for canary in canaries {
        for place in places {
            let found = place.windows(canary.len()).any(|window| window == canary.as_bytes());
            assert!(!found, "a secret was written");
        }
    }
}
