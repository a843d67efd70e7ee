//! Profile files, and credential commands.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use acceptance::setups::{CLI, NO_METADATA, fails, signer, static_profile, upload, with_cli};
use acceptance::{FakeCloud, compile, scratch};
use serde_json::json;

#[test]
fn the_error_for_a_broken_file_names_the_file_and_the_line() {
    for (file, content, words) in [
        (CLI, "{\n  \"current\": \"work\",\n  \"profiles\": [\n    {\"canary\n", "line 4"),
        (
            CLI,
            "{\"current\": \"work\",\n\"profiles\": [\n{\"name\": \"work\",\n\
             \"mode\": \"AK\", \"access_key_id\": \"canary\"}]}",
            "profile \"work\" (line 3): access_key_secret is missing",
        ),
        (
            CLI,
            "{\"profiles\": [],\n\"current\": \"gone\"}",
            "current profile \"gone\" (line 2) not found",
        ),
        (CLI, "{\"profiles\": []}", "no current profile is set"),
        (
            ".alibabacloud/credentials",
            "[default]\ntype = access_key\ncanary-secret\n",
            "line 3: expected a [profile] or NAME = VALUE",
        ),
        (
            ".alibabacloud/credentials",
            "\n[default]\ntype = access_key\naccess_key_id = canary\n",
            "profile \"default\" (line 2): access_key_secret is missing",
        ),
        (
            ".alibabacloud/credentials.ini",
            "[default]\ntype = rsa_key_pair\n",
            "libcas does not support the type \"rsa_key_pair\"",
        ),
    ] {
        let cloud = FakeCloud::start();
        let path = cloud.write(file, content);
        let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA]);
        let (message, _) = fails(&outcome);
        let clause = format!("\"{}\": ", path.display());
        assert!(message.contains(&clause) && message.contains(words), "{message}");
        // With another source, it is a warning.
        let emulator = cloud.emulator();
        let outcome = upload(&cloud, &emulator, &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let warned =
            outcome.stdout.lines().any(|line| line.starts_with("log=2") && line.contains(words));
        assert!(warned, "{}", outcome.stdout);
    }
}

#[test]
fn a_half_written_file_is_read_again_and_not_replaced_by_another_source() {
    let cloud = with_cli(&static_profile(&json!({})));
    let path = cloud.home().join(CLI);
    let whole = fs::read_to_string(&path).unwrap();
    let emulator = cloud.emulator();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let outcome = upload(&cloud, &emulator, &[]);
    let (message, _) = fails(&outcome);
    assert!(message.contains("the end of the file is missing"), "{message}");
    assert!(cloud.requests().is_empty());
    fs::write(&path, &whole).unwrap();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(signer(&emulator), "staticid");
}

