//! Files and memory that cannot be had.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;
use std::thread;

use acceptance::program::compile_preload;
use acceptance::setups::{PROVIDER, ROLE, cases, for_each, signer};
use acceptance::{Emulator, Outcome, Program, chain, compile, report, run, scratch, top};

/// Where libcas reads files.
const PLACES: [&str; 7] = ["cert", "key", "CA file", "root store", "config", "ini", "token"];

/// A profile of another identity, which must not be used instead of an unreadable file.
const OTHER: &str = "[default]\ntype = access_key\naccess_key_id = testid\n\
                     access_key_secret = testsecret\n";
const CONFIG: &str = r#"{"current": "a", "profiles": [{"name": "a", "mode": "AK",
    "access_key_id": "testid", "access_key_secret": "testsecret"}]}"#;

/// An upload that reads `file` in one place, in which `sound` is the content that works.
struct Reading {
    program: Program,
    sound: Vec<u8>,
    /// The status if the file cannot be read.
    status: &'static str,
}

fn reading(place: &str, file: &Path, emulator: &Emulator, tls: &Emulator) -> Reading {
    /// Only once: programs that were started before read the file meanwhile.
    static WRITTEN: Once = Once::new();
    let home = scratch("files").join("home");
    fs::create_dir_all(home.join(".alibabacloud")).unwrap();
    WRITTEN.call_once(|| fs::write(home.join(".alibabacloud/credentials"), OTHER).unwrap());
    let content = |path: &Path| fs::read(path).unwrap();
    let [cert, key] = [&chain().chain, &chain().key];
    let name = file.file_name().unwrap().to_string_lossy().replace('.', "-");
    let upload = |cert: &Path, key: &Path, endpoint: &Emulator| {
        // What is too large is refused whenever the machine gets that far, not by the deadline.
        let (timeout, connect) =
            if name.starts_with("endless") { ("120000", "120000") } else { ("4000", "1000") };
        let limits = [("CAS_TIMEOUT_MS", timeout), ("CAS_CONNECT_TIMEOUT_MS", connect)];
        report(endpoint.url(), &limits, &name, cert, key).env("CAS_MAX_ATTEMPTS", "1")
    };
    let without_key = || {
        upload(cert, key, emulator)
            .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
            .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
            .env("HOME", &home)
    };
    let (program, sound, status) = match place {
        "cert" => (upload(file, key, emulator), content(cert), "CAS_ERR_IO"),
        "key" => (upload(cert, file, emulator), content(key), "CAS_ERR_IO"),
        "CA file" => {
            (upload(cert, key, tls).env("CAS_CA_FILE", file), content(&chain().root), "CAS_ERR_IO")
        }
        "root store" => (
            upload(cert, key, tls).env("SSL_CERT_FILE", file),
            content(&chain().root),
            "CAS_ERR_NETWORK",
        ),
        "config" => (
            without_key().env("ALIBABA_CLOUD_CONFIG_FILE", file),
            CONFIG.into(),
            "CAS_ERR_CREDENTIALS",
        ),
        "ini" => (
            without_key().env("ALIBABA_CLOUD_CREDENTIALS_FILE", file),
            OTHER.into(),
            "CAS_ERR_CREDENTIALS",
        ),
        _ => (
            without_key()
                .env("ALIBABA_CLOUD_ROLE_ARN", ROLE)
                .env("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER)
                .env("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file),
            // There is no STS here.
            Vec::new(),
            "CAS_ERR_CREDENTIALS",
        ),
    };
    Reading { program, sound, status }
}

fn emulators() -> (Emulator, Emulator) {
    let [cert, key] = chain().files();
    (Emulator::start(&[]), Emulator::start_tls(cert, key, &[]))
}

fn fifo(name: &str) -> PathBuf {
    let path = scratch("files").join(name.replace(' ', "-"));
    run(Command::new("mkfifo").arg(&path));
    path
}

#[track_caller]
fn assert_refused(outcome: &Outcome, status: &str, case: &str, message: &str) {
    assert_eq!(outcome.field("status"), status, "{case}\n{}", outcome.stdout);
    assert!(outcome.field("message").contains(message), "{case}\n{}", outcome.stdout);
    assert_ne!(outcome.field("hint"), "(none)", "{case}");
}

#[test]
fn threads_do_not_wait_longer_than_their_timeout_for_roots_that_another_reads() {
    let (_, tls) = emulators();
    let program = Program::new(compile("tests/fixtures/c/slow_roots.c", &[]));
    program.arg(tls.url()).with_chain().arg(fifo("slow roots")).succeed();
}

#[test]
fn pipes_that_nobody_closes_end_with_an_error() {
    let (emulator, tls) = emulators();
    let mut held = Vec::new();
    let mut started = Vec::new();
    for kind in ["unopened", "silent", "unclosed", "endless"] {
        for place in PLACES {
            let path = fifo(&format!("{kind} {place}"));
            let Reading { program, status, .. } = reading(place, &path, &emulator, &tls);
            if kind != "unopened" {
                let mut pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
                if kind == "unclosed" {
                    pipe.write_all(b"-----BEGIN ").unwrap();
                }
                held.push(pipe);
            }
            let endless = (kind == "endless").then(|| {
                Program::bare("sh").args(["-c", "cat /dev/zero > \"$0\""]).arg(&path).start()
            });
            started.push((format!("{kind} {place}"), program.start(), status, endless));
        }
    }
    for (case, process, status, endless) in started {
        let outcome = process.finish();
        let (status, message) = match (case.as_str(), status) {
            ("endless cert" | "endless key", _) => ("CAS_ERR_CERTIFICATE", "larger than 1 MiB"),
            ("endless CA file" | "endless root store", _) => (status, "larger than 32 MiB"),
            _ if endless.is_some() => (status, "larger than 1 MiB"),
            _ => (status, "pipe before the deadline"),
        };
        let message = if case.starts_with("unclosed") {
            "this pipe was not closed before the deadline"
        } else {
            message
        };
        // After a file that is too large, the other identity is used as after any invalid file.
        if status == "CAS_ERR_CREDENTIALS" && endless.is_some() && !case.ends_with("ini") {
            assert_eq!(outcome.field("status"), "CAS_OK", "{case}");
        } else {
            assert_refused(&outcome, status, &case, message);
        }
    }
}

#[test]
fn pipes_may_be_written_late_and_slowly() {
    let (emulator, tls) = emulators();
    for place in &PLACES[..6] {
        let path = fifo(&format!("slow {place}"));
        let Reading { program, sound, .. } = reading(place, &path, &emulator, &tls);
        let process = program.start();
        // Waits until libcas has opened the pipe.
        let mut pipe = OpenOptions::new().write(true).open(&path).unwrap();
        for byte in sound.chunks(7) {
            pipe.write_all(byte).unwrap();
            thread::yield_now();
        }
        drop(pipe);
        let outcome = process.finish();
        assert_eq!(outcome.field("status"), "CAS_OK", "{place}\n{}", outcome.stdout);
    }
    for path in ["/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"] {
        let script = r#"cat "$2" | "$0" "$1" "$4" "$3""#;
        let [cert, key] = chain().files();
        let program = Program::new("sh").args(["-c", script]);
        let program = program.arg(compile("tests/fixtures/c/report.c", &[]));
        let name = path.replace('/', "-");
        let outcome =
            program.env("CAS_ENDPOINT", emulator.url()).args([&name, cert, key, path]).run();
        assert_eq!(outcome.field("status"), "CAS_OK", "{path}\n{}", outcome.stdout);
    }
}

#[test]
fn devices_directories_and_sockets_are_refused() {
    let (emulator, tls) = emulators();
    let socket = scratch("files").join("socket");
    let _listener = UnixListener::bind(&socket).unwrap();
    let link = scratch("files").join("link-to-zero");
    std::os::unix::fs::symlink("/dev/zero", &link).unwrap();
    let directory = top();
    let not_a_file = "it is not a regular file or a pipe";
    let cases: Vec<_> = [
        (Path::new("/dev/zero"), not_a_file),
        (Path::new("/dev/urandom"), not_a_file),
        (&link, not_a_file),
        (&socket, not_a_file),
        (&directory, "it is a directory"),
    ]
    .into_iter()
    .flat_map(|case| PLACES.map(|place| (case, place)))
    .collect();
    for_each(&cases, |((path, message), place)| {
        let case = format!("{} {place}", path.display());
        let Reading { program, status, .. } = reading(place, path, &emulator, &tls);
        let outcome = program.env("CAS_LOG", "2").run();
        if status == "CAS_ERR_CREDENTIALS" && *place != "ini" {
            // Such a configuration is invalid, as before: the next source is used, with a warning.
            assert!(outcome.stdout.contains(message), "{case}\n{}", outcome.stdout);
        } else {
            assert_refused(&outcome, status, &case, message);
        }
    });
}

#[test]
fn paths_are_bytes() {
    let (emulator, tls) = emulators();
    for place in PLACES {
        // "file" and the place in GBK, which is not UTF-8.
        let name = [b"\xce\xc4\xbc\xfe\xd6\xc4-", place.replace(' ', "-").as_bytes()].concat();
        let path = scratch("files").join(OsStr::from_bytes(&name));
        let Reading { program, sound, status } = reading(place, &path, &emulator, &tls);
        if matches!(place, "cert" | "key" | "CA file" | "root store") {
            let outcome = program.run();
            let shown = r"\xce\xc4\xbc\xfe\xd6\xc4-";
            assert_refused(&outcome, status, place, shown);
            fs::write(&path, sound).unwrap();
            let outcome = reading(place, &path, &emulator, &tls).program.run();
            assert_eq!(outcome.field("status"), "CAS_OK", "{place}\n{}", outcome.stdout);
        }
    }
}

#[test]
fn sizes_that_the_program_chooses_are_refused_and_not_the_end_of_it() {
    let emulator = Emulator::start(&[]);
    let large = scratch("files").join("large.pem");
    fs::write(&large, vec![b'a'; 31 << 20]).unwrap();
    let program = Program::new(compile("tests/fixtures/c/little_memory.c", &[]));
    let outcome = program.arg(emulator.url()).with_chain().arg(&large).run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert_eq!(emulator.certificates().len(), 1);
}

#[test]
fn too_many_open_files_are_named_and_over_when_they_are_closed() {
    let (emulator, tls) = emulators();
    let descriptors = || Program::new(compile("tests/fixtures/c/descriptors.c", &[]));
    let root = &chain().root;
    let named = format!("http://host.invalid:{}", emulator.port());
    for (url, left, cause) in [
        (emulator.url(), "0", "failed to connect to 127.0.0.1"),
        (tls.url(), "0", "failed to connect to 127.0.0.1"),
        // The connection is open, but not the file of the root store.
        (tls.url(), "1", "failed to load root certificates: "),
        (named.as_str(), "0", "failed to resolve the host name host.invalid: "),
    ] {
        let program = descriptors().env("CAS_ENDPOINT", url).env("SSL_CERT_FILE", root);
        let program = if left == "0" { program.env("CAS_CA_FILE", root) } else { program };
        let outcome = program.arg("web").with_chain().arg(left).run();
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        let case = format!("{url} {left}: {}", outcome.stdout);
        outcome.assert_fields(&[("first_status", "CAS_ERR_NETWORK"), ("first_retryable", "1")]);
        outcome.assert_says("first_message", &[cause, "too many open files (EMFILE)"]);
        outcome.assert_says("first_hint", &["ulimit -n", "RLIMIT_NOFILE", "LimitNOFILE"]);
        if url == named {
            outcome.assert_says("second_message", &["failed to resolve the host name"]);
            assert!(!outcome.field("second_message").contains("EMFILE"), "{case}");
        } else {
            assert_eq!(outcome.field("second_status"), "CAS_OK", "{case}");
        }
    }
}

#[test]
fn root_stores_that_cannot_be_opened_are_not_replaced() {
    let (_, tls) = emulators();
    let descriptors = compile("tests/fixtures/c/descriptors.c", &[]);
    let directory = scratch("root-directory");
    fs::copy(&chain().root, directory.join("root.pem")).unwrap();
    let directory = directory.to_str().unwrap();
    let root = chain().root.to_str().unwrap();
    // One descriptor is the connection's. A directory needs one more than a file.
    for (variables, left, cause) in [
        (vec![], "1", "the system's /"),
        (vec![("SSL_CERT_DIR", directory)], "1", "(SSL_CERT_DIR): "),
        (vec![("SSL_CERT_DIR", directory)], "2", "(SSL_CERT_DIR): "),
        (vec![("SSL_CERT_FILE", root), ("SSL_CERT_DIR", directory)], "2", "(SSL_CERT_DIR): "),
    ] {
        let program = Program::new(&descriptors).env("CAS_ENDPOINT", tls.url()).envs(&variables);
        let outcome = program.arg("web").with_chain().arg(left).run();
        outcome.assert_fields(&[("first_status", "CAS_ERR_NETWORK"), ("first_retryable", "1")]);
        outcome.assert_says("first_message", &["failed to load root certificates: ", cause]);
        outcome.assert_says("first_message", &["too many open files (EMFILE)"]);
        if !variables.is_empty() {
            outcome.assert_fields(&[("second_status", "CAS_OK")]);
        }
    }
}

#[test]
fn other_resources_that_are_used_up_are_named() {
    let (emulator, tls) = emulators();
    let preload = compile_preload("tests/fixtures/c/exhausted.c");
    let directory = scratch("exhausted");
    let external = directory.join("config.json");
    fs::write(
        &external,
        r#"{"current": "a", "profiles": [{"name": "a", "mode": "External",
            "process_command": "true"}]}"#,
    )
    .unwrap();
    let named = format!("http://host.invalid:{}", emulator.port());
    let network = "CAS_ERR_NETWORK";
    for (call, number, url, status, clause, hint) in [
        ("open", "23", emulator.url(), "CAS_ERR_IO", "too many open files (ENFILE)", "fs.file-max"),
        ("open", "12", emulator.url(), "CAS_ERR_IO", "not enough memory (ENOMEM)", "ulimit -v"),
        ("socket", "23", emulator.url(), network, "too many open files (ENFILE)", "fs.file-max"),
        ("socket", "105", tls.url(), network, "no buffer space for a socket (ENOBUFS)", "sysctl"),
        ("socket", "12", tls.url(), network, "not enough memory (ENOMEM)", "ulimit -v"),
        ("pthread_create", "11", &named, network, "too many threads", "ulimit -u"),
        (
            "posix_spawn",
            "11",
            emulator.url(),
            "CAS_ERR_CREDENTIALS",
            "process_command failed to start: too many threads or processes (EAGAIN)",
            "RLIMIT_NPROC",
        ),
    ] {
        let [cert, key] = chain().files();
        let settings = [("CAS_MAX_ATTEMPTS", "1"), ("CAS_ALLOW_PLAINTEXT", "1")];
        let program = report(url, &settings, "web", cert, key);
        let program = if call == "posix_spawn" {
            program
                .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
                .env("ALIBABA_CLOUD_CONFIG_FILE", &external)
                .env("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:9/")
        } else {
            program
        };
        let program = program.env("LD_PRELOAD", &preload);
        let outcome = program.env("EXHAUSTED", call).env("EXHAUSTED_ERRNO", number).run();
        outcome.assert_fields(&[("status", status), ("retryable", "1")]);
        outcome.assert_says("message", &[clause]);
        outcome.assert_says("hint", &[hint]);
    }
}

