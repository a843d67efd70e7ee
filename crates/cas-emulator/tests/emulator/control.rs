//! The control interface: recorded requests, stored certificates, reset.

use cas_emulator::{Emulator, RecordedValue, SignatureKind};

use crate::certificates::certificate;
use crate::client::{Call, Connection, Shape, control, control_with, sign, timestamp};

#[test]
fn recorded_requests_contain_no_secrets() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::create("shown", &cert, &key).set("Lang", "en").shape(Shape::PostQueryAndForm);
    let request_id = call.send(port).header("x-acs-request-id").unwrap().to_owned();
    assert_eq!(call.send(port).code(), "SignatureNonceUsed");

    let requests = control(port, "GET", "/_emulator/requests").json();
    let first = &requests[0];
    assert_eq!(requests.as_array().unwrap().len(), 2);
    assert_eq!(
        (&first["method"], &first["action"]),
        (&"POST".into(), &"CreateUserCertificate".into())
    );
    assert_eq!(
        (&first["version"], &first["signature"]),
        (&"2018-07-13".into(), &"hmac-sha1".into())
    );
    assert_eq!((&first["status"], &first["code"]), (&200.into(), &serde_json::Value::Null));
    assert_eq!((&first["request_id"], &first["connection"]), (&request_id.into(), &1.into()));
    assert_eq!(
        (&requests[1]["connection"], &requests[1]["code"]),
        (&2.into(), &"SignatureNonceUsed".into())
    );
    let (target, _, body) = call.parts();
    assert_eq!(
        (&first["target_length"], &first["body_length"]),
        (&target.len().into(), &body.len().into())
    );
    assert_eq!(first["parameters"]["Name"], serde_json::json!({"in": ["form"], "value": "shown"}));
    assert_eq!(
        first["parameters"]["AccessKeyId"],
        serde_json::json!({"in": ["query"], "value": "testid"})
    );
    assert_eq!(first["parameters"]["Cert"]["value"], cert);
    let sha256 = ring::digest::digest(&ring::digest::SHA256, key.as_bytes());
    let sha256 =
        sha256.as_ref().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"));
    let hashed = serde_json::json!({"in": ["form"], "value": {"sha256": sha256}});
    assert_eq!(first["parameters"]["Key"], hashed);
    assert_eq!(first["parameters"]["Signature"]["value"]["sha256"].as_str().unwrap().len(), 64);

    let typed = &emulator.requests()[0];
    assert_eq!(typed.signature, Some(SignatureKind::HmacSha1));
    assert_eq!(typed.parameters["Key"].value, RecordedValue::Sha256(sha256));
}

#[test]
fn certificates_are_listed_and_reset_deletes_them() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::create("kept", &cert, &key);
    assert_eq!(call.send(port).cert_id(), 10_000_000);

    let stored = control(port, "GET", "/_emulator/certificates").json();
    let stored = &stored[0];
    assert_eq!((&stored["cert_id"], &stored["name"]), (&10_000_000.into(), &"kept".into()));
    assert_eq!(stored["common_name"], "rcgen self signed cert");
    assert_eq!(stored["sans"], serde_json::json!(["www.example.com", "example.com"]));
    assert_eq!(stored["algorithm"], "ECC");
    assert_eq!(stored["cert_pem"], cert);
    assert_eq!(stored["not_before"], "1975-01-01T00:00:00Z");
    assert_eq!(timestamp(emulator.certificates().unwrap()[0].not_after), "4096-01-01T00:00:00Z");

    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(control(port, "GET", "/_emulator/certificates").body, "[]");
    assert_eq!(control(port, "GET", "/_emulator/requests").body, "[]");
    // The same request again: nonce, name and ID are free.
    assert_eq!(call.send(port).cert_id(), 10_000_000);
}

