//! Uploads: at most one copy is stored, and every failure is reported.

mod conflicts;
mod doubt;
mod exactly_once;
mod failures;
mod large_accounts;
mod refusals;
mod survival;
