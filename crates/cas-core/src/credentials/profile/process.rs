//! A program that prints an access key, named by a profile of the official command line tool (FACTS.md 5).

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use socket2::Socket;
use zeroize::Zeroizing;

use crate::base::secret::Secret;
use crate::base::time;
use crate::credentials::profile::fields::Profile;
use crate::credentials::session_credentials;
use crate::credentials::source::{KeyWithExpiry, Source};
use crate::protocol::reading::text;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

/// As long as the official packages wait.
const LONGEST_RUN: Duration = Duration::from_secs(60);

/// How often the program is looked at.
const TICK: Duration = Duration::from_millis(5);

/// Most that it may print, in bytes.
const LARGEST_OUTPUT: usize = 64 * 1024;

/// The program and its arguments; no shell reads them.
pub(crate) struct CredentialProcess {
    place: String,
    words: Vec<String>,
}

impl CredentialProcess {
    pub(crate) fn new(profile: &Profile) -> Result<Self, CredentialsError> {
        let command = profile.required("process_command")?;
        let words = shlex::split(command).filter(|words| !words.is_empty());
        let words = words
            .ok_or_else(|| profile.broken("has a process_command whose quotes do not match"))?;
        Ok(Self { place: profile.place.clone(), words })
    }

    fn broken(&self, why: &str) -> CredentialsError {
        // What it printed, or was called with, may be secret.
        CredentialsError::failed(format!("the process_command of {} {why}", self.place)).with_hint(
            "Run the command by hand: it must print one JSON object with mode, access_key_id, access_key_secret and, for \
             mode StsToken, sts_token. No shell reads it, so ~, $ and | mean nothing.",
        )
    }

    fn output(&self, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, CredentialsError> {
        let child = Command::new(&self.words[0])
            .args(&self.words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| self.broken(&format!("cannot be run: {error}")))?;
        let mut running = Running(child);
        let output = running
            .0
            .stdout
            .take()
            .map_or(Ok(Zeroizing::default()), |stdout| read(stdout.into(), deadline));
        let output = output.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => self.broken("was not done in time"),
            io::ErrorKind::InvalidData => {
                self.broken("printed more than a JSON object with an access key")
            }
            _ => self.broken(&format!("could not be read from: {error}")),
        })?;
        loop {
            match running.0.try_wait() {
                Ok(Some(status)) if status.success() => return Ok(output),
                Ok(Some(status)) => return Err(self.broken(&format!("failed ({status})"))),
                Ok(None) if Instant::now() >= deadline => {
                    return Err(self.broken("was not done in time"));
                }
                Ok(None) => thread::sleep(TICK),
                // The host reaps every child, or ignores SIGCHLD: what was printed has to do.
                Err(_) => return Ok(output),
            }
        }
    }
}

/// Ended, and nobody's zombie, however this goes on.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_)) | Err(_)) {
            let _ = self.0.kill(); // gone already
            let _ = self.0.wait();
        }
    }
}

/// All of a pipe, before the deadline, without a thread.
fn read(pipe: OwnedFd, deadline: Instant) -> io::Result<Zeroizing<Vec<u8>>> {
    // The flag is the same for pipes and sockets.
    let pipe = Socket::from(pipe);
    pipe.set_nonblocking(true)?;
    let mut pipe = File::from(OwnedFd::from(pipe));
    // Room for all of it, so that no copy is left behind.
    let mut output = Zeroizing::new(vec![0; LARGEST_OUTPUT]);
    let mut filled = 0;
    loop {
        if filled == output.len() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        match pipe.read(&mut output[filled..]) {
            Ok(0) => break,
            Ok(more) => filled += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if Instant::now() >= deadline {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                thread::sleep(TICK);
            }
            Err(error) => return Err(error),
        }
    }
    output.truncate(filled);
    Ok(output)
}

impl Source for CredentialProcess {
    fn fetch(&self, _: SystemTime, deadline: Instant) -> Result<KeyWithExpiry, CredentialsError> {
        let output = self.output(deadline.min(Instant::now() + LONGEST_RUN))?;
        let fields: Value =
            serde_json::from_slice(&output).map_err(|_| self.broken("printed no JSON"))?;
        let part = |name| text(&fields, &[name]).filter(|value| !value.is_empty());
        let required = |name| part(name).ok_or_else(|| self.broken(&format!("printed no {name}")));
        let token = match part("mode").as_deref() {
            Some("StsToken") => Some(required("sts_token")?),
            Some("AK") | None => part("sts_token"),
            Some(_) => return Err(self.broken("printed a mode that is neither AK nor StsToken")),
        };
        let expires = match part("expiration") {
            Some(text) => Some(
                time::parse(&text)
                    .ok_or_else(|| self.broken("printed an expiration that is no time in UTC"))?,
            ),
            None => None,
        };
        let (id, secret) = (required("access_key_id")?, required("access_key_secret")?);
        let key = session_credentials::key(id, secret, token.map(Secret::new)).map_err(|why| {
            self.broken(&format!("printed an access key that cannot be one: {why}"))
                .with_kind(CredentialsErrorKind::Fatal)
        })?;
        Ok(KeyWithExpiry { key, expires })
    }
}
