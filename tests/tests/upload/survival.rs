//! Uploads that are killed, crowded, cut off and slowed down.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use acceptance::network::delay::Delay;
use acceptance::{Emulator, Program, chain, compile, scratch};

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid");
    command.env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret");
    command
}

fn start_upload(emulator: &Emulator, name: &str) -> Child {
    let mut command = command(&compile("tests/fixtures/c/report.c", &[]));
    command
        .env("CAS_ENDPOINT", emulator.url())
        .arg(name)
        .arg(&chain().chain)
        .arg(&chain().key)
        .spawn()
        .unwrap()
}

/// Uploads and returns id and outcome.
fn upload(emulator: &Emulator, name: &str) -> (u64, bool) {
    let output = start_upload(emulator, name).wait_with_output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let field = |field: &str| printed.lines().find_map(|line| line.strip_prefix(field));
    let id = field("cert_id=").unwrap_or_else(|| panic!("{name}: {printed}"));
    (id.parse().unwrap(), field("outcome=") == Some("1"))
}

/// Numbers that look random and are the same in each run.
struct Noise(u64);

impl Noise {
    /// A part of `whole`.
    fn part_of(&mut self, whole: Duration) -> Duration {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        whole * u32::try_from(self.0 >> 48).unwrap() / (1 << 16)
    }
}

#[test]
fn a_process_that_is_killed_leaves_one_copy_or_none_and_the_next_one_finds_it() {
    const TIMES: usize = 200;
    let emulator = Emulator::start(&[]);
    let started = Instant::now();
    upload(&emulator, "measured");
    let mut span = started.elapsed();
    let mut noise = Noise(1);
    let mut survived = 0;
    let mut ids = Vec::new();
    for number in 0..TIMES {
        let name = format!("killed-{number}");
        let mut process = start_upload(&emulator, &name);
        thread::sleep(noise.part_of(span * 2));
        process.kill().unwrap();
        process.wait().unwrap();
        let (id, was_there) = upload(&emulator, &name);
        survived += usize::from(was_there);
        // Where most are too late, earlier; where most are too early, later: so that the moments
        // are spread.
        span = if was_there { span * 9 / 10 } else { span * 11 / 10 };
        ids.push((name, id));
    }
    println!("{survived} of {TIMES} had stored their certificate when they were killed");
    assert!(survived > 0 && survived < TIMES, "{survived}");
    let stored = emulator.certificates();
    assert_eq!(stored.len(), TIMES + 1);
    for (name, id) in ids {
        let with_name: Vec<_> = stored.iter().filter(|one| one["name"] == name.as_str()).collect();
        assert_eq!(with_name.len(), 1, "{name}");
        assert_eq!(with_name[0]["cert_id"], id, "{name}");
    }
}

#[test]
fn sixteen_processes_of_four_threads_store_one_copy() {
    let emulator = Emulator::start(&[]);
    let program = compile("tests/fixtures/c/same.c", &[]);
    let mut processes: Vec<_> = (0..16)
        .map(|_| {
            let mut command = command(&program);
            command.arg(emulator.url()).arg(&chain().chain).arg(&chain().key).arg("4");
            let mut process = command.spawn().unwrap();
            let mut stdout = BufReader::new(process.stdout.take().unwrap());
            let mut line = String::new();
            stdout.read_line(&mut line).unwrap();
            assert_eq!(line, "ready\n");
            (process, stdout)
        })
        .collect();
    for (process, _) in &mut processes {
        process.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    let mut ids = Vec::new();
    for (mut process, mut stdout) in processes {
        let mut printed = String::new();
        stdout.read_to_string(&mut printed).unwrap();
        let mut complaint = String::new();
        process.stderr.take().unwrap().read_to_string(&mut complaint).unwrap();
        assert!(process.wait().unwrap().success(), "{complaint}");
        ids.extend(printed.lines().map(ToOwned::to_owned));
    }
    assert_eq!(ids.len(), 64);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["1".to_owned()]));
    assert_eq!(emulator.certificates().len(), 1);
}

/// A server that does the same with each connection; returns its URL.
fn server(serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            serve(stream.unwrap());
        }
    });
    url
}

/// Closes without a word, by RST.
fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// What the server does, how, and what the upload may end in.
type Case = (&'static str, fn(TcpStream), &'static [&'static str]);

fn read_some(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 1 << 16]); // whatever there is
}

#[test]
fn a_server_that_breaks_off_does_not_end_the_process() {
    let program = compile("tests/fixtures/c/sigpipe.c", &[]);
    let large = scratch("large").join("large.pem");
    fs::write(&large, format!("-----BEGIN CERTIFICATE-----\n{}", "A".repeat(1_000_000))).unwrap();
    let open: &[_] = &["CAS_ERR_OUTCOME_UNKNOWN"];
    // Whether a byte was taken before the end came is the kernel's to decide.
    let either: &[_] = &["CAS_ERR_OUTCOME_UNKNOWN", "CAS_ERR_NETWORK"];
    let cases: [Case; 5] = [
        (
            "resets after it has read",
            |mut stream| {
                read_some(&mut stream);
                reset(&stream);
            },
            open,
        ),
        ("resets at once", |stream| reset(&stream), either),
        ("closes after it has read", |mut stream| read_some(&mut stream), open),
        ("closes at once", drop, either),
        (
            "answers late",
            |mut stream| {
                // Until the client has gone.
                while matches!(stream.read(&mut [0; 1 << 16]), Ok(1..)) {}
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"CertId\":1}");
            },
            open,
        ),
    ];
    for (what, serve, statuses) in cases {
        for cert in [&chain().chain, &large] {
            let url = server(serve);
            let outcome = Program::new(&program).arg(&url).arg(cert).arg(&chain().key).run();
            assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{what}");
            // Of a large request, some is on its way before the server has closed.
            assert!(statuses.contains(&outcome.stdout.trim()), "{what}: {}", outcome.stdout);
        }
    }
}

#[test]
fn a_cold_upload_takes_three_round_trips_and_a_warm_one_takes_one() {
    let [cert, key] = [&chain().chain, &chain().key].map(|path| path.to_str().unwrap());
    let round_trips = |uploads: &str| {
        let emulator = Emulator::start(&["--tls-cert", cert, "--tls-key", key]);
        let port = emulator.url().rsplit(':').next().unwrap().parse().unwrap();
        let network = Delay::start(port, Duration::from_millis(20));
        let printed = Program::new(compile("tests/fixtures/c/report.c", &[]))
            .env("CAS_ENDPOINT", format!("https://127.0.0.1:{}", network.port()))
            .env("CAS_CA_FILE", &chain().root)
            .arg("web")
            .arg(cert)
            .arg(key)
            .arg(uploads)
            .succeed();
        assert_eq!(printed.matches("status=CAS_OK").count().to_string(), uploads);
        network.round_trips()
    };
    let [one, two, five] = ["1", "2", "5"].map(round_trips);
    println!("round trips: {one} for one upload, {two} for two, {five} for five");
    assert_eq!((one, two, five), (3, 4, 7));
}
