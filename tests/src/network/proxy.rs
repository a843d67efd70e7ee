//! Real proxies: tinyproxy for CONNECT, microsocks for SOCKS 5.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::WAIT;
use crate::{Process, Program, scratch};

/// A proxy on a port of this machine, for as long as this lives.
pub struct Proxy {
    /// Where it listens: "127.0.0.1:port".
    pub address: String,
    log: PathBuf,
    _process: Process,
}

impl Proxy {
    /// An HTTP proxy, which requires user name and password if they are given.
    #[track_caller]
    pub fn http(login: Option<(&str, &str)>) -> Self {
        Self::start("tinyproxy", |port, log| {
            let auth = login.map(|(user, password)| format!("BasicAuth {user} {password}\n"));
            let config = log.with_extension("conf");
            let log = log.display();
            let settings = format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\n\
                 LogFile \"{log}\"\nLogLevel Connect\n{}",
                auth.unwrap_or_default()
            );
            fs::write(&config, settings).unwrap();
            Program::bare("tinyproxy").arg("-d").arg("-c").arg(config)
        })
    }

    /// A SOCKS 5 proxy, which requires user name and password if they are given.
    #[track_caller]
    pub fn socks(login: Option<(&str, &str)>) -> Self {
        Self::start("microsocks", |port, log| {
            // It logs to standard error.
            let script = "exec microsocks -i 127.0.0.1 \"$@\" 2>\"$0\"";
            let program = Program::bare("sh").arg("-c").arg(script).arg(log).args(["-p", port]);
            match login {
                Some((user, password)) => program.args(["-u", user, "-P", password]),
                None => program,
            }
        })
    }

    #[track_caller]
    fn start(program: &str, command: impl FnOnce(&str, &PathBuf) -> Program) -> Self {
        // The proxies cannot choose a free port themselves: this one was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = scratch("proxies").join(format!("{program}-{port}.log"));
        File::create(&log).unwrap();
        let process = command(&port.to_string(), &log).start();
        let proxy = Self { address: format!("127.0.0.1:{port}"), log, _process: process };
        let started = Instant::now();
        while TcpStream::connect(&proxy.address).is_err() {
            assert!(started.elapsed() < WAIT, "{program} does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        proxy
    }

    /// The log that it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}
