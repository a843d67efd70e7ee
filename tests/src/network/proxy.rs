//! Real proxies: tinyproxy and squid for HTTP, microsocks and Dante for SOCKS 5.

use std::env;
use std::fs::{self, File, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::limits::WAIT;
use crate::{Process, Program, scratch};

/// A proxy on a port of this machine, for as long as this lives.
pub struct Proxy {
    /// Where it listens: "127.0.0.1:port".
    pub address: String,
    log: PathBuf,
    process: Process,
}

/// The first of these daemons that is installed. Not every user's search path has /usr/sbin.
#[track_caller]
fn daemon(names: &[&str]) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
        .find(|daemon| daemon.is_file())
        .unwrap_or_else(|| panic!("{} is needed: install it", names.join(" or ")))
}

impl Proxy {
    /// An HTTP proxy, which requires user name and password if they are given.
    #[track_caller]
    pub fn http(login: Option<(&str, &str)>) -> Self {
        Self::start("tinyproxy", |port, log| {
            let auth = login.map(|(user, password)| format!("BasicAuth {user} {password}\n"));
            let config = log.with_file_name("conf");
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

    /// squid as administrators set it up: CONNECT leads to the ports of HTTPS alone, here 443 and
    /// `tls_port`. It may require a login by a scheme, "basic" or "digest".
    #[track_caller]
    pub fn squid(tls_port: u16, login: Option<(&str, (&str, &str))>) -> Self {
        Self::start("squid", |port, log| {
            // Started by root, it runs as a user who may have no access to the directories above.
            fs::set_permissions(log.parent().unwrap(), Permissions::from_mode(0o755)).unwrap();
            fs::set_permissions(log, Permissions::from_mode(0o666)).unwrap();
            let rules = match login {
                None => "acl clients src 127.0.0.1".to_owned(),
                Some((scheme, (user, password))) => {
                    // For Digest, squid would ask something else once a client answered it.
                    let check = format!(
                        "while read -r login; do\n\
                         [ \"$login\" = '{user} {password}' ] && echo OK || echo ERR\n\
                         done\n"
                    );
                    fs::write(log.with_file_name("check"), check).unwrap();
                    format!(
                        "auth_param {scheme} program /bin/sh check\n\
                         auth_param {scheme} realm squid\n\
                         acl clients proxy_auth REQUIRED"
                    )
                }
            };
            let settings = format!(
                "http_port 127.0.0.1:{port}\n\
                 {rules}\n\
                 acl SSL_ports port 443 {tls_port}\n\
                 acl Safe_ports port 80 443 1025-65535\n\
                 acl CONNECT method CONNECT\n\
                 http_access deny !Safe_ports\n\
                 http_access deny CONNECT !SSL_ports\n\
                 http_access allow clients\n\
                 http_access deny all\n\
                 access_log stdio:log\n\
                 cache_log /dev/null\n\
                 cache deny all\n\
                 coredump_dir none\n\
                 pid_filename none\n\
                 pinger_enable off\n\
                 shutdown_lifetime 0 seconds\n\
                 visible_hostname proxy.example\n"
            );
            fs::write(log.with_file_name("conf"), settings).unwrap();
            // All squids of one name share memory.
            let name = format!("libcas{port}");
            Program::bare(daemon(&["squid"])).args(["-N", "-d", "1", "-f", "conf", "-n", &name])
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

    /// Dante, a SOCKS 5 proxy that requires no login: its logins are those of the system.
    #[track_caller]
    pub fn dante() -> Self {
        Self::start("dante", |port, log| {
            let settings = format!(
                "logoutput: log\n\
                 internal: 127.0.0.1 port = {port}\n\
                 external: 127.0.0.1\n\
                 clientmethod: none\n\
                 socksmethod: none\n\
                 client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
                 socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 log: connect }}\n"
            );
            fs::write(log.with_file_name("conf"), settings).unwrap();
            // Debian renames it.
            Program::bare(daemon(&["sockd", "danted"])).args(["-f", "conf", "-p", "pid"])
        })
    }

    #[track_caller]
    fn start(program: &str, command: impl FnOnce(&str, &Path) -> Program) -> Self {
        // The proxies cannot choose a free port themselves: this one was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let directory = scratch("proxies").join(format!("{program}-{port}"));
        fs::create_dir_all(&directory).unwrap();
        let log = directory.join("log");
        File::create(&log).unwrap();
        let process = command(&port.to_string(), &log).current_dir(directory).start();
        let proxy = Self { address: format!("127.0.0.1:{port}"), log, process };
        let listens = || TcpStream::connect(&proxy.address).is_ok();
        assert!(becomes(listens), "{program} does not listen");
        proxy
    }

    /// The log that it has written so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Whether its log names this port after the first `before` bytes, at once or a little later.
    pub fn logs(&self, before: usize, port: u16) -> bool {
        let named = [':', '.'].map(|before| format!("127.0.0.1{before}{port}"));
        becomes(|| named.iter().any(|name| self.log()[before..].contains(name)))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // What is killed leaves processes or shared memory behind.
        self.process.terminate();
    }
}

/// Waits until this is true; `false` if it never becomes true.
fn becomes(is_true: impl Fn() -> bool) -> bool {
    let started = Instant::now();
    while !is_true() {
        if started.elapsed() > WAIT {
            return false;
        }
        thread::sleep(Duration::from_millis(10));
    }
    true
}
