//! Profiles in the files of the official tools: the file formats, and the sources that only a
//! profile can describe. Uses the other sources in `credentials`, and what they use:
//! `service`, `protocol`, `http` and `base`.

pub(crate) mod cli;
mod cli_file;
mod cloud_sso;
mod command_line;
pub(super) mod fields;
pub(crate) mod file;
mod file_lock;
pub(crate) mod ini;
mod oauth;
mod oauth_tokens;
mod process;
mod replace_file;
