//! How many calls and certificates are let in.

use std::time::{Duration, Instant};

use cas_emulator::{Emulator, StartError};

use crate::client::{Call, certificate};

#[test]
fn calls_beyond_the_limit_are_told_when_to_come_again() {
    let emulator = Emulator::builder().qps(2).start().unwrap();
    let port = emulator.port();
    // Of three calls within a second the third is refused; on a slow machine they may take longer.
    let refused = loop {
        let begun = Instant::now();
        let mut answers = (0..3).map(|_| Call::upload("n", "c", "k").send(port));
        if let Some(refused) = answers.find(|answer| answer.code() != "-1008") {
            break refused;
        }
        assert!(
            begun.elapsed() > Duration::from_secs(1),
            "three calls were let in within a second"
        );
    };
    assert_eq!((refused.status, refused.code().as_str()), (400, "Throttling.User"));
    assert_eq!(refused.json()["Message"], "Request was denied due to user flow control.");
    let wait: u64 = refused.header("x-acs-retry-after").unwrap().parse().unwrap();
    assert!((1..=1000).contains(&wait), "{wait}");
    // Other operations have a limit of their own, and calls that are not signed do not count.
    assert_eq!(Call::first("DescribeUserCertificateList").send(port).status, 200);
    assert_eq!(
        Call::upload("n", "c", "k").secret("wrong").send(port).code(),
        "SignatureDoesNotMatch"
    );
    std::thread::sleep(Duration::from_millis(wait));
    assert_eq!(Call::upload("n", "c", "k").send(port).code(), "-1008");
}

#[test]
fn a_limit_of_nothing_is_refused() {
    let refused = Emulator::builder().qps(0).start();
    assert!(matches!(refused, Err(StartError::Option(_))), "{refused:?}");
}

#[test]
fn certificates_beyond_the_quota_are_refused() {
    let emulator = Emulator::builder().quota(1).start().unwrap();
    let port = emulator.port();
    let (cert, key) = certificate();
    let upload = |name: &str| Call::upload_second(name, &cert, &key);
    assert_eq!(upload("a").set("ClientToken", "t").send(port).cert_id(), 1);
    let refused = upload("b").send(port);
    assert_eq!((refused.status, refused.code().as_str()), (400, "InsufficientQuota"));
    assert_eq!(
        Call::upload("b", &cert, &key).set("Lang", "en").send(port).code(),
        "InsufficientQuota"
    );
    assert_eq!(upload("a").send(port).code(), "NameRepeat");
    assert_eq!(upload("a").set("ClientToken", "t").send(port).cert_id(), 1);
    assert_eq!(emulator.certificates().unwrap().len(), 1);
    // A refused upload used no id up.
    assert_eq!(Call::second("DeleteUserCertificate").set("CertId", "1").send(port).status, 200);
    assert_eq!(upload("b").send(port).cert_id(), 2);
}
