//! Client.

use cas_core::Client;
use cas_core::Config;

use crate::boundary;
use crate::config::cas_config;
use crate::error::cas_error;
use crate::ffi::{self, free, optional, out};
use crate::panic;
use crate::status::cas_status;

/// A client of one endpoint. It keeps connections open between calls. Any
/// number of threads may use it at the same time. Free it with cas_client_free.
///
/// @since 0.1.0
pub struct cas_client(pub(crate) Client);

/// Creates a client. It sends nothing.
///
/// Fails with the status of cas_config_error if that is not NULL.
///
/// @param config  the configuration, or NULL for every default; you may change
///                or free it afterwards
/// @param out     receives the client; free it with cas_client_free
/// @param err     receives the error; may be NULL
/// @return CAS_OK, CAS_ERR_INVALID_ARGUMENT if an option is invalid, CAS_ERR_IO
///         if the file of cas_config_set_ca_file cannot be read, or another
///         status
/// @since 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_client_new(
    config: *const cas_config,
    out: *mut *mut cas_client,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let put = out!(out);
        let client = match optional!(config) {
            Some(config) => Client::new(&config.config)?,
            None => Client::new(&Config::default())?,
        };
        put(ffi::give(cas_client(client)));
        Ok(())
    })
}

/// Closes the connections of a client and frees it. No call may be using the
/// client.
///
/// @param client  a client, or NULL
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_client_free(client: *mut cas_client) {
    panic::value_or((), || {
        free!(client);
        Ok(())
    });
}
