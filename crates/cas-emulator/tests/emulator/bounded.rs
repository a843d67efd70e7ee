//! Limits of memory, connections and time, whatever clients do.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;

use cas_emulator::Emulator;
use rusqlite::Connection as Database;

use crate::api::calls::orders;
use crate::certificates::certificate;
use crate::client::{Call, Connection, Shape, control};
use crate::process::{Process, program};

/// A limit of memory in KiB that is far below what the requests of a test have together.
const MEMORY: u64 = 64 * 1024;

const HEALTH: &[u8] = b"GET /_emulator/health HTTP/1.1\r\n\r\n";

/// A data file with so many certificates: one upload, and copies of its rows.
fn data_file(folder: &Path, certificates: u32) -> String {
    let file = folder.join(format!("{certificates}.db"));
    let emulator = Emulator::builder().data(&file).start().unwrap();
    let (cert, key) = certificate();
    let call = Call::upload("first", &cert, &key).set("ResourceGroupId", "rg");
    call.send(emulator.port()).cert_id();
    emulator.stop();
    let database = Database::open(&file).unwrap();
    let columns: String = database
        .query_row(
            "SELECT group_concat(CASE name WHEN 'cert_id' THEN 'cert_id + number'
                                           WHEN 'name' THEN 'name || number' ELSE name END)
             FROM pragma_table_info('certificate')",
            [],
            |row| row.get(0),
        )
        .unwrap();
    database
        .execute_batch(&format!(
            "BEGIN;
             CREATE TEMP TABLE numbers AS
                 WITH RECURSIVE n(number) AS
                     (SELECT 1 UNION ALL SELECT number + 1 FROM n WHERE number < {certificates} - 1)
                 SELECT number FROM n;
             CREATE TEMP TABLE first AS SELECT * FROM certificate;
             CREATE TEMP TABLE first_pem AS SELECT * FROM material;
             INSERT INTO certificate SELECT {columns} FROM first, numbers;
             INSERT INTO material SELECT cert_id + number, cert_pem, NULL, '', NULL
                 FROM first_pem, numbers;
             COMMIT;"
        ))
        .unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_page_costs_the_same_however_many_certificates_there_are() {
    let folder = tempfile::tempdir().unwrap();
    let measure = |count: u32| {
        let process = Process::start(&["--data", &data_file(folder.path(), count)]);
        let mut connection = Connection::open(process.port);
        let mut page = |number: u32| {
            let call = orders().set("CurrentPage", &number.to_string()).set("ShowSize", "50");
            let list = connection.exchange(&call.bytes()).json();
            assert_eq!(list["TotalCount"], count);
            assert_eq!(list["CertificateOrderList"].as_array().unwrap().len(), 50);
        };
        page(1);
        let before = process.processor_time();
        for _ in 0..100 {
            page(1);
            page(count / 50);
        }
        process.processor_time() - before
    };
    let (few, many) = (measure(400), measure(40_000));
    assert!(many <= 2 * few + 10, "200 pages: {few} of 400 certificates, {many} of 40,000");
}

#[test]
fn lists_of_many_certificates_take_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&["--data", &data_file(folder.path(), 40_000)]);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut connection = Connection::open(process.port);
                for _ in 0..20 {
                    let call = orders().set("Keyword", "example.com").set("ResourceGroupId", "rg");
                    assert_eq!(connection.exchange(&call.bytes()).json()["TotalCount"], 40_000);
                }
            });
        }
    });
    let peak = process.status("VmHWM");
    assert!(peak < MEMORY, "{peak} KiB");
}

#[test]
fn a_search_costs_little_more_than_a_page() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&["--data", &data_file(folder.path(), 40_000)]);
    let mut connection = Connection::open(process.port);
    let mut measure = |keyword: Option<&str>, total: u32| {
        let mut page = || {
            let call = keyword.map_or_else(orders, |keyword| orders().set("Keyword", keyword));
            assert_eq!(connection.exchange(&call.bytes()).json()["TotalCount"], total);
        };
        page();
        let before = process.processor_time();
        for _ in 0..40 {
            page();
        }
        process.processor_time() - before
    };
    let plain = measure(None, 40_000);
    for (keyword, total) in
        [("none of them", 0), ("中", 0), ("CAS-Upload-0", 40_000), ("e", 40_000)]
    {
        // Without optimization, which makes what is done for each match slow.
        let most = if total == 0 { plain + 10 } else { 6 * plain + 10 };
        let search = measure(Some(keyword), total);
        assert!(search <= most, "40 pages: {plain}; with the keyword {keyword}: {search}");
    }
}

