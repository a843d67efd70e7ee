//! Looks up host names, only when a new connection is opened.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use cas_sys::{BlockedSignals, CLocale};
use once_cell::race::OnceBox;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::Exhaustion;
use crate::http::endpoint::without_brackets;
use crate::http::failure::TransportError;
use crate::http::messages::not_resolved;
use crate::http::per_process::PerProcess;

/// Most look-ups that run at once in a process. Each has a thread, which may hang for as long as
/// the name service does.
const MAX_LOOKUPS: usize = 16;

/// The stack of such a thread: the default of std.
const STACK_BYTES: usize = 2 << 20;

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
    match Lookups::of_process().look_up(bare, limit, system_lookup) {
        Ok(ips) => Ok(with_port(&ips)),
        Err(error) => Err(not_resolved(bare, allowed, &error)),
    }
}

fn system_lookup(host: &str) -> io::Result<Vec<IpAddr>> {
    // The thread begins in the locale of the host program.
    let _c = CLocale::new();
    match (host, 0).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
        // The system's look-up does not say that it could open no file or socket.
        Err(error) => Err(Exhaustion::of_descriptors().map_or(error, Into::into)),
    }
}

/// The addresses of a host. All calls that wait for them share the error.
type LookupResult = Result<Vec<IpAddr>, Arc<io::Error>>;

/// A look-up on a thread of its own.
struct Lookup {
    host: String,
    result: OnceLock<LookupResult>,
}

/// The look-ups of a process. A child of fork has none of the threads and starts with an empty one.
#[derive(Default)]
struct Lookups {
    running: Mutex<Vec<Arc<Lookup>>>,
    ended: Condvar,
}

