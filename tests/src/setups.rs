//! Hosts with access keys in every supported place, and uploads from them.

use std::ffi::OsStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::{Emulator, FakeCloud, Official, Outcome, Program, Session, compile};

/// Where the official command line tool keeps its profiles, below the home directory.
pub const CLI: &str = ".aliyun/config.json";
/// A role that may be assumed.
pub const ROLE: &str = "acs:ram::1234567890123456:role/uploader";
/// The OIDC provider whose tokens are accepted.
pub const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/cluster";
/// Turns the metadata service off.
pub const NO_METADATA: (&str, &str) = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
/// The variable for an access key's id.
pub const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
/// The variable for an access key's secret.
pub const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

/// Uploads once, and checks that no secret is shown.
#[track_caller]
pub fn upload(cloud: &FakeCloud, emulator: &Emulator, settings: &[(&str, &str)]) -> Outcome {
    let program = cloud.program(compile("tests/fixtures/c/report.c", &[]));
    let program = program.env("CAS_ENDPOINT", emulator.url());
    let program = program.env("CAS_MAX_ATTEMPTS", "1").env("CAS_LOG", "4").envs(settings);
    let outcome = program.arg("web").with_chain().run();
    assert_hidden(&outcome.stdout);
    assert_hidden(&outcome.stderr);
    outcome
}

/// A program that uploads whenever it is asked to (`tests/fixtures/c/refresh.c`).
#[track_caller]
pub fn session(cloud: &FakeCloud, emulator: &Emulator, settings: &[(&str, &str)]) -> Session {
    let program = cloud.program(compile("tests/fixtures/c/refresh.c", &[]));
    let program = program.env("CAS_ENDPOINT", emulator.url()).env("CAS_LOG", "2").envs(settings);
    program.with_chain().session()
}

/// Checks that a text holds none of the secrets, which all have a mark.
#[track_caller]
pub fn assert_hidden(text: &str) {
    assert!(!text.contains("canary"), "{text}");
}

/// The access key that signed the last request.
pub fn signer(emulator: &Emulator) -> String {
    let requests = emulator.requests();
    requests.last().unwrap()["parameters"]["AccessKeyId"]["value"].as_str().unwrap().to_owned()
}

/// Message and hint of an upload that found no access key.
#[track_caller]
pub fn fails(outcome: &Outcome) -> (&str, &str) {
    outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("attempts", "0")]);
    (outcome.field("message"), outcome.field("hint"))
}

/// A profile of the official command line tool with the static key, and with these fields.
pub fn static_profile(fields: &Value) -> Value {
    let mut profile = json!({"mode": "AK", "access_key_id": "staticid",
        "access_key_secret": "canary-secret-static"});
    profile.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    profile
}

/// The file of the official command line tool with one current profile, and other profiles.
fn profiles(profile: &Value) -> String {
    let mut profile = profile.clone();
    profile["name"] = json!("work");
    let other = json!({"name": "default", "mode": "AK", "access_key_id": "otherid",
        "access_key_secret": "canary-other"});
    let mut base = static_profile(&json!({}));
    base["name"] = json!("base");
    json!({"current": "work", "profiles": [other, base, profile], "meta_path": ""}).to_string()
}

/// One way to configure access keys on a host.
pub struct Case {
    /// Its name.
    pub name: &'static str,
    files: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    /// The access key that is found.
    pub key: &'static str,
    /// The keys that official packages find instead, and the reasons.
    differences: Vec<(Official, &'static str, &'static str)>,
}

