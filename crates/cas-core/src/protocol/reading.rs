//! Understands what came back: JSON or XML, success or error, or no API answer at all.

use std::fmt;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use crate::http::response::{HttpResponse, is_request_id};

/// Deepest XML that is read; real answers nest three deep.
const MAX_XML_DEPTH: usize = 16;

/// What an answer says. `Debug` shows which of these it is, and no word of the server's.
pub(crate) enum ApiResponse {
    /// The operation's fields, still untyped.
    Success(Value),
    /// The gateway or the service refused. The message is as it came: redact it.
    Refusal {
        /// The service's code; never empty.
        code: String,
        /// The service's words; may be empty.
        message: Zeroizing<String>,
        /// The id of the request, from header or body.
        request_id: Option<String>,
    },
    /// No answer of the API.
    Unrecognized {
        /// What came instead, as a clause. Redact it.
        instead: String,
        /// Whether somebody on the way refused the request: the service did not see it.
        rejected_on_the_way: bool,
    },
}

impl fmt::Debug for ApiResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Success(_) => "Success",
            Self::Refusal { .. } => "Refusal",
            Self::Unrecognized { .. } => "NoAnswer",
        })
    }
}

impl HttpResponse {
    /// Reads the body. What it is, is taken from its first character, not from a header.
    #[must_use]
    pub(crate) fn read(&self) -> ApiResponse {
        if (300..400).contains(&self.status) {
            let instead = match self.location.as_deref().and_then(host_of) {
                Some(host) => {
                    format!("a redirect to {host}, which is not followed (HTTP {})", self.status)
                }
                None => format!("a redirect, which is not followed (HTTP {})", self.status),
            };
            return ApiResponse::Unrecognized { instead, rejected_on_the_way: true };
        }
        let body = self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body).trim_ascii();
        let fields = match body.first() {
            None => return self.no_answer(&format!("nothing (HTTP {}, no body)", self.status)),
            Some(b'{') => match serde_json::from_slice(body) {
                Ok(Value::Object(fields)) => fields,
                _ => return self.cut("JSON that is cut or broken"),
            },
            Some(b'<') => match read_xml(body) {
                Some(fields) => fields,
                None => match describe_page(body) {
                    Some(page) => return self.no_answer(&self.measured(&page)),
                    None => return self.cut("XML that is cut or broken"),
                },
            },
            Some(_) => return self.no_answer(&self.measured("neither JSON nor XML")),
        };
        self.judge(fields)
    }

    /// A `Code` beside HTTP 200 is an error too, unless it is one of the ways to say that all is well
    /// (the list is that of the official Node.js client).
    fn judge(&self, fields: Map<String, Value>) -> ApiResponse {
        let fields = Value::Object(fields);
        let code = text(&fields, &["Code", "code"]).unwrap_or_default();
        if code.is_empty()
            && ["Code", "code"]
                .iter()
                .any(|name| fields.get(name).is_some_and(|code| !code.is_null()))
        {
            return self.cut("an answer whose code is no text");
        }
        let ok_code = matches!(code.as_str(), "" | "200" | "OK" | "Success" | "success");
        if (200..300).contains(&self.status) && ok_code {
            ApiResponse::Success(fields)
        } else if ok_code {
            self.cut("an error without a code")
        } else {
            ApiResponse::Refusal {
                code,
                message: Zeroizing::new(text(&fields, &["Message", "message"]).unwrap_or_default()),
                request_id: request_id(self, Some(&fields)),
            }
        }
    }

    /// Something that the API did not say. With a status of refusal it was said instead of passing the
    /// request on; 408 may come from somebody who passed it on and lost patience.
    fn no_answer(&self, instead: &str) -> ApiResponse {
        let rejected_on_the_way = (400..500).contains(&self.status) && self.status != 408;
        ApiResponse::Unrecognized { instead: instead.to_owned(), rejected_on_the_way }
    }

    /// The rest of something that the API may have said.
    fn cut(&self, what: &str) -> ApiResponse {
        ApiResponse::Unrecognized { instead: self.measured(what), rejected_on_the_way: false }
    }

    fn measured(&self, what: &str) -> String {
        format!("{what} (HTTP {}, {} bytes)", self.status, self.body.len())
    }
}

/// The id under which support finds the request, from the header or else from `fields`.
#[must_use]
pub(crate) fn request_id(answer: &HttpResponse, fields: Option<&Value>) -> Option<String> {
    let from_body = || fields.and_then(|fields| text(fields, &["RequestId", "requestId"]));
    answer.request_id().or_else(|| from_body().filter(|id| is_request_id(id)))
}

/// The host of an absolute URL. Its path may hold anything, so it is not shown.
fn host_of(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    Some(authority.rsplit('@').next().unwrap_or(authority)).filter(|host| !host.is_empty())
}

/// The first of `names` that `fields` has, as text; numbers and booleans as they are written.
#[must_use]
pub(crate) fn text(fields: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match fields.get(name)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    })
}

