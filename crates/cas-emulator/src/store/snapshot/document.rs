//! The members of a snapshot, in the order in which they are written.
//!
//! The order is that of their names, except for the version, which decides how all others are read.
//! So the document can pass through a program that sorts members.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The version of the form of a snapshot.
pub(super) const VERSION: u64 = 1;

pub(super) const ACCESS_KEYS: &str = "access_keys";
pub(super) const VERSION_MEMBER: &str = "cas_emulator_snapshot";
pub(super) const CERTIFICATES: &str = "certificates";
pub(super) const SEQUENCES: &str = "sequences";

/// The tables whose largest ID so far is a member of `sequences`: it is never used again.
pub(super) const SEQUENCE_TABLES: [&str; 5] =
    ["certificate", "cloud_resource", "contact", "deployment_job", "deployment_worker"];

/// Bytes, in base64.
pub(super) struct Bytes(pub(super) Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| D::Error::custom("text that is not base64"))
    }
}
