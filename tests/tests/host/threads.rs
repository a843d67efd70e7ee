//! Threads, forks, signals and descriptors of the host program.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use acceptance::network::relay::Relay;
use acceptance::program::compile_preload;
use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, chain, compile, scratch};

/// The exit status of a program that the system does not allow to do what it is there for.
const SKIPPED: i32 = 77;

/// Whether a program was allowed to run; it must have succeeded then.
#[track_caller]
fn ran(what: &str, outcome: &Outcome) -> bool {
    if outcome.code == Some(SKIPPED) {
        println!("NOT TESTED here, {what}: {}", outcome.stderr);
        return false;
    }
    assert_eq!(outcome.code, Some(0), "{what}: {}\n{}", outcome.stdout, outcome.stderr);
    assert_eq!(outcome.stderr, "", "{what}");
    true
}

/// A program that has no access key, and looks for one nowhere.
fn without_key(program: &Path) -> Program {
    let program = Program::new(program).without("ALIBABA_CLOUD_ACCESS_KEY_ID");
    program.without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
}

/// The response of a credentials URI.
const KEY: &[u8] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"Code\": \"Success\", \
    \"AccessKeyId\": \"STS.id\", \"AccessKeySecret\": \"secret\", \"SecurityToken\": \"token\", \
    \"Expiration\": \"2099-01-01T00:00:00Z\"}";

/// Every way in which a child can be made, and whether libcas detects it on an old kernel even if
/// it has the ID of its parent.
const FORKS: [(&str, usize, bool); 6] = [
    ("fork", 2, true),
    ("grandchild", 3, true),
    ("threads", 2, true),
    ("_Fork", 2, false),
    ("fork-call", 2, false),
    ("clone-call", 2, false),
];

#[test]
fn a_child_shares_no_connection_even_if_it_has_the_process_id_of_its_parent() {
    let program = compile("tests/fixtures/c/same_pid.c", &[]);
    let [cert, key] = chain().files();
    let run = |host: Program, endpoint: &str, case: [&str; 3]| {
        host.arg(endpoint).with_chain().arg(&chain().root).args(case).run()
    };
    for (how, processes, on_old_kernels) in FORKS {
        for (namespace, kernel) in
            [("same", "new"), ("new", "new"), ("same", "old"), ("new", "old")]
        {
            if (namespace, kernel) == ("new", "old") && !on_old_kernels {
                continue; // as the header says
            }
            let what = format!("{how}, {namespace} namespace, {kernel} kernel");
            let emulator = Emulator::start_tls(cert, key, &[]);
            let relay = Relay::start(emulator.port());
            let endpoint = format!("https://127.0.0.1:{}", relay.port());
            let case = [namespace, kernel, how];
            if !ran(&what, &run(Program::new(&program), &endpoint, case)) {
                continue;
            }
            let beginnings = relay.beginnings();
            // A ClientHello: record header, message header, version, random number.
            let randoms: BTreeSet<_> = beginnings.iter().map(|bytes| &bytes[11..43]).collect();
            assert_eq!(randoms.len(), beginnings.len(), "{what}: TLS connections share keys");
            if how != "threads" {
                assert_eq!(beginnings.len(), processes, "{what}: a TLS connection for each");
            }

            let emulator = Emulator::start(&["--sts", "STS.id:secret:token"]);
            let keys = Stub::start(vec![Reply::SendAndClose(KEY.to_vec())]);
            let host = without_key(&program).env("ALIBABA_CLOUD_CREDENTIALS_URI", keys.url());
            assert!(ran(&what, &run(host, emulator.url(), case)));
            assert_eq!(keys.requests().len(), processes, "{what}: an access key for each");
            if how != "threads" {
                let requests = emulator.requests();
                let connections: BTreeSet<_> =
                    requests.iter().map(|request| request["connection"].to_string()).collect();
                assert_eq!(connections.len(), processes, "{what}: a connection for each");
            }
        }
    }
}

#[test]
fn a_name_service_that_hangs_costs_sixteen_threads() {
    let directory = scratch("names");
    let (hangs, log) = (directory.join("hangs"), directory.join("log"));
    fs::write(&hangs, "").unwrap();
    let emulator = Emulator::start(&[]);
    let printed = Program::new(compile("tests/fixtures/c/lookups.c", &[]))
        .env("LD_PRELOAD", compile_preload("tests/fixtures/c/name_service.c"))
        .env("NAME_SERVICE_HANGS", &hangs)
        .env("NAME_SERVICE_LOG", &log)
        .with_chain()
        .arg(emulator.port().to_string())
        .arg("1000")
        .arg(&hangs)
        .succeed();
    println!("{printed}");
    assert_eq!(emulator.certificates().len(), 40);
}

/// `tests/fixtures/c/daemon.c` over HTTP and HTTPS.
#[test]
fn a_daemon_may_close_all_descriptors() {
    let program = compile("tests/fixtures/c/daemon.c", &[]);
    let [cert, key] = chain().files();
    for emulator in [Emulator::start(&[]), Emulator::start_tls(cert, key, &[])] {
        let daemon = Program::new(&program).arg(emulator.url()).with_chain();
        let outcome = daemon.arg(&chain().root).run();
        assert_eq!(outcome.code, Some(0), "{}: {outcome:?}", emulator.url());
    }
}