#[test]
fn libcas_warns_of_a_file_that_others_can_read() {
    for (mode, warned) in
        [(0o600, false), (0o640, true), (0o604, true), (0o622, true), (0o711, false)]
    {
        let cloud = with_cli(&static_profile(&json!({})));
        let path = cloud.home().join(CLI);
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let outcome = upload(&cloud, &cloud.emulator(), &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let line = outcome.stdout.lines().find(|line| {
            line.starts_with("log=2") && line.contains("Other users may read or change")
        });
        assert_eq!(line.is_some(), warned, "{mode:o}: {}", outcome.stdout);
        if let Some(line) = line {
            assert!(
                line.contains(path.to_str().unwrap()) && line.contains(&format!("{mode:o}")),
                "{line}"
            );
        }
    }
}

#[test]
fn libcas_warns_of_a_file_that_others_own_or_can_replace() {
    let cloud = with_cli(&static_profile(&json!({})));
    let path = cloud.home().join(CLI);
    let directory = path.parent().unwrap();
    for (mode, warned) in [(0o755, false), (0o777, true), (0o1777, false), (0o770, true)] {
        fs::set_permissions(directory, fs::Permissions::from_mode(mode)).unwrap();
        let outcome = upload(&cloud, &cloud.emulator(), &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let warning = format!("Other users may replace \"{}\"", path.display());
        assert_eq!(outcome.stdout.contains(&warning), warned, "{mode:o}: {}", outcome.stdout);
    }
    // Only root can change the owner.
    if chown(&path, Some(4242), None).is_ok() {
        let outcome = upload(&cloud, &cloud.emulator(), &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        let warning = format!("Another user owns \"{}\"", path.display());
        assert!(outcome.stdout.contains(&warning), "{}", outcome.stdout);
    }
}

#[test]
fn values_of_the_credentials_file_lose_their_quotes() {
    let cloud = FakeCloud::start();
    cloud.write(
        ".alibabacloud/credentials",
        "[default]\ntype = 'access_key'\naccess_key_id = \"staticid\" # mine\n\
         access_key_secret = 'canary-secret-static'\n",
    );
    let emulator = cloud.emulator();
    upload(&cloud, &emulator, &[]).assert_fields(&[("status", "CAS_OK")]);
    assert_eq!(signer(&emulator), "staticid");
}

#[test]
fn libcas_warns_of_each_file_that_others_can_read_once() {
    let cloud = with_cli(&json!({"mode": "ak"}));
    let key = "[default]\ntype=access_key\naccess_key_id=staticid\n\
               access_key_secret=canary-secret-static\n";
    let files = [cloud.home().join(CLI), cloud.write(".alibabacloud/credentials", key)];
    for file in &files {
        fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    }
    let outcome = upload(&cloud, &cloud.emulator(), &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    for file in &files {
        let path = file.to_str().unwrap();
        let warnings = outcome
            .stdout
            .lines()
            .filter(|line| line.contains(path) && line.contains("Run chmod 600"));
        assert_eq!(warnings.count(), 1, "{path}: {}", outcome.stdout);
    }
}

#[test]
fn a_credential_command_has_the_time_of_the_call() {
    let print = r#"{"access_key_id": "staticid", "access_key_secret": "canary-secret-static"}"#;
    // More than half of the time, which is all that a request to a service has.
    let command = format!("sh -c 'sleep 7; printf \"%s\" \"$1\"' sh '{print}'");
    let cloud = with_cli(&json!({"mode": "External", "process_command": command}));
    let outcome = upload(&cloud, &cloud.emulator(), &[("CAS_TIMEOUT_MS", "12000")]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
}

#[test]
fn a_credential_command_does_not_see_the_password_of_a_private_key() {
    let print = r#"{"access_key_id": "staticid", "access_key_secret": "canary-secret-static"}"#;
    // The output is no JSON if the variable is set.
    let command = format!("sh -c 'printf \"%s\" \"$1$CASCTL_PFX_PASSWORD\"' sh '{print}'");
    let cloud = with_cli(&json!({"mode": "External", "process_command": command}));
    let outcome = upload(&cloud, &cloud.emulator(), &[("CASCTL_PFX_PASSWORD", "canary-password")]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
}

#[test]
fn expirations_are_understood_as_the_official_packages_write_them() {
    for expiration in [
        "\"2099-01-01T08:00:00+08:00\"",
        "\"2099-01-01 00:00:00Z\"",
        "\"2099-01-01T00:00Z\"",
        "4070908800",
        "4070908800000",
    ] {
        let print = format!(
            r#"{{"mode": "StsToken", "access_key_id": "STS.ecs-7",
                "access_key_secret": "canary-secret-ecs-7", "sts_token": "canary-token-ecs-7",
                "expiration": {expiration}}}"#
        );
        let command = format!("printf '%s' '{print}'");
        let cloud = with_cli(&json!({"mode": "External", "process_command": command}));
        let outcome = upload(&cloud, &cloud.emulator(), &[]);
        outcome.assert_fields(&[("status", "CAS_OK")]);
        assert!(outcome.stdout.contains("valid until 2099-01-01T00:00:00Z"), "{}", outcome.stdout);
    }
}

#[test]
fn a_switch_turns_programs_and_uris_off() {
    let off = ("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", "true");
    let print = "printf '{\"access_key_id\": \"a\", \"access_key_secret\": \"canary\"}'";
    let cloud = with_cli(&json!({"mode": "External", "process_command": print}));
    let uri = ("ALIBABA_CLOUD_CREDENTIALS_URI", &*format!("{}/credentials", cloud.url()));
    let outcome = upload(&cloud, &cloud.emulator(), &[NO_METADATA, uri, off]);
    let (message, _) = fails(&outcome);
    for source in ["profile \"work\" (line 1): ", "the credentials URI: "] {
        let part = format!("{source}ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS is set");
        assert!(message.contains(&part), "{message}");
    }
    assert!(cloud.requests().is_empty());
}

#[test]
fn a_credential_command_runs_as_written_and_its_failures_are_distinguished() {
    let print = |more: &str| {
        format!(
            r#"{{"mode": "AK", "access_key_id": "staticid",
                "access_key_secret": "canary-secret-static"{more}}}"#
        )
    };
    let external =
        |command: &str| with_cli(&json!({"mode": "External", "process_command": command}));
    let script = scratch("external").join("a helper.sh");
    let text = format!(
        "#!/bin/sh\n[ \"$1-$2\" = 'two words-#2' ] || exit 9\necho noise >&2\nsleep 0.2\n\
         cat <<'END'\n{}\nEND\n",
        print("")
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let command = format!("'{}' \"two words\" #2", script.display());
    let cloud = external(&command);
    let emulator = cloud.emulator();
    let outcome = upload(&cloud, &emulator, &[]);
    outcome.assert_fields(&[("status", "CAS_OK")]);
    assert!(!outcome.stderr.contains("noise"), "{}", outcome.stderr);
    // A host that ignores SIGCHLD.
    let ignoring = cloud.program("sh").arg("-c").arg("trap '' CHLD; exec \"$0\" \"$@\"");
    let ignoring = ignoring.arg(compile("tests/fixtures/c/report.c", &[])).arg("web").with_chain();
    assert_eq!(ignoring.env("CAS_ENDPOINT", emulator.url()).run().field("status"), "CAS_OK");

    let sleep = "sh -c 'sleep 60'";
    for (command, words) in [
        ("/nonexistent/helper --canary", "process_command failed to start: No such file"),
        ("sh -c 'echo canary; exit 3'", "failed (exit status: 3)"),
        ("sh -c 'kill -9 $$'", "failed (signal: 9"),
        ("printf canary", "printed invalid JSON"),
        ("printf {}", "access_key_id is missing in the output of process_command"),
        (
            "printf '{\"access_key_id\":\"canary\"}'",
            "access_key_secret is missing in the output of process_command",
        ),
        (
            "printf '{\"mode\":\"StsToken\",\"access_key_id\":\"a\",\
             \"access_key_secret\":\"canary\"}'",
            "sts_token is missing in the output of process_command",
        ),
        (
            "printf '{\"access_key_id\":\"a\",\"access_key_secret\":\"canary\",\
             \"expiration\":\"soon\"}'",
            "invalid expiration (must be a time like 2026-11-24T08:00:00Z)",
        ),
        ("printf '", "unbalanced quotes"),
        ("head -c 1000000 /dev/zero", "printed more than 64 KiB"),
        (sleep, "did not finish in time"),
        ("sh -c 'exec >&-; sleep 60'", "did not finish in time"),
    ] {
        let timeout = if words == "did not finish in time" { "1500" } else { "60000" };
        let cloud = external(command);
        let outcome = upload(&cloud, &emulator, &[NO_METADATA, ("CAS_TIMEOUT_MS", timeout)]);
        let (message, hint) = fails(&outcome);
        assert!(message.contains(words), "{command}: {message}");
        assert!(hint.contains("Run process_command by hand") || words.contains("quotes"), "{hint}");
    }
}
