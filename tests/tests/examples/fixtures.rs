//! The fixtures of examples/testing and the container, run as their users run them. Go and podman
//! are skipped where they are not installed, and the test says so.

use std::path::Path;
use std::process::Command;

use acceptance::{artefact, chain, compile, node_modules, run, scratch, sdk_python, top};

/// A command that finds the emulator and the files for a test.
fn fixture(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("CAS_EMULATOR", artefact("cas-emulator"));
    command.env("CAS_TEST_CERT", &chain().chain).env("CAS_TEST_KEY", &chain().key);
    command
}

fn folder(name: &str) -> std::path::PathBuf {
    top().join("examples/testing").join(name)
}

#[test]
fn pytest() {
    let mut pytest = fixture(&sdk_python());
    pytest.args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(folder("python"));
    let printed = run(&mut pytest);
    assert!(printed.contains("3 passed"), "{printed}");
}

#[test]
fn node_test() {
    let mut node = fixture(Path::new("node"));
    node.env("NODE_PATH", node_modules()).args(["--test", "--test-reporter=tap"]);
    let printed = run(node.arg(folder("node").join("upload.test.mjs")));
    assert!(printed.contains("# pass 3\n") && printed.contains("# fail 0\n"), "{printed}");
}

#[test]
fn go_test() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("go").exists()) {
        eprintln!("skipped: Go is not installed");
        return;
    }
    let home = scratch("go");
    let mut go = fixture(Path::new("go"));
    go.env("GOCACHE", home.join("cache")).env("GOPATH", home.join("path"));
    go.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off");
    let printed = run(go.current_dir(folder("go")).args(["test", "-count=1", "-v", "./..."]));
    assert_eq!(printed.matches("--- PASS: ").count(), 2, "{printed}");
}

#[test]
fn container() {
    let script = top().join("tools/package/test-container.sh");
    let printed = run(Command::new(script).arg(artefact("cas-emulator")));
    // Namespaces and chroot are root's.
    assert!(printed.ends_with("ok\n") || printed.ends_with("skipped: needs root\n"), "{printed}");
}

#[test]
fn image_and_testcontainers() {
    let script = top().join("tools/package/test-image.sh");
    let printed = run(Command::new(script).arg(artefact("cas-emulator")));
    let ran = printed.ends_with("ok\n") && printed.contains("ended with status 0.\n");
    assert!(ran || printed.starts_with("skipped: needs "), "{printed}");
    // Says what was skipped.
    eprint!("{printed}");
}

#[test]
fn program_in_c() {
    let include = format!("-I{}", folder("c").display());
    let program = compile("examples/testing/c/upload_test.c", &[&include]);
    let printed = run(&mut fixture(&program));
    assert_eq!(printed, "ok\n");
}
