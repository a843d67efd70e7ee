//! The environment, privileges and the home directory.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use acceptance::program::{compile_against, compile_preload};
use acceptance::stub::Reply;
use acceptance::{
    Emulator, Outcome, Process, Program, Stub, artefact, chain, compile, installed, run, scratch,
    top,
};

/// The user who owns nothing.
const NOBODY: u32 = 65534;

// --- Which variables are read, and when ---

/// The variables of each list of `cas.h`: proxy, CA file, access key, access key or profile.
fn listed() -> [BTreeSet<String>; 4] {
    let header = fs::read_to_string(top().join("include/cas.h")).unwrap();
    let section = header.split_once(" * Environment:").unwrap().1;
    let section = section.split_once("\n *\n * Before version").unwrap().0;
    let lists: Vec<_> = section.split("\n * - Unless the program sets ").skip(1).collect();
    let names = |list: &&str| {
        let words = list.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let is_name = |word: &&str| word.contains('_') || *word == "HOME";
        words.filter(is_name).map(ToOwned::to_owned).collect()
    };
    let lists: Vec<BTreeSet<_>> = lists.iter().map(names).collect();
    lists.try_into().unwrap()
}

/// What a program asks for: until its client exists, and afterwards.
struct Trace {
    first: Vec<String>,
    later: Vec<String>,
    outcome: Outcome,
}

impl Trace {
    fn of(program: Program) -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let file = scratch("environment").join(format!("trace-{number}"));
        let outcome = program
            .env("LD_PRELOAD", compile_preload("tests/fixtures/c/trace_environment.c"))
            .env("TRACE", &file)
            .run();
        let lines = fs::read_to_string(file).unwrap();
        // report.c reads its own settings: CAS_LANG after it has made its client.
        let (first, later) = lines.split_once("CAS_LANG\n").unwrap();
        let names = |lines: &str| {
            let names = lines.lines().filter(|name| !name.starts_with("CAS_"));
            names.map(ToOwned::to_owned).collect()
        };
        Self { first: names(first), later: names(later), outcome }
    }

    fn set(&self) -> BTreeSet<String> {
        self.first.iter().cloned().collect()
    }
}

/// `report.c` with these settings alone, about to upload to a port where no one listens.
fn bare_report(settings: &[(&str, &str)]) -> Program {
    Program::bare(compile("tests/fixtures/c/report.c", &[]))
        .env("CAS_ENDPOINT", "http://127.0.0.1:1")
        .env("CAS_MAX_ATTEMPTS", "1")
        .envs(settings)
        .arg("web")
        .with_chain()
}