#[test]
fn certificates_are_searched_and_paged() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["first", "Second", "证书"] {
        Call::create(name, &cert, &key).send(port).cert_id();
    }
    let ask = |query: &str| control(port, "GET", &format!("/_emulator/certificates?{query}"));
    let names = |query: &str| {
        let response = ask(query);
        let list = response.json();
        let names: Vec<_> = list.as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
        let total: usize = response.header("x-total-count").unwrap().parse().unwrap();
        (names.iter().map(|name| name.as_str().unwrap().to_owned()).collect::<Vec<_>>(), total)
    };
    let expected = |all: &[&str], total| (all.iter().map(ToString::to_string).collect(), total);
    assert_eq!(names(""), expected(&["first", "Second", "证书"], 3));
    assert_eq!(names("order=newest&limit=2"), expected(&["证书", "Second"], 3));
    assert_eq!(names("limit=1&offset=1"), expected(&["Second"], 3));
    assert_eq!(names("limit=0"), expected(&[], 3));
    assert_eq!(names("offset=7"), expected(&[], 3));
    assert_eq!(names("search=second"), expected(&["Second"], 1));
    assert_eq!(names("search=%E4%B9%A6"), expected(&["证书"], 1));
    assert_eq!(names("search=10000001"), expected(&["Second"], 1));
    let sha256 = ask("limit=1").json()[0]["sha256"].as_str().unwrap().to_lowercase();
    let of_fingerprint = format!("search={}&order=newest&limit=1", &sha256[5..30]);
    assert_eq!(names(&of_fingerprint), expected(&["证书"], 3));
    assert_eq!(names("search=www.example.com"), expected(&["first", "Second", "证书"], 3));
    assert_eq!(names("search=nothing"), expected(&[], 0));

    let all = ask("").json()[0].as_object().unwrap().clone();
    let mut summary = ask("fields=summary").json()[0].as_object().unwrap().clone();
    summary.insert("cert_pem".to_owned(), cert.clone().into());
    summary.insert("encrypt_cert_pem".to_owned(), "".into());
    assert_eq!(all, summary);

    // A deleted certificate is not found any more, and a reset forgets all.
    let delete = Call::v2020("DeleteUserCertificate").set("CertId", "10000001");
    assert_eq!(delete.send(port).status, 200);
    assert_eq!(names("search=example"), expected(&["first", "证书"], 2));
    assert_eq!(control(port, "POST", "/_emulator/reset").status, 200);
    assert_eq!(names("search=example"), expected(&[], 0));
    Call::create("again", &cert, &key).send(port).cert_id();
    assert_eq!(names("search=example"), expected(&["again"], 1));

    for invalid in ["limit=x", "offset=-1", "order=up", "fields=none"] {
        let refused = ask(invalid);
        let name = invalid.split('=').next().unwrap();
        assert_eq!(refused.status, 400, "{invalid}");
        let message = refused.json()["error"].as_str().unwrap().to_owned();
        assert!(message.starts_with(&format!("Invalid {name}: expected ")), "{message}");
    }
}

#[test]
fn a_long_list_comes_in_chunks_and_every_client_can_read_it() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let mut connection = Connection::open(port);
    let upload = |connection: &mut Connection, name: u32| {
        let call = Call::create(&name.to_string(), &cert, &key);
        connection.exchange(&call.bytes()).cert_id();
    };
    (0..10).for_each(|name| upload(&mut connection, name));
    let get = b"GET /_emulator/certificates HTTP/1.1\r\n\r\n";
    let short = connection.exchange(get);
    assert_eq!(short.header("content-length"), Some(&*short.body.len().to_string()));
    (10..600).for_each(|name| upload(&mut connection, name));
    let long = connection.exchange(get);
    assert_eq!(long.header("transfer-encoding"), Some("chunked"));
    assert_eq!(long.json().as_array().unwrap().len(), 600);
    // The connection can be used again.
    assert_eq!(connection.exchange(b"GET /_emulator/health HTTP/1.1\r\n\r\n").status, 200);
    connection.send(b"HEAD /_emulator/certificates HTTP/1.1\r\n\r\n");
    assert!(connection.head().starts_with("HTTP/1.1 200 OK"));
    assert_eq!(connection.exchange(b"GET /_emulator/health HTTP/1.1\r\n\r\n").status, 200);

    let mut old = Connection::open(port);
    old.send(b"GET /_emulator/certificates HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let (received, ended) = old.rest();
    assert!(ended.is_ok());
    let text = String::from_utf8(received).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("connection: close") && !head.contains("chunked"), "{head}");
    assert_eq!(body, long.body);
}