impl Lookups {
    fn of_process() -> Arc<Self> {
        // Neither of them waits: another thread of a parent may have been here during the fork.
        static OF_PROCESS: OnceBox<PerProcess<Arc<Lookups>>> = OnceBox::new();
        OF_PROCESS.get_or_init(|| Box::new(PerProcess::new(Arc::default()))).get(Arc::default)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Lookup>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the look-up of `host` that is running, or runs one. `TimedOut` at `limit`;
    /// `ResourceBusy` if too many look-ups of other names ran until then.
    fn look_up(
        self: &Arc<Self>,
        host: &str,
        limit: &Deadline,
        resolve: fn(&str) -> io::Result<Vec<IpAddr>>,
    ) -> LookupResult {
        let mut running = self.lock();
        let lookup = loop {
            if let Some(lookup) = running.iter().find(|lookup| lookup.host == host) {
                break Arc::clone(lookup);
            }
            if running.len() < MAX_LOOKUPS {
                let lookup = Arc::new(Lookup { host: host.to_owned(), result: OnceLock::new() });
                self.start(&lookup, resolve)?;
                running.push(Arc::clone(&lookup));
                break lookup;
            }
            running = self.wait(running, limit, io::ErrorKind::ResourceBusy)?;
        };
        loop {
            if let Some(result) = lookup.result.get() {
                return result.clone();
            }
            running = self.wait(running, limit, io::ErrorKind::TimedOut)?;
        }
    }

    /// Waits for the end of any look-up, and no longer than until the limit has to be checked.
    fn wait<'a>(
        &self,
        running: MutexGuard<'a, Vec<Arc<Lookup>>>,
        limit: &Deadline,
        otherwise: io::ErrorKind,
    ) -> Result<MutexGuard<'a, Vec<Arc<Lookup>>>, Arc<io::Error>> {
        let tick = limit.tick().map_err(|_| Arc::new(otherwise.into()))?;
        let (running, _) =
            self.ended.wait_timeout(running, tick).unwrap_or_else(PoisonError::into_inner);
        Ok(running)
    }

    fn start(
        self: &Arc<Self>,
        lookup: &Arc<Lookup>,
        resolve: fn(&str) -> io::Result<Vec<IpAddr>>,
    ) -> io::Result<()> {
        let (lookups, lookup) = (Arc::clone(self), Arc::clone(lookup));
        // The thread inherits the mask: signal handlers of the host program must not run on it.
        let _blocked = BlockedSignals::new();
        // Without a size, std reads RUST_MIN_STACK.
        let builder = thread::Builder::new().name("cas-resolve".to_owned()).stack_size(STACK_BYTES);
        builder
            .spawn(move || lookups.run(&lookup, resolve))
            .map(drop)
            .map_err(|error| Exhaustion::of_start(&error).map_or(error, Into::into))
    }

    fn run(&self, lookup: &Arc<Lookup>, resolve: fn(&str) -> io::Result<Vec<IpAddr>>) {
        let result = match resolve(&lookup.host) {
            Ok(ips) if ips.is_empty() => Err(io::Error::other("the name has no address")),
            result => result,
        };
        // A call that begins after this look-up has ended starts a new one.
        let mut running = self.lock();
        let _ = lookup.result.set(result.map_err(Arc::new)); // set only here
        running.retain(|other| !Arc::ptr_eq(other, lookup));
        drop(running);
        self.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    const MINUTE: Duration = Duration::from_secs(60);

    fn look_up(
        lookups: &Arc<Lookups>,
        host: &str,
        limit: Duration,
        resolve: fn(&str) -> io::Result<Vec<IpAddr>>,
    ) -> LookupResult {
        lookups.look_up(host, &Deadline::after(limit), resolve)
    }

    fn kind(result: LookupResult) -> io::ErrorKind {
        result.unwrap_err().kind()
    }

    #[test]
    fn ip_addresses_and_localhost_need_no_name_server() {
        let over = Deadline::over();
        for (host, first) in
            [("127.0.0.1", "127.0.0.1:1"), ("[::1]", "[::1]:1"), ("localhost", "127.0.0.1:1")]
        {
            assert_eq!(addresses(host, 1, &over).unwrap()[0], first.parse().unwrap());
        }
    }

    #[test]
    fn hanging_lookups_are_limited_and_shared() {
        /// Held while the name service hangs.
        static HANGING: Mutex<()> = Mutex::new(());
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        #[allow(clippy::unnecessary_wraps)] // the type of a resolver
        fn hang(_: &str) -> io::Result<Vec<IpAddr>> {
            STARTED.fetch_add(1, Ordering::SeqCst);
            drop(HANGING.lock());
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        }
        let lookups = Arc::default();
        let soon = Duration::from_millis(1);
        let hanging = HANGING.lock().unwrap();
        for _ in 0..3 {
            for number in 0..MAX_LOOKUPS {
                let result = look_up(&lookups, &format!("host-{number}"), soon, hang);
                assert_eq!(kind(result), io::ErrorKind::TimedOut);
            }
            assert_eq!(
                kind(look_up(&lookups, "one-more", soon, hang)),
                io::ErrorKind::ResourceBusy
            );
        }
        assert_eq!(lookups.lock().len(), MAX_LOOKUPS);
        // Two calls wait for the look-up of one name, and a third for a thread.
        thread::scope(|scope| {
            let waiting: Vec<_> = ["host-0", "host-0", "one-more"]
                .into_iter()
                .map(|host| scope.spawn(|| look_up(&lookups, host, MINUTE, hang)))
                .collect();
            drop(hanging);
            for thread in waiting {
                assert_eq!(thread.join().unwrap().unwrap(), [IpAddr::from(Ipv4Addr::LOCALHOST)]);
            }
        });
        let started = STARTED.load(Ordering::SeqCst);
        assert!((MAX_LOOKUPS + 1..=MAX_LOOKUPS + 2).contains(&started), "{started}");
    }

    #[test]
    fn a_name_without_address_is_an_error() {
        let lookups = Arc::default();
        let error = look_up(&lookups, "none", MINUTE, |_| Ok(Vec::new())).unwrap_err();
        assert_eq!(error.to_string(), "the name has no address");
        let failed = look_up(&lookups, "none", MINUTE, |_| Err(io::ErrorKind::NotFound.into()));
        assert_eq!(kind(failed), io::ErrorKind::NotFound);
    }

    /// The signals that the calling thread blocks: bit 0 is signal 1.
    fn blocked_signals() -> u64 {
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap()
    }

    #[test]
    fn the_thread_blocks_the_signals_of_the_host_program() {
        static MASK: OnceLock<u64> = OnceLock::new();
        let before = blocked_signals();
        let found = look_up(&Arc::default(), "host", MINUTE, |_| {
            MASK.set(blocked_signals()).unwrap();
            Ok(vec![Ipv4Addr::LOCALHOST.into()])
        });
        assert!(found.is_ok());
        let blocked = *MASK.get().unwrap();
        for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGUSR1, libc::SIGTERM, libc::SIGCHLD] {
            assert_ne!(blocked & 1 << (signal - 1), 0, "signal {signal}");
        }
        assert_eq!(blocked & 1 << (libc::SIGSEGV - 1), 0);
        assert_eq!(blocked_signals(), before);
    }
}