#[test]
fn the_control_list_of_many_certificates_takes_little_memory() {
    let folder = tempfile::tempdir().unwrap();
    let process = Process::start(&["--data", &data_file(folder.path(), 40_000)]);
    let all = control(process.port, "GET", "/_emulator/certificates");
    assert_eq!(all.body.matches("-----BEGIN CERTIFICATE-----").count(), 40_000);
    let query = "/_emulator/certificates?fields=summary&limit=200&order=newest&search=FIRST39999";
    let found = control(process.port, "GET", query);
    assert_eq!(found.header("x-total-count"), Some("1"));
    let peak = process.status("VmHWM");
    assert!(peak < MEMORY, "{peak} KiB");
}

#[test]
fn long_bodies_at_once_take_the_memory_of_one() {
    let process = Process::start(&[]);
    let request = |parameters: &str| {
        let padding = 4 * 1024 * 1024 - parameters.len() - "&Padding=".len();
        let body = format!("{parameters}&Padding={}", "x".repeat(padding));
        format!("POST / HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let (_, _, signed) = Call::create("n", "c", "k").parts();
    let unsigned = request("Action=CreateUserCertificate&Version=2018-07-13");
    let wrongly_signed = request(&signed);
    thread::scope(|scope| {
        for index in 0..12 {
            let (unsigned, wrongly_signed) = (&unsigned, &wrongly_signed);
            scope.spawn(move || {
                let request = if index % 2 == 0 { unsigned } else { wrongly_signed };
                let code = Connection::open(process.port).exchange(request.as_bytes()).code();
                assert!(
                    ["MissingAccessKeyId", "SignatureDoesNotMatch"].contains(&&*code),
                    "{code}"
                );
            });
        }
    });
    let peak = process.status("VmHWM");
    assert!(peak < MEMORY, "{peak} KiB at most");
    assert_eq!(control(process.port, "POST", "/_emulator/reset").status, 200);
    let left = process.status("VmRSS");
    assert!(left < MEMORY / 3, "{left} KiB after a reset");
}

/// An emulator that may open so few files that it has room for 64 connections.
pub(crate) fn with_few_connections(options: &[&str]) -> Process {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 128; exec \"$0\" \"$@\""]).arg(program());
    Process::start_by(command, options)
}

#[test]
fn idle_connections_make_room_for_new_ones() {
    let process = with_few_connections(&[]);
    let mut first = Connection::open(process.port);
    assert_eq!(first.exchange(HEALTH).status, 200);
    let idle: Vec<_> =
        (0..300).map(|_| TcpStream::connect(("127.0.0.1", process.port)).unwrap()).collect();
    let mut last = Connection::open(process.port);
    assert_eq!(last.exchange(HEALTH).status, 200);
    assert!(first.is_closed());
    assert!(process.status("Threads") < 128);
    drop(idle);
}

#[test]
fn a_connection_is_refused_only_if_all_others_are_in_a_request() {
    let fault = r#"{"kind":"delay","ms":600000,"times":64}"#;
    let process = with_few_connections(&["--fault", fault]);
    let mut waiting: Vec<_> = (0..64).map(|_| Connection::open(process.port)).collect();
    for connection in &mut waiting {
        let call = Call::v2018("DescribeUserCertificateList").shape(Shape::GetQuery);
        connection.send(&call.bytes());
    }
    // The last of the requests may still be on their way to the threads of their connections.
    let response = (0..1000)
        .map(|_| Connection::open(process.port).exchange(HEALTH))
        .find(|response| response.status != 200);
    let refused = response.expect("no connection was refused");
    assert_eq!((refused.status, refused.header("connection")), (503, Some("close")));
    assert!(refused.json()["error"].as_str().unwrap().contains("in a request"));
}

#[test]
fn a_request_that_does_not_arrive_in_time_is_refused() {
    let emulator = Emulator::start().unwrap();
    let starts = ["POST / HTTP/1.1\r\nContent-", "POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na"];
    thread::scope(|scope| {
        for start in starts {
            let port = emulator.port();
            scope.spawn(move || {
                let mut connection = Connection::open(port);
                connection.send(start.as_bytes());
                let response = connection.response();
                assert_eq!((response.status, response.header("connection")), (408, Some("close")));
                assert!(connection.is_closed());
            });
        }
    });
}

#[test]
fn recorded_requests_take_a_limited_memory_together() {
    let emulator = Emulator::start().unwrap();
    let mut connection = Connection::open(emulator.port());
    let value = "v".repeat(60_000);
    for number in 0..24 {
        let mut call = Call::create(&number.to_string(), "c", "k");
        for parameter in 0..16 {
            call = call.set(&format!("P{parameter}"), &value);
        }
        assert_eq!(connection.exchange(&call.bytes()).code(), "-1008");
    }
    let kept = emulator.requests();
    // 16 MiB have room for 17 requests of 960,000 bytes. The oldest are forgotten.
    assert!((15..=17).contains(&kept.len()), "{}", kept.len());
    let name = &kept.last().unwrap().parameters["Name"].value;
    assert_eq!(serde_json::to_value(name).unwrap(), "23");
}
