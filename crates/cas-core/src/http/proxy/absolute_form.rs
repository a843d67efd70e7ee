//! Plain HTTP through an HTTP proxy: the request names the server, and the proxy forwards it
//! (RFC 9112, section 3.2.2). Many proxies allow CONNECT to port 443 alone.

use zeroize::Zeroizing;

use crate::http::endpoint::Endpoint;
use crate::http::proxy::connect::authorization;
use crate::http::proxy::url::Proxy;

/// Changes requests to a server into requests to the proxy in front of it.
pub(crate) struct AbsoluteForm {
    /// Scheme, host and port, before the path of the request.
    origin: String,
    /// The header `Proxy-Authorization`, or nothing.
    authorization: Zeroizing<String>,
}

impl AbsoluteForm {
    pub(crate) fn new(proxy: &Proxy, target: &Endpoint) -> Self {
        let origin = target.url().trim_end_matches('/').to_owned();
        Self { origin, authorization: authorization(proxy) }
    }

    /// How much longer a request becomes, in bytes.
    pub(crate) fn growth(&self) -> usize {
        self.origin.len() + self.authorization.len()
    }

    /// Changes the request whose beginning is the first `length` bytes of `output`. The request
    /// line is among them. Returns the new length.
    pub(crate) fn apply(&self, output: &mut [u8], length: usize) -> usize {
        // From the back, so that the places stay valid.
        let headers = memchr::memchr(b'\n', &output[..length]);
        let target = memchr::memchr(b' ', &output[..length]);
        [(headers, self.authorization.as_str()), (target, self.origin.as_str())]
            .into_iter()
            .filter_map(|(before, text)| Some((before? + 1, text)))
            .fold(length, |length, (at, text)| {
                output.copy_within(at..length, at + text.len());
                output[at..at + text.len()].copy_from_slice(text.as_bytes());
                length + text.len()
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_the_server_and_the_login() {
        for (proxy, target, expected) in [
            ("p", "http://host", "POST http://host/a HTTP/1.1\r\nHost: b\r\n\r\n"),
            ("p", "http://[::1]:8480", "POST http://[::1]:8480/a HTTP/1.1\r\nHost: b\r\n\r\n"),
            (
                "http://user:p%3Aa@p",
                "http://host:8480",
                "POST http://host:8480/a HTTP/1.1\r\n\
                 Proxy-Authorization: Basic dXNlcjpwOmE=\r\nHost: b\r\n\r\n",
            ),
        ] {
            let target = Endpoint::parse(target).unwrap();
            let form = AbsoluteForm::new(&Proxy::parse(proxy).unwrap(), &target);
            let request = b"POST /a HTTP/1.1\r\nHost: b\r\n\r\n";
            let mut output = [request, vec![0; form.growth()].as_slice()].concat();
            let length = form.apply(&mut output, request.len());
            assert_eq!(str::from_utf8(&output[..length]).unwrap(), expected);
            assert_eq!(length, output.len());
        }
    }
}
