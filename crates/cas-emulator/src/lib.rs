//! A local emulator of Alibaba Cloud's Certificate Management Service (CAS).
//!
//! It is made for tests, demos and CI. It implements the operations on uploaded certificates in
//! versions 2018-07-13 and 2020-04-07, deployment jobs and tags of the latter, and the temporary
//! access keys of the Security Token Service. It verifies both kinds of RPC signatures.
//! `docs/conformance.md` says how each behaviour is known: documented, captured or assumed.
//!
//! `cas-emulator` is a command-line program. This library runs the same server inside Rust tests:
//!
//! ```
//! let emulator = cas_emulator::Emulator::start()?;
//! println!("{}", emulator.url()); // http://127.0.0.1:PORT, for the access key testid:testsecret
//! assert!(emulator.requests().is_empty());
//! # Ok::<(), cas_emulator::StartError>(())
//! ```
//!
//! # Faults
//!
//! A fault makes calls fail on purpose. [`Builder::fault`], [`Emulator::add_faults`], the option
//! `--fault` and the control interface take the same JSON: one object or an array of objects.
//!
//! ```json
//! {"action": "CreateUserCertificate", "kind": "drop-after", "skip": 1, "times": 2}
//! ```
//!
//! This fault lets one call of `CreateUserCertificate` pass and affects the next two.
//!
//! | member | meaning |
//! |---|---|
//! | `kind` | what happens to the calls; required |
//! | `action` | the action of the calls; `*`, the default, is any action |
//! | `skip` | how many calls pass first; 0 by default |
//! | `times` | how many calls are affected; 1 by default, but any number for `retired` and `lag` |
//!
//! A call is affected by the first fault that applies to it, and later faults do not count it. So
//! faults for one action apply one after the other. Calls with an invalid signature count, too.
//!
//! | kind | effect |
//! |---|---|
//! | `drop-before` | closes the connection; does not process the call |
//! | `drop-after` | processes the call, then closes the connection without a response |
//! | `delay` with `ms` | processes the call after that many milliseconds |
//! | `delay-after` with `ms` | processes the call at once, but delays the response |
//! | `error` | responds with an error, and does not process the call; see below |
//! | `truncate` | processes the call, then closes the connection after half of the body |
//! | `garbage` | processes the call; the response is 200 with text that is neither JSON nor XML |
//! | `empty` | processes the call; the response is 200 without a body |
//! | `reset` | processes the call, then resets the connection |
//! | `no-cert-id` | processes the call; the response has no `CertId` |
//! | `retired` | rejects calls of version 2018-07-13 as if it did not exist; see below |
//! | `lag` with `ms` | processes the call; lists show its certificate only after that time |
//! | `worker-error` | fails a worker of a deployment job, in the order of their IDs; see below |
//! | `rollback-error` | fails a rollback of such a worker |
//!
//! An `error` has `status` (default 503), `code` (default `ServiceUnavailable`), `message` and
//! `headers` (an object). `retired` has `code`: `InvalidAction.NotFound` (the default) or
//! `InvalidVersion`. A `lag` counts every call of its action, and leaves it to the other faults.
//! `worker-error` and `rollback-error` count workers instead of calls, and have no `action`: with
//! `"skip": 1`, the second worker fails.
//!
//! # Limits
//!
//! Whatever clients do, the emulator takes less than 64 MB beside the certificates that it stores
//! in memory, about 4 KB each, and what a search remembers of each, about 100 bytes and its names.
//! It serves 800 connections, or fewer if the process may not open as many files: a new one
//! closes the one that has been idle for longest, and gets 503 if all are in a request. A request
//! must arrive within 10 seconds and a second for each 64 KiB. Requests of more than 16 KiB share
//! memory: they wait for each other, and one that arrives at less than 64 KiB per second is closed
//! if others wait. If the reader of stderr is too slow, lines are
//! left out and counted.
//!
//! With a data file, what was answered is on disk, also if the process is killed. `FILE.lock`
//! beside it keeps a second emulator away.
//!
//! # The real addresses
//!
//! Some programs know only `https://cas.aliyuncs.com`. With [`Builder::tls_ca`] or `--tls-ca DIR`
//! the emulator is a proxy for them: they need `HTTPS_PROXY=http://127.0.0.1:8480` and must trust
//! `DIR/ca.pem`, for example by `SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`, `NODE_EXTRA_CA_CERTS` or
//! `CURL_CA_BUNDLE`.
//!
//! ```
//! # let directory = std::env::temp_dir().join(format!("cas-emulator-{}", std::process::id()));
//! let emulator = cas_emulator::Emulator::builder().tls_ca(&directory).start()?;
//! let proxy = emulator.url();
//! let trusted = directory.join("ca.pem");
//! assert!(emulator.ca_pem().is_some_and(|pem| pem.starts_with("-----BEGIN CERTIFICATE-----")));
//! # drop(emulator);
//! # std::fs::remove_dir_all(&directory).unwrap();
//! # Ok::<(), cas_emulator::StartError>(())
//! ```
//!
//! It stands in for `cas.aliyuncs.com`, `cas.REGION.aliyuncs.com`, `cas-vpc.REGION.aliyuncs.com`,
//! the same with `sts`, each at the ports 80 and 443, and for its own address. `CONNECT` to other
//! hosts, and requests in the absolute form such as `GET http://example.com/`, get 403. It never
//! opens a connection. A tunnel carries TLS or plain HTTP.
//!
//! The port serves plain HTTP and TLS: the first byte of a client tells which. A client gets a
//! certificate for the name that it asks for, or else for the host of the tunnel or the address
//! that it has connected to. The authority is made once, is valid for ten years, and can vouch for
//! names of `aliyuncs.com`, for `localhost` and for IP addresses only. Its key is in `DIR/ca.key`.
//!
//! Requests to the names of the service never reach the control interface, unless they have its
//! token.
//!
//! # Browsers
//!
//! Web pages of other sites get 403, from the API and from the control interface: requests whose
//! `Origin` or `Referer` is not the host that they are addressed to, with `Sec-Fetch-Site` other
//! than `same-origin` and `none`, and those of browsers to a host name that is not of this machine
//! (DNS rebinding). Programs do not send such headers. They may call the API under any host name.
//!
//! # Control interface
//!
//! The control interface is on the same port. It needs no signature, and accepts requests from
//! loopback addresses, from networks that [`Builder::control_allow`] names, and from clients that
//! send the token of [`Builder::control_token`]. Without the token, `Host` must name this machine.
//!
//! | request | response |
//! |---|---|
//! | `GET /_emulator/health` | `{"status":"ok","version":"…"}` |
//! | `GET /_emulator/` | a page that shows certificates, requests, faults and the clock |
//! | `GET /_emulator/requests` | the last API requests, at most 1,000 and 16 MiB, oldest first |
//! | `DELETE /_emulator/requests` | forgets the requests |
//! | `POST /_emulator/verify` | compares the requests with expected calls; see below |
//! | `GET /_emulator/metrics` | counters and gauges for Prometheus |
//! | `GET /_emulator/ca.pem` | the certificate that clients of `--tls-ca` must trust |
//! | `GET /_emulator/certificates` | the stored certificates; see below |
//! | `POST /_emulator/faults` | adds one fault or an array of faults; responds like `GET` |
//! | `GET /_emulator/faults` | the faults as added, with `left`: how many more calls each affects |
//! | `DELETE /_emulator/faults` | removes all faults |
//! | `GET /_emulator/clock` | `{"now":"…"}`: the clock of expiry |
//! | `PUT /_emulator/clock` | sets it to `{"now":"2027-01-31T00:00:00Z"}`; null: the machine's |
//! | `GET /_emulator/cloud-resources` | the cloud resources, oldest first; see below |
//! | `POST /_emulator/cloud-resources` | adds one or an array; responds like `GET` |
//! | `DELETE /_emulator/cloud-resources` | removes all |
//! | `GET`, `POST`, `DELETE /_emulator/contacts` | the same for contacts |
//! | `GET /_emulator/snapshot` | all that is stored, as JSON; see below |
//! | `PUT /_emulator/snapshot` | replaces all that is stored by such a snapshot |
//! | `POST /_emulator/reset` | deletes certificates, jobs, requests, metrics, faults and nonces |
//!
//! `left` is null for any number. If one fault of an array is invalid, none is added. After a
//! reset, IDs start at 10,000,000 again, and cloud resources, contacts and the clock of expiry are
//! those of the start. An error has a status of at least 400 and the body `{"error":"…"}`.
//!
//! The query of `GET /_emulator/requests` selects requests by `action`, `version`, `name` (of the
//! certificate), `code` (empty for success) and `since` (RFC 3339). `after=REQUESTID` leaves out
//! that request and those before it; if it is not there, none is left out. The header
//! `x-total-count` says how many there are without `after`. A long list is sent in chunks. What is
//! forgotten before its turn comes is left out.
//!
//! `GET /_emulator/metrics` counts the calls of each operation of the service and each code, and
//! those of other actions as `other`.
//!
//! The body of `POST /_emulator/verify` says which calls a test expects, and how often: `times`,
//! `at_least` or `at_most`; without them at least once.
//!
//! ```json
//! {"calls": [{"action": "CreateUserCertificate", "name": "www", "code": "", "times": 1}],
//!  "nothing_else": true}
//! ```
//!
//! The response is 200 if the requests are as expected. Otherwise it is 409, and `error` lists each
//! difference with the requests that are nearest to it. It is also 409 if the result depends on
//! requests that the record had no room for: `DELETE /_emulator/requests` starts a new record.
//!
//! Each of the requests is a [`RecordedRequest`] as JSON:
//!
//! ```json
//! {"time": "2026-11-24T02:52:10.123Z", "method": "POST", "action": "CreateUserCertificate",
//!  "version": "2018-07-13", "signature": "hmac-sha1",
//!  "parameters": {"Name": {"in": ["query", "form"], "value": "n 1"},
//!                 "Key": {"in": ["form"], "value": {"sha256": "9f86d0…"}}},
//!  "status": 400, "code": "NameRepeat", "fault": null, "signature_mismatch": null,
//!  "request_id": "5D0F1B3C-…", "host": "cas.aliyuncs.com", "tunnel": "cas.aliyuncs.com:443",
//!  "connection": 1, "target_length": 412, "body_length": 3120, "headers": {"user-agent": "…"}}
//! ```
//!
//! `action`, `version`, `signature`, `code`, `fault`, `host` and `tunnel` can be null; so can
//! `status`, if a fault suppressed the response. Keys, secrets, tokens, signatures and values of
//! more than 64 KiB are replaced by their SHA-256. After `SignatureDoesNotMatch`,
//! `signature_mismatch` has the string to sign that is `expected`, the one that the client `signed`
//! if a known mistake leads to its signature, and the `mistakes`.
//!
//! Each of the certificates has the fields of [`StoredCertificate`] and its `resource_id`. Times
//! are in RFC 3339. The query of `GET /_emulator/certificates` selects some: those with `search` in
//! their name, CertId, host names or fingerprints; `order=newest` for the newest first instead of
//! the oldest; `offset` and `limit` for a part, and `fields=summary` to leave out the PEM. The
//! header `x-total-count` says how many there are without `offset` and `limit`. A long list is sent
//! in chunks.
//!
//! # Seeds
//!
//! [`Builder::seed`] and the option `--seed` name what the emulator has when it starts: a folder, a
//! snapshot, or a document like this:
//!
//! ```json
//! {"certificates": [{"name": "www", "cert": "www.pem", "key": "www.key",
//!                    "tags": {"env": "prod"}, "resource_group_id": "rg-1"}],
//!  "cloud_resources": [{"cloud_product": "CDN", "domain": "www.example.com"}],
//!  "contacts": [{"name": "ops"}]}
//! ```
//!
//! Every member of the document may be missing, and an array alone has certificates. `cert` and
//! `key` are PEM or names of files, relative to the document; `account` is the account.
//!
//! | folder | certificates |
//! |---|---|
//! | certbot's, its `live`, or a folder in that | `fullchain.pem` and `privkey.pem` |
//! | acme.sh's, or a folder in it | `fullchain.cer` and `DOMAIN.key` |
//! | lego's, or its `certificates` | `NAME.crt` and `NAME.key` |
//!
//! The name is that of the folder, and for lego that of the file. Certificates without an account
//! belong to that of the access keys that name none, or else to the first. They are checked like
//! uploads. If the data file has one already, it is left alone; it is an error if another
//! certificate has the name. A snapshot fills an emulator that has no certificates; one that has
//! some keeps what it has. A reset deletes certificates, also those of seeds.
//!
//! # Snapshots
//!
//! A snapshot has all that is stored, of all accounts: certificates, tags, resource groups, client
//! tokens, deployment jobs, cloud resources, contacts, and which ID comes next. It does not have
//! faults, requests and the clock. Another emulator, of any version that reads the same
//! `cas_emulator_snapshot`, takes it over:
//!
//! ```sh
//! curl http://127.0.0.1:8480/_emulator/snapshot > state.json
//! curl --upload-file state.json http://127.0.0.1:8481/_emulator/snapshot
//! ```
//!
//! Everything is in clear except private keys. These are sealed with the secrets of the access keys
//! of the emulator, which can ask it for private keys anyway: an emulator reads a snapshot if it
//! has one of the access keys that the first one had, with the same secret. The secret of the
//! default access key is public, so it protects nothing.
//!
//! A snapshot replaces everything, or nothing if a part of it is invalid. It may take 60 seconds to
//! be sent, and each item of it may have 4 MiB. Nothing can be uploaded meanwhile to the emulator
//! that it comes from, nor to one with a data file that receives it. The memory for it does not
//! depend on its length; only an emulator without a data file keeps what it had until all of the
//! snapshot has arrived.
//!
//! # Cloud resources and contacts
//!
//! Deployment jobs deploy certificates to cloud resources, such as domains of a CDN. The emulator
//! has those that [`Builder::cloud_resource`], [`Emulator::add_cloud_resources`], the option
//! `--cloud-resource` and the control interface add:
//!
//! ```json
//! {"cloud_product": "ALB", "domain": "www.example.com", "region_id": "cn-hangzhou",
//!  "instance_id": "alb-1", "listener_id": "lsn-1", "listener_port": 443}
//! ```
//!
//! Only `cloud_product` is required. `cloud_name`, by default `aliyun`, is the provider;
//! `cloud_access_id` is an access key of another provider. `default_resource` is false by default.
//! `cert_id` is the certificate that the resource uses, by default 0 for none. Two resources are
//! the same if they agree in product, provider, region, domain, instance, listener and port. To add
//! one again changes only its certificate, if it names one. So `--cloud-resource` can stay on the
//! command line of an emulator with `--data`.
//!
//! A contact has `name`, `email` and `mobile`; the last two can be missing.
//!
//! Every account has these resources and contacts, with IDs of its own.
#![forbid(unsafe_code)]

mod authority;
mod browser;
mod builder;
mod certificates;
mod clock;
mod control;
mod emulator;
mod gateway;
mod hex;
mod hosts;
mod http;
mod operations;
mod proxy;
mod request;
mod router;
mod seed;
mod service;
mod sessions;
mod start_error;
mod store;
mod testing;

pub use builder::Builder;
pub use clock::parse_rfc3339 as parse_time;
pub use emulator::Emulator;
pub use gateway::SignatureMismatch;
pub use http::{ListenAddress, ParseListenAddressError};
pub use request::{Place, SignatureKind};
pub use start_error::StartError;
pub use store::{StoreError, StoredCertificate};
pub use testing::{Fault, FaultError, Log, SeedError};
pub use testing::{RecordedParameter, RecordedRequest, RecordedValue};
