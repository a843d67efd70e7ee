//! The sockets on which the server accepts connections.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

use super::listen_address::ListenAddress;

/// How many connections wait to be accepted. More than `std` allows: otherwise a burst of
/// connections overflows the queue, and their clients wait for a second.
const BACKLOG: i32 = 1_024;
/// How often to look for a port that is free at all addresses.
const PORT_ATTEMPTS: usize = 16;

/// The sockets on which the server accepts connections.
pub(crate) struct Listeners {
    pub(super) sockets: Vec<Socket>,
    addresses: Vec<SocketAddr>,
    file: Option<SocketFile>,
}

/// The file of a Unix socket, removed on drop.
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode, to leave the file alone that another program has put in its place.
    id: (u64, u64),
}

impl Listeners {
    /// Listens on `addresses`, which `address` resolves to, or on its Unix socket. Addresses that
    /// the machine does not have are left out, unless it has none of them.
    pub(crate) fn bind(address: &ListenAddress, addresses: &[SocketAddr]) -> io::Result<Self> {
        if let ListenAddress::Unix(path) = address {
            let socket = bind_unix(path)?;
            let file = SocketFile::of(path)?;
            return Ok(Self { sockets: vec![socket], addresses: Vec::new(), file: Some(file) });
        }
        for _ in 1..PORT_ATTEMPTS {
            match bind_tcp(addresses) {
                Err(error) if is_taken(&error) && addresses.iter().all(|one| one.port() == 0) => {}
                other => return other,
            }
        }
        bind_tcp(addresses)
    }

    /// The addresses that the server listens on. None for a Unix socket.
    pub(crate) fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The sockets, and the file to remove when the server has stopped.
    pub(super) fn into_parts(self) -> (Vec<Socket>, Option<SocketFile>) {
        (self.sockets, self.file)
    }
}

fn is_taken(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrInUse
}

/// Listens on all `addresses` that the machine has, with one port.
fn bind_tcp(addresses: &[SocketAddr]) -> io::Result<Listeners> {
    let mut listeners = Listeners { sockets: Vec::new(), addresses: Vec::new(), file: None };
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        let mut address = *address;
        if let Some(first) = listeners.addresses.first().filter(|_| address.port() == 0) {
            address.set_port(first.port());
        }
        match listen(address) {
            Ok((socket, address)) => {
                listeners.sockets.push(socket);
                listeners.addresses.push(address);
            }
            Err(error) if is_taken(&error) => return Err(error),
            Err(error) => failure = error,
        }
    }
    if listeners.sockets.is_empty() { Err(failure) } else { Ok(listeners) }
}

fn listen(address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let bound = socket.local_addr()?.as_socket();
    Ok((socket, bound.unwrap_or(address)))
}

fn bind_unix(path: &Path) -> io::Result<Socket> {
    let address = SockAddr::unix(path)?;
    remove_stale(path, &address)?;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The file gets the mode of the socket, whatever the umask permits.
    let file = File::from(OwnedFd::from(socket));
    file.set_permissions(Permissions::from_mode(0o600))?;
    let socket = Socket::from(OwnedFd::from(file));
    socket.bind(&address)?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// Removes the socket file of a program that has ended.
fn remove_stale(path: &Path, address: &SockAddr) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => {}
        Ok(_) => {
            let message = "the file exists and is not a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    }
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // A full queue of connections would block it.
    socket.set_nonblocking(true)?;
    match socket.connect(address) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => {
            let message = "another program listens on it";
            Err(io::Error::new(io::ErrorKind::AddrInUse, message))
        }
    }
}

impl SocketFile {
    fn of(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let id = Self::id(&path)?;
        Ok(Self { path, id })
    }

    fn id(path: &Path) -> io::Result<(u64, u64)> {
        fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::id(&self.path).is_ok_and(|id| id == self.id) {
            let _ = fs::remove_file(&self.path); // fails if the directory has become read-only
        }
    }
}
