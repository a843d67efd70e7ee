//! `casctl hook`, called as certbot, acme.sh and lego call their deploy hooks.

use std::fs;
use std::path::{Path, PathBuf};

use acceptance::{Emulator, Program, artefact, casctl, top};

use super::lineages::{self, Issuer};

/// A hook of each client, with the variables that the client sets.
fn hooks(emulator: &Emulator, directory: &Path, issuer: &Issuer) -> Vec<(&'static str, Program)> {
    let pair = issuer.issue("hook.example");
    lineages::certbot(&directory.join("certbot"), "hook.example", &pair);
    let pair = issuer.issue("hook.example");
    lineages::acme_sh(&directory.join("acme.sh"), "hook.example", "_ecc", &pair);
    lineages::lego(&directory.join("lego"), "hook.example", &issuer.issue("hook.example"));
    let hook = |client: &'static str, variables: &[(&str, PathBuf)]| {
        (client, casctl(emulator, &["hook", client]).envs(variables))
    };
    let acme_sh = directory.join("acme.sh/hook.example_ecc");
    let lego = directory.join("lego/certificates");
    let legos = [lego.join("hook.example.crt"), lego.join("hook.example.key")];
    let [cert, key] = legos;
    vec![
        hook("certbot", &[("RENEWED_LINEAGE", directory.join("certbot/live/hook.example"))]),
        hook(
            "acme.sh",
            &[
                ("CERT_FULLCHAIN_PATH", acme_sh.join("fullchain.cer")),
                ("CERT_KEY_PATH", acme_sh.join("hook.example.key")),
            ],
        ),
        hook("lego", &[("LEGO_CERT_PATH", cert.clone()), ("LEGO_CERT_KEY_PATH", key.clone())]),
        hook("lego", &[("LEGO_HOOK_CERT_PATH", cert), ("LEGO_HOOK_CERT_KEY_PATH", key)]),
    ]
}

#[test]
fn each_client_uploads_what_it_renewed() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&[]);
    let directory = lineages::directory("hooks");
    for (client, hook) in hooks(&emulator, &directory, &issuer) {
        let outcome = hook.run().exits_with(0);
        assert_eq!(outcome.stdout.lines().count(), 1, "{client}: {outcome:?}");
        assert!(outcome.stdout.contains("hook.example-"), "{client}: {outcome:?}");
        assert_eq!(outcome.stderr, "", "{client}");
    }
    // The two of lego are the same certificate.
    assert_eq!(emulator.certificates().len(), 3);
}

#[test]
fn a_hook_without_its_client_says_what_is_missing() {
    for (client, variable) in [
        ("certbot", "RENEWED_LINEAGE"),
        ("acme.sh", "CERT_FULLCHAIN_PATH"),
        ("lego", "LEGO_CERT_PATH"),
    ] {
        let hook = Program::new(artefact("casctl")).args(["hook", client]).run().exits_with(2);
        assert!(hook.stderr.contains(variable), "{hook:?}");
    }
    let unknown = Program::new(artefact("casctl")).args(["hook", "dehydrated"]).run().exits_with(2);
    assert!(unknown.stderr.contains("certbot, acme.sh, lego"), "{unknown:?}");
}

/// The part of acme.sh that loads a deploy hook and calls it: what `_deploy` does, with functions
/// of the names that acme.sh has, over files of this test.
const LOADER: &str = r#"
_err() { echo "error: $*" >&2; }
_savedeployconf() { echo "$1=$2" >> "$CONF/deploy"; }
_getdeployconf() {
  eval "_now=\"\${$1:-}\""
  [ -n "$_now" ] || eval "$1=\"$(sed -n "s/^$1=//p" "$CONF/deploy" | tail -n 1)\""
}
_readaccountconf_mutable() { sed -n "s/^SAVED_$1='\(.*\)'/\1/p" "$CONF/account.conf"; }
. "$HOOK"
ali_cas_deploy "$DOMAIN" "$DIR/$DOMAIN.key" "$DIR/$DOMAIN.cer" "$DIR/ca.cer" "$DIR/fullchain.cer"
"#;

#[test]
fn acme_sh_loads_the_shipped_hook() {
    let issuer = Issuer::new();
    let emulator = Emulator::start(&[]);
    let directory = lineages::directory("acme.sh-hook");
    lineages::acme_sh(&directory, "hook.example", "_ecc", &issuer.issue("hook.example"));
    let conf = directory.join("conf");
    fs::create_dir_all(&conf).unwrap();
    fs::write(conf.join("deploy"), "").unwrap();
    fs::write(conf.join("account.conf"), "SAVED_Ali_Key='testid'\nSAVED_Ali_Secret='testsecret'\n")
        .unwrap();
    let load = || {
        Program::new("sh")
            .args(["-eu", "-c", LOADER])
            .env("HOOK", top().join("packaging/hooks/ali_cas.sh"))
            .env("CONF", &conf)
            .env("DOMAIN", "hook.example")
            .env("DIR", directory.join("hook.example_ecc"))
            .without("ALIBABA_CLOUD_ACCESS_KEY_ID")
            .without("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
    };
    let missing = load().env("CASCTL", "/nonexistent/casctl").run().exits_with(1);
    assert!(missing.stderr.contains("not on the search path"), "{missing:?}");
    let first = load().env("CASCTL", artefact("casctl")).env("CASCTL_ENDPOINT", emulator.url());
    let first = first.run().exits_with(0);
    assert!(first.stdout.starts_with("casctl: Uploaded as hook.example-"), "{first:?}");
    // The renewal has what was saved, and nothing else.
    lineages::acme_sh(&directory, "hook.example", "_ecc", &issuer.issue("hook.example"));
    load().run().exits_with(0);
    assert_eq!(emulator.certificates().len(), 2);
    let saved = fs::read_to_string(conf.join("deploy")).unwrap();
    assert!(!saved.contains("testsecret"), "{saved}");
}
