//! Looks up host names, only when a new connection is opened.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::Exhaustion;
use crate::base::lookups::{Lookups, OfProcess};
use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::messages::not_resolved;

/// Most names that a process looks up at once. Each has a thread.
const MAX_LOOKUPS: usize = 16;

static OF_PROCESS: OfProcess<Vec<IpAddr>> = OfProcess::new();

/// Returns no address: ureq looks a name up before it looks for an open connection, and
/// [`addresses`] does so only if there is none.
#[derive(Debug)]
pub(crate) struct LazyResolver;

impl Resolver for LazyResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}

/// Looks up the addresses of `host` (IPv6 with or without brackets) before `limit`.
///
/// Only a name needs a thread: the system's look-up cannot be interrupted. The thread ends by
/// itself; until then, all calls of the process that need the same name wait for it.
pub(crate) fn addresses(
    host: &str,
    port: u16,
    limit: &Deadline,
) -> Result<Vec<SocketAddr>, TransportError> {
    let bare = without_brackets(host);
    let with_port = |ips: &[IpAddr]| ips.iter().map(|ip| SocketAddr::new(*ip, port)).collect();
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(with_port(&[ip]));
    }
    if bare == "localhost" {
        // RFC 6761: never sent to a name server.
        return Ok(with_port(&[Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]));
    }
    let allowed = limit.time_left();
    let lookups = Lookups::of_process(&OF_PROCESS, MAX_LOOKUPS);
    match lookups.look_up(bare, limit, system_lookup) {
        Ok(ips) => Ok(with_port(&ips)),
        Err(error) => Err(not_resolved(bare, allowed, &error)),
    }
}

fn system_lookup(host: &str) -> io::Result<Vec<IpAddr>> {
    let found = (host, 0).to_socket_addrs().map_err(|error| {
        // The system's look-up does not say that it could open no file or socket, and std does not
        // pass on the number of an error: this is the text of EAI_MEMORY, in the locale "C".
        let no_memory = error.to_string().ends_with("Memory allocation failure");
        let exhaustion =
            if no_memory { Some(Exhaustion::Memory) } else { Exhaustion::of_descriptors() };
        exhaustion.map_or(error, Into::into)
    })?;
    let ips: Vec<_> = found.map(|address| address.ip()).collect();
    if ips.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(ips) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_addresses_and_localhost_need_no_name_server() {
        let over = Deadline::over();
        for (host, first) in
            [("127.0.0.1", "127.0.0.1:1"), ("[::1]", "[::1]:1"), ("localhost", "127.0.0.1:1")]
        {
            assert_eq!(addresses(host, 1, &over).unwrap()[0], first.parse().unwrap());
        }
    }
}
