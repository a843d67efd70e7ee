//! A refused value is never replaced by another one.
