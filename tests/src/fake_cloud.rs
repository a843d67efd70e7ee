//! A cloud on this machine: the services that give out credentials, and an environment in which
//! every connection leads to them.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use crate::program::compile_preload;
use crate::test_ca::{LONG, New, TestCa};
use crate::{
    Emulator, Outcome, Process, Program, artefact, ask, node_modules, scratch, sdk_python, top,
};

/// Regions that have an STS of their own here.
const REGIONS: [&str; 5] =
    ["cn-hangzhou", "cn-beijing", "cn-shanghai", "ap-southeast-1", "eu-central-1"];

/// A running fake cloud (`tests/fixtures/python/cloud.py`); it ends with the test.
pub struct FakeCloud {
    http: u16,
    https: u16,
    clock: PathBuf,
    home: PathBuf,
    _server: Process,
}

/// An official package that finds access keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Official {
    /// `alibabacloud-credentials`
    Python,
    /// `@alicloud/credentials`
    Node,
}

/// What the fake clouds of a test program share.
struct Shared {
    /// `tests/fixtures/c/redirect_connect.c`, compiled.
    redirect: PathBuf,
    ca: TestCa,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let redirect = compile_preload("tests/fixtures/c/redirect_connect.c");
        let ca = TestCa::new("cloud-ca");
        ca.key("cloud", &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        let mut names = String::from(
            "DNS:sts.aliyuncs.com,DNS:oauth.aliyun.com,DNS:oauth.alibabacloud.com,\
             DNS:signin.example.alibabacloudsso.com",
        );
        for region in REGIONS {
            names += &format!(",DNS:sts.{region}.aliyuncs.com,DNS:sts-vpc.{region}.aliyuncs.com");
        }
        ca.issue(New {
            name: "cloud",
            subject: "sts.aliyuncs.com",
            key: "cloud",
            issuer: "intermediate",
            extensions: &format!("basicConstraints=critical,CA:FALSE\nsubjectAltName={names}\n"),
            valid: LONG,
            hash: "sha256",
        });
        ca.write("cloud-chain.pem", ca.chain(&["cloud", "intermediate"]));
        Shared { redirect, ca }
    })
}

impl FakeCloud {
    /// Starts one whose clock is right.
    #[track_caller]
    pub fn start() -> Self {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let directory = scratch(&format!("cloud-{}", STARTED.fetch_add(1, Ordering::Relaxed)));
        let (clock, home) = (directory.join("clock"), directory.join("home"));
        fs::create_dir_all(&home).unwrap();
        let Shared { redirect, ca } = shared();
        let mut server = Program::bare("python3")
            .arg("-B")
            .arg(top().join("tests/fixtures/python/cloud.py"))
            .arg("--cert")
            .arg(ca.0.join("cloud-chain.pem"))
            .arg("--key")
            .arg(ca.0.join("cloud.key"))
            .env("LD_PRELOAD", redirect)
            .env("REDIRECT_CLOCK", &clock)
            .start();
        let line = server.line().expect("cloud.py prints its ports");
        let ports: Value = serde_json::from_str(&line).unwrap();
        let port = |name: &str| u16::try_from(ports[name].as_u64().unwrap()).unwrap();
        Self { http: port("http"), https: port("https"), clock, home, _server: server }
    }

    /// The variables by which a program uses this cloud.
    fn environment(&self) -> [(&'static str, String); 5] {
        let shown = |path: &Path| path.to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD", shown(&shared().redirect)),
            ("REDIRECT_HTTP", self.http.to_string()),
            ("REDIRECT_HTTPS", self.https.to_string()),
            ("REDIRECT_CLOCK", shown(&self.clock)),
            ("SSL_CERT_FILE", shown(&shared().ca.0.join("root.pem"))),
        ]
    }

    /// The directory for `HOME`.
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

    /// Moves the clock of this cloud and its programs, from where it was moved before.
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

    /// Options by which the emulator knows the static key, and the first keys of each service.
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

    /// What an official package finds in an environment of nothing but these settings.
    pub fn resolve(&self, official: Official, settings: &[(&str, &str)]) -> Outcome {
        let (program, script) = match official {
            Official::Python => (self.program(sdk_python()), "python/resolve.py"),
            Official::Node => {
                let roots = ("NODE_EXTRA_CA_CERTS", shared().ca.0.join("root.pem"));
                let packages = ("NODE_PATH", node_modules());
                // Python alone reads the other spelling.
                self.set(&json!({"camel": true}));
                (self.program("node").envs(&[roots, packages]), "node/resolve.js")
            }
        };
        program.arg(top().join("tests/fixtures").join(script)).envs(settings).run()
    }

    /// An emulator under the same clock that knows every key of [`FakeCloud::keys`].
    pub fn emulator(&self) -> Emulator {
        let mut command = Command::new(artefact("cas-emulator"));
        command.envs(self.environment());
        let keys = self.keys();
        Emulator::start_in(command, &keys.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A program that uses this cloud.
    pub fn program(&self, path: impl AsRef<OsStr>) -> Program {
        Program::bare(path).env("HOME", &self.home).envs(&self.environment())
    }

    fn control(&self, method: &str, path: &str, body: &str) -> Value {
        ask(&format!("127.0.0.1:{}", self.http), "127.0.0.1", method, path, body)
    }
}
