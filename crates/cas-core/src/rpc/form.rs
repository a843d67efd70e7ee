//! What a signer makes of parameters: a form body, and the headers that belong to it.

use std::fmt;

use zeroize::Zeroizing;

use super::params::Encoded;

/// A signed request body. There is no other way to make one than to sign, so nothing unsigned can be sent.
pub struct SignedForm {
    pub(super) body: Encoded,
    pub(super) signature: String,
    /// Headers that the signature needs or covers; one may be a security token.
    pub(super) headers: Vec<(&'static str, Zeroizing<String>)>,
    /// What the signature covers, where that is but a hash.
    pub(super) string_to_sign: Option<String>,
}

impl SignedForm {
    /// The bytes of the form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.body.as_bytes()
    }

    /// The headers to send beside those that every form has.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The signature: something to keep out of messages.
    #[must_use]
    pub fn signature(&self) -> &str {
        &self.signature
    }

    /// What the signature covers, where that is but a hash; `None` where it is the form itself, encoded once more.
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
