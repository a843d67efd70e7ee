//! libcas for Python: the wheel in a clean environment, with nothing of the source tree in reach.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use acceptance::{Process, artefact, chain, run, scratch, top};

fn tool(name: &str) -> PathBuf {
    top().join("tools/package").join(name)
}

/// What the wheel is made from, as `make stage` lays it out.
fn tree() -> &'static Path {
    static TREE: OnceLock<PathBuf> = OnceLock::new();
    TREE.get_or_init(|| {
        let tree = scratch("python").join("tree");
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let parts = ["libcas.so", "libcas.a", "cas-emulator", "casctl"].map(artefact);
        let mut stage = Command::new(tool("stage.sh"));
        // The crates are there: this test was built from them.
        stage.arg(&tree).arg(target).args(parts).env("CARGO_NET_OFFLINE", "true");
        run(&mut stage);
        tree
    })
}

fn wheel(directory: &str) -> PathBuf {
    let platform = format!("manylinux2014_{}", std::env::consts::ARCH);
    let mut command = Command::new("python3");
    command.arg("-B").arg(tool("wheel.py")).arg(platform).arg(tree());
    let directory = scratch("python").join(directory);
    PathBuf::from(run(command.arg(directory).env_remove("SOURCE_DATE_EPOCH")).trim_end())
}

/// A command in a folder of its own, with the programs of an environment and no proxy.
fn within(environment: &Path, program: &str) -> Command {
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(environment.join("bin").join(program));
    command.env_clear().current_dir(environment);
    command.env("PATH", format!("{}/bin:{path}", environment.display()));
    command.env("HOME", environment).env("LC_ALL", "C.UTF-8");
    command.env("PIP_NO_INDEX", "1").env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command.env("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    command
}

/// A clean environment with the wheel alone, installed as docs/python.md says.
fn environment(name: &str) -> PathBuf {
    let environment = scratch("python").join(name);
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment));
    let wheel = wheel(&format!("wheel-{name}"));
    fs::copy(&wheel, environment.join(wheel.file_name().unwrap())).unwrap();
    let document = fs::read_to_string(top().join("docs/python.md")).unwrap();
    let (_, rest) = document.split_once("```sh no-run\n").unwrap();
    let (install, rest) = rest.split_once("```").unwrap();
    assert!(!rest.contains("```sh"), "a second block: run it here");
    let install = install.replace("x86_64", std::env::consts::ARCH);
    run(within(&environment, "python3").args([
        "-c",
        "import subprocess, sys; sys.exit(subprocess.call(['sh', '-e', '-c', sys.argv[1]]))",
        &install,
    ]));
    environment
}

/// Adds pytest and mypy, which `make test` has downloaded.
fn add_tools(environment: &Path) {
    let tools = top().join("target/python-tools");
    assert!(tools.join(".ready").exists(), "run `make test`: it downloads pytest and mypy");
    let mut pip = within(environment, "pip");
    pip.args(["install", "--quiet", "--find-links"]).arg(tools);
    run(pip.arg("--requirement").arg(top().join("bindings/python/requirements.txt")));
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn suite_passes_in_a_clean_environment_and_types_are_strict() {
    let environment = environment("suite");
    // Nothing but the wheel: the standard library suffices.
    let printed = run(within(&environment, "python3").args([
        "-c",
        "from libcas.testing import Emulator\n\
         with Emulator() as emulator: print(emulator.client().list())",
    ]));
    assert_eq!(printed, "[]\n");
    add_tools(&environment);
    let tests = environment.join("tests");
    copy(&top().join("bindings/python/tests"), &tests);
    let mut pytest = within(&environment, "python3");
    pytest.current_dir(&tests).args(["-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]);
    for (variable, file) in [("CAS_HEADER", "include/cas.h"), ("CAS_PYTHON_MD", "docs/python.md")] {
        let copied = environment.join(Path::new(file).file_name().unwrap());
        fs::copy(top().join(file), &copied).unwrap();
        pytest.env(variable, copied);
    }
    pytest.env("CAS_TEST_CERT", &chain().chain).env("CAS_TEST_KEY", &chain().key);
    let printed = run(&mut pytest);
    assert!(printed.contains(" passed") && !printed.contains("warning"), "{printed}");

    let mut mypy = within(&environment, "mypy");
    run(mypy.args(["--strict", "--python-version", "3.8", "-p", "libcas"]));
    // Programs see the types.
    let program = environment.join("program.py");
    fs::write(&program, "import libcas\nlibcas.Client().upload('www', 1, None)\n").unwrap();
    let seen = Process::start(within(&environment, "mypy").arg(&program)).finish();
    assert!(seen.stdout.contains(r#"Argument 2 to "upload" of "Client""#), "{}", seen.stdout);
}

#[test]
fn wheel_is_reproducible_and_pip_removes_all_of_it() {
    let environment = environment("removed");
    let again = wheel("again");
    let first = environment.join(again.file_name().unwrap());
    assert!(fs::read(&first).unwrap() == fs::read(&again).unwrap(), "the bytes differ");

    // Every file with its digest, licences and components included.
    let printed = run(within(&environment, "python3").args([
        "-c",
        "import base64, hashlib\n\
         from importlib.metadata import files, metadata\n\
         for file in files('libcas'):\n\
         \x20   if file.hash:\n\
         \x20       digest = hashlib.sha256(file.read_binary()).digest()\n\
         \x20       digest = base64.urlsafe_b64encode(digest).rstrip(b'=').decode()\n\
         \x20       assert digest == file.hash.value, file\n\
         \x20   print(file)\n\
         assert not metadata('libcas').get_all('Requires-Dist')",
    ]));
    let names: BTreeSet<_> = printed.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    for name in [
        "py.typed",
        "libcas.so.0",
        "cas-emulator",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "THIRD-PARTY.txt",
        "libcas.cdx.json",
        "RECORD",
    ] {
        assert!(names.contains(name), "{name} is missing from {printed}");
    }
    run(within(&environment, "pip").args(["uninstall", "--quiet", "--yes", "libcas"]));
    let packages = run(within(&environment, "python3")
        .args(["-c", "import os, sysconfig\nprint(*os.listdir(sysconfig.get_path('purelib')))"]));
    assert!(!packages.contains("libcas"), "{packages}");
}
