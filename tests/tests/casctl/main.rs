//! `casctl`, as people and scripts use it.

mod acme;
mod basics;
mod bulk;
mod doctor;
mod explain_signature;
mod hooks;
mod lineages;
mod usage;
mod whoami;
