//! `cas_client`: makes calls, from any thread.

use cas_core::client::Client;
use cas_core::config::Config;

use crate::boundary;
use crate::config::cas_config;
use crate::error::cas_error;
use crate::ffi::{self, free, optional, out};
use crate::panic;
use crate::status::cas_status;

/// A client of one endpoint. Any number of threads may use it at once; connections are kept open between
/// calls.
pub struct cas_client(pub(crate) Client);

/// Makes a client; sends nothing. The configuration may be NULL, and may be freed or changed afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_client_new(
    config: *const cas_config,
    out: *mut *mut cas_client,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let put = out!(out);
        let client = match optional!(config) {
            Some(config) => Client::new(&config.0)?,
            None => Client::new(&Config::default())?,
        };
        put(ffi::give(cas_client(client)));
        Ok(())
    })
}

/// Ends a client and its connections. No call may be using it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_client_free(client: *mut cas_client) {
    panic::value_or((), || {
        free!(client);
        Ok(())
    });
}
