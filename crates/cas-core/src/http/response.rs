//! An HTTP response.

use std::fmt;
use std::time::{Duration, SystemTime};

use zeroize::Zeroizing;

/// Largest body that is read, in bytes. A page of a list is a hundred times smaller.
pub(crate) const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// An HTTP response. `Debug` shows only status and size: the rest may echo the request.
#[derive(Default)]
pub(crate) struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Header `x-acs-request-id`.
    pub request_id: Option<String>,
    /// Header `x-acs-retry-after`, in milliseconds.
    pub retry_after: Option<Duration>,
    /// Header `Date` of an error: the server's time.
    pub date: Option<SystemTime>,
    /// Header `Location` of a redirect.
    pub location: Option<String>,
    /// At most [`MAX_RESPONSE_BYTES`] bytes. Wiped on drop: it may echo the request.
    pub body: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpResponse(HTTP {}, {} bytes)", self.status, self.body.len())
    }
}

impl HttpResponse {
    /// Overwrites the private keys in the body. The service returns them with the details of a
    /// certificate, and libcas never needs them.
    ///
    /// A key without an END line ends with the text that it stands in, at a quotation mark or a
    /// tag: the rest of the response stays readable.
    pub(crate) fn scrub_private_keys(&mut self) {
        const BEGIN: &[u8] = b"-----BEGIN ";
        const DASHES: &[u8] = b"-----";
        // Each byte is examined once: a response may begin a key thousands of times.
        let mut done = 0;
        while let Some(at) = memchr::memmem::find(&self.body[done..], BEGIN) {
            done += at + BEGIN.len();
            let block = &mut self.body[done..];
            let Some(label) = memchr::memmem::find(block, DASHES) else { break };
            if !block[..label].ends_with(b"PRIVATE KEY") {
                continue;
            }
            let key = &mut block[label + DASHES.len()..];
            // `]` may begin the end of a CDATA section.
            let end = memchr::memchr3(b'"', b'<', b']', key).unwrap_or(key.len());
            let end = memchr::memmem::find(&key[..end], b"-----END ").unwrap_or(end);
            let backslashes = key[..end].iter().rev().take_while(|&&b| b == b'\\').count();
            // The last one may be needed to escape what follows.
            let end = end - backslashes % 2;
            key[..end].fill(b' ');
            done += label + DASHES.len() + end;
        }
    }

    /// Header `x-acs-request-id`, if it looks like a request ID.
    #[must_use]
    pub(crate) fn request_id(&self) -> Option<String> {
        self.request_id.clone().filter(|id| is_request_id(id))
    }
}

/// What a body contains if it may hold a private key, a temporary access key or the tokens of a
/// sign-in: as the service returns them, or encoded, in an echo of the request.
const SECRET_MARKS: [&[u8]; 4] = [b"PRIVATE", b"ccessKeySecret", b"ecurityToken", b"_token"];

/// The longest of them, in bytes.
pub(crate) const MAX_MARK_BYTES: usize = 14;

/// Whether a part of a body may belong to a secret.
pub(crate) fn may_hold_secret(part: &[u8]) -> bool {
    SECRET_MARKS.iter().any(|mark| memchr::memmem::find(part, mark).is_some())
}

