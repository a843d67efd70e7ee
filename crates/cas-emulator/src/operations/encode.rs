//! Response bodies in JSON or XML.

use quick_xml::se::Serializer;
use serde::Serialize;

use crate::request::Format;

/// The fields of an error response.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    request_id: &'a str,
    host_id: &'a str,
    code: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    recommend: Option<String>,
}

/// Encodes `fields` as a JSON object, or as an XML document with the root element `root`. In XML, a
/// list is a repeated element without a wrapper.
///
/// # Panics
///
/// If `fields` is not a struct of strings, numbers, booleans and lists of such structs.
pub(crate) fn encode(format: Format, root: &str, fields: &impl Serialize) -> String {
    match format {
        Format::Json => serde_json::to_string(fields).expect("fields have a JSON form"),
        Format::Xml => {
            let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
            let mut serializer =
                Serializer::with_root(&mut xml, Some(root)).expect("root is a valid name");
            serializer.expand_empty_elements(true);
            fields.serialize(serializer).expect("fields have an XML form");
            xml.replace(invalid_in_xml, "\u{fffd}")
        }
    }
}

/// Encodes the body of an error response.
pub(crate) fn encode_error(
    format: Format,
    code: &str,
    message: &str,
    request_id: &str,
    host_id: &str,
) -> String {
    // The documented XML error has four elements. `Recommend` has been captured in JSON only.
    let recommend = (format == Format::Json).then(|| {
        let url = "https://api.aliyun.com/troubleshoot";
        format!("{url}?q={code}&product=cas&requestId={request_id}")
    });
    let body = ErrorBody { request_id, host_id, code, message, recommend };
    encode(format, "Error", &body)
}

/// The characters that XML can neither contain nor escape.
fn invalid_in_xml(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Flat {
        #[serde(rename = "A")]
        a: &'static str,
        #[serde(rename = "B")]
        b: i64,
    }

    #[test]
    fn escapes_text_in_both_formats() {
        let fields = Flat { a: " \"<&>'\"\r\n\u{1} ]]>", b: -1 };
        assert_eq!(encode(Format::Json, "R", &fields), r#"{"A":" \"<&>'\"\r\n\u0001 ]]>","B":-1}"#);
        assert_eq!(
            encode(Format::Xml, "R", &fields),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
             <R><A> \"&lt;&amp;&gt;'\"&#13;\n\u{fffd} ]]&gt;</A><B>-1</B></R>"
        );
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Nested {
        #[serde(flatten)]
        flat: Flat,
        list: Vec<Item>,
        empty: Vec<Item>,
        text: &'static str,
        #[serde(flatten)]
        missing: Option<Flat>,
        number: u64,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Item {
        text: &'static str,
        flag: bool,
    }

    #[test]
    fn lists_are_json_arrays_or_repeated_xml_elements() {
        let item = |text| Item { text, flag: true };
        let fields = Nested {
            flat: Flat { a: "a", b: 2 },
            list: vec![item("1"), item("")],
            empty: Vec::new(),
            text: "",
            missing: None,
            number: 3,
        };
        let json = r#"{"A":"a","B":2,"List":[{"Text":"1","Flag":true},{"Text":"","Flag":true}],"#;
        let json = format!(r#"{json}"Empty":[],"Text":"","Number":3}}"#);
        assert_eq!(encode(Format::Json, "R", &fields), json);
        assert_eq!(
            encode(Format::Xml, "R", &fields),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><R><A>a</A><B>2</B>\
             <List><Text>1</Text><Flag>true</Flag></List>\
             <List><Text></Text><Flag>true</Flag></List><Text></Text><Number>3</Number></R>"
        );
    }
}
