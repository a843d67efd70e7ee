//! The command-line program `cas-emulator`.
#![forbid(unsafe_code)]

mod environment;

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime};

use cas_emulator::{Builder, Emulator, ListenAddress, Log, StartError};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use environment::Arguments;

/// A local emulator of Alibaba Cloud's Certificate Management Service, for tests, demos and CI
///
/// It implements the operations on uploaded certificates in versions 2018-07-13 and
/// 2020-04-07, deployment jobs and tags of 2020-04-07, and AssumeRole of STS, for any client
/// of the Alibaba Cloud RPC protocol. On SIGTERM or SIGINT it finishes the requests in flight
/// and exits. It waits up to 5 seconds for them, also for those of which a part has arrived.
///
/// Each option is also read from the environment: CAS_EMULATOR_TLS_CERT is --tls-cert. Values
/// of a repeatable option are separated by newlines. The command line takes precedence.
#[expect(clippy::doc_markdown, reason = "clap shows these comments as plain text")]
#[expect(clippy::struct_excessive_bools, reason = "each is an option of its own")]
#[derive(Parser)]
#[command(name = "cas-emulator", version, verbatim_doc_comment)]
struct Options {
    /// Listen on this address; port 0 is a free port
    ///
    /// localhost:PORT is both 127.0.0.1 and [::1]. unix:PATH is a Unix socket that only the user
    /// of the emulator can connect to.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8480",
        verbatim_doc_comment
    )]
    listen: ListenAddress,
    /// Store certificates in this SQLite file, and their encryption key in FILE.key
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Accept this access key; repeatable [default: testid:testsecret]
    ///
    /// ACCOUNT is 16 digits. Each account has certificates of its own.
    // Parsed in `builder`, because clap would quote an invalid value, which contains a secret.
    #[arg(long, value_name = "ID:SECRET[@ACCOUNT]")]
    access_key: Vec<String>,
    /// Accept this temporary (STS) access key with its security token; repeatable
    #[arg(long, value_name = "ID:SECRET:TOKEN[@ACCOUNT]")]
    sts: Vec<String>,
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of the TLS certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Serve TLS beside HTTP, with certificates of the authority DIR/ca.pem, and CONNECT
    ///
    /// The emulator makes DIR/ca.pem and its key DIR/ca.key if they are missing. As a proxy it
    /// stands in for cas.aliyuncs.com, cas.REGION.aliyuncs.com and the same with sts, so that
    /// programs that know only these names can use it:
    ///
    ///   HTTPS_PROXY=http://127.0.0.1:8480 SSL_CERT_FILE=DIR/ca.pem PROGRAM
    ///
    /// Other variables for the file: REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, NODE_EXTRA_CA_CERTS.
    #[arg(long, value_name = "DIR", conflicts_with = "tls_cert", verbatim_doc_comment)]
    tls_ca: Option<PathBuf>,
    /// Emulate this region
    #[arg(long, value_name = "REGION", default_value = "cn-hangzhou")]
    region: String,
    /// Make calls fail; repeatable
    ///
    /// For example, this lets one upload pass, then processes two and closes their
    /// connections without a response:
    ///
    ///   {"action":"CreateUserCertificate","kind":"drop-after","skip":1,"times":2}
    ///
    /// Kinds: drop-before, drop-after, delay and delay-after with ms, error with status,
    /// code, message and headers, truncate, garbage, empty, reset, no-cert-id, retired with
    /// code, lag with ms; worker-error and rollback-error affect workers of deployment jobs.
    /// POST /_emulator/faults takes the same JSON.
    #[arg(long, value_name = "JSON", verbatim_doc_comment)]
    fault: Vec<String>,
    /// Have this cloud resource, to which jobs can deploy certificates; repeatable
    ///
    /// For example:
    ///
    ///   {"cloud_product":"CDN","domain":"www.example.com"}
    ///
    /// Other members: cloud_name, region_id, instance_id, listener_id, listener_port,
    /// default_resource, cloud_access_id, cert_id. POST /_emulator/cloud-resources takes
    /// the same JSON.
    #[arg(long, value_name = "JSON", verbatim_doc_comment)]
    cloud_resource: Vec<String>,
    /// Have this contact; repeatable [default: one, with the name emulator]
    ///
    /// For example {"name":"ops","email":"ops@example.com","mobile":"13800000000"}.
    /// POST /_emulator/contacts takes the same JSON.
    #[arg(long, value_name = "JSON", verbatim_doc_comment)]
    contact: Vec<String>,
    /// Have what this file or folder has; repeatable
    ///
    /// A folder of certbot (/etc/letsencrypt or its live), acme.sh or lego; a snapshot; or
    ///
    ///   {"certificates":[{"name":"www","cert":"www.pem","key":"www.key"}]}
    ///
    /// with PEM or names of files. A certificate that the data file has already is left alone.
    #[arg(long, value_name = "FILE|DIR", verbatim_doc_comment)]
    seed: Vec<PathBuf>,
    /// Throttle calls of each operation beyond this many per second
    #[arg(long, value_name = "N")]
    qps: Option<usize>,
    /// Reject uploads beyond this many certificates
    #[arg(long, value_name = "N")]
    quota: Option<u64>,
    /// Run the clock of signatures this many seconds ahead; negative for behind
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_offset: i64,
    /// Start the clock of expiry at this time, such as 2027-01-31T00:00:00Z
    ///
    /// Status and remaining days follow it, signatures do not. PUT /_emulator/clock
    /// {"now":"…"} sets it later.
    #[arg(long, value_name = "RFC3339", value_parser = parse_time, verbatim_doc_comment)]
    now: Option<SystemTime>,
    /// Enforce documented limits: names of 63 characters, pages of 100, calls a second
    #[arg(long)]
    strict: bool,
    /// Respond to uploads of version 2018-07-13 like the sample of 2019
    #[arg(long)]
    sample_2019: bool,
    /// Print a line about each call to stderr, as text or JSON
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    log: String,
    /// Print no line about each call
    #[arg(long, short)]
    quiet: bool,
    /// Allow listening on an address that is not loopback
    #[arg(long)]
    allow_remote: bool,
    /// Let this network, such as 172.16.0.0/12, or a list with commas, use the control interface
    /// as well; repeatable
    #[arg(long, value_name = "CIDR")]
    control_allow: Vec<String>,
    /// Let clients that send `Authorization: Bearer TOKEN` use the control interface
    // No type of clap's, which would quote an invalid value.
    #[arg(long, value_name = "TOKEN")]
    control_token: Option<String>,
    /// Exit when the process that started the emulator ends
    #[arg(long)]
    exit_with_parent: bool,
    /// Ask the emulator at the address of --listen whether it runs, and exit: 0 for yes
    ///
    /// For health checks in containers that have no other program. With TLS, it only checks that
    /// the port accepts connections.
    #[arg(long, verbatim_doc_comment)]
    check_health: bool,
}

