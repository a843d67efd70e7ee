//! The options of an emulator, and how it starts.

use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use crate::authority::Authority;
use crate::clock::{Clock, ExpiryClock};
use crate::control::Access;
use crate::emulator::Emulator;
use crate::gateway::{AccessKeys, RateLimit};
use crate::hosts::{Hosts, is_label};
use crate::http::tls::{self, OnDemand, Tls};
use crate::http::{ListenAddress, Listeners, Server};
use crate::operations::Dialect;
use crate::proxy::Proxy;
use crate::router;
use crate::seed::{self, SeedOwner};
use crate::service::Service;
use crate::start_error::StartError;
use crate::store::{Account, Store};
use crate::testing::{Log, Seed, SeedError};
use crate::testing::{parse_cloud_resources, parse_contacts, parse_faults};

/// The options of an [`Emulator`] that has not started. No `Debug`, because it contains secrets.
pub struct Builder {
    listen: ListenAddress,
    allow_remote: bool,
    data: Option<PathBuf>,
    access_keys: Vec<AccessKey>,
    tls: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
    tls_ca: Option<PathBuf>,
    region: String,
    clock_offset: i64,
    now: Option<SystemTime>,
    faults: Vec<String>,
    cloud_resources: Vec<String>,
    contacts: Vec<String>,
    seeds: Vec<PathBuf>,
    qps: Option<usize>,
    quota: Option<u64>,
    dialect: Dialect,
    log: Log,
    control_allow: Vec<String>,
    control_token: Option<Zeroizing<String>>,
}

struct AccessKey {
    id: String,
    secret: Zeroizing<String>,
    token: Option<Zeroizing<String>>,
    account: Option<String>,
}

impl Emulator {
    /// Starts an emulator on a free loopback port, with its data in memory and the access key
    /// `testid` with the secret `testsecret`.
    pub fn start() -> Result<Self, StartError> {
        Self::builder().start()
    }

    /// Options other than those of [`start`](Self::start).
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

/// 100 years of 366 days, in seconds.
const CENTURY: u64 = 100 * 366 * 24 * 60 * 60;

impl Default for Builder {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into(),
            allow_remote: false,
            data: None,
            access_keys: Vec::new(),
            tls: None,
            tls_ca: None,
            region: "cn-hangzhou".to_owned(),
            clock_offset: 0,
            now: None,
            faults: Vec::new(),
            cloud_resources: Vec::new(),
            contacts: Vec::new(),
            seeds: Vec::new(),
            qps: None,
            quota: None,
            dialect: Dialect::default(),
            log: Log::Off,
            control_allow: Vec::new(),
            control_token: None,
        }
    }
}

impl Builder {
    /// Sets the address to listen on. Port 0 is a free port. Default: 127.0.0.1:0.
    #[must_use]
    pub fn listen(self, address: SocketAddr) -> Self {
        self.listen_on(address.into())
    }

    /// Sets where to listen: an IP address, the addresses of a host name, or a Unix socket.
    #[must_use]
    pub fn listen_on(mut self, address: ListenAddress) -> Self {
        self.listen = address;
        self
    }

    /// Listens on a Unix socket of this path, which only the user of this process can connect to.
    /// The file of a program that has ended is replaced; it is removed when the emulator stops.
    #[must_use]
    pub fn unix(self, path: impl Into<PathBuf>) -> Self {
        self.listen_on(ListenAddress::Unix(path.into()))
    }

    /// Allows listening on addresses that are not loopback. The control interface still accepts
    /// requests from loopback addresses only.
    #[must_use]
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Stores certificates in this SQLite file instead of in memory, and creates it if it is
    /// missing. Private keys in it are encrypted; the encryption key is in `FILE.key` beside it.
    #[must_use]
    pub fn data(mut self, file: impl Into<PathBuf>) -> Self {
        self.data = Some(file.into());
        self
    }

    /// Adds an access key. Without any, `testid` with the secret `testsecret` is valid.
    #[must_use]
    pub fn access_key(self, id: &str, secret: &str) -> Self {
        self.add_access_key(id, secret, None, None)
    }

