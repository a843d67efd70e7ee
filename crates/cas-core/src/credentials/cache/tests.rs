//! Tests of the cache with a scripted source and times of their own.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::base::deadline::Deadline;
use crate::base::secret::Secret;
use crate::credentials::source::Source;

type Script = dyn Fn(u32) -> Result<Option<u64>, CredentialsError> + Send + Sync;

/// Returns key number n with the expiry (seconds) that the script gives it.
struct Scripted {
    fetches: Arc<AtomicU32>,
    /// The deadline of each fetch.
    deadlines: Arc<Mutex<Vec<Deadline>>>,
    script: Box<Script>,
}

impl NamedSource for Scripted {
    fn name(&self) -> String {
        "the script".to_owned()
    }
}

impl Source for Scripted {
    fn fetch(&self, _: SystemTime, deadline: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        let number = self.fetches.fetch_add(1, Ordering::SeqCst) + 1;
        self.deadlines.lock().unwrap().push(deadline.clone());
        let expires = (self.script)(number)?.map(at);
        let key = AccessKey::new(format!("key-{number}"), Secret::new("s".to_owned()), None);
        Ok(KeyWithExpiry { key, expires })
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn in_a_minute() -> Deadline {
    Deadline::after(Duration::from_secs(60))
}

fn scripted(
    script: impl Fn(u32) -> Result<Option<u64>, CredentialsError> + Send + Sync + 'static,
) -> (CachingProvider, Arc<AtomicU32>, Arc<Mutex<Vec<Deadline>>>) {
    let (fetches, deadlines) = (Arc::new(AtomicU32::new(0)), Arc::default());
    let source = Scripted {
        fetches: Arc::clone(&fetches),
        deadlines: Arc::clone(&deadlines),
        script: Box::new(script),
    };
    (CachingProvider::new(Box::new(source), Logger::default()), fetches, deadlines)
}

fn caching(
    script: impl Fn(u32) -> Result<Option<u64>, CredentialsError> + Send + Sync + 'static,
) -> (CachingProvider, Arc<AtomicU32>) {
    let (provider, fetches, _) = scripted(script);
    (provider, fetches)
}

fn key_id(provider: &CachingProvider, seconds: u64) -> Result<String, String> {
    provider
        .access_key(at(seconds), &in_a_minute())
        .map(|key| key.id().to_owned())
        .map_err(|error| error.reason)
}

/// Waits until `threads` threads wait for a fetch to end.
fn until_waiting(process: &ProcessState, threads: u32) {
    let give_up = in_a_minute();
    while process.lock().waiting < threads {
        assert!(!give_up.has_passed(), "fewer than {threads} threads wait");
        thread::yield_now();
    }
}

#[test]
fn keys_are_refreshed_fifteen_minutes_before_expiry() {
    let (provider, _) = caching(|number| Ok(Some(u64::from(number) * 3600)));
    for (now, expected) in [
        (0, "key-1"),
        (2699, "key-1"),
        (2700, "key-2"),
        (6299, "key-2"),
        (6300, "key-3"),
        (20_000, "key-4"),
    ] {
        assert_eq!(key_id(&provider, now).as_deref(), Ok(expected), "{now}");
    }
}

#[test]
fn short_lived_keys_are_refreshed_after_half_of_their_life() {
    let (provider, _) = caching(|number| Ok(Some(u64::from(number) * 900)));
    for (now, expected) in [(0, "key-1"), (449, "key-1"), (450, "key-2")] {
        assert_eq!(key_id(&provider, now).as_deref(), Ok(expected), "{now}");
    }
}

#[test]
fn a_valid_key_is_kept_if_the_refresh_fails_and_retried_once_a_minute() {
    let (provider, fetches) = caching(|number| match number {
        1 => Ok(Some(3600)),
        2..=4 => Err(CredentialsError::failed("it broke")),
        _ => Ok(Some(7200)),
    });
    for (now, expected, count) in [
        (0, Ok("key-1"), 1),
        (2700, Ok("key-1"), 2),
        (2759, Ok("key-1"), 2),
        (2760, Ok("key-1"), 3),
        // Expired: each call fetches.
        (3600, Err("it broke"), 4),
        (3601, Ok("key-5"), 5),
    ] {
        let found = key_id(&provider, now);
        let found = found.as_ref().map(String::as_str).map_err(String::as_str);
        assert_eq!((found, fetches.load(Ordering::SeqCst)), (expected, count), "{now}");
    }
}

#[test]
fn a_source_that_returns_the_same_key_is_asked_once_a_minute() {
    // A metadata service may have no newer key yet.
    let (provider, fetches) = caching(|_| Ok(Some(3600)));
    for (now, count) in [(0, 1), (2700, 2), (2701, 2), (2759, 2), (3150, 3)] {
        key_id(&provider, now).unwrap();
        assert_eq!(fetches.load(Ordering::SeqCst), count, "{now}");
    }
}

#[test]
fn keys_that_seem_expired_when_fetched_are_used() {
    let (provider, _) = caching(|number| Ok(Some(u64::from(number))));
    assert_eq!(key_id(&provider, 1_000_000).as_deref(), Ok("key-1"));
}

#[test]
fn keys_without_expiry_are_fetched_once_unless_refused() {
    let (provider, fetches) = caching(|_| Ok(None));
    assert_eq!(key_id(&provider, 0).as_deref(), Ok("key-1"));
    assert_eq!(key_id(&provider, u64::from(u32::MAX)).as_deref(), Ok("key-1"));
    let refused = provider.access_key(at(5), &in_a_minute()).unwrap();
    assert!(provider.renew(&refused, at(5), &in_a_minute()));
    // A thread that was refused with the old key finds the new one.
    assert!(provider.renew(&refused, at(5), &in_a_minute()));
    assert_eq!(key_id(&provider, 5).as_deref(), Ok("key-2"));
    assert_eq!(fetches.load(Ordering::SeqCst), 2);
    let (failing, _) = caching(|_| Err(CredentialsError::failed("none")));
    assert!(!failing.renew(&refused, at(5), &in_a_minute()));
}

#[test]
fn the_refused_key_again_is_no_replacement() {
    struct Same;
    impl NamedSource for Same {
        fn name(&self) -> String {
            "a file".to_owned()
        }
    }
    impl Source for Same {
        fn fetch(&self, _: SystemTime, _: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
            let key = AccessKey::new("same".to_owned(), Secret::new("s".to_owned()), None);
            Ok(KeyWithExpiry::without_expiry(key))
        }
    }
    let provider = CachingProvider::new(Box::new(Same), Logger::default());
    let refused = provider.access_key(at(0), &in_a_minute()).unwrap();
    assert!(!provider.renew(&refused, at(0), &in_a_minute()));
    assert_eq!(provider.origin(), "a file");
}

#[test]
fn a_refresh_ahead_of_expiry_leaves_most_of_the_time_to_the_call() {
    let (provider, _, deadlines) = scripted(|number| Ok(Some(u64::from(number) * 3600)));
    let deadline = &in_a_minute();
    provider.access_key(at(0), deadline).unwrap();
    provider.access_key(at(3000), deadline).unwrap();
    // Without a valid key, the source may use all of the time.
    provider.access_key(at(7200), deadline).unwrap();
    let deadlines = deadlines.lock().unwrap();
    assert_eq!(deadlines.len(), 3);
    for unlimited in [0, 2] {
        assert_eq!(deadlines[unlimited].instant(), deadline.instant());
    }
    assert!(deadlines[1].instant() < deadline.instant(), "the refresh may use all of the time");

    for (left, used) in [(8_000, 2_000), (40_000, 10_000), (600_000, 10_000)] {
        let [left, used] = [left, used].map(Duration::from_millis);
        let time = refresh_deadline(&Deadline::after(left)).time_left();
        assert!(time <= used && time > used * 9 / 10, "{left:?}: {time:?}");
    }
}

#[test]
fn eight_threads_cause_one_fetch() {
    let (asked, fetch_began) = mpsc::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let may_go_on = Mutex::new(may_go_on);
    let (provider, fetches) = caching(move |_| {
        asked.send(()).unwrap();
        may_go_on.lock().unwrap().recv_timeout(Duration::from_secs(60)).unwrap();
        Ok(Some(3600))
    });
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| key_id(&provider, 0))).collect();
        fetch_began.recv_timeout(Duration::from_secs(60)).unwrap();
        until_waiting(provider.process(), 7);
        go_on.send(()).unwrap();
        for thread in threads {
            assert_eq!(thread.join().unwrap().as_deref(), Ok("key-1"));
        }
    });
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

