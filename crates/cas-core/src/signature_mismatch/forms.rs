//! Reads a request in the forms in which people copy it: an HTTP request, a curl command, a URL, or
//! a form.

use zeroize::Zeroizing;

use crate::signature_mismatch::curl;
use crate::signature_mismatch::request::SentRequest;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];

/// `None` if the text has no request.
pub(super) fn read(text: &str) -> Option<SentRequest> {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if let Some(command) = curl::command(text) {
        return curl::read(command);
    }
    of_http(text).or_else(|| of_url(text)).or_else(|| of_form(text))
}

/// An HTTP request with its headers, also as `curl -v` prints it.
fn of_http(text: &str) -> Option<SentRequest> {
    let mut offset = 0;
    let (mut request, is_traced, head) = text.split_inclusive('\n').find_map(|line| {
        offset += line.len();
        let bare = line.trim();
        let (is_traced, bare) = bare.strip_prefix("> ").map_or((false, bare), |bare| (true, bare));
        let mut words = bare.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next());
        let is_request = METHODS.contains(&method)
            && version.is_none_or(|version| version.starts_with("HTTP/"))
            && (target.starts_with('/') || target.contains("://"));
        is_request.then(|| (SentRequest::of(method, target), is_traced, offset))
    })?;
    let mut rest = &text[head..];
    while let Some((line, after)) =
        rest.split_once('\n').or((!rest.is_empty()).then_some((rest, "")))
    {
        let line = line.trim_end_matches('\r');
        let line = match line.strip_prefix('>') {
            Some(traced) if is_traced => traced.trim_start(),
            // curl's own remarks, and the response.
            _ if is_traced && (line.starts_with("* ") || line.starts_with(['<', '}', '{'])) => {
                rest = after;
                continue;
            }
            _ => line,
        };
        if line.trim().is_empty() {
            rest = after;
            break;
        }
        let Some((name, value)) = line.split_once(':') else { break };
        let name = name.trim().to_ascii_lowercase();
        request.headers.retain(|(known, _)| *known != name || known != "host");
        request.headers.push((name, Zeroizing::new(value.trim().to_owned())));
        rest = after;
    }
    let length = request.header("content-length").and_then(|length| length.parse().ok());
    let body = match length {
        Some(length) if rest.is_char_boundary(length) && length <= rest.len() => &rest[..length],
        _ if is_traced => "",
        // An editor ends a file with a line break.
        _ => rest.strip_suffix('\n').unwrap_or(rest).trim_end_matches('\r'),
    };
    // A trace has no body.
    let is_unknown = is_traced && request.method != "GET";
    request.body = (!is_unknown || !body.is_empty()).then(|| Zeroizing::new(body.to_owned()));
    Some(request)
}

/// `[METHOD] https://host/?query`, within any text: the first URL that is signed.
fn of_url(text: &str) -> Option<SentRequest> {
    let is_of_url = |c: char| c.is_ascii_graphic() && !"\"'<>`\\".contains(c) || !c.is_ascii();
    text.match_indices("://").find_map(|(at, _)| {
        let scheme = ["https", "http"].into_iter().find(|scheme| text[..at].ends_with(scheme))?;
        let start = at - scheme.len();
        let url = &text[start..];
        let url = &url[..url.find(|c| !is_of_url(c)).unwrap_or(url.len())];
        let before = text[..start].split_whitespace().next_back().unwrap_or_default();
        let method = METHODS.iter().find(|method| before.eq_ignore_ascii_case(method));
        let is_signed = url.contains("Signature=");
        is_signed.then(|| SentRequest::of(method.unwrap_or(&"GET"), url))
    })
}

/// A query or form alone: a query if it begins with `?` or `/?`.
fn of_form(text: &str) -> Option<SentRequest> {
    let text = text.trim();
    if !text.contains('=') || text.contains(char::is_whitespace) && !text.contains("-----") {
        return None;
    }
    if text.starts_with(['/', '?']) {
        return Some(SentRequest::of("GET", text));
    }
    let mut request = SentRequest::of("POST", "/");
    request.body = Some(Zeroizing::new(text.to_owned()));
    Some(request)
}
