//! What libcas sends, and how: seen by a stub server and by counting system calls.

use std::collections::HashSet;
use std::fs;

use acceptance::program::compile_preload;
use acceptance::stub::Reply;
use acceptance::{Emulator, Outcome, Program, Stub, chain, compile, scratch};

fn report(stub: &Stub, times: &str) -> Outcome {
    Program::new(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_ENDPOINT", stub.url())
        .arg("wire")
        .with_chain()
        .arg(times)
        .run()
}

fn success() -> Reply {
    Reply::http("200 OK", "x-acs-request-id: 7B0F6A3E\r\n", r#"{"CertId":7}"#)
}

#[test]
fn all_parameters_are_in_the_form_body() {
    let stub = Stub::start(vec![success()]);
    let outcome = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_ENDPOINT", stub.url())
        .env("CAS_LANG", "en")
        .env("CAS_SOURCE_IP", "192.0.2.1")
        .env("CAS_USER_AGENT", "deployer/3.2")
        .env("ALIBABA_CLOUD_SECURITY_TOKEN", "to+ken/=")
        .arg("näme 1")
        .with_chain()
        .run();
    assert_eq!(outcome.field("cert_id"), "7");
    let request = stub.requests().remove(0);
    assert!(request.head.starts_with("POST / HTTP/1.1\r\n"), "{}", request.head);
    let head = request.head.to_ascii_lowercase();
    let mut headers: Vec<_> =
        head.lines().skip(1).map(|line| line.split_once(": ").unwrap().0).collect();
    headers.sort_unstable();
    assert_eq!(headers, ["content-length", "content-type", "host", "user-agent"]);
    assert!(head.contains("content-type: application/x-www-form-urlencoded"));
    assert!(head.contains(concat!("user-agent: deployer/3.2 libcas/", env!("CARGO_PKG_VERSION"))));
    let names: Vec<_> =
        request.body.split('&').map(|pair| pair.split_once('=').unwrap().0).collect();
    assert_eq!(
        names,
        [
            "AccessKeyId",
            "Action",
            "Cert",
            "Format",
            "Key",
            "Lang",
            "Name",
            "SecurityToken",
            "SignatureMethod",
            "SignatureNonce",
            "SignatureVersion",
            "SourceIp",
            "Timestamp",
            "Version",
            "Signature"
        ]
    );
    for part in [
        "Action=CreateUserCertificate",
        "Version=2018-07-13",
        "Format=JSON",
        "Name=n%C3%A4me%201",
        "Lang=en",
        "SourceIp=192.0.2.1",
        "SecurityToken=to%2Bken%2F%3D",
        "SignatureMethod=HMAC-SHA1",
        "SignatureVersion=1.0",
        "AccessKeyId=testid",
        "Cert=-----BEGIN%20CERTIFICATE-----%0A",
    ] {
        assert!(request.body.contains(part), "{part}");
    }
}

#[test]
fn the_pem_arrives_byte_for_byte() {
    let emulator = Emulator::start(&[]);
    let outcome = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_ENDPOINT", emulator.url())
        .arg("bytes")
        .with_chain()
        .run();
    assert_eq!(outcome.field("status"), "CAS_OK");
    let stored = &emulator.certificates()[0];
    assert_eq!(stored["cert_pem"].as_str().unwrap(), fs::read_to_string(&chain().chain).unwrap());
    assert_eq!(stored["name"], "bytes");
}

#[test]
fn each_upload_is_one_write_on_the_same_connection_without_a_thread() {
    let shim = compile_preload("tests/fixtures/c/count_calls.c");
    // Resolving a name is the one thing that needs a thread: the count works.
    let counts = scratch("shim").join("counts-name");
    let outcome = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_ENDPOINT", "https://no-such-host.invalid")
        .env("CAS_MAX_ATTEMPTS", "1")
        .env("LD_PRELOAD", &shim)
        .env("COUNT_CALLS", &counts)
        .arg("one")
        .with_chain()
        .run();
    assert_eq!(outcome.field("status"), "CAS_ERR_NETWORK");
    assert!(fs::read_to_string(counts).unwrap().ends_with("threads=1"));
    for host in ["127.0.0.1", "localhost"] {
        let emulator = Emulator::start(&[]);
        let counts = scratch("shim").join(format!("counts-{host}"));
        Program::new(compile("tests/fixtures/c/report.c", &[]))
            .env("CAS_ENDPOINT", emulator.url().replace("127.0.0.1", host))
            .env("LD_PRELOAD", &shim)
            .env("COUNT_CALLS", &counts)
            .arg("one")
            .with_chain()
            .arg("50")
            .succeed();
        let counts = fs::read_to_string(counts).unwrap();
        assert_eq!(counts, "sends=50 connects=1 threads=0", "{host}");
        let requests = emulator.requests();
        assert_eq!(requests.len(), 50);
        assert!(requests.iter().all(|request| request["connection"] == requests[0]["connection"]));
    }
}

#[test]
fn each_attempt_has_its_own_nonce_and_signature() {
    let throttled = Reply::http(
        "400 Bad Request",
        "x-acs-retry-after: 1\r\n",
        r#"{"Code":"FlowControlError"}"#,
    );
    let stub = Stub::start(vec![throttled.clone(), throttled, success()]);
    let outcome = report(&stub, "2");
    assert!(outcome.stdout.contains("attempts=3"), "{}", outcome.stdout);
    let requests = stub.requests();
    assert_eq!(requests.len(), 4);
    let value = |body: &str, name: &str| {
        body.split('&')
            .find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(ToOwned::to_owned))
            .unwrap()
    };
    for name in ["SignatureNonce", "Signature"] {
        let mut values: Vec<_> =
            requests.iter().map(|request| value(&request.body, name)).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 4, "{name}");
    }
}

