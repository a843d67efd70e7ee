//! The order of the sources, and what ends the search.

use super::*;
use std::io;
use std::sync::Mutex;

use crate::base::secret::Secret;
use crate::credentials::sources::{CLI_DEFAULT, MissingProfile};
use crate::protocol::access_key::AccessKey;

type Results = Mutex<Vec<Result<&'static str, CredentialsError>>>;

struct Scripted(&'static str, Results);

impl NamedSource for Scripted {
    fn name(&self) -> String {
        self.0.to_owned()
    }
}

impl Source for Scripted {
    fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        let id = self.1.lock().unwrap().remove(0)?;
        Ok(KeyWithExpiry::without_expiry(AccessKey::new(
            id.to_owned(),
            Secret::new("s".to_owned()),
            None,
        )))
    }
}

fn chain(
    sources: Vec<(&'static str, Vec<Result<&'static str, CredentialsError>>)>,
) -> ProviderChain {
    let boxed =
        |(name, results)| Box::new(Scripted(name, Mutex::new(results))) as Box<dyn NamedSource>;
    let sources = sources.into_iter().map(boxed).collect();
    ProviderChain {
        sources,
        used: AtomicUsize::new(NONE),
        files_only: false,
        is_ignored: false,
        former: Vec::new(),
        logger: Logger::default(),
    }
}

fn fetch(chain: &ProviderChain) -> Result<String, CredentialsError> {
    chain.fetch(SystemTime::now(), &Deadline::over()).map(|fetched| fetched.key.id().to_owned())
}

#[test]
fn the_first_source_that_returns_a_key_stays_in_use() {
    let failed = || Err(CredentialsError::failed("it broke").with_retryable(true));
    let chain = chain(vec![
        ("one", vec![Err(CredentialsError::not_configured("nothing"))]),
        ("two", vec![Ok("a"), failed(), Ok("b")]),
        ("three", vec![]),
    ]);
    assert_eq!(chain.name(), "the credential provider chain");
    assert_eq!(fetch(&chain).unwrap(), "a");
    assert_eq!(chain.name(), "two");
    let error = fetch(&chain).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retryable), ("two: it broke", true));
    assert_eq!(fetch(&chain).unwrap(), "b");
}

#[test]
fn a_malformed_key_is_not_replaced_by_another_identity() {
    let malformed = Err(CredentialsError::fatal("it contains a line break"));
    let chain = chain(vec![("one", vec![malformed]), ("two", vec![Ok("a")])]);
    assert_eq!(fetch(&chain).unwrap_err().reason, "one: it contains a line break");
}

#[test]
fn a_source_that_cannot_be_asked_now_is_not_replaced() {
    let emfile = io::Error::from_raw_os_error(libc::EMFILE);
    let now = || Err(CredentialsError::of_io("failed to read it", &emfile));
    let missing = io::ErrorKind::PermissionDenied.into();
    let failed = || Err(CredentialsError::of_io("failed to read it", &missing));
    let chain = chain(vec![
        ("one", vec![failed(), failed()]),
        ("two", vec![now(), Ok("a")]),
        ("three", vec![Ok("b"), Ok("b")]),
    ]);
    let error = fetch(&chain).unwrap_err();
    assert!(error.reason.ends_with(
        "two: failed to read it: this process has too many open \
                                    files (EMFILE)"
    ));
    assert!(error.retryable && error.hint.unwrap().contains("ulimit -n"));
    assert_eq!(fetch(&chain).unwrap(), "a");
}

