//! What has been answered is on disk, whatever happens to the process.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use rusqlite::Connection as Database;

use crate::certificates::certificate;
use crate::client::{Call, Connection, control};
use crate::load::scale;
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
    // Also through a link, beside which no lock is left.
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let linked = ["--listen", "127.0.0.1:0", "--data", link.to_str().unwrap()];
    let (status, stderr) = rejected(&linked);
    assert!(status == Some(1) && stderr.contains("in use by another"), "{status:?}: {stderr}");
    assert!(!folder.path().join("link.db.lock").exists());
    first.kill();
    let next = Process::start(&options);
    next.signal("-TERM");
    assert_eq!(next.end().0, Some(0));
}

/// Uploads on 16 connections, half of them in each version.
struct Uploads {
    cert: String,
    key: String,
    /// The IDs of those that were answered.
    answered: Mutex<BTreeMap<String, i64>>,
    /// The names of those that were sent.
    sent: Mutex<Vec<String>>,
}

/// Whether an upload of this name uses version 2020-04-07, by the number of its connection.
fn uses_2020(name: &str) -> bool {
    name.split('-').nth(1).unwrap().parse::<u32>().unwrap() % 2 == 1
}

impl Uploads {
    fn call(&self, name: &str) -> Call {
        if uses_2020(name) {
            Call::upload(name, &self.cert, &self.key).set("ClientToken", name)
        } else {
            Call::create(name, &self.cert, &self.key)
        }
    }

    /// Uploads until `enough` are answered, and then kills the process.
    fn kill_after(&self, process: Process, round: usize, enough: usize) {
        let (port, enough) = (process.port, self.count() + enough);
        thread::scope(|scope| {
            for connection in 0..16 {
                scope.spawn(move || {
                    let mut stream = Connection::open(port);
                    for number in 0.. {
                        let name = format!("{round}-{connection}-{number}");
                        self.sent.lock().unwrap().push(name.clone());
                        let response = stream.try_exchange(&self.call(&name).bytes());
                        let Some(response) = response else { return };
                        self.answered.lock().unwrap().insert(name, response.cert_id());
                    }
                });
            }
            while self.count() < enough {
                thread::yield_now();
            }
            process.kill();
        });
    }

    fn count(&self) -> usize {
        self.answered.lock().unwrap().len()
    }

    /// Sends again what was not answered, as clients do. A name that is in use shows that it was
    /// stored; with its client token, the response is that of the first time.
    fn send_again(&self, port: u16) {
        let mut answered = self.answered.lock().unwrap();
        for name in self.sent.lock().unwrap().iter() {
            if answered.contains_key(name) {
                continue;
            }
            let response = self.call(name).send(port);
            if !uses_2020(name) && response.code() == "NameRepeat" {
                continue;
            }
            answered.insert(name.clone(), response.cert_id());
        }
    }
}

#[test]
fn a_kill_under_load_loses_no_answered_upload() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cas.db");
    let options = ["--data", file.to_str().unwrap()];
    let (cert, key) = certificate();
    let uploads = Uploads { cert, key, answered: Mutex::default(), sent: Mutex::default() };
    for round in 0..scale(5, 50) {
        let process = Process::start(&options);
        uploads.send_again(process.port);
        uploads.kill_after(process, round, 20 + 37 * (round % 5));
    }
    let process = Process::start(&options);
    uploads.send_again(process.port);
    let stored = control(process.port, "GET", "/_emulator/certificates").json();
    let stored: Vec<_> = stored
        .as_array()
        .unwrap()
        .iter()
        .map(|stored| (stored["name"].as_str().unwrap(), stored["cert_id"].as_i64().unwrap()))
        .collect();
    let by_name: BTreeMap<_, _> = stored.iter().copied().collect();
    assert_eq!(by_name.len(), stored.len(), "a name is stored twice");
    for (name, cert_id) in uploads.answered.into_inner().unwrap() {
        assert_eq!(by_name.get(name.as_str()), Some(&cert_id), "{name}");
    }
    let mut sent = uploads.sent.into_inner().unwrap();
    sent.sort_unstable();
    assert!(sent.iter().eq(by_name.keys()), "others than those that were sent");
    process.signal("-TERM");
    assert_eq!(process.end().0, Some(0));
    let database = Database::open(&file).unwrap();
    let check: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
}

/// How often an emulator that answers `uploads` on 64 connections waits for the disk.
fn syncs(folder: &Path, uploads: usize) -> usize {
    let (shim, counts) = (folder.join("count_syncs.so"), folder.join("syncs"));
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/count_syncs.c");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
    compiler.args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&shim);
    assert!(compiler.status().unwrap().success());

    let mut command = command();
    command.env("LD_PRELOAD", &shim).env("COUNT_SYNCS", &counts).env("SYNC_DELAY_US", "5000");
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
