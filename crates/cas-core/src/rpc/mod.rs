//! Alibaba Cloud's RPC style: parameters in, one signed form out, an answer back. Pure, no I/O.

pub mod params;
