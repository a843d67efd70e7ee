//! Memory that is wiped before it is given back.
//!
//! Keys pass through buffers of libraries that wipe nothing: what TLS has encrypted or decrypted, the scratch copies of
//! JSON and base64, the numbers that ring makes of an RSA key. So all of this library's heap is overwritten when it is
//! freed. The host's own allocator, and its memory, are not concerned.

use std::alloc::{GlobalAlloc, Layout, System};

use zeroize::optimization_barrier;

/// The system's allocator; every block is overwritten with zeros before it is freed.
#[derive(Debug)]
pub struct ZeroizingAlloc;

// SAFETY: every block comes from the system's allocator and goes back to it, with the layout it was made with.
unsafe impl GlobalAlloc for ZeroizingAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps to what the system's allocator asks for as well.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as for `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    // Inlined at each of some thousand places, it would make the library larger by 50 KB.
    #[inline(never)]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block is the caller's until it is given back, and as long as its layout says. The barrier
        // keeps the compiler from leaving out a write that nobody reads.
        unsafe {
            block.write_bytes(0, layout.size());
            optimization_barrier(&*block);
            System.dealloc(block, layout);
        }
    }

    /// The system's own would leave a copy in the old place.
    #[inline(never)]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's size is one that a layout may have; both blocks hold what is copied, and are two.
        unsafe {
            let new = System.alloc(Layout::from_size_align_unchecked(size, layout.align()));
            if !new.is_null() {
                new.copy_from_nonoverlapping(block, size.min(layout.size()));
                self.dealloc(block, layout);
            }
            new
        }
    }
}
