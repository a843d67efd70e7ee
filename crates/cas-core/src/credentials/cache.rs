//! Caches one access key for all threads and refreshes it before it expires. Only one thread
//! fetches at a time.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cas_sys::fork_generation;
use once_cell::race::OnceBox;

use crate::base::deadline::Deadline;
use crate::base::logger::{Level, Logger};
use crate::base::time;
use crate::credentials::source::{KeyWithExpiry, NamedSource, REFRESH_MARGIN, log_refresh_failure};
use crate::protocol::access_key::{AccessKey, display_id};
use crate::service::provider::{CredentialsError, Provider};

/// Shortest time between two fetches while the cached key is valid.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Longest time for a refresh while the cached key is valid. It is also limited to a quarter of
/// the time that the call has left.
const MAX_REFRESH_TIME: Duration = Duration::from_secs(10);

/// A fetch that ends this close to its deadline may have failed for lack of time. Threads with a
/// later deadline then try again.
const DEADLINE_MARGIN: Duration = Duration::from_secs(2);

/// A source and the last key that it returned.
pub(super) struct CachingProvider {
    source: Box<dyn NamedSource>,
    logger: Logger,
    first: ProcessState,
}

/// The state of one process. A child of fork starts with a new one: its copy of the parent's lock
/// may never be unlocked.
struct ProcessState {
    /// See [`fork_generation`].
    generation: u64,
    state: Mutex<CacheState>,
    fetch_ended: Condvar,
    /// The state of a process forked from this one, directly or not.
    next: OnceBox<ProcessState>,
}

#[derive(Default)]
struct CacheState {
    cached: Option<CachedKey>,
    fetching: bool,
    /// Threads that wait for the one that fetches.
    #[cfg(test)]
    waiting: u32,
    /// Number of fetches that have ended.
    fetches: u64,
    /// How the last fetch failed, if it did.
    failure: Option<FetchFailure>,
    /// No fetch before this time while the cached key is valid.
    next_fetch: Option<SystemTime>,
}

#[derive(Clone)]
struct FetchFailure {
    error: CredentialsError,
    /// Whether a thread with more time may succeed.
    near_deadline: bool,
}

struct CachedKey {
    key: Arc<AccessKey>,
    lifetime: Option<Lifetime>,
}

struct Lifetime {
    refresh_at: SystemTime,
    expires: SystemTime,
}

impl CachedKey {
    fn new(fetched: KeyWithExpiry, now: SystemTime) -> Self {
        let lifetime = fetched.expires.map(|expires| {
            let left = expires.duration_since(now).unwrap_or_default();
            let refresh_at = expires.checked_sub(REFRESH_MARGIN.min(left / 2)).unwrap_or(expires);
            Lifetime { refresh_at, expires }
        });
        Self { key: Arc::new(fetched.key), lifetime }
    }

    fn is_fresh(&self, now: SystemTime) -> bool {
        self.lifetime.as_ref().is_none_or(|lifetime| now < lifetime.refresh_at)
    }

    fn is_valid(&self, now: SystemTime) -> bool {
        self.lifetime.as_ref().is_none_or(|lifetime| now < lifetime.expires)
    }
}

