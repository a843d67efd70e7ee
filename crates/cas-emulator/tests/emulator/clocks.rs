//! The clock of expiry, and that of signatures.

use std::time::{Duration, SystemTime};

use cas_emulator::Emulator;
use serde_json::json;

use crate::api::calls::orders;
use crate::certificates::certificate_for;
use crate::client::{Call, Response, control, control_with, timestamp};
use crate::process::Process;

const DAY: Duration = Duration::from_secs(86_400);

fn set_clock(port: u16, time: Option<SystemTime>) -> Response {
    let body = json!({"now": time.map(timestamp)}).to_string();
    control_with(port, "PUT", "/_emulator/clock", &body)
}

/// Status and remaining days of the only certificate.
fn state(port: u16) -> (&'static str, u64) {
    let is_listed =
        |status: &&str| orders().set("Status", status).send(port).json()["TotalCount"] == 1;
    let listed = ["ISSUED", "WILLEXPIRED", "EXPIRED"].into_iter().filter(is_listed);
    let [status] = *listed.collect::<Vec<_>>() else { panic!("not exactly one status") };
    let all = Call::v2018("DescribeUserCertificateList").send(port).json();
    let cert_id = all["CertificateList"][0]["id"].to_string();
    let detail = Call::v2020("GetUserCertificateDetail").set("CertId", &cert_id).send(port).json();
    assert_eq!(detail["Expired"], status == "EXPIRED");
    (status, detail["CertChain"][0]["RemainDay"].as_u64().unwrap())
}

#[test]
fn expiry_follows_a_clock_that_can_be_set_and_signatures_do_not() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate_for("x.example.com", 100);
    Call::create("a", &cert, &key).send(port).cert_id();
    let now = SystemTime::now();
    assert_eq!(state(port).0, "ISSUED");
    let set = |days: u32| assert_eq!(set_clock(port, Some(now + days * DAY)).status, 200);
    set(75);
    let (status, days) = state(port);
    assert_eq!(status, "WILLEXPIRED");
    assert!((23..=25).contains(&days), "{days}");
    set(400);
    assert_eq!(state(port), ("EXPIRED", 0));
    let shown = control(port, "GET", "/_emulator/clock").json();
    assert!(shown["now"].as_str().unwrap() >= timestamp(now + 400 * DAY).as_str());
    // Records have the real time.
    assert!(emulator.requests().last().unwrap().time < now + DAY);

    assert_eq!(set_clock(port, None).status, 200);
    assert_eq!(state(port).0, "ISSUED");
    set(400);
    emulator.set_now(None);
    assert_eq!(state(port).0, "ISSUED");

    let invalid = ["", "{}", "[]", r#"{"now":1}"#, r#"{"now":"soon"}"#, r#"{"now":null,"a":1}"#];
    for body in invalid {
        let response = control_with(port, "PUT", "/_emulator/clock", body);
        assert_eq!(response.status, 400, "{body}");
        assert!(response.json()["error"].as_str().unwrap().contains("2027-01-31T00:00:00Z"));
    }
}

#[test]
fn the_program_starts_at_any_time_and_a_reset_returns_there() {
    let start = SystemTime::now() + 1_000 * DAY;
    let process = Process::start(&["--now", &timestamp(start)]);
    let port = process.port;
    let is_at = |time: SystemTime| {
        let clock = control(port, "GET", "/_emulator/clock").json();
        (timestamp(time)..timestamp(time + DAY)).contains(&clock["now"].as_str().unwrap().into())
    };
    assert!(is_at(start));
    let (cert, key) = certificate_for("x.example.com", 100);
    Call::create("a", &cert, &key).send(port).cert_id();
    assert_eq!(state(port), ("EXPIRED", 0));
    set_clock(port, Some(start + 10 * DAY));
    assert!(is_at(start + 10 * DAY));
    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert!(is_at(start));
}

#[test]
fn an_offset_of_the_clock_of_signatures_leaves_that_of_expiry() {
    let process = Process::start(&["--clock-offset", &(300 * DAY.as_secs()).to_string()]);
    let clock = control(process.port, "GET", "/_emulator/clock").json();
    let now = SystemTime::now();
    let expected = timestamp(now - DAY)..timestamp(now + DAY);
    assert!(expected.contains(&clock["now"].as_str().unwrap().to_owned()), "{clock}");
}
