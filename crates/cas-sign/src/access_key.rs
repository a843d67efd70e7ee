//! The access key that a request is signed with.

/// An access key to sign with, long-term or temporary. The caller keeps the secrets.
#[derive(Clone, Copy)]
pub struct AccessKeyRef<'a> {
    /// The access key ID, which is not a secret.
    pub id: &'a str,
    /// The access key secret.
    pub secret: &'a str,
    /// The security token of a temporary key (STS).
    pub security_token: Option<&'a str>,
}
