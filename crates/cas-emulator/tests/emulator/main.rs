//! Tests of the emulator over real sockets, with a client that shares no code with it.
#![allow(
    clippy::unwrap_used,
    reason = "tests report failures by panicking; clippy exempts only test functions"
)]
#![allow(clippy::format_push_string, reason = "requests are easier to read as templates")]

mod api;
mod authority;
mod bounded;
mod browsers;
mod certificates;
mod client;
mod clocks;
mod control;
mod data_file;
mod durable;
mod faults;
mod http;
mod listening;
mod load;
mod process;
mod seed;
mod signatures;
mod snapshot;
mod tls_client;
mod tunnels;
