//! The C interface of libcas. One file per C type; a function reads its arguments, calls `cas-core` and
//! hands the result out. What every function promises stands at the head of `include/cas.h`.
//!
//! This is the only crate with `unsafe`: in the macros and functions of `ffi`, each with its reason.
#![allow(non_camel_case_types)] // the names are those of C
#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags
)] // the texts go into the header as they are
#![allow(clippy::missing_safety_doc)] // what a C caller must keep to is said once, in the header

// The order is that of the header.
mod boundary;
mod ffi;
mod panic;

pub mod status;

pub mod version;

pub mod error;

pub mod config;

pub mod client;

pub mod request;

pub mod result;

pub mod upload;

pub mod certificate;

pub mod inspection;

#[global_allocator]
static ALLOCATOR: cas_sys::ZeroizingAlloc = cas_sys::ZeroizingAlloc::new();
