//! Access keys from every source, set up as users do, with a cloud on this machine that gives them out; and the official
//! package beside it, which has to find the same.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use outside::program::Talk;
use outside::stub::Reply;
use outside::{Cloud, Emulator, Outcome, Program, Stub, chain, compile, scratch};
use serde_json::{Value, json};

const CLI: &str = ".aliyun/config.json";
const ROLE: &str = "acs:ram::1234567890123456:role/uploader";
const PROVIDER: &str = "acs:ram::1234567890123456:oidc-provider/cluster";
const NO_METADATA: (&str, &str) = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");

/// `tests/c/report.c` in a cloud, about to upload.
fn program(cloud: &Cloud, endpoint: &str, settings: &[(&str, &str)]) -> Program {
    let program = cloud.program(compile("tests/c/report.c", &[])).env("CAS_ENDPOINT", endpoint);
    let program = program.env("CAS_MAX_ATTEMPTS", "1").env("CAS_LOG", "4");
    let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
    program.arg("web").arg(&chain().chain).arg(&chain().key)
}

/// Uploads, and sees that nothing secret is shown.
fn upload(cloud: &Cloud, emulator: &Emulator, settings: &[(&str, &str)]) -> Outcome {
    let outcome = program(cloud, emulator.url(), settings).run();
    assert_hidden(&outcome.stdout);
    assert_hidden(&outcome.stderr);
    outcome
}

fn assert_hidden(text: &str) {
    assert!(!text.contains("canary"), "{text}");
}

/// The access key that signed the last request.
fn signer(emulator: &Emulator) -> String {
    let requests = emulator.requests();
    requests.last().unwrap()["parameters"]["AccessKeyId"]["value"].as_str().unwrap().to_owned()
}

fn fails(outcome: &Outcome) -> (&str, &str) {
    outcome.assert_fields(&[("status", "CAS_ERR_CREDENTIALS"), ("attempts", "0")]);
    (outcome.field("message"), outcome.field("hint"))
}

/// The official tool's file with one profile, and others beside it.
fn profiles(profile: &Value) -> String {
    let mut profile = profile.clone();
    profile["name"] = json!("work");
    let other = json!({"name": "default", "mode": "AK", "access_key_id": "otherid", "access_key_secret": "canary-other"});
    let base = json!({"name": "base", "mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"});
    json!({"current": "work", "profiles": [other, base, profile], "meta_path": ""}).to_string()
}

/// One way to set a host up.
struct Case {
    name: &'static str,
    files: Vec<(&'static str, String)>,
    variables: Vec<(&'static str, String)>,
    /// The access key that is found.
    key: &'static str,
    /// What the official Python package finds, where that is something else, with the reason.
    official: Option<(&'static str, &'static str)>,
}

impl Case {
    fn files(name: &'static str, files: &[(&'static str, String)], key: &'static str) -> Self {
        Self { name, files: files.to_vec(), variables: Vec::new(), key, official: None }
    }

