//! A filter between clients and their endpoint: it loses, replaces or holds back what passes.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::limits::{self, WAIT};
use crate::stub::read_message;

/// What happens to a request and its response.
pub enum Treatment {
    /// Both pass.
    Pass,
    /// The connection is closed, and the service sees no request.
    LoseRequest,
    /// The client gets these bytes, the connection is closed, and the service sees no request.
    Answer(Vec<u8>),
    /// The service gets the request. The client gets what this makes of the response, and the
    /// connection is closed. It may wait.
    Change(Box<dyn FnOnce(Vec<u8>) -> Vec<u8> + Send>),
    /// The service gets the request twice, and the client the second response.
    Repeat,
    /// The kernel refuses connections for this time, and the request is treated so. Once for each
    /// filter.
    Refuse(Duration, Box<Treatment>),
}

impl Treatment {
    /// The service gets the request, and the client no response.
    pub fn lose_response() -> Self {
        Self::replace(Vec::new())
    }

    /// The service gets the request, and the client these bytes.
    pub fn replace(response: Vec<u8>) -> Self {
        Self::Change(Box::new(|_| response))
    }
}

/// A filter on a free port of the loopback interface.
pub struct Filter {
    port: u16,
}

/// What the connections of a filter share.
struct Shared {
    /// The port of the service.
    service: u16,
    choose: Box<dyn Fn(&str) -> Treatment + Send + Sync>,
    /// The socket that listens, until connections are refused.
    first: Mutex<Option<Arc<Socket>>>,
    refused_for: Mutex<Duration>,
}

impl Filter {
    /// Forwards requests to `service` as `choose` says, which is called with the action of each.
    pub fn start(service: u16, choose: impl Fn(&str) -> Treatment + Send + Sync + 'static) -> Self {
        limits::arm();
        let first = bind(0);
        let port = first.local_addr().unwrap().as_socket().unwrap().port();
        // Keeps the port while connections are refused.
        let second = bind(port);
        first.listen(1024).unwrap();
        let first = Arc::new(first);
        let shared = Arc::new(Shared {
            service,
            choose: Box::new(choose),
            first: Mutex::new(Some(Arc::clone(&first))),
            refused_for: Mutex::default(),
        });
        thread::spawn(move || {
            accept(&first, &shared);
            drop(first);
            let pause = *shared.refused_for.lock().unwrap();
            thread::sleep(pause);
            second.listen(1024).unwrap();
            accept(&second, &shared);
        });
        Self { port }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A socket that does not listen yet: until then, several may be bound to the port.
fn bind(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_reuse_address(true).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
    socket
}

fn accept(listener: &Socket, shared: &Arc<Shared>) {
    while let Ok((client, _)) = listener.accept() {
        let shared = Arc::clone(shared);
        thread::spawn(move || serve(client.into(), &shared));
    }
}

fn serve(mut client: TcpStream, shared: &Shared) {
    client.set_read_timeout(Some(WAIT)).unwrap();
    while let Some(request) = read_message(&mut client) {
        let parameters = request.1.split('&');
        let action = parameters.filter_map(|pair| pair.strip_prefix("Action=")).next();
        let mut treatment = (shared.choose)(action.unwrap_or_default());
        if let Treatment::Refuse(pause, then) = treatment {
            shared.refuse(pause);
            treatment = *then;
        }
        let change = match treatment {
            Treatment::Pass => None,
            Treatment::Repeat => {
                if forward(&request, shared.service).is_none() {
                    return;
                }
                None
            }
            Treatment::Change(change) => Some(change),
            Treatment::Answer(bytes) => {
                let _ = client.write_all(&bytes); // the client may be gone
                return;
            }
            Treatment::LoseRequest | Treatment::Refuse(..) => return,
        };
        let Some(response) = forward(&request, shared.service) else { return };
        let passes = change.is_none();
        let response = match change {
            Some(change) => change(response),
            None => response,
        };
        if client.write_all(&response).is_err() || !passes {
            return;
        }
    }
}

impl Shared {
    fn refuse(&self, pause: Duration) {
        *self.refused_for.lock().unwrap() = pause;
        if let Some(first) = self.first.lock().unwrap().take() {
            first.shutdown(Shutdown::Both).unwrap(); // no longer listens
        }
    }
}

/// The response of the service, if it gives one.
fn forward((head, body): &(String, String), service: u16) -> Option<Vec<u8>> {
    let mut server = TcpStream::connect(("127.0.0.1", service)).ok()?;
    server.set_read_timeout(Some(WAIT)).unwrap();
    server.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).ok()?;
    let (head, body) = read_message(&mut server)?;
    Some(format!("{head}\r\n\r\n{body}").into_bytes())
}