#[test]
fn the_header_lists_every_variable_that_is_read() {
    let [proxy, roots, key, key_or_profile] = listed();
    let root = chain().root.to_str().unwrap();
    // libcas makes its HTTP client with defaults that read these, and discards them.
    let always: BTreeSet<_> =
        proxy.iter().filter(|name| *name != "REQUEST_METHOD").cloned().collect();
    let access_key = ("CAS_ACCESS_KEY", "id:secret");
    for (settings, expected) in [
        // Nothing else makes this program find an access key, and it asks no server for one.
        (
            &[("HOME", "/nonexistent"), ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")][..],
            vec![&proxy, &roots, &key, &key_or_profile],
        ),
        (&[("HOME", "/nonexistent"), ("CAS_PROFILE", "web")], vec![&proxy, &roots, &key]),
        (&[access_key], vec![&proxy, &roots]),
        (&[access_key, ("CAS_CA_FILE", root)], vec![&proxy]),
        (&[access_key, ("CAS_CA_FILE", root), ("CAS_PROXY", "")], vec![&always]),
    ] {
        let trace = Trace::of(bare_report(settings));
        let expected: BTreeSet<_> = expected.into_iter().flatten().cloned().collect();
        assert_eq!(trace.set(), expected, "{settings:?}");
        assert_eq!(trace.later, [""; 0], "{settings:?}: {}", trace.outcome.stdout);
    }
}

#[test]
fn nothing_is_read_later_by_any_source() {
    let emulator = Emulator::start(&[]);
    let home = scratch("environment-home");
    let profile = home.join(".aliyun/config.json");
    fs::create_dir_all(profile.parent().unwrap()).unwrap();
    fs::write(&profile, config("/nonexistent/program")).unwrap();
    for settings in [
        [("HOME", home.to_str().unwrap()), ("CAS_PROFILE", "process")],
        // Looked up on a thread of its own.
        [("CAS_ENDPOINT", "https://demo.example"), ("CAS_ACCESS_KEY", "i:s")],
        [("CAS_ENDPOINT", emulator.url()), ("CAS_ACCESS_KEY", "testid:testsecret")],
    ] {
        let trace = Trace::of(bare_report(&settings));
        assert_eq!(trace.later, [""; 0], "{settings:?}: {}", trace.outcome.stdout);
    }
}

#[test]
fn clients_are_made_while_another_thread_changes_the_environment() {
    let program = compile("tests/fixtures/c/setenv.c", &[]);
    let outcome = Program::bare(program).arg("500").arg(&chain().root).run();
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

/// The environment names files byte for byte, in whatever character set their names are.
#[test]
fn paths_of_the_environment_are_bytes() {
    let emulator = Emulator::start(&[]);
    let tls = Emulator::start_tls(chain().files()[0], chain().files()[1], &[]);
    // "certificates" in GBK.
    let name = OsStr::from_bytes(b"\xd6\xa4\xca\xe9");
    let home = scratch("environment-gbk").join(name);
    let write = |relative: &str, content: &str| {
        let path = home.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    };
    let ini = "[default]\ntype = access_key\naccess_key_id = testid\n\
               access_key_secret = testsecret\n";
    write(".alibabacloud/credentials", ini);
    let ini = write("ini", ini);
    let json = write("json", &config("true"));
    let roots = write("roots/root.pem", &fs::read_to_string(&chain().root).unwrap());
    let key = ("CAS_ACCESS_KEY", OsStr::new("testid:testsecret"));
    let nowhere = ("HOME", OsStr::new("/nonexistent"));
    for (endpoint, settings) in [
        (emulator.url(), [("HOME", home.as_os_str()), nowhere]),
        (emulator.url(), [("ALIBABA_CLOUD_CREDENTIALS_FILE", ini.as_os_str()), nowhere]),
        (emulator.url(), [("ALIBABA_CLOUD_CONFIG_FILE", json.as_os_str()), nowhere]),
        (tls.url(), [("SSL_CERT_FILE", roots.as_os_str()), key]),
        (tls.url(), [("SSL_CERT_DIR", roots.parent().unwrap().as_os_str()), key]),
    ] {
        let program = settings
            .iter()
            .rev()
            .fold(bare_report(&[("CAS_ENDPOINT", endpoint)]), |program, (name, value)| {
                program.env(name, value)
            });
        program.run().assert_fields(&[("status", "CAS_OK")]);
    }
    let token = home.join("missing token");
    let outcome = bare_report(&[
        ("HOME", "/nonexistent"),
        ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
        ("ALIBABA_CLOUD_ROLE_ARN", "r"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "p"),
    ])
    .env("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &token)
    .run();
    outcome.assert_says("message", &["OIDC token file not found"]);
}

/// Text that is not UTF-8 is an error, and not a missing value that another source replaces.
#[test]
fn text_of_the_environment_must_be_utf_8() {
    for name in ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET"] {
        let program = bare_report(&[])
            .env("HOME", "/nonexistent")
            .with_test_key()
            .env(name, OsStr::from_bytes(b"caf\xe9"));
        let outcome = program.run();
        outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS")]);
        outcome.assert_says("message", &["the environment: invalid", name, "not UTF-8"]);
    }
}

// --- The home directory in the password database ---

/// A config.json whose current profile has the emulator's key, and whose profile "process" runs a
/// command.
fn config(command: &str) -> String {
    serde_json::json!({"current": "default", "profiles": [
        {"name": "default", "mode": "AK", "access_key_id": "testid",
         "access_key_secret": "testsecret"},
        {"name": "process", "mode": "External", "process_command": command},
    ]})
    .to_string()
}

fn asked_database(names: &[String]) -> usize {
    names.iter().filter(|name| *name == "getpwuid_r").count()
}

#[test]
fn the_password_database_is_asked_once_and_only_for_profiles() {
    let emulator = Emulator::start(&[]);
    let home = scratch("environment-passwd");
    fs::create_dir_all(home.join(".aliyun")).unwrap();
    fs::write(home.join(".aliyun/config.json"), config("true")).unwrap();
    let endpoint = ("CAS_ENDPOINT", emulator.url());
    let off = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");

    // It hangs, and is not needed.
    for key in [
        &[("CAS_ACCESS_KEY", "testid:testsecret")][..],
        &[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
        ],
        &[("HOME", home.to_str().unwrap())],
    ] {
        let trace = Trace::of(bare_report(&[&[endpoint, ("TRACE_HANG", "1")], key].concat()));
        trace.outcome.assert_fields(&[("status", "CAS_OK")]);
        assert_eq!(asked_database(&trace.first) + asked_database(&trace.later), 0, "{key:?}");
    }

    // It knows the directory; the entry needs a large buffer.
    let known = ("TRACE_HOME", home.to_str().unwrap());
    let trace = Trace::of(bare_report(&[endpoint, known]));
    trace.outcome.assert_fields(&[("status", "CAS_OK")]);
    assert_eq!((asked_database(&trace.first), asked_database(&trace.later)), (0, 2));

    // It does not: three files are looked for, and it is asked once.
    let trace = Trace::of(bare_report(&[endpoint, off]));
    trace.outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("retryable", "0")]);
    let unknown = "\"~/.aliyun/config.json\": the home directory is unknown (HOME is not set, and \
                   the password database does not have it)";
    trace.outcome.assert_says("message", &[unknown]);
    assert_eq!((asked_database(&trace.first), asked_database(&trace.later)), (0, 1));

    // It fails: no other source may take the place of a profile that cannot be found.
    let broken = ("TRACE_ERROR", "5");
    let uri = ("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/");
    let trace = Trace::of(bare_report(&[endpoint, off, broken, uri]));
    trace.outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("retryable", "1")]);
    let message = trace.outcome.field("message");
    assert!(message.contains("failed to look up the home directory"), "{message}");
    assert!(!message.contains("127.0.0.1"), "{message}");
    assert_eq!((asked_database(&trace.first), asked_database(&trace.later)), (0, 1));
    // Nor is it asked again by each attempt of a call.
    let four = ("CAS_MAX_ATTEMPTS", "4");
    let trace = Trace::of(bare_report(&[endpoint, off, broken, four]));
    trace.outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("retryable", "1")]);
    assert_eq!((asked_database(&trace.first), asked_database(&trace.later)), (0, 1));

    // It hangs and is needed: the call ends at its deadline.
    let short = ("CAS_TIMEOUT_MS", "1000");
    let trace = Trace::of(bare_report(&[endpoint, off, ("TRACE_HANG", "1"), short, uri]));
    trace.outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("retryable", "1")]);
    trace.outcome.assert_says("message", &["the password database did not respond"]);
    trace.outcome.assert_says("hint", &["Set HOME"]);
    assert_eq!((asked_database(&trace.first), asked_database(&trace.later)), (0, 1));
}

