//! Answers of the API: one list of fields, written as JSON or as XML.

use std::fmt::Write as _;

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
pub(crate) enum Value {
    Text(String),
    Number(i64),
    Bool(bool),
    /// In JSON an array of objects; in XML each of them is an element of the field's name, without a wrapper.
    List(Vec<Fields>),
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

/// Fields in the order in which they are written.
pub(crate) type Fields = Vec<(&'static str, Value)>;

/// `fields` as one object, or as one element called `root`.
pub(crate) fn write(format: Format, root: &str, fields: &Fields) -> String {
    match format {
        Format::Json => json(fields),
        Format::Xml => {
            let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
            write_element(&mut xml, root, fields);
            xml
        }
    }
}

/// The body of a refused call.
pub(crate) fn write_error(
    format: Format,
    code: &str,
    message: &str,
    request_id: &str,
    host_id: &str,
) -> String {
    let mut fields = vec![
        ("RequestId", request_id.into()),
        ("HostId", host_id.into()),
        ("Code", code.into()),
        ("Message", message.into()),
    ];
    // The documented XML error has four children; Recommend was only seen in JSON.
    if format == Format::Json {
        let recommend = format!(
            "https://api.aliyun.com/troubleshoot?q={code}&product=cas&requestId={request_id}"
        );
        fields.push(("Recommend", recommend.into()));
    }
    write(format, "Error", &fields)
}

fn json(fields: &Fields) -> String {
    let member = |(name, value): &(&str, Value)| {
        let value = match value {
            Value::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(json).collect::<Vec<_>>().join(","))
            }
        };
        format!("\"{name}\":{value}")
    };
    format!("{{{}}}", fields.iter().map(member).collect::<Vec<_>>().join(","))
}

fn write_element(xml: &mut String, name: &str, fields: &Fields) {
    let _ = write!(xml, "<{name}>"); // a String takes everything
    for (name, value) in fields {
        let text = match value {
            Value::Text(text) => escape_xml(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::List(items) => {
                for item in items {
                    write_element(xml, name, item);
                }
                continue;
            }
        };
        let _ = write!(xml, "<{name}>{text}</{name}>");
    }
    let _ = write!(xml, "</{name}>");
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

    #[test]
    fn lists_are_arrays_or_repeated_elements() {
        let item = |text: &str| vec![("A", text.into()), ("B", true.into())];
        let fields = vec![
            ("L", Value::List(vec![item("1"), item("2")])),
            ("E", Value::List(vec![])),
            ("N", 3.into()),
        ];
        let expected = r#"{"L":[{"A":"1","B":true},{"A":"2","B":true}],"E":[],"N":3}"#;
        assert_eq!(write(Format::Json, "R", &fields), expected);
        assert_eq!(
            write(Format::Xml, "R", &fields),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><R><L><A>1</A><B>true</B></L><L><A>2</A><B>true</B></L>\
             <N>3</N></R>"
        );
    }
}
