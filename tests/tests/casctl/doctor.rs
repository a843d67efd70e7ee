//! `casctl doctor`: every step of an upload, in order and out of order.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

use acceptance::network::proxy::Proxy;
use acceptance::program::compile_preload;
use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, artefact, casctl, chain};
use serde_json::Value;

use super::lineages::{self, Issuer};

const PROBES: [&str; 9] =
    ["dns", "proxy", "connection", "roots", "tls", "service", "clock", "credentials", "permission"];

/// Runs a doctor, as text, as JSON and with all that it can say. Returns the JSON, whose text says
/// the same.
#[track_caller]
fn examine(exit: i32, doctor: impl Fn() -> Program) -> Vec<Value> {
    let json = doctor().env("CASCTL_OUTPUT", "json").run().exits_with(exit);
    let found = json.json_lines();
    let probes: Vec<_> = found.iter().map(|one| one["probe"].as_str().unwrap()).collect();
    assert_eq!(probes, PROBES, "{json:?}");
    let text = doctor().run().exits_with(exit);
    for one in &found {
        let status = one["status"].as_str().unwrap();
        assert!(["ok", "warning", "failed", "skipped"].contains(&status), "{one}");
        let has_hint = ["warning", "failed"].contains(&status);
        assert_eq!(one["hint"].is_string(), has_hint, "{one}");
        assert_eq!(one["error"].is_object(), status == "failed", "{one}");
        assert!(text.stdout.contains(&format!("{status} ")), "{text:?}");
    }
    assert_eq!(text.stdout.matches("what to do:").count(), {
        found.iter().filter(|one| one["hint"].is_string()).count()
    });
    let verbose = doctor().arg("-vvv").run().exits_with(exit);
    for outcome in [&json, &text, &verbose] {
        shows_no_secret(outcome);
    }
    found
}

fn shows_no_secret(outcome: &Outcome) {
    for secret in ["testsecret", "canary"] {
        assert!(!(outcome.stdout.clone() + &outcome.stderr).contains(secret), "{outcome:?}");
    }
}

#[track_caller]
fn status<'a>(found: &'a [Value], probe: &str) -> &'a str {
    of(found, probe)["status"].as_str().unwrap()
}

#[track_caller]
fn of<'a>(found: &'a [Value], probe: &str) -> &'a Value {
    found.iter().find(|one| one["probe"] == probe).unwrap()
}

/// Asserts which probe fails, and that all that depend on it are skipped.
#[track_caller]
fn fails_at(found: &[Value], failed: &str, skipped: &[&str]) {
    for one in found {
        let probe = one["probe"].as_str().unwrap();
        let wanted = match probe {
            _ if probe == failed => "failed",
            _ if skipped.contains(&probe) => "skipped",
            "tls" => continue,
            _ => "ok",
        };
        assert_eq!(one["status"], wanted, "{one}");
    }
}

const AFTER_CONNECTION: [&str; 4] = ["tls", "service", "clock", "permission"];

/// A doctor against another endpoint than an emulator, with the usual access key.
fn doctor(endpoint: &str) -> Program {
    Program::new(artefact("casctl")).args(["doctor", "--endpoint", endpoint])
}

#[test]
fn all_is_well_in_both_languages() {
    let emulator = Emulator::start(&[]);
    let found = examine(0, || casctl(&emulator, &["doctor"]));
    fails_at(&found, "", &["tls"]);
    assert_eq!(of(&found, "permission")["details"]["action"], "DescribeUserCertificateList");
    assert_eq!(of(&found, "service")["details"]["http_status"], "400");
    let chinese = casctl(&emulator, &["doctor"]).env("LANG", "zh_CN.UTF-8").run().exits_with(0);
    for word in ["正常", "跳过", "代理", "根证书", "时钟", "访问密钥", "权限"] {
        assert!(chinese.stdout.contains(word), "{word}: {chinese:?}");
    }
    let quiet = casctl(&emulator, &["doctor", "-q"]).run().exits_with(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    assert!(emulator.certificates().is_empty());
}

#[test]
fn a_wrong_clock_is_noticed_although_uploads_work() {
    for (offset, status_of_clock, words) in
        [("-7200", "warning", "2 h ahead of"), ("300", "warning", "5 min behind"), ("1", "ok", "")]
    {
        let emulator = Emulator::start(&["--clock-offset", offset]);
        let found = examine(0, || casctl(&emulator, &["doctor"]));
        let clock = of(&found, "clock");
        assert_eq!(clock["status"], status_of_clock, "{clock}");
        assert!(clock["message"].as_str().unwrap().contains(words), "{clock}");
        assert_eq!(status(&found, "permission"), "ok");
    }
}

#[test]
fn a_name_that_does_not_exist_is_reported_with_what_depends_on_it() {
    let found = examine(14, || doctor("https://no-such-name.invalid"));
    fails_at(&found, "dns", &[&["connection"], &AFTER_CONNECTION[..]].concat());
    assert!(of(&found, "dns")["message"].as_str().unwrap().contains("no-such-name.invalid"));
}

#[test]
fn a_server_that_is_down_is_reported() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let found = examine(14, || doctor(&format!("https://127.0.0.1:{port}")));
    fails_at(&found, "connection", &AFTER_CONNECTION);
}

