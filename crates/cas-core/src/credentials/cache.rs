//! Keeps an access key for all threads, and fetches the next one before it expires: once, whoever needs it.

use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use once_cell::race::OnceBox;

use crate::base::logger::{Level, Logger};
use crate::base::time;
use crate::credentials::context::log_refresh_failure;
use crate::credentials::source::{KeyWithExpiry, NamedSource, REFRESH_MARGIN};
use crate::protocol::access_key::{AccessKey, display_id};
use crate::service::provider::{CredentialsError, Provider};

/// While a key is still valid, fetching another one is tried no more often than this.
const BETWEEN_TRIES: Duration = Duration::from_secs(60);

/// Longest wait for the next key while there is a valid one; and no more than a quarter of the time that a call has left.
const LONGEST_WAIT_AHEAD: Duration = Duration::from_secs(10);

/// With less time left than this, a failure may be for want of time, and says nothing to those who have more.
const LITTLE: Duration = Duration::from_secs(2);

/// A source and the key that it gave last.
pub(super) struct CachingProvider {
    source: Box<dyn NamedSource>,
    logger: Logger,
    first: Process,
}

/// What one process knows. A child of `fork` gets its own: in its copy of the parent's, a lock may be held for ever.
struct Process {
    id: u32,
    state: Mutex<State>,
    changed: Condvar,
    /// The process that was forked from this one, or from one that it was forked from.
    next: OnceBox<Process>,
}

#[derive(Default)]
struct State {
    held: Option<CachedKey>,
    fetching: bool,
    /// Threads that wait for the one that fetches.
    #[cfg(test)]
    waiting: u32,
    /// Counts the fetches that ended.
    round: u64,
    /// How the last one failed, if it did, and whether that was for want of time.
    failure: Option<(CredentialsError, bool)>,
    /// While a key is valid, no fetch before this.
    next_try: Option<SystemTime>,
}

struct CachedKey {
    key: Arc<AccessKey>,
    /// When to fetch the next one, and when this one is of no use any more.
    times: Option<(SystemTime, SystemTime)>,
}

impl CachedKey {
    fn new(fetched: KeyWithExpiry, now: SystemTime) -> Self {
        let times = fetched.expires.map(|expires| {
            let life = expires.duration_since(now).unwrap_or_default();
            (expires.checked_sub(REFRESH_MARGIN.min(life / 2)).unwrap_or(expires), expires)
        });
        Self { key: Arc::new(fetched.key), times }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.times.is_none_or(|(refresh, _)| now < refresh)
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.times.is_none_or(|(_, expiry)| now < expiry)
    }
}

