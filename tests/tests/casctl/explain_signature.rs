//! `casctl explain-signature`: requests of casctl itself, changed on their way to the emulator.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, artefact, chain};
use serde_json::{Value, json};

use super::lineages;

/// A request of `casctl upload`, as it left.
fn upload(signature: &str) -> String {
    let stub = Stub::start(vec![Reply::http("403 Forbidden", "", r#"{"Code":"Forbidden.RAM"}"#)]);
    let [cert, key] = chain().files();
    Program::new(artefact("casctl"))
        .args(["upload", "my site", "--cert", cert, "--key", key, "--signature", signature])
        .args(["--endpoint", &stub.url(), "--max-attempts", "1"])
        .run()
        .exits_with(24);
    let request = stub.requests().remove(0);
    format!("{}\r\n\r\n{}", request.head.trim_end(), request.body)
}

/// What an emulator answers to a request, which accepts `secret`.
fn answer(request: &str, secret: &str) -> String {
    let emulator = Emulator::start(&["--access-key", &format!("testid:{secret}")]);
    let address = emulator.url().strip_prefix("http://").unwrap().to_owned();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lines = head.lines().filter(|line| !line.to_lowercase().starts_with("content-length"));
    let head = lines.collect::<Vec<_>>().join("\r\n");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let sent = format!("{head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
    stream.write_all(sent.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (_, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(body.contains("SignatureDoesNotMatch"), "{response}");
    body.to_owned()
}

fn write(directory: &Path, name: &str, text: &str) -> PathBuf {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    path
}

fn explain(directory: &Path, answer: &str, request: &str) -> Outcome {
    let [answer, request] =
        [("answer", answer), ("request", request)].map(|(name, text)| write(directory, name, text));
    let explain = |format: &str| {
        Program::new(artefact("casctl"))
            .args(["explain-signature", "--output", format, "--answer"])
            .arg(&answer)
            .arg("--request")
            .arg(&request)
            .run()
    };
    let (text, json) = (explain("text"), explain("json"));
    assert_eq!(text.code, json.code);
    let key = fs::read_to_string(&chain().key).unwrap();
    for outcome in [&text, &json] {
        let all = outcome.stdout.clone() + &outcome.stderr;
        let is_shown = key
            .lines()
            .filter(|line| !line.contains("-----"))
            .any(|line| all.contains(line) || all.contains(&line[..16]));
        assert!(!is_shown && !all.contains("testsecret") && !all.contains("PRIVATE"), "{all}");
    }
    if text.code == Some(0) {
        let message = json.json()["message"].as_str().unwrap().to_owned();
        assert!(text.stdout.contains(&message) && text.stdout.contains("what to do:"), "{text:?}");
    }
    json
}

#[test]
fn a_wrong_secret_is_told_from_a_request_that_was_changed() {
    let directory = lineages::directory("explain-hmac");
    let request = upload("hmac-sha1");
    let found = explain(&directory, &answer(&request, "another-secret"), &request).exits_with(0);
    assert_eq!(found.json()["verdict"], "unchanged");
    assert!(found.json()["message"].as_str().unwrap().contains("testid"), "{found:?}");
    for (from, to, part, change) in [
        ("Name=my%20site", "Name=my%2520site", "parameter Name", "encoded-again"),
        ("Name=my%20site", "Name=my%2Bsite", "parameter Name", "space-to-plus"),
        ("Name=my%20site", "Name=my", "parameter Name", "cut-off"),
        ("Name=my%20site&", "", "parameter Name", "lost"),
        ("Name=my%20site", "Name=my%20site&tracking=1", "parameter tracking", "added"),
        ("%2B", "%20", "parameter Cert", "plus-to-space"),
        ("%0A", "%0D%0A", "parameter Cert", "line-breaks"),
    ] {
        let changed = request.replace(from, to);
        assert_ne!(changed, request, "{from}");
        let found = explain(&directory, &answer(&changed, "testsecret"), &request).exits_with(0);
        let found = found.json();
        assert_eq!(found["verdict"], "changed", "{found}");
        let differences = found["differences"].as_array().unwrap();
        let is_found = |one: &Value| one["part"] == part && one["change"] == change;
        assert!(differences.iter().any(is_found), "{part} {change}: {found}");
    }
}

#[test]
fn a_method_that_a_redirect_changed_is_found() {
    let directory = lineages::directory("explain-method");
    let request = upload("hmac-sha1");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let redirected = format!("GET /?{body} HTTP/1.1\r\nHost: h\r\n\r\n");
    let found = explain(&directory, &answer(&redirected, "testsecret"), &request).exits_with(0);
    assert_eq!(found.json()["differences"][0]["part"], "method");
}

#[test]
fn acs3_is_explained_although_its_string_to_sign_is_a_hash() {
    let directory = lineages::directory("explain-acs3");
    let request = upload("acs3");
    let found = explain(&directory, &answer(&request, "another-secret"), &request).exits_with(0);
    assert_eq!(found.json()["verdict"], "unchanged");
    let host = request.lines().find(|line| line.to_lowercase().starts_with("host:")).unwrap();
    let form = "application/x-www-form-urlencoded";
    for (from, to, part) in [
        (host.to_owned(), "host: 127.0.0.1".to_owned(), Some("header host")),
        (form.to_owned(), format!("{form}; charset=utf-8"), Some("header content-type")),
        (host.to_owned(), "host: elsewhere.example".to_owned(), None),
    ] {
        let changed = request.replace(&from, &to);
        assert_ne!(changed, request);
        let found = explain(&directory, &answer(&changed, "testsecret"), &request).exits_with(0);
        let found = found.json();
        assert_eq!(found["verdict"], "changed");
        let parts: Vec<_> =
            found["differences"].as_array().unwrap().iter().map(|one| &one["part"]).collect();
        assert_eq!(json!(parts), json!(Vec::from_iter(part)), "{found}");
    }
}

#[test]
fn another_attempt_and_other_texts_are_recognised() {
    let directory = lineages::directory("explain-others");
    let (first, second) = (upload("hmac-sha1"), upload("hmac-sha1"));
    let found = explain(&directory, &answer(&first, "another-secret"), &second).exits_with(0);
    assert_eq!(found.json()["verdict"], "other-request");
    for (answer, request, wanted) in [
        ("{\"Code\":\"InvalidTimeStamp.Expired\"}", &*first, "clock"),
        ("nothing of the service", &first, "no response of the service"),
        ("{\"Code\":\"SignatureDoesNotMatch\"}", &first, "string to sign"),
        ("string to sign is:POST&%2F&A%3D1", "not a request", "cannot be read"),
    ] {
        let outcome = explain(&directory, answer, request).exits_with(2);
        assert!(outcome.stderr.contains(wanted), "{outcome:?}");
    }
}

#[test]
fn values_that_may_be_secret_are_described_by_their_length() {
    let directory = lineages::directory("explain-secrets");
    for name in ["SecurityToken", "Key", "Cert", "OIDCToken", "Unknown"] {
        let answer = format!("server string to sign is:POST&%2F&{name}%3Dcanary-other");
        let request = format!("{name}=canary&Signature=canary-signature");
        let outcome = explain(&directory, &answer, &request).exits_with(0);
        assert!(!format!("{outcome:?}").contains("canary"), "{outcome:?}");
        let difference = &outcome.json()["differences"][0];
        assert_eq!(
            (&difference["part"], &difference["sent"], &difference["arrived"]),
            (&json!(format!("parameter {name}")), &json!("6 characters"), &json!("12 characters"))
        );
    }
}

#[test]
fn one_text_may_have_both_and_comes_through_a_pipe() {
    let request = upload("hmac-sha1");
    let answer = answer(&request, "another-secret");
    let (_, body) = request.split_once("\r\n\r\n").unwrap();
    let both = [
        format!("curl https://cas.aliyuncs.com/ -d '{body}'\n{answer}\n"),
        format!("12:00 INFO POST https://cas.aliyuncs.com/?{body}\n12:00 ERROR {answer:?}\n"),
    ];
    for text in both {
        let explain = Program::new(artefact("casctl"))
            .args(["explain-signature", "--output", "json"])
            .start();
        let mut explain = explain;
        explain.feed(&text);
        let outcome = explain.finish().exits_with(0);
        assert_eq!(outcome.json()["verdict"], "unchanged", "{outcome:?}");
    }
    let mut alone = Program::new(artefact("casctl")).arg("explain-signature").start();
    alone.feed(&answer);
    let outcome = alone.finish().exits_with(2);
    assert!(outcome.stderr.contains("needed as well"), "{outcome:?}");
    let chinese = |arguments: &[&str]| {
        Program::new(artefact("casctl")).args(arguments).env("LANG", "zh_CN.UTF-8").run()
    };
    let both = ["explain-signature", "--answer", "-", "--request", "-"];
    assert!(chinese(&both).exits_with(2).stderr.contains("标准输入"));
    let missing = chinese(&["explain-signature", "--answer", "/nonexistent"]).exits_with(21);
    assert!(missing.stderr.contains("/nonexistent"), "{missing:?}");
}
