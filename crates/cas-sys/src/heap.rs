//! The heap of the C library.

/// Makes the C library return freed memory to the system: blocks of 64 KiB and more at once, and
/// threads share two arenas instead of having one each.
///
/// For a server that must stay small after a peak. It affects the whole process, so only a program
/// calls it, before it starts threads. Without effect on other C libraries than glibc.
pub fn keep_heap_small() {
    // By default, glibc raises the first threshold as blocks are freed, and keeps what is below.
    #[cfg(target_env = "gnu")]
    for (parameter, value) in [
        (libc::M_MMAP_THRESHOLD, 64 << 10),
        (libc::M_TRIM_THRESHOLD, 256 << 10),
        (libc::M_ARENA_MAX, 2),
    ] {
        // SAFETY: changes settings of the allocator, under its own lock.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Returns memory that was freed to the system, where the C library can do that on request: glibc.
/// The memory comes from any allocation of the process.
pub fn return_freed_memory() {
    // SAFETY: takes no pointer and frees nothing that is in use.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Resident memory of this process in KiB.
    fn resident() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn freed_memory_is_returned() {
        keep_heap_small();
        let (mut freed, mut kept) = (Vec::new(), Vec::new());
        for _ in 0..4096 {
            freed.push(vec![1_u8; 16 << 10]);
            kept.push(Box::new(1_u8)); // so that the freed blocks cannot be joined to one
        }
        let peak = resident();
        drop(freed);
        return_freed_memory();
        assert!(resident() + (32 << 10) < peak, "{} of {peak} KiB", resident());
        drop(kept);
    }
}
