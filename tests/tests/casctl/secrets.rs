//! A marked key, access key secret, token and password: no form of them appears in anything that
//! casctl prints or writes.

use std::fs;

use acceptance::Stub;
use acceptance::program::compile_preload;
use acceptance::stub::Reply;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::canary::{Canary, PASSWORD, SECRET, TOKEN, assert_clean, percent_encoded};
use super::deploy::{FIRST, add_resources};

const FORMATS: [&str; 2] = ["text", "json"];
const PAIR: [&str; 4] = ["--cert", "@/one.pem", "--key", "@/one.key"];

#[test]
fn the_search_finds_every_form() {
    let canary = Canary::new("canary-control");
    let key = fs::read_to_string(canary.input.join("one.key")).unwrap();
    let finds = |text: &str| canary.marks.iter().any(|mark| text.contains(mark));
    for text in [key.as_str(), SECRET, TOKEN, PASSWORD] {
        for before in ["", "x", "xy"] {
            let text = format!("{before}{text}");
            let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            for form in [&text, &percent_encoded(&text), &STANDARD.encode(&text), &hex] {
                assert!(finds(form), "{form}");
            }
        }
    }
    assert!(!finds(&fs::read_to_string(canary.input.join("one.pem")).unwrap()));
}

#[test]
fn no_command_shows_or_writes_a_secret() {
    let canary = Canary::new("canary-commands");
    for format in FORMATS {
        let emulator = Canary::emulator();
        add_resources(&emulator, &["one.example"]);
        let two = ["--cert", "@/two.pem", "--key", "@/two.key"];
        let pfx = ["--pfx", "@/one.pfx", "--pfx-password-file"];
        let report = format!("report-{format}.jsonl");
        let run = |status: i32, words: &str, more: &[&str]| {
            let words: Vec<_> = words.split_whitespace().chain(more.iter().copied()).collect();
            let program = canary.casctl(emulator.url(), &words).env("CASCTL_OUTPUT", format);
            canary.shows_nothing(program).exits_with(status);
        };
        run(0, "upload site --dry-run", &PAIR);
        run(0, "upload site", &PAIR);
        run(0, "upload site", &PAIR);
        run(18, "upload site --on-conflict fail", &PAIR);
        run(18, "upload site", &two);
        run(0, "upload site --on-conflict rename --signature acs3", &two);
        run(12, "upload bad --cert @/one.pem --key @/two.key", &[]);
        run(12, "upload bad --cert @/one.key --key @/one.pem", &[]);
        run(12, "upload bad --cert @/one.key --key @/one.key", &[]);
        run(21, "upload bad --cert @/none.pem --key @/one.key", &[]);
        run(0, "upload pfx", &[&pfx[..], &["@/password"]].concat());
        run(12, "upload pfx", &[&pfx[..], &["@/wrong"]].concat());
        run(12, "upload", &["--cert", "@/one.pfx", "--key", "@/password"]);
        run(1, "upload --from @/certbot --report", &[&report]);
        run(1, "sync @/certbot --no-served --report", &[&report]);
        run(0, "check", &PAIR);
        run(0, "check", &[&pfx[..], &["@/password"]].concat());
        run(12, "check --cert @/one.key --key @/one.pem", &[]);
        run(2, "check --nagios --cert @/one.key", &[]);
        run(3, "check --nagios", &[&pfx[..], &["@/wrong"]].concat());
        run(0, "list", &[]);
        run(0, "show", &[FIRST]);
        run(0, "show --pem", &[FIRST]);
        run(0, "deploy --domain one.example --dry-run", &[FIRST]);
        run(0, "deploy --domain one.example --yes", &[FIRST]);
        run(0, "deploy --domain one.example --rollback --yes", &[FIRST]);
        run(0, "prune --yes --name", &["*"]);
        run(0, "whoami", &[]);
        run(0, "whoami --test", &[]);
        run(0, "doctor", &[]);
        let hook = canary.casctl(emulator.url(), &["hook", "certbot"]).env("CASCTL_OUTPUT", format);
        let live = canary.input.join("certbot/live/one.example");
        canary.shows_nothing(hook.env("RENEWED_LINEAGE", live)).exits_with(0);
        for (password, status) in [(PASSWORD, 0), (TOKEN, 12)] {
            let upload = canary.casctl(emulator.url(), &["upload", "pfx", "--pfx", "@/one.pfx"]);
            let upload = upload.env("CASCTL_PFX_PASSWORD", password).env("CASCTL_OUTPUT", format);
            canary.shows_nothing(upload).exits_with(status);
        }
        run(1, "delete 7", &[FIRST]);
        run(0, "completions bash", &[]);
        run(0, "man upload", &[]);
        let requests = emulator.control("GET", "/_emulator/requests").to_string();
        assert_clean("what the emulator has seen", &requests, &canary.marks);
    }
    assert_eq!(canary.check_files(), 2, "the reports");
}

