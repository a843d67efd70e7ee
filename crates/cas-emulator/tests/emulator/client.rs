//! A client that shares no code with the emulator or libcas: it signs with `ring`, has its own
//! percent-encoding and writes HTTP to a socket.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use serde_json::Value;

/// Which part of a request contains which parameters, as the official SDKs do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// aliyun-python-sdk-cas and pop-core: all in the URL, spaces as `%20`.
    GetQuery,
    /// pop-core with POST: all in the form, with the signature.
    PostForm,
    /// aliyun-python-sdk-core with body parameters: those of the operation in the form, spaces as
    /// `+`.
    PostQueryAndForm,
    /// alibabacloud-cas20180713 with version 1 signatures: those of the operation in both query and
    /// form.
    PostTwice,
    /// The same, with those of the operation in both query and JSON, and the JSON unsigned.
    PostQueryAndJson,
    /// aliyun-python-sdk-core with a JSON content type: those of the operation in JSON only, and
    /// signed.
    PostJsonSigned,
}

pub(crate) const SHAPES: [Shape; 6] = [
    Shape::GetQuery,
    Shape::PostForm,
    Shape::PostQueryAndForm,
    Shape::PostTwice,
    Shape::PostQueryAndJson,
    Shape::PostJsonSigned,
];

/// How long a read or write may take. Tests fail after that; they never hang.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Parameters of operations, not of the protocol.
const OPERATION: [&str; 4] = ["Name", "Cert", "Key", "Lang"];

/// A call to send.
#[derive(Clone)]
pub(crate) struct Call {
    params: BTreeMap<String, String>,
    secret: String,
    shape: Shape,
}

impl Call {
    /// A valid call of version 2018-07-13 with a fresh timestamp and nonce.
    pub(crate) fn v2018(action: &str) -> Self {
        static NONCE: AtomicU32 = AtomicU32::new(0);
        let nonce = format!("{}-{}", std::process::id(), NONCE.fetch_add(1, Ordering::Relaxed));
        let params = [
            ("AccessKeyId", "testid"),
            ("Action", action),
            ("Format", "JSON"),
            ("RegionId", "cn-hangzhou"),
            ("SignatureMethod", "HMAC-SHA1"),
            ("SignatureNonce", &nonce),
            ("SignatureType", ""),
            ("SignatureVersion", "1.0"),
            ("Timestamp", &timestamp(SystemTime::now())),
            ("Version", "2018-07-13"),
        ];
        let params = params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { params: params.collect(), secret: "testsecret".to_owned(), shape: Shape::PostForm }
    }

    /// A valid call of version 2020-04-07.
    pub(crate) fn v2020(action: &str) -> Self {
        Self::v2018(action).set("Version", "2020-04-07")
    }

    /// `CreateUserCertificate`.
    pub(crate) fn create(name: &str, cert: &str, key: &str) -> Self {
        Self::v2018("CreateUserCertificate").set("Name", name).set("Cert", cert).set("Key", key)
    }

    /// `UploadUserCertificate`.
    pub(crate) fn upload(name: &str, cert: &str, key: &str) -> Self {
        Self::v2020("UploadUserCertificate").set("Name", name).set("Cert", cert).set("Key", key)
    }

    pub(crate) fn set(mut self, name: &str, value: &str) -> Self {
        self.params.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.params.remove(name);
        self
    }

    pub(crate) fn secret(mut self, secret: &str) -> Self {
        secret.clone_into(&mut self.secret);
        self
    }

    pub(crate) fn shape(mut self, shape: Shape) -> Self {
        self.shape = shape;
        self
    }

    fn method(&self) -> &'static str {
        if self.shape == Shape::GetQuery { "GET" } else { "POST" }
    }

    pub(crate) fn string_to_sign(&self) -> String {
        let query = pairs(&self.params, "%20");
        format!("{}&%2F&{}", self.method(), encode(&query, "%20"))
    }

    /// The request as bytes. It is signed unless the parameter `Signature` is set.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (target, content_type, body) = self.parts();
        let mut head = format!("{} {target} HTTP/1.1\r\nHost: test\r\n", self.method());
        if !body.is_empty() {
            head += &format!("Content-Type: {content_type}\r\nContent-Length: {}\r\n", body.len());
        }
        (head + "\r\n" + &body).into_bytes()
    }

    /// Request target, content type, body.
    pub(crate) fn parts(&self) -> (String, &'static str, String) {
        let mut params = self.params.clone();
        if !params.contains_key("Signature") {
            params.insert("Signature".to_owned(), sign(&self.secret, &self.string_to_sign()));
        }
        let form = "application/x-www-form-urlencoded";
        let json = "application/json; charset=utf-8";
        let of_operation = |name: &String| OPERATION.contains(&name.as_str());
        let (operation, protocol): (BTreeMap<_, _>, BTreeMap<_, _>) =
            params.clone().into_iter().partition(|(name, _)| of_operation(name));
        let members = || serde_json::to_string(&operation).unwrap();
        match self.shape {
            Shape::GetQuery => (format!("/?{}", pairs(&params, "%20")), form, String::new()),
            Shape::PostForm => ("/".to_owned(), form, pairs(&params, "%20")),
            Shape::PostQueryAndForm => {
                (format!("/?{}", pairs(&protocol, "%20")), form, pairs(&operation, "+"))
            }
            Shape::PostTwice => {
                (format!("/?{}", pairs(&params, "+")), form, pairs(&operation, "+"))
            }
            Shape::PostQueryAndJson => (format!("/?{}", pairs(&params, "+")), json, members()),
            Shape::PostJsonSigned => (format!("/?{}", pairs(&protocol, "%20")), json, members()),
        }
    }

    pub(crate) fn send(&self, port: u16) -> Response {
        Connection::open(port).exchange(&self.bytes())
    }
}