impl Case {
    fn files(name: &'static str, files: &[(&'static str, String)], key: &'static str) -> Self {
        Self { name, files: files.to_vec(), variables: Vec::new(), key, differences: Vec::new() }
    }

    fn variables(
        name: &'static str,
        variables: &[(&'static str, &str)],
        key: &'static str,
    ) -> Self {
        let variables =
            variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { variables, ..Self::files(name, &[], key) }
    }

    fn cli(name: &'static str, profile: Value, key: &'static str) -> Self {
        Self::files(name, &[(CLI, profiles(&profile))], key)
    }

    /// A credentials file under both names: Python looks for one of them alone, Node for the other.
    fn ini(name: &'static str, section: &str, key: &'static str) -> Self {
        let file = format!(
            "# made by hand\n[other]\ntype = access_key\naccess_key_id = otherid\n\
             access_key_secret = canary-o\n\n[default]\n{section}\n"
        );
        let names = [".alibabacloud/credentials", ".alibabacloud/credentials.ini"];
        Self::files(name, &names.map(|name| (name, file.clone())), key)
    }

    fn but(mut self, official: Official, key: &'static str, reason: &'static str) -> Self {
        self.differences.push((official, key, reason));
        self
    }

    fn but_official(self, key: &'static str, reason: &'static str) -> Self {
        self.but_python(key, reason).but_node(key, reason)
    }

    fn but_python(self, key: &'static str, reason: &'static str) -> Self {
        self.but(Official::Python, key, reason)
    }

    fn but_node(self, key: &'static str, reason: &'static str) -> Self {
        self.but(Official::Node, key, reason)
    }

    fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    /// The key that an official package finds, and the reason.
    pub fn expected(&self, official: Official) -> (&'static str, &'static str) {
        let other = self.differences.iter().find(|(package, ..)| *package == official);
        other.map_or((self.key, "the same"), |(_, key, reason)| (key, reason))
    }

    /// A host that is set up like this, beside a cloud and an emulator.
    #[track_caller]
    pub fn host(&self) -> Host {
        let cloud = FakeCloud::start();
        cloud.write("token", "canary-oidc-token\n");
        let home = cloud.home().to_str().unwrap().to_owned();
        let filled = |text: &str| text.replace("$HOME", &home).replace("$URL", &cloud.url());
        for (path, content) in &self.files {
            cloud.write(path, &filled(content));
        }
        let settings = self.variables.iter().map(|(name, value)| (*name, filled(value))).collect();
        let emulator = cloud.emulator();
        Host { cloud, emulator, settings }
    }
}

/// A host that is set up for access keys, and the services around it.
pub struct Host {
    /// The services that give out credentials.
    pub cloud: FakeCloud,
    /// The service that takes uploads.
    pub emulator: Emulator,
    settings: Vec<(&'static str, String)>,
}

impl Host {
    fn settings<'a>(&'a self, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
        let own = self.settings.iter().map(|(name, value)| (*name, value.as_str()));
        own.chain(more.iter().copied()).collect()
    }

    /// Uploads once.
    #[track_caller]
    pub fn upload(&self, more: &[(&str, &str)]) -> Outcome {
        upload(&self.cloud, &self.emulator, &self.settings(more))
    }

    /// A program in the environment of this host.
    pub fn program(&self, path: impl AsRef<OsStr>) -> Program {
        self.cloud.program(path).envs(&self.settings(&[]))
    }

    /// A program that uploads whenever it is asked to.
    #[track_caller]
    pub fn session(&self, more: &[(&str, &str)]) -> Session {
        session(&self.cloud, &self.emulator, &self.settings(more))
    }

    /// What an official package finds.
    #[track_caller]
    pub fn resolve(&self, official: Official) -> Outcome {
        self.cloud.resolve(official, &self.settings(&[]))
    }
}

/// The case with this name.
pub fn case(name: &str) -> Case {
    cases().into_iter().find(|case| case.name == name).unwrap_or_else(|| panic!("no case {name}"))
}

/// Every source, every mode, and their order.
pub fn cases() -> Vec<Case> {
    let with = |fields: Value| static_profile(&fields);
    let role = json!({"mode": "RamRoleArn", "ram_role_arn": ROLE, "ram_session_name": "nightly",
        "expired_seconds": 900});
    let far = 4_000_000_000_u64;
    let oauth = json!({"mode": "OAuth", "oauth_site_type": "CN",
        "oauth_access_token": "canary-oauth-access-0",
        "oauth_refresh_token": "canary-oauth-refresh-0", "oauth_access_token_expire": far});
    let external = |command: &str| json!({"mode": "External", "process_command": command});
    let print = r#"{"mode": "StsToken", "access_key_id": "STS.ecs-7",
        "access_key_secret": "canary-secret-ecs-7", "sts_token": "canary-token-ecs-7",
        "expiration": "2099-01-01T00:00:00Z"}"#;
    let oidc = [
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "$HOME/token"),
    ];
    let plain = "type = access_key\naccess_key_id = staticid # mine\n\
                 access_key_secret=canary-secret-static";
    vec![
        Case::variables(
            "environment",
            &[(ID, "staticid"), (SECRET, "canary-secret-static")],
            "staticid",
        ),
        Case::variables(
            "environment, temporary",
            &[
                (ID, "STS.ecs-9"),
                (SECRET, "canary-secret-ecs-9"),
                ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-token-ecs-9"),
            ],
            "STS.ecs-9",
        ),
        Case::variables("OIDC", &oidc, "STS.oidc-1"),
        Case::variables("OIDC, named session", &oidc, "STS.oidc-1")
            .with(&[("ALIBABA_CLOUD_ROLE_SESSION_NAME", "pod")]),
        Case::variables("OIDC in a region", &oidc, "STS.oidc-1")
            .with(&[("ALIBABA_CLOUD_STS_REGION", "cn-beijing")]),
        Case::cli("AK", with(json!({"mode": "AK"})), "staticid"),
        Case::cli(
            "StsToken",
            json!({"mode": "StsToken", "access_key_id": "STS.ecs-8",
                "access_key_secret": "canary-secret-ecs-8", "sts_token": "canary-token-ecs-8"}),
            "STS.ecs-8",
        ),
        Case::cli("RamRoleArn", with(role.clone()), "STS.sts-1"),
        Case::cli(
            "RamRoleArn in a VPC",
            with(json!({"mode": "RamRoleArn", "ram_role_arn": ROLE, "sts_region": "cn-shanghai",
                    "enable_vpc": true, "external_id": "partner",
                    "policy": "{\"Version\":\"1\",\"Statement\":[]}"})),
            "STS.sts-1",
        ),
        Case::cli(
            "EcsRamRole",
            json!({"mode": "EcsRamRole", "ram_role_name": "web-role"}),
            "STS.ecs-1",
        ),
        Case::cli("EcsRamRole without a name", json!({"mode": "EcsRamRole"}), "STS.ecs-1"),
        Case::cli(
            "OIDC profile",
            json!({"mode": "OIDC", "ram_role_arn": ROLE, "oidc_provider_arn": PROVIDER,
                "oidc_token_file": "$HOME/token", "role_session_name": "pod"}),
            "STS.oidc-1",
        ),
        Case::cli(
            "ChainableRamRoleArn",
            json!({"mode": "ChainableRamRoleArn", "source_profile": "base", "ram_role_arn": ROLE,
                "ram_session_name": "chained"}),
            "STS.sts-1",
        ),
        Case::cli(
            "CloudSSO",
            json!({"mode": "CloudSSO",
                "cloud_sso_sign_in_url": "https://signin.example.alibabacloudsso.com/start/login",
                "cloud_sso_account_id": "1234567890", "cloud_sso_access_config": "ac-1",
                "access_token": "canary-sso-access", "cloud_sso_access_token_expire": far}),
            "STS.sso-1",
        )
        .but_node("STS.ecs-1", "the Node package sends CloudSSO no account"),
        Case::cli("OAuth", oauth.clone(), "STS.oauth-1"),
        Case::cli(
            "OAuth, tokens to be refreshed",
            {
                let mut it = oauth.clone();
                it["oauth_access_token_expire"] = json!(1);
                it
            },
            "STS.oauth-1",
        ),
        Case::cli(
            "OAuth, key kept in the file",
            {
                let mut it = oauth;
                it["access_key_id"] = json!("STS.oauth-5");
                it["access_key_secret"] = json!("canary-secret-oauth-5");
                it["sts_token"] = json!("canary-token-oauth-5");
                it["sts_expiration"] = json!(far);
                it
            },
            "STS.oauth-5",
        )
        .but_node("STS.oauth-1", "the Node package does not read the key that is kept"),
        Case::cli("External", external(&format!("printf '%s' '{print}'")), "STS.ecs-7"),
        Case::cli(
            "CredentialsURI",
            json!({"mode": "CredentialsURI", "credentials_uri": "$URL/credentials"}),
            "STS.uri-1",
        )
        .but_official("STS.ecs-1", "only the command line tool itself knows this mode"),
        Case::cli("another profile", with(json!({"mode": "AK"})), "staticid")
            .with(&[("ALIBABA_CLOUD_PROFILE", "base")]),
        Case::cli("file of another name", with(json!({"mode": "AK"})), "STS.ecs-1")
            .with(&[("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true")]),
        Case::files(
            "config file elsewhere",
            &[("elsewhere.json", profiles(&with(json!({"mode": "AK"}))))],
            "staticid",
        )
        .with(&[("ALIBABA_CLOUD_CONFIG_FILE", "$HOME/elsewhere.json")])
        .but_official("STS.ecs-1", "only the Go package reads ALIBABA_CLOUD_CONFIG_FILE"),
        Case::ini("access_key", plain, "staticid"),
        Case::ini(
            "ram_role_arn",
            &format!(
                "type=ram_role_arn\naccess_key_id=staticid\n\
                 access_key_secret=canary-secret-static\nrole_arn={ROLE}\n\
                 role_session_name=s1\npolicy={{}}"
            ),
            "STS.sts-1",
        ),
        Case::ini("ecs_ram_role", "type=ecs_ram_role\nrole_name=web-role", "STS.ecs-1"),
        Case::ini(
            "oidc_role_arn",
            &format!(
                "type=oidc_role_arn\nrole_arn={ROLE}\noidc_provider_arn={PROVIDER}\n\
                 oidc_token_file_path=$HOME/token\nrole_session_name=s1"
            ),
            "STS.oidc-1",
        )
        .but_node("STS.ecs-1", "the Node package does not know this type"),
        Case::files(
            "ini file of the Go package",
            &[(".alibabacloud/credentials", format!("[default]\n{plain}"))],
            "staticid",
        )
        .but_python("STS.ecs-1", "the Python package looks for credentials.ini alone"),
        Case::files(
            "ini file elsewhere",
            &[("mine.ini", format!("[default]\n{plain}"))],
            "staticid",
        )
        .with(&[("ALIBABA_CLOUD_CREDENTIALS_FILE", "$HOME/mine.ini")]),
        Case::variables("instance role", &[], "STS.ecs-1"),
        Case::variables(
            "instance role by name",
            &[("ALIBABA_CLOUD_ECS_METADATA", "web-role")],
            "STS.ecs-1",
        ),
        Case::variables(
            "URI",
            &[NO_METADATA, ("ALIBABA_CLOUD_CREDENTIALS_URI", "$URL/credentials?a=b")],
            "STS.uri-1",
        ),
        // The first source of the chain wins.
        Case::cli("environment before files", with(json!({"mode": "AK"})), "STS.ecs-9").with(&[
            (ID, "STS.ecs-9"),
            (SECRET, "canary-secret-ecs-9"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-token-ecs-9"),
        ]),
        Case::cli("OIDC before files", with(json!({"mode": "AK"})), "STS.oidc-1").with(&oidc),
        Case::files(
            "one file before the other",
            &[
                (CLI, profiles(&with(role))),
                (".alibabacloud/credentials.ini", format!("[default]\n{plain}")),
            ],
            "STS.sts-1",
        ),
        Case::variables(
            "instance role before URI",
            &[("ALIBABA_CLOUD_CREDENTIALS_URI", "$URL/credentials")],
            "STS.ecs-1",
        ),
        Case::files(
            "a broken file before a sound one",
            &[
                (CLI, "{\"profiles\" 7}".to_owned()),
                (".alibabacloud/credentials.ini", format!("[default]\n{plain}")),
            ],
            "staticid",
        )
        .but_node("STS.ecs-1", "the Node package looks for credentials alone"),
    ]
}

/// The number of keys that a service gave out.
pub fn issued(cloud: &FakeCloud, service: &str) -> usize {
    let ours = |request: &&Value| {
        let key = request["issued"].as_str().and_then(|key| key.strip_prefix("STS."));
        key.is_some_and(|key| key.split('-').next() == Some(service))
    };
    cloud.requests().iter().filter(ours).count()
}

/// A cloud with a profile of the official tool.
pub fn with_cli(profile: &Value) -> FakeCloud {
    let cloud = FakeCloud::start();
    cloud.write(CLI, &profiles(profile));
    cloud
}

/// Calls a function with each element on four threads: most of the time it waits for processes.
pub fn for_each<T: Sync>(all: &[T], each: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    each(one);
                }
            });
        }
    });
}
