//! What happens when a program hands over a certificate: parameters, signature, request, answer.
//!
//! The floors, top to bottom, are in ARCHITECTURE.md. This crate holds no `unsafe`; the C interface over
//! it is the crate `cas-ffi`.
#![forbid(unsafe_code)]

pub mod api;
pub mod call;
pub mod certificate;
pub mod client;
pub mod clock;
pub mod config;
pub mod credentials;
pub mod endpoint;
pub mod error;
pub mod logging;
pub mod look_up;
pub mod pace;
pub mod perform;
mod regions;
pub mod request;
pub mod retry;
pub mod rpc;
pub mod secret;
pub mod transport;
pub mod upload;
pub mod variables;