    fn variables(name: &'static str, variables: &[(&'static str, &str)], key: &'static str) -> Self {
        let variables = variables.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Self { variables, ..Self::files(name, &[], key) }
    }

    fn cli(name: &'static str, profile: Value, key: &'static str) -> Self {
        Self::files(name, &[(CLI, profiles(&profile))], key)
    }

    fn ini(name: &'static str, section: &str, key: &'static str) -> Self {
        let file = format!(
            "# made by hand\n[other]\ntype = access_key\naccess_key_id = otherid\naccess_key_secret = canary-o\n\n[default]\n{section}\n"
        );
        Self::files(name, &[(".alibabacloud/credentials.ini", file)], key)
    }

    fn but_official(mut self, key: &'static str, reason: &'static str) -> Self {
        self.official = Some((key, reason));
        self
    }

    fn with(mut self, variables: &[(&'static str, &str)]) -> Self {
        self.variables.extend(variables.iter().map(|(name, value)| (*name, (*value).to_owned())));
        self
    }

    /// A cloud with its files.
    fn cloud(&self) -> Cloud {
        let cloud = Cloud::start();
        cloud.write("token", "canary-oidc-token\n");
        for (path, content) in &self.files {
            cloud.write(
                path,
                &content.replace("$HOME", cloud.home().to_str().unwrap()).replace("$URL", &cloud.url()),
            );
        }
        cloud
    }

    fn settings(&self, cloud: &Cloud) -> Vec<(&'static str, String)> {
        let home = cloud.home().to_str().unwrap();
        let filled = |value: &String| value.replace("$HOME", home).replace("$URL", &cloud.url());
        self.variables.iter().map(|(name, value)| (*name, filled(value))).collect()
    }
}

const ID: &str = "ALIBABA_CLOUD_ACCESS_KEY_ID";
const SECRET: &str = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";

fn cases() -> Vec<Case> {
    let key = json!({"access_key_id": "staticid", "access_key_secret": "canary-secret-static"});
    let with = |fields: Value| {
        let mut profile = key.clone();
        profile.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        profile
    };
    let role = json!({"mode": "RamRoleArn", "ram_role_arn": ROLE, "ram_session_name": "nightly", "expired_seconds": 900});
    let far = 4_000_000_000_u64;
    let oauth = json!({"mode": "OAuth", "oauth_site_type": "CN", "oauth_access_token": "canary-oauth-access-0",
        "oauth_refresh_token": "canary-oauth-refresh-0", "oauth_access_token_expire": far});
    let external = |command: &str| json!({"mode": "External", "process_command": command});
    let print = r#"{"mode": "StsToken", "access_key_id": "STS.ecs-7", "access_key_secret": "canary-secret-ecs-7", "sts_token": "canary-token-ecs-7", "expiration": "2099-01-01T00:00:00Z"}"#;
    let oidc = [
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", PROVIDER),
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "$HOME/token"),
    ];
    let plain = "type = access_key\naccess_key_id = staticid # mine\naccess_key_secret=canary-secret-static";
    vec![
        Case::variables("environment", &[(ID, "staticid"), (SECRET, "canary-secret-static")], "staticid"),
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
            json!({"mode": "StsToken", "access_key_id": "STS.ecs-8", "access_key_secret": "canary-secret-ecs-8", "sts_token": "canary-token-ecs-8"}),
            "STS.ecs-8",
        ),
        Case::cli("RamRoleArn", with(role.clone()), "STS.sts-1"),
        Case::cli(
            "RamRoleArn in a VPC",
            with(
                json!({"mode": "RamRoleArn", "ram_role_arn": ROLE, "sts_region": "cn-shanghai", "enable_vpc": true, "external_id": "partner", "policy": "{\"Version\":\"1\",\"Statement\":[]}"}),
            ),
            "STS.sts-1",
        ),
        Case::cli("EcsRamRole", json!({"mode": "EcsRamRole", "ram_role_name": "web-role"}), "STS.ecs-1"),
        Case::cli("EcsRamRole without a name", json!({"mode": "EcsRamRole"}), "STS.ecs-1"),
        Case::cli(
            "OIDC profile",
            json!({"mode": "OIDC", "ram_role_arn": ROLE, "oidc_provider_arn": PROVIDER, "oidc_token_file": "$HOME/token", "role_session_name": "pod"}),
            "STS.oidc-1",
        ),
        Case::cli(
            "ChainableRamRoleArn",
            json!({"mode": "ChainableRamRoleArn", "source_profile": "base", "ram_role_arn": ROLE, "ram_session_name": "chained"}),
            "STS.sts-1",
        ),
        Case::cli(
            "CloudSSO",
            json!({"mode": "CloudSSO", "cloud_sso_sign_in_url": "https://signin.example.alibabacloudsso.com/start/login", "cloud_sso_account_id": "1234567890", "cloud_sso_access_config": "ac-1", "access_token": "canary-sso-access", "cloud_sso_access_token_expire": far}),
            "STS.sso-1",
        ),
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
        ),
        Case::cli("External", external(&format!("printf '%s' '{print}'")), "STS.ecs-7"),
        Case::cli(
            "CredentialsURI",
            json!({"mode": "CredentialsURI", "credentials_uri": "$URL/credentials"}),
            "STS.uri-1",
        )
        .but_official("STS.ecs-1", "the Python package does not know this mode of the command line tool"),
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
                "type=ram_role_arn\naccess_key_id=staticid\naccess_key_secret=canary-secret-static\nrole_arn={ROLE}\nrole_session_name=s1\npolicy={{}}"
            ),
            "STS.sts-1",
        ),
        Case::ini("ecs_ram_role", "type=ecs_ram_role\nrole_name=web-role", "STS.ecs-1"),
        Case::ini(
            "oidc_role_arn",
            &format!(
                "type=oidc_role_arn\nrole_arn={ROLE}\noidc_provider_arn={PROVIDER}\noidc_token_file_path=$HOME/token\nrole_session_name=s1"
            ),
            "STS.oidc-1",
        ),
        Case::ini("ini profile of another name", plain, "STS.ecs-1")
            .with(&[("ALIBABA_CLOUD_PROFILE", "nobody")]),
        Case::files(
            "ini file of the Go package",
            &[(".alibabacloud/credentials", format!("[default]\n{plain}"))],
            "staticid",
        )
        .but_official("STS.ecs-1", "the Python package looks for credentials.ini alone"),
        Case::files("ini file elsewhere", &[("mine.ini", format!("[default]\n{plain}"))], "staticid")
            .with(&[("ALIBABA_CLOUD_CREDENTIALS_FILE", "$HOME/mine.ini")]),
        Case::variables("instance role", &[], "STS.ecs-1"),
        Case::variables("instance role by name", &[("ALIBABA_CLOUD_ECS_METADATA", "web-role")], "STS.ecs-1"),
        Case::variables(
            "URI",
            &[NO_METADATA, ("ALIBABA_CLOUD_CREDENTIALS_URI", "$URL/credentials?a=b")],
            "STS.uri-1",
        ),
        // What stands first in the chain is used.
        Case::cli("environment before files", with(json!({"mode": "AK"})), "STS.ecs-9").with(&[
            (ID, "STS.ecs-9"),
            (SECRET, "canary-secret-ecs-9"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-token-ecs-9"),
        ]),
        Case::cli("OIDC before files", with(json!({"mode": "AK"})), "STS.oidc-1").with(&oidc),
        Case::files(
            "one file before the other",
            &[(CLI, profiles(&with(role))), (".alibabacloud/credentials.ini", format!("[default]\n{plain}"))],
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
                (CLI, "{\"profiles\"".to_owned()),
                (".alibabacloud/credentials.ini", format!("[default]\n{plain}")),
            ],
            "staticid",
        ),
    ]
}

#[test]
fn every_source_serves_an_upload_and_the_official_package_finds_the_same() {
    for_each(&cases(), check);
}

fn check(case: &Case) {
    let cloud = case.cloud();
    let emulator = cloud.emulator();
    let settings = case.settings(&cloud);
    let borrowed = |settings: &[(&'static str, String)]| -> Vec<(&'static str, String)> { settings.to_vec() };
    let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let outcome = upload(&cloud, &emulator, &as_text);
    assert_eq!(outcome.field("status"), "CAS_OK", "{}: {}", case.name, outcome.stdout);
    assert_eq!(signer(&emulator), case.key, "{}", case.name);
    assert_eq!(outcome.field("cert_id"), "1", "{}", case.name);

    let another = case.cloud();
    let settings = borrowed(&case.settings(&another));
    let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let official = another.resolve(&as_text);
    let (expected, reason) = case.official.unwrap_or((case.key, "the same"));
    assert_eq!(official.field("access_key_id"), expected, "{}: {reason}", case.name);
}

fn refreshing(cloud: &Cloud, emulator: &Emulator, settings: &[(&str, &str)]) -> Talk {
    let program = cloud.program(compile("tests/c/refresh.c", &[]));
    let program = program.env("CAS_ENDPOINT", emulator.url()).env("CAS_LOG", "2");
    let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
    program.arg(&chain().chain).arg(&chain().key).talk()
}

/// How often a service gave out a key.
fn issued(cloud: &Cloud, service: &str) -> usize {
    let ours = |request: &&Value| {
        let key = request["issued"].as_str().and_then(|key| key.strip_prefix("STS."));
        key.is_some_and(|key| key.split('-').next() == Some(service))
    };
    cloud.requests().iter().filter(ours).count()
}

/// Every way to get expiring keys, and the service that gives them.
fn expiring() -> Vec<(&'static str, Case)> {
    let first_of = |key: &'static str| key.strip_prefix("STS.")?.strip_suffix("-1");
    cases().into_iter().filter_map(|case| first_of(case.key).map(|service| (service, case))).collect()
}

/// Does something with each, two at a time: most of it is waiting for other processes.
fn for_each<T: Sync>(all: &[T], each: impl Fn(&T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    each(one);
                }
            });
        }
    });
}