    /// Adds an access key of an account, a number of 16 digits. Each account has certificates of
    /// its own; access keys without an account belong to one of their own as well.
    #[must_use]
    pub fn access_key_of(self, account: &str, id: &str, secret: &str) -> Self {
        self.add_access_key(id, secret, None, Some(account))
    }

    /// Adds a temporary (STS) access key, which is valid only together with its security token.
    #[must_use]
    pub fn sts(self, id: &str, secret: &str, token: &str) -> Self {
        self.add_access_key(id, secret, Some(token), None)
    }

    /// Adds a temporary access key of an account, a number of 16 digits.
    #[must_use]
    pub fn sts_of(self, account: &str, id: &str, secret: &str, token: &str) -> Self {
        self.add_access_key(id, secret, Some(token), Some(account))
    }

    fn add_access_key(
        mut self,
        id: &str,
        secret: &str,
        token: Option<&str>,
        account: Option<&str>,
    ) -> Self {
        self.access_keys.push(AccessKey {
            id: id.to_owned(),
            secret: secret.to_owned().into(),
            token: token.map(|token| token.to_owned().into()),
            account: account.map(str::to_owned),
        });
        self
    }

    /// Serves TLS with this certificate chain and private key, both in PEM.
    #[must_use]
    pub fn tls(mut self, cert_pem: impl Into<Vec<u8>>, key_pem: impl Into<Vec<u8>>) -> Self {
        self.tls = Some((cert_pem.into(), Zeroizing::new(key_pem.into())));
        self
    }

    /// Serves TLS beside plain HTTP, with certificates of a certificate authority of the
    /// emulator's own: `ca.pem` in this directory, and its key `ca.key`. Both are made if they are
    /// missing. As a proxy, the emulator then stands in for `cas.aliyuncs.com` and the other hosts
    /// of the service; see the crate documentation.
    #[must_use]
    pub fn tls_ca(mut self, directory: impl Into<PathBuf>) -> Self {
        self.tls_ca = Some(directory.into());
        self
    }

    /// Sets the region, which `HostId` in responses contains. Default: `cn-hangzhou`.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// Sets the clock of signatures ahead of the machine's by this many seconds, or behind it if
    /// negative, by at most a century. The clock of expiry is another one: see [`now`](Self::now).
    #[must_use]
    pub fn clock_offset(mut self, seconds: i64) -> Self {
        self.clock_offset = seconds;
        self
    }

    /// Sets the clock of expiry, which runs from there: status and remaining days of certificates
    /// follow it, signatures do not. Default: the machine's time.
    #[must_use]
    pub fn now(mut self, time: SystemTime) -> Self {
        self.now = Some(time);
        self
    }

    /// Adds a fault or an array of faults, in the JSON format that the crate documentation
    /// describes.
    #[must_use]
    pub fn fault(mut self, json: &str) -> Self {
        self.faults.push(json.to_owned());
        self
    }

    /// Adds a cloud resource or an array of cloud resources, in the JSON format that the crate
    /// documentation describes.
    #[must_use]
    pub fn cloud_resource(mut self, json: &str) -> Self {
        self.cloud_resources.push(json.to_owned());
        self
    }

    /// Adds a contact or an array of contacts, in the JSON format that the crate documentation
    /// describes. Without any, there is one.
    #[must_use]
    pub fn contact(mut self, json: &str) -> Self {
        self.contacts.push(json.to_owned());
        self
    }

    /// Adds what a file or a folder has, before the emulator accepts connections: a snapshot,
    /// certificates in the JSON format that the crate documentation describes, or the files of
    /// certbot, acme.sh or lego. A certificate that the data file has already is left alone; it is
    /// an error if another one has its name.
    #[must_use]
    pub fn seed(mut self, path: impl Into<PathBuf>) -> Self {
        self.seeds.push(path.into());
        self
    }

    /// Limits the rate: admits this many calls of each operation in any second, at least 1, and
    /// rejects the others with `Throttling.User`. Default: no limit.
    #[must_use]
    pub fn qps(mut self, limit: usize) -> Self {
        self.qps = Some(limit);
        self
    }

