//! Placeholder until the next commits.
