//! Programs that host libcas: what they may do to it, and what it never does to them.

mod callbacks;
mod cancel;
mod environment;
mod files;
mod locale;
mod refusals;
mod threads;
