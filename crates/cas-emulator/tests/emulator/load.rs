//! While clients send too much, too slowly or nothing at all, others are served and the memory
//! stays within its limit.
//!
//! Each load has a short form, and a long one for `make test-emulator`, which also expects that
//! others are served within 50 ms. That takes a machine which does nothing else.
#![allow(clippy::print_stdout, reason = "the times are a result")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::api::calls::orders;
use crate::certificates::certificate;
use crate::client::{Call, Connection, Shape, control, limit};
use crate::process::Process;

/// What may be resident, in KiB.
const MEMORY: u64 = 64 * 1024;
/// How long 99 of 100 requests of others may take, in the long forms.
const PROMPT: Duration = Duration::from_millis(50);
/// How long any request of others may take: less than a slow client is waited for.
const LONGEST: Duration = Duration::from_secs(10);

const HEALTH: &[u8] = b"GET /_emulator/health HTTP/1.1\r\n\r\n";

/// The short form of a number, or the long one.
pub(crate) fn scale<T>(short: T, long: T) -> T {
    if std::env::var_os("EMULATOR_LOAD").is_some() { long } else { short }
}

/// Ends the clients beside a load, also if the load fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An emulator with a data file: certificates in memory would count as resident.
fn start() -> (TempDir, Process) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let process = Process::start(&["--data", file.to_str().unwrap()]);
    (folder, process)
}

/// Runs `load` beside three clients that need the emulator meanwhile, and checks how long these
/// waited and what was resident at most.
fn beside_others(process: &Process, what: &str, load: impl FnOnce()) {
    let (cert, key) = certificate();
    let (done, port) = (AtomicBool::new(false), process.port);
    let chain = cert.repeat(20 * 1024 / cert.len() + 1);
    let times = thread::scope(|scope| {
        let ending = Ending(&done);
        let clients = [
            scope.spawn(|| times(&done, port, |_| HEALTH.to_vec())),
            scope.spawn(|| {
                times(&done, port, |number| {
                    Call::create(&format!("{what} {number}"), &cert, &key).bytes()
                })
            }),
            // Long enough to need the memory that long requests share.
            scope.spawn(|| {
                times(&done, port, |number| {
                    Call::upload(&format!("long {what} {number}"), &chain, &key).bytes()
                })
            }),
        ];
        load();
        drop(ending);
        clients.map(|client| client.join().unwrap())
    });
    let mut late = Vec::new();
    for (client, mut times) in ["health", "upload", "long upload"].into_iter().zip(times) {
        times.sort_unstable();
        let (half, most, longest) =
            (times[times.len() / 2], times[times.len() * 99 / 100], times[times.len() - 1]);
        println!("{what}, {client}: {} in {half:.1?}, {most:.1?}, {longest:.1?}", times.len());
        // A short load may end before the third.
        assert!(times.len() >= scale(1, 3), "{what}, {client}: served only after it");
        if longest >= LONGEST || most >= scale(LONGEST, PROMPT) {
            late.push(client);
        }
    }
    let (peak, now) = (process.status("VmHWM"), process.status("VmRSS"));
    println!("{what}: {peak} KiB at most, {now} KiB after it");
    assert!(peak < MEMORY, "{what}: {peak} KiB");
    assert!(late.is_empty(), "{what}: {late:?} waited for too long");
}

/// The status of the response. A connection that was closed while it was idle is opened again, as
/// clients do.
fn exchange(connection: &mut Connection, port: u16, request: &[u8]) -> u16 {
    let response = connection.try_exchange(request).or_else(|| {
        *connection = Connection::open(port);
        connection.try_exchange(request)
    });
    response.expect("a new connection was closed as well").status
}

/// How long the responses took to the requests that are made until `done`. Signing a request is no
/// part of it.
fn times(done: &AtomicBool, port: u16, request: impl Fn(usize) -> Vec<u8>) -> Vec<Duration> {
    let mut connection = Connection::open(port);
    let mut times = Vec::new();
    while !done.load(Ordering::Relaxed) || times.is_empty() {
        let request = request(times.len());
        let start = Instant::now();
        assert_eq!(exchange(&mut connection, port, &request), 200);
        times.push(start.elapsed());
        thread::sleep(Duration::from_millis(5));
    }
    times
}

/// Lets this process open as many files as it may, for a test that needs `count`. The limit is
/// never lowered: other tests share the process, and need some as well.
fn open_files(count: usize) {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard] = [0, 1].map(|index| line.split_whitespace().nth(index).unwrap());
    let enough = |limit: &str| limit.parse().map_or(true, |limit: usize| limit >= count + 4_000);
    if !enough(soft) {
        assert!(enough(hard), "this test opens {count} connections, and may open {hard} files");
        let pid = std::process::id().to_string();
        let limit = format!("--nofile={hard}:");
        let set = Command::new("prlimit").args(["--pid", &pid, &limit]).status();
        assert!(set.unwrap().success(), "this test opens {count} connections");
    }
}

