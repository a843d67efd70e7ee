//! `make install`: an installed libcas is found and used by build systems, and leaves no trace.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acceptance::{artefact, installed, run, scratch, top};

fn tool(name: &str) -> Command {
    Command::new(top().join("tools/package").join(name))
}

/// What `make install` installs from: `make stage`, with the artefacts of `make build`.
fn stage(name: &str) -> PathBuf {
    let directory = scratch(name);
    let [tree, shared, archive] =
        ["tree", "libcas.so", "libcas.a"].map(|name| directory.join(name));
    run(tool("link.sh").args([&artefact("libcas.a"), &shared]));
    run(tool("localise.sh").args([&artefact("libcas.a"), &archive]));
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut stage = tool("stage.sh");
    stage.arg(&tree).arg(target).args([shared, archive]);
    stage.args([artefact("cas-emulator"), artefact("casctl")]);
    // The crates are there: this test was built from them.
    run(stage.env("CARGO_NET_OFFLINE", "true"));
    tree
}

/// All that is below a directory and is not a directory itself.
fn files(directory: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path);
        }
    }
    found
}

/// The lines of a text file that contain `part`.
fn lines_with(file: &Path, part: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap();
    text.lines().filter(|line| line.contains(part)).map(ToOwned::to_owned).collect()
}

#[test]
fn programs_find_an_installed_library_and_nothing_is_left_of_a_removed_one() {
    let tree = stage("stage");
    let prefix = scratch("installed");
    fs::write(prefix.join("another"), "").unwrap();
    let installer = |library_directory: &str| {
        let mut installer = Command::new(tree.join("install.sh"));
        installer.env("PREFIX", &prefix).env("LIBDIR", prefix.join(library_directory));
        installer.env_remove("DESTDIR");
        installer
    };
    run(&mut installer("lib"));
    run(tool("test-installed.sh").arg(&prefix).args(["casctl", "pkg-config", "static"]));
    for tools in [&["cmake"][..], &["meson", "ninja"]] {
        if tools.iter().all(|tool| installed(tool)) {
            run(tool("test-installed.sh").arg(&prefix).arg(tools[0]));
        } else {
            println!("{tools:?} are not installed: this test does without them");
        }
    }

    // A second one, elsewhere, moves the first.
    run(&mut installer("lib64"));
    run(tool("test-installed.sh").arg(&prefix).arg("pkg-config"));
    let libraries = prefix.join("lib64");
    assert!(!files(&prefix).iter().any(|file| file.starts_with(prefix.join("lib"))));
    let link = |name: &str| fs::read_link(libraries.join(name)).unwrap();
    let full = link("libcas.so.0").display().to_string();
    assert_eq!(link("libcas.so"), Path::new("libcas.so.0"));
    let version = full.strip_prefix("libcas.so.").unwrap();
    assert!(version.starts_with("0.") && version.split('.').count() == 3, "{full}");
    assert_eq!(
        lines_with(&libraries.join("pkgconfig/libcas.pc"), "Version"),
        [format!("Version: {version}")]
    );
    let modes = run(Command::new("find").arg(&prefix).args(["-perm", "/022", "!", "-type", "l"]));
    assert_eq!(modes, "", "others may write these");

    let manual = fs::read_to_string(prefix.join("share/man/man1/casctl-upload.1")).unwrap();
    assert!(manual.starts_with(".TH CASCTL"), "{manual}");
    let examples = ["c/plugin.c", "cobol/upload.cob", "go/go.mod", "lua/upload.lua"]
        .map(|example| format!("doc/libcas/examples/{example}"));
    let printed = ["bash-completion/completions/casctl", "man/man1/casctl-explain-signature.1"];
    for file in examples.iter().map(String::as_str).chain(printed) {
        assert!(prefix.join("share").join(file).is_file(), "{file}");
    }

    let notices = prefix.join("share/doc/libcas/THIRD-PARTY.txt");
    for package in ["ring ", "rustls ", "ureq ", "webpki-roots ", "rusqlite ", "indicatif "] {
        assert!(!lines_with(&notices, package).is_empty(), "no notice for {package}");
    }
    for package in ["proptest ", "cbindgen ", "stateright ", "serde_derive ", "cc "] {
        let lines = lines_with(&notices, package);
        let is_notice = |line: &String| line.starts_with(package);
        assert!(!lines.iter().any(is_notice), "{package}is not in the artefacts");
    }
    let bill = fs::read_to_string(prefix.join("share/doc/libcas/libcas.cdx.json")).unwrap();
    let bill: serde_json::Value = serde_json::from_str(&bill).unwrap();
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().unwrap();
    let ring = components.iter().find(|component| component["name"] == "ring").unwrap();
    assert_eq!(ring["hashes"][0]["alg"], "SHA-256");
    assert!(!bill.to_string().contains(top().to_str().unwrap()), "a path of this machine");

    run(Command::new(top().join("tools/package/install.sh"))
        .arg("uninstall")
        .env("PREFIX", &prefix)
        .env_remove("DESTDIR"));
    assert_eq!(files(&prefix), BTreeSet::from([prefix.join("another")]));
}

