//! `casctl`, as people and scripts use it.

mod acme;
mod basics;
mod bulk;
mod deploy;
mod doctor;
mod explain_signature;
mod hooks;
mod lineages;
mod options;
mod prune;
mod shells;
mod sync;
mod terminal;
mod usage;
mod whoami;