/// The service's name in `broken`: that which gives the key.
fn breakable(service: &'static str) -> &'static str {
    if service == "oauth" { "oauth-exchange" } else { service }
}

#[test]
fn keys_are_refreshed_ahead_of_expiry_and_kept_while_they_are_valid() {
    for_each(&expiring(), |(service, case)| {
        let service = *service;
        let cloud = case.cloud();
        let emulator = cloud.emulator();
        cloud.set(&json!({"lifetime": {service: 3600}}));
        let settings = case.settings(&cloud);
        let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut program = refreshing(&cloud, &emulator, &as_text);
        let mut stored = |fetched: usize, what: &str| -> Vec<String> {
            let (answer, log) = program.ask("1");
            assert_eq!(
                (answer.as_str(), issued(&cloud, service)),
                ("stored", fetched),
                "{}: {what} {log:?}",
                case.name
            );
            assert_hidden(&log.join(" "));
            log
        };
        stored(1, "the first");
        stored(1, "kept");
        cloud.advance(3600 - 1000);
        stored(1, "not too early");
        cloud.advance(200);
        stored(2, "ahead of expiry");
        stored(2, "kept again");

        cloud.set(&json!({"broken": {breakable(service): {"status": 503, "body": "{\"Code\":\"ServiceUnavailable\"}"}}}));
        cloud.advance(3600 - 600);
        let log = stored(2, "valid, though there is no other");
        assert!(log.iter().any(|line| line.contains("is valid for now, but")), "{}: {log:?}", case.name);
        cloud.advance(700);
        let (answer, _) = program.ask("1");
        assert!(answer.starts_with("CAS_ERR_CREDENTIALS: "), "{}: {answer}", case.name);
        assert_hidden(&answer);
        cloud.set(&json!({"broken": {breakable(service): null}}));
        let (answer, _) = program.ask("1");
        assert_eq!((answer.as_str(), issued(&cloud, service)), ("stored", 3), "{}: mended", case.name);
    });
}

#[test]
fn eight_threads_refresh_once_for_each_expiry() {
    for_each(&expiring(), |(service, case)| {
        let service = *service;
        let cloud = case.cloud();
        let emulator = cloud.emulator();
        // Slow enough for all threads to arrive while one of them is asking.
        cloud.set(&json!({"lifetime": {service: 3600}, "delay": 0.05}));
        let settings = case.settings(&cloud);
        let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut program = refreshing(&cloud, &emulator, &as_text);
        // At first, ahead of an expiry, and after one.
        for (fetched, advance) in [(1, 0), (2, 2800), (3, 4000), (4, 3000)] {
            cloud.advance(advance);
            let (answer, log) = program.ask("8");
            assert_eq!(
                (answer.as_str(), issued(&cloud, service)),
                ("stored", fetched),
                "{}: {log:?}",
                case.name
            );
        }
    });
}

#[test]
fn a_command_is_run_again_before_its_key_expires() {
    let script = scratch("external").join("counting.sh");
    // Key number n, good for an hour by the clock of this world.
    fs::write(
        &script,
        "#!/bin/sh\nn=$(($(cat \"$HOME/n\") + 1)); echo $n > \"$HOME/n\"\nprintf '{\"mode\": \"StsToken\", \
         \"access_key_id\": \"STS.ecs-%s\", \"access_key_secret\": \"canary-secret-ecs-%s\", \"sts_token\": \
         \"canary-token-ecs-%s\", \"expiration\": \"%s\"}' $n $n $n \"$(date -u -d @$(($(date +%s) + 3600)) +%Y-%m-%dT%H:%M:%SZ)\"\n",
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}'", script.display());
    let cloud = with_cli(&json!({"mode": "External", "process_command": command}));
    let count = cloud.write("n", "0");
    let emulator = cloud.emulator();
    let mut program = refreshing(&cloud, &emulator, &[]);
    for (advance, runs) in [(0, 1), (2600, 1), (200, 2), (5000, 3)] {
        cloud.advance(advance);
        assert_eq!(program.ask("8").0, "stored");
        assert_eq!(fs::read_to_string(&count).unwrap().trim(), runs.to_string());
    }
}

#[test]
fn refreshing_loses_no_memory() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let valgrind = cloud.program("valgrind").args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
    let valgrind = valgrind.arg(compile("tests/c/refresh.c", &[])).env("CAS_ENDPOINT", emulator.url());
    let mut program = valgrind.arg(&chain().chain).arg(&chain().key).talk();
    for _ in 0..3 {
        assert_eq!(program.ask("4").0, "stored");
        cloud.advance(3000);
    }
    assert_eq!((program.end(), issued(&cloud, "ecs")), (Some(0), 3));
}

#[test]
fn a_forked_child_has_a_key_of_its_own() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let fork = cloud.program(compile("tests/c/fork.c", &[]));
    fork.arg(emulator.url()).arg(&chain().chain).arg(&chain().key).succeed();
    assert_eq!((issued(&cloud, "ecs"), emulator.certificates().len()), (2, 5));
}

