//! The operations there are, by version and name.

use std::io::Write as _;
use std::time::{Duration, SystemTime};

use crate::answer::Fields;
use crate::errors::{self, ApiError};
use crate::parameters::Parameters;
use crate::store::{Store, StoreError};
use crate::{delete, detail, list, upload};

/// The version whose end was announced.
pub(crate) const FIRST_VERSION: &str = "2018-07-13";
const SECOND_VERSION: &str = "2020-04-07";

/// One operation of one version.
pub(crate) struct Operation {
    pub(crate) version: &'static str,
    pub(crate) action: &'static str,
    run: fn(&Call<'_>) -> Result<Fields, ApiError>,
}

/// What an operation works with.
pub(crate) struct Call<'a> {
    pub(crate) parameters: &'a Parameters,
    pub(crate) store: &'a Store,
    pub(crate) request_id: &'a str,
    pub(crate) host_id: &'a str,
    pub(crate) region: &'a str,
    pub(crate) now: SystemTime,
    /// For how long lists leave out what this call stores.
    pub(crate) lag: Option<Duration>,
}

impl Operation {
    /// Runs it; the fields are those of its answer.
    pub(crate) fn run(&self, call: &Call<'_>) -> Result<Fields, ApiError> {
        (self.run)(call)
    }

    /// The root element of its XML answer. The samples of the first version leave the `Response` out.
    pub(crate) fn xml_root(&self) -> String {
        let end = if self.version == FIRST_VERSION { "" } else { "Response" };
        format!("{}{end}", self.action)
    }
}

const fn row(
    version: &'static str,
    action: &'static str,
    run: fn(&Call<'_>) -> Result<Fields, ApiError>,
) -> Operation {
    Operation { version, action, run }
}

pub(crate) static OPERATIONS: [Operation; 8] = [
    row(FIRST_VERSION, "CreateUserCertificate", upload::create_user_certificate),
    row(FIRST_VERSION, "DeleteUserCertificate", delete::delete_user_certificate),
    row(FIRST_VERSION, "DescribeUserCertificateDetail", detail::describe_user_certificate_detail),
    row(FIRST_VERSION, "DescribeUserCertificateList", list::describe_user_certificate_list),
    row(SECOND_VERSION, "UploadUserCertificate", upload::upload_user_certificate),
    row(SECOND_VERSION, "DeleteUserCertificate", delete::delete_user_certificate_once),
    row(SECOND_VERSION, "GetUserCertificateDetail", detail::get_user_certificate_detail),
    row(SECOND_VERSION, "ListUserCertificateOrder", list::list_user_certificate_order),
];

/// The operation called `action` in `version`.
pub(crate) fn find(version: &str, action: &str) -> Result<&'static Operation, ApiError> {
    let mut of_version =
        OPERATIONS.iter().filter(|operation| operation.version == version).peekable();
    if of_version.peek().is_none() {
        return Err((&errors::INVALID_VERSION).into());
    }
    of_version
        .find(|operation| operation.action == action)
        .ok_or((&errors::ACTION_NOT_FOUND).into())
}

impl Call<'_> {
    /// The value of a parameter that the operation cannot do without.
    pub(crate) fn required(&self, name: &str) -> Result<&str, ApiError> {
        self.parameters.non_empty(name).ok_or_else(|| ApiError::about(&errors::MISSING, name))
    }

    /// The id that the operation is about.
    pub(crate) fn cert_id(&self) -> Result<i64, ApiError> {
        self.required("CertId")?.parse().map_err(|_| ApiError::about(&errors::INVALID, "CertId"))
    }

    /// A number from 1 on.
    pub(crate) fn positive(&self, name: &str, default: usize) -> Result<usize, ApiError> {
        let Some(text) = self.parameters.non_empty(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|&number| number > 0);
        number.ok_or_else(|| ApiError::about(&errors::INVALID, name))
    }

    /// A parameter that is one of `known`.
    pub(crate) fn one_of<T: Copy>(
        &self,
        name: &str,
        default: T,
        known: &[(&str, T)],
    ) -> Result<T, ApiError> {
        let Some(text) = self.parameters.non_empty(name) else { return Ok(default) };
        let found = known.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found.ok_or_else(|| ApiError::about(&errors::INVALID, name))
    }
}

impl From<StoreError> for ApiError {
    /// Says on stderr what the client is not told.
    fn from(error: StoreError) -> Self {
        let _ = writeln!(std::io::stderr(), "cas-emulator: {error}"); // nobody left to tell
        (&errors::INTERNAL).into()
    }
}
