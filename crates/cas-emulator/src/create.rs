//! `CreateUserCertificate` of version 2018-07-13.

use std::io::Write;

use crate::answer::{Fields, Value};
use crate::certificate;
use crate::errors::{self, ApiError};
use crate::key::{self, KeyError};
use crate::operation::Call;
use crate::store::Insert;

/// Longest name, in characters: what the documentation of this version last said.
const MAX_NAME: usize = 128;

/// Checks certificate and key, stores the certificate under its name and answers with its id.
pub(crate) fn create_user_certificate(call: &Call<'_>) -> Result<Fields, ApiError> {
    let name = call.required("Name")?;
    let cert = call.required("Cert")?;
    let key = call.required("Key")?;
    if name.chars().count() > MAX_NAME {
        return Err(ApiError::about(&errors::INVALID, "Name"));
    }
    let facts = certificate::read(cert).map_err(|_| &errors::CERTIFICATE_FORMAT)?;
    key::check(key, &facts.public_key).map_err(|error| match error {
        KeyError::Unreadable => &errors::KEY_FORMAT,
        KeyError::Mismatch => &errors::KEY_MISMATCH,
    })?;
    match call.store.insert(name, cert, &facts).map_err(|error| broken_store(&error))? {
        Insert::NameTaken => Err((&errors::NAME_REPEAT).into()),
        Insert::Stored(cert_id) => Ok(vec![
            ("RequestId", Value::Text(call.request_id.to_owned())),
            ("CertId", Value::Number(cert_id)),
            // The documented sample has these two, the documented table does not.
            ("HostId", Value::Text(call.host_id.to_owned())),
            ("Code", Value::Text("200".to_owned())),
        ]),
    }
}

/// Says on stderr what the client is not told. SQLite's errors hold no values of the row.
fn broken_store(error: &rusqlite::Error) -> ApiError {
    let _ = writeln!(std::io::stderr(), "cas-emulator: a certificate could not be stored: {error}");
    (&errors::INTERNAL).into()
}
