//! Looks up host names, only when a new connection is opened.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use cas_sys::BlockedSignals;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::messages::not_resolved;

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

/// Looks up the addresses of `host` (IPv6 with or without brackets) within `timeout`.
///
/// Only a name needs a thread: the system's look-up cannot be interrupted. After a timeout the
/// thread ends by itself.
pub(crate) fn addresses(
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<Vec<SocketAddr>, TransportError> {
    let bare = without_brackets(host);
    if let Ok(ip) = bare.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if bare == "localhost" {
        // RFC 6761: never sent to a name server.
        return Ok([IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)]
            .map(|ip| SocketAddr::new(ip, port))
            .to_vec());
    }
    let name = bare.to_owned();
    look_up(timeout, move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect))
        .map_err(|error| not_resolved(bare, timeout, &error))
}

fn look_up(
    timeout: Duration,
    resolve: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
) -> io::Result<Vec<SocketAddr>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    // The thread inherits the mask: signal handlers of the host program must not run on it.
    let blocked = BlockedSignals::new();
    thread::Builder::new().name("cas-resolve".to_owned()).spawn(move || {
        // The receiver is gone if the timeout came first.
        let _ = sender.send(resolve());
    })?;
    drop(blocked);
    match receiver.recv_timeout(timeout) {
        Ok(Ok(addresses)) if addresses.is_empty() => {
            Err(io::Error::other("the name has no address"))
        }
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ip_addresses_and_localhost_need_no_name_server() {
        for (host, first) in
            [("127.0.0.1", "127.0.0.1:1"), ("[::1]", "[::1]:1"), ("localhost", "127.0.0.1:1")]
        {
            assert_eq!(addresses(host, 1, Duration::ZERO).unwrap()[0], first.parse().unwrap());
        }
    }

    #[test]
    fn slow_lookup_ends_with_the_timeout() {
        let (release, wait) = mpsc::channel::<()>();
        let error = look_up(Duration::from_millis(1), move || {
            let _ = wait.recv();
            Ok(Vec::new())
        })
        .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        drop(release);
    }

    /// The signals that the calling thread blocks: bit 0 is signal 1.
    fn blocked_signals() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    #[test]
    fn lookup_thread_blocks_the_signals_of_the_host_program() {
        let (sender, receiver) = mpsc::channel();
        let before = blocked_signals();
        let found = look_up(Duration::from_secs(60), move || {
            sender.send(blocked_signals()).unwrap();
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], 1))])
        });
        assert!(found.is_ok());
        let blocked = receiver.recv().unwrap();
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGUSR1, libc::SIGTERM, libc::SIGCHLD] {
            assert_ne!(blocked & 1 << (signal - 1), 0, "signal {signal}");
        }
        assert_eq!(blocked & 1 << (libc::SIGSEGV - 1), 0);
        assert_eq!(blocked_signals(), before);
    }

    #[test]
    fn name_without_address_is_an_error() {
        assert!(look_up(Duration::from_secs(60), || Ok(Vec::new())).is_err());
    }
}
