//! Access keys: their sources, their expiry, and files of profiles.

mod emulator;
mod expiry;
mod files;
mod sources;
