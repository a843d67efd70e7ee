//! The page of `cas-emulator`, in a browser, by a script that does what a person does.

use std::process::Command;

use acceptance::{Emulator, chain, node_modules, run, scratch, top};

#[test]
fn a_person_finds_certificates_requests_faults_and_the_clock_on_the_page() {
    let emulator = Emulator::start(&[]);
    let folder = scratch("page");
    let [certificate, key] = chain().files();
    let script = top().join("tests/fixtures/node/page.js");
    let mut browse = Command::new("node");
    browse.arg(script).args([emulator.url(), certificate, key]).arg(&folder);
    let printed = run(browse.env("NODE_PATH", node_modules()));
    assert_eq!(printed, "done=true\n");
    for name in ["desktop.png", "phone.png", "signature.png"] {
        // Kept for a look at the page.
        std::fs::copy(folder.join(name), top().join("target").join(format!("page-{name}")))
            .unwrap();
    }
    let log = emulator.stop();
    let secret = std::fs::read_to_string(key).unwrap();
    let part = secret.lines().nth(1).unwrap();
    assert!(log.contains("SignatureDoesNotMatch") && !log.contains(part), "{log}");
}