/// Whether a text has the form of a request ID.
pub(crate) fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(body: &str) -> String {
        let body = Zeroizing::new(body.as_bytes().to_vec());
        let mut response = HttpResponse { body, ..HttpResponse::default() };
        response.scrub_private_keys();
        String::from_utf8(response.body.to_vec()).unwrap()
    }

    #[test]
    fn private_keys_are_overwritten_and_nothing_else() {
        let cert = "-----BEGIN CERTIFICATE-----\\nMIIB\\n-----END CERTIFICATE-----\\n";
        for label in ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY"] {
            let pem = |key: &str| format!("-----BEGIN {label}-----{key}-----END {label}-----");
            let body = |key: &str| format!("{{\"Cert\":\"{cert}\",\"Key\":\"{}\"}}", pem(key));
            assert_eq!(scrubbed(&body("\\nMIIC\\n")), body("        "));
            let two = |key: &str| format!("{}{}", pem(key), pem(key));
            assert_eq!(scrubbed(&two("AAAA")), two("    "));
        }
        assert_eq!(scrubbed(cert), cert);
    }

    #[test]
    fn the_time_to_overwrite_keys_is_bounded() {
        let begin = "-----BEGIN PRIVATE KEY-----";
        // Each would take a minute if every key were searched to the end of the response.
        for text in [begin.to_owned(), format!("{begin}\","), "-----BEGIN ".to_owned()] {
            let mut body = text.repeat((4 << 20) / text.len());
            body.push_str("\"-----BEGIN PRIVATE KEY-----MIIC");
            assert!(scrubbed(&body).ends_with("PRIVATE KEY-----    "), "{text}");
        }
    }

    #[test]
    fn private_key_without_an_end_is_overwritten_to_the_end_of_its_text() {
        let begin = "-----BEGIN PRIVATE KEY-----";
        assert_eq!(scrubbed(&format!("{begin}MIIC")), format!("{begin}    "));
        for rest in ["\",\"Code\":\"NotFound\"}", "</Message><Code>NotFound</Code>"] {
            assert_eq!(scrubbed(&format!("{begin}MIIC{rest}")), format!("{begin}    {rest}"));
        }
        for (key, left) in [
            (r#"MIIC\"x","Code":"NotFound"}"#, r#"    \"x","Code":"NotFound"}"#),
            (r#"MIIC\\","Code":"NotFound"}"#, r#"      ","Code":"NotFound"}"#),
            (r#"MIIC\\\"x"}"#, r#"      \"x"}"#),
            (r"\", r"\"),
            ("MIIC]]></Message>", "    ]]></Message>"),
        ] {
            assert_eq!(scrubbed(&format!("{begin}{key}")), format!("{begin}{left}"));
        }
        // A certificate with such a name does not hide the others.
        let list = format!("[{{\"name\":\"{begin}\"}},{{\"name\":\"web\"}}]");
        assert_eq!(scrubbed(&list), list);
        let end = "-----END PRIVATE KEY-----";
        let both =
            format!("[{{\"name\":\"{begin}\"}},{{\"name\":\"web\"}},{{\"name\":\"{end}\"}}]");
        assert_eq!(scrubbed(&both), both);
        for body in [begin, "-----BEGIN PRIVATE KEY", "-----BEGIN ", ""] {
            assert_eq!(scrubbed(body), body);
        }
    }

    #[test]
    fn bodies_that_may_hold_a_secret_are_recognised() {
        assert!(SECRET_MARKS.iter().all(|mark| mark.len() <= MAX_MARK_BYTES));
        for body in [
            r#"{"Key":"-----BEGIN RSA PRIVATE KEY-----"#,
            "<Message>POST&%2F&Key%3D-----BEGIN%2520PRIVATE%2520KEY-----",
            r#"{"AccessKeySecret":"#,
            r#"{"accessKeySecret":"#,
            r#"{"SecurityToken":"#,
            r#"{"access_token":"#,
            r#"{"refresh_token":"#,
        ] {
            assert!(may_hold_secret(body.as_bytes()), "{body}");
        }
        for body in ["", r#"{"CertId":7}"#, "-----BEGIN CERTIFICATE-----", "AccessKeyId"] {
            assert!(!may_hold_secret(body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn request_id_has_the_form_of_one() {
        let longest = "A".repeat(64);
        for id in ["7B0F6A3E-0000-4E6B-8E0C-CB55C4F5F60D", "a", &longest] {
            assert!(is_request_id(id), "{id}");
        }
        let too_long = "A".repeat(65);
        for id in ["", &too_long, "a b", "a_b", "a\r\nb", "<id>"] {
            let request_id = Some(id.to_owned());
            let response = HttpResponse { request_id, ..HttpResponse::default() };
            assert_eq!(response.request_id(), None, "{id}");
        }
    }

    #[test]
    fn debug_output_shows_no_body() {
        let body = Zeroizing::new(b"hidden".to_vec());
        let response = HttpResponse { status: 400, body, ..HttpResponse::default() };
        assert_eq!(format!("{response:?}"), "HttpResponse(HTTP 400, 6 bytes)");
    }
}