#[test]
fn a_source_that_fails_for_a_passing_reason_is_asked_again_and_not_replaced() {
    let busy = || Err(CredentialsError::failed("HTTP 503").with_retryable(true));
    let gone = || Err(CredentialsError::failed("HTTP 403"));
    let hour = Deadline::after(Duration::from_secs(3600));
    let fetch = |first: Vec<_>, deadline: &Deadline| {
        let chain = chain(vec![("one", first), ("two", vec![Ok("b")])]);
        chain.fetch(SystemTime::now(), deadline).map(|fetched| fetched.key.id().to_owned())
    };
    assert_eq!(fetch(vec![busy(), Ok("a")], &hour).unwrap(), "a");
    assert_eq!(fetch(vec![busy(), busy(), Ok("a")], &hour).unwrap(), "a");
    // What stays wrong may be skipped, as in the official packages.
    assert_eq!(fetch(vec![gone()], &hour).unwrap(), "b");
    assert_eq!(fetch(vec![busy(), gone()], &hour).unwrap(), "b");
    // A quarter of this leaves no time for another attempt.
    let error = fetch(vec![busy()], &Deadline::after(RETRY_DELAY * 4)).unwrap_err();
    assert_eq!((error.reason.as_str(), error.retryable), ("one: HTTP 503", true));
    // The first error is reported: later attempts have little time.
    let late = Err(CredentialsError::failed("timed out").with_retryable(true));
    let error = fetch(vec![busy(), late], &Deadline::after(RETRY_DELAY * 6)).unwrap_err();
    assert_eq!(error.reason, "one: HTTP 503");
    let emfile = io::Error::from_raw_os_error(libc::EMFILE);
    let exhausted = || Err(CredentialsError::of_io("failed to read it", &emfile));
    assert_eq!(fetch(vec![exhausted(), Ok("a")], &hour).unwrap(), "a");
}

#[test]
fn a_source_that_no_one_has_set_up_may_be_replaced() {
    struct Unnamed;
    impl NamedSource for Unnamed {
        fn name(&self) -> String {
            "unnamed".to_owned()
        }
        fn is_set_up(&self) -> bool {
            false
        }
    }
    impl Source for Unnamed {
        fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
            Err(CredentialsError::failed("HTTP 503").with_retryable(true))
        }
    }
    let mut chain = chain(vec![("two", vec![Ok("b")])]);
    chain.sources.insert(0, Box::new(Unnamed));
    assert_eq!(fetch(&chain).unwrap(), "b");
}