/// Exit status and message: status 2 for invalid options, 1 for all other errors.
type Failure = (u8, String);

fn main() -> ExitCode {
    cas_sys::keep_heap_small();
    // The message of a panic can quote a secret. The location is enough.
    std::panic::set_hook(Box::new(|info| {
        let location = info.location().map(ToString::to_string).unwrap_or_default();
        print_error(&format!("internal error at {location}"));
    }));
    let given = std::env::args_os().collect();
    let command = Options::command();
    let arguments = Arguments::new(&command, given, |name| std::env::var_os(name));
    let arguments = arguments.unwrap_or_else(|message| {
        print_error(&message);
        std::process::exit(2);
    });
    let options = Options::try_parse_from(&arguments.all).unwrap_or_else(|error| {
        // clap quotes unknown arguments, and this one could be a private key or a secret.
        if error.to_string().contains("-----BEGIN") {
            print_error("invalid argument: PEM text where an option or a file name is expected");
            std::process::exit(2);
        }
        let unknown = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(argument)) => argument.as_str(),
            _ => "",
        };
        if error.kind() == ErrorKind::UnknownArgument && !unknown.starts_with("--") {
            print_error("unexpected argument: it is neither an option nor the value of one");
            std::process::exit(2);
        }
        let text = error.to_string();
        let named = arguments.name_variables(&text);
        if error.use_stderr() && named != text {
            let _ = write!(io::stderr(), "{named}"); // fails if stderr is closed
            std::process::exit(2);
        }
        error.exit()
    });
    if !options.check_health {
        let names = std::env::vars_os().map(|(name, _)| name);
        for warning in environment::unknown(&command, names) {
            print_error(&warning);
        }
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, message)) => {
            print_error(&arguments.name_variables(&message));
            ExitCode::from(status)
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    let failure = |error: io::Error| (1, error.to_string());
    if options.check_health {
        return check_health(options);
    }
    // Before the first line of output, because its reader may send a signal at once.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(failure)?;
    if options.exit_with_parent {
        exit_with_parent().map_err(failure)?;
    }
    let emulator = builder(options)?.start().map_err(|error| match error {
        StartError::Option(_) => (2, error.to_string()),
        _ => (1, error.to_string()),
    })?;
    print_url(&emulator).map_err(failure)?;
    signals.forever().next();
    emulator.stop();
    Ok(())
}

