//! The C API of libcas. Each module holds one C type: its functions read their arguments, call
//! cas-core and return the result. `include/cas.h` is generated from the modules and their docs.
//!
//! Layers, lowest first: `ffi` (pointers) and `panic`; `status`; `error`; `boundary`; `config`;
//! `client`; `request` and `result`; `upload`, `certificate` and `inspection`. A module uses lower
//! layers only. Besides cas-sys this is the only crate with `unsafe`; each block states its reason.
#![allow(non_camel_case_types)] // the names are those of C
#![allow(
    clippy::doc_markdown,
    rustdoc::bare_urls,
    rustdoc::broken_intra_doc_links,
    rustdoc::invalid_html_tags
)] // the docs are written for the header
#![allow(clippy::missing_safety_doc)] // the header says what a caller must ensure

mod boundary;
mod ffi;
mod panic;

// The sections of the header, in its order. The blank lines keep rustfmt from sorting them.
pub mod version;

pub mod status;

pub mod error;

pub mod config;

pub mod client;

pub mod request;

pub mod upload;

pub mod result;

pub mod certificate;

pub mod inspection;

/// Wipes every heap block of libcas; the allocator of the host program is not affected.
#[global_allocator]
static ALLOCATOR: cas_sys::ZeroizingAlloc = cas_sys::ZeroizingAlloc::new();
