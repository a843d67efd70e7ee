//! Profiles in the files of the official tools.

pub(crate) mod cli;
mod cli_file;
mod cloud_sso;
mod fields;
pub(crate) mod ini;
mod oauth;
mod process;
mod replace_file;
