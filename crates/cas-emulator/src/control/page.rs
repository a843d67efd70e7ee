//! The page at `/_emulator/`: one document with its script and style, which load nothing else.

use crate::http::Response;

const DOCUMENT: &str = include_str!("page/index.html");
const SCRIPT: &str = include_str!("page/page.js");
const STYLE: &str = include_str!("page/page.css");

/// The document allows what it needs, and nothing from outside.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
                      connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

pub(super) fn document() -> Response {
    static_file("text/html;charset=utf-8", DOCUMENT)
}

pub(super) fn script() -> Response {
    static_file("text/javascript;charset=utf-8", SCRIPT)
}

pub(super) fn style() -> Response {
    static_file("text/css;charset=utf-8", STYLE)
}

fn static_file(content_type: &'static str, text: &str) -> Response {
    let headers = [
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Response { content_type, headers: headers.into(), ..Response::json(200, text.to_owned()) }
}