/// The calls that reach the service with a secret.
const CALLS: [&[&str]; 8] = [
    &["upload", "site", "--cert", "@/one.pem", "--key", "@/one.key"],
    &["upload", "--from", "@/certbot", "--report", "report.jsonl"],
    &["sync", "@/certbot", "--no-served", "--report", "report.jsonl"],
    &["list"],
    &["show", FIRST],
    &["delete", FIRST],
    &["deploy", FIRST, "--domain", "one.example", "--yes"],
    &["whoami", "--test"],
];

#[test]
fn no_failure_shows_a_secret() {
    let canary = Canary::new("canary-failures");
    // The first upload shows the body; then servers echo it in every place.
    let stub = Stub::start(vec![Reply::http("200 OK", "", r#"{"CertId":1}"#)]);
    canary.casctl(&stub.url(), CALLS[0]).run().exits_with(0);
    let body = stub.requests().remove(0).body;
    let key = fs::read_to_string(canary.input.join("one.key")).unwrap();
    assert!(body.contains(&percent_encoded(&key)) && body.contains(&percent_encoded(TOKEN)));
    let all = format!("{body} {key} {SECRET} {TOKEN}");
    let quoted = json!(all).to_string();
    let mut replies = vec![
        Reply::Nothing,
        Reply::SendAndClose(Vec::new()),
        Reply::SendAndClose(all.clone().into_bytes()),
        Reply::http("502 Bad Gateway", "", &format!("<html><title>{all}</title></html>")),
        Reply::http("200 OK", "", &format!("{{\"RequestId\":{quoted}}}")),
        Reply::http("302 Found", &format!("Location: /{}\r\n", percent_encoded(&all)), ""),
    ];
    for (status, code) in
        [(400, "SignatureDoesNotMatch"), (403, "Forbidden.RAM"), (400, "NameRepeat"), (404, "X")]
    {
        let body = format!("{{\"Code\":\"{code}\",\"Message\":{quoted},\"RequestId\":{quoted}}}");
        replies.push(Reply::http(&format!("{status} Refused"), "", &body));
    }
    let check = |reply: &Reply| {
        for (index, call) in CALLS.iter().enumerate() {
            let stub = Stub::start(vec![reply.clone()]);
            let limits = ["--timeout", "1s", "--max-attempts", "1"];
            let call = [*call, &limits].concat();
            let format = FORMATS[index % FORMATS.len()];
            let program = canary.casctl(&stub.url(), &call).env("CASCTL_OUTPUT", format);
            canary.shows_nothing(program);
        }
    };
    std::thread::scope(|scope| {
        for reply in &replies {
            scope.spawn(|| check(reply));
        }
    });
    for call in CALLS {
        let program = canary.casctl("http://127.0.0.1:1", call);
        canary.shows_nothing(program.env("CASCTL_MAX_ATTEMPTS", "1")).exits_with(14);
    }
    // A panic.
    let emulator = Canary::emulator();
    let panic = canary
        .casctl(emulator.url(), CALLS[1])
        .env("LD_PRELOAD", compile_preload("tests/fixtures/c/exhausted.c"))
        .envs(&[("EXHAUSTED", "pthread_create"), ("EXHAUSTED_ERRNO", "11")])
        .env("EXHAUSTED_AFTER", "1");
    let outcome = canary.shows_nothing(panic).exits_with(22);
    assert!(outcome.stderr.contains("casctl failed at"), "{outcome:?}");
    // A request that is explained.
    let stub_answer = format!(
        "{{\"Code\":\"SignatureDoesNotMatch\",\
         \"Message\":\"server string to sign is:POST&%2F&{}\"}}",
        percent_encoded(&body.replace("Name=site", "Name=other"))
    );
    let [answer, request] = [("answer", &stub_answer), ("request", &body)]
        .map(|(name, text)| fs::write(canary.input.join(name), text).map(|()| format!("@/{name}")));
    let (answer, request) = (answer.unwrap(), request.unwrap());
    for format in FORMATS {
        let explain = ["explain-signature", "--answer", &answer, "--request", &request];
        let explain = canary.casctl(emulator.url(), &explain).env("CASCTL_OUTPUT", format);
        canary.shows_nothing(explain).exits_with(0);
    }
    assert_eq!(canary.check_files(), 1, "the report");
}

#[test]
fn a_key_in_the_place_of_anything_else_is_not_repeated() {
    let canary = Canary::new("canary-places");
    let pem = fs::read_to_string(canary.input.join("one.key")).unwrap();
    let line: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let emulator = Canary::emulator();
    for key in [pem.as_str(), line.as_str()] {
        for words in [
            "upload --cert @/one.pem --key @/two.key",
            "upload --key @/one.key --cert",
            "upload x --cert @/one.pem --key",
            "upload --pfx",
            "upload --pfx @/one.pfx --pfx-password-file",
            "upload --from",
            "upload --from @/certbot --report",
            "upload --from @/certbot --jobs",
            "sync",
            "sync @/certbot --no-served --report",
            "sync @/certbot --jitter",
            "hook certbot --name",
            "hook",
            "check --cert",
            "check --cert @/one.pem --warn-days",
            "list --name",
            "show",
            "delete",
            "prune --name",
            "deploy 10000000 --domain",
            "deploy 10000000 --domain a.example --contact",
            "explain-signature --answer",
            "completions",
            "man",
            "list --endpoint",
            "list --region",
            "list --profile",
            "list --api",
            "list --ca-file",
            "list --proxy",
            "list --timeout",
            "list --max-attempts",
            "list",
            "",
        ] {
            let words: Vec<_> = words.split_whitespace().chain([key]).collect();
            for format in FORMATS {
                let program = canary.casctl(emulator.url(), &words);
                canary.shows_nothing(program.env("CASCTL_OUTPUT", format));
            }
        }
        for variable in ["ENDPOINT", "REGION", "PROFILE", "CA_FILE", "PROXY", "TIMEOUT", "API"] {
            let program = canary.casctl(emulator.url(), &["list"]);
            canary.shows_nothing(program.env(&format!("CASCTL_{variable}"), key));
        }
        let manifest = canary.input.join("manifest.toml");
        for text in [
            format!("[[certificate]]\ncert = 'one.pem'\nkey = '''{key}'''\n"),
            format!("[[certificate]]\ncert = 'one.pem'\nkey = {key}\n"),
            format!("['{line}']\n['{line}']\n"),
            format!("[[certificate]]\n'{line}'.x = 1\n'{line}' = 1\n"),
            format!("[[certificate]]\ncert = 'one.pem'\nkey = 'one.key'\nlang = '''{key}'''\n"),
            format!("[[certificate]]\ncert = 'one.pem'\nkey = 'one.key'\ndeploy = '''{key}'''\n"),
            format!("[[certificate]]\ncert = 'one.pem'\nkey = 'one.key'\n'{line}' = 1\n"),
            format!(
                "[[certificate]]\ncert = 'one.pem'\nkey = 'one.key'\ndomains = ['''{key}:x''']\n"
            ),
        ] {
            fs::write(&manifest, text).unwrap();
            for command in [&["upload", "--from"][..], &["sync", "--no-served"]] {
                let words = [command, &["@/manifest.toml"]].concat();
                canary.shows_nothing(canary.casctl(emulator.url(), &words));
            }
        }
    }
    let password = ["upload", "--pfx", "@/one.pfx", "--pfx-password-file", PASSWORD];
    canary.shows_nothing(canary.casctl(emulator.url(), &password)).exits_with(21);
    fs::create_dir_all(canary.input.join(".aliyun")).unwrap();
    let broken = format!("{{\"current\":\"a\",\"profiles\":[{{\"access_key_secret\":\"{SECRET}\"");
    fs::write(canary.input.join(".aliyun/config.json"), broken).unwrap();
    for call in [&["whoami"][..], &["whoami", "--test"], &["doctor"], &["list"]] {
        let program = canary.casctl(emulator.url(), call).env("HOME", &canary.input);
        let program = program.without("ALIBABA_CLOUD_ACCESS_KEY_ID");
        let program = program.without("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
        canary.shows_nothing(program.env("CASCTL_PROFILE", "a")).exits_with(13);
    }
}
