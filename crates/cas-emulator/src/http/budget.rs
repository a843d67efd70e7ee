//! The memory of long requests: those that do not fit wait for others to be answered, and those
//! that hardly arrive make room.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a request has its memory before it may have to make room. Its client may have to wait
/// for a processor.
const PROMPT: Duration = Duration::from_secs(1);
/// The rate in bytes per second at which it arrives if it need not make room.
const PROMPT_RATE: u128 = 64 * 1024;

/// Ends the connection of a request.
pub(super) type Abort = Arc<dyn Fn() + Send + Sync>;

/// A number of bytes that requests share.
pub(super) struct Budget {
    state: Mutex<State>,
}

struct State {
    /// `None` once the server stops.
    left: Option<usize>,
    /// The requests that are arriving, by age.
    arriving: BTreeMap<u64, Arriving>,
    /// Those that wait, by bytes and age. The shortest is served first, so that a few that take
    /// all memory do not keep many from being served. Only its thread is woken: hundreds may wait.
    waiting: BTreeMap<(usize, u64), Arc<Condvar>>,
    next: u64,
}

struct Arriving {
    bytes: usize,
    since: Instant,
    received: Arc<AtomicUsize>,
    abort: Abort,
}

/// Bytes of a budget, which return to it on drop.
pub(super) struct Permit {
    budget: Arc<Budget>,
    number: u64,
    bytes: usize,
    received: Arc<AtomicUsize>,
}

impl Budget {
    pub(super) fn new(bytes: usize) -> Self {
        let state = State {
            left: Some(bytes),
            arriving: BTreeMap::new(),
            waiting: BTreeMap::new(),
            next: 0,
        };
        Self { state: Mutex::new(state) }
    }

    /// Takes `bytes`, which must not be more than the whole budget, for a request that is arriving.
    /// Waits until others return them, and calls the `abort` of those that arrive too slowly.
    /// `None` if that takes longer than `timeout`, or if the server stops.
    ///
    /// A waiting thread must hold no other permit, or two could wait for each other.
    pub(super) fn take(
        self: &Arc<Self>,
        bytes: usize,
        timeout: Duration,
        abort: &Abort,
    ) -> Option<Permit> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        let turn = Arc::new(Condvar::new());
        state.waiting.insert((bytes, number), Arc::clone(&turn));
        let is_taken = loop {
            let now = Instant::now();
            let Some(left) = state.left else { break false };
            let is_first = state.waiting.keys().next() == Some(&(bytes, number));
            if is_first {
                if let Some(rest) = left.checked_sub(bytes) {
                    state.left = Some(rest);
                    break true;
                }
                state.make_room(bytes - left, now);
            }
            if now >= deadline {
                break false;
            }
            let most = if is_first { PROMPT / 10 } else { timeout };
            let waited = turn.wait_timeout(state, most.min(deadline - now));
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        };
        state.waiting.remove(&(bytes, number));
        state.wake_first();
        is_taken.then(|| {
            let received = Arc::default();
            let permit = Permit { budget: Arc::clone(self), number, bytes, received };
            let (since, received) = (Instant::now(), Arc::clone(&permit.received));
            let abort = Arc::clone(abort);
            state.arriving.insert(number, Arriving { bytes, since, received, abort });
            permit
        })
    }

    /// Ends all waits, and permits nothing more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.left = None;
        state.waiting.values().for_each(|turn| turn.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Tells the first of those that wait that it is its turn, or that memory has returned.
    fn wake_first(&self) {
        if let Some(turn) = self.waiting.values().next() {
            turn.notify_one();
        }
    }

    /// Aborts slow requests, the oldest first, until `bytes` will return.
    fn make_room(&mut self, bytes: usize, now: Instant) {
        let mut returning = 0;
        self.arriving.retain(|_, arriving| {
            let aborts = returning < bytes && arriving.is_slow(now);
            if aborts {
                returning += arriving.bytes;
                (arriving.abort)();
            }
            !aborts
        });
    }
}

