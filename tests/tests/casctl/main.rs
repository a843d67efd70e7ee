//! `casctl`, as people and scripts use it.

mod acme;
mod basics;
mod bulk;
mod deploy;
mod doctor;
mod explain_signature;
mod hooks;
mod lineages;
mod prune;
mod shells;
mod sync;
mod usage;
mod whoami;
