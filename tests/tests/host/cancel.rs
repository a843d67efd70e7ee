//! Calls that another thread ends.
