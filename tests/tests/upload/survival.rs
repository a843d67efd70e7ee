//! Uploads by killed and by competing processes, to servers that close the connection, and over
//! slow networks.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use acceptance::limits::WAIT;
use acceptance::network::cut::{Cut, CutPoint};
use acceptance::network::delay::Delay;
use acceptance::{Emulator, Program, chain, compile, report, scratch};

#[test]
fn a_killed_process_leaves_at_most_one_copy_and_the_next_upload_finds_it() {
    let emulator = Emulator::start(&[]);
    let upload = |url: &str, name: &str| report(url, &[], name, &chain().chain, &chain().key);
    // A request is longer than its PEM texts, and a response longer than 100 bytes.
    let size = [&chain().chain, &chain().key].map(|path| fs::read(path).unwrap().len());
    let size = size.iter().sum::<usize>();
    let during_request = (0..100).map(|n| CutPoint::Sent(size * n / 100));
    let during_response = (0..100).map(CutPoint::ResponseStarted);
    let mut ids = Vec::new();
    for (number, point) in during_request.chain(during_response).enumerate() {
        let name = format!("killed-{number}");
        let cut = Cut::start(emulator.port(), point);
        let process = upload(&cut.url(), &name).start();
        cut.wait();
        process.kill();
        let again = upload(emulator.url(), &name).run();
        // Only a whole request was stored.
        let outcome = if matches!(point, CutPoint::Sent(_)) { "0" } else { "1" };
        assert_eq!(again.field("outcome"), outcome, "{point:?}: {}", again.stdout);
        ids.push((name, again.field("cert_id").to_owned()));
    }
    let stored = emulator.certificates();
    assert_eq!(stored.len(), ids.len());
    for (name, id) in ids {
        let with_name: Vec<_> = stored.iter().filter(|one| one["name"] == name.as_str()).collect();
        assert_eq!(with_name.len(), 1, "{name}");
        assert_eq!(with_name[0]["cert_id"].to_string(), id, "{name}");
    }
}

#[test]
fn competing_processes_and_threads_store_one_copy() {
    let emulator = Emulator::start(&[]);
    let program = compile("tests/fixtures/c/same.c", &[]);
    let mut processes: Vec<_> = (0..16)
        .map(|_| {
            let program = Program::new(&program).arg(emulator.url()).with_chain().arg("4");
            let mut process = program.start();
            assert_eq!(process.line().as_deref(), Some("ready"));
            process
        })
        .collect();
    for process in &mut processes {
        assert!(process.write("\n"));
    }
    let mut ids = Vec::new();
    for process in processes {
        let outcome = process.finish();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        ids.extend(outcome.stdout.lines().map(ToOwned::to_owned));
    }
    assert_eq!(ids.len(), 64);
    assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(["10000000".to_owned()]));
    assert_eq!(emulator.certificates().len(), 1);
}

/// A server that handles each connection with `serve`. Returns its URL.
fn server(serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            stream.set_read_timeout(Some(WAIT)).unwrap();
            serve(stream);
        }
    });
    url
}

/// Makes the connection end with an RST.
fn reset(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// What the server does, its code, and the possible statuses of the upload.
type Case = (&'static str, fn(TcpStream), &'static [&'static str]);

fn read_some(stream: &mut TcpStream) {
    let _ = stream.read(&mut [0; 1 << 16]); // any part of the request
}

#[test]
fn a_server_that_closes_the_connection_does_not_end_the_process() {
    let program = compile("tests/fixtures/c/sigpipe.c", &[]);
    let large = scratch("large").join("large.pem");
    fs::write(&large, format!("-----BEGIN CERTIFICATE-----\n{}", "A".repeat(1_000_000))).unwrap();
    let open: &[_] = &["CAS_ERR_OUTCOME_UNKNOWN"];
    // The kernel decides whether a byte was accepted before the close.
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
            "responds late",
            |mut stream| {
                // Until the client closes.
                while matches!(stream.read(&mut [0; 1 << 16]), Ok(1..)) {}
                let _ = stream
                    .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{\"CertId\":1}");
            },
            open,
        ),
    ];
    thread::scope(|scope| {
        for (what, serve, statuses) in cases {
            for cert in [&chain().chain, &large] {
                let program = Program::new(&program).arg(server(serve)).arg(cert);
                scope.spawn(move || {
                    let outcome = program.arg(&chain().key).run();
                    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""), "{what}");
                    // Part of a large request is sent before the server closes.
                    let status = outcome.stdout.trim();
                    assert!(statuses.contains(&status), "{what}: {status}");
                });
            }
        }
    });
}

#[test]
fn a_cold_upload_takes_three_round_trips_and_a_warm_one_takes_one() {
    let [cert, key] = chain().files();
    let round_trips = |uploads: &str| {
        let emulator = Emulator::start_tls(cert, key, &[]);
        // Long enough for a busy machine to write all parts of a flight within it.
        let network = Delay::start(emulator.port(), Duration::from_millis(200));
        let endpoint = format!("https://127.0.0.1:{}", network.port());
        let settings = [("CAS_CA_FILE", chain().root.to_str().unwrap())];
        let printed = report(&endpoint, &settings, "web", cert, key).arg(uploads).succeed();
        assert_eq!(printed.matches("status=CAS_OK").count().to_string(), uploads);
        network.round_trips()
    };
    let [one, two, five] = thread::scope(|scope| {
        ["1", "2", "5"]
            .map(|uploads| scope.spawn(move || round_trips(uploads)))
            .map(|counted| counted.join().unwrap())
    });
    println!("round trips: {one} for one upload, {two} for two, {five} for five");
    assert_eq!((one, two, five), (3, 4, 7));
}
