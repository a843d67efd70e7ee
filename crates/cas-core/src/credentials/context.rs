//! What the sources of access keys work with: variables, files, and the network.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::AsSendBody;
use ureq::http::Request;
use zeroize::Zeroizing;

use crate::base::env::EnvSnapshot;
use crate::base::logger::{Level, Logger};
use crate::base::quote::quoted_path;
use crate::http::client::HttpClient;
use crate::http::response::HttpResponse;
use crate::protocol::Signature;
use crate::protocol::reading::ApiResponse;
use crate::service::provider::CredentialsError;

/// Largest file of credentials that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Longest wait for one answer of a source of access keys. The official SDKs wait 5 s for a connection and 10 s for the
/// answer (FACTS.md 5).
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Given to each source.
pub(crate) struct ProviderContext {
    /// The environment.
    pub variables: Arc<EnvSnapshot>,
    /// The way to every host.
    pub connections: Arc<HttpClient>,
    /// How calls of STS are signed.
    pub signature: Signature,
    /// The program's log.
    pub logger: Logger,
    /// Files that others may read, of which was warned.
    warned: Mutex<Vec<PathBuf>>,
}

impl ProviderContext {
    /// All of it.
    #[must_use]
    pub(crate) fn new(
        variables: Arc<EnvSnapshot>,
        connections: Arc<HttpClient>,
        signature: Signature,
        logger: Logger,
    ) -> Self {
        Self { variables, connections, signature, logger, warned: Mutex::default() }
    }

    /// A file of secrets, whole; a warning, once, where others may read or change it. `variable` is the one that names it, if
    /// one does.
    pub(crate) fn secret_file(
        &self,
        path: &Path,
        variable: Option<&str>,
    ) -> Result<Zeroizing<String>, CredentialsError> {
        let text = read_text(path)?.ok_or_else(|| match variable {
            Some(variable) => CredentialsError::broken(format!(
                "there is no such file, though {variable} names it (~ means nothing there)"
            )),
            None => CredentialsError::not_configured("there is no such file"),
        })?;
        let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o777);
        if mode & 0o066 != 0 && self.is_first_warning(path) {
            self.logger.log(Level::Warn, || {
                let path = quoted_path(path);
                format!(
                    "{path} holds access keys, and others may read or change it (mode {mode:o}): make it 600."
                )
            });
        }
        Ok(text)
    }

    fn is_first_warning(&self, path: &Path) -> bool {
        // Never waits for a thread that `fork` left behind; twice is better than never.
        let Ok(mut warned) = self.warned.try_lock() else { return true };
        let is_first = !warned.iter().any(|known| known == path);
        if is_first {
            warned.push(path.to_owned());
        }
        is_first
    }

    /// Sends a request to `who`, and returns what came back, whatever its status.
    pub(crate) fn exchange(
        &self,
        request: Request<impl AsSendBody>,
        who: &str,
        deadline: Instant,
    ) -> Result<HttpResponse, CredentialsError> {
        let deadline = deadline.min(Instant::now() + LONGEST_WAIT);
        self.connections.send(request, who, deadline).map_err(|failure| CredentialsError {
            hint: failure.hint,
            ..CredentialsError::broken(failure.message).with_retryable(!failure.permanent)
        })
    }
}

/// Says why there is no new access key, while there is an old one that will do.
pub(crate) fn log_refresh_failure(logger: &Logger, failure: &CredentialsError) {
    logger.log(Level::Warn, || {
        format!("The access key in use is valid for now, but: {}.", failure.why)
    });
}

/// The fields of an answer in JSON, or why there are none. Of `who`'s words only a code is shown, and only one that cannot be
/// a secret of the request: anything else could be quoted from it. `None`: any part of the request may be secret.
pub(crate) fn fields_of(
    answer: &HttpResponse,
    who: &str,
    secrets: Option<&[&str]>,
) -> Result<Value, CredentialsError> {
    let (status, size) = (answer.status, answer.body.len());
    let retryable = status >= 500 || status == 429;
    let refused = |code: &str| {
        let shown = if secrets.is_some_and(|secrets| is_code(code, secrets)) {
            format!("{code} (HTTP {status})")
        } else {
            format!("HTTP {status}")
        };
        CredentialsError::broken(format!("{who} refused: {shown}")).with_retryable(retryable)
    };
    match answer.read() {
        ApiResponse::Success(fields) => Ok(fields),
        ApiResponse::Refusal { code, .. } => Err(refused(&code)),
        ApiResponse::Unrecognized { .. } => {
            // OAuth's way to say it (RFC 6749, 5.2).
            let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
            if let Some(code) = body.get("error").and_then(Value::as_str) {
                return Err(refused(code));
            }
            let why = format!(
                "{who} sent nothing that could be understood (HTTP {status}, {size} bytes)"
            );
            Err(CredentialsError::broken(why).with_retryable(retryable))
        }
    }
}

fn is_code(text: &str, secrets: &[&str]) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        && !secrets
            .iter()
            .filter(|secret| !secret.is_empty())
            .any(|secret| text.contains(secret) || secret.contains(text))
}

/// A text file, whole; `None` where there is no such file.
pub(crate) fn read_text(path: &Path) -> Result<Option<Zeroizing<String>>, CredentialsError> {
    let broken = |why: &str| {
        CredentialsError::broken(format!("{} cannot be read: {why}", quoted_path(path)))
    };
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(broken(&error.to_string())),
    };
    let size = file.metadata().map_or(0, |metadata| metadata.len()).min(LARGEST_FILE);
    // Room for all of it, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(LARGEST_FILE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| broken(&error.to_string()))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(broken("it is larger than a file of credentials can be"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))),
        Err(_) => Err(broken("it is no text in UTF-8")),
    }
}

#[cfg(test)]
impl ProviderContext {
    /// With these variables and no network.
    pub(crate) fn of_test(variables: &[(&str, &str)]) -> Arc<Self> {
        use crate::http::proxy::ProxyPolicy;
        use crate::http::roots::RootStore;
        let variables: Arc<EnvSnapshot> = Arc::new(variables.iter().copied().collect());
        let proxy_policy = ProxyPolicy::Environment(Arc::clone(&variables));
        let connections =
            HttpClient::new(LONGEST_WAIT, RootStore::from_env(), proxy_policy, "test".to_owned());
        Arc::new(Self::new(
            variables,
            Arc::new(connections),
            Signature::default(),
            Logger::default(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_services_words_a_code_is_shown_and_nothing_of_the_request() {
        let said = |status: u16, body: &str| {
            let answer = HttpResponse {
                status,
                body: Zeroizing::new(body.into()),
                ..HttpResponse::default()
            };
            fields_of(&answer, "them", Some(&["token-1"])).unwrap_err().why
        };
        for (body, why) in [
            (
                r#"{"Code":"ServiceUnavailable","Message":"hidden"}"#,
                "them refused: ServiceUnavailable (HTTP 503)",
            ),
            (r#"{"error":"invalid_grant"}"#, "them refused: invalid_grant (HTTP 503)"),
            (r#"{"error":"token-1 is unknown"}"#, "them refused: HTTP 503"),
            (r#"{"error":"token-1"}"#, "them refused: HTTP 503"),
            (r#"{"Code":"no.token-1"}"#, "them refused: HTTP 503"),
            (
                "<html><title>hidden</title></html>",
                "them sent nothing that could be understood (HTTP 503, 34 bytes)",
            ),
        ] {
            assert_eq!(said(503, body), why);
        }
    }
}
