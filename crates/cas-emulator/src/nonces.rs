//! Which nonces were used, so that a captured request cannot be sent again.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// A timestamp is good from 15 minutes before to 15 minutes after the server's time; a request can thus be
/// repeated for half an hour at most, and a nonce need not be known for longer.
const KEPT: Duration = Duration::from_secs(30 * 60);

/// Half a SHA-256 of access key and nonce: a fixed size, however long the nonces are.
type Mark = [u8; 16];

/// The nonces of the last half hour.
#[derive(Default)]
pub(crate) struct Nonces {
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    marks: HashSet<Mark>,
    by_age: VecDeque<(Instant, Mark)>,
}

impl Nonces {
    /// Notes that `access_key` used `nonce` at `now`; false if it had done so before.
    pub(crate) fn first_use(&self, access_key: &str, nonce: &str, now: Instant) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(&(at, mark)) = used.by_age.front() {
            if now.saturating_duration_since(at) <= KEPT {
                break;
            }
            used.by_age.pop_front();
            used.marks.remove(&mark);
        }
        let digest =
            Sha256::new().chain_update(access_key).chain_update([0]).chain_update(nonce).finalize();
        let mark: Mark = std::array::from_fn(|index| digest[index]);
        let first = used.marks.insert(mark);
        if first {
            used.by_age.push_back((now, mark));
        }
        first
    }

    /// Forgets all of them.
    pub(crate) fn clear(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Used::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_good_once_in_half_an_hour_for_each_key() {
        let nonces = Nonces::default();
        let start = Instant::now();
        assert!(nonces.first_use("a", "1", start));
        assert!(nonces.first_use("b", "1", start));
        assert!(!nonces.first_use("a", "1", start + KEPT));
        assert!(nonces.first_use("a", "1", start + KEPT + Duration::from_secs(1)));
        nonces.clear();
        assert!(nonces.first_use("a", "1", start + KEPT + Duration::from_secs(2)));
    }
}