#[test]
fn unknown_paths_and_methods_list_the_available_ones() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let health = control(port, "GET", "/_emulator/health");
    assert_eq!(
        health.json(),
        serde_json::json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})
    );
    let unknown = control(port, "GET", "/_emulator/faultless");
    assert_eq!(unknown.status, 404);
    assert!(unknown.json()["error"].as_str().unwrap().contains("POST /_emulator/reset"));
    assert_eq!(control(port, "POST", "/_emulator/health").status, 405);
    assert_eq!(control(port, "GET", "/_emulator/reset").status, 405);
    assert!(emulator.requests().is_empty());
}

#[test]
fn unknown_query_parameters_are_refused_by_name() {
    let emulator = Emulator::start().unwrap();
    let error = |method: &str, path: &str| {
        let response = control(emulator.port(), method, path);
        assert_eq!(response.status, 400, "{method} {path}: {}", response.body);
        response.json()["error"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(
        error("GET", "/_emulator/requests?acton=x&code="),
        "Unknown query parameter \"acton\" of GET /_emulator/requests. Known: action, version, \
         name, code, since, after."
    );
    let listed = error("GET", "/_emulator/certificates?limt=1");
    assert!(listed.ends_with("Known: search, order, fields, offset, limit."), "{listed}");
    assert!(error("DELETE", "/_emulator/requests?action=x").ends_with("There are none."));
    assert!(error("POST", "/_emulator/reset?now").contains("\"now\""));
    assert_eq!(control(emulator.port(), "GET", "/_emulator/?x=1").status, 200);
}

#[test]
fn requests_are_filtered_and_cleared() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["a", "b", "a"] {
        Call::create(name, &cert, &key).send(port);
    }
    Call::v2018("DescribeUserCertificateDetail").set("CertId", "7").send(port);
    let count = |query: &str| {
        let path = format!("/_emulator/requests?{query}");
        control(port, "GET", &path).json().as_array().map(Vec::len)
    };
    assert_eq!(count(""), Some(4));
    assert_eq!(count("action=CreateUserCertificate"), Some(3));
    assert_eq!(count("action=CreateUserCertificate&name=a"), Some(2));
    assert_eq!(count("code=NameRepeat"), Some(1));
    assert_eq!(count("code="), Some(2));
    assert_eq!(count("since=2000-01-01T00:00:00Z&version=2018-07-13"), Some(4));
    assert_eq!(count("since=2100-01-01T00:00:00Z"), Some(0));
    let invalid = control(port, "GET", "/_emulator/requests?since=today");
    assert_eq!(invalid.status, 400);
    assert!(invalid.json()["error"].as_str().unwrap().starts_with("Invalid since: "));
    let last = emulator.requests().pop().unwrap().request_id;
    let cleared = control(port, "DELETE", "/_emulator/requests");
    assert_eq!((&*cleared.body, cleared.header("x-total-count")), ("[]", Some("0")));
    assert_eq!(count(""), Some(0));
    assert_eq!(count(&format!("after={last}")), Some(0));
    assert_eq!(emulator.certificates().unwrap().len(), 2);
}

#[test]
fn a_client_that_has_read_the_requests_reads_only_what_is_new() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let call = |action: &str| drop(Call::v2018(action).send(port));
    let ask = |query: &str| {
        let response = control(port, "GET", &format!("/_emulator/requests?{query}"));
        let total = response.header("x-total-count").unwrap().to_owned();
        let list = response.json();
        let list = list.as_array().unwrap().iter();
        (list.map(|it| it["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), total)
    };
    let id = |index: usize| emulator.requests()[index].request_id.clone();
    ["a", "b", "a", "c"].into_iter().for_each(call);
    assert_eq!(ask(""), (["a", "b", "a", "c"].map(str::to_owned).to_vec(), "4".to_owned()));
    assert_eq!(ask(&format!("after={}", id(1))).0, ["a", "c"]);
    let of_a = ask(&format!("action=a&after={}", id(0)));
    assert_eq!(of_a, (vec!["a".to_owned()], "2".to_owned()));
    assert_eq!(ask(&format!("after={}", id(3))), (Vec::new(), "4".to_owned()));
    // As if another emulator had it, and after it was forgotten.
    assert_eq!(ask("after=5D0F1B3C-0000-4000-8000-000000000000").0.len(), 4);
    let first = id(0);
    let mut connection = Connection::open(port);
    for _ in 0..1_000 {
        connection.exchange(&Call::v2018("d").bytes());
    }
    assert_eq!(ask("action=a").1, "0");
    assert_eq!(ask(&format!("after={first}")).0.len(), 1_000);
    assert_eq!(ask(&format!("after={}", id(989))).0, vec!["d"; 10]);
}

#[test]
fn expected_calls_are_verified_and_differences_are_explained() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for name in ["www", "www"] {
        Call::create(name, &cert, &key).send(port);
    }
    let verify = |json: &str| {
        let response = control_with(port, "POST", "/_emulator/verify", json);
        (response.status, response.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    for satisfied in [
        r#"{"calls": []}"#,
        r#"{"calls": [{"action": "CreateUserCertificate", "times": 2}], "nothing_else": true}"#,
        r#"{"calls": [{"name": "www", "code": ""}, {"code": "NameRepeat", "times": 1}]}"#,
        r#"{"calls": [{"action": "DeleteUserCertificate", "at_most": 0}]}"#,
        r#"{"calls": [{"version": "2018-07-13", "at_least": 1, "at_most": 2}]}"#,
    ] {
        assert_eq!(verify(satisfied), (200, String::new()), "{satisfied}");
    }

    let (status, text) = verify(
        r#"{"calls": [{"action": "CreateUserCertificate", "name": "www.", "times": 1},
                      {"name": "www", "times": 1}]}"#,
    );
    assert_eq!(status, 409);
    let lines: Vec<_> = text.lines().collect();
    let expected = "Expected 1 call of CreateUserCertificate with name \"www.\", received 0.";
    assert_eq!(lines[0], expected);
    assert!(lines[1].ends_with(r#" CreateUserCertificate "www", success: its name is "www""#));
    assert!(lines[2].ends_with(r#" CreateUserCertificate "www", NameRepeat: its name is "www""#));
    assert_eq!(lines[3], r#"Expected 1 call of any action with name "www", received 2."#);
    assert_eq!(lines.len(), 6);

    let (status, text) = verify(r#"{"calls": [{"code": ""}], "nothing_else": true}"#);
    assert_eq!((status, text.lines().next()), (409, Some("Expected nothing else, received 1.")));
    for invalid in ["", "[]", r#"{"calls": [{"acton": "x"}]}"#, r#"{"calls": [{"times": -1}]}"#] {
        let (status, text) = verify(invalid);
        assert!(status == 400 && text.starts_with("Invalid expectations: "), "{text}");
    }
}

#[test]
fn a_verdict_does_not_ignore_requests_that_are_no_longer_recorded() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let fill = || {
        let mut connection = Connection::open(port);
        let request = "GET /?Action=a&Name=early HTTP/1.1\r\nHost: test\r\n\r\n";
        connection.exchange(request.as_bytes());
        for _ in 0..1_000 {
            let request = "GET /?Action=b HTTP/1.1\r\nHost: test\r\n\r\n";
            connection.exchange(request.as_bytes());
        }
    };
    let verify = |json: &str| {
        let response = control_with(port, "POST", "/_emulator/verify", json);
        (response.status, response.json()["error"].as_str().unwrap_or_default().to_owned())
    };
    fill();
    for decided in [
        r#"{"calls": [{"action": "b"}]}"#,
        r#"{"calls": [{"action": "b", "at_least": 1000}]}"#,
        r#"{"calls": [{"action": "c", "at_most": 1}]}"#,
        r#"{"calls": [{}], "nothing_else": true}"#,
    ] {
        assert_eq!(verify(decided).0, 200, "{decided}");
    }
    for exceeded in [
        r#"{"calls": [{"action": "b", "at_most": 999}]}"#,
        r#"{"calls": [{"action": "b", "times": 999}]}"#,
        r#"{"calls": [{"action": "a", "times": 2}]}"#,
        r#"{"calls": [], "nothing_else": true}"#,
    ] {
        let (status, text) = verify(exceeded);
        assert!(status == 409 && !text.contains("no room"), "{exceeded}: {text}");
    }
    for uncertain in [
        r#"{"calls": [{"action": "b", "times": 1000}]}"#,
        r#"{"calls": [{"action": "a", "at_most": 0}]}"#,
        r#"{"calls": [{"action": "a"}]}"#,
        r#"{"calls": [{"action": "b"}], "nothing_else": true}"#,
    ] {
        let (status, text) = verify(uncertain);
        let explained = text.contains("last 1000 requests. It had no room for 1 earlier");
        assert!(status == 409 && explained, "{uncertain}: {text}");
    }
    let absent = r#"{"calls": [{"action": "c", "times": 0}], "nothing_else": false}"#;
    assert_eq!(verify(absent).0, 409);
    control(port, "DELETE", "/_emulator/requests");
    assert_eq!(verify(absent).0, 200);
    fill();
    assert_eq!(verify(absent).0, 409);
    control(port, "POST", "/_emulator/reset");
    assert_eq!(verify(absent).0, 200);
}

#[test]
fn expectations_that_contradict_themselves_are_explained() {
    let emulator = Emulator::start().unwrap();
    for (call, sentence) in [
        (r#"{"at_most": -1}"#, "call 1: `at_most` must be a whole number from 0."),
        (r#"{"times": "2"}"#, "call 1: `times` must be a whole number from 0."),
        (r#"{"at_least": 3, "at_most": 2}"#, "call 1: `at_least` is 3, more than `at_most`"),
        (r#"{"times": 1, "at_least": 1}"#, "call 1: it has `times` and also `at_least` or"),
        (r#"{}, {"times": 1, "at_most": 1}"#, "call 2: it has `times` and also `at_least` or"),
    ] {
        let json = format!(r#"{{"calls": [{call}]}}"#);
        let response = control_with(emulator.port(), "POST", "/_emulator/verify", &json);
        let text = response.json()["error"].as_str().unwrap_or_default().to_owned();
        let start = format!("Invalid expectations: {sentence}");
        assert!(response.status == 400 && text.starts_with(&start), "{call}: {text}");
    }
}

#[test]
fn metrics_are_for_prometheus() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    for _ in 0..2 {
        Call::create("n", &cert, &key).send(port);
    }
    // An operation that the emulator does not have, and what clients make up.
    Call::v2020("ListCert").send(port);
    for made_up in ["a\"\nb\\", &"long".repeat(10_000), "ListCert"] {
        Call::v2018(made_up).send(port);
    }
    Call::v2018("ListCert").set("Version", "2018").send(port);
    let fault = serde_json::json!({"kind": "error", "code": format!("a\"\nb\\{}", "c".repeat(99))});
    emulator.add_faults(&fault.to_string()).unwrap();
    Call::v2018("DescribeUserCertificateList").send(port);
    emulator.add_faults(r#"{"kind": "empty"}"#).unwrap();
    let response = control(port, "GET", "/_emulator/metrics");
    assert_eq!(response.header("content-type"), Some("text/plain;version=0.0.4;charset=utf-8"));
    let calls = |action: &str, version: &str, code: &str, count: u32| {
        let labels = format!(r#"action="{action}",version="{version}",code="{code}""#);
        format!("cas_emulator_calls_total{{{labels}}} {count}")
    };
    let code = format!(r#"a\"\nb\\{}"#, "c".repeat(59));
    for line in [
        &calls("CreateUserCertificate", "2018-07-13", "", 1),
        &calls("CreateUserCertificate", "2018-07-13", "NameRepeat", 1),
        &calls("ListCert", "2020-04-07", "InvalidAction.NotFound", 1),
        &calls("other", "other", "InvalidAction.NotFound", 3),
        &calls("other", "other", "InvalidVersion", 1),
        &calls("DescribeUserCertificateList", "2018-07-13", &code, 1),
        "cas_emulator_certificates 1",
        "cas_emulator_faults 1",
        "# TYPE cas_emulator_call_seconds_total counter",
    ] {
        assert!(response.body.lines().any(|other| other == line), "{line}\n{}", response.body);
    }
    assert_eq!(response.body.matches("cas_emulator_calls_total{").count(), 6);
    // As at the start.
    control(port, "POST", "/_emulator/reset");
    let after = control(port, "GET", "/_emulator/metrics").body;
    assert!(!after.contains("calls_total{") && after.contains("certificates 0"), "{after}");
}

#[test]
fn a_refused_signature_is_explained_without_key_and_certificate() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let call = Call::create("a b", &cert, &key);
    // A client that signs another method than it sends.
    let get = call.clone().shape(Shape::GetQuery).string_to_sign();
    let signed_as_get = call.clone().set("Signature", &sign("testsecret", &get));
    assert_eq!(signed_as_get.send(port).code(), "SignatureDoesNotMatch");
    assert_eq!(call.clone().secret("other").send(port).code(), "SignatureDoesNotMatch");
    assert_eq!(call.send(port).status, 200);

    let requests = control(port, "GET", "/_emulator/requests").json();
    let found = &requests[0]["signature_mismatch"];
    assert_eq!(found["mistakes"][0], "The client signs another HTTP method than it sends.");
    let text = |member: &str| found[member].as_str().unwrap();
    assert!(text("expected").starts_with("POST&%2F&") && text("signed").starts_with("GET&%2F&"));
    assert!(text("expected").contains("Name%3Da%2520b"), "{found}");
    for hidden in ["BEGIN", "CERTIFICATE", "PRIVATE"] {
        assert!(!found.to_string().contains(hidden), "{found}");
    }
    let unknown = &requests[1]["signature_mismatch"];
    assert!(unknown["signed"].is_null() && unknown["mistakes"].as_array().unwrap().is_empty());
    assert!(requests[2]["signature_mismatch"].is_null());
}

#[test]
fn the_page_is_served_and_pages_of_other_sites_are_not() {
    let emulator = Emulator::start().unwrap();
    let port = emulator.port();
    let page = control(port, "GET", "/_emulator/");
    assert_eq!(page.header("content-type"), Some("text/html;charset=utf-8"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
    assert_eq!(control(port, "GET", "/_emulator").body, page.body);
    for part in ["page.js", "page.css"] {
        assert!(page.body.contains(&format!("\"/_emulator/{part}\"")));
        assert_eq!(control(port, "GET", &format!("/_emulator/{part}")).status, 200);
    }
    let mut connection = Connection::open(port);
    connection.send(b"HEAD /_emulator/health HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    assert!(connection.head().starts_with("HTTP/1.1 200 "));
    assert!(connection.is_closed(), "a body");
    for header in ["Host: rebound.example", "Origin: https://other.example"] {
        let request = format!("POST /_emulator/reset HTTP/1.1\r\n{header}\r\n\r\n");
        let response = Connection::open(port).exchange(request.as_bytes());
        assert_eq!(response.status, 403, "{header}");
    }
}