#[test]
fn other_threads_use_the_current_key_during_a_refresh() {
    let (provider, fetches) = caching(|_| Ok(Some(3600)));
    key_id(&provider, 0).unwrap();
    provider.process().lock().fetching = true;
    let no_time = &Deadline::over();
    assert_eq!(provider.access_key(at(3000), no_time).unwrap().id(), "key-1");
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

/// Eight threads wait while another thread's fetch fails: their results and the number of fetches
/// that they made.
fn wait_for_a_failure(near_deadline: bool) -> (Vec<Result<String, String>>, u32) {
    let (provider, fetches) = caching(|_| Ok(Some(3600)));
    let process = provider.process();
    process.lock().fetching = true;
    let results = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| key_id(&provider, 0))).collect();
        until_waiting(process, 8);
        let result = Some((Err(CredentialsError::failed("it broke")), at(0)));
        drop(EndOfFetch { process, result, near_deadline });
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    (results, fetches.load(Ordering::SeqCst))
}

#[test]
fn waiting_threads_share_a_failure() {
    let (results, fetches) = wait_for_a_failure(false);
    let failed = |result: &Result<_, String>| result.as_ref().is_err_and(|why| why == "it broke");
    assert!(results.iter().all(failed), "{results:?}");
    assert_eq!(fetches, 0);
}