impl Process {
    fn new(id: u32) -> Self {
        Self { id, state: Mutex::default(), changed: Condvar::new(), next: OnceBox::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachingProvider {
    /// Keeps what `source` gives.
    pub(crate) fn new(source: Box<dyn NamedSource>, logger: Logger) -> Self {
        Self { source, logger, first: Process::new(process::id()) }
    }

    fn process(&self) -> &Process {
        let own = process::id();
        let mut known = &self.first;
        while known.id != own {
            // Never waits for another thread, which `fork` may have left behind in the middle of it.
            known = known.next.get_or_init(|| Box::new(Process::new(own)));
        }
        known
    }

    /// The key to use: the one that is held while `will_do` says so, else one that is fetched, by this thread or by another
    /// one that is at it already.
    fn key(
        &self,
        now: SystemTime,
        deadline: Instant,
        will_do: impl Fn(&CachedKey) -> bool,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        let process = self.process();
        let mut state = process.lock();
        loop {
            let usable = state.held.as_ref().filter(|held| will_do(held) && held.is_valid(now));
            if let Some(held) = usable {
                let may_wait = state.fetching || state.next_try.is_some_and(|next| now < next);
                if held.is_fresh(now) || may_wait {
                    return Ok(Arc::clone(&held.key));
                }
            }
            if !state.fetching {
                let ahead = usable.map(|held| Arc::clone(&held.key));
                state.fetching = true;
                drop(state);
                return self.fetch(process, now, deadline, ahead);
            }
            let round = state.round;
            #[cfg(test)]
            {
                state.waiting += 1;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let (after, timeout) = process
                .changed
                .wait_timeout_while(state, left, |state| state.round == round)
                .unwrap_or_else(PoisonError::into_inner);
            if timeout.timed_out() {
                let why = format!("{} did not give one before the deadline", self.source.name());
                return Err(CredentialsError::broken(why).with_retryable(true));
            }
            state = after;
            match &state.failure {
                // Whoever fetched had less time than there is here.
                Some((_, true)) => {}
                Some((failure, false)) => return Err(failure.clone()),
                // New, and so good enough, even where it seems to have expired.
                None => {
                    if let Some(held) = state.held.as_ref().filter(|held| will_do(held)) {
                        return Ok(Arc::clone(&held.key));
                    }
                }
            }
        }
    }

    /// Fetches a key for everybody. `ahead`: the one that is still valid.
    fn fetch(
        &self,
        process: &Process,
        now: SystemTime,
        deadline: Instant,
        ahead: Option<Arc<AccessKey>>,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        let mut end = EndOfFetch { process, result: None, late: false };
        let left = deadline.saturating_duration_since(Instant::now());
        let deadline = match ahead {
            Some(_) => Instant::now() + LONGEST_WAIT_AHEAD.min(left / 4),
            None => deadline,
        };
        let result = self.source.fetch(now, deadline).map(|fetched| {
            if let Some(at) = fetched.expires.filter(|at| *at <= now) {
                self.logger.log(Level::Warn, || {
                    let source = self.source.name();
                    format!(
                        "The access key from {source} expired at {}; it is tried anyway.",
                        time::timestamp(at)
                    )
                });
            }
            let held = CachedKey::new(fetched, now);
            self.logger.log(Level::Debug, || {
                let until = held
                    .times
                    .map_or(String::new(), |(_, at)| format!(" until {}", time::timestamp(at)));
                format!("Requests are signed with access key {}{until}.", display_id(held.key.id()))
            });
            held
        });
        let key = result.as_ref().map(|held| Arc::clone(&held.key)).map_err(Clone::clone);
        end.result = Some((result, now));
        end.late = Instant::now() + LITTLE >= deadline;
        drop(end);
        match (key, ahead) {
            (Err(failure), Some(valid)) => {
                log_refresh_failure(&self.logger, &failure);
                Ok(valid)
            }
            (key, _) => key,
        }
    }
}

/// Tells those who wait; a panic in a source as well.
struct EndOfFetch<'a> {
    process: &'a Process,
    result: Option<(Result<CachedKey, CredentialsError>, SystemTime)>,
    /// Whether the deadline passed.
    late: bool,
}

impl Drop for EndOfFetch<'_> {
    fn drop(&mut self) {
        let mut state = self.process.lock();
        state.fetching = false;
        state.round += 1;
        state.failure = None;
        match self.result.take() {
            Some((Ok(held), now)) => {
                state.held = Some(held);
                state.next_try = now.checked_add(BETWEEN_TRIES);
            }
            Some((Err(failure), now)) => {
                state.failure = Some((failure, self.late));
                state.next_try = now.checked_add(BETWEEN_TRIES);
            }
            // A defect; whoever waits tries it without.
            None => state.failure = Some((CredentialsError::broken("it panicked"), true)),
        }
        drop(state);
        self.process.changed.notify_all();
    }
}

impl Provider for CachingProvider {
    fn access_key(
        &self,
        now: SystemTime,
        deadline: Instant,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        self.key(now, deadline, |_| true)
    }

    fn origin(&self) -> String {
        self.source.name()
    }

    fn renew(&self, refused: &AccessKey, now: SystemTime, deadline: Instant) -> bool {
        match self.key(now, deadline, |held| *held.key != *refused) {
            Ok(key) => *key != *refused,
            Err(failure) => {
                self.logger
                    .log(Level::Warn, || format!("There is no new access key: {}.", failure.why));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
            .map_err(|none| none.why)
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
            2..=4 => Err(CredentialsError::broken("it broke")),
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
        let (same, _) = refreshing(|_| Err(CredentialsError::broken("none")));
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
            let result = Some((Err(CredentialsError::broken("it broke")), at(0)));
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
        assert!(late.why.contains("the script") && late.retryable, "{}", late.why);
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
}