/// With every number of descriptors that is too small for one of its steps, a source fails and no
/// other one takes its place: as soon as there are enough, the same client has the right identity.
#[test]
fn too_many_open_files_never_change_the_identity() {
    let descriptors = compile("tests/fixtures/c/descriptors.c", &[]);
    for_each(&cases(), |case| {
        let host = case.host();
        // The source after config.json, unless the case is about that file or a later source.
        let exists = |path: &str| host.cloud.home().join(path).exists();
        let is_before = exists(".aliyun/config.json") || case.name.starts_with("OIDC");
        let is_used = exists(".alibabacloud/credentials.ini");
        if is_before && !is_used && case.name != "file of another name" {
            let other = OTHER.replace("testid", "otherid");
            host.cloud.write(".alibabacloud/credentials", &other);
        }
        let mut failed = 0;
        for left in ["0", "1", "2", "3"] {
            let program = host.program(&descriptors).env("CAS_ENDPOINT", host.emulator.url());
            let outcome = program.arg(format!("web-{left}")).with_chain().arg(left).run();
            let shown = format!("{} {left}:\n{}\n{}", case.name, outcome.stdout, outcome.stderr);
            assert_eq!(outcome.code, Some(0), "{shown}");
            if outcome.field("first_status") != "CAS_OK" {
                failed += 1;
                outcome.assert_fields(&[("first_retryable", "1")]);
                outcome.assert_says("first_message", &["(EMFILE)"]);
                outcome.assert_says("first_hint", &["ulimit -n"]);
            }
            assert_eq!(outcome.field("second_status"), "CAS_OK", "{shown}");
            let key = signer(&host.emulator);
            let service = |key: &str| key.split('-').next().map(ToOwned::to_owned);
            assert_eq!(service(&key), service(case.key), "{shown}");
        }
        assert!(failed > 0, "{} needs no descriptor", case.name);
    });
}