#[test]
fn waiting_threads_try_again_after_a_failure_near_the_deadline() {
    let (results, fetches) = wait_for_a_failure(true);
    assert!(results.iter().all(|result| result.as_deref() == Ok("key-1")), "{results:?}");
    assert_eq!(fetches, 1);
}

#[test]
fn only_failures_near_the_deadline_are_marked_so() {
    for (left, near_deadline) in [(0, true), (60, false)] {
        let (provider, _) = caching(|_| Err(CredentialsError::failed("it broke")));
        let deadline = &Deadline::after(Duration::from_secs(left));
        provider.access_key(at(0), deadline).unwrap_err();
        let failure = provider.process().lock().failure.clone().unwrap();
        assert_eq!(failure.near_deadline, near_deadline, "{left}");
    }
}

#[test]
fn waiting_for_another_thread_ends_at_the_deadline() {
    let (provider, _) = caching(|_| Ok(None));
    provider.process().lock().fetching = true;
    let error = provider.access_key(at(0), &Deadline::over()).unwrap_err();
    assert_eq!(error.reason, "the script returned no access key before the deadline");
    assert!(error.retryable);
}

#[test]
fn a_panic_in_another_thread_does_not_bring_an_expired_key_back() {
    let (provider, _) =
        caching(
            |number| {
                if number == 2 { panic!("planted") } else { Ok(Some(3600 * u64::from(number))) }
            },
        );
    assert_eq!(key_id(&provider, 0).as_deref(), Ok("key-1"));
    let process = provider.process();
    process.lock().fetching = true;
    thread::scope(|scope| {
        let waiting = scope.spawn(|| key_id(&provider, 4000));
        until_waiting(process, 1);
        // A panic leaves no result. The waiting thread then fetches number 2, which panics.
        drop(EndOfFetch { process, result: None, near_deadline: false });
        assert!(waiting.join().is_err());
    });
    assert_eq!(key_id(&provider, 4000).as_deref(), Ok("key-3"));
}

#[test]
fn a_panic_in_a_source_leaves_no_thread_waiting() {
    let (provider, _) = caching(|number| if number == 1 { panic!("planted") } else { Ok(None) });
    let panicked = thread::scope(|scope| scope.spawn(|| key_id(&provider, 0)).join());
    assert!(panicked.is_err());
    assert_eq!(key_id(&provider, 0).as_deref(), Ok("key-2"));
}