// --- Raised privileges ---

/// `report.c` as a program of its own that other users can run, with its library.
struct Privileged {
    directory: PathBuf,
    program: PathBuf,
}

impl Privileged {
    /// `None` if this machine cannot run it with raised privileges, and why is printed.
    fn new(name: &str) -> Option<Self> {
        let directory = std::env::temp_dir().join(format!("libcas-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).unwrap();
        let program = directory.join("report");
        let this = Self { directory, program };
        // By another process: a child that another test forks meanwhile would keep the program open
        // for writing, and such a program cannot be started.
        let copy = |from: &Path, to: PathBuf| run(Command::new("cp").arg(from).arg(to));
        copy(&artefact("libcas.so"), this.file("libcas.so.0"));
        std::os::unix::fs::symlink("libcas.so.0", this.file("libcas.so")).unwrap();
        let compiled = compile_against("tests/fixtures/c/report.c", &this.directory, &[]);
        copy(&compiled, this.program.clone());
        for (file, name) in
            [(&chain().chain, "chain.pem"), (&chain().key, "leaf.key"), (&chain().root, "root.pem")]
        {
            copy(file, this.file(name));
        }
        for entry in fs::read_dir(&this.directory).unwrap() {
            fs::set_permissions(entry.unwrap().path(), Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(&this.directory, Permissions::from_mode(0o755)).unwrap();
        let is_root = run(Command::new("id").arg("-u")).trim() == "0";
        let mount = run(Command::new("findmnt").args(["-no", "OPTIONS", "-T"]).arg(&this.program));
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let why = if !is_root {
            "only root can give a program to another user"
        } else if mount.split(',').any(|option| option.trim() == "nosuid") {
            "the file system of temporary files is mounted nosuid"
        } else if !status.contains("NoNewPrivs:\t0") {
            "this process may not gain privileges (no_new_privs)"
        } else {
            return Some(this);
        };
        eprintln!("NOT TESTED: programs with raised privileges, because {why}");
        None
    }

    /// Set-user-ID to nobody, and run by root.
    fn set_user_id(test: &str) -> Option<Self> {
        let this = Self::new(&format!("set-user-id-{test}"))?;
        chown(&this.program, Some(NOBODY), None).unwrap();
        fs::set_permissions(&this.program, Permissions::from_mode(0o4755)).unwrap();
        Some(this)
    }

    /// With a file capability, and run by nobody.
    fn capability() -> Option<Self> {
        let this = Self::new("capability")?;
        if !installed("setcap") && !Path::new("/usr/sbin/setcap").exists() {
            eprintln!("NOT TESTED: file capabilities, because setcap is not installed");
            return None;
        }
        let mut setcap = Command::new("setcap");
        setcap.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
        setcap.arg("cap_net_bind_service=ep").arg(&this.program);
        if Process::start(&mut setcap).finish().code != Some(0) {
            eprintln!("NOT TESTED: file capabilities, because the file system has none");
            return None;
        }
        Some(this)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Writes a file that everybody can read.
    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.file(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// Runs it in an environment of nothing but these settings.
    fn run(&self, settings: &[(&str, &str)]) -> Outcome {
        self.finish(Program::bare(&self.program), settings)
    }

    /// The same, by the user nobody.
    fn run_by_nobody(&self, settings: &[(&str, &str)]) -> Outcome {
        let id = NOBODY.to_string();
        let program = Program::bare("setpriv")
            .args(["--reuid", &id, "--regid", &id, "--clear-groups"])
            .arg(&self.program);
        self.finish(program, settings)
    }

    fn finish(&self, program: Program, settings: &[(&str, &str)]) -> Outcome {
        program
            .env("CAS_MAX_ATTEMPTS", "1")
            .env("CAS_CONNECT_TIMEOUT_MS", "1000")
            .envs(settings)
            .arg("web")
            .arg(self.file("chain.pem"))
            .arg(self.file("leaf.key"))
            .run()
    }
}

impl Drop for Privileged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

const TRUST: (&str, &str) = ("CAS_TRUST_ENVIRONMENT", "1");
const KEY: (&str, &str) = ("CAS_ACCESS_KEY", "testid:testsecret");
const SETTERS: [&str; 2] = ["cas_config_set_access_key", "cas_config_set_trust_environment"];

/// Everything that the environment can say about access keys, and how it is used.
fn check_access_keys(program: &Privileged, upload: impl Fn(&[(&str, &str)]) -> Outcome) {
    let emulator = Emulator::start(&[]);
    let touched = program.file("ran/touched");
    fs::create_dir_all(touched.parent().unwrap()).unwrap();
    let ran = touched.parent().unwrap();
    fs::set_permissions(ran, Permissions::from_mode(0o777)).unwrap();
    let command = format!("touch {}", touched.display());
    let json = program.write("home/.aliyun/config.json", &config(&command));
    let ini = "[default]\ntype = access_key\naccess_key_id = testid\n\
               access_key_secret = testsecret\n";
    let ini = program.write("ini", ini);
    let home = program.file("home");
    let [home, json, ini] = [&home, &json, &ini].map(|path| path.to_str().unwrap());
    let endpoint = ("CAS_ENDPOINT", emulator.url());
    let entry = run(Command::new("getent").args(["passwd", &NOBODY.to_string()]));
    let own_home = entry.split(':').nth(5).unwrap().trim_end_matches('/');

    // The program names a profile, so that libcas asks only for files.
    for (settings, key_is_there) in [
        (&[("HOME", home), ("CAS_PROFILE", "default")][..], true),
        (&[("HOME", home), ("CAS_PROFILE", "process")], false),
        (&[("ALIBABA_CLOUD_CONFIG_FILE", json), ("CAS_PROFILE", "default")], true),
        (&[("ALIBABA_CLOUD_CONFIG_FILE", json), ("CAS_PROFILE", "process")], false),
        (&[("ALIBABA_CLOUD_CREDENTIALS_FILE", ini), ("CAS_PROFILE", "default")], true),
    ] {
        let settings = [&[endpoint], settings].concat();
        let outcome = upload(&settings);
        outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("attempts", "0")]);
        outcome.assert_says("message", &["the environment: ignored, because", "privileges"]);
        outcome.assert_says("hint", &SETTERS);
        assert!(!outcome.field("message").contains(home), "{}", outcome.stdout);
        outcome.assert_says("message", &[&format!("\"{own_home}/.a")]);
        assert!(!touched.exists(), "{settings:?}");

        let outcome = upload(&[&settings[..], &[TRUST]].concat());
        if key_is_there {
            outcome.assert_fields(&[("status", "CAS_OK")]);
        } else {
            outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS")]);
            assert!(touched.exists(), "{settings:?}: {}", outcome.stdout);
            fs::remove_file(&touched).unwrap();
        }
    }
    upload(&[endpoint, KEY]).assert_fields(&[("status", "CAS_OK")]);
    let variables = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    let trusted = upload(&[&variables[..], &[endpoint, TRUST]].concat());
    trusted.assert_fields(&[("status", "CAS_OK")]);
    // With a profile of the program, libcas asks neither them nor the instance.
    let outcome = upload(&[&variables[..], &[endpoint, ("CAS_PROFILE", "default")]].concat());
    outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS")]);
}

/// Proxies, which would get a private key, and root stores.
fn check_network(program: &Privileged, upload: impl Fn(&[(&str, &str)]) -> Outcome) {
    // 192.0.2.0/24 belongs to no one (RFC 5737).
    let unreachable = [KEY, ("CAS_ENDPOINT", "http://192.0.2.1"), ("CAS_ALLOW_PLAINTEXT", "1")];
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Stub::start(vec![Reply::http("407 Proxy Authentication Required", "", "")]);
        let url = proxy.url();
        let settings = [&unreachable[..], &[(name, url.as_str())]].concat();
        let outcome = upload(&settings);
        assert_ne!(outcome.field("status"), "CAS_OK");
        outcome.assert_says("hint", &["cas_config_set_proxy", "raised privileges"]);
        assert!(proxy.requests().is_empty(), "{name}");
        upload(&[&settings[..], &[TRUST]].concat());
        assert!(!proxy.requests().is_empty(), "{name}");
    }

    let tls = Emulator::start_tls(chain().files()[0], chain().files()[1], &[]);
    let root = program.file("root.pem");
    let directory = program.file("roots");
    fs::create_dir_all(&directory).unwrap();
    fs::copy(&root, directory.join("root.pem")).unwrap();
    let (root, directory) = (root.to_str().unwrap(), directory.to_str().unwrap());
    let endpoint = ("CAS_ENDPOINT", tls.url());
    for named in [("SSL_CERT_FILE", root), ("SSL_CERT_DIR", directory)] {
        let outcome = upload(&[KEY, endpoint, named]);
        outcome.assert_fields(&[("status", "CAS_ERR_NETWORK")]);
        outcome.assert_says("message", &["its issuer is not trusted"]);
        outcome.assert_says("hint", &["cas_config_set_ca_file", "raised privileges"]);
        upload(&[KEY, endpoint, named, TRUST]).assert_fields(&[("status", "CAS_OK")]);
    }
    upload(&[KEY, endpoint, ("CAS_CA_FILE", root)]).assert_fields(&[("status", "CAS_OK")]);
}

#[test]
fn a_set_user_id_program_ignores_the_environment() {
    let Some(program) = Privileged::set_user_id("environment") else { return };
    check_access_keys(&program, |settings| program.run(settings));
    check_network(&program, |settings| program.run(settings));
}

#[test]
fn a_program_with_file_capabilities_ignores_the_environment() {
    let Some(program) = Privileged::capability() else { return };
    check_access_keys(&program, |settings| program.run_by_nobody(settings));
    check_network(&program, |settings| program.run_by_nobody(settings));
}

/// The home directory of the effective user is used, and a process_command there runs without the
/// environment. A namespace of its own gives this user a home directory.
#[test]
fn a_set_user_id_program_uses_the_home_of_its_effective_user() {
    let Some(program) = Privileged::set_user_id("home") else { return };
    let passwd = "root:x:0:0::/root:/bin/sh\n".to_owned()
        + &format!("nobody:x:{NOBODY}:{NOBODY}::{}:/bin/sh\n", program.file("own").display());
    let passwd = program.write("passwd", &passwd);
    let in_namespace = |command: &mut Command| {
        let mount = "mount --bind \"$0\" /etc/passwd && exec \"$@\"";
        let command = command.args(["--mount", "sh", "-c", mount]).arg(&passwd).arg("true");
        Process::start(command).finish().code == Some(0)
    };
    if !installed("unshare") || !in_namespace(&mut Command::new("unshare")) {
        eprintln!("NOT TESTED: the home directory, because this process may not mount files");
        return;
    }
    let ran = program.file("ran");
    fs::create_dir_all(&ran).unwrap();
    fs::set_permissions(&ran, Permissions::from_mode(0o777)).unwrap();
    let key = r#"{"mode": "AK", "access_key_id": "testid", "access_key_secret": "testsecret"}"#;
    let shown = ran.display();
    let script =
        program.write("script", &format!("env > {shown}/env\npwd > {shown}/pwd\necho '{key}'\n"));
    program.write("own/.aliyun/config.json", &config(&format!("sh {}", script.display())));
    // What the less privileged user would like to run in its place.
    let hostile = program.write("hostile/sh", &format!("#!/bin/sh\ntouch {shown}/hostile\n"));
    fs::set_permissions(&hostile, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", hostile.parent().unwrap().display());
    let emulator = Emulator::start(&[]);
    for profile in ["default", "process"] {
        let mount = "mount --bind \"$0\" /etc/passwd && PATH=$HOSTILE exec \"$@\"";
        let isolated = Program::bare("unshare")
            .args(["--mount", "sh", "-c", mount])
            .arg(&passwd)
            .arg(&program.program);
        let settings = [
            ("CAS_ENDPOINT", emulator.url()),
            ("CAS_PROFILE", profile),
            ("HOME", "/tmp"),
            ("HOSTILE", &path),
            ("PYTHONSTARTUP", "/tmp/hostile"),
        ];
        program.finish(isolated, &settings).assert_fields(&[("status", "CAS_OK")]);
    }
    let environment = fs::read_to_string(ran.join("env")).unwrap();
    // The shell adds PWD and others of its own.
    assert!(environment.contains("PATH=/usr/local/sbin:/usr/local/bin:"), "{environment}");
    for name in ["HOME", "HOSTILE", "PYTHONSTARTUP", "CAS_"] {
        assert!(!environment.contains(name), "{environment}");
    }
    assert_eq!(fs::read_to_string(ran.join("pwd")).unwrap(), "/\n");
    assert!(!ran.join("hostile").exists());
}

/// Without a network, so that the metadata service cannot be reached whoever runs the test.
#[test]
fn a_set_user_id_program_still_asks_for_the_instance_role() {
    let Some(program) = Privileged::set_user_id("role") else { return };
    let mut unshare = Command::new("unshare");
    let isolates = |unshare: &mut Command| {
        Process::start(unshare.args(["--net", "true"])).finish().code == Some(0)
    };
    if !installed("unshare") || !isolates(&mut unshare) {
        eprintln!("NOT TESTED: the instance role, because this process may not unshare a network");
        return;
    }
    let isolated = Program::bare("unshare").arg("--net").arg(&program.program);
    let outcome = program.finish(
        isolated,
        &[
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
            ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
            ("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:1/"),
        ],
    );
    outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS")]);
    let role = "the instance RAM role: failed to connect to 100.100.100.200:80";
    outcome.assert_says("message", &["the environment: ignored", role]);
    assert!(!outcome.field("message").contains("127.0.0.1"), "{}", outcome.stdout);
}
