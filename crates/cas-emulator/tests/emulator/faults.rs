//! Faults: what the client receives, what was processed, and how faults are added.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use cas_emulator::{Emulator, FaultError, StartError};
use serde_json::{Value, json};

use crate::api::calls::names;
use crate::certificates::certificate;
use crate::client::{Call, Connection, control, control_with};
use crate::http::over_tls;

/// How long a test waits for something that takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

fn with(fault: &str) -> Emulator {
    Emulator::builder().fault(fault).start().unwrap()
}

fn list() -> Call {
    Call::v2018("DescribeUserCertificateList")
}

/// Uploads a certificate. Returns all that arrives, and how the connection ended.
fn upload(emulator: &Emulator, name: &str) -> (String, std::io::Result<usize>) {
    let (cert, key) = certificate();
    let mut connection = Connection::open(emulator.port());
    let request = String::from_utf8(Call::create(name, &cert, &key).bytes()).unwrap();
    connection.send(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes());
    let (bytes, ended) = connection.rest();
    (String::from_utf8(bytes).unwrap(), ended)
}

fn stored(emulator: &Emulator) -> usize {
    emulator.certificates().unwrap().len()
}

/// Status, code and fault of the last recorded request.
fn recorded(emulator: &Emulator) -> Value {
    let requests = control(emulator.port(), "GET", "/_emulator/requests").json();
    let last = requests.as_array().unwrap().last().unwrap();
    json!([last["status"], last["code"], last["fault"]])
}