#[test]
fn a_profile_of_the_environment_must_exist_once_the_files_are_reached() {
    let variables = [("HOME", "/nonexistent"), ("ALIBABA_CLOUD_PROFILE", "p")];
    let chain = |more: &[(&str, &str)], profile| {
        let context = ProviderContext::of_test(&[&variables, more].concat());
        ProviderChain::new(&context, profile)
    };
    let error = fetch(&chain(&[], None)).unwrap_err();
    let end = "; ALIBABA_CLOUD_PROFILE: no file has a usable profile \"p\"";
    assert!(error.reason.ends_with(end) && !error.retryable, "{}", error.reason);
    assert!(error.hint.unwrap().starts_with("Set ALIBABA_CLOUD_PROFILE to"));
    let key =
        [("ALIBABA_CLOUD_ACCESS_KEY_ID", "id"), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret")];
    assert_eq!(fetch(&chain(&key, None)).unwrap(), "id");
    assert_eq!(fetch(&chain(&[], Some("q"))).unwrap_err().hint.as_deref(), Some(SET_PROFILE));
}

#[test]
fn the_hint_of_a_profile_that_fails_is_its_own() {
    let gone = || Err(CredentialsError::failed("HTTP 400").with_hint("Sign in again."));
    let hint = |sources| {
        let mut chain = chain(sources);
        chain.sources.push(Box::new(MissingProfile("p".to_owned())));
        fetch(&chain).unwrap_err().hint.unwrap()
    };
    assert_eq!(hint(vec![("one", vec![gone()])]), "Sign in again.");
    assert_eq!(hint(vec![("one", vec![gone()]), ("two", vec![gone()])]), CORRECT_SOURCE);
    let none = Err(CredentialsError::not_configured("nothing"));
    assert!(hint(vec![("one", vec![none])]).starts_with("Set ALIBABA_CLOUD_PROFILE"));
}

#[test]
fn if_all_sources_fail_each_reason_is_given_in_order() {
    let not_configured = || Err(CredentialsError::not_configured("nothing"));
    let failed = || Err(CredentialsError::failed("it broke").with_hint("Fix it."));
    let one =
        fetch(&chain(vec![("one", vec![not_configured()]), ("two", vec![failed()])])).unwrap_err();
    assert_eq!(one.reason, "one: nothing; two: it broke");
    assert_eq!((one.hint.as_deref(), one.retryable), (Some("Fix it."), false));
    let two = fetch(&chain(vec![("one", vec![failed()]), ("two", vec![failed()])])).unwrap_err();
    assert_eq!((two.hint.as_deref(), two.retryable), (Some(CORRECT_SOURCE), false));
    let none = fetch(&chain(vec![("one", vec![not_configured()])])).unwrap_err();
    assert_eq!((none.is_not_configured(), none.hint), (false, None));
}

#[test]
fn the_error_is_retryable_if_a_configured_source_may_succeed_later() {
    let failed = |retryable| Err(CredentialsError::failed("x").with_retryable(retryable));
    for (first, second, expected) in
        [(true, false, true), (false, true, true), (false, false, false)]
    {
        let sources = vec![("one", vec![failed(first)]), ("two", vec![failed(second)])];
        let error = fetch(&chain(sources)).unwrap_err();
        assert_eq!(error.retryable, expected, "{first} {second}");
    }
    let unreachable = CredentialsError::not_configured("x").with_retryable(true);
    assert!(!fetch(&chain(vec![("one", vec![Err(unreachable)])])).unwrap_err().retryable);
}

#[test]
fn a_profile_that_is_not_found_has_a_hint() {
    let chain =
        ProviderChain::new(&ProviderContext::of_test(&[("HOME", "/nonexistent")]), Some("p"));
    let error = fetch(&chain).unwrap_err();
    assert_eq!(error.hint.as_deref(), Some(SET_PROFILE));
    assert!(error.reason.starts_with("\"/nonexistent/.aliyun/config.json\": file not found; "));
}

#[test]
fn older_variables_are_named_if_no_source_is_configured() {
    let hint = |variables: &[(&str, &str)], profile| {
        let off = [("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"), ("HOME", "/nonexistent")];
        let context = ProviderContext::of_test(&[variables, &off].concat());
        fetch(&ProviderChain::new(&context, profile)).unwrap_err().hint
    };
    let old = [("ALICLOUD_ACCESS_KEY", "hidden"), ("ALICLOUD_SECRET_KEY", "hidden")];
    assert_eq!(
        hint(&old, None).unwrap(),
        "libcas does not read ALICLOUD_ACCESS_KEY and ALICLOUD_SECRET_KEY, like the official \
         packages: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET instead."
    );
    assert_eq!(hint(&[], None), None);
    assert_eq!(hint(&old, Some("p")).as_deref(), Some(SET_PROFILE));
    let half = [old[0], ("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")];
    assert_eq!(hint(&half, None).as_deref(), Some(CORRECT_SOURCE));
}

fn names(variables: &[(&str, &str)], profile: Option<&str>) -> Vec<String> {
    let chain = ProviderChain::new(&ProviderContext::of_test(variables), profile);
    chain.sources.iter().map(|source| source.name()).collect()
}

#[test]
fn the_order_is_that_of_the_official_sdks() {
    let home = ("HOME", "/h");
    let [cli, go, python] = [
        "/h/.aliyun/config.json",
        "/h/.alibabacloud/credentials",
        "/h/.alibabacloud/credentials.ini",
    ]
    .map(|path| format!("\"{path}\""));
    assert_eq!(
        names(&[home], None),
        [
            "the environment",
            "OIDC",
            &cli,
            &go,
            &python,
            "the instance RAM role",
            "the credentials URI"
        ]
    );
    let off = [
        ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"),
        ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "TRUE"),
    ];
    let variables = [&off[..], &[home, ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/i")]].concat();
    let some_off = [
        "the environment",
        "OIDC",
        CLI_DEFAULT,
        "\"/i\"",
        "the instance RAM role",
        "the credentials URI",
    ];
    assert_eq!(names(&variables, None), some_off);
    assert_eq!(
        names(&[home, ("ALIBABA_CLOUD_CONFIG_FILE", "/c")], Some("p")),
        ["\"/c\"", &go, &python]
    );
    // A switch does not hide the file from a profile that the program sets.
    assert_eq!(names(&[home, off[0]], Some("p")), [cli, go, python]);
}
