//! System calls that safe std does not offer, behind safe functions.

mod zeroizing_alloc;

pub use zeroizing_alloc::ZeroizingAlloc;