#[test]
fn a_key_that_the_service_no_longer_takes_is_replaced() {
    let cloud = Cloud::start();
    // It knows the second key alone.
    let known = "STS.ecs-2:canary-secret-ecs-2:canary-token-ecs-2";
    let emulator = Emulator::start(&["--access-key", "staticid:canary-secret-static", "--sts", known]);
    let outcome = upload(&cloud, &emulator, &[("CAS_MAX_ATTEMPTS", "2")]);
    outcome.assert_fields(&[("status", "CAS_OK"), ("attempts", "2")]);
    assert_eq!((signer(&emulator).as_str(), issued(&cloud, "ecs")), ("STS.ecs-2", 2));
    // What comes from a file is read again, once: somebody may have changed it.
    cloud.reset();
    let lost = with_cli(&json!({"mode": "AK", "access_key_id": "nobody", "access_key_secret": "canary-x"}));
    let outcome = upload(&lost, &emulator, &[("CAS_MAX_ATTEMPTS", "4")]);
    outcome.assert_fields(&[("service_code", "InvalidAccessKeyId.NotFound"), ("attempts", "1")]);
}

/// A cloud with a profile of the official tool.
fn with_cli(profile: &Value) -> Cloud {
    let cloud = Cloud::start();
    cloud.write(CLI, &profiles(profile));
    cloud
}

/// What goes wrong in one part, and what is said then.
#[test]
fn the_failure_of_each_part_says_what_happened_and_what_to_do() {
    let unavailable =
        json!({"status": 503, "body": "{\"Code\":\"ServiceUnavailable\",\"Message\":\"canary-echo\"}"});
    let echo = |field: &str, secret: &str| json!({"status": 400, "body": json!({field: secret}).to_string()});
    let garbage = json!({"garbage": "<html><title>canary</title>canary</html>"});
    let page = json!({"garbage": "<html><title>Sign in</title>canary</html>"});
    let without_id = json!({"garbage": "{\"Code\":\"Success\",\"AccessKeySecret\":\"canary-x\"}"});
    let hang = json!({"hang": true});
    let close = json!({"close": true});
    let of = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    for (case, broken, what, words, retryable) in [
        ("instance role by name", "ecs-token", &hang, "100.100.100.200 wants a token, and gave none", "1"),
        (
            "instance role by name",
            "ecs",
            &unavailable,
            "100.100.100.200 refused: ServiceUnavailable (HTTP 503)",
            "1",
        ),
        (
            "instance role by name",
            "ecs",
            &garbage,
            "100.100.100.200 sent nothing that could be understood",
            "0",
        ),
        ("instance role by name", "ecs", &without_id, "without", "0"),
        (
            "instance role",
            "ecs-role",
            &json!({"status": 404, "body": ""}),
            "this instance has no RAM role",
            "0",
        ),
        ("URI", "uri", &unavailable, "127.0.0.1:", "1"),
        ("URI", "uri", &close, "broke", "1"),
        ("URI", "uri", &garbage, "sent nothing that could be understood", "0"),
        ("CloudSSO", "sso", &echo("Code", "canary-sso-access"), "refused: HTTP 400", "0"),
        ("OAuth", "oauth-exchange", &echo("error", "canary-oauth-access-0"), "refused: HTTP 400", "0"),
        (
            "OAuth, tokens to be refreshed",
            "oauth-token",
            &echo("error", "canary-oauth-refresh-0 is unknown"),
            "refused: HTTP 400",
            "0",
        ),
        ("URI", "uri", &without_id, "without", "0"),
        ("RamRoleArn", "sts", &unavailable, "sts.aliyuncs.com refused AssumeRole of", "1"),
        ("RamRoleArn", "sts", &page, "sts.aliyuncs.com gave no API answer", "0"),
        ("RamRoleArn", "sts", &hang, "AssumeRole of", "1"),
        ("OIDC", "oidc", &unavailable, "sts.aliyuncs.com refused AssumeRoleWithOIDC of", "1"),
        ("CloudSSO", "sso", &unavailable, "signin.example.alibabacloudsso.com refused", "1"),
        ("CloudSSO", "sso", &json!({"status": 401, "body": "{}"}), "no longer takes the sign-in", "0"),
        ("OAuth", "oauth-exchange", &unavailable, "oauth.aliyun.com refused", "1"),
        (
            "OAuth, tokens to be refreshed",
            "oauth-token",
            &json!({"status": 400, "body": "{\"error\":\"invalid_grant\"}"}),
            "oauth.aliyun.com refused: invalid_grant (HTTP 400)",
            "0",
        ),
        (
            "OAuth, tokens to be refreshed",
            "oauth-token",
            &garbage,
            "oauth.aliyun.com sent nothing that could be understood",
            "0",
        ),
    ] {
        let case = of(case);
        let cloud = case.cloud();
        let emulator = cloud.emulator();
        cloud.set(&json!({"broken": {broken: what}}));
        let mut settings = case.settings(&cloud);
        if !case.name.starts_with("instance") {
            settings.push((NO_METADATA.0, NO_METADATA.1.to_owned()));
        }
        // Nobody waits for what hangs.
        let timeout = if what.get("hang").is_some() { "4000" } else { "60000" };
        settings.push(("CAS_TIMEOUT_MS", timeout.to_owned()));
        let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let outcome = upload(&cloud, &emulator, &as_text);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words), "{} {broken} {what}: {message}", case.name);
        assert!(hint.len() > 20, "{hint}");
        assert_eq!(outcome.field("retryable"), retryable, "{} {broken} {what}: {message}", case.name);
        assert!(emulator.requests().is_empty());
    }
}

#[test]
fn a_program_keeps_its_identity_when_the_file_names_another_current_profile() {
    let role = json!({"mode": "RamRoleArn", "access_key_id": "staticid",
        "access_key_secret": "canary-secret-static", "ram_role_arn": ROLE});
    let cloud = with_cli(&role);
    let emulator = cloud.emulator();
    let mut program = refreshing(&cloud, &emulator, &[NO_METADATA]);
    assert_eq!(program.ask("1").0, "stored");
    let text = fs::read_to_string(cloud.home().join(CLI)).unwrap();
    cloud.write(CLI, &text.replace("\"current\":\"work\"", "\"current\":\"default\""));
    cloud.advance(3000);
    assert_eq!((program.ask("1").0.as_str(), signer(&emulator).as_str()), ("stored", "STS.sts-2"));
    // Nor does a key become another one for a slip in it.
    let cloud = Cloud::start();
    let broken = [(ID, "staticid"), (SECRET, "canary-secret-static\n")];
    let outcome = upload(&cloud, &cloud.emulator(), &broken);
    let (message, _) = fails(&outcome);
    assert!(message.contains("a line break") && cloud.requests().is_empty(), "{message}");
}