#[test]
fn drop_before_closes_and_processes_nothing() {
    let emulator = with(r#"{"kind":"drop-before"}"#);
    let (text, ended) = upload(&emulator, "a");
    assert_eq!((text.as_str(), ended.ok(), stored(&emulator)), ("", Some(0), 0));
    assert_eq!(recorded(&emulator), json!([null, null, "drop-before"]));
    assert_eq!(upload(&emulator, "a").0.get(..15), Some("HTTP/1.1 200 OK"));
    assert_eq!(recorded(&emulator), json!([200, null, null]));
}

#[test]
fn drop_after_processes_and_closes() {
    let emulator = with(r#"{"kind":"drop-after","times":2}"#);
    let (text, ended) = upload(&emulator, "a");
    assert_eq!((text.as_str(), ended.ok(), stored(&emulator)), ("", Some(0), 1));
    assert_eq!(recorded(&emulator), json!([null, null, "drop-after"]));
    assert_eq!(upload(&emulator, "a").0, "");
    assert_eq!(recorded(&emulator), json!([null, "NameRepeat", "drop-after"]));
}

#[test]
fn reset_processes_and_resets() {
    let emulator = with(r#"{"kind":"reset"}"#);
    let (text, ended) = upload(&emulator, "a");
    assert_eq!((text.as_str(), stored(&emulator)), ("", 1));
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(recorded(&emulator), json!([null, null, "reset"]));
}

#[test]
fn truncate_sends_the_whole_head_and_half_the_body() {
    let emulator = with(r#"{"kind":"truncate"}"#);
    let (text, ended) = upload(&emulator, "a");
    assert!(ended.is_ok());
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    assert_eq!(body.len(), length.parse::<usize>().unwrap() / 2);
    assert!(
        head.starts_with("HTTP/1.1 200 OK\r\n") && body.starts_with("{\"RequestId\":\""),
        "{text}"
    );
    assert_eq!((stored(&emulator), recorded(&emulator)), (1, json!([200, null, "truncate"])));
}

#[test]
fn garbage_and_empty_respond_with_200_and_keep_the_connection() {
    let emulator = with(r#"[{"kind":"garbage"},{"kind":"empty"},{"kind":"garbage"}]"#);
    let (cert, key) = certificate();
    let mut connection = Connection::open(emulator.port());
    let garbage = connection.exchange(&Call::create("a", &cert, &key).bytes());
    assert_eq!((garbage.status, garbage.body.as_str()), (200, "neither JSON nor XML"));
    let empty = connection.exchange(&Call::create("b", &cert, &key).bytes());
    assert_eq!(
        (empty.status, empty.header("content-length"), empty.body.as_str()),
        (200, Some("0"), "")
    );
    assert_eq!(stored(&emulator), 2);
    // Also if the call fails.
    let rejected = connection.exchange(&Call::create("b", &cert, &key).bytes());
    assert_eq!((rejected.status, rejected.body.as_str()), (200, "neither JSON nor XML"));
    assert_eq!(recorded(&emulator), json!([200, "NameRepeat", "garbage"]));
    assert_eq!(connection.exchange(&Call::create("c", &cert, &key).bytes()).cert_id(), 10_000_002);
}

#[test]
fn error_responds_in_the_requested_format_and_processes_nothing() {
    let emulator = with(
        r#"[{"kind":"error"},
            {"kind":"error","status":429,"code":"Slow<Down>","message":"m",
             "headers":{"x-acs-retry-after":"200","Date":"Thu, 01 Jan 2015 00:00:00 GMT"}}]"#,
    );
    let (cert, key) = certificate();
    let call = || Call::create("a", &cert, &key);
    let first = call().send(emulator.port());
    let request_id = first.header("x-acs-request-id").unwrap();
    let url = "https://api.aliyun.com/troubleshoot";
    let expected = json!({
        "RequestId": request_id, "HostId": "cas.aliyuncs.com", "Code": "ServiceUnavailable",
        "Message": "The request has failed due to a temporary failure of the server.",
        "Recommend": format!("{url}?q=ServiceUnavailable&product=cas&requestId={request_id}"),
    });
    assert_eq!((first.status, first.json()), (503, expected));
    assert_eq!(recorded(&emulator), json!([503, "ServiceUnavailable", "error"]));
    let second = call().set("Format", "XML").send(emulator.port());
    assert_eq!((second.status, second.header("x-acs-retry-after")), (429, Some("200")));
    assert_eq!(second.header("date"), Some("Thu, 01 Jan 2015 00:00:00 GMT"));
    assert_eq!(second.header("content-type"), Some("text/xml;charset=utf-8"));
    assert!(
        second.body.ends_with("<Code>Slow&lt;Down&gt;</Code><Message>m</Message></Error>"),
        "{}",
        second.body
    );
    assert_eq!((stored(&emulator), call().send(emulator.port()).cert_id()), (0, 10_000_000));
}

#[test]
fn no_cert_id_is_a_success_without_cert_id() {
    let emulator = with(r#"{"kind":"no-cert-id","times":2}"#);
    let (cert, key) = certificate();
    let first = Call::create("a", &cert, &key).send(emulator.port());
    assert_eq!((first.status, first.json().get("CertId")), (200, None));
    assert_eq!(names(&first.json()), ["RequestId"]);
    let second = Call::upload("b", &cert, &key).send(emulator.port());
    assert_eq!((second.status, second.json().get("CertId")), (200, None));
    assert_eq!(second.json()["ResourceId"], "cas-upload-05yc1t");
    assert_eq!(Call::create("c", &cert, &key).send(emulator.port()).cert_id(), 10_000_002);
}

#[test]
fn retired_affects_every_call_of_version_2018_only() {
    let (cert, key) = certificate();
    for (fault, status, code) in [
        (r#"{"kind":"retired"}"#, 404, "InvalidAction.NotFound"),
        (r#"{"kind":"retired","code":"InvalidAction.NotFound"}"#, 404, "InvalidAction.NotFound"),
        (r#"{"kind":"retired","code":"InvalidVersion"}"#, 400, "InvalidVersion"),
    ] {
        let emulator = with(fault);
        for call in
            [Call::create("a", &cert, &key), list(), Call::v2018("DeleteUserCertificate"), list()]
        {
            let response = call.send(emulator.port());
            assert_eq!((response.status, response.code().as_str()), (status, code));
        }
        assert_eq!(stored(&emulator), 0);
        assert_eq!(Call::upload("a", &cert, &key).send(emulator.port()).cert_id(), 10_000_000);
    }
}

#[test]
fn lag_hides_a_certificate_from_lists_only() {
    let emulator = with(r#"{"kind":"lag","ms":4294967295}"#);
    let port = emulator.port();
    let (cert, key) = certificate();
    assert_eq!(Call::create("a", &cert, &key).send(port).cert_id(), 10_000_000);
    assert_eq!(recorded(&emulator), json!([200, null, "lag"]));
    emulator.clear_faults();
    assert_eq!(Call::upload("b", &cert, &key).send(port).cert_id(), 10_000_001);

    let first = list().send(port).json();
    assert_eq!(
        (&first["TotalCount"], &first["CertificateList"][0]["id"]),
        (&1.into(), &10_000_001.into())
    );
    let second =
        Call::v2020("ListUserCertificateOrder").set("OrderType", "UPLOAD").send(port).json();
    assert_eq!(
        (&second["TotalCount"], &second["CertificateOrderList"][0]["CertificateId"]),
        (&1.into(), &10_000_001.into())
    );
    assert_eq!(Call::create("a", &cert, &key).send(port).code(), "NameRepeat");
    let detail = Call::v2020("GetUserCertificateDetail").set("CertId", "10000000").send(port);
    assert_eq!(detail.json()["Name"], "a");
    assert_eq!(stored(&emulator), 2);
    assert_eq!(
        Call::v2018("DeleteUserCertificate").set("CertId", "10000000").send(port).status,
        200
    );
}

#[test]
fn lag_ends_after_its_time() {
    let emulator = with(r#"{"kind":"lag","ms":300}"#);
    let (cert, key) = certificate();
    let before = Instant::now();
    assert_eq!(Call::create("a", &cert, &key).send(emulator.port()).cert_id(), 10_000_000);
    loop {
        let total = list().send(emulator.port()).json()["TotalCount"].clone();
        if total == 1 {
            break;
        }
        assert_eq!(total, 0);
        assert!(before.elapsed() < LIMIT, "the certificate never appeared");
    }
    assert!(before.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_lag_combines_with_other_faults() {
    let emulator = with(r#"[{"kind":"drop-after"},{"kind":"lag","ms":4294967295}]"#);
    assert_eq!(upload(&emulator, "a").0, "");
    assert_eq!((stored(&emulator), recorded(&emulator)), (1, json!([null, null, "drop-after"])));
    assert_eq!(list().send(emulator.port()).json()["TotalCount"], 0);
}

/// The delay is an hour, so the test also shows that stopping ends it.
#[test]
fn delay_waits_before_processing_and_delay_after_does_not() {
    for (kind, stored_meanwhile) in [("delay", 0), ("delay-after", 1)] {
        let emulator = with(&format!(r#"{{"kind":"{kind}","ms":3600000}}"#));
        let (cert, key) = certificate();
        let mut connection = Connection::open(emulator.port());
        connection.send(&Call::create("a", &cert, &key).bytes());
        let before = Instant::now();
        while emulator.faults()[0].left() != Some(0) || stored(&emulator) < stored_meanwhile {
            assert!(before.elapsed() < LIMIT, "{kind} does not start");
            thread::yield_now();
        }
        assert_eq!(stored(&emulator), stored_meanwhile, "{kind}");
        emulator.stop();
        let response = connection.response();
        assert_eq!(
            (response.cert_id(), response.header("connection")),
            (10_000_000, Some("close")),
            "{kind}"
        );
    }
}

#[test]
fn delays_last_at_least_their_time() {
    let emulator = with(r#"[{"kind":"delay","ms":200},{"kind":"delay-after","ms":200}]"#);
    for _ in 0..2 {
        let before = Instant::now();
        assert_eq!(list().send(emulator.port()).status, 200);
        assert!(before.elapsed() >= Duration::from_millis(200));
    }
}

#[test]
fn faults_count_by_action_skip_and_times_even_without_a_valid_signature() {
    let emulator = with(
        r#"[{"action":"CreateUserCertificate","kind":"error","status":500,"code":"One","skip":1,
             "times":2},
            {"action":"CreateUserCertificate","kind":"error","status":500,"code":"Two"},
            {"action":"*","kind":"error","status":500,"code":"Any","skip":2}]"#,
    );
    let port = emulator.port();
    let bad = || Call::create("n", "c", "k").secret("wrong").send(port).code();
    // One skips the first call, so Two affects it. Any skips the two calls that no other affects.
    assert_eq!([bad(), bad(), bad()], ["Two", "One", "One"]);
    assert_eq!([bad(), bad()], ["SignatureDoesNotMatch", "SignatureDoesNotMatch"]);
    assert_eq!(list().without("Signature").send(port).code(), "Any");
    assert_eq!(list().send(port).status, 200);
    let left: Vec<_> = emulator.faults().iter().map(|fault| (fault.kind(), fault.left())).collect();
    assert_eq!(left, [("error", Some(0)); 3]);
}

#[test]
fn a_call_without_an_action_matches_any_action() {
    let emulator =
        with(r#"[{"action":"CreateUserCertificate","kind":"empty"},{"kind":"garbage"}]"#);
    let response = Connection::open(emulator.port()).exchange(b"GET /elsewhere HTTP/1.1\r\n\r\n");
    assert_eq!(response.body, "neither JSON nor XML");
    assert_eq!(emulator.faults()[0].left(), Some(1));
    // Faults do not affect the control interface.
    assert_eq!(control(emulator.port(), "GET", "/_emulator/health").status, 200);
}

#[test]
fn the_control_interface_adds_lists_and_removes_faults() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let faults = |method: &str, body: &str| control_with(port, method, "/_emulator/faults", body);
    let one = json!({
        "action": "CreateUserCertificate", "kind": "error", "code": "X", "skip": 1, "times": 3,
        "left": 3,
    });
    let mut given = one.clone();
    given.as_object_mut().unwrap().remove("left");
    assert_eq!(faults("POST", &given.to_string()).json(), json!([one]));
    let more = faults("POST", r#"[{"kind":"empty"},{"kind":"lag","ms":1}]"#);
    assert_eq!(more.status, 200);
    let all = json!([one, {"kind": "empty", "left": 1}, {"kind": "lag", "ms": 1, "left": null}]);
    assert_eq!((more.json(), faults("GET", "").json()), (all.clone(), all));
    assert_eq!(list().send(port).body, "");
    assert_eq!(faults("GET", "").json()[1]["left"], 0);
    assert_eq!((faults("DELETE", "").body.as_str(), emulator.faults().len()), ("[]", 0));

    // If one fault is invalid, none is added.
    let rejected = faults("POST", r#"[{"kind":"empty"},{"kind":"full"}]"#);
    assert_eq!(rejected.status, 400);
    assert!(
        rejected.json()["error"]
            .as_str()
            .unwrap()
            .starts_with("invalid fault: unknown kind `full`, expected one of drop-before"),
        "{}",
        rejected.body
    );
    assert_eq!(faults("POST", "").status, 400);
    assert_eq!(faults("POST", "{\"kind\":\"empty\",\"time\":1}").status, 400);
    assert_eq!(faults("GET", "").body, "[]");
    let rejected = faults("PUT", "[]");
    assert_eq!(rejected.status, 405);
    assert!(
        rejected.json()["error"].as_str().unwrap().contains("DELETE /_emulator/faults"),
        "{}",
        rejected.body
    );

    assert_eq!(faults("POST", r#"{"kind":"drop-before"}"#).status, 200);
    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(faults("GET", "").body, "[]");
}

#[test]
fn the_library_rejects_invalid_faults() {
    let rejected = Emulator::builder().fault("{}").start();
    let Err(StartError::Option(message)) = rejected else { panic!("{rejected:?}") };
    assert!(message.starts_with("invalid fault: missing `kind`"), "{message}");
    let emulator = Emulator::start().unwrap();
    let rejected: FaultError =
        emulator.add_faults(r#"[{"kind":"empty"},{"kind":"empty","times":0}]"#).unwrap_err();
    assert_eq!(rejected.to_string(), "invalid fault: `times` must be at least 1");
    assert!(emulator.faults().is_empty());
    emulator.add_faults(r#"{"kind":"empty"}"#).unwrap();
    assert_eq!((emulator.faults()[0].action(), emulator.faults()[0].kind()), ("*", "empty"));
}

#[test]
fn a_fault_on_a_reused_connection_ends_the_pipeline() {
    let emulator = with(r#"{"kind":"drop-after","skip":1}"#);
    let mut connection = Connection::open(emulator.port());
    let calls: Vec<u8> = (0..2).flat_map(|_| list().bytes()).collect();
    connection.send(&calls);
    assert_eq!(connection.response().status, 200);
    assert!(connection.is_closed());
    assert_eq!(emulator.requests().len(), 2);
}

#[test]
fn faults_close_a_tls_connection_without_close_notify() {
    for (kind, ending) in [
        ("drop-before", ErrorKind::UnexpectedEof),
        ("drop-after", ErrorKind::UnexpectedEof),
        ("truncate", ErrorKind::UnexpectedEof),
        ("reset", ErrorKind::ConnectionReset),
    ] {
        let (emulator, mut connection) =
            over_tls(Emulator::builder().fault(&format!(r#"{{"kind":"{kind}","skip":1}}"#)));
        assert_eq!(connection.exchange(&list().bytes()).status, 200);
        connection.send(&list().bytes());
        let (bytes, ended) = connection.rest();
        assert_eq!(ended.unwrap_err().kind(), ending, "{kind}");
        let text = String::from_utf8(bytes).unwrap();
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body);
        assert_eq!(
            body.is_some_and(|body| body.starts_with("{\"TotalCount\":0,")),
            kind == "truncate",
            "{kind}: {text}"
        );
        assert_eq!(emulator.requests().len(), 2);
    }
}
