//! Access keys: their sources, their expiry, and files of profiles.

mod expiry;
mod files;
mod sources;
