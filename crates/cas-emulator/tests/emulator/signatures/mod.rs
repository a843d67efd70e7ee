//! Signed requests of both kinds.

mod acs3;
mod rpc_v1;
