//! A program that prints an access key, as a profile of the official CLI names it. See
//! docs/service.md, External processes.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use socket2::Socket;
use zeroize::Zeroizing;

use crate::base::deadline::Deadline;
use crate::base::exhaustion::Exhaustion;
use crate::base::file::read_pipe;
use crate::base::time;
use crate::credentials::json::{self, SecretText};
use crate::credentials::profile::command_line;
use crate::credentials::profile::fields::Profile;
use crate::credentials::source::{KeyWithExpiry, Source, checked_access_key};
use crate::protocol::fields::from_json;
use crate::service::provider::{CredentialsError, CredentialsErrorKind};

/// Longest run of the program, as in the official packages.
const MAX_RUN_TIME: Duration = Duration::from_secs(60);

/// How often the exit status is polled after the program was killed.
const MOST_POLLS_AFTER_KILL: u32 = 8;

/// Interval at which the program's exit status is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// Largest output, in bytes.
const MAX_OUTPUT_BYTES: usize = 64 * 1024;

const HINT: &str = "Run process_command by hand: it must print one JSON object with mode, \
                    access_key_id, access_key_secret and, for mode StsToken, sts_token. libcas \
                    runs it without a shell, so ~, $ and | have no effect.";

/// Where an isolated program is looked for.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The program and its arguments.
#[derive(Debug)]
pub(crate) struct CredentialProcess {
    arguments: Vec<String>,
    /// Whether the environment and the working directory are those of a less privileged user, who
    /// must not decide what the program does.
    is_isolated: bool,
}

/// What the program prints.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ProcessOutput {
    mode: SecretText,
    access_key_id: SecretText,
    access_key_secret: SecretText,
    sts_token: SecretText,
    expiration: SecretText,
}

/// An error that shows neither the output nor the arguments: both may contain secrets.
fn error(reason: &str) -> CredentialsError {
    CredentialsError::failed(format!("process_command {reason}")).with_hint(HINT)
}

fn out_of_time() -> CredentialsError {
    error("did not finish in time").with_retryable(true)
}

fn io_error(what: &str, cause: &io::Error) -> CredentialsError {
    let error = CredentialsError::of_io(&format!("process_command {what}"), cause);
    if error.is_fatal() { error } else { error.with_hint(HINT) }
}

fn output_error(reason: &str) -> CredentialsError {
    CredentialsError::failed(format!("{reason} in the output of process_command")).with_hint(HINT)
}

impl CredentialProcess {
    pub(crate) fn new(profile: &Profile, is_isolated: bool) -> Result<Self, CredentialsError> {
        let command = profile.required("process_command")?;
        let arguments = command_line::split(command).filter(|arguments| !arguments.is_empty());
        let arguments =
            arguments.ok_or_else(|| profile.error("invalid process_command: unbalanced quotes"))?;
        let program = &arguments[0];
        if is_isolated && program.contains('/') && !program.starts_with('/') {
            return Err(profile.error(&format!(
                "process_command must be an absolute path, or a program in {SYSTEM_PATH}, because \
                 this program runs with raised privileges"
            )));
        }
        Ok(Self { arguments, is_isolated })
    }

    /// Runs the program. If it leads a process group, what it starts ends with it.
    fn run(
        &self,
        leads_group: bool,
        deadline: &Deadline,
    ) -> Result<Zeroizing<Vec<u8>>, CredentialsError> {
        let mut command = Command::new(&self.arguments[0]);
        if self.is_isolated {
            command.env_clear().env("PATH", SYSTEM_PATH).current_dir("/");
        }
        command
            .args(&self.arguments[1..])
            .env_remove("CASCTL_PFX_PASSWORD") // casctl's, for a private key
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if leads_group {
            command.process_group(0);
        }
        let child = command.spawn().map_err(|cause| {
            let cause = Exhaustion::of_start(&cause).map_or(cause, Into::into);
            io_error("failed to start", &cause)
        })?;
        let mut running = Running { child, leads_group, has_ended: false };
        let output = match running.child.stdout.take() {
            Some(stdout) => non_blocking(stdout.into())
                .and_then(|pipe| read_pipe(&pipe, MAX_OUTPUT_BYTES, deadline)),
            None => Ok(Zeroizing::default()),
        };
        let output = output.map_err(|cause| match cause.kind() {
            io::ErrorKind::TimedOut => out_of_time(),
            io::ErrorKind::FileTooLarge => error("printed more than 64 KiB"),
            _ => io_error("started, but reading its output failed", &cause),
        })?;
        loop {
            match running.exit_status() {
                Ok(Some(status)) if status.success() => return Ok(output),
                Ok(Some(status)) => return Err(error(&format!("failed ({status})"))),
                Ok(None) if !deadline.sleep(POLL_INTERVAL) => {
                    return Err(out_of_time());
                }
                Ok(None) => {}
                // The host program reaps all children or ignores SIGCHLD: the status is unknown.
                Err(_) => return Ok(output),
            }
        }
    }
}