#[test]
fn a_valid_key_leaves_time_for_the_upload() {
    let case = cases().into_iter().find(|case| case.name == "RamRoleArn").unwrap();
    let cloud = case.cloud();
    let emulator = cloud.emulator();
    cloud.set(&json!({"lifetime": {"sts": 3600}}));
    let mut program = refreshing(&cloud, &emulator, &[("CAS_TIMEOUT_MS", "6000")]);
    assert_eq!(program.ask("1").0, "stored");
    cloud.advance(3000);
    cloud.set(&json!({"broken": {"sts": {"hang": true}}}));
    let (answer, log) = program.ask("8");
    assert_eq!((answer.as_str(), issued(&cloud, "sts")), ("stored", 1));
    assert!(log.iter().any(|line| line.contains("is valid for now, but")), "{log:?}");
}

#[test]
fn a_clock_that_is_ahead_does_not_multiply_requests() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    // Seen from here, keys have expired when they come.
    cloud.set(&json!({"lifetime": {"ecs": -10}, "delay": 0.4}));
    let mut program = refreshing(&cloud, &emulator, &[]);
    assert_eq!((program.ask("8").0.as_str(), issued(&cloud, "ecs")), ("stored", 1));
}

#[test]
fn a_sign_in_that_is_over_says_how_to_sign_in_again() {
    let mut expired = json!({"mode": "CloudSSO", "cloud_sso_sign_in_url": "https://signin.example.alibabacloudsso.com/",
        "cloud_sso_account_id": "1234567890", "cloud_sso_access_config": "ac-1", "access_token": "canary-sso-access",
        "cloud_sso_access_token_expire": 1_600_000_000});
    let cloud = with_cli(&expired);
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(message.contains("(line 1) expired at 2020-09-13T12:26:40Z"), "{message}");
    assert!(hint.contains("aliyun configure --mode CloudSSO"), "{hint}");
    expired.as_object_mut().unwrap().remove("access_token");
    let cloud = with_cli(&expired);
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
    assert!(fails(&outcome).0.contains("is not signed in"), "{}", outcome.stdout);
    // With little time, the token is not spent.
    let oauth = cases().into_iter().find(|case| case.name == "OAuth, tokens to be refreshed").unwrap();
    let cloud = oauth.cloud();
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, ("CAS_TIMEOUT_MS", "1500")]);
    assert!(fails(&outcome).0.contains("too little to renew the sign-in"), "{}", outcome.stdout);
    assert!(cloud.requests().is_empty());
    assert_eq!(outcome.field("retryable"), "1");
}

#[test]
fn a_sign_in_is_not_lost_to_a_slow_answer_or_another_programs_lock() {
    let of = |name: &str| cases().into_iter().find(|case| case.name == name).unwrap();
    let cloud = of("OAuth, tokens to be refreshed").cloud();
    let emulator = cloud.emulator();
    cloud.set(&json!({"delay": 3}));
    let settings = [NO_METADATA, ("CAS_TIMEOUT_MS", "5000")];
    let mut program = refreshing(&cloud, &emulator, &settings);
    let (answer, _) = program.ask("1");
    assert!(answer.starts_with("CAS_ERR_CREDENTIALS"), "{answer}");
    assert!(cloud.requests().iter().any(|request| request["service"] == "oauth-token"));
    cloud.set(&json!({"delay": 0}));
    assert_eq!(program.ask("1").0, "stored");

    // While somebody holds the lock, the key that the file has will do.
    let cloud = of("OAuth, key kept in the file").cloud();
    let directory = fs::File::open(cloud.home().join(".aliyun")).unwrap();
    directory.lock().unwrap();
    upload(&cloud, &cloud.emulator(), &settings).assert_fields(&[("status", "CAS_OK")]);
    let cloud = of("OAuth, tokens to be refreshed").cloud();
    let directory = fs::File::open(cloud.home().join(".aliyun")).unwrap();
    directory.lock().unwrap();
    let outcome = upload(&cloud, &cloud.emulator(), &settings);
    assert!(fails(&outcome).0.contains("another program did not finish"), "{}", outcome.stdout);
    assert!(cloud.requests().is_empty());
}

#[test]
fn what_is_turned_off_or_half_set_up_is_said() {
    let cloud = with_cli(
        &json!({"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"}),
    );
    let emulator = cloud.emulator();
    let off = ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    let half = ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/nonexistent");
    let outcome = upload(&cloud, &emulator, &[NO_METADATA, off, half]);
    let (message, hint) = fails(&outcome);
    for part in [
        ".aliyun/config.json: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is set",
        "the instance role: ALIBABA_CLOUD_ECS_METADATA_DISABLED is set",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE is set, but not ALIBABA_CLOUD_ROLE_ARN and ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
    ] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(hint.contains("Correct what is set up"), "{hint}");
    let elsewhere = ("ALIBABA_CLOUD_CONFIG_FILE", "~/config.json");
    let outcome = upload(&cloud, &emulator, &[NO_METADATA, elsewhere]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("no such file, though ALIBABA_CLOUD_CONFIG_FILE names it"), "{message}");
    let outcome = upload(&cloud, &emulator, &[("HOME", ""), NO_METADATA, ("CAS_PROFILE", "nobody")]);
    assert!(fails(&outcome).1.contains("Name a profile"), "{}", outcome.stdout);
    let mode = with_cli(&json!({"mode": "ak"}));
    let outcome = upload(&mode, &emulator, &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(
        message.contains("a mode that libcas does not know: \"ak\"") && hint.contains("AK, StsToken"),
        "{hint}"
    );
}

#[test]
fn what_stands_in_the_wrong_place_is_not_shown() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let secret = "canary0secret0of0thirty0letters";
    let outcome = upload(&cloud, &emulator, &[(ID, secret), (SECRET, "LTAI5tSomething")]);
    outcome.assert_fields(&[("service_code", "InvalidAccessKeyId.NotFound")]);
    let hint = outcome.field("hint");
    assert!(
        hint.contains("are id and secret exchanged?") && hint.contains("comes from the environment"),
        "{hint}"
    );
    for (name, value) in [
        ("ALIBABA_CLOUD_CONFIG_FILE", "{\"access_key_secret\": \"canary\"}"),
        ("ALIBABA_CLOUD_CREDENTIALS_FILE", "[default]\naccess_key_secret = canary"),
    ] {
        fails(&upload(&cloud, &emulator, &[NO_METADATA, (name, value)]));
    }
    let mode = with_cli(&json!({"mode": "canary0secret0of0thirty0letters"}));
    fails(&upload(&mode, &emulator, &[NO_METADATA]));
    // Nor does a slip in what a command prints make a program somebody else.
    let print = "printf '{\"access_key_id\": \"a b\", \"access_key_secret\": \"canary\"}'";
    let external = with_cli(&json!({"mode": "External", "process_command": print}));
    let outcome = upload(&external, &emulator, &[]);
    assert!(fails(&outcome).0.contains("an access key that cannot be one"), "{}", outcome.stdout);
    assert!(external.requests().is_empty());
}