    /// Limits the number of certificates: rejects further uploads with `InsufficientQuota`.
    /// Default: no limit.
    #[must_use]
    pub fn quota(mut self, limit: u64) -> Self {
        self.quota = Some(limit);
        self
    }

    /// Enforces the limits of the latest documents: names of 63 characters, pages of 100
    /// certificates, and the calls a second of each operation, which [`qps`](Self::qps) replaces.
    /// Default: no limits, and names of 128 characters.
    #[must_use]
    pub fn strict(mut self, strict: bool) -> Self {
        self.dialect.strict = strict;
        self
    }

    /// Responds to `CreateUserCertificate` with `HostId` and `Code` as well, like the sample in the
    /// documentation of 2019. Default: as in later documents and the official SDKs.
    #[must_use]
    pub fn sample_2019(mut self, sample: bool) -> Self {
        self.dialect.sample_2019 = sample;
        self
    }

    /// Lets a network, such as `172.16.0.0/12`, or a list of networks with commas, use the control
    /// interface as well. Default: loopback addresses only.
    #[must_use]
    pub fn control_allow(mut self, network: &str) -> Self {
        self.control_allow.push(network.to_owned());
        self
    }

    /// Lets clients that send `Authorization: Bearer TOKEN` use the control interface.
    #[must_use]
    pub fn control_token(mut self, token: &str) -> Self {
        self.control_token = Some(Zeroizing::new(token.to_owned()));
        self
    }

    /// Prints a line about each call to stderr. Default: [`Log::Off`].
    #[must_use]
    pub fn log(mut self, log: Log) -> Self {
        self.log = log;
        self
    }

    /// Starts the emulator. On return, it accepts connections.
    pub fn start(self) -> Result<Emulator, StartError> {
        let addresses = self.addresses()?;
        if self.qps == Some(0) {
            let message = "invalid limit of calls per second: must be at least 1";
            return Err(StartError::Option(message.to_owned()));
        }
        if !is_label(&self.region) {
            let message = "invalid region: expected an ID such as cn-hangzhou";
            return Err(StartError::Option(message.to_owned()));
        }
        if self.clock_offset.unsigned_abs() > CENTURY {
            let message = "invalid clock offset: more than a century";
            return Err(StartError::Option(message.to_owned()));
        }
        let mut faults = Vec::new();
        for json in &self.faults {
            let parsed = parse_faults(json.as_bytes());
            faults.extend(parsed.map_err(|error| StartError::Option(error.to_string()))?);
        }
        let mut given = self.given().map_err(|error| StartError::Option(error.to_string()))?;
        let seeds = self.seeds.iter().map(|path| seed::read(path)).collect::<Result<Vec<_>, _>>();
        let seeds = seeds.map_err(StartError::Option)?;
        for seed in &seeds {
            given.cloud_resources.extend_from_slice(&seed.cloud_resources);
            given.contacts.extend_from_slice(&seed.contacts);
        }
        let token = self.control_token.as_ref().map(|token| token.as_str());
        let access = Access::new(&self.control_allow, token).map_err(StartError::Option)?;
        let access_keys = self.access_keys()?;
        let authority = open_authority(self.tls_ca.as_deref())?;
        let clock = Clock::with_offset(self.clock_offset);
        let store = Store::open(self.data.as_deref(), self.quota).map_err(StartError::Data)?;
        let accounts = access_keys.accounts();
        let first = accounts.first().copied().unwrap_or_default();
        let account = Some(Account::default()).filter(|it| accounts.contains(it)).unwrap_or(first);
        let owner = SeedOwner { account, secrets: &access_keys.secrets() };
        for seed in &seeds {
            seed.store(&store, &owner).map_err(StartError::Option)?;
        }
        drop(seeds);
        let expiry = ExpiryClock::new(Clock::default(), self.now);
        let rate = match self.qps {
            Some(limit) => RateLimit::Of(limit),
            None if self.dialect.strict => RateLimit::Documented,
            None => RateLimit::None,
        };
        let (region, dialect) = (&self.region, self.dialect);
        let service = Service::new(access_keys, clock, expiry, store, region, dialect, rate);
        let mut service = service.with_log(self.log);
        service.seed(given).map_err(|error| StartError::Data(error.to_string()))?;
        service.ca_pem = authority.as_ref().map(|authority| authority.pem().to_owned());
        let service = Arc::new(service);
        service.faults.add(faults);
        let failure = |error: std::io::Error| {
            StartError::Listen(format!("failed to listen on {}: {error}", self.listen))
        };
        let listeners = Listeners::bind(&self.listen, &addresses).map_err(failure)?;
        let addresses = listeners.addresses().to_vec();
        let proxy = Proxy::new(Hosts::new(&addresses), authority.is_some());
        let is_https = self.tls.is_some();
        let tls = match (self.tls, authority) {
            (Some((cert, key)), _) => tls::server_config(&cert, &key).map(Tls::Always),
            (None, Some(authority)) => {
                let authority = authority.with_addresses(&addresses);
                OnDemand::new(Arc::new(authority)).map(|tls| Tls::Either(Box::new(tls)))
            }
            (None, None) => Ok(Tls::Off),
        };
        let tls = tls.map_err(StartError::Option)?;
        let url = url(&self.listen, &addresses, is_https);
        let shared = Arc::clone(&service);
        let handler = Box::new(move |request: &_, peer, body: &mut dyn Read| {
            router::respond(&shared, &access, &proxy, request, peer, body)
        });
        let shutdown = Arc::clone(&service.shutdown);
        let shared = Arc::clone(&service);
        let report = Box::new(move |message: &str| shared.warn(message));
        let server =
            Server::start(listeners, tls, clock, shutdown, router::streamed, report, handler);
        let server = server.map_err(failure)?;
        let port = addresses.first().map_or(0, SocketAddr::port);
        Ok(Emulator::new(server, service, url, port))
    }

