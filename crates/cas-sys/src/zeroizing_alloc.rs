//! An allocator that overwrites memory before it frees it.
//!
//! Keys pass through buffers of dependencies that do not wipe them: TLS plaintext and records,
//! scratch copies of JSON and base64, the numbers that ring derives from an RSA key. With this
//! allocator every heap block is overwritten when it is freed, whichever code allocated it.

use std::alloc::{GlobalAlloc, Layout, System};

use zeroize::optimization_barrier;

/// Allocates with `A`, the system's allocator by default, and overwrites every block with zeros
/// before `A` frees it, including the old block of a reallocation.
///
/// Declare it as the global allocator:
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: cas_sys::ZeroizingAlloc = cas_sys::ZeroizingAlloc::new();
/// ```
///
/// It covers the Rust code of the library or program that declares it. A C program that loads the
/// library keeps its own allocator.
#[derive(Debug)]
pub struct ZeroizingAlloc<A = System>(A);

impl ZeroizingAlloc {
    /// The allocator over [`System`].
    #[must_use]
    pub const fn new() -> Self {
        Self(System)
    }
}

impl Default for ZeroizingAlloc {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: every block comes from `A` and returns to `A` with the layout it was allocated with.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ZeroizingAlloc<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller upholds the contract of `alloc`, which is the same for `A`.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    // Not inlined: at several thousand call sites it would add 50 KB to libcas.so.
    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block belongs to the caller and is `layout.size()` bytes long. The barrier
        // keeps the compiler from removing the write as dead.
        unsafe {
            block.write_bytes(0, layout.size());
            optimization_barrier(&*block);
            self.0.dealloc(block, layout);
        }
    }

    // `A::realloc` may move the block and leave the old copy behind, so this never calls it.
    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller passes a nonzero size that is valid with this alignment. The two
        // blocks are distinct, and both hold the bytes that are copied.
        unsafe {
            let new = self.0.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            new
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// The system's allocator; checks that a block holds nothing but zeros when it is freed.
    #[derive(Default)]
    struct Checking {
        freed: AtomicUsize,
    }

    // SAFETY: passes every call on to `System`.
    unsafe impl GlobalAlloc for Checking {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            // SAFETY: as in `ZeroizingAlloc::alloc`.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            // SAFETY: the tests below initialise every byte, and nothing is freed yet.
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            assert!(bytes.iter().all(|byte| *byte == 0), "freed without being overwritten");
            self.freed.fetch_add(1, Ordering::Relaxed);
            // SAFETY: as in `ZeroizingAlloc::dealloc`.
            unsafe { System.dealloc(block, layout) };
        }
    }

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 8).unwrap()
    }

    #[test]
    fn dealloc_overwrites_the_whole_block() {
        let allocator = ZeroizingAlloc(Checking::default());
        for size in [1, 7, 64, 4097] {
            // SAFETY: the block is written within its layout and freed once, with the same layout.
            unsafe {
                let block = allocator.alloc(layout(size));
                block.write_bytes(0x5a, size);
                allocator.dealloc(block, layout(size));
            }
        }
        assert_eq!(allocator.0.freed.into_inner(), 4);
    }

    #[test]
    fn realloc_keeps_the_contents_and_overwrites_the_old_block() {
        for size in [16, 64, 4096] {
            let allocator = ZeroizingAlloc(Checking::default());
            // SAFETY: as above; after `realloc` only the new block is used. Its bytes are all
            // initialised before it is freed: the first by the copy, the rest by `write_bytes`.
            unsafe {
                let old = allocator.alloc(layout(64));
                old.write_bytes(0x5a, 64);
                let new = allocator.realloc(old, layout(64), size);
                let kept = std::slice::from_raw_parts(new, size.min(64));
                assert!(kept.iter().all(|byte| *byte == 0x5a));
                new.write_bytes(0x5a, size);
                allocator.dealloc(new, layout(size));
            }
            assert_eq!(allocator.0.freed.into_inner(), 2);
        }
    }
}