/// A started program. When dropped before it was seen to end, it is killed and reaped, with what it
/// has started if it leads a process group.
struct Running {
    child: Child,
    leads_group: bool,
    has_ended: bool,
}

impl Running {
    fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = self.child.try_wait();
        self.has_ended = !matches!(status, Ok(None));
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Reaped by the host program, so that another process may have its ID by now.
        if self.has_ended || self.exit_status().is_err() {
            return;
        }
        if self.leads_group {
            cas_sys::kill_process_group(self.child.id());
        } else {
            let _ = self.child.kill();
        }
        // A set-user-ID program cannot be killed, and may run for ever.
        for _ in 0..MOST_POLLS_AFTER_KILL {
            if !matches!(self.exit_status(), Ok(None)) {
                return;
            }
            thread::sleep(POLL_INTERVAL);
        }
    }
}

/// A pipe that does not block. Pipes and sockets share the flag.
fn non_blocking(pipe: OwnedFd) -> io::Result<File> {
    let pipe = Socket::from(pipe);
    pipe.set_nonblocking(true)?;
    Ok(File::from(OwnedFd::from(pipe)))
}

impl ProcessOutput {
    fn into_key(self) -> Result<KeyWithExpiry, CredentialsError> {
        let missing = |name: &str| output_error(&format!("{name} is missing"));
        let token = self.sts_token.into_secret();
        match self.mode.get() {
            Some("StsToken") if token.is_none() => return Err(missing("sts_token")),
            Some("StsToken" | "AK") | None => {}
            Some(_) => return Err(output_error("invalid mode (must be AK or StsToken)")),
        }
        // The official packages take 0 for no expiration.
        let expiration = self.expiration.get().filter(|text| *text != "0");
        let expires = expiration.map(|text| {
            time::parse(text).ok_or_else(|| {
                output_error("invalid expiration (must be a time like 2026-11-24T08:00:00Z)")
            })
        });
        let expires = expires.transpose()?;
        let id = self.access_key_id.get().ok_or_else(|| missing("access_key_id"))?;
        let secret =
            self.access_key_secret.into_secret().ok_or_else(|| missing("access_key_secret"))?;
        let key = checked_access_key(id, secret, token).map_err(|why| {
            error(&format!("printed an invalid access key: {why}"))
                .with_kind(CredentialsErrorKind::Fatal)
        })?;
        Ok(KeyWithExpiry { key, expires })
    }
}

