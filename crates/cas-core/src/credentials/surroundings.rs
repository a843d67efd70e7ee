//! What the sources of access keys work with: variables, files, and the network.

use std::fs;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use ureq::AsSendBody;
use ureq::http::Request;
use zeroize::Zeroizing;

use super::Unavailable;
use crate::error::quoted_path;
use crate::logging::{Level, Logger};
use crate::rpc::Signature;
use crate::rpc::answer::{HttpAnswer, Reading};
use crate::rpc::redact::Secrets;
use crate::transport::Connections;
use crate::variables::Variables;

/// Largest file of credentials that is read, in bytes.
const LARGEST_FILE: u64 = 1 << 20;

/// Longest wait for one answer of a source of access keys. The official SDKs wait 5 s for a connection and 10 s for the
/// answer (FACTS.md 5).
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// Given to each source.
pub struct Surroundings {
    /// The environment.
    pub variables: Arc<Variables>,
    /// The way to every host.
    pub connections: Arc<Connections>,
    /// How calls of STS are signed.
    pub signature: Signature,
    /// The program's log.
    pub logger: Logger,
}

impl Surroundings {
    /// A file of secrets, whole; a warning where others may read it too. `None` where there is no such file.
    pub(super) fn secret_file(&self, path: &Path) -> Result<Option<Zeroizing<String>>, Unavailable> {
        let text = read_text(path)?;
        if text.is_some()
            && let Ok(metadata) = fs::metadata(path)
            && metadata.mode() & 0o044 != 0
        {
            self.logger.log(Level::Warn, || {
                let path = quoted_path(path);
                format!(
                    "{path} holds access keys and may be read by others (mode {:o}): make it 600.",
                    metadata.mode() & 0o777
                )
            });
        }
        Ok(text)
    }

    /// Sends a request to `who`, and returns what came back, whatever its status.
    pub(super) fn exchange(
        &self,
        request: Request<impl AsSendBody>,
        who: &str,
        deadline: Instant,
    ) -> Result<HttpAnswer, Unavailable> {
        let deadline = deadline.min(Instant::now() + LONGEST_WAIT);
        self.connections.send(request, who, deadline).map_err(|failure| Unavailable {
            hint: failure.hint,
            ..Unavailable::broken(failure.what).with_retryable(!failure.permanent)
        })
    }
}

/// Says why there is no new access key, while there is an old one that will do.
pub(super) fn still_valid(logger: &Logger, failure: &Unavailable) {
    logger.log(Level::Warn, || format!("The access key in use is valid for now, but: {}.", failure.why));
}

/// The fields of an answer in JSON, or why there are none: by codes alone, for a message could quote anything.
pub(super) fn fields_of(answer: &HttpAnswer, who: &str) -> Result<Value, Unavailable> {
    let redact = |text: &str| Secrets::default().redact(text);
    let refused = |code: &str| {
        Unavailable::broken(format!("{who} refused: {} (HTTP {})", redact(code), answer.status))
            .with_retryable(answer.status >= 500 || answer.status == 429)
    };
    match answer.read() {
        Reading::Success(fields) => Ok(fields),
        Reading::Refusal { code, .. } => Err(refused(&code)),
        Reading::NoAnswer { instead, .. } => {
            // OAuth's way to say it (RFC 6749, 5.2).
            let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
            match body.get("error").and_then(Value::as_str) {
                Some(code) => Err(refused(code)),
                None => Err(Unavailable::broken(format!("{who} sent {}", redact(&instead)))
                    .with_retryable(answer.status >= 500)),
            }
        }
    }
}

/// A text file, whole; `None` where there is no such file.
pub(super) fn read_text(path: &Path) -> Result<Option<Zeroizing<String>>, Unavailable> {
    let broken = |why: &str| Unavailable::broken(format!("{} cannot be read: {why}", quoted_path(path)));
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(broken(&error.to_string())),
    };
    let size = file.metadata().map_or(0, |metadata| metadata.len()).min(LARGEST_FILE);
    // Room for all of it, so that no copy is left behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1));
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| broken(&error.to_string()))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(broken("it is larger than a file of credentials can be"));
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(Some(Zeroizing::new(text.trim_start_matches('\u{feff}').to_owned()))),
        Err(_) => Err(broken("it is no text in UTF-8")),
    }
}

#[cfg(test)]
impl Surroundings {
    /// With these variables and no network.
    pub(super) fn of_test(variables: &[(&str, &str)]) -> Arc<Self> {
        use crate::transport::{Trust, proxy::Ways};
        let variables: Arc<Variables> = Arc::new(variables.iter().copied().collect());
        let ways = Ways::Environment(Arc::clone(&variables));
        let connections = Connections::new(LONGEST_WAIT, Trust::of_system(), ways, "test".to_owned());
        Arc::new(Self {
            variables,
            connections: Arc::new(connections),
            signature: Signature::default(),
            logger: Logger::default(),
        })
    }
}
