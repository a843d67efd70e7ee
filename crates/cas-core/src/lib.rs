//! What happens when a program hands over a certificate: parameters, signature, request, answer.
//!
//! The floors, top to bottom, are in ARCHITECTURE.md. This crate holds no `unsafe`; the C interface over
//! it is the crate `cas-ffi`.
#![forbid(unsafe_code)]

pub mod base;
pub mod client;
pub mod config;
pub mod credentials;
pub mod http;
pub mod inspect;
pub mod protocol;
pub mod service;
pub mod upload;
