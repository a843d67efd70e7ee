//! A cloud on this machine: the services that give out credentials, and a world that leads nowhere
//! else.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::workshop::{LONG, New, Workshop};
use crate::{Emulator, Outcome, Program, artefact, ask, run, scratch, top};

/// Regions that have an STS of their own here.
const REGIONS: [&str; 5] =
    ["cn-hangzhou", "cn-beijing", "cn-shanghai", "ap-southeast-1", "eu-central-1"];

/// A running cloud (tests/fixtures/python/cloud.py); it ends with the test.
pub struct Cloud {
    server: Child,
    http: u16,
    https: u16,
    clock: PathBuf,
    home: PathBuf,
}

/// What all clouds of a test program have in common.
struct Sky {
    elsewhere: PathBuf,
    workshop: Workshop,
}

/// Made once for each test program.
fn sky() -> &'static Sky {
    static SKY: OnceLock<Sky> = OnceLock::new();
    SKY.get_or_init(|| {
        let elsewhere = scratch("programs").join("elsewhere.so");
        run(Command::new("gcc")
            .current_dir(top())
            .args(["-std=gnu99", "-g", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"])
            .args(["tests/fixtures/c/elsewhere.c", "-ldl", "-o"])
            .arg(&elsewhere));
        let workshop = Workshop::new("cloud-ca");
        workshop.key("cloud", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let mut names = String::from(
            "DNS:sts.aliyuncs.com,DNS:oauth.aliyun.com,DNS:oauth.alibabacloud.com,\
             DNS:signin.example.alibabacloudsso.com",
        );
        for region in REGIONS {
            names += &format!(",DNS:sts.{region}.aliyuncs.com,DNS:sts-vpc.{region}.aliyuncs.com");
        }
        workshop.issue(New {
            name: "cloud",
            subject: "sts.aliyuncs.com",
            key: "cloud",
            issuer: "intermediate",
            extensions: &format!("basicConstraints=critical,CA:FALSE\nsubjectAltName={names}\n"),
            valid: LONG,
            hash: "sha256",
        });
        workshop.write("cloud-chain.pem", workshop.chain(&["cloud", "intermediate"]));
        Sky { elsewhere, workshop }
    })
}

impl Cloud {
    /// Starts one, whose clock is right.
    pub fn start() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let directory = scratch(&format!("cloud-{}", STARTED.fetch_add(1, Ordering::Relaxed)));
        let (clock, home) = (directory.join("clock"), directory.join("home"));
        fs::create_dir_all(&home).unwrap();
        let Sky { elsewhere, workshop } = sky();
        let mut server = Command::new("python3")
            .arg(top().join("tests/fixtures/python/cloud.py"))
            .arg("--cert")
            .arg(workshop.0.join("cloud-chain.pem"))
            .arg("--key")
            .arg(workshop.0.join("cloud.key"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LD_PRELOAD", elsewhere)
            .env("ELSEWHERE_CLOCK", &clock)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Value = serde_json::from_str(&line).unwrap();
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        Self { server, http: port("http"), https: port("https"), clock, home }
    }

    /// What puts a program into this cloud's world.
    fn environment(&self) -> Vec<(String, String)> {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", shown(&sky().elsewhere)),
            ("ELSEWHERE_HTTP", self.http.to_string()),
            ("ELSEWHERE_HTTPS", self.https.to_string()),
            ("ELSEWHERE_CLOCK", shown(&self.clock)),
            ("SSL_CERT_FILE", shown(&sky().workshop.0.join("root.pem"))),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// A directory of its own for `HOME`.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Writes a file below `home` that only its owner may read.
    pub fn write(&self, relative: &str, content: &str) -> PathBuf {
        let path = self.home.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// Moves the clock of the whole world, from where it was moved before.
    pub fn advance(&self, seconds: i64) {
        let new = self.clock.with_extension("new");
        let before: i64 = fs::read_to_string(&self.clock).map_or(0, |text| text.parse().unwrap());
        fs::write(&new, (before + seconds).to_string()).unwrap();
        fs::rename(new, &self.clock).unwrap();
    }

    /// Changes the state, which is described in tests/fixtures/python/cloud.py.
    pub fn set(&self, state: &Value) {
        self.control("POST", "/_/set", &state.to_string());
    }

    /// All requests since the start or the last `reset`, oldest first.
    pub fn requests(&self) -> Vec<Value> {
        self.control("GET", "/_/requests", "").as_array().unwrap().clone()
    }

    /// Forgets the requests.
    pub fn reset(&self) {
        self.control("POST", "/_/reset", "");
    }

    /// Where it listens without TLS; `/credentials` is a credentials URI.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Options that make the emulator know the static key, and the first that each service will
    /// give out.
    pub fn keys(&self) -> Vec<String> {
        let mut options =
            vec!["--access-key".to_owned(), "staticid:canary-secret-static".to_owned()];
        for service in ["ecs", "uri", "sts", "oidc", "sso", "oauth"] {
            for n in 1..10 {
                let key = format!(
                    "STS.{service}-{n}:canary-secret-{service}-{n}:canary-token-{service}-{n}"
                );
                options.extend(["--sts".to_owned(), key]);
            }
        }
        options
    }

    /// What the official package finds in an environment of nothing but these settings.
    pub fn resolve(&self, settings: &[(&str, &str)]) -> Outcome {
        let python = top().join("target/venv/bin/python3");
        assert!(
            python.exists(),
            "run `make test`: it installs the official package into target/venv"
        );
        let program = self.program(python).arg(top().join("tests/fixtures/python/resolve.py"));
        settings.iter().fold(program, |program, (name, value)| program.env(name, value)).run()
    }

    /// An emulator under the same clock that knows every key of [`Cloud::keys`].
    pub fn emulator(&self) -> Emulator {
        let mut command = Command::new(artefact("cas-emulator"));
        command.envs(self.environment());
        let keys = self.keys();
        Emulator::start_in(command, &keys.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A program in this cloud's world.
    pub fn program(&self, path: impl AsRef<OsStr>) -> Program {
        let program = Program::bare(path).env("HOME", &self.home);
        self.environment().iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        ask(&format!("127.0.0.1:{}", self.http), "127.0.0.1", method, path, body)
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
