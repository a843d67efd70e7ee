//! `cas-emulator`: the emulator for everybody, with its options on the command line.
#![forbid(unsafe_code)]

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use cas_emulator::{Builder, Emulator, StartError};
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A local Certificate Management Service for tests, demos and CI.
///
/// Takes, shows, lists and deletes certificates for any client that speaks the Alibaba Cloud RPC protocol, in
/// versions 2018-07-13 and 2020-04-07. SIGTERM and SIGINT end it after the requests in flight.
#[derive(Parser)]
#[command(name = "cas-emulator", version)]
struct Options {
    /// Address to listen on; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8480")]
    listen: SocketAddr,
    /// Keep certificates in this SQLite file instead of in memory; FILE.key opens their private keys
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Access key to know; repeatable [default: testid:testsecret]
    // Taken as text: clap would quote a wrong value, and this one is a secret.
    #[arg(long, value_name = "ID:SECRET")]
    access_key: Vec<String>,
    /// Temporary access key with its token; repeatable
    #[arg(long, value_name = "ID:SECRET:TOKEN")]
    sts: Vec<String>,
    /// Serve TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Region to play
    #[arg(long, value_name = "REGION", default_value = "cn-hangzhou")]
    region: String,
    /// Do something wrong; repeatable
    ///
    /// For example {"action":"CreateUserCertificate","kind":"drop-after","skip":1,"times":2}: let one upload
    /// pass, process the next two but close their connections without an answer. Kinds: drop-before,
    /// drop-after, delay and delay-after with ms, error with status, code, message and headers, truncate,
    /// garbage, empty, reset, no-cert-id, retired, lag with ms. POST /_emulator/faults takes the same.
    #[arg(long, value_name = "JSON")]
    fault: Vec<String>,
    /// Let in this many calls of each operation in any second, and throttle the others
    #[arg(long, value_name = "N")]
    qps: Option<usize>,
    /// Take this many certificates and refuse more
    #[arg(long, value_name = "N")]
    quota: Option<u64>,
    /// Run the server's clock this many seconds ahead, or behind if negative
    #[arg(long, value_name = "SECONDS", default_value_t = 0, allow_negative_numbers = true)]
    clock_offset: i64,
    /// Allow listening on an address that is not loopback
    #[arg(long)]
    allow_remote: bool,
}

fn main() -> ExitCode {
    // A panic's message may quote what it choked on; where it happened is enough.
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        complain(&format!("internal error at {place}"));
    }));
    let options = Options::try_parse().unwrap_or_else(|error| {
        // An unknown argument is quoted, and this one must not be.
        if error.to_string().contains("-----BEGIN") {
            complain("a PEM text stands where an option or the name of a file should be");
            std::process::exit(2);
        }
        error.exit()
    });
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, sentence)) => {
            complain(&sentence);
            ExitCode::from(status)
        }
    }
}

/// Exit statuses: 2 for wrong options, 1 for what went wrong with right ones.
type Failure = (u8, String);

fn run(options: &Options) -> Result<(), Failure> {
    let broken = |error: io::Error| (1, error.to_string());
    // Before the first line is out, as whoever reads that may send a signal at once.
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(broken)?;
    let emulator = builder(options)?.start().map_err(|error| match error {
        StartError::Option(_) => (2, error.to_string()),
        _ => (1, error.to_string()),
    })?;
    announce(&emulator).map_err(broken)?;
    signals.forever().next();
    emulator.stop();
    Ok(())
}

fn builder(options: &Options) -> Result<Builder, Failure> {
    let mut builder = Emulator::builder()
        .listen(options.listen)
        .allow_remote(options.allow_remote)
        .region(&options.region)
        .clock_offset(options.clock_offset);
    if let Some(file) = &options.data {
        builder = builder.data(file);
    }
    for fault in &options.fault {
        builder = builder.fault(fault);
    }
    if let Some(limit) = options.qps {
        builder = builder.qps(limit);
    }
    if let Some(limit) = options.quota {
        builder = builder.quota(limit);
    }
    for pair in &options.access_key {
        let Some((id, secret)) = pair.split_once(':') else {
            return Err((2, "--access-key takes ID:SECRET".to_owned()));
        };
        builder = builder.access_key(id, secret);
    }
    for triple in &options.sts {
        let mut parts = triple.splitn(3, ':');
        let (Some(id), Some(secret), Some(token)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err((2, "--sts takes ID:SECRET:TOKEN".to_owned()));
        };
        builder = builder.sts(id, secret, token);
    }
    if let (Some(cert), Some(key)) = (&options.tls_cert, &options.tls_key) {
        // The name is left out: a key that was pasted in its place would be shown.
        let read = |option: &str, file: &PathBuf| {
            std::fs::read(file)
                .map_err(|error| (2, format!("the file of {option} cannot be read: {error}")))
        };
        builder = builder.tls(read("--tls-cert", cert)?, read("--tls-key", key)?);
    }
    Ok(builder)
}

fn announce(emulator: &Emulator) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "cas-emulator listening on {}", emulator.url())?;
    stdout.flush()
}

fn complain(sentence: &str) {
    let _ = writeln!(io::stderr(), "cas-emulator: {sentence}"); // nobody left to tell
}