/// The first of `names` that `fields` has, as a whole number, whether it is written as a number or as text.
#[must_use]
pub(crate) fn integer(fields: &Value, names: &[&str]) -> Option<i64> {
    let text = text(fields, names)?;
    let digits = text.strip_prefix('-').unwrap_or(&text);
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// The children of the root element: text where an element has no children of its own, a list where a
/// name is repeated. `None` for anything that is not a well-formed answer, an HTML page among it.
fn read_xml(body: &[u8]) -> Option<Map<String, Value>> {
    let body = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(body);
    // Each open element: its name, its children, its text.
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) if open.len() < MAX_XML_DEPTH && root.is_none() => {
                open.push((element.local_name().as_ref().to_owned(), Map::new(), String::new()));
            }
            Event::Empty(element) if !open.is_empty() => {
                let name = element.local_name().as_ref().to_owned();
                insert(&mut open.last_mut()?.1, name, Value::String(String::new()));
            }
            Event::Text(text) => {
                if let Some((_, _, content)) = open.last_mut() {
                    content.push_str(&text);
                } else if !text.trim().is_empty() {
                    return None;
                }
            }
            Event::CData(text) => open.last_mut()?.2.push_str(&text),
            Event::GeneralRef(reference) => {
                let content = &mut open.last_mut()?.2;
                match reference.resolve_char_ref().ok()? {
                    Some(character) => content.push(character),
                    None => content.push_str(resolve_predefined_entity(&reference)?),
                }
            }
            Event::End(_) => {
                let (name, children, content) = open.pop()?;
                let Some((_, siblings, _)) = open.last_mut() else {
                    root = (!name.eq_ignore_ascii_case("html")).then_some(children);
                    continue;
                };
                let value = if children.is_empty() {
                    Value::String(content.trim().to_owned())
                } else {
                    Value::Object(children)
                };
                insert(siblings, name, value);
            }
            Event::Decl(_) | Event::Comment(_) => {}
            Event::Eof if open.is_empty() => return root,
            // A document type, instructions, an empty or too deep document, a cut one: no API answer.
            _ => return None,
        }
    }
}