#[test]
fn what_sts_refuses_is_said_with_its_code() {
    for (role, words, advice) in [
        ("acs:ram::1234567890123456:role/gone", "EntityNotExist.Role", "Check the role's ARN"),
        (
            "acs:ram::1234567890123456:role/forbidden",
            "lacks the RAM action sts:AssumeRole",
            "Grant sts:AssumeRole",
        ),
        ("nonsense", "sts.aliyuncs.com refused AssumeRole of \"nonsense\"", ""),
    ] {
        let cloud = with_cli(
            &json!({"mode": "RamRoleArn", "access_key_id": "staticid", "access_key_secret": "canary-secret-static", "ram_role_arn": role}),
        );
        let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words) && hint.contains(advice), "{message}\n{hint}");
    }
    let wrong_secret = with_cli(
        &json!({"mode": "RamRoleArn", "access_key_id": "staticid", "access_key_secret": "canary-wrong", "ram_role_arn": ROLE}),
    );
    let outcome = upload(&wrong_secret, &wrong_secret.emulator(), &[NO_METADATA]);
    let (message, hint) = fails(&outcome);
    assert!(
        message.contains("SignatureDoesNotMatch") && hint.contains("secret is wrong"),
        "{message}\n{hint}"
    );
}

#[test]
fn when_nothing_is_set_up_every_source_is_named_in_order() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[NO_METADATA]);
    let (message, _) = fails(&outcome);
    let home = cloud.home().to_str().unwrap();
    let mut rest = message;
    for part in [
        "the environment: ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET are not set; "
            .to_owned(),
        "OIDC: ".to_owned(),
        format!("\"{home}/.aliyun/config.json\": there is no such file; "),
        format!("\"{home}/.alibabacloud/credentials\": there is no such file; "),
        format!("\"{home}/.alibabacloud/credentials.ini\": there is no such file; "),
        "ALIBABA_CLOUD_CREDENTIALS_URI: it is not set.".to_owned(),
    ] {
        let at = rest.find(&part).unwrap_or_else(|| panic!("{part} is missing in {message}"));
        rest = &rest[at..];
    }
    // A source that is not there is no matter for a warning.
    assert!(!outcome.stdout.contains("log=2"), "{}", outcome.stdout);
    assert_eq!(outcome.field("retryable"), "0");
}

