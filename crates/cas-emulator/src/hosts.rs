//! The hosts that the emulator stands in for: those of the service, and itself.
//!
//! Uses no other module.

use std::net::{IpAddr, SocketAddr};

/// The services, as their host names begin.
const SERVICES: [&str; 4] = ["cas", "cas-vpc", "sts", "sts-vpc"];
/// Those that have a host name without a region.
const WITHOUT_REGION: [&str; 2] = ["cas", "sts"];
/// What their host names end with.
pub(crate) const DOMAIN: &str = "aliyuncs.com";
/// The ports of the service.
const PORTS: [u16; 2] = [80, 443];

/// [`is_of_service`] in words.
pub(crate) const NAMES: &str = "cas.aliyuncs.com, cas.REGION.aliyuncs.com, \
                                cas-vpc.REGION.aliyuncs.com, and the same with sts, at the ports \
                                80 and 443";

/// The hosts that the emulator stands in for.
pub(crate) struct Hosts {
    /// Where it listens.
    own: Vec<SocketAddr>,
}

impl Hosts {
    /// With the addresses that the emulator listens on.
    pub(crate) fn new(own: &[SocketAddr]) -> Self {
        Self { own: own.to_vec() }
    }

    /// Whether the emulator stands in for a host, such as `cas.aliyuncs.com` or `[::1]`, at this
    /// port.
    pub(crate) fn serve(&self, host: &str, port: u16) -> bool {
        (is_of_service(host) && PORTS.contains(&port))
            || self.own.iter().any(|own| own.port() == port && is_at(host, own.ip()))
    }
}

/// Whether `name` is a host name of the Certificate Management Service or the Security Token
/// Service. A dot at the end is allowed; case is ignored.
pub(crate) fn is_of_service(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let Some(labels) = name.strip_suffix(DOMAIN).and_then(|rest| rest.strip_suffix('.')) else {
        return false;
    };
    match labels.split_once('.') {
        None => WITHOUT_REGION.contains(&labels),
        Some((service, region)) => SERVICES.contains(&service) && is_label(region),
    }
}

/// Whether `text` is a label of a host name.
pub(crate) fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether `host` is the machine of the emulator, which listens on `own`.
fn is_at(host: &str, own: IpAddr) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(ip) => ip == own || own.is_unspecified() || (ip.is_loopback() && own.is_loopback()),
        Err(_) if host.eq_ignore_ascii_case("localhost") => {
            own.is_loopback() || own.is_unspecified()
        }
        // A name in a network of containers.
        Err(_) => own.is_unspecified() && is_label(host),
    }
}

/// Splits `host:port` or `[::1]:port`. The port can be missing; `None` if it is invalid, or if
/// the host is missing.
pub(crate) fn split_authority(authority: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = authority.rfind(']').map_or(0, |bracket| bracket + 1);
    let (host, port) = match authority[end_of_host..].find(':') {
        Some(colon) => {
            (&authority[..end_of_host + colon], Some(&authority[end_of_host + colon + 1..]))
        }
        None => (authority, None),
    };
    let port = match port {
        // `parse` accepts a sign.
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(port.parse().ok().filter(|&port| port != 0)?)
        }
        Some(_) => return None,
        None => None,
    };
    (!host.is_empty()).then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_service_are_known() {
        for name in [
            "cas.aliyuncs.com",
            "CAS.Aliyuncs.COM",
            "cas.aliyuncs.com.",
            "sts.aliyuncs.com",
            "cas.ap-southeast-1.aliyuncs.com",
            "cas-vpc.cn-hangzhou.aliyuncs.com",
            "sts.cn-beijing.aliyuncs.com",
            "sts-vpc.eu-central-1.aliyuncs.com",
        ] {
            assert!(is_of_service(name), "{name}");
        }
        for name in [
            "",
            ".",
            "aliyuncs.com",
            ".aliyuncs.com",
            "cdn.aliyuncs.com",
            "cas-vpc.aliyuncs.com",
            "xcas.aliyuncs.com",
            "cas..aliyuncs.com",
            "cas.a.b.aliyuncs.com",
            "cas.aliyuncs.com..",
            "cas.aliyuncs.com.example",
            "cas.xaliyuncs.com",
            "cas.-.aliyuncs.com",
            "cas.a_b.aliyuncs.com",
            "user@cas.aliyuncs.com",
            "cas.cn-hangzhou.aliyuncs.cn",
        ] {
            assert!(!is_of_service(name), "{name}");
        }
        assert!(!is_of_service(&format!("cas.{}.aliyuncs.com", "r".repeat(64))));
    }

    #[test]
    fn the_emulator_serves_the_service_and_itself() {
        let hosts = Hosts::new(&["127.0.0.1:8480".parse().unwrap()]);
        for (host, port, served) in [
            ("cas.aliyuncs.com", 443, true),
            ("cas.aliyuncs.com", 80, true),
            ("cas.aliyuncs.com", 8480, false),
            ("localhost", 8480, true),
            ("127.0.0.1", 8480, true),
            ("127.0.0.1", 22, false),
            ("localhost", 443, false),
            ("[::1]", 8480, true),
            ("192.0.2.1", 8480, false),
            ("emulator", 8480, false),
            ("example.com", 443, false),
        ] {
            assert_eq!(hosts.serve(host, port), served, "{host}:{port}");
        }
        let everywhere = Hosts::new(&["[::]:8480".parse().unwrap()]);
        for host in ["localhost", "127.0.0.1", "[::1]", "192.0.2.1", "cas-emulator"] {
            assert!(everywhere.serve(host, 8480), "{host}");
        }
        assert!(!everywhere.serve("rebound.example", 8480));
    }

    #[test]
    fn authorities_are_split() {
        for (authority, parts) in [
            ("a:1", Some(("a", Some(1)))),
            ("a", Some(("a", None))),
            ("[::1]:443", Some(("[::1]", Some(443)))),
            ("[::1]", Some(("[::1]", None))),
            ("a:65535", Some(("a", Some(65535)))),
            ("a:65536", None),
            ("a:0", None),
            ("a:+1", None),
            ("a:", None),
            ("a:b", None),
            ("a:1:2", None),
            (":1", None),
            ("", None),
        ] {
            assert_eq!(split_authority(authority), parts, "{authority}");
        }
    }
}
