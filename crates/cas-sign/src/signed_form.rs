//! The result of signing: a form body, and the headers that belong to it.

use std::fmt;

use zeroize::Zeroizing;

use crate::params::Params;
use crate::percent::Encoded;

/// The content type of every form.
pub const FORM_CONTENT_TYPE: &str = "application/x-www-form-urlencoded";

/// A signed form. Only the signers create one, so that nothing is sent unsigned, with one
/// exception, `unsigned`.
pub struct SignedForm {
    pub(crate) body: Encoded,
    pub(crate) signature: String,
    /// Headers that carry the signature or that it covers; one may be a security token.
    pub(crate) headers: Vec<(&'static str, Zeroizing<String>)>,
    /// The string to sign, if it contains hashes only.
    pub(crate) string_to_sign: Option<String>,
}

impl SignedForm {
    /// A form without a signature, for `AssumeRoleWithOIDC` only: the token among its parameters
    /// authenticates it.
    #[must_use]
    pub fn unsigned(params: &Params<'_>) -> Self {
        let mut body = Encoded::with_room_for(params.raw_len());
        params.write_canonical(&mut body);
        Self { body, signature: String::new(), headers: Vec::new(), string_to_sign: None }
    }

    /// Returns the bytes of the form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.body.as_bytes()
    }

    /// Iterates over the headers to send in addition to those of every form.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// Returns the signature. Never show it in a message.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// Returns the string to sign, if it contains hashes only. `None` for signature version 1,
    /// whose string to sign is the form itself, encoded once more.
    #[must_use]
    pub fn string_to_sign(&self) -> Option<&str> {
        self.string_to_sign.as_deref()
    }
}

impl fmt::Debug for SignedForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignedForm({} bytes)", self.as_bytes().len())
    }
}
