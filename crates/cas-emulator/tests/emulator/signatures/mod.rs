//! Signed requests of both kinds.

mod acs3;
