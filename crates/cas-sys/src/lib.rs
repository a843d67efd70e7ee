//! System calls that safe std does not offer, behind safe functions.
//!
//! This is the bottom crate of the workspace. It depends on libc, and on zeroize for its
//! compiler barrier. Apart from `cas-ffi` it is the only crate with `unsafe`; every block states
//! why it is sound. A child of fork can call all of its functions: none takes a lock, except
//! `home_directory`, which calls functions of the C library that may, and the first
//! [`fork_generation`] of a program on a kernel before Linux 4.14.
#![deny(missing_docs)]
#![warn(clippy::undocumented_unsafe_blocks)]

mod address_space;
mod cancellation;
mod file_id;
mod fork;
mod heap;
mod home_directory;
mod locale;
mod poll;
mod process_group;
mod secure_execution;
mod signals;
mod terminal;
mod user;
mod zeroizing_alloc;

pub use address_space::has_address_space;
pub use cancellation::DeferredCancellation;
pub use file_id::FileId;
pub use fork::fork_generation;
pub use heap::{keep_heap_small, return_freed_memory};
pub use home_directory::home_directory;
pub use locale::{CLocale, HostLocale};
pub use poll::{Readiness, wait_until_ready};
pub use process_group::kill_process_group;
pub use secure_execution::secure_execution;
pub use signals::BlockedSignals;
pub use terminal::TerminalSettings;
pub use user::effective_user;
pub use zeroizing_alloc::ZeroizingAlloc;
