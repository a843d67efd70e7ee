//! Tests of the cache.

use super::*;
use crate::credentials::source::Source;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use crate::base::secret::Secret;

type Script = dyn Fn(u32) -> Result<Option<u64>, CredentialsError> + Send + Sync;

/// Gives key number n with the expiry (seconds) that the script has for it.
struct Scripted(Arc<AtomicU32>, Box<Script>);

impl NamedSource for Scripted {
    fn name(&self) -> String {
        "the script".to_owned()
    }
}

impl Source for Scripted {
    fn fetch(&self, _: SystemTime, _: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let number = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        let expires = (self.1)(number)?.map(at);
        let key = AccessKey::new(format!("key-{number}"), Secret::new("s".to_owned()), None);
        Ok(KeyWithExpiry { key, expires })
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn refreshing(
    script: impl Fn(u32) -> Result<Option<u64>, CredentialsError> + Send + Sync + 'static,
) -> (CachingProvider, Arc<AtomicU32>) {
    let fetches = Arc::new(AtomicU32::new(0));
    let source = Scripted(Arc::clone(&fetches), Box::new(script));
    (CachingProvider::new(Box::new(source), Logger::default()), fetches)
}

fn id(refreshing: &CachingProvider, seconds: u64) -> Result<String, String> {
    refreshing
        .access_key(at(seconds), soon())
        .map(|key| key.id().to_owned())
        .map_err(|none| none.reason)
}

#[test]
fn a_key_is_replaced_ahead_of_its_expiry_and_not_before() {
    let (keys, _) = refreshing(|number| Ok(Some(u64::from(number) * 3600)));
    for (now, expected) in [
        (0, "key-1"),
        (2699, "key-1"),
        (2700, "key-2"),
        (6299, "key-2"),
        (6300, "key-3"),
        (20_000, "key-4"),
    ] {
        assert_eq!(id(&keys, now).as_deref(), Ok(expected), "{now}");
    }
}

#[test]
fn a_short_life_is_not_all_margin() {
    let (keys, _) = refreshing(|number| Ok(Some(u64::from(number) * 900)));
    for (now, expected) in [(0, "key-1"), (449, "key-1"), (450, "key-2")] {
        assert_eq!(id(&keys, now).as_deref(), Ok(expected), "{now}");
    }
}

#[test]
fn a_valid_key_is_kept_while_there_is_no_other_and_asking_is_not_repeated_at_once() {
    let (keys, fetches) = refreshing(|number| match number {
        1 => Ok(Some(3600)),
        2..=4 => Err(CredentialsError::failed("it broke")),
        _ => Ok(Some(7200)),
    });
    for (now, expected, count) in [
        (0, Ok("key-1"), 1),
        (2700, Ok("key-1"), 2),
        (2759, Ok("key-1"), 2),
        (2760, Ok("key-1"), 3),
        // Expired: each call asks.
        (3600, Err("it broke"), 4),
        (3601, Ok("key-5"), 5),
    ] {
        let found = id(&keys, now);
        let found = found.as_ref().map(String::as_str).map_err(String::as_str);
        assert_eq!((found, fetches.load(Ordering::SeqCst)), (expected, count), "{now}");
    }
}

#[test]
fn the_same_key_again_is_not_asked_for_at_once() {
    // As a metadata service gives it, which has no newer one yet.
    let (keys, fetches) = refreshing(|_| Ok(Some(3600)));
    for (now, count) in [(0, 1), (2700, 2), (2701, 2), (2759, 2), (3150, 3)] {
        id(&keys, now).unwrap();
        assert_eq!(fetches.load(Ordering::SeqCst), count, "{now}");
    }
}

#[test]
fn a_clock_that_is_far_ahead_does_not_make_a_key_useless() {
    let (keys, _) = refreshing(|number| Ok(Some(u64::from(number))));
    assert_eq!(id(&keys, 1_000_000).as_deref(), Ok("key-1"));
}

#[test]
fn what_does_not_expire_is_fetched_once_unless_it_is_refused() {
    let (keys, fetches) = refreshing(|_| Ok(None));
    assert_eq!(id(&keys, 0).as_deref(), Ok("key-1"));
    assert_eq!(id(&keys, u64::from(u32::MAX)).as_deref(), Ok("key-1"));
    let refused = keys.access_key(at(5), soon()).unwrap();
    assert!(keys.renew(&refused, at(5), soon()));
    // A thread that was refused with the old one finds the new one.
    assert!(keys.renew(&refused, at(5), soon()));
    assert_eq!((id(&keys, 5).as_deref(), fetches.load(Ordering::SeqCst)), (Ok("key-2"), 2));
    let (same, _) = refreshing(|_| Err(CredentialsError::failed("none")));
    assert!(!same.renew(&refused, at(5), soon()));
}

#[test]
fn eight_threads_fetch_once() {
    let gate = Arc::new(Barrier::new(2));
    let at_source = Arc::clone(&gate);
    let (keys, fetches) = refreshing(move |_| {
        at_source.wait();
        Ok(Some(3600))
    });
    thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| id(&keys, 0))).collect();
        gate.wait();
        for thread in threads {
            assert_eq!(thread.join().unwrap().as_deref(), Ok("key-1"));
        }
    });
    assert_eq!(fetches.load(Ordering::SeqCst), 1);
}

