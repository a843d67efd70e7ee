//! Reads a response: JSON or XML, a success or a refusal, or something that is not from the API.
//!
//! Uses `http` for the response as it arrived. What the service sends is described in
//! docs/service.md, Responses.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::http::response::{HttpResponse, is_request_id};
use crate::protocol::fields::{Text, from_json, parse};
use crate::protocol::xml;

/// What a response says. `Debug` prints the variant only, nothing that a server sent.
pub(crate) enum ApiResponse {
    /// The operation's fields, still untyped.
    Success(Value),
    /// The gateway or the service refused. Redact the message before it is shown.
    Refusal {
        /// The service's code; never empty.
        code: String,
        /// The service's message; may be empty.
        message: Zeroizing<String>,
        /// The RequestId, from the header or the body.
        request_id: Option<String>,
    },
    /// Not a response of the API.
    Unrecognized {
        /// What came instead, as a clause. Redact it before it is shown.
        content: String,
        /// Whether something between libcas and the service refused the request, so that the
        /// service did not see it.
        rejected_in_transit: bool,
    },
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success(_) => "Success",
            Self::Refusal { .. } => "Refusal",
            Self::Unrecognized { .. } => "Unrecognized",
        })
    }
}

/// What every response may say beside the operation's own fields.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct Envelope {
    code: Option<Text>,
    message: Text,
    request_id: Text,
}

impl Envelope {
    fn read(fields: &Value) -> Self {
        let names = ["Code", "code", "Message", "message", "RequestId", "requestId"];
        let own =
            names.iter().filter_map(|&name| Some((name.to_owned(), fields.get(name)?.clone())));
        parse(Value::Object(own.collect())).unwrap_or_default()
    }

    /// Whether the code means success: pop accepts these (docs/service.md, Responses).
    fn is_success(&self) -> bool {
        let code = self.code.as_ref().map_or("", Text::as_str);
        matches!(code, "" | "200" | "OK" | "Success" | "success")
    }
}

impl HttpResponse {
    /// Reads the body. Its first character decides what it is, not a header.
    #[must_use]
    pub(crate) fn read(&self) -> ApiResponse {
        if (300..400).contains(&self.status) {
            let target = self.location.as_deref().and_then(host_of);
            let target = target.map_or(String::new(), |host| format!(" to {host}"));
            let content =
                format!("redirect{target}, which libcas does not follow (HTTP {})", self.status);
            return ApiResponse::Unrecognized { content, rejected_in_transit: true };
        }
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body).trim_ascii();
        let fields = match body.first() {
            None => return self.foreign(format!("empty body (HTTP {})", self.status)),
            Some(b'{') => match from_json(body) {
                Ok(fields) => fields,
                Err(_) => return self.damaged("truncated or invalid JSON"),
            },
            Some(b'<') => match xml::read(body) {
                Some(fields) => Value::Object(fields),
                None => match describe_page(body) {
                    Some(page) => return self.foreign(self.measured(&page)),
                    None => return self.damaged("truncated or invalid XML"),
                },
            },
            Some(_) => return self.foreign(self.measured("neither JSON nor XML")),
        };
        self.classify(fields)
    }

    /// A `Code` beside HTTP 200 is a refusal too, unless it means success.
    fn classify(&self, fields: Value) -> ApiResponse {
        let envelope = Envelope::read(&fields);
        let success = envelope.is_success();
        match envelope.code {
            Some(code) if code.as_str().is_empty() => self.damaged("response with an invalid Code"),
            Some(code) if !success => ApiResponse::Refusal {
                code: code.into_string(),
                message: Zeroizing::new(envelope.message.into_string()),
                request_id: request_id(self, &fields),
            },
            _ if (200..300).contains(&self.status) => ApiResponse::Success(fields),
            _ => self.foreign(self.measured("error without a Code")),
        }
    }

    /// Not from the API. With a 4xx status, something in transit refused the request instead of
    /// passing it on; but 408 may come from what passed it on and then timed out.
    fn foreign(&self, content: String) -> ApiResponse {
        let rejected_in_transit = (400..500).contains(&self.status) && self.status != 408;
        ApiResponse::Unrecognized { content, rejected_in_transit }
    }

    /// What may be left of a response of the API.
    fn damaged(&self, content: &str) -> ApiResponse {
        let content = self.measured(content);
        ApiResponse::Unrecognized { content, rejected_in_transit: false }
    }

    fn measured(&self, content: &str) -> String {
        format!("{content} (HTTP {}, {} bytes)", self.status, self.body.len())
    }
}

