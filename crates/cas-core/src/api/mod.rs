//! Operations of the service: typed input becomes parameters, an answer becomes typed output.

pub mod v2018_07_13;

use std::fmt;

use crate::rpc::params::Params;

/// The id that the service gives a certificate. Always positive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertId(i64);

impl CertId {
    /// `None` for what cannot be an id.
    #[must_use]
    pub fn new(id: i64) -> Option<Self> {
        (id > 0).then_some(Self(id))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> i64 {
        self.0
    }
}

impl fmt::Display for CertId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A version of the CAS API; the numbers are those of the C interface (`cas_api`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum ApiVersion {
    /// `CreateUserCertificate` and its family.
    V2018_07_13 = 1,
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V2018_07_13 => "2018-07-13",
        })
    }
}

/// The form in which answers are asked for; both are understood whichever was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `Format=JSON`.
    #[default]
    Json,
    /// `Format=XML`.
    Xml,
}

/// The language of the service's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// Chinese, the service's own default.
    Chinese,
    /// English.
    English,
}

impl Lang {
    /// Reads `zh` or `en`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "zh" => Some(Self::Chinese),
            "en" => Some(Self::English),
            _ => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Chinese => "zh",
            Self::English => "en",
        }
    }
}

/// Parameters that name the operation and the form of its answer.
fn operation<'a>(action: &'static str, version: &'static str, format: Format) -> Params<'a> {
    let mut params = Params::new();
    params.set("Action", action);
    params.set("Version", version);
    params.set(
        "Format",
        match format {
            Format::Json => "JSON",
            Format::Xml => "XML",
        },
    );
    params
}