/// Sends this process SIGTERM when its parent is another one than now.
fn exit_with_parent() -> io::Result<()> {
    let parent = parent_id();
    let watch = move || {
        while parent_id() == parent {
            thread::sleep(Duration::from_millis(200));
        }
        let _ = signal_hook::low_level::raise(SIGTERM); // fails for invalid signals only
    };
    thread::Builder::new().name("cas-emulator parent".to_owned()).spawn(watch).map(drop)
}

/// Bytes of the name of a file that an error shows. A longer one could be a key.
const MAX_NAME: usize = 150;

/// How long a health check waits for each step.
const HEALTH_LIMIT: Duration = Duration::from_secs(5);

/// Asks the emulator at the address of `--listen` for its health.
fn check_health(options: &Options) -> Result<(), Failure> {
    let failure = |reason: &dyn std::fmt::Display| (1, format!("not healthy: {reason}"));
    let ask = || -> io::Result<bool> {
        if let ListenAddress::Unix(path) = &options.listen {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(HEALTH_LIMIT))?;
            stream.set_write_timeout(Some(HEALTH_LIMIT))?;
            return is_healthy(stream);
        }
        let stream = connect(&options.listen.resolve()?)?;
        if options.tls_cert.is_some() {
            return Ok(true);
        }
        stream.set_read_timeout(Some(HEALTH_LIMIT))?;
        stream.set_write_timeout(Some(HEALTH_LIMIT))?;
        is_healthy(stream)
    };
    match ask() {
        Ok(true) => Ok(()),
        Ok(false) => Err(failure(&"another program listens there")),
        Err(error) => Err(failure(&error)),
    }
}

