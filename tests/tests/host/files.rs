//! Files and memory that cannot be had.
