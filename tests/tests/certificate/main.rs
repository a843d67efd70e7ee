//! Inspection of certificates and private keys before an upload.

mod corpus;
mod findings;
mod hostile;
