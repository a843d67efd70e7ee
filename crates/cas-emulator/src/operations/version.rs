//! The versions of the API.

/// The version whose end Alibaba Cloud has announced.
pub(crate) const VERSION_2018: &str = "2018-07-13";
pub(crate) const VERSION_2020: &str = "2020-04-07";
/// The version of the Security Token Service.
pub(crate) const VERSION_STS: &str = "2015-04-01";
