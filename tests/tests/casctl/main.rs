//! `casctl`, as people and scripts use it.

mod acme;
mod basics;
mod bulk;
mod hooks;
mod lineages;
mod usage;
