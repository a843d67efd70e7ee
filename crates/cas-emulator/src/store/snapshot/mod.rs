//! Snapshots: all that is stored as one JSON document, which another emulator can read.
//!
//! A document is written and read piece by piece, so it needs no memory. Private keys in it are
//! sealed with a key of the document, which is sealed in turn with the secret of each access key of
//! the emulator. An emulator with one of these access keys can read it. A client with one can ask
//! the emulator for the private keys anyway.

mod certificate;
mod document;
mod error;
mod export;
mod import;
mod rows;
mod seal;

pub(crate) use error::SnapshotError;
pub(crate) use export::Export;
pub(super) use import::import;
