//! The environment, privileges and the home directory.