    /// The addresses to listen on, if they are allowed.
    fn addresses(&self) -> Result<Vec<SocketAddr>, StartError> {
        let addresses = self.listen.resolve().map_err(|error| {
            StartError::Listen(format!("failed to resolve {}: {error}", self.listen))
        })?;
        let remote = addresses.iter().find(|address| !address.ip().is_loopback());
        match remote.filter(|_| !self.allow_remote) {
            None => Ok(addresses),
            Some(remote) => Err(StartError::Option(format!(
                "{} is not a loopback address: other machines could use the emulator. \
                 To allow this, add --allow-remote",
                remote.ip()
            ))),
        }
    }

    /// The cloud resources and contacts of the options.
    fn given(&self) -> Result<Seed, SeedError> {
        let mut seed = Seed::default();
        for json in &self.cloud_resources {
            seed.cloud_resources.extend(parse_cloud_resources(json.as_bytes())?);
        }
        for json in &self.contacts {
            seed.contacts.extend(parse_contacts(json.as_bytes())?);
        }
        Ok(seed)
    }

    fn access_keys(&self) -> Result<AccessKeys, StartError> {
        let mut all = AccessKeys::default();
        for AccessKey { id, secret, token, account } in &self.access_keys {
            let token = token.as_ref().map(|token| token.as_str());
            let account = account.as_ref().map_or(Ok(Account::default()), |account| {
                let invalid = "invalid account: it must have 16 digits";
                Account::parse(account).ok_or_else(|| StartError::Option(invalid.to_owned()))
            })?;
            all.add(id, secret, token, account).map_err(StartError::Option)?;
        }
        if self.access_keys.iter().all(|key| key.token.is_some()) {
            all.add_default();
        }
        Ok(all)
    }
}

fn open_authority(directory: Option<&Path>) -> Result<Option<Authority>, StartError> {
    let open = |directory| Authority::open(directory, SystemTime::now());
    directory.map(open).transpose().map_err(StartError::Option)
}

/// The URL of an emulator that was told to listen on `listen`, and does so on `addresses`.
fn url(listen: &ListenAddress, addresses: &[SocketAddr], is_https: bool) -> String {
    let scheme = if is_https { "https" } else { "http" };
    match (listen, addresses.first()) {
        (ListenAddress::Name(name, _), Some(first)) => {
            format!("{scheme}://{name}:{}", first.port())
        }
        (_, Some(first)) => format!("{scheme}://{first}"),
        (_, None) => listen.to_string(),
    }
}