/// Limits every read and write of `tcp`.
pub(crate) fn limit(tcp: &TcpStream) {
    tcp.set_read_timeout(Some(TIMEOUT)).unwrap();
    tcp.set_write_timeout(Some(TIMEOUT)).unwrap();
}

pub(crate) fn timestamp(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

fn pairs(params: &BTreeMap<String, String>, space: &str) -> String {
    let pair = |(name, value): (&String, &String)| {
        format!("{}={}", encode(name, space), encode(value, space))
    };
    params.iter().map(pair).collect::<Vec<_>>().join("&")
}

pub(crate) fn encode(text: &str, space: &str) -> String {
    let byte = |byte: u8| match byte {
        b' ' => space.to_owned(),
        b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        _ if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

pub(crate) fn sign(secret: &str, string_to_sign: &str) -> String {
    let key = format!("{secret}&");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes());
    base64::engine::general_purpose::STANDARD
        .encode(ring::hmac::sign(&key, string_to_sign.as_bytes()))
}

/// A response, read according to its `Content-Length`.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Response {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// `Code` of a JSON error.
    pub(crate) fn code(&self) -> String {
        self.json()["Code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn cert_id(&self) -> i64 {
        assert_eq!(self.status, 200, "{}", self.body);
        self.json()["CertId"].as_i64().unwrap()
    }
}

/// A connection for any number of requests.
pub(crate) struct Connection<S = TcpStream> {
    stream: S,
    received: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(port: u16) -> Self {
        let tcp = TcpStream::connect(("127.0.0.1", port)).unwrap();
        tcp.set_nodelay(true).unwrap();
        limit(&tcp);
        Self::over(tcp)
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream, received: Vec::new() }
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    pub(crate) fn exchange(&mut self, bytes: &[u8]) -> Response {
        self.send(bytes);
        self.response()
    }

    /// The response; `None` if the connection ends before it is complete.
    pub(crate) fn try_exchange(&mut self, bytes: &[u8]) -> Option<Response> {
        self.stream.write_all(bytes).ok()?;
        loop {
            let text = String::from_utf8_lossy(&self.received);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = Response { status: 0, head: head.to_owned(), body: String::new() };
                let length: usize = head.header("content-length")?.parse().ok()?;
                if body.len() >= length {
                    return Some(self.response());
                }
            }
            if self.receive() == 0 {
                return None;
            }
        }
    }

    /// The head of a response, without its empty line.
    pub(crate) fn head(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(self.received.drain(..end + 4).collect()).unwrap();
                return head.trim_end().to_owned();
            }
            assert!(
                self.receive() > 0,
                "closed inside a head: {:?}",
                String::from_utf8_lossy(&self.received)
            );
        }
    }

    pub(crate) fn response(&mut self) -> Response {
        let head = self.head();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let mut response = Response { status, head, body: String::new() };
        if response.header("transfer-encoding") == Some("chunked") {
            response.body = self.chunks();
            return response;
        }
        let length = response.header("content-length").unwrap().parse().unwrap();
        while self.received.len() < length {
            assert!(self.receive() > 0, "closed inside a body");
        }
        response.body = String::from_utf8(self.received.drain(..length).collect()).unwrap();
        response
    }

    fn chunks(&mut self) -> String {
        let mut body = Vec::new();
        loop {
            let mut take = |end: &dyn Fn(&[u8]) -> Option<usize>| loop {
                if let Some(end) = end(&self.received) {
                    break self.received.drain(..end).collect::<Vec<_>>();
                }
                assert!(self.receive() > 0, "closed inside a chunked body");
            };
            let line = take(&|bytes| Some(bytes.iter().position(|&byte| byte == b'\n')? + 1));
            let line = String::from_utf8(line).unwrap();
            let length = usize::from_str_radix(line.trim_end(), 16).unwrap();
            let chunk = take(&|bytes| (bytes.len() >= length + 2).then_some(length + 2));
            assert!(chunk.ends_with(b"\r\n"));
            if length == 0 {
                return String::from_utf8(body).unwrap();
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }

    /// Whether the server has closed the connection and sent nothing before that.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.received.is_empty() && self.receive() == 0
    }

    /// All that arrives until the connection ends, and how it ends.
    pub(crate) fn rest(mut self) -> (Vec<u8>, std::io::Result<usize>) {
        let ended = self.stream.read_to_end(&mut self.received);
        (self.received, ended)
    }

    fn receive(&mut self) -> usize {
        let mut piece = [0; 16 * 1024];
        let count = loop {
            match self.stream.read(&mut piece) {
                Ok(count) => break count,
                // A read with a timeout does not go on after a signal.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let timeout =
                        matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                    assert!(!timeout, "nothing arrived within {TIMEOUT:?}");
                    break 0;
                }
            }
        };
        self.received.extend_from_slice(&piece[..count]);
        count
    }
}

/// Sends a request to the control interface.
pub(crate) fn control(port: u16, method: &str, path: &str) -> Response {
    control_with(port, method, path, "")
}

/// Sends a request with a body to the control interface.
pub(crate) fn control_with(port: u16, method: &str, path: &str, body: &str) -> Response {
    let length = body.len();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}");
    Connection::open(port).exchange(request.as_bytes())
}