impl Source for CredentialProcess {
    fn fetch(&self, _: SystemTime, deadline: &Deadline) -> Result<KeyWithExpiry, CredentialsError> {
        // Only the foreground group of a terminal may read from it, and a program that a person has
        // started may ask that person.
        let leads_group = File::open("/dev/tty").is_err();
        let output = self.run(leads_group, &deadline.within(MAX_RUN_TIME))?;
        let output = from_json(&output).map_err(|_| error("printed invalid JSON"))?;
        json::fields::<ProcessOutput>(output).into_key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::fs;

    use serde_json::{Value, json};

    use crate::base::secret::Secret;

    fn read(output: Value) -> Result<KeyWithExpiry, CredentialsError> {
        json::fields::<ProcessOutput>(output).into_key()
    }

    fn complete() -> Value {
        json!({"mode": "StsToken", "access_key_id": "id", "access_key_secret": "hidden",
               "sts_token": "t", "expiration": "2026-11-24T08:00:00Z"})
    }

    #[test]
    fn keys_are_read_with_and_without_optional_fields() {
        let key = read(complete()).unwrap();
        assert_eq!(key.key.security_token(), Some("t"));
        assert_eq!(key.expires.map(time::unix_seconds), Some(1_795_507_200));
        for mode in [json!("AK"), json!(null)] {
            let output = json!({"mode": mode, "access_key_id": "id", "access_key_secret": "s"});
            let key = read(output).unwrap();
            assert_eq!((key.key.id(), key.key.security_token()), ("id", None));
            assert_eq!(key.expires, None);
        }
        for (expiration, seconds) in [
            (json!("2026-11-24 16:00+08:00"), Some(1_795_507_200)),
            (json!(1_795_507_200), Some(1_795_507_200)),
            (json!(0), None),
            (json!(""), None),
        ] {
            let mut output = complete();
            output["expiration"] = expiration;
            assert_eq!(read(output).unwrap().expires.map(time::unix_seconds), seconds);
        }
        // A token counts in mode AK too.
        let mut output = complete();
        output["mode"] = json!("AK");
        assert_eq!(read(output).unwrap().key.security_token(), Some("t"));
    }

    #[test]
    fn a_number_sign_begins_no_comment() {
        let process = process("sh -c 'echo $1' sh '' # x", false).unwrap();
        assert_eq!(process.arguments, ["sh", "-c", "echo $1", "sh", "", "#", "x"]);
    }

    fn process(command: &str, is_isolated: bool) -> Result<CredentialProcess, CredentialsError> {
        let command = Secret::new(command.to_owned());
        let fields = BTreeMap::from([("process_command".to_owned(), command)]);
        CredentialProcess::new(&Profile::new("web", 1, fields), is_isolated)
    }

    #[test]
    fn an_isolated_program_gets_nothing_from_a_less_privileged_user() {
        let output = |is_isolated| {
            let process = process("sh -c 'env; pwd'", is_isolated).unwrap();
            let output = process.run(false, &Deadline::after(Duration::from_secs(60))).unwrap();
            String::from_utf8_lossy(&output).into_owned()
        };
        let isolated = output(true);
        assert!(isolated.contains(&format!("PATH={SYSTEM_PATH}\n")), "{isolated}");
        assert!(isolated.ends_with("\n/\n") && !isolated.contains("CARGO"), "{isolated}");
        assert!(output(false).contains("CARGO"));

        for relative in ["./sh", "bin/sh", "../sh"] {
            let error = process(relative, true).unwrap_err();
            assert!(error.reason.contains("must be an absolute path"), "{}", error.reason);
            assert!(process(relative, false).is_ok());
        }
        assert!(process("/bin/sh", true).is_ok() && process("sh", true).is_ok());
    }

    #[test]
    fn what_a_program_started_ends_with_it() {
        let pid = std::env::temp_dir().join(format!("process-command-{}", std::process::id()));
        let path = pid.display();
        let is_alive = |pid: &str| {
            let status = fs::read_to_string(format!("/proc/{}/status", pid.trim()));
            status.is_ok_and(|status| !status.contains("State:\tZ"))
        };
        for rest in ["wait", "exit"] {
            let process = process(&format!("sh -c 'sleep 600 & echo $! > {path}; {rest}'"), false);
            let limit = Deadline::after(Duration::from_secs(1));
            let error = process.unwrap().run(true, &limit).unwrap_err();
            assert!(error.reason.contains("did not finish in time"), "{}", error.reason);
            let started = fs::read_to_string(&pid).unwrap();
            let polls = (0..1000).take_while(|_| is_alive(&started));
            assert!(polls.map(|_| thread::sleep(POLL_INTERVAL)).count() < 1000, "{rest}");
        }
        fs::remove_file(&pid).unwrap();
    }

    #[test]
    fn missing_and_invalid_fields_are_named_and_not_shown() {
        for (name, value, reason) in [
            ("sts_token", json!(""), "sts_token is missing in the output of process_command"),
            ("access_key_id", json!(null), "access_key_id is missing in"),
            ("access_key_secret", json!([]), "access_key_secret is missing in"),
            ("mode", json!("hidden"), "invalid mode (must be AK or StsToken) in the output"),
            (
                "expiration",
                json!("hidden"),
                "invalid expiration (must be a time like 2026-11-24T08:00:00Z) in",
            ),
            ("access_key_id", json!("hidden x"), "process_command printed an invalid access key"),
        ] {
            let mut output = complete();
            output[name] = value;
            let error = read(output).map(drop).unwrap_err();
            assert!(error.reason.starts_with(reason), "{}", error.reason);
            assert!(!error.reason.contains("hidden") && error.hint.is_some());
            assert_eq!(error.is_fatal(), error.reason.contains("invalid access key"));
        }
    }
}
