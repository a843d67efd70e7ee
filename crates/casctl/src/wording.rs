//! libcas names C functions in its messages and hints. Users of casctl know its options.

/// What a message of libcas says, and what it means for users of casctl. Longer texts come before
/// those that they begin with.
const WORDS: [(&str, &str); 26] = [
    (
        "cas_config_set_access_key",
        "ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    ),
    ("cas_config_set_security_token", "ALIBABA_CLOUD_SECURITY_TOKEN"),
    ("cas_config_set_allow_plaintext", "--allow-plaintext"),
    ("cas_config_set_connect_timeout_ms", "--timeout"),
    ("cas_config_set_timeout_ms", "--timeout"),
    ("cas_config_set_max_attempts", "--max-attempts"),
    ("cas_config_set_endpoint", "--endpoint"),
    ("cas_config_set_profile", "--profile"),
    ("cas_config_set_region", "--region"),
    ("cas_config_set_ca_file", "--ca-file"),
    ("cas_config_set_ca_pem", "--ca-file"),
    ("cas_config_set_proxy", "--proxy"),
    ("cas_config_set_api", "--api"),
    ("cas_request_allow_finding", "--allow-finding"),
    ("cas_request_load_cert_file", "--cert"),
    ("cas_request_load_key_file", "--key"),
    ("cas_request_set_cert_pem", "--cert"),
    ("cas_request_set_key_pem", "--key"),
    ("cas_request_set_lang", "--lang"),
    ("cas_request_set_source_ip", "--source-ip"),
    ("cas_request_load_pkcs12_file or cas_request_set_pkcs12 with its password", "--pfx"),
    ("cas_request_load_pkcs12_file", "--pfx"),
    ("cas_request_set_pkcs12", "--pfx"),
    ("cas_inspect", "casctl check"),
    ("(on_conflict)", "(--on-conflict)"),
    ("set another on_conflict rule", "another --on-conflict rule"),
];

/// A message or hint of libcas, in the words of casctl.
pub(crate) fn of_casctl(text: &str) -> String {
    // Functions are called, options are used.
    let text = text.replace("call cas_", "use cas_");
    WORDS.iter().fold(text, |text, (library, casctl)| text.replace(library, casctl))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    /// Names of C functions that users of casctl never cause: it sets none of these.
    const NEVER_SHOWN: [&str; 4] = [
        "cas_config_set_trust_environment",
        "cas_config_set_user_agent",
        "cas_request_set_sm2_encryption",
        "cas_request_set_skip_checks",
    ];

    fn sources(directory: &Path, all: &mut String) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, all);
            } else {
                all.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn every_function_that_the_core_names_has_an_option() {
        let mut core = String::new();
        sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../cas-core/src"), &mut core);
        let mut checked = 0;
        for prefix in ["cas_config_set_", "cas_request_"] {
            for (start, _) in core.match_indices(prefix) {
                let rest = &core[start..];
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                let name = &rest[..end.unwrap_or(rest.len())];
                let is_named = WORDS.iter().any(|(library, _)| *library == name);
                assert!(is_named || NEVER_SHOWN.contains(&name), "{name} has no words");
                checked += 1;
            }
        }
        assert!(checked > 30, "{checked}");
    }

    #[test]
    fn texts_speak_of_options() {
        let hint = "Pass it to cas_request_load_pkcs12_file or cas_request_set_pkcs12 with its \
                    password. Or allow it: cas_request_allow_finding.";
        assert_eq!(of_casctl(hint), "Pass it to --pfx. Or allow it: --allow-finding.");
        let hint = "If the network is trusted, call cas_config_set_allow_plaintext.";
        assert_eq!(of_casctl(hint), "If the network is trusted, use --allow-plaintext.");
    }
}