impl Arriving {
    fn is_slow(&self, now: Instant) -> bool {
        let time = now.saturating_duration_since(self.since);
        let received = self.received.load(Ordering::Relaxed) as u128;
        time > PROMPT && received * 1_000 < time.as_millis() * PROMPT_RATE
    }
}

impl Permit {
    /// `bytes` have arrived.
    pub(super) fn advance(&self, bytes: usize) {
        self.received.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns what is more than `bytes`.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let more = self.bytes.saturating_sub(bytes);
        self.bytes -= more;
        if let Some(arriving) = self.budget.lock().arriving.get_mut(&self.number) {
            arriving.bytes = self.bytes;
        }
        self.give_back(more);
    }

    /// The request is complete: it need not make room. False if it has been aborted.
    pub(super) fn complete(&self) -> bool {
        self.budget.lock().arriving.remove(&self.number).is_some()
    }

    fn give_back(&self, bytes: usize) {
        let mut state = self.budget.lock();
        state.left = state.left.map(|left| left + bytes);
        state.wake_first();
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.complete();
        self.give_back(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn ignored() -> Abort {
        Arc::new(|| ())
    }

    #[test]
    fn what_does_not_fit_waits_until_it_does() {
        let budget = Arc::new(Budget::new(10));
        let first = budget.take(6, Duration::ZERO, &ignored()).unwrap();
        assert!(budget.take(5, Duration::from_millis(1), &ignored()).is_none());
        let mut second = budget.take(4, Duration::ZERO, &ignored()).unwrap();
        let long = Duration::from_secs(60);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| budget.take(6, long, &ignored()).is_some());
            drop(first);
            assert!(waiting.join().unwrap());
            second.shrink(3);
            let waiting = scope.spawn(|| budget.take(8, long, &ignored()).is_some());
            budget.close();
            assert!(!waiting.join().unwrap());
        });
    }

    #[test]
    fn the_shortest_that_waits_is_served_first() {
        let budget = Arc::new(Budget::new(3));
        let first = budget.take(3, Duration::ZERO, &ignored()).unwrap();
        let order = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (index, bytes) in [3, 2, 3].into_iter().enumerate() {
                let (budget, order) = (&budget, &order);
                scope.spawn(move || {
                    let permit = budget.take(bytes, Duration::from_secs(60), &ignored());
                    order.lock().unwrap().push(index);
                    drop(permit);
                });
                while budget.lock().waiting.len() <= index {
                    std::thread::yield_now();
                }
            }
            drop(first);
        });
        assert_eq!(order.into_inner().unwrap(), [1, 0, 2]);
    }

    #[test]
    fn a_request_that_hardly_arrives_makes_room() {
        let (budget, aborted) = (Arc::new(Budget::new(10)), Arc::new(AtomicBool::new(false)));
        let abort: Abort = {
            let aborted = Arc::clone(&aborted);
            Arc::new(move || aborted.store(true, Ordering::SeqCst))
        };
        let complete = budget.take(2, Duration::ZERO, &abort).unwrap();
        assert!(complete.complete());
        let fast = budget.take(2, Duration::ZERO, &abort).unwrap();
        let slow = budget.take(6, Duration::ZERO, &abort).unwrap();
        fast.advance(usize::MAX / 2);
        slow.advance(1);
        let now = Instant::now();
        let make_room = |now| budget.lock().make_room(5, now);
        make_room(now);
        assert!(!aborted.load(Ordering::SeqCst));
        make_room(now + 2 * PROMPT);
        assert!(aborted.swap(false, Ordering::SeqCst));
        make_room(now + 2 * PROMPT);
        assert!(!aborted.load(Ordering::SeqCst), "once is enough");
        assert!(fast.complete() && !slow.complete());
        drop(slow);
        assert!(budget.take(6, Duration::ZERO, &abort).is_some());
        drop((complete, fast));
    }
}