#[test]
fn proxies_that_are_down_or_refuse_are_reported_without_their_password() {
    let skipped = [&["connection"], &AFTER_CONNECTION[..]].concat();
    let emulator =
        Emulator::start_tls(chain().chain.to_str().unwrap(), chain().key.to_str().unwrap(), &[]);
    let url = emulator.url().replace("http://", "https://");
    let through = |proxy: &str| {
        let (url, proxy) = (url.clone(), proxy.to_owned());
        move || doctor(&url).args(["--proxy", &proxy, "--ca-file"]).arg(&chain().root)
    };
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let found = examine(14, through(&format!("http://user:canary@127.0.0.1:{port}")));
    fails_at(&found, "proxy", &skipped);
    assert_eq!(of(&found, "proxy")["details"]["url"], format!("http://****:****@127.0.0.1:{port}"));
    let proxy = Proxy::http(Some(("user", "right")));
    for login in ["", "user:canary@"] {
        let found = examine(14, through(&format!("http://{login}{}", proxy.address)));
        fails_at(&found, "proxy", &skipped);
        assert!(of(&found, "proxy")["hint"].as_str().unwrap().contains("password"), "{found:?}");
    }
    let found = examine(0, through(&format!("http://user:right@{}", proxy.address)));
    fails_at(&found, "", &[]);
    // From the environment, and not for this machine.
    let local = Emulator::start(&[]);
    let found = examine(0, || {
        casctl(&local, &["doctor"]).env("HTTP_PROXY", "http://user:canary@127.0.0.1:1")
    });
    assert_eq!(status(&found, "proxy"), "ok");
    let invalid = examine(11, || doctor("https://a.invalid").env("HTTPS_PROXY", "ftp://canary"));
    assert_eq!(status(&invalid, "proxy"), "failed");
}

#[test]
fn an_unknown_authority_is_reported_and_can_be_trusted() {
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    let url = emulator.url().replace("http://", "https://");
    let found = examine(14, || doctor(&url));
    fails_at(&found, "tls", &["service", "clock", "permission"]);
    let hint = of(&found, "tls")["hint"].as_str().unwrap();
    assert!(hint.contains("--ca-file"), "{hint}");
    let found = examine(0, || doctor(&url).arg("--ca-file").arg(&chain().root));
    assert_eq!(status(&found, "tls"), "ok");
    let details = &of(&found, "tls")["details"];
    assert_eq!((&details["version"], &details["public_ca"]), (&"TLS 1.3".into(), &"false".into()));
    assert_eq!(of(&found, "roots")["details"]["count"], "1");
    let missing = examine(21, || doctor(&url).args(["--ca-file", "/nonexistent/ca.pem"]));
    assert_eq!(status(&missing, "roots"), "failed");
}

/// An emulator that serves as `*.aliyuncs.com` with a certificate of a private authority, and a
/// program whose connections lead there.
fn intercepted(name: &str) -> (Emulator, impl Fn(&[&str]) -> Program) {
    let directory = lineages::directory(name);
    let pair = Issuer::new().issue("*.aliyuncs.com");
    let write = |file: &str, text: &str| -> PathBuf {
        let path = directory.join(file);
        fs::write(&path, text).unwrap();
        path
    };
    let (cert, key) = (write("chain.pem", &pair.chain), write("server.key", &pair.key));
    let emulator = Emulator::start_tls(cert.to_str().unwrap(), key.to_str().unwrap(), &[]);
    let port = emulator.port().to_string();
    let preload = compile_preload("tests/fixtures/c/redirect_connect.c");
    (emulator, move |arguments: &[&str]| {
        Program::new(artefact("casctl"))
            .args(arguments)
            .env("LD_PRELOAD", &preload)
            .env("REDIRECT_HTTPS", &port)
            .env("CASCTL_CA_FILE", &cert)
    })
}

