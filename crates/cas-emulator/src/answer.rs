//! Answers of the API: one list of fields, written as JSON or as XML.

use std::fmt::Write as _;

use crate::errors::{ApiError, Lang};

/// What `Format` asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) enum Format {
    #[default]
    Json,
    Xml,
}

impl Format {
    /// The format called `name`, in whatever case: SDKs send `JSON` and `json`.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("json") {
            Some(Self::Json)
        } else if name.eq_ignore_ascii_case("xml") {
            Some(Self::Xml)
        } else {
            None
        }
    }

    /// Written without a space: the official SDKs read XML errors only under exactly this type.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json;charset=utf-8",
            Self::Xml => "text/xml;charset=utf-8",
        }
    }
}

/// The value of one field.
#[derive(Debug)]
pub(crate) enum Value {
    Text(String),
    Number(i64),
}

/// Fields in the order in which they are written.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// `fields` as one object, or as one element called `root`.
pub(crate) fn write(format: Format, root: &str, fields: &Fields) -> String {
    match format {
        Format::Json => write_json(fields),
        Format::Xml => write_xml(root, fields),
    }
}

/// The body of a refused call.
pub(crate) fn write_error(
    format: Format,
    error: &ApiError,
    lang: Lang,
    request_id: &str,
    host_id: &str,
) -> String {
    let code = error.code();
    let recommend =
        format!("https://api.aliyun.com/troubleshoot?q={code}&product=cas&requestId={request_id}");
    let mut fields = vec![
        ("RequestId", Value::Text(request_id.to_owned())),
        ("HostId", Value::Text(host_id.to_owned())),
        ("Code", Value::Text(code)),
        ("Message", Value::Text(error.message(lang))),
    ];
    // The documented XML error has four children; Recommend was only seen in JSON.
    if format == Format::Json {
        fields.push(("Recommend", Value::Text(recommend)));
    }
    write(format, "Error", &fields)
}

fn write_json(fields: &Fields) -> String {
    let mut json = String::from("{");
    for (index, (name, value)) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let value = match value {
            Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Value::Number(number) => number.to_string(),
        };
        let _ = write!(json, r#"{comma}"{name}":{value}"#); // a String takes everything
    }
    json.push('}');
    json
}

fn write_xml(root: &str, fields: &Fields) -> String {
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><{root}>");
    for (name, value) in fields {
        let text = match value {
            Value::Text(text) => escape_xml(text),
            Value::Number(number) => number.to_string(),
        };
        let _ = write!(xml, "<{name}>{text}</{name}>"); // a String takes everything
    }
    let _ = write!(xml, "</{root}>");
    xml
}

fn escape_xml(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            // XML has no way to write these.
            '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {
                escaped.push('\u{fffd}');
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_in_both_formats() {
        let fields = vec![("A", Value::Text("\"<&>\"\n\u{1}".into())), ("B", Value::Number(-1))];
        assert_eq!(write(Format::Json, "R", &fields), r#"{"A":"\"<&>\"\n\u0001","B":-1}"#);
        assert_eq!(
            write(Format::Xml, "R", &fields),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><R><A>\"&lt;&amp;&gt;\"\n\u{fffd}</A><B>-1</B></R>"
        );
    }
}
