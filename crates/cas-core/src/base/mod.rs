//! What every other folder may use. Pure, but for the environment that is read once.

pub mod env;
pub mod error;
pub mod logger;
pub mod secret;
