//! Options: what a setter refuses, and what a client does with it.

use super::*;

#[test]
fn invalid_options_are_refused_by_their_setters() {
    let mut config = Config::default();
    let secret = |text: &str| Secret::new(text.to_owned());
    assert!(config.set_access_key("", secret("s")).is_err());
    assert!(config.set_access_key("i", secret("")).is_err());
    assert!(config.set_access_key("i", secret("s\n")).is_err());
    assert!(config.set_access_key(" i", secret("s")).is_err());
    assert!(config.set_security_token(secret("")).is_err());
    assert!(config.set_security_token(secret("t\n")).is_err());
    assert!(config.set_profile(" ").is_err());
    assert!(config.set_profile("a\nb").is_err());
    assert!(config.set_region("Not a region").is_err());
    assert!(config.set_region("").is_err());
    assert!(config.set_endpoint("host/path").is_err());
    assert!(config.set_ca_file(Path::new("")).is_err());
    assert!(config.set_connect_timeout(Duration::ZERO).is_err());
    assert!(config.set_timeout(Duration::ZERO).is_err());
    assert!(config.set_max_attempts(0).is_err());
    assert!(config.set_user_agent("a\r\nX-Evil: 1").is_err());
    assert!(config.set_user_agent(" ").is_err());
    assert!(config.check().is_err());
    // libcas does not fall back to another endpoint, key or profile.
    assert!(config.resolved_endpoint().unwrap_err().message().contains("endpoint"));
    assert!(config.static_key().unwrap_err().message().contains("access key"));
    assert!(config.named_profile().unwrap_err().message().contains("profile"));
    config.set_endpoint("127.0.0.1").unwrap();
    config.set_access_key("i", secret("s")).unwrap();
    config.set_profile("p").unwrap();
    config.set_region("cn-beijing").unwrap();
    config.set_ca_file(Path::new("/ca.pem")).unwrap();
    assert!(config.check().unwrap_err().message().contains("security token"));
    config.set_security_token(secret("t")).unwrap();
    config.check().unwrap();
    assert!(
        config.named_profile().is_ok()
            && config.resolved_endpoint().is_ok()
            && config.static_key().is_ok()
    );
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
