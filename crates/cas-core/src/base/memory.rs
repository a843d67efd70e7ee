//! Memory whose size a caller or a file chooses: it is refused where it cannot be had, and wiped
//! after use. Everywhere else, libcas aborts the process as the allocator does.

use zeroize::Zeroizing;

use crate::base::exhaustion::Exhaustion;

/// `bytes` zeros.
pub(crate) fn zeroed(bytes: usize) -> Result<Zeroizing<Vec<u8>>, Exhaustion> {
    let mut buffer = reserved(bytes)?;
    buffer.resize(bytes, 0);
    Ok(buffer)
}

/// A copy of `bytes`.
pub(crate) fn copied(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, Exhaustion> {
    let mut copy = reserved(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

/// Checks that there is memory for work that needs that many bytes in small parts.
pub(crate) fn check(bytes: usize) -> Result<(), Exhaustion> {
    if cas_sys::has_address_space(bytes) { Ok(()) } else { Err(Exhaustion::MemoryFor(bytes)) }
}

fn reserved(bytes: usize) -> Result<Zeroizing<Vec<u8>>, Exhaustion> {
    let mut buffer = Vec::new();
    buffer.try_reserve_exact(bytes).map_err(|_| Exhaustion::MemoryFor(bytes))?;
    Ok(Zeroizing::new(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_cannot_be_had_is_an_error() {
        assert_eq!(*zeroed(3).unwrap(), [0; 3]);
        assert_eq!(*copied(b"abc").unwrap(), *b"abc");
        assert!(check(1 << 20).is_ok());
        for bytes in [usize::MAX, isize::MAX.unsigned_abs(), 1 << 60] {
            assert_eq!(zeroed(bytes).unwrap_err(), Exhaustion::MemoryFor(bytes));
            assert_eq!(check(bytes).unwrap_err(), Exhaustion::MemoryFor(bytes));
        }
    }
}
