//! Faults: what exactly arrives, what was processed, and the control interface for them.

use std::io::ErrorKind;
use std::thread;

use cas_emulator::{Emulator, FaultError, StartError};
use serde_json::{Value, json};

use crate::client::{Call, Connection, certificate, control, control_with};
use crate::http::over_tls;

fn with(fault: &str) -> Emulator {
    Emulator::builder().fault(fault).start().unwrap()
}

fn list() -> Call {
    Call::first("DescribeUserCertificateList")
}

/// An upload to `emulator`, whatever comes of it: all that arrives, and how the connection ended.
fn upload(emulator: &Emulator, name: &str) -> (String, std::io::Result<usize>) {
    let (cert, key) = certificate();
    let mut connection = Connection::open(emulator.port());
    let request = String::from_utf8(Call::upload(name, &cert, &key).bytes()).unwrap();
    connection.send(request.replacen("\r\n", "\r\nConnection: close\r\n", 1).as_bytes());
    let (bytes, ended) = connection.rest();
    (String::from_utf8(bytes).unwrap(), ended)
}

fn stored(emulator: &Emulator) -> usize {
    emulator.certificates().unwrap().len()
}

/// Status, code and fault of the last request.
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
fn garbage_and_nothing_are_answered_with_200_on_a_connection_that_stays() {
    let emulator = with(r#"[{"kind":"garbage"},{"kind":"empty"},{"kind":"garbage"}]"#);
    let (cert, key) = certificate();
    let mut connection = Connection::open(emulator.port());
    let garbage = connection.exchange(&Call::upload("a", &cert, &key).bytes());
    assert_eq!((garbage.status, garbage.body.as_str()), (200, "this is no answer"));
    let empty = connection.exchange(&Call::upload("b", &cert, &key).bytes());
    assert_eq!(
        (empty.status, empty.header("content-length"), empty.body.as_str()),
        (200, Some("0"), "")
    );
    assert_eq!(stored(&emulator), 2);
    // Whatever the call came to.
    let refused = connection.exchange(&Call::upload("b", &cert, &key).bytes());
    assert_eq!((refused.status, refused.body.as_str()), (200, "this is no answer"));
    assert_eq!(recorded(&emulator), json!([200, "NameRepeat", "garbage"]));
    assert_eq!(connection.exchange(&Call::upload("c", &cert, &key).bytes()).cert_id(), 3);
}

#[test]
fn an_error_is_answered_in_the_asked_format_and_nothing_processed() {
    let emulator = with(
        r#"[{"kind":"error"},
            {"kind":"error","status":429,"code":"Slow<Down>","message":"m","headers":{"x-acs-retry-after":"200","Date":"Thu, 01 Jan 2015 00:00:00 GMT"}}]"#,
    );
    let (cert, key) = certificate();
    let call = || Call::upload("a", &cert, &key);
    let first = call().send(emulator.port());
    let request_id = first.header("x-acs-request-id").unwrap();
    let expected = json!({
        "RequestId": request_id, "HostId": "cas.aliyuncs.com", "Code": "ServiceUnavailable",
        "Message": "The request has failed due to a temporary failure of the server.",
        "Recommend": format!("https://api.aliyun.com/troubleshoot?q=ServiceUnavailable&product=cas&requestId={request_id}"),
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
    assert_eq!((stored(&emulator), call().send(emulator.port()).cert_id()), (0, 1));
}

#[test]
fn no_cert_id_is_a_success_without_it() {
    let emulator = with(r#"{"kind":"no-cert-id","times":2}"#);
    let (cert, key) = certificate();
    let first = Call::upload("a", &cert, &key).send(emulator.port());
    assert_eq!((first.status, first.json().get("CertId")), (200, None));
    assert_eq!(first.json()["Code"], "200");
    let second = Call::upload_second("b", &cert, &key).send(emulator.port());
    assert_eq!((second.status, second.json().get("CertId")), (200, None));
    assert_eq!(second.json()["ResourceId"], "cas-upload-000002");
    assert_eq!(Call::upload("c", &cert, &key).send(emulator.port()).cert_id(), 3);
}

#[test]
fn a_retired_version_stays_away_and_the_other_is_there() {
    let (cert, key) = certificate();
    for (fault, status, code) in [
        (r#"{"kind":"retired"}"#, 404, "InvalidAction.NotFound"),
        (r#"{"kind":"retired","code":"InvalidAction.NotFound"}"#, 404, "InvalidAction.NotFound"),
        (r#"{"kind":"retired","code":"InvalidVersion"}"#, 400, "InvalidVersion"),
    ] {
        let emulator = with(fault);
        for call in
            [Call::upload("a", &cert, &key), list(), Call::first("DeleteUserCertificate"), list()]
        {
            let answer = call.send(emulator.port());
            assert_eq!((answer.status, answer.code().as_str()), (status, code));
        }
        assert_eq!(stored(&emulator), 0);
        assert_eq!(Call::upload_second("a", &cert, &key).send(emulator.port()).cert_id(), 1);
    }
}

#[test]
fn what_lags_is_in_no_list_but_everywhere_else() {
    let emulator = with(r#"{"kind":"lag","ms":4294967295}"#);
    let port = emulator.port();
    let (cert, key) = certificate();
    assert_eq!(Call::upload("a", &cert, &key).send(port).cert_id(), 1);
    assert_eq!(recorded(&emulator), json!([200, null, "lag"]));
    emulator.clear_faults();
    assert_eq!(Call::upload_second("b", &cert, &key).send(port).cert_id(), 2);

    let first = list().send(port).json();
    assert_eq!((&first["TotalCount"], &first["CertificateList"][0]["id"]), (&1.into(), &2.into()));
    let second =
        Call::second("ListUserCertificateOrder").set("OrderType", "UPLOAD").send(port).json();
    assert_eq!(
        (&second["TotalCount"], &second["CertificateOrderList"][0]["CertificateId"]),
        (&1.into(), &2.into())
    );
    assert_eq!(Call::upload("a", &cert, &key).send(port).code(), "NameRepeat");
    let detail = Call::second("GetUserCertificateDetail").set("CertId", "1").send(port);
    assert_eq!(detail.json()["Name"], "a");
    assert_eq!(stored(&emulator), 2);
    assert_eq!(Call::first("DeleteUserCertificate").set("CertId", "1").send(port).status, 200);
}

#[test]
fn what_lags_appears_at_last() {
    let emulator = with(r#"{"kind":"lag","ms":300}"#);
    let (cert, key) = certificate();
    let before = std::time::Instant::now();
    assert_eq!(Call::upload("a", &cert, &key).send(emulator.port()).cert_id(), 1);
    loop {
        let total = list().send(emulator.port()).json()["TotalCount"].clone();
        if total == 1 {
            break;
        }
        assert_eq!(total, 0);
    }
    assert!(before.elapsed() >= std::time::Duration::from_millis(300));
}

#[test]
fn a_lost_answer_and_a_lag_come_together() {
    let emulator = with(r#"[{"kind":"drop-after"},{"kind":"lag","ms":4294967295}]"#);
    assert_eq!(upload(&emulator, "a").0, "");
    assert_eq!((stored(&emulator), recorded(&emulator)), (1, json!([null, null, "drop-after"])));
    assert_eq!(list().send(emulator.port()).json()["TotalCount"], 0);
}

/// An hour would be too long for the test: that it ends shows that the stop ends the waiting.
#[test]
fn a_delay_is_before_the_work_and_ends_with_the_server() {
    for (kind, stored_meanwhile) in [("delay", 0), ("delay-after", 1)] {
        let emulator = with(&format!(r#"{{"kind":"{kind}","ms":3600000}}"#));
        let (cert, key) = certificate();
        let mut connection = Connection::open(emulator.port());
        connection.send(&Call::upload("a", &cert, &key).bytes());
        while emulator.faults()[0].left() != Some(0) || stored(&emulator) < stored_meanwhile {
            thread::yield_now();
        }
        assert_eq!(stored(&emulator), stored_meanwhile, "{kind}");
        emulator.stop();
        let answer = connection.answer();
        assert_eq!((answer.cert_id(), answer.header("connection")), (1, Some("close")), "{kind}");
    }
}

#[test]
fn delays_last_as_long_as_they_were_asked_to() {
    let emulator = with(r#"[{"kind":"delay","ms":200},{"kind":"delay-after","ms":200}]"#);
    for _ in 0..2 {
        let before = std::time::Instant::now();
        assert_eq!(list().send(emulator.port()).status, 200);
        assert!(before.elapsed() >= std::time::Duration::from_millis(200));
    }
}

#[test]
fn faults_take_calls_by_action_skip_and_times_good_signature_or_not() {
    let emulator = with(
        r#"[{"action":"CreateUserCertificate","kind":"error","status":500,"code":"One","skip":1,"times":2},
            {"action":"CreateUserCertificate","kind":"error","status":500,"code":"Two"},
            {"action":"*","kind":"error","status":500,"code":"Any","skip":2}]"#,
    );
    let port = emulator.port();
    let bad = || Call::upload("n", "c", "k").secret("wrong").send(port).code();
    // The first call is skipped by One and taken by Two; the third list is the first that Any does not skip.
    assert_eq!([bad(), bad(), bad()], ["Two", "One", "One"]);
    assert_eq!([bad(), bad()], ["SignatureDoesNotMatch", "SignatureDoesNotMatch"]);
    assert_eq!(list().without("Signature").send(port).code(), "Any");
    assert_eq!(list().send(port).status, 200);
    let left: Vec<_> = emulator.faults().iter().map(|fault| (fault.kind(), fault.left())).collect();
    assert_eq!(left, [("error", Some(0)); 3]);
}

#[test]
fn a_call_without_an_action_is_anybodys() {
    let emulator =
        with(r#"[{"action":"CreateUserCertificate","kind":"empty"},{"kind":"garbage"}]"#);
    let answer = Connection::open(emulator.port()).exchange(b"GET /elsewhere HTTP/1.1\r\n\r\n");
    assert_eq!(answer.body, "this is no answer");
    assert_eq!(emulator.faults()[0].left(), Some(1));
    // The control interface is no call.
    assert_eq!(control(emulator.port(), "GET", "/_emulator/health").status, 200);
}

#[test]
fn the_control_interface_adds_lists_and_forgets_faults() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let faults = |method: &str, body: &str| control_with(port, method, "/_emulator/faults", body);
    let one = json!({"action": "CreateUserCertificate", "kind": "error", "code": "X", "skip": 1, "times": 3, "left": 3});
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

    // All or none.
    let refused = faults("POST", r#"[{"kind":"empty"},{"kind":"full"}]"#);
    assert_eq!(refused.status, 400);
    assert!(
        refused.json()["error"].as_str().unwrap().starts_with("there is no kind \"full\""),
        "{}",
        refused.body
    );
    assert_eq!(faults("POST", "").status, 400);
    assert_eq!(faults("POST", "{\"kind\":\"empty\",\"time\":1}").status, 400);
    assert_eq!(faults("GET", "").body, "[]");
    let refused = faults("PUT", "[]");
    assert_eq!(refused.status, 405);
    assert!(
        refused.json()["error"].as_str().unwrap().contains("DELETE /_emulator/faults"),
        "{}",
        refused.body
    );

    assert_eq!(faults("POST", r#"{"kind":"drop-before"}"#).status, 200);
    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(faults("GET", "").body, "[]");
}

#[test]
fn a_fault_that_is_none_is_refused_by_the_library() {
    let refused = Emulator::builder().fault("{}").start();
    assert!(
        matches!(&refused, Err(StartError::Option(said)) if said.starts_with("a fault needs a kind"))
    );
    let emulator = Emulator::start().unwrap();
    let refused: FaultError =
        emulator.add_faults(r#"[{"kind":"empty"},{"kind":"empty","times":0}]"#).unwrap_err();
    assert_eq!(refused.to_string(), "\"times\" is a whole number from 1 on, not 0");
    assert!(emulator.faults().is_empty());
    emulator.add_faults(r#"{"kind":"empty"}"#).unwrap();
    assert_eq!((emulator.faults()[0].action(), emulator.faults()[0].kind()), ("*", "empty"));
}

#[test]
fn a_fault_on_a_kept_connection_ends_what_was_pipelined() {
    let emulator = with(r#"{"kind":"drop-after","skip":1}"#);
    let mut connection = Connection::open(emulator.port());
    let calls: Vec<u8> = (0..2).flat_map(|_| list().bytes()).collect();
    connection.send(&calls);
    assert_eq!(connection.answer().status, 200);
    assert!(connection.is_closed());
    assert_eq!(emulator.requests().len(), 2);
}

#[test]
fn faults_cut_a_tls_connection_without_saying_goodbye() {
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