/// Returns the RequestId, from the header or else from `fields`.
#[must_use]
pub(crate) fn request_id(response: &HttpResponse, fields: &Value) -> Option<String> {
    let from_body = || Some(Envelope::read(fields).request_id.into_string());
    response.request_id().or_else(|| from_body().filter(|id| is_request_id(id)))
}

/// Returns the host of an absolute URL. Its path may hold anything, so it is not shown.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority)).filter(|host| !host.is_empty())
}

/// Describes an HTML page by its title, which usually names the proxy that wrote it.
fn describe_page(body: &[u8]) -> Option<String> {
    let page = Zeroizing::new(String::from_utf8_lossy(body).into_owned());
    let lower = Zeroizing::new(page.to_ascii_lowercase());
    if !lower.contains("<html") && !lower.starts_with("<!doctype html") {
        return None;
    }
    let title = lower.find("<title>").and_then(|start| {
        let start = start + "<title>".len();
        let end = start + lower[start..].find("</title>")?;
        let title = page[start..end].split_whitespace().collect::<Vec<_>>().join(" ");
        (!title.is_empty()).then_some(title)
    });
    Some(match title {
        Some(title) => format!("HTML page titled \"{title}\""),
        None => "HTML page".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(status: u16, body: &str) -> ApiResponse {
        HttpResponse { status, body: Zeroizing::new(body.into()), ..HttpResponse::default() }.read()
    }

    fn fields(body: &str) -> Value {
        match read(200, body) {
            ApiResponse::Success(fields) => fields,
            other => panic!("{other:?}"),
        }
    }

    fn unrecognized(status: u16, body: &str) -> String {
        match read(status, body) {
            ApiResponse::Unrecognized { content, .. } => content,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_success_code_is_not_a_refusal() {
        for body in [
            r#"{"Code":"200"}"#,
            r#"{"Code":200}"#,
            r#"{"Code":"OK"}"#,
            r#"{"code":"success"}"#,
            "\u{feff}{}",
        ] {
            fields(body);
        }
        match read(200, r#"{"Code":"NameRepeat","Message":"名称重复"}"#) {
            ApiResponse::Refusal { code, message, .. } => {
                assert_eq!((code.as_str(), message.as_str()), ("NameRepeat", "名称重复"));
            }
            other => panic!("{other:?}"),
        }
        assert!(unrecognized(500, "{}").starts_with("error without a Code"));
    }

    #[test]
    fn an_xml_refusal_is_read() {
        let error = "<?xml version='1.0' encoding='UTF-8'?>\n<Error>\n <Code>-1008</Code>\n\
                     <Message>a &lt;b&gt;</Message><RequestId>R-1</RequestId></Error>\n";
        match read(400, error) {
            ApiResponse::Refusal { code, message, request_id } => {
                assert_eq!((code.as_str(), message.as_str()), ("-1008", "a <b>"));
                assert_eq!(request_id.as_deref(), Some("R-1"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_response_that_is_not_from_the_api_is_described() {
        assert!(unrecognized(200, "").starts_with("empty body"));
        assert!(unrecognized(200, r#"{"CertId":1"#).starts_with("truncated or invalid JSON"));
        assert!(unrecognized(200, "[]").starts_with("neither"));
        for xml in ["<A><B>", "<A/>", "<A></A>text", "<A></A><B></B>", "text <A></A>", "<A></B>"] {
            let what = unrecognized(200, xml);
            assert!(
                what.starts_with("truncated or invalid XML") || what.starts_with("neither"),
                "{xml}: {what}"
            );
        }
        assert!(unrecognized(200, r#"{"Code":["NameRepeat"]}"#).contains("invalid Code"));
        assert!(unrecognized(200, "<A><Code>x</Code><Code>y</Code></A>").contains("invalid Code"));
        assert!(unrecognized(200, "<A>&unknown;</A>").starts_with("truncated or invalid XML"));
        assert!(unrecognized(200, &"<a>".repeat(100)).starts_with("truncated or invalid XML"));
        assert_eq!(
            unrecognized(502, "<!DOCTYPE html>\n<html><head><Title>502 Bad\n Gateway</title>"),
            "HTML page titled \"502 Bad Gateway\" (HTTP 502, 59 bytes)"
        );
        assert!(unrecognized(200, "<html><body></body></html>").starts_with("HTML page (HTTP 200"));
        for (location, expected) in [
            (
                Some("https://user@login.example:8/p?key=hidden"),
                "redirect to login.example:8, which libcas does not follow (HTTP 302)",
            ),
            (Some("/elsewhere"), "redirect, which libcas does not follow (HTTP 302)"),
            (None, "redirect, which libcas does not follow (HTTP 302)"),
        ] {
            let location = location.map(ToOwned::to_owned);
            match (HttpResponse { status: 302, location, ..HttpResponse::default() }).read() {
                ApiResponse::Unrecognized { content, rejected_in_transit } => {
                    assert_eq!((content.as_str(), rejected_in_transit), (expected, true));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn private_keys_are_scrubbed_before_the_rest_is_read() {
        let scrub = |body: &str| {
            let mut response = HttpResponse {
                status: 200,
                body: Zeroizing::new(body.into()),
                ..HttpResponse::default()
            };
            response.scrub_private_keys();
            (String::from_utf8(response.body.to_vec()).unwrap(), response.read())
        };
        let json = concat!(
            r#"{"Key":"-----BEGIN RSA PRIVATE KEY-----\nhidden\n-----END RSA PRIVATE KEY-----\n","#,
            r#""Cert":"-----BEGIN CERTIFICATE-----\nshown\n-----END CERTIFICATE-----","#,
            r#""EncryptPrivateKey":"-----BEGIN PRIVATE KEY-----\nhidden","Id":7}"#,
        );
        // Without the end of the second key: nothing of it is left, and the rest can be read.
        let (left, read) = scrub(json);
        let ApiResponse::Success(fields) = read else { panic!("{left}") };
        assert!(!left.contains("hidden") && left.contains("shown"));
        assert_eq!(fields["Id"].as_i64(), Some(7));
        // Truncated inside the second key: the JSON is invalid.
        let (left, read) = scrub(&json[..json.rfind("hidden").unwrap() + 3]);
        assert!(!left.contains("hid") && matches!(read, ApiResponse::Unrecognized { .. }));
        let (left, read) =
            scrub(&json.replace("hidden\",\"Id", "hidden-----END PRIVATE KEY-----\",\"Id"));
        let ApiResponse::Success(fields) = read else { panic!("{left}") };
        assert!(!left.contains("hidden") && left.len() > 200);
        assert_eq!(
            (fields["Id"].as_i64(), fields["Cert"].as_str().unwrap().contains("shown")),
            (Some(7), true)
        );
        let xml = "<A><Key>-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----</Key>\
                   <Id>7</Id></A>";
        let (left, read) = scrub(xml);
        assert!(!left.contains("hidden") && matches!(read, ApiResponse::Success(_)), "{left}");
        for odd in [
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN -----BEGIN ",
        ] {
            scrub(odd);
        }
    }

    #[test]
    fn debug_prints_nothing_that_a_server_sent() {
        for body in [
            r#"{"Code":"hidden","Message":"hidden"}"#,
            r#"{"a":"hidden"}"#,
            "<html><title>hidden</title>",
        ] {
            let location = Some("https://hidden".to_owned());
            let body = Zeroizing::new(body.into());
            let response = HttpResponse { status: 200, location, body, ..HttpResponse::default() };
            assert!(!format!("{response:?} {:?}", response.read()).contains("hidden"));
        }
    }

    #[test]
    fn the_request_id_comes_from_the_header_or_the_body() {
        let fields = fields(r#"{"RequestId":"BODY-1"}"#);
        let mut response = HttpResponse::default();
        assert_eq!(request_id(&response, &fields).as_deref(), Some("BODY-1"));
        response.request_id = Some("HEADER-1".to_owned());
        assert_eq!(request_id(&response, &fields).as_deref(), Some("HEADER-1"));
        response.request_id = Some("not an id".to_owned());
        assert_eq!(response.request_id(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            status in 100u16..600,
            body in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let body = Zeroizing::new(body);
            let _ = HttpResponse { status, body, ..HttpResponse::default() }.read();
        }
    }
}
