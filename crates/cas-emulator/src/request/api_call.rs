//! A call of the API.

use serde::{Serialize, Serializer};

use super::authorization::Authorization;
use super::format::Format;
use super::parameters::Parameters;
use crate::http::{Request, new_request_id};

/// A call of the API, parsed but not checked.
pub(crate) struct ApiCall<'a> {
    pub(crate) http: &'a Request,
    pub(crate) parameters: Parameters,
    /// `None` unless the request is signed with ACS3-HMAC-SHA256.
    pub(crate) authorization: Option<Authorization<'a>>,
    /// `None` if the parameter `Format` is invalid.
    pub(crate) format: Option<Format>,
    pub(crate) language: Language,
    /// The `RequestId` of the response.
    pub(crate) request_id: String,
}

/// The language of the error messages of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Language {
    #[default]
    Chinese,
    English,
}

/// How a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureKind {
    /// RPC signature version 1, in the parameter `Signature`.
    HmacSha1,
    /// ACS3-HMAC-SHA256 (signature version 3), in the header `Authorization`.
    Acs3,
}

impl SignatureKind {
    /// `hmac-sha1` or `acs3`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HmacSha1 => "hmac-sha1",
            Self::Acs3 => "acs3",
        }
    }
}

impl Serialize for SignatureKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'a> ApiCall<'a> {
    /// Parses `request`. This never fails: parts that cannot be parsed are left out.
    pub(crate) fn parse(request: &'a Request) -> Self {
        let authorization = request.header("authorization").and_then(Authorization::parse);
        let parameters = Parameters::parse(request, authorization.as_ref());
        let format = parameters.get("Format").map_or(Some(Format::default()), Format::from_name);
        let language = match parameters.get("Lang") {
            Some("en") => Language::English,
            _ => Language::Chinese,
        };
        let request_id = new_request_id();
        Self { http: request, parameters, authorization, format, language, request_id }
    }

    /// The kind of the signature, valid or not. `None` for an unsigned request.
    pub(crate) fn signature_kind(&self) -> Option<SignatureKind> {
        match self.authorization {
            Some(_) => Some(SignatureKind::Acs3),
            None => self.parameters.get("Signature").map(|_| SignatureKind::HmacSha1),
        }
    }

    /// The format to respond in: JSON if the parameter `Format` is invalid.
    pub(crate) fn response_format(&self) -> Format {
        self.format.unwrap_or_default()
    }
}
