//! The exactly-once upload.

pub mod lookup;
pub mod machine;
pub mod request;
pub mod run;
