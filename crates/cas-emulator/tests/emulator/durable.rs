//! What has been answered is on disk, whatever happens to the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use crate::certificates::certificate;
use crate::client::{Call, Connection, control};
use crate::process::{Process, command, rejected};

#[test]
fn a_second_emulator_on_one_file_names_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let options = ["--data", file.to_str().unwrap()];
    let first = Process::start(&options);
    let (status, stderr) = rejected(&["--listen", "127.0.0.1:0", options[0], options[1]]);
    let expected = format!(
        "cas-emulator: {} is in use by another cas-emulator, process {} on {}. Stop that one, or \
         use another file\n",
        file.display(),
        first.child.id(),
        first.url,
    );
    assert_eq!((status, stderr), (Some(1), expected));
    first.kill();
    let next = Process::start(&options);
    next.signal("-TERM");
    assert_eq!(next.end().0, Some(0));
}

/// Uploads on 16 connections, half of them in each version, and kills the process once `enough` are
/// answered. Returns those that were.
fn upload_and_kill(process: Process, round: usize, enough: usize) -> BTreeMap<String, i64> {
    let (cert, key) = certificate();
    let answered = Mutex::new(BTreeMap::new());
    let port = process.port;
    thread::scope(|scope| {
        for connection in 0..16 {
            let (answered, cert, key) = (&answered, &cert, &key);
            scope.spawn(move || {
                let mut stream = Connection::open(port);
                for number in 0.. {
                    let name = format!("{round}-{connection}-{number}");
                    let call = if connection % 2 == 0 {
                        Call::create(&name, cert, key)
                    } else {
                        Call::upload(&name, cert, key)
                    };
                    let Some(response) = stream.try_exchange(&call.bytes()) else { return };
                    answered.lock().unwrap().insert(name, response.cert_id());
                }
            });
        }
        while answered.lock().unwrap().len() < enough {
            thread::yield_now();
        }
        process.kill();
    });
    answered.into_inner().unwrap()
}

#[test]
fn a_kill_under_load_loses_no_answered_upload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let options = ["--data", file.to_str().unwrap()];
    let rounds = 5;
    let mut answered = BTreeMap::new();
    for round in 0..rounds {
        let enough = 20 + 37 * round;
        answered.extend(upload_and_kill(Process::start(&options), round, enough));
    }
    let process = Process::start(&options);
    let stored = control(process.port, "GET", "/_emulator/certificates").json();
    let stored: BTreeMap<_, _> = stored
        .as_array()
        .unwrap()
        .iter()
        .map(|stored| (stored["name"].as_str().unwrap(), stored["cert_id"].as_i64().unwrap()))
        .collect();
    for (name, cert_id) in &answered {
        assert_eq!(stored.get(name.as_str()), Some(cert_id), "{name}");
    }
    // An upload on each connection may have been stored without an answer.
    assert!(stored.len() <= answered.len() + 16 * rounds);
}

/// How often an emulator that answers `uploads` on 64 connections waits for the disk.
fn syncs(folder: &Path, uploads: usize) -> usize {
    let (shim, counts) = (folder.join("count_syncs.so"), folder.join("syncs"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/count_syncs.c");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    compiler.args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&shim);
    assert!(compiler.status().unwrap().success());

    let mut command = command();
    command.env("LD_PRELOAD", &shim).env("COUNT_SYNCS", &counts);
    let file = folder.join("cas.db");
    let process = Process::start_by(command, &["--data", file.to_str().unwrap()]);
    let (cert, key) = certificate();
    thread::scope(|scope| {
        for connection in 0..64 {
            let (port, cert, key) = (process.port, &cert, &key);
            scope.spawn(move || {
                let mut stream = Connection::open(port);
                for number in 0..uploads / 64 {
                    let call = Call::create(&format!("{connection}-{number}"), cert, key);
                    stream.exchange(&call.bytes()).cert_id();
                }
            });
        }
    });
    let counted = std::fs::read(&counts).unwrap().len();
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
    counted
}

#[test]
fn uploads_that_arrive_together_share_their_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = 640;
    let syncs = syncs(folder.path(), uploads);
    assert!(syncs > 10 && syncs < uploads / 4, "{syncs} waits for {uploads} uploads");
}
