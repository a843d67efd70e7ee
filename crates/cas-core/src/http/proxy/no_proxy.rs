//! The list of hosts in `NO_PROXY`, which are not reached through a proxy.

use std::net::{IpAddr, Ipv6Addr};

use crate::http::endpoint::{Endpoint, without_brackets};

/// Whether `list` exempts `endpoint`. Its entries are domains, which include their subdomains, IP
/// addresses and networks (`10.0.0.0/8`), each with or without a port, or `*` for all hosts.
pub(super) fn is_exempt(list: &str, endpoint: &Endpoint) -> bool {
    let host = endpoint.bare_host().trim_end_matches('.').to_ascii_lowercase();
    let port = endpoint.port_or_default();
    let entries =
        list.split([',', ' ', '\t', ';']).map(str::trim).filter(|entry| !entry.is_empty());
    entries.map(str::to_ascii_lowercase).any(|entry| entry == "*" || matches(&entry, &host, port))
}

fn matches(entry: &str, host: &str, port: u16) -> bool {
    let (name, entry_port) = match entry.rsplit_once(':') {
        // Several colons without brackets are an IPv6 address without a port.
        Some((name, digits)) if !name.contains(':') || name.ends_with(']') => {
            match digits.parse::<u16>() {
                Ok(port) => (name, Some(port)),
                Err(_) => (entry, None),
            }
        }
        _ => (entry, None),
    };
    if entry_port.is_some_and(|entry_port| entry_port != port) {
        return false;
    }
    let name = without_brackets(name);
    if let Ok(ip) = host.parse::<IpAddr>() {
        return match name.split_once('/') {
            Some((network, bits)) => bits.parse().is_ok_and(|bits| is_within(ip, network, bits)),
            None => name.parse() == Ok(ip),
        };
    }
    let name = name.trim_start_matches('*').trim_start_matches('.').trim_end_matches('.');
    let subdomain = host.strip_suffix(name).filter(|_| !name.is_empty());
    subdomain.is_some_and(|subdomain| subdomain.is_empty() || subdomain.ends_with('.'))
}

fn is_within(ip: IpAddr, network: &str, bits: u32) -> bool {
    // IPv4 as the lowest 32 of 128 bits, so that one comparison covers both versions.
    let number = |ip: IpAddr| match ip {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (Ipv6Addr::to_bits(v6), 128),
    };
    let Ok(network) = network.parse::<IpAddr>() else { return false };
    let ((ip, size), (network, network_size)) = (number(ip), number(network));
    size == network_size
        && bits <= size
        && (ip ^ network).checked_shr(size - bits).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_domains_addresses_networks_and_ports() {
        for (list, endpoint, exempt) in [
            ("*", "cas.aliyuncs.com", true),
            ("aliyuncs.com", "cas.aliyuncs.com", true),
            (".aliyuncs.com", "cas.aliyuncs.com", true),
            ("*.aliyuncs.com", "cas.aliyuncs.com", true),
            ("other,  CAS.aliyuncs.com ", "cas.aliyuncs.com", true),
            ("yuncs.com", "cas.aliyuncs.com", false),
            ("cas.aliyuncs.com.cn", "cas.aliyuncs.com", false),
            ("aliyuncs.com:443", "cas.aliyuncs.com", true),
            ("aliyuncs.com:444", "cas.aliyuncs.com", false),
            ("aliyuncs.com:444", "cas.aliyuncs.com:444", true),
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3:80", "http://10.1.2.3", true),
            ("0.0.0.0/0", "10.1.2.3", true),
            ("fd00::/8", "[fd12::1]", true),
            ("fd00::/8", "[fe80::1]", false),
            ("::1", "[::1]", true),
            ("[fd12::1]:443", "[fd12::1]", true),
            ("::/0", "10.1.2.3", false),
            ("10.0.0.0/33", "10.1.2.3", false),
            ("1", "10.1.2.1", false),
            ("", "host", false),
        ] {
            assert_eq!(
                is_exempt(list, &Endpoint::parse(endpoint).unwrap()),
                exempt,
                "{list:?} {endpoint}"
            );
        }
    }
}
