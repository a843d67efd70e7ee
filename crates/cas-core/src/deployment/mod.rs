//! Deployment of a stored certificate to cloud resources: which resources serve a domain, the plan,
//! a state machine that creates no job twice, the run that executes its steps, and the rollback.
//!
//! Uses `service`, `protocol` for failure classes, and `base`. docs/deployment.md has the rules.

mod domains;
pub(crate) mod machine;
mod messages;
pub(crate) mod plan;
pub(crate) mod rollback;
pub(crate) mod run;

pub(crate) use domains::{covers, names_of, normalized};
pub(crate) use messages::{invalid_domain, no_contact, nothing_to_deploy};
