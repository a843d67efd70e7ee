//! Options: what a setter refuses, and what a client does with it.

use super::*;
use crate::base::deadline::Deadline;

/// What `set` sets to a value that is refused, and to a valid one.
type Set = fn(&mut Config, bool) -> Result<(), Error>;

/// Every setter that can refuse a value.
const SETTERS: [(&str, Set); 11] = [
    ("cas_config_set_access_key", |config, valid| {
        config.set_access_key("id", secret(if valid { "s" } else { "s\n" }))
    }),
    ("cas_config_set_security_token", |config, valid| {
        config.set_security_token(secret(if valid { "t" } else { "" }))
    }),
    ("cas_config_set_profile", |config, valid| config.set_profile(if valid { "web" } else { " " })),
    ("cas_config_set_region", |config, valid| {
        config.set_region(if valid { "cn-beijing" } else { "Not a region" })
    }),
    ("cas_config_set_endpoint", |config, valid| {
        config.set_endpoint(if valid { "127.0.0.1" } else { "host/path" })
    }),
    ("cas_config_set_proxy", |config, valid| {
        config.set_proxy(if valid { "" } else { "ftp://proxy" })
    }),
    ("cas_config_set_ca_file", |config, valid| {
        config.set_ca_file(Path::new(if valid { "/ca.pem" } else { "" }))
    }),
    ("cas_config_set_connect_timeout_ms", |config, valid| {
        config.set_connect_timeout(Duration::from_millis(valid.into()))
    }),
    ("cas_config_set_timeout_ms", |config, valid| {
        config.set_timeout(Duration::from_millis(valid.into()))
    }),
    ("cas_config_set_max_attempts", |config, valid| config.set_max_attempts(valid.into())),
    ("cas_config_set_user_agent", |config, valid| {
        config.set_user_agent(if valid { "deployer/3.2" } else { "a\r\nX-Evil: 1" })
    }),
];

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

#[test]
fn a_refused_option_stays_refused_until_it_is_set_right() {
    for (setter, set) in SETTERS {
        for set_before in [false, true] {
            let mut config = Config::default();
            if set_before {
                set(&mut config, true).unwrap();
            }
            let error = set(&mut config, false).unwrap_err();
            let reported = config.check().unwrap_err();
            assert_eq!(reported.message(), format!("{setter}: {}", error.message()));
            assert_eq!((reported.kind(), reported.hint()), (error.kind(), error.hint()));
            assert!(error.hint().is_some(), "{setter}");
            set(&mut config, true).unwrap();
            config.check().unwrap();
        }
    }
}

#[test]
fn the_first_refused_option_is_reported() {
    let mut config = Config::default();
    for (_, set) in SETTERS {
        set(&mut config, false).unwrap_err();
    }
    for (setter, set) in SETTERS {
        assert!(config.check().unwrap_err().message().starts_with(setter));
        set(&mut config, true).unwrap();
    }
    config.check().unwrap();
}

#[test]
fn a_value_that_was_refused_before_it_came_here_is_recorded_as_well() {
    let mut config = Config::default();
    config.record("cas_config_set_api", Err(invalid("Invalid."))).unwrap_err();
    assert_eq!(config.check().unwrap_err().message(), "cas_config_set_api: Invalid.");
    config.record("cas_config_set_api", Ok(())).unwrap();
    config.check().unwrap();
}

#[test]
fn other_invalid_options_are_refused_by_their_setters() {
    let mut config = Config::default();
    assert!(config.set_access_key("", secret("s")).is_err());
    assert!(config.set_access_key("i", secret("")).is_err());
    assert!(config.set_access_key(" i", secret("s")).is_err());
    assert!(config.set_security_token(secret("t\n")).is_err());
    assert!(config.set_profile("a\nb").is_err());
    assert!(config.set_region("").is_err());
    assert!(config.set_user_agent(" ").is_err());
    assert!(config.set_ca_pem(b"").is_err());
}

#[test]
fn the_ca_that_was_set_last_counts() {
    let mut config = Config::default();
    let key = rcgen::KeyPair::generate().unwrap();
    let root = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    config.set_ca_pem(root.pem().as_bytes()).unwrap();
    assert_eq!(
        config
            .root_store(&EnvSnapshot::default())
            .unwrap()
            .load(&Deadline::over())
            .unwrap()
            .store
            .len(),
        1
    );
    config.set_ca_file(Path::new("/nonexistent/ca.pem")).unwrap();
    assert_eq!(config.root_store(&EnvSnapshot::default()).unwrap_err().kind(), ErrorKind::Io);
    let error = config.set_ca_pem(key.serialize_pem().as_bytes()).unwrap_err();
    assert_eq!(error.message(), "Invalid CA PEM: it contains no certificate.");
    let reported = config.check().unwrap_err();
    assert_eq!(reported.message(), format!("cas_config_set_ca_pem: {}", error.message()));
    config.set_ca_pem(root.pem().as_bytes()).unwrap();
    config.check().unwrap();
    let description = config
        .root_store(&EnvSnapshot::default())
        .unwrap()
        .load(&Deadline::over())
        .unwrap()
        .description;
    assert_eq!(description, "the CA PEM of the program; 1 root");
}

#[test]
fn debug_prints_no_secret() {
    let mut config = Config::default();
    config.set_access_key("id", Secret::new("hidden".to_owned())).unwrap();
    config.set_security_token(Secret::new("hidden".to_owned())).unwrap();
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn plaintext_to_other_hosts_must_be_allowed() {
    let mut config = Config::default();
    config.set_endpoint("http://127.0.0.1:1").unwrap();
    assert!(config.resolved_endpoint().is_ok());
    config.set_endpoint("http://10.0.0.1").unwrap();
    assert_eq!(config.resolved_endpoint().unwrap_err().kind(), ErrorKind::InvalidArgument);
    config.set_allow_plaintext(true);
    assert!(config.resolved_endpoint().is_ok());
}

#[test]
fn a_security_token_needs_its_access_key() {
    let mut config = Config::default();
    config.set_security_token(Secret::new("t".to_owned())).unwrap();
    assert!(config.static_key().is_err());
    config.set_access_key("id", Secret::new("s".to_owned())).unwrap();
    assert_eq!(config.static_key().unwrap().unwrap().security_token(), Some("t"));
}

#[test]
fn the_user_agent_of_the_program_precedes_that_of_libcas() {
    let mut config = Config::default();
    config.set_user_agent("deployer/3.2").unwrap();
    assert_eq!(config.user_agent, format!("deployer/3.2 libcas/{}", env!("CARGO_PKG_VERSION")));
}
