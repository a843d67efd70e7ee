//! Real proxies from Debian's packages: tinyproxy for CONNECT, microsocks for SOCKS 5.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::scratch;

/// A proxy on a port of this machine, for as long as this lives.
pub struct Proxy {
    child: Child,
    /// Where it listens: "127.0.0.1:port".
    pub address: String,
    log: PathBuf,
}

impl Proxy {
    /// An HTTP proxy, which wants user name and password where they are given.
    pub fn http(login: Option<(&str, &str)>) -> Self {
        Self::start("tinyproxy", |port, log| {
            let auth = login
                .map_or(String::new(), |(user, password)| format!("BasicAuth {user} {password}\n"));
            let config = log.with_extension("conf");
            let settings = format!(
                "Port {port}\nListen 127.0.0.1\nAllow 127.0.0.1\nTimeout 60\nLogFile \"{}\"\nLogLevel Connect\n{auth}",
                log.display()
            );
            fs::write(&config, settings).unwrap();
            let mut command = Command::new("tinyproxy");
            command.arg("-d").arg("-c").arg(config);
            command
        })
    }

    /// A SOCKS 5 proxy.
    pub fn socks(login: Option<(&str, &str)>) -> Self {
        Self::start("microsocks", |port, log| {
            let mut command = Command::new("microsocks");
            command.args(["-i", "127.0.0.1", "-p", port]).stderr(File::create(log).unwrap());
            if let Some((user, password)) = login {
                command.args(["-u", user, "-P", password]);
            }
            command
        })
    }

    fn start(program: &str, command: impl FnOnce(&str, &PathBuf) -> Command) -> Self {
        // Taken and given back: the proxies cannot be asked for any free one.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let log = scratch("proxies").join(format!("{program}-{port}.log"));
        File::create(&log).unwrap();
        let child = command(&port.to_string(), &log)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("{program} is needed: install it ({error})"));
        let proxy = Self { child, address: format!("127.0.0.1:{port}"), log };
        let limit = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&proxy.address).is_err() {
            assert!(Instant::now() < limit, "{program} does not listen");
            thread::sleep(Duration::from_millis(10));
        }
        proxy
    }

    /// What it wrote down.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
