//! Uploads: at most one copy is stored, and every failure is reported.

mod conflicts;
mod crowds;
mod doubt;
mod exactly_once;
mod failures;
mod filters;
mod interrupted;
mod large_accounts;
mod mixed;
mod random_faults;
mod refusals;
mod sm2;
mod survival;
mod truth;
