//! The rate limit and the quota.

use std::time::{Duration, Instant};

use cas_emulator::{Emulator, StartError};

use super::calls::orders;
use crate::certificates::certificate;
use crate::client::Call;

#[test]
fn calls_over_the_rate_limit_are_told_when_to_retry() {
    let emulator = Emulator::builder().qps(2).start().unwrap();
    let port = emulator.port();
    // The third call within a second is rejected. On a slow machine, three calls can take longer.
    let mut tries = 0;
    let rejected = loop {
        tries += 1;
        assert!(tries < 20, "three calls took more than a second, 20 times");
        let started = Instant::now();
        let mut responses = (0..3).map(|_| Call::create("n", "c", "k").send(port));
        if let Some(rejected) = responses.find(|response| response.code() != "-1008") {
            break rejected;
        }
        assert!(started.elapsed() > Duration::from_secs(1), "three calls in a second");
    };
    assert_eq!((rejected.status, rejected.code().as_str()), (400, "Throttling.User"));
    assert_eq!(rejected.json()["Message"], "Request was denied due to user flow control.");
    let wait: u64 = rejected.header("x-acs-retry-after").unwrap().parse().unwrap();
    assert!((1..=1000).contains(&wait), "{wait}");
    // Other operations have their own limit, and calls with a wrong signature do not count.
    assert_eq!(Call::v2018("DescribeUserCertificateList").send(port).status, 200);
    assert_eq!(
        Call::create("n", "c", "k").secret("wrong").send(port).code(),
        "SignatureDoesNotMatch"
    );
    // The unit tests of the throttle cover the time to wait: they set the clock.
    emulator.reset().unwrap();
    assert_eq!(Call::create("n", "c", "k").send(port).code(), "-1008");
}

#[test]
fn a_rate_limit_of_0_is_rejected() {
    let rejected = Emulator::builder().qps(0).start();
    assert!(matches!(rejected, Err(StartError::Option(_))), "{rejected:?}");
}

#[test]
fn uploads_over_the_quota_are_rejected() {
    let emulator = Emulator::builder().quota(1).start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let upload = |name: &str| Call::upload(name, &cert, &key);
    assert_eq!(upload("a").set("ClientToken", "t").send(port).cert_id(), 10_000_000);
    let rejected = upload("b").send(port);
    assert_eq!((rejected.status, rejected.code().as_str()), (400, "InsufficientQuota"));
    assert_eq!(
        Call::create("b", &cert, &key).set("Lang", "en").send(port).code(),
        "InsufficientQuota"
    );
    assert_eq!(upload("a").send(port).code(), "NameRepeat");
    assert_eq!(upload("a").set("ClientToken", "t").send(port).cert_id(), 10_000_000);
    assert_eq!(emulator.certificates().unwrap().len(), 1);
    // The rejected uploads have not used up an ID.
    assert_eq!(
        Call::v2020("DeleteUserCertificate").set("CertId", "10000000").send(port).status,
        200
    );
    assert_eq!(upload("b").send(port).cert_id(), 10_000_001);
}

#[test]
fn strict_limits_are_those_of_the_latest_documents() {
    let (cert, key) = certificate();
    let status = |strict: bool, call: &Call| {
        let emulator = Emulator::builder().strict(strict).start().unwrap();
        call.send(emulator.port()).code()
    };
    let long = "名".repeat(64);
    let calls = [
        (Call::upload(&long, &cert, &key), "InvalidName"),
        (Call::create(&long, &cert, &key), "InvalidName"),
        (orders().set("ShowSize", "101"), "InvalidShowSize"),
        (Call::v2018("DescribeUserCertificateList").set("ShowSize", "101"), "InvalidShowSize"),
    ];
    for (call, code) in calls {
        assert_eq!((status(false, &call).as_str(), status(true, &call).as_str()), ("", code));
    }
    let allowed = [Call::upload(&long[..63 * 3], &cert, &key), orders().set("ShowSize", "100")];
    for call in allowed {
        assert_eq!(status(true, &call), "");
    }
    // Ten lists a second, and more of what may be called 100 times.
    let emulator = Emulator::builder().strict(true).start().unwrap();
    let throttled = |call: fn() -> Call| {
        (0..11).any(|_| call().send(emulator.port()).code() == "Throttling.User")
    };
    let mut tries = 0..20;
    assert!(tries.any(|_| throttled(orders)), "never 11 lists in a second");
    assert!(!throttled(|| Call::v2020("GetUserCertificateDetail").set("CertId", "10000000")));
}
