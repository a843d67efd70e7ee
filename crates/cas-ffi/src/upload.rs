//! Upload.
//!
//! docs/exactly-once.md describes what libcas does if a response is lost.

use std::ffi::c_char;

use cas_core::Client;
use cas_core::Error;
use cas_core::{Receipt, Upload};

use crate::boundary;
use crate::client::cas_client;
use crate::error::cas_error;
use crate::ffi::{self, must_be_text, out, required, text, text_bytes};
use crate::request::cas_request;
use crate::result::cas_result;
use crate::status::cas_status;

/// Stores a certificate with its chain and key under a name, with the default
/// options of a cas_request. Thread-safe.
///
/// @param client    the client
/// @param name      the name, as for cas_request_set_name
/// @param cert_pem  the certificate and its chain: PEM, NUL-terminated
/// @param key_pem   the private key: PEM, NUL-terminated
/// @param cert_id   receives the ID of the certificate
/// @param err       receives the error; may be NULL
/// @return CAS_OK or any other status
/// @since 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_upload_certificate(
    client: *const cas_client,
    name: *const c_char,
    cert_pem: *const c_char,
    key_pem: *const c_char,
    cert_id: *mut i64,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let client = required!(client);
        let mut request = Upload::new();
        request.set_name(text!(name));
        request.set_certificate(must_be_text(text_bytes!(cert_pem), "cert_pem")?)?;
        request.set_key(must_be_text(text_bytes!(key_pem), "key_pem")?)?;
        let put = out!(cert_id);
        put(upload(&client.0, &request)?.cert_id.get());
        Ok(())
    })
}

/// Stores a certificate exactly once, whatever the network does. Thread-safe.
///
/// If a response is lost, libcas checks whether the certificate is stored
/// before it sends anything again. Sends nothing, and fails with the status of
/// cas_request_error, if that is not NULL.
///
/// @param client   the client
/// @param request  the request; you may use it again or free it afterwards
/// @param out      receives the result; free it with cas_result_free
/// @param err      receives the error; may be NULL
/// @return CAS_OK or any other status
/// @since 0.1.0
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn cas_create_user_certificate(
    client: *const cas_client,
    request: *const cas_request,
    out: *mut *mut cas_result,
    err: *mut *mut cas_error,
) -> cas_status {
    boundary::fallible(err, || {
        let client = required!(client);
        let request = required!(request);
        let put = out!(out);
        put(ffi::give(cas_result::from(&upload(&client.0, &request.upload)?)));
        Ok(())
    })
}

fn upload(client: &Client, request: &Upload) -> Result<Receipt, Error> {
    #[cfg(feature = "plant-panic")]
    assert!(request.name() != "plant a panic", "a panic was planted");
    client.upload(request)
}
