//! The exactly-once upload.

pub(crate) mod lookup;
pub(crate) mod machine;
pub(crate) mod request;
pub(crate) mod run;
