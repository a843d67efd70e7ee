//! The emulator over real sockets, asked by a client that shares no code with it.
#![allow(
    clippy::unwrap_used,
    reason = "in tests a panic is the report; clippy sees only test functions as tests"
)]
#![allow(clippy::format_push_string, reason = "requests read better as templates")]

mod api;
mod client;
mod data_file;
mod faults;
mod http;
mod process;
mod signatures;