fn connect(port: u16) -> TcpStream {
    let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
    limit(&tcp);
    tcp
}

#[test]
fn idle_connections() {
    let (_folder, process) = start();
    let count = scale(2_000, 10_000);
    open_files(count + 200);
    beside_others(&process, "idle connections", || {
        let idle: Vec<_> = (0..count).map(|_| connect(process.port)).collect();
        thread::sleep(scale(Duration::from_millis(500), Duration::from_secs(5)));
        drop(idle);
    });
}

#[test]
fn requests_that_hardly_arrive() {
    let (_folder, process) = start();
    let count = scale(600, 900);
    open_files(count + 200);
    let body = |length: u32| format!("POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n");
    let starts = [
        "POST / HTTP/1.1\r\nX-Slow: ".to_owned(),
        format!("POST /?{}", "x".repeat(17_000)),
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3d0900\r\n".to_owned(),
        body(4_000_000),
        body(300_000),
        body(100_000),
        body(30_000),
    ];
    beside_others(&process, "slow requests", || {
        let open = |index: usize| {
            let mut tcp = connect(process.port);
            tcp.write_all(starts[index % starts.len()].as_bytes()).unwrap();
            tcp
        };
        let mut slow: Vec<_> = (0..count).map(open).collect();
        let end = Instant::now() + scale(Duration::from_secs(3), Duration::from_secs(30));
        while Instant::now() < end {
            for (index, tcp) in slow.iter_mut().enumerate() {
                // One that has been closed is replaced.
                if tcp.write_all(b"x").is_err() {
                    *tcp = open(index);
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
}

#[test]
fn responses_that_nobody_reads() {
    let (_folder, process) = start();
    let count = 50; // what they do not read is in the memory of the kernel
    beside_others(&process, "unread responses", || {
        let mut unread: Vec<_> = (0..count).map(|_| connect(process.port)).collect();
        for tcp in &unread {
            tcp.set_nonblocking(true).unwrap();
        }
        let requests = b"GET /_emulator/ HTTP/1.1\r\n\r\n".repeat(100);
        let end = Instant::now() + scale(Duration::from_secs(2), Duration::from_secs(20));
        while Instant::now() < end {
            for tcp in &mut unread {
                // Fails once the emulator reads no more.
                let _ = tcp.write(&requests);
            }
            thread::sleep(Duration::from_millis(100));
        }
    });
}

/// A connection of which the kernel keeps little that is not read.
fn connect_narrow(port: u16) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).unwrap();
    let tcp = TcpStream::from(socket);
    limit(&tcp);
    tcp
}

#[test]
fn readers_of_the_record_that_do_not_read() {
    let (_folder, process) = start();
    let (times, readers) = scale((12, 9), (25, 28));
    open_files(times * readers + 200);
    // Four of these are kept.
    let value = "v".repeat(60_000);
    let body = (0..66).fold(String::new(), |body, index| format!("{body}P{index}={value}&"));
    let long = format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    beside_others(&process, "unread records", || {
        let mut unread = Vec::new();
        let mut connection = Connection::open(process.port);
        let mut add = || {
            assert_eq!(connection.exchange(long.as_bytes()).code(), "MissingAction");
        };
        (1..4).for_each(|_| add());
        for _ in 0..times {
            add(); // the others read what is forgotten now
            for _ in 0..readers {
                let mut tcp = connect_narrow(process.port);
                tcp.write_all(b"GET /_emulator/requests HTTP/1.1\r\n\r\n").unwrap();
                let mut start = [0; 12];
                tcp.read_exact(&mut start).unwrap();
                assert_eq!(&start, b"HTTP/1.1 200");
                unread.push(tcp);
            }
        }
    });
    let kept = control(process.port, "GET", "/_emulator/requests").json();
    assert!(!kept.as_array().unwrap().is_empty());
}

#[test]
fn actions_that_clients_make_up() {
    let (_folder, process) = start();
    let count = scale(5_000, 100_000);
    let call = |number: usize| {
        // Some are as long as is recorded. Nobody reads the lines about them on stderr.
        let padding = if number.is_multiple_of(count / 1_000) { 60_000 } else { 0 };
        let long = "x".repeat(padding);
        let query = format!("Action={number}{long}&Version={number}{long}");
        format!("GET /?{query} HTTP/1.1\r\n\r\n")
    };
    beside_others(&process, "made-up actions", || {
        thread::scope(|scope| {
            for client in 0..8 {
                scope.spawn(move || {
                    let mut connection = Connection::open(process.port);
                    for number in (client..count).step_by(8) {
                        connection.exchange(call(number).as_bytes());
                    }
                });
            }
        });
    });
    let metrics = control(process.port, "GET", "/_emulator/metrics").body;
    assert!(metrics.len() < 10_000, "{metrics}");
    assert_eq!(control(process.port, "POST", "/_emulator/reset").status, 200);
    let left = process.status("VmRSS");
    println!("made-up actions: {left} KiB after a reset");
    assert!(left < MEMORY / 2, "{left} KiB after a reset");
}

#[test]
fn long_requests_without_a_signature() {
    let (_folder, process) = start();
    let body = vec![b'x'; 4 * 1024 * 1024];
    beside_others(&process, "unsigned requests", || {
        thread::scope(|scope| {
            for _ in 0..scale(30, 150) {
                scope.spawn(|| {
                    let mut connection = Connection::open(process.port);
                    let head = "POST /?Action=CreateUserCertificate&Version=2018-07-13 HTTP/1.1";
                    let head = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len());
                    connection.send(head.as_bytes());
                    assert_eq!(connection.exchange(&body).code(), "MissingAccessKeyId");
                });
            }
        });
    });
}

#[test]
fn long_heads_before_long_bodies() {
    let (_folder, process) = start();
    let head = format!("POST /?{} HTTP/1.1\r\nContent-Length: 4000000\r\n", "x".repeat(250_000));
    let head = head + &"X-Long: x\r\n".repeat(90) + "\r\n";
    beside_others(&process, "long heads", || {
        let count = scale(60, 600);
        let waiting: Vec<_> = (0..count).map(|_| connect(process.port)).collect();
        thread::scope(|scope| {
            for mut tcp in waiting {
                let head = &head;
                scope.spawn(move || {
                    // Fails if the emulator has closed the connection to make room.
                    let _ = tcp.write_all(head.as_bytes());
                    thread::sleep(scale(Duration::from_secs(2), Duration::from_secs(15)));
                });
            }
        });
    });
}

#[test]
fn bodies_that_are_too_long() {
    let (_folder, process) = start();
    let length = 100 * 1024 * 1024;
    beside_others(&process, "too long bodies", || {
        thread::scope(|scope| {
            for index in 0..scale(8, 40) {
                let header = if index % 2 == 0 {
                    format!("Content-Length: {length}\r\n\r\n")
                } else {
                    format!("Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n")
                };
                let port = process.port;
                scope.spawn(move || {
                    let mut tcp = connect(port);
                    tcp.write_all(format!("POST / HTTP/1.1\r\n{header}").as_bytes()).unwrap();
                    let piece = vec![b'x'; 64 * 1024];
                    let pieces = 0..length / piece.len();
                    let sent = pieces.take_while(|_| tcp.write_all(&piece).is_ok()).count();
                    let mut response = Vec::new();
                    // Or the emulator has closed the connection, after a second.
                    let read = tcp.read_to_end(&mut response);
                    assert!(read.is_err() || response.starts_with(b"HTTP/1.1 413 "), "{sent}");
                });
            }
        });
    });
}

#[test]
fn nonces() {
    let (_folder, process) = start();
    beside_others(&process, "nonces", || {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut connection = Connection::open(process.port);
                    for _ in 0..scale(1_000, 125_000) {
                        let call = Call::v2018("DescribeUserCertificateList");
                        let call = call.set("ShowSize", "1").shape(Shape::GetQuery);
                        assert_eq!(connection.exchange(&call.bytes()).status, 200);
                    }
                });
            }
        });
    });
}

#[test]
fn lists_of_certificates_in_memory() {
    let process = Process::start(&[]);
    let (cert, key) = certificate();
    let count = scale(400, 10_000);
    let port = process.port;
    let on_8_connections = |call: &(dyn Fn(usize) -> Call + Sync), calls: usize| {
        thread::scope(|scope| {
            for connection in 0..8 {
                scope.spawn(move || {
                    let mut stream = Connection::open(port);
                    for number in 0..calls {
                        let call = call(connection * calls + number);
                        assert_eq!(stream.exchange(&call.bytes()).status, 200);
                    }
                });
            }
        });
    };
    on_8_connections(&|number| Call::create(&number.to_string(), &cert, &key), count / 8);
    on_8_connections(&|_| orders().set("ShowSize", "50"), 20);
    let resident = process.status("VmRSS");
    println!("{count} certificates: {resident} KiB after 20 lists on 8 connections");
    assert!(resident < 50_000, "{resident} KiB");
}
