//! Alibaba Cloud's RPC style: parameters in, one signed form out, an answer back. Pure, no I/O.

pub mod answer;
pub mod codes;
pub mod params;
pub mod redact;
pub mod v1;
