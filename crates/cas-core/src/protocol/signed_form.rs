//! What a signer makes of parameters: a form body, and the headers that belong to it.

use std::fmt;

use zeroize::Zeroizing;

use crate::protocol::params::Params;
use crate::protocol::percent::Encoded;

/// A signed request body. A signer makes it, so nothing unsigned can be sent; but for `AssumeRoleWithOIDC`.
pub struct SignedForm {
    pub(super) body: Encoded,
    pub(super) signature: String,
    /// Headers that the signature needs or covers; one may be a security token.
    pub(super) headers: Vec<(&'static str, Zeroizing<String>)>,
    /// What the signature covers, where that is but a hash.
    pub(super) string_to_sign: Option<String>,
}

impl SignedForm {
    /// A form without a signature, for `AssumeRoleWithOIDC` alone: the token among its parameters is its proof.
    #[must_use]
    pub(crate) fn with_own_proof(params: &Params<'_>) -> Self {
        let mut body = Encoded::with_room_for(params.raw_len());
        params.write_canonical(&mut body);
        Self { body, signature: String::new(), headers: Vec::new(), string_to_sign: None }
    }

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
