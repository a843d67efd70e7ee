//! `casctl`, as people and scripts use it.

mod basics;
mod usage;