#[test]
fn a_broken_file_is_said_by_name_and_line() {
    for (file, content, words) in [
        (CLI, "{\n  \"current\": \"work\",\n  \"profiles\": [\n    {\"canary\n", "line 4"),
        (
            CLI,
            "{\"current\": \"work\",\n\"profiles\": [\n{\"name\": \"work\",\n\"mode\": \"AK\", \"access_key_id\": \"canary\"}]}",
            "the profile \"work\" (line 3) has no access_key_secret",
        ),
        (
            CLI,
            "{\"profiles\": [],\n\"current\": \"gone\"}",
            "it has no profile \"gone\", its current one (line 2)",
        ),
        (CLI, "{\"profiles\": []}", "it names no current profile"),
        (
            ".alibabacloud/credentials",
            "[default]\ntype = access_key\ncanary-secret\n",
            "line 3 is neither [a profile] nor a name with a value",
        ),
        (
            ".alibabacloud/credentials",
            "\n[default]\ntype = access_key\naccess_key_id = canary\n",
            "the profile \"default\" (line 2) has no access_key_secret",
        ),
        (
            ".alibabacloud/credentials.ini",
            "[default]\ntype = rsa_key_pair\n",
            "a type that libcas does not know: \"rsa_key_pair\"",
        ),
    ] {
        let cloud = Cloud::start();
        let path = cloud.write(file, content);
        let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
        let (message, _) = fails(&outcome);
        let clause = format!("\"{}\": ", path.display());
        assert!(message.contains(&clause) && message.contains(words), "{message}");
        // Where another source serves, it is a warning.
        let emulator = cloud.emulator();
        let outcome = upload(&cloud, &emulator, &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let warned = outcome.stdout.lines().any(|line| line.starts_with("log=2") && line.contains(words));
        assert!(warned, "{}", outcome.stdout);
    }
}

#[test]
fn a_file_that_others_can_read_is_warned_of() {
    for (mode, warned) in [(0o600, false), (0o640, true), (0o604, true), (0o622, true), (0o711, false)] {
        let cloud = with_cli(
            &json!({"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"}),
        );
        let path = cloud.home().join(CLI);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let outcome = upload(&cloud, &cloud.emulator(), &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let line = outcome
            .stdout
            .lines()
            .find(|line| line.starts_with("log=2") && line.contains("others may read or change it"));
        assert_eq!(line.is_some(), warned, "{mode:o}: {}", outcome.stdout);
        if let Some(line) = line {
            assert!(line.contains(path.to_str().unwrap()) && line.contains(&format!("{mode:o}")), "{line}");
        }
    }
}

#[test]
fn each_file_that_others_can_read_is_warned_of_once() {
    let cloud = with_cli(&json!({"mode": "ak"}));
    let key = "[default]\ntype=access_key\naccess_key_id=staticid\naccess_key_secret=canary-secret-static\n";
    let files = [cloud.home().join(CLI), cloud.write(".alibabacloud/credentials", key)];
    for file in &files {
        fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    }
    let outcome = upload(&cloud, &cloud.emulator(), &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    for file in &files {
        let path = file.to_str().unwrap();
        let warnings =
            outcome.stdout.lines().filter(|line| line.contains(path) && line.contains("make it 600"));
        assert_eq!(warnings.count(), 1, "{path}: {}", outcome.stdout);
    }
}

#[test]
fn a_profile_that_the_program_names_is_the_only_source() {
    let key = json!({"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"});
    let cloud = with_cli(&key);
    cloud.write(
        ".alibabacloud/credentials",
        "[ini]\ntype=access_key\naccess_key_id=staticid\naccess_key_secret=canary-secret-static\n",
    );
    let emulator = cloud.emulator();
    let other = [
        (ID, "STS.ecs-9"),
        (SECRET, "canary-secret-ecs-9"),
        ("ALIBABA_CLOUD_SECURITY_TOKEN", "canary-token-ecs-9"),
        ("ALIBABA_CLOUD_PROFILE", "default"),
    ];
    for profile in ["work", "base", "ini"] {
        let outcome = upload(&cloud, &emulator, &[&other[..], &[("CAS_PROFILE", profile)]].concat());
        outcome.assert_fields(&[("status", "CAS_OK")]);
        assert_eq!(signer(&emulator), "staticid", "{profile}");
    }
    let outcome = upload(&cloud, &emulator, &[&other[..], &[("CAS_PROFILE", "nobody")]].concat());
    let (message, _) = fails(&outcome);
    assert!(
        message.contains("it has no profile \"nobody\"") && !message.contains("environment"),
        "{message}"
    );
    assert!(cloud.requests().is_empty());
}

#[test]
fn sts_is_asked_by_post_with_everything_in_the_form_and_signed_as_the_client_signs() {
    for (signature, authorization) in [("0", false), ("1", true)] {
        for (case, host) in [
            ("RamRoleArn", "sts.aliyuncs.com"),
            ("RamRoleArn in a VPC", "sts-vpc.cn-shanghai.aliyuncs.com"),
            ("OIDC in a region", "sts.cn-beijing.aliyuncs.com"),
        ] {
            let case = cases().into_iter().find(|known| known.name == case).unwrap();
            let cloud = case.cloud();
            let mut settings = case.settings(&cloud);
            settings.push(("CAS_SIGNATURE", signature.to_owned()));
            let as_text: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
            upload(&cloud, &cloud.emulator(), &as_text).assert_fields(&[("status", "CAS_OK")]);
            let requests = cloud.requests();
            let [request] = requests.as_slice() else { panic!("{requests:?}") };
            let text = |name: &str| request[name].as_str().unwrap().to_owned();
            assert_eq!(
                (text("method"), text("host"), text("path")),
                ("POST".to_owned(), host.to_owned(), "/".to_owned())
            );
            let is_oidc = case.name.starts_with("OIDC");
            assert_eq!(
                request["headers"]["authorization"].is_string(),
                authorization && !is_oidc,
                "{request}"
            );
            assert_eq!(request["params"]["RoleArn"], ROLE);
            match case.name {
                "RamRoleArn" => {
                    assert_eq!(request["params"]["RoleSessionName"], "nightly");
                    assert_eq!(request["params"]["DurationSeconds"], "900");
                }
                "RamRoleArn in a VPC" => assert_eq!(request["params"]["ExternalId"], "partner"),
                _ => assert!(request["params"]["RoleSessionName"].as_str().unwrap().starts_with("libcas-")),
            }
        }
    }
}

#[test]
fn metadata_is_asked_with_a_token_and_without_only_where_that_may_be() {
    let cloud = Cloud::start();
    let emulator = cloud.emulator();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    let seen = |cloud: &Cloud| -> Vec<String> {
        let shown = |request: &Value| {
            format!("{} {}", request["method"].as_str().unwrap(), request["path"].as_str().unwrap())
        };
        cloud.requests().iter().map(shown).collect()
    };
    let (token, roles) = ("PUT /latest/api/token", "GET /latest/meta-data/ram/security-credentials/");
    assert_eq!(seen(&cloud), [token, roles, token, &format!("{roles}web-role")]);

    // No token is to be had, but none is needed either.
    let old = Cloud::start();
    old.set(&json!({"v1": true, "broken": {"ecs-token": {"status": 404, "body": ""}}}));
    upload(&old, &old.emulator(), &[]).assert_fields(&[("status", "CAS_OK")]);
    let outcome = upload(&old, &old.emulator(), &[("ALIBABA_CLOUD_IMDSV1_DISABLED", "true")]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("gave no token (HTTP 404)"), "{message}");

    // In a container, the answer to the question for a token may not find its way through.
    old.set(&json!({"broken": {"ecs-token": {"hang": true}}}));
    upload(&old, &old.emulator(), &[]).assert_fields(&[("status", "CAS_OK")]);
    // A switch for the chain is one for profiles too.
    let profile = with_cli(&json!({"mode": "EcsRamRole"}));
    let outcome = upload(&profile, &profile.emulator(), &[NO_METADATA]);
    assert!(fails(&outcome).0.contains("ALIBABA_CLOUD_ECS_METADATA_DISABLED is set"), "{}", outcome.stdout);
    assert!(profile.requests().is_empty());

    // No proxy knows this machine's role, whoever named it.
    let nowhere = "http://127.0.0.1:1";
    for proxy in [("HTTP_PROXY", nowhere), ("ALL_PROXY", nowhere)] {
        upload(&cloud, &emulator, &[proxy]).assert_fields(&[("status", "CAS_OK")]);
    }
}

#[test]
fn other_services_are_asked_through_the_proxy() {
    let case = cases().into_iter().find(|case| case.name == "RamRoleArn").unwrap();
    let cloud = case.cloud();
    let stub = Stub::start(vec![Reply::http("403 Forbidden", "", ""), Reply::http("403 Forbidden", "", "")]);
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, ("HTTPS_PROXY", &stub.url())]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("made no connection to sts.aliyuncs.com:443"), "{message}");
    assert!(
        stub.requests()[0].head.starts_with("CONNECT sts.aliyuncs.com:443 "),
        "{}",
        stub.requests()[0].head
    );
    assert!(cloud.requests().is_empty());
}

#[test]
fn a_sign_in_is_renewed_in_its_file_and_nothing_else_changes() {
    let cloud = Cloud::start();
    let before = r#"{
	"current": "work",
	"profiles": [
		{"name": "other", "mode": "AK", "access_key_id": "o", "access_key_secret": "canary-other", "x": 1.50},
		{
			"name": "work",
			"mode": "OAuth",
			"oauth_site_type": "intl",
			"oauth_access_token": "canary-oauth-access-0",
			"oauth_access_token_expire": 1,
			"oauth_refresh_token": "canary-oauth-refresh-0",
			"language": "en"
		}
	]
}
"#;
    // As some editors leave it, with a mark at the beginning.
    let real = cloud.write("dotfiles/config.json", &format!("\u{feff}{before}"));
    fs::create_dir_all(cloud.home().join(".aliyun")).unwrap();
    let link = cloud.home().join(CLI);
    symlink(&real, &link).unwrap();
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(signer(&emulator), "STS.oauth-1");
    assert!(cloud.requests().iter().all(|request| request["host"] == "oauth.alibabacloud.com"));

    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::metadata(&real).unwrap().mode() & 0o777, 0o600);
    let after = fs::read_to_string(&real).unwrap();
    let is_new = |line: &str| {
        ["oauth_access_token", "oauth_refresh_token", "sts_"].iter().any(|new| line.contains(new))
    };
    let kept = |text: &str| {
        text.lines()
            .filter(|line| !is_new(line) && line.trim() != "{" && !line.contains("STS.oauth"))
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(kept(&format!("\u{feff}{before}")), kept(&after));
    assert!(after.contains("\"x\": 1.50"), "{after}");
    let parsed: Value = serde_json::from_str(after.strip_prefix('\u{feff}').unwrap()).unwrap();
    let work = &parsed["profiles"][1];
    assert_eq!(
        (&work["oauth_access_token"], &work["access_key_id"]),
        (&json!("canary-oauth-access-1"), &json!("STS.oauth-1"))
    );
    assert!(work["sts_expiration"].as_u64().unwrap() > 1_700_000_000);
    let files: Vec<_> =
        fs::read_dir(real.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["config.json"]);

    // Another process, and the official package, go on from there: the refresh token was good for one use.
    cloud.reset();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    // Which does not read a file with a mark.
    fs::write(&real, after.trim_start_matches('\u{feff}')).unwrap();
    assert_eq!(cloud.resolve(&[]).field("access_key_id"), "STS.oauth-1");
    assert!(cloud.requests().is_empty());
}

