//! The systemd units that are shipped: systemd accepts them, and they have few rights.

use std::fs;
use std::path::PathBuf;

use acceptance::{Outcome, Program, artefact, installed, scratch, top};

const SERVICE: &str = "casctl-sync.service";

/// Copies of the units, with the program at its place.
fn units() -> PathBuf {
    let directory = scratch("units");
    for name in [SERVICE, "casctl-sync.timer"] {
        let text = fs::read_to_string(top().join("packaging/systemd").join(name)).unwrap();
        let program = format!("ExecStart={}", artefact("casctl").display());
        fs::write(directory.join(name), text.replace("ExecStart=casctl", &program)).unwrap();
    }
    directory
}

fn analyze(arguments: &[&str]) -> Option<Outcome> {
    if !installed("systemd-analyze") {
        println!("systemd-analyze is not installed: this test does without it");
        return None;
    }
    Some(Program::bare("systemd-analyze").args(arguments).env("LC_ALL", "C").run())
}

#[test]
fn systemd_accepts_the_units() {
    let units = units();
    let files = ["casctl-sync.timer", SERVICE].map(|name| units.join(name));
    let files = files.each_ref().map(|path| path.to_str().unwrap());
    let Some(verified) = analyze(&["verify", "--man=no", files[0], files[1]]) else { return };
    assert_eq!((verified.code, verified.stderr.as_str()), (Some(0), ""), "{}", verified.stdout);
    // It would say so of a mistake.
    let broken = units.join("broken.service");
    fs::write(&broken, "[Service]\nExecStart=/bin/true\nProtectHome=maybe\n").unwrap();
    let verified = analyze(&["verify", "--man=no", broken.to_str().unwrap()]).unwrap();
    assert!(verified.stderr.contains("broken.service:3: "), "{}", verified.stderr);
}

#[test]
fn the_service_has_few_rights() {
    let service = units().join(SERVICE);
    let service = service.to_str().unwrap();
    let Some(judged) = analyze(&["security", "--offline=true", "--threshold=40", service]) else {
        return;
    };
    if judged.stderr.contains("unrecognized option") {
        println!("systemd-analyze is older than 250: this test does without it");
        return;
    }
    assert_eq!(judged.code, Some(0), "{}{}", judged.stdout, judged.stderr);
}
