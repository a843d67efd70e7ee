//! What every connection of a client has in common.

use std::time::Duration;

use crate::http::proxy::Ways;
use crate::http::roots::Trust;

/// What a connection needs to know.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) connect_timeout: Duration,
    pub(crate) trust: Trust,
    pub(crate) ways: Ways,
    pub(crate) user_agent: String,
}
