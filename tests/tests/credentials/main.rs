//! Access keys: where they come from, and when they are fetched again.

mod expiry;
mod files;
mod sources;