#[test]
fn a_package_is_built_with_destdir_and_names_the_final_paths() {
    let tree = stage("stage-destdir");
    let root = scratch("destdir");
    run(Command::new(tree.join("install.sh"))
        .env("DESTDIR", &root)
        .env("PREFIX", "/usr")
        .env("LIBDIR", "/usr/lib/multiarch"));
    let libraries = root.join("usr/lib/multiarch");
    assert_eq!(
        lines_with(&libraries.join("pkgconfig/libcas.pc"), "dir="),
        ["libdir=/usr/lib/multiarch", "includedir=${prefix}/include"]
    );
    let config = libraries.join("cmake/libcas/libcasConfig.cmake");
    assert_eq!(
        lines_with(&config, "\"/usr"),
        ["set(_cas_prefix \"/usr\")", "set(_cas_libdir \"/usr/lib/multiarch\")"]
    );
    for file in files(&root.join("usr/lib/multiarch/cmake")) {
        assert_eq!(lines_with(&file, root.to_str().unwrap()), [""; 0]);
    }
    assert_eq!(lines_with(&root.join("usr/share/libcas/files"), root.to_str().unwrap()), [""; 0]);
}

/// The packages of what `make stage` has laid out, by their names without version and architecture.
fn packages(name: &str, tree: &Path, version: &str) -> PathBuf {
    let directory = scratch(name);
    run(Command::new("python3")
        .arg("-B")
        .arg(top().join("tools/package/packages.py"))
        .arg(tree)
        .arg(std::env::consts::ARCH)
        .arg(&directory)
        .env("VERSION", version)
        .env("SOURCE_DATE_EPOCH", "1767225600")
        .env("LEVEL", "0"));
    directory
}

#[test]
fn packages_hold_every_file_once_and_their_bytes_depend_on_the_tree_alone() {
    let tree = stage("packaged");
    let first = packages("packages", &tree, "0.1.0");
    let again = packages("packages-again", &tree, "0.1.0");
    let made = files(&first);
    assert_eq!(made.len(), 8, "{made:?}");
    for file in &made {
        let other = again.join(file.file_name().unwrap());
        assert!(fs::read(file).unwrap() == fs::read(other).unwrap(), "{}", file.display());
    }

    let machine = std::env::consts::ARCH;
    let libdir = format!("usr/lib/{machine}-linux-gnu");
    let mut seen = BTreeSet::new();
    let unpacked = scratch("unpacked");
    for file in made.iter().filter(|file| file.extension().unwrap() == "deb") {
        run(Command::new("dpkg-deb").arg("--raw-extract").arg(file).arg(&unpacked));
        let listed = run(Command::new("dpkg-deb").arg("--contents").arg(file));
        for line in listed.lines().filter(|line| !line.starts_with('d')) {
            assert!(line.contains(" root/root "), "{line}");
            let path = line.split_whitespace().nth(5).unwrap().to_owned();
            assert!(seen.insert(path), "two packages have the file of {line}");
        }
        let control = fs::read_to_string(unpacked.join("DEBIAN/control")).unwrap();
        assert!(control.contains("\nVersion: 0.1.0-1\n"), "{control}");
        let name = file.file_name().unwrap().to_str().unwrap();
        if name.starts_with("libcas0_") {
            let symbols = fs::read_to_string(unpacked.join("DEBIAN/symbols")).unwrap();
            let map = fs::read_to_string(top().join("crates/cas-ffi/libcas.map")).unwrap();
            let functions = map.matches("    cas_").count();
            assert_eq!(symbols.matches("\n cas_").count(), functions, "{symbols}");
            assert!(symbols.contains("\n cas_client_new@CAS_0.1 0.1.0\n"), "{symbols}");
            let triggers = fs::read_to_string(unpacked.join("DEBIAN/triggers")).unwrap();
            assert_eq!(triggers, "activate-noawait ldconfig\n");
        }
        fs::remove_dir_all(unpacked.join("DEBIAN")).unwrap();
    }
    for file in ["usr/bin/casctl", "usr/bin/cas-emulator", "usr/include/cas.hpp"] {
        assert!(seen.contains(&format!("./{file}")), "{file}: {seen:?}");
    }
    for link in ["libcas.so", "libcas.so.0"] {
        assert!(unpacked.join(&libdir).join(link).exists(), "{link} leads nowhere");
    }
    run(tool("test-installed.sh").arg(unpacked.join("usr")).arg("casctl"));

    let rpms: Vec<_> = made.iter().filter(|file| file.extension().unwrap() == "rpm").collect();
    let query = |what: &str| run(Command::new("rpm").args(["-qp", what]).args(&rpms));
    let mut paths: Vec<String> = query("--list").lines().map(ToOwned::to_owned).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), count, "two packages have a file: {paths:?}");
    for file in ["/usr/lib64/libcas.so.0", "/usr/lib/systemd/system/casctl-sync.timer"] {
        assert!(paths.iter().any(|path| path == file), "{file}: {paths:?}");
    }
    assert!(query("--scripts").contains("/sbin/ldconfig"));
    assert!(query("--requires").contains(&format!("libcas0({}", machine.replace('_', "-"))));
}
