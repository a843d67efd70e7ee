//! Where an emulator listens.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// Where an emulator listens: an IP address, the addresses of a host name, or a Unix socket.
///
/// As text, `127.0.0.1:8480`, `localhost:8480` or `unix:/run/cas-emulator.sock`. Port 0 is a free
/// port, the same at all addresses of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListenAddress {
    /// An IP address and a port.
    Ip(SocketAddr),
    /// A host name and a port. `localhost` is 127.0.0.1 and, if the machine has IPv6, `[::1]`.
    Name(String, u16),
    /// A Unix socket of this path, which only the user of the emulator can connect to.
    Unix(PathBuf),
}

/// The text is not a valid [`ListenAddress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseListenAddressError;

impl ListenAddress {
    /// The addresses to listen on, at least one. None for a Unix socket.
    pub fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Ip(address) => Ok(vec![*address]),
            Self::Unix(_) => Ok(Vec::new()),
            // A container without /etc/hosts cannot resolve it.
            Self::Name(name, port) if name.eq_ignore_ascii_case("localhost") => {
                let [v4, v6] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                Ok(vec![SocketAddr::new(v4, *port), SocketAddr::new(v6, *port)])
            }
            Self::Name(name, port) => {
                let mut addresses = Vec::new();
                for address in (name.as_str(), *port).to_socket_addrs()? {
                    if !addresses.contains(&address) {
                        addresses.push(address);
                    }
                }
                Ok(addresses)
            }
        }
    }
}

impl From<SocketAddr> for ListenAddress {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl FromStr for ListenAddress {
    type Err = ParseListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() {
                Err(ParseListenAddressError)
            } else {
                Ok(Self::Unix(path.into()))
            };
        }
        if let Ok(address) = text.parse() {
            return Ok(Self::Ip(address));
        }
        let (name, port) = text.rsplit_once(':').ok_or(ParseListenAddressError)?;
        let is_name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        // Neither part is empty, and an address such as 127.0.0.999 is not a name.
        let is_name =
            name.bytes().all(is_name_byte) && name.bytes().any(|byte| byte.is_ascii_alphabetic());
        match port.parse() {
            Ok(port) if is_name => Ok(Self::Name(name.to_owned(), port)),
            _ => Err(ParseListenAddressError),
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name(name, port) => write!(f, "{name}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl fmt::Display for ParseListenAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected ADDRESS:PORT, such as 127.0.0.1:8480 or localhost:0, or unix:PATH")
    }
}

impl std::error::Error for ParseListenAddressError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_names_and_sockets_are_told_apart() {
        for text in
            ["127.0.0.1:0", "[::1]:8480", "localhost:0", "a-b.c_d:65535", "unix:/a b", "unix:s"]
        {
            let address: ListenAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
            let is_ip = text.starts_with(['1', '[']);
            assert_eq!(matches!(address, ListenAddress::Ip(_)), is_ip, "{text}");
            assert_eq!(
                matches!(address, ListenAddress::Unix(_)),
                text.starts_with("unix"),
                "{text}"
            );
        }
        for text in [
            "",
            ":",
            ":0",
            "8480",
            "localhost",
            "localhost:",
            "localhost:x",
            "localhost:65536",
            "unix:",
            "127.0.0.999:0",
            "::1:0",
            "[localhost]:0",
            "http://localhost:0",
            "a b:0",
        ] {
            assert_eq!(text.parse::<ListenAddress>(), Err(ParseListenAddressError), "{text}");
        }
    }

    #[test]
    fn localhost_has_both_loopback_addresses() {
        let addresses = ListenAddress::Name("LocalHost".into(), 7).resolve().unwrap();
        assert_eq!(addresses, ["127.0.0.1:7", "[::1]:7"].map(|text| text.parse().unwrap()));
    }
}