impl ProcessState {
    fn new(generation: u64) -> Self {
        Self {
            generation,
            state: Mutex::default(),
            fetch_ended: Condvar::new(),
            next: OnceBox::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, CacheState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CachingProvider {
    pub(crate) fn new(source: Box<dyn NamedSource>, logger: Logger) -> Self {
        Self { source, logger, first: ProcessState::new(fork_generation()) }
    }

    /// The state of this process. Takes no lock: after a fork, the thread that held it may not
    /// exist.
    fn process(&self) -> &ProcessState {
        let generation = fork_generation();
        let mut process = &self.first;
        while process.generation != generation {
            process = process.next.get_or_init(|| Box::new(ProcessState::new(generation)));
        }
        process
    }

    /// The cached key if it is `acceptable` and valid, otherwise a key fetched by this thread or
    /// by the one that is fetching already.
    fn key(
        &self,
        now: SystemTime,
        deadline: &Deadline,
        acceptable: impl Fn(&AccessKey) -> bool,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        let process = self.process();
        let mut state = process.lock();
        loop {
            let cached = state.cached.as_ref();
            let usable = cached.filter(|cached| acceptable(&cached.key) && cached.is_valid(now));
            if let Some(cached) = usable {
                let may_wait = state.fetching || state.next_fetch.is_some_and(|next| now < next);
                if cached.is_fresh(now) || may_wait {
                    return Ok(Arc::clone(&cached.key));
                }
            }
            if !state.fetching {
                let still_valid = usable.map(|cached| Arc::clone(&cached.key));
                state.fetching = true;
                drop(state);
                return self.fetch(process, now, deadline, still_valid);
            }
            let fetches = state.fetches;
            #[cfg(test)]
            {
                state.waiting += 1;
            }
            while state.fetches == fetches
                && let Ok(tick) = deadline.tick()
            {
                (state, _) = process
                    .fetch_ended
                    .wait_timeout(state, tick)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.fetches == fetches {
                let source = self.source.name();
                let reason = format!("{source} returned no access key before the deadline");
                return Err(CredentialsError::failed(reason).with_retryable(true));
            }
            match &state.failure {
                Some(FetchFailure { near_deadline: true, .. }) => {}
                Some(FetchFailure { error, .. }) => return Err(error.clone()),
                // A key that was just fetched is used even if it seems to have expired: the local
                // clock may be wrong.
                None => {
                    if let Some(cached) = &state.cached
                        && acceptable(&cached.key)
                    {
                        return Ok(Arc::clone(&cached.key));
                    }
                }
            }
        }
    }

    /// Fetches a key for all threads. `still_valid` is the cached key if it may be used for now.
    fn fetch(
        &self,
        process: &ProcessState,
        now: SystemTime,
        deadline: &Deadline,
        still_valid: Option<Arc<AccessKey>>,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        let mut end = EndOfFetch { process, result: None, near_deadline: false };
        let deadline = match still_valid {
            Some(_) => refresh_deadline(deadline),
            None => deadline.clone(),
        };
        let result = self.source.fetch(now, &deadline).map(|fetched| self.cache(fetched, now));
        let key = result.as_ref().map(|cached| Arc::clone(&cached.key)).map_err(Clone::clone);
        end.result = Some((result, now));
        end.near_deadline = deadline.is_cancelled() || deadline.time_left() <= DEADLINE_MARGIN;
        drop(end);
        match (key, still_valid) {
            (Err(error), Some(still_valid)) => {
                log_refresh_failure(&self.logger, &error);
                Ok(still_valid)
            }
            (key, _) => key,
        }
    }

    fn cache(&self, fetched: KeyWithExpiry, now: SystemTime) -> CachedKey {
        if let Some(expired) = fetched.expires.filter(|expires| *expires <= now) {
            self.logger.log(Level::Warn, || {
                format!(
                    "The access key from {} expired at {}. libcas uses it anyway, because the \
                     local clock may be wrong.",
                    self.source.name(),
                    time::timestamp(expired)
                )
            });
        }
        let cached = CachedKey::new(fetched, now);
        self.logger.log(Level::Debug, || {
            let until = cached.lifetime.as_ref().map_or(String::new(), |lifetime| {
                format!(", valid until {}", time::timestamp(lifetime.expires))
            });
            format!("Signing with access key ID {}{until}.", display_id(cached.key.id()))
        });
        cached
    }
}

/// The deadline of a refresh while the cached key is valid: most of the time is left to the call.
fn refresh_deadline(deadline: &Deadline) -> Deadline {
    deadline.within(MAX_REFRESH_TIME.min(deadline.time_left() / 4))
}

/// Publishes the result of a fetch and wakes the waiting threads, also if the source panics.
struct EndOfFetch<'a> {
    process: &'a ProcessState,
    /// The result and the time at which the fetch began. `None` after a panic.
    result: Option<(Result<CachedKey, CredentialsError>, SystemTime)>,
    near_deadline: bool,
}

impl Drop for EndOfFetch<'_> {
    fn drop(&mut self) {
        let mut state = self.process.lock();
        state.fetching = false;
        state.fetches += 1;
        state.failure = None;
        if let Some((result, now)) = self.result.take() {
            state.next_fetch = now.checked_add(RETRY_INTERVAL);
            match result {
                Ok(cached) => state.cached = Some(cached),
                Err(error) => {
                    let near_deadline = self.near_deadline;
                    state.failure = Some(FetchFailure { error, near_deadline });
                }
            }
        } else {
            // A bug in a source. The waiting threads try for themselves.
            let error = CredentialsError::failed("the credential source panicked");
            state.failure = Some(FetchFailure { error, near_deadline: true });
        }
        drop(state);
        self.process.fetch_ended.notify_all();
    }
}

impl Provider for CachingProvider {
    fn access_key(
        &self,
        now: SystemTime,
        deadline: &Deadline,
    ) -> Result<Arc<AccessKey>, CredentialsError> {
        self.key(now, deadline, |_| true)
    }

    fn origin(&self) -> String {
        self.source.name()
    }

    fn renew(&self, refused: &AccessKey, now: SystemTime, deadline: &Deadline) -> bool {
        match self.key(now, deadline, |key| key != refused) {
            Ok(key) => *key != *refused,
            Err(error) => {
                self.logger.log(Level::Warn, || {
                    format!("Failed to replace the refused access key: {}.", error.reason)
                });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
