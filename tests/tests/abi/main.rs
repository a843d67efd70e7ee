//! The C interface: what compilers, linkers and loaders see, and what C programs rely on.

mod c_programs;
mod header;
mod install;
mod libraries;
mod release;