fn insert(siblings: &mut Map<String, Value>, name: String, value: Value) {
    match siblings.get_mut(&name) {
        None => {
            siblings.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(single) => *single = Value::Array(vec![single.take(), value]),
    }
}

/// An HTML page by its title, which usually names the proxy that wrote it.
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
        Some(title) => format!("an HTML page titled \"{title}\""),
        None => "an HTML page".to_owned(),
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

    fn no_answer(status: u16, body: &str) -> String {
        match read(status, body) {
            ApiResponse::Unrecognized { instead, .. } => instead,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn ids_are_read_as_number_or_text_up_to_the_largest() {
        for (body, id) in [
            (r#"{"CertId":18382705}"#, Some(18_382_705)),
            (r#"{"CertId":"18382705","New":{"a":[1]}}"#, Some(18_382_705)),
            (r#"{"CertId":9223372036854775807}"#, Some(i64::MAX)),
            (r#"{"CertId":"9223372036854775807"}"#, Some(i64::MAX)),
            (r#"{"CertId":9223372036854775808}"#, None),
            (r#"{"CertId":1.0}"#, None),
            (r#"{"CertId":"+1"}"#, None),
            (r#"{"CertId":""}"#, None),
            (r#"{"CertId":null}"#, None),
            ("{}", None),
            ("<A><CertId> 7\n</CertId></A>\n<!-- end -->", Some(7)),
            (
                "<CreateUserCertificate><RequestId>R</RequestId><CertId>7</CertId></CreateUserCertificate>",
                Some(7),
            ),
        ] {
            assert_eq!(integer(&fields(body), &["CertId"]), id, "{body}");
        }
    }

    #[test]
    fn a_code_of_success_is_no_error() {
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
        assert!(no_answer(500, "{}").starts_with("an error without a code"));
    }

    #[test]
    fn xml_errors_and_lists_are_read() {
        let error = "<?xml version='1.0' encoding='UTF-8'?>\n<Error>\n <Code>-1008</Code>\n\
                     <Message>a &lt;b&gt; &#38; <![CDATA[<c>]]></Message><RequestId>R-1</RequestId></Error>\n";
        match read(400, error) {
            ApiResponse::Refusal { code, message, .. } => {
                assert_eq!((code.as_str(), message.as_str()), ("-1008", "a <b> & <c>"));
            }
            other => panic!("{other:?}"),
        }
        let list = fields("<L><Item><id>1</id></Item><Item><id>2</id></Item><Item/></L>");
        assert_eq!(list["Item"].as_array().unwrap().len(), 3);
        assert_eq!(list["Item"][1]["id"], "2");
    }

    #[test]
    fn what_is_no_answer_is_named() {
        assert!(no_answer(200, "").starts_with("nothing"));
        assert!(no_answer(200, r#"{"CertId":1"#).starts_with("JSON that is cut"));
        assert!(no_answer(200, "[]").starts_with("neither"));
        for xml in ["<A><B>", "<A/>", "<A></A>text", "<A></A><B></B>", "text <A></A>", "<A></B>"] {
            let what = no_answer(200, xml);
            assert!(
                what.starts_with("XML that is cut") || what.starts_with("neither"),
                "{xml}: {what}"
            );
        }
        assert!(no_answer(200, r#"{"Code":["NameRepeat"]}"#).contains("code is no text"));
        assert!(no_answer(200, "<A><Code>x</Code><Code>y</Code></A>").contains("code is no text"));
        assert!(no_answer(200, "<A>&unknown;</A>").starts_with("XML that is cut"));
        assert!(no_answer(200, &"<a>".repeat(100)).starts_with("XML that is cut"));
        assert_eq!(
            no_answer(502, "<!DOCTYPE html>\n<html><head><Title>502 Bad\n Gateway</title>"),
            "an HTML page titled \"502 Bad Gateway\" (HTTP 502, 59 bytes)"
        );
        assert!(no_answer(200, "<html><body></body></html>").starts_with("an HTML page (HTTP 200"));
        for (location, shown) in [
            (
                Some("https://user@login.example:8/p?key=hidden"),
                "a redirect to login.example:8, which is not followed (HTTP 302)",
            ),
            (Some("/elsewhere"), "a redirect, which is not followed (HTTP 302)"),
            (None, "a redirect, which is not followed (HTTP 302)"),
        ] {
            let location = location.map(ToOwned::to_owned);
            match (HttpResponse { status: 302, location, ..HttpResponse::default() }).read() {
                ApiResponse::Unrecognized { instead, rejected_on_the_way } => {
                    assert_eq!((instead.as_str(), rejected_on_the_way), (shown, true));
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn private_keys_are_overwritten_and_the_rest_is_read() {
        let forget = |body: &str| {
            let mut answer = HttpResponse {
                status: 200,
                body: Zeroizing::new(body.into()),
                ..HttpResponse::default()
            };
            answer.scrub_private_keys();
            (String::from_utf8(answer.body.to_vec()).unwrap(), answer.read())
        };
        let json = r#"{"Key":"-----BEGIN RSA PRIVATE KEY-----\nhidden\n-----END RSA PRIVATE KEY-----\n","Cert":"-----BEGIN CERTIFICATE-----\nshown\n-----END CERTIFICATE-----","EncryptPrivateKey":"-----BEGIN PRIVATE KEY-----\nhidden","Id":7}"#;
        // Cut inside the second key: nothing of it is left, and it is no answer any more.
        let (left, read) = forget(json);
        assert!(
            !left.contains("hidden")
                && left.contains("shown")
                && matches!(read, ApiResponse::Unrecognized { .. })
        );
        let (left, read) =
            forget(&json.replace("hidden\",\"Id", "hidden-----END PRIVATE KEY-----\",\"Id"));
        let ApiResponse::Success(fields) = read else { panic!("{left}") };
        assert!(!left.contains("hidden") && left.len() > 200);
        assert_eq!(
            (integer(&fields, &["Id"]), text(&fields, &["Cert"]).unwrap().contains("shown")),
            (Some(7), true)
        );
        let xml = "<A><Key>-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----</Key><Id>7</Id></A>";
        let (left, read) = forget(xml);
        assert!(!left.contains("hidden") && matches!(read, ApiResponse::Success(_)), "{left}");
        for odd in [
            "-----BEGIN ",
            "-----BEGIN PRIVATE KEY",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN -----BEGIN ",
        ] {
            forget(odd);
        }
    }

    #[test]
    fn debug_shows_nothing_that_a_server_said() {
        for body in [
            r#"{"Code":"hidden","Message":"hidden"}"#,
            r#"{"a":"hidden"}"#,
            "<html><title>hidden</title>",
        ] {
            let location = Some("https://hidden".to_owned());
            let body = Zeroizing::new(body.into());
            let answer = HttpResponse { status: 200, location, body, ..HttpResponse::default() };
            assert!(!format!("{answer:?} {:?}", answer.read()).contains("hidden"));
        }
    }

    #[test]
    fn a_request_id_comes_from_the_header_or_the_body() {
        let fields = fields(r#"{"RequestId":"BODY-1"}"#);
        let mut answer = HttpResponse::default();
        assert_eq!(request_id(&answer, Some(&fields)).as_deref(), Some("BODY-1"));
        answer.request_id = Some("HEADER-1".to_owned());
        assert_eq!(request_id(&answer, Some(&fields)).as_deref(), Some("HEADER-1"));
        answer.request_id = Some("not an id".to_owned());
        assert_eq!(answer.request_id(), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(status in 100u16..600, body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = HttpResponse { status, body: Zeroizing::new(body), ..HttpResponse::default() }.read();
        }

        #[test]
        fn any_markup_is_read_without_panic(body in "[<>/&;#a-cA-C!\\[\\]\" -]{0,120}") {
            let _ = read(200, &body);
        }
    }
}
