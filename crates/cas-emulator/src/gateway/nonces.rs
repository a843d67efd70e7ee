//! The nonces that were used, so that a captured request cannot be replayed.

use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

/// How long a nonce is remembered. Timestamps are valid for 15 minutes before and after the
/// server's time, so a request cannot be replayed for longer than this.
const RETENTION: Duration = Duration::from_secs(30 * 60);

/// The most nonces that are remembered, so that they take less than 20 MB. Beyond that, the oldest
/// are forgotten early.
const MAX_NONCES: usize = 250_000;

/// Half of the SHA-256 of access key ID and nonce: of a fixed size, however long the nonce is.
type Digest128 = [u8; 16];

/// The nonces of the last 30 minutes, at most 250,000.
#[derive(Default)]
pub(super) struct Nonces {
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    digests: HashSet<Digest128>,
    by_age: VecDeque<(Instant, Digest128)>,
}

impl Nonces {
    /// Marks `nonce` of this access key as used at `now`. Returns false if it was used before.
    pub(super) fn use_once(&self, access_key_id: &str, nonce: &str, now: Instant) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(&(at, digest)) = used.by_age.front() {
            let is_recent = now.saturating_duration_since(at) <= RETENTION;
            if is_recent && used.by_age.len() < MAX_NONCES {
                break;
            }
            used.by_age.pop_front();
            used.digests.remove(&digest);
        }
        let hash = Sha256::new().chain_update(access_key_id).chain_update([0]);
        let hash = hash.chain_update(nonce).finalize();
        let digest: Digest128 = std::array::from_fn(|index| hash[index]);
        let first = used.digests.insert(digest);
        if first {
            used.by_age.push_back((now, digest));
        }
        first
    }

    /// Forgets all nonces.
    pub(super) fn clear(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Used::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_the_oldest_are_forgotten() {
        let (nonces, now) = (Nonces::default(), Instant::now());
        for number in 0..MAX_NONCES {
            assert!(nonces.use_once("a", &number.to_string(), now));
        }
        assert!(!nonces.use_once("a", "1", now));
        assert!(nonces.use_once("a", "new", now));
        assert!(!nonces.use_once("a", "2", now) && nonces.use_once("a", "0", now));
        let used = nonces.used.lock().unwrap();
        assert_eq!((used.by_age.len(), used.digests.len()), (MAX_NONCES, MAX_NONCES));
    }

    #[test]
    fn a_nonce_is_valid_once_in_30_minutes_for_each_access_key() {
        let nonces = Nonces::default();
        let start = Instant::now();
        let second = Duration::from_secs(1);
        assert!(nonces.use_once("a", "1", start));
        assert!(nonces.use_once("b", "1", start));
        assert!(!nonces.use_once("a", "1", start + RETENTION));
        assert!(nonces.use_once("a", "1", start + RETENTION + second));
        nonces.clear();
        assert!(nonces.use_once("a", "1", start + RETENTION + 2 * second));
    }
}