#[test]
fn eight_processes_renew_one_sign_in_once() {
    let case = cases().into_iter().find(|case| case.name == "OAuth, tokens to be refreshed").unwrap();
    let cloud = case.cloud();
    let emulator = cloud.emulator();
    // So that all have begun before the first is done.
    cloud.set(&json!({"delay": 0.4}));
    thread::scope(|scope| {
        let runs: Vec<_> =
            (0..8).map(|_| scope.spawn(|| upload(&cloud, &emulator, &[NO_METADATA]))).collect();
        for run in runs {
            run.join().unwrap().assert_fields(&[("status", "CAS_OK")]);
        }
    });
    assert_eq!(issued(&cloud, "oauth"), 1);
}

#[test]
fn a_command_is_run_as_it_is_written_and_its_failures_are_told_apart() {
    let print = |more: &str| {
        format!(
            r#"{{"mode": "AK", "access_key_id": "staticid", "access_key_secret": "canary-secret-static"{more}}}"#
        )
    };
    let external = |command: &str| with_cli(&json!({"mode": "External", "process_command": command}));
    let script = scratch("external").join("a helper.sh");
    fs::write(&script, format!("#!/bin/sh\n[ \"$1\" = 'two words' ] || exit 9\necho noise >&2\nsleep 0.2\ncat <<'END'\n{}\nEND\n", print(""))).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}' \"two words\"", script.display());
    let cloud = external(&command);
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert!(!outcome.stderr.contains("noise"), "{}", outcome.stderr);
    // A host that ignores its children's ends.
    let ignoring = cloud.program("sh").arg("-c").arg("trap '' CHLD; exec \"$0\" \"$@\"");
    let ignoring =
        ignoring.arg(compile("tests/c/report.c", &[])).arg("web").arg(&chain().chain).arg(&chain().key);
    assert_eq!(ignoring.env("CAS_ENDPOINT", emulator.url()).run().field("status"), "CAS_OK");

    let sleep = "sh -c 'sleep 60'";
    for (command, words) in [
        ("/nonexistent/helper --canary", "cannot be run: No such file"),
        ("sh -c 'echo canary; exit 3'", "failed (exit status: 3)"),
        ("sh -c 'kill -9 $$'", "failed (signal: 9"),
        ("printf canary", "printed no JSON"),
        ("printf {}", "printed no access_key_id"),
        ("printf '{\"access_key_id\":\"canary\"}'", "printed no access_key_secret"),
        (
            "printf '{\"mode\":\"StsToken\",\"access_key_id\":\"a\",\"access_key_secret\":\"canary\"}'",
            "printed no sts_token",
        ),
        (
            "printf '{\"access_key_id\":\"a\",\"access_key_secret\":\"canary\",\"expiration\":\"soon\"}'",
            "printed an expiration that is no time",
        ),
        ("printf '", "quotes do not match"),
        ("head -c 1000000 /dev/zero", "printed more than"),
        (sleep, "was not done in time"),
        ("sh -c 'exec >&-; sleep 60'", "was not done in time"),
    ] {
        let cloud = external(command);
        let outcome = upload(&cloud, &emulator, &[NO_METADATA, ("CAS_TIMEOUT_MS", "1500")]);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words), "{command}: {message}");
        assert!(hint.contains("Run the command by hand") || words.contains("quotes"), "{hint}");
    }
}
