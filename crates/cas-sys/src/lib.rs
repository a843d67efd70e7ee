//! System calls that safe std does not offer, behind safe functions.
//!
//! This is the bottom crate of the workspace. It depends on libc, and on zeroize for its
//! compiler barrier. Apart from `cas-ffi` it is the only crate with `unsafe`; every block states
//! why it is sound. None of its functions takes a lock, so a child of fork can call all of them.
#![deny(missing_docs)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod address_space;
mod fork;
mod poll;
mod secure_execution;
mod signals;
mod zeroizing_alloc;

pub use address_space::has_address_space;
pub use fork::fork_generation;
pub use poll::{Readiness, wait_until_ready};
pub use secure_execution::secure_execution;
pub use signals::BlockedSignals;
pub use zeroizing_alloc::ZeroizingAlloc;
