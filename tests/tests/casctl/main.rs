//! `casctl`, as people and scripts use it.

mod acme;
mod basics;
mod bulk;
mod canary;
mod deploy;
mod doctor;
mod explain_signature;
mod hooks;
mod lineages;
mod manual;
mod memory;
mod options;
mod prune;
mod secrets;
mod shells;
mod snapshots;
mod sync;
mod terminal;
mod units;
mod usage;
mod whoami;