/// Connects to the first of the addresses that accepts.
fn connect(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for mut address in addresses.iter().copied() {
        match address {
            SocketAddr::V4(v4) if v4.ip().is_unspecified() => {
                address.set_ip(Ipv4Addr::LOCALHOST.into());
            }
            SocketAddr::V6(v6) if v6.ip().is_unspecified() => {
                address.set_ip(Ipv6Addr::LOCALHOST.into());
            }
            _ => {}
        }
        match TcpStream::connect_timeout(&address, HEALTH_LIMIT) {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

fn is_healthy(mut stream: impl Read + Write) -> io::Result<bool> {
    stream.write_all(b"GET /_emulator/health HTTP/1.0\r\n\r\n")?;
    let mut response = Vec::new();
    stream.take(4096).read_to_end(&mut response)?;
    Ok(response.starts_with(b"HTTP/1.1 200 "))
}

fn builder(options: &Options) -> Result<Builder, Failure> {
    let mut builder = Emulator::builder()
        .listen_on(options.listen.clone())
        .allow_remote(options.allow_remote)
        .region(&options.region)
        .clock_offset(options.clock_offset)
        .strict(options.strict)
        .sample_2019(options.sample_2019)
        .log(match options.log.as_str() {
            _ if options.quiet => Log::Off,
            "json" => Log::Json,
            _ => Log::Text,
        });
    for network in &options.control_allow {
        builder = builder.control_allow(network);
    }
    if let Some(token) = &options.control_token {
        builder = builder.control_token(token);
    }
    if let Some(file) = &options.data {
        builder = builder.data(file);
    }
    for fault in &options.fault {
        builder = builder.fault(fault);
    }
    if let Some(time) = options.now {
        builder = builder.now(time);
    }
    for cloud_resource in &options.cloud_resource {
        builder = builder.cloud_resource(cloud_resource);
    }
    for contact in &options.contact {
        builder = builder.contact(contact);
    }
    for path in &options.seed {
        builder = builder.seed(path);
    }
    if let Some(limit) = options.qps {
        builder = builder.qps(limit);
    }
    if let Some(limit) = options.quota {
        builder = builder.quota(limit);
    }
    for access_key in &options.access_key {
        let Some((id, secret)) = access_key.split_once(':') else {
            return Err((
                2,
                "invalid --access-key: expected ID:SECRET or ID:SECRET@ACCOUNT".to_owned(),
            ));
        };
        builder = match split_account(secret) {
            (secret, Some(account)) => builder.access_key_of(account, id, secret),
            (secret, None) => builder.access_key(id, secret),
        };
    }
    for access_key in &options.sts {
        let mut parts = access_key.splitn(3, ':');
        let (Some(id), Some(secret), Some(token)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err((
                2,
                "invalid --sts: expected ID:SECRET:TOKEN or ID:SECRET:TOKEN@ACCOUNT".to_owned(),
            ));
        };
        builder = match split_account(token) {
            (token, Some(account)) => builder.sts_of(account, id, secret, token),
            (token, None) => builder.sts(id, secret, token),
        };
    }
    if let (Some(cert), Some(key)) = (&options.tls_cert, &options.tls_key) {
        builder = builder.tls(read("--tls-cert", cert)?, read("--tls-key", key)?);
    }
    if let Some(directory) = &options.tls_ca {
        builder = builder.tls_ca(directory);
    }
    Ok(builder)
}

/// Splits off an account of 16 digits after the last `@`: a secret may contain others.
fn split_account(text: &str) -> (&str, Option<&str>) {
    let is_account =
        |digits: &str| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match text.rsplit_once('@') {
        Some((secret, account)) if is_account(account) => (secret, Some(account)),
        _ => (text, None),
    }
}

fn parse_time(text: &str) -> Result<SystemTime, &'static str> {
    cas_emulator::parse_time(text).ok_or("expected a time such as 2027-01-31T00:00:00Z")
}

/// Reads the file that `option` names. The error contains the name, unless that could be a key that
/// was pasted in its place.
fn read(option: &str, file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| {
        let name = file.to_string_lossy();
        let is_key = name.len() > MAX_NAME || name.contains("-----BEGIN") || name.contains('\n');
        let name = if is_key { "the file".to_owned() } else { name.escape_debug().to_string() };
        (2, format!("failed to read {name} of {option}: {error}"))
    })
}

fn print_url(emulator: &Emulator) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "cas-emulator listening on {}", emulator.url())?;
    stdout.flush()
}

fn print_error(message: &str) {
    let _ = writeln!(io::stderr(), "cas-emulator: {message}"); // fails if stderr is closed
}