/// Eight threads that wait while somebody else fails, for want of time or not; what they got, and how often one of them
/// fetched.
fn wait_for_a_failure(late: bool) -> (Vec<Result<String, String>>, u32) {
    let (keys, fetches) = refreshing(|_| Ok(Some(3600)));
    let process = keys.process();
    process.lock().fetching = true;
    let results = thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| id(&keys, 0))).collect();
        while process.lock().waiting < 8 {
            thread::yield_now();
        }
        let result = Some((Err(CredentialsError::failed("it broke")), at(0)));
        drop(EndOfFetch { process, result, late });
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    (results, fetches.load(Ordering::SeqCst))
}

#[test]
fn those_who_wait_share_a_failure() {
    let (results, fetches) = wait_for_a_failure(false);
    assert!(
        results.iter().all(|result| result.as_ref().is_err_and(|why| why == "it broke")),
        "{results:?}"
    );
    assert_eq!(fetches, 0);
}

#[test]
fn who_has_time_left_does_not_fail_with_one_that_had_none() {
    let (results, fetches) = wait_for_a_failure(true);
    assert!(results.iter().all(|result| result.as_deref() == Ok("key-1")), "{results:?}");
    assert_eq!(fetches, 1);
}

#[test]
fn waiting_for_another_thread_ends_at_the_deadline() {
    let (keys, _) = refreshing(|_| Ok(None));
    keys.process().lock().fetching = true;
    let late = keys.access_key(at(0), Instant::now()).unwrap_err();
    assert!(late.reason.contains("the script") && late.retryable, "{}", late.reason);
}

#[test]
fn a_panic_gives_nobody_an_expired_key() {
    let (keys, _) = refreshing(|number| {
        if number == 2 { panic!("planted") } else { Ok(Some(3600 * u64::from(number))) }
    });
    assert_eq!(id(&keys, 0).as_deref(), Ok("key-1"));
    let process = keys.process();
    process.lock().fetching = true;
    thread::scope(|scope| {
        let waits = scope.spawn(|| id(&keys, 4000));
        while process.lock().waiting == 0 {
            thread::yield_now();
        }
        // As a panic leaves it; then number 2 panics in the thread that waited.
        drop(EndOfFetch { process, result: None, late: false });
        assert!(waits.join().is_err());
    });
    assert_eq!(id(&keys, 4000).as_deref(), Ok("key-3"));
}

#[test]
fn a_panic_in_a_source_leaves_nobody_waiting() {
    let (keys, _) = refreshing(|number| if number == 1 { panic!("planted") } else { Ok(None) });
    let panicked = thread::scope(|scope| scope.spawn(|| id(&keys, 0)).join());
    assert!(panicked.is_err());
    assert_eq!(id(&keys, 0).as_deref(), Ok("key-2"));
}
