//! Whether there is memory for what comes next.

use std::ptr;

/// Whether a block of `bytes` can be had now. Touches none of it: an allocator that wipes what it
/// frees would.
#[must_use]
pub fn has_address_space(bytes: usize) -> bool {
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping that overlaps no other one.
    let block = unsafe { libc::mmap(ptr::null_mut(), bytes.max(1), protection, flags, -1, 0) };
    if block == libc::MAP_FAILED {
        return false;
    }
    // SAFETY: the mapping that was just made; nothing refers to it.
    unsafe { libc::munmap(block, bytes.max(1)) };
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_blocks_can_be_had_and_impossible_ones_cannot() {
        assert!(has_address_space(0) && has_address_space(1 << 20));
        assert!(!has_address_space(usize::MAX) && !has_address_space(1 << 60));
    }
}
