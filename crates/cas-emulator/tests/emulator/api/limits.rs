//! The rate limit and the quota.

use std::time::{Duration, Instant};

use cas_emulator::{Emulator, StartError};

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
    assert_eq!(upload("a").set("ClientToken", "t").send(port).cert_id(), 1);
    let rejected = upload("b").send(port);
    assert_eq!((rejected.status, rejected.code().as_str()), (400, "InsufficientQuota"));
    assert_eq!(
        Call::create("b", &cert, &key).set("Lang", "en").send(port).code(),
        "InsufficientQuota"
    );
    assert_eq!(upload("a").send(port).code(), "NameRepeat");
    assert_eq!(upload("a").set("ClientToken", "t").send(port).cert_id(), 1);
    assert_eq!(emulator.certificates().unwrap().len(), 1);
    // The rejected uploads have not used up an ID.
    assert_eq!(Call::v2020("DeleteUserCertificate").set("CertId", "1").send(port).status, 200);
    assert_eq!(upload("b").send(port).cert_id(), 2);
}
