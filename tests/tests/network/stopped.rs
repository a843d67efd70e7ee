//! A process that is stopped until after its deadline, while the response arrives.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use acceptance::limits::WAIT;
use acceptance::network::odd::Odd;
use acceptance::{Outcome, Process, chain, report, run};

/// Half of it is for the first attempt. The process must be stopped before that has passed.
const TIMEOUT: Duration = Duration::from_secs(8);

fn signal(process: &Process, name: &str) {
    run(Command::new("kill").arg(format!("-{name}")).arg(process.id().to_string()));
}

fn is_stopped(process: &Process) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).unwrap();
    stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
}

/// Stops an upload while it waits for its response, has `sent` of the response sent, and continues
/// it after `pause`.
fn stopped(version: &str, sent: &str, pause: Duration) -> Outcome {
    let mut server = Odd::start(version, "wait", "0");
    let [cert, key] = chain().files();
    let timeout = TIMEOUT.as_millis().to_string();
    let settings = [("CAS_CA_FILE", chain().root.to_str().unwrap()), ("CAS_TIMEOUT_MS", &timeout)];
    let process = report(&server.url, &settings, "web", cert, key).start();
    assert_eq!(server.lines(1), ["1"]);
    signal(&process, "STOP");
    let started = std::time::Instant::now();
    while !is_stopped(&process) {
        assert!(started.elapsed() < WAIT);
        thread::yield_now();
    }
    server.send(sent);
    thread::sleep(pause);
    signal(&process, "CONT");
    process.finish()
}

#[test]
fn a_response_that_has_arrived_is_read_after_the_deadline() {
    // The attempt's own limit, and that of the call.
    let pauses = [TIMEOUT / 2, TIMEOUT];
    thread::scope(|scope| {
        for version in ["none", "TLSv1_2", "TLSv1_3"] {
            for pause in pauses {
                scope.spawn(move || {
                    let outcome = stopped(version, "all", pause);
                    let expected = [("status", "CAS_OK"), ("cert_id", "1"), ("attempts", "1")];
                    outcome.assert_fields(&expected);
                });
            }
            scope.spawn(move || {
                // The rest is not waited for.
                let outcome = stopped(version, "half", TIMEOUT);
                let expected = [("status", "CAS_ERR_OUTCOME_UNKNOWN"), ("attempts", "1")];
                outcome.assert_fields(&expected);
            });
        }
    });
}