#[test]
fn a_connection_that_the_server_closes_is_not_used_again() {
    let Reply::Send(bytes) = success() else { unreachable!() };
    let stub = Stub::start(vec![Reply::SendAndClose(bytes)]);
    let mut uploads = 0;
    let outcome = Program::new(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_ENDPOINT", stub.url())
        .env("CAS_STEP", "1")
        .arg("wire")
        .with_chain()
        .arg("3")
        .run_in_steps(3, || {
            if uploads > 0 {
                stub.wait_for_close();
            }
            uploads += 1;
        });
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
    let connections: Vec<_> = stub.requests().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 1, 2]);
}

#[test]
fn parent_and_forked_child_use_separate_connections() {
    let emulator = Emulator::start(&[]);
    Program::new(compile("tests/fixtures/c/fork.c", &[]))
        .arg(emulator.url())
        .with_chain()
        .succeed();
    let connection = |name: &str| {
        let requests = emulator.requests();
        let request =
            requests.iter().find(|request| request["parameters"]["Name"]["value"] == name).unwrap();
        request["connection"].as_u64().unwrap()
    };
    assert_eq!(connection("before"), connection("parent-1"));
    assert_eq!(connection("parent-1"), connection("parent-2"));
    assert_eq!(connection("child-1"), connection("child-2"));
    assert_ne!(connection("parent-1"), connection("child-1"));
    let requests = emulator.requests();
    let nonces: HashSet<_> = requests
        .iter()
        .map(|request| request["parameters"]["SignatureNonce"]["value"].as_str().unwrap())
        .collect();
    assert_eq!(nonces.len(), requests.len(), "the child uses a nonce of its parent");
}

#[test]
fn a_forked_child_does_not_wait_for_a_thread_of_its_parent() {
    let [cert, key] = chain().files();
    let emulator = Emulator::start_tls(cert, key, &[]);
    Program::new(compile("tests/fixtures/c/fork_in_handshake.c", &[]))
        .arg(emulator.url())
        .arg(cert)
        .arg(key)
        .arg(&chain().root)
        .arg(scratch("fork"))
        .succeed();
}
