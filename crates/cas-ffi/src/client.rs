//! Client.

use cas_core::Client;
use cas_core::Config;

use crate::boundary;
use crate::config::cas_config;
use crate::error::cas_error;
use crate::ffi::{self, free, optional, out};
use crate::panic;
use crate::status::{CAS_ERR_INVALID_ARGUMENT, CAS_OK, cas_status};

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

/// Ends every call that is in progress on a client.
///
/// Each of them returns within 100 ms, whether it is looking up a host name,
/// connecting, sending, waiting for a response, for its turn, for the next
/// attempt or for an access key, also one that another thread is fetching. Two
/// things are not interrupted: the exchange of an OAuth refresh token, because
/// losing the new token ends the sign-in, and the reading of a file.
///
/// A call returns CAS_ERR_CANCELLED if it changed nothing at the service,
/// CAS_ERR_OUTCOME_UNKNOWN if it may have, and its usual status if its end was
/// already certain: an upload that has stored the certificate and is cancelled
/// while it deletes another one returns CAS_OK with CAS_OUTCOME_CREATED.
///
/// Calls that begin later are not affected: the client stays usable. The
/// function may be called from any thread, from the log function and from a
/// signal handler. It returns at once. A child of fork cancels its own calls
/// only.
///
/// @param client  the client
/// @return CAS_OK or CAS_ERR_INVALID_ARGUMENT
/// @since 0.1.0
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_client_cancel(client: *const cas_client) -> cas_status {
    // Outside `boundary`, which is not async-signal-safe. Nothing here can panic.
    match optional!(client) {
        Some(client) => {
            client.0.cancel();
            CAS_OK
        }
        None => CAS_ERR_INVALID_ARGUMENT,
    }
}

/// Closes the connections of a client and frees it. No call may be using the
/// client: not on another thread, and not the one whose log function is running.
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
