//! Keeps an access key for all threads, and fetches the next one before it expires: once, whoever needs it.

use std::process;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use once_cell::race::OnceBox;

use crate::base::logger::{Level, Logger};
use crate::base::time;
use crate::credentials::context::log_refresh_failure;
use crate::credentials::source::{KeyWithExpiry, NamedSource, REFRESH_MARGIN};
use crate::protocol::access_key::{AccessKey, shown_id};
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
                return Err(CredentialsError::failed(why).with_retryable(true));
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
                format!("Requests are signed with access key {}{until}.", shown_id(held.key.id()))
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
            None => state.failure = Some((CredentialsError::failed("it panicked"), true)),
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
                self.logger.log(Level::Warn, || {
                    format!("There is no new access key: {}.", failure.reason)
                });
                false
            }
        }
    }
}

#[cfg(test)]
mod tests;
