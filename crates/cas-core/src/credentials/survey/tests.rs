//! What a survey says of each source, and that it sends nothing unless it is asked to.

use std::path::PathBuf;

use super::*;

const NO_HOME: (&str, &str) = ("HOME", "/nonexistent");

fn look_at(variables: &[(&str, &str)], profile: Option<&str>) -> Survey {
    let context = ProviderContext::of_test(variables);
    let deadline = Deadline::after(std::time::Duration::from_secs(60));
    let found = survey(&context, profile, false, SystemTime::now(), &deadline);
    let shown = format!("{:?}", found.sources);
    assert!(!shown.contains("hidden"), "{shown}");
    found
}

fn states(found: &Survey) -> Vec<(&str, SourceState)> {
    found.sources.iter().map(|source| (source.name.as_str(), source.state)).collect()
}

/// A config.json with one profile.
fn config(name: &str, profile: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("libcas-{}-{name}.json", std::process::id()));
    let text = format!("{{\"current\":\"web\",\"profiles\":[{{\"name\":\"web\",{profile}}}]}}");
    std::fs::write(&path, text).unwrap();
    path
}

fn of_profile(name: &str, profile: &str) -> Survey {
    let path = config(name, profile);
    let found = look_at(&[NO_HOME, ("ALIBABA_CLOUD_CONFIG_FILE", path.to_str().unwrap())], None);
    std::fs::remove_file(path).unwrap();
    found
}

#[test]
fn the_environment_serves_and_no_other_source_is_asked() {
    let found = look_at(
        &[
            NO_HOME,
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI0123456789abcdef"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hidden"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "hidden"),
        ],
        None,
    );
    let states = states(&found);
    assert_eq!(states[0], ("the environment", SourceState::Serves));
    assert!(states[1..].iter().all(|(_, state)| *state == SourceState::NotAsked), "{states:?}");
    let key = found.key.unwrap();
    let report = KeyReport::of(&key.key, key.expires);
    assert_eq!(report.access_key_id, "LTAI****cdef");
    assert!(report.is_temporary && report.expires.is_none() && found.error.is_none());
}

#[test]
fn without_a_source_only_the_instance_may_serve() {
    let found = look_at(&[NO_HOME], None);
    let may: Vec<_> = states(&found)
        .into_iter()
        .filter(|(_, state)| *state != SourceState::NotConfigured)
        .collect();
    assert_eq!(may, [("the instance RAM role", SourceState::MayServe)]);
    assert!(found.key.is_none() && found.error.is_none());
    assert!(
        found.sources.iter().all(|source| {
            source.reason.is_some() == (source.state == SourceState::NotConfigured)
        })
    );
}

#[test]
fn without_any_source_the_error_is_that_of_a_request() {
    let off = ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true");
    let found = look_at(&[NO_HOME, off], None);
    let error = found.error.unwrap();
    assert!(
        error.reason.contains("the environment: ") && error.reason.contains(off.0),
        "{error:?}"
    );
    let found = look_at(&[NO_HOME, off, ("ALIBABA_CLOUD_PROFILE", "web")], None);
    let missing = found.sources.iter().find(|source| source.name == "ALIBABA_CLOUD_PROFILE");
    assert_eq!(missing.unwrap().state, SourceState::Failed);
    assert_eq!(found.sources.last().unwrap().state, SourceState::NotAsked);
}

#[test]
fn a_malformed_key_ends_the_search() {
    let found = look_at(
        &[
            NO_HOME,
            ("ALIBABA_CLOUD_ACCESS_KEY_ID", "LTAI0123456789abcdef"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "hidden hidden"),
        ],
        None,
    );
    assert_eq!(states(&found)[0].1, SourceState::Failed);
    assert_eq!(states(&found)[1].1, SourceState::NotAsked);
    assert!(found.error.unwrap().reason.contains("white space"));
}

#[test]
fn profiles_are_described_without_secrets() {
    let key = "\"access_key_id\":\"LTAI0123456789abcdef\",\"access_key_secret\":\"hidden\"";
    let found = of_profile("ak", &format!("\"mode\":\"AK\",{key}"));
    let serving = found.sources.iter().find(|source| source.state == SourceState::Serves).unwrap();
    assert!(serving.name.contains("-ak.json"), "{serving:?}");
    assert!(serving.details.contains(&("mode", "AK".to_owned())), "{serving:?}");
    assert!(serving.details.contains(&("access_key_id", "LTAI****cdef".to_owned())));
    assert!(found.key.is_some());

    let role = "\"ram_role_arn\":\"acs:ram::1:role/r\",\"ram_session_name\":\"s\"";
    let found = of_profile("role", &format!("\"mode\":\"RamRoleArn\",{key},{role}"));
    let serving = found.sources.iter().find(|source| source.state == SourceState::Serves).unwrap();
    assert!(serving.details.contains(&("ram_role_arn", "acs:ram::1:role/r".to_owned())));
    // STS was not asked.
    assert!(found.key.is_none() && found.error.is_none());

    let found = of_profile("broken", "\"mode\":\"AK\",\"access_key_id\":\"LTAI0123456789abcdef\"");
    let failed = found.sources.iter().find(|source| source.state == SourceState::Failed).unwrap();
    assert!(failed.reason.as_ref().unwrap().contains("access_key_secret is missing"), "{failed:?}");

    let process = "\"mode\":\"External\",\"process_command\":\"/nonexistent --token hidden\"";
    let found = of_profile("process", process);
    let serving = found.sources.iter().find(|source| source.state == SourceState::Serves).unwrap();
    assert!(serving.details.contains(&("mode", "External".to_owned())) && found.key.is_none());
}

#[test]
fn a_secret_in_a_public_field_is_not_shown() {
    let long = format!("hidden{}", "A".repeat(60));
    let key = "\"access_key_id\":\"LTAI0123456789abcdef\",\"access_key_secret\":\"hidden\"";
    let profile = format!("\"mode\":\"RamRoleArn\",{key},\"ram_role_arn\":\"{long}\"");
    let found = of_profile("misplaced", &profile);
    assert!(format!("{:?}", found.sources).contains("may be a key"));
}