#[test]
fn an_inspected_connection_to_the_service_is_a_warning() {
    let (_emulator, casctl) = intercepted("intercepted");
    let found = examine(0, || casctl(&["doctor"]));
    let tls = of(&found, "tls");
    assert_eq!(tls["status"], "warning", "{tls}");
    assert!(tls["message"].as_str().unwrap().contains("libcas test authority"), "{tls}");
    // The name leads to this machine.
    assert_eq!(status(&found, "dns"), "warning");
    // STS says whose key it is.
    assert_eq!(of(&found, "permission")["details"]["account_id"], "1000000000000001");
    let whoami = casctl(&["whoami", "--test"]).run().exits_with(0);
    assert!(whoami.stdout.contains("acs:ram::1000000000000001:user/testid"), "{whoami:?}");
}

#[test]
fn what_answers_in_the_place_of_the_service_is_recognised() {
    let page = "<html><head><title>Sign in to the hotel</title></head></html>";
    let portal = Stub::start(vec![Reply::http("200 OK", "Connection: close\r\n", page)]);
    let found = examine(19, || doctor(&portal.url()).args(["--max-attempts", "1"]));
    assert_eq!(status(&found, "service"), "failed");
    assert_eq!(status(&found, "clock"), "skipped");
    assert!(of(&found, "service")["message"].as_str().unwrap().contains("Sign in to the hotel"));
}

#[test]
fn a_server_that_stays_silent_ends_the_examination_in_time() {
    let silent = Stub::start(vec![Reply::Nothing]);
    let found = examine(14, || doctor(&silent.url()).args(["--timeout", "1s"]));
    fails_at(&found, "service", &["tls", "clock", "permission"]);
    let hint = of(&found, "service")["hint"].as_str().unwrap();
    assert!(hint.contains("does not respond"), "{hint}");
}

#[test]
fn access_keys_are_examined() {
    let emulator = Emulator::start(&["--sts", "STS.made:canary:made-for-this-test"]);
    let doctor = || casctl(&emulator, &["doctor"]);
    let found = examine(13, || doctor().without("ALIBABA_CLOUD_ACCESS_KEY_ID"));
    fails_at(&found, "credentials", &["tls", "permission"]);
    let found = examine(13, || {
        doctor()
            .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
            .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
            .env("ALICLOUD_ACCESS_KEY", "x")
    });
    assert!(of(&found, "credentials")["hint"].as_str().unwrap().contains("ALICLOUD_ACCESS_KEY"));
    let found = examine(16, || doctor().env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary-canary"));
    fails_at(&found, "permission", &["tls"]);
    assert!(of(&found, "permission")["hint"].as_str().unwrap().contains("secret is wrong"));
    let found = examine(16, || doctor().env("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAIunknown"));
    assert!(of(&found, "permission")["hint"].as_str().unwrap().contains("LTAIunknown"));
    let temporary = |token: &'static str| {
        move |program: Program| {
            program
                .env("ALIBABA_CLOUD_ACCESS_KEY_ID", "STS.made")
                .env("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "canary")
                .env("ALIBABA_CLOUD_SECURITY_TOKEN", token)
        }
    };
    let found = examine(0, || temporary("made-for-this-test")(doctor()));
    assert!(of(&found, "credentials")["message"].as_str().unwrap().contains("temporary"));
    let found = examine(16, || temporary("canary-expired")(doctor()));
    assert!(of(&found, "permission")["hint"].as_str().unwrap().contains("security token"));
}

#[test]
fn a_refusal_names_the_ram_action_that_is_missing() {
    let emulator = Emulator::start(&[]);
    for (version, action) in
        [("2018-07-13", "DescribeUserCertificateList"), ("2020-04-07", "ListUserCertificateOrder")]
    {
        emulator.fault(&format!(
            r#"{{"action":"{action}","kind":"error","status":403,"code":"Forbidden.RAM",
                "message":"not authorized","times":9}}"#
        ));
        let found = examine(24, || casctl(&emulator, &["doctor", "--api", version]));
        let permission = of(&found, "permission");
        let hint = permission["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("yundun-cert:{action}")), "{permission}");
        assert_eq!(permission["error"]["service_code"], "Forbidden.RAM");
        emulator.clear_faults();
    }
}
