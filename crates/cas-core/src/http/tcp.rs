//! TCP connections: made within the connect timeout, written to once per request, wiped after it.

use std::fmt;
use std::io::{self, Read, Write};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

use crate::http::buffers::WireBuffers;
use crate::http::deadline::RequestDeadline;
use crate::http::endpoint::Endpoint;
use crate::http::failure::TransportError;
use crate::http::proxy::{Proxy, tunnel};
use crate::http::resolver;
use crate::http::settings::Settings;

/// Sockets wake up at least this often to look at the deadline, so that it needs no system call to set it
/// anew for every request.
const TICK: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct TcpConnector(pub(super) Arc<Settings>);

impl Connector<()> for TcpConnector {
    type Out = Tcp;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Tcp>, ureq::Error> {
        RequestDeadline::connecting(self.0.connect_timeout);
        let (target, proxy) = self.route(details)?;
        let (host, port) = (target.host(), target.port_or_default());
        let proxy = proxy.as_ref();
        let (to_host, to_port) = proxy.map_or((host, port), |proxy| (&proxy.host, proxy.port));
        let refused = |error: io::Error| refused(to_host, to_port, proxy.is_some(), &error);
        let left = RequestDeadline::time_left().map_err(refused)?;
        let addresses = resolver::addresses(to_host, to_port, left)?;
        let mut stream = connect_any(&addresses).map_err(refused)?;
        if let Some(proxy) = proxy {
            tunnel::open(&mut stream, proxy, host, port)?;
        }
        Ok(Some(Tcp::new(stream).map_err(refused)?))
    }
}

impl TcpConnector {
    /// The endpoint that a request is for, and the proxy that leads to it, if any.
    fn route(
        &self,
        details: &ConnectionDetails<'_>,
    ) -> Result<(Endpoint, Option<Proxy>), TransportError> {
        let scheme = details.uri.scheme_str().unwrap_or_default();
        let authority = details.uri.authority().map_or("", |authority| authority.as_str());
        Endpoint::parse(&format!("{scheme}://{authority}"))
            .and_then(|target| {
                let proxy = self.0.proxy_policy.proxy_for(&target)?;
                Ok((target, proxy))
            })
            .map_err(|error| {
                TransportError::not_sent(error.message().trim_end_matches('.'))
                    .with_hint(error.hint().unwrap_or_default())
                    .permanent()
            })
    }
}

fn refused(host: &str, port: u16, is_proxy: bool, error: &io::Error) -> TransportError {
    let who = if is_proxy { "the proxy " } else { "" };
    if error.kind() == io::ErrorKind::TimedOut {
        TransportError::not_sent(format!(
            "no connection to {who}{host}:{port} within the time allowed"
        ))
        .with_hint("Check the network and any firewall between, or allow more time to connect.")
    } else {
        let what = if is_proxy { "the proxy's address" } else { "the endpoint" };
        TransportError::not_sent(format!("no connection to {who}{host}:{port}: {error}"))
            .with_hint(format!("Check {what}, and whether a firewall or proxy stands between."))
    }
}

/// The first address that answers; each gets an equal share of the time that is left.
fn connect_any(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, address) in addresses.iter().enumerate() {
        let share = u32::try_from(addresses.len() - tried).unwrap_or(1);
        match TcpStream::connect_timeout(address, RequestDeadline::time_left()? / share) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

pub(crate) struct Tcp {
    stream: TcpStream,
    buffers: WireBuffers,
    /// Whether the last thing that happened was a read that got something.
    fresh: bool,
    read_timeout: Duration,
    write_timeout: Duration,
}

impl Tcp {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
        stream.set_write_timeout(Some(TICK))?;
        Ok(Self {
            stream,
            buffers: WireBuffers::new(),
            fresh: false,
            read_timeout: TICK,
            write_timeout: TICK,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        let Self { stream, buffers, write_timeout, .. } = self;
        buffers.send_pending(|mut bytes| {
            while !bytes.is_empty() {
                arm(write_timeout, |timeout| stream.set_write_timeout(Some(timeout)))?;
                match stream.write(bytes) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(taken) => {
                        RequestDeadline::accepted(taken);
                        bytes = &bytes[taken..];
                    }
                    Err(error) if is_pause(&error) => {}
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }
}

/// Sets a socket timeout no longer than the time that is left, if it is not set already.
fn arm(current: &mut Duration, set: impl FnOnce(Duration) -> io::Result<()>) -> io::Result<()> {
    let wanted = RequestDeadline::time_left()?.min(TICK).max(Duration::from_millis(1));
    if wanted != *current {
        set(wanted)?;
        *current = wanted;
    }
    Ok(())
}

fn is_pause(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

impl Transport for Tcp {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    /// Only collects: what is written goes out together when an answer is awaited.
    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.fresh = false;
        if self.buffers.collect(amount) {
            self.flush()?;
        }
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        self.flush()?;
        let Self { stream, buffers, read_timeout, .. } = self;
        let received = loop {
            arm(read_timeout, |timeout| stream.set_read_timeout(Some(timeout)))?;
            match stream.read(buffers.input_append_buf()) {
                Ok(received) => break received,
                Err(error) if is_pause(&error) => {}
                Err(error) => return Err(error.into()),
            }
        };
        self.buffers.input_appended(received);
        self.fresh = received > 0;
        Ok(received > 0)
    }

    /// Whether the connection can carry another request: nothing has been received, not even its end.
    /// ureq asks twice, after an answer and before the next request; only the second time is worth asking
    /// the kernel.
    fn is_open(&mut self) -> bool {
        if std::mem::take(&mut self.fresh) {
            return true;
        }
        let mut byte = [MaybeUninit::uninit()];
        let peeked = SockRef::from(&self.stream)
            .recv_with_flags(&mut byte, libc::MSG_PEEK | libc::MSG_DONTWAIT);
        matches!(peeked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

impl fmt::Debug for Tcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tcp").field(&self.stream).finish()
    }
}
