//! Reads an XML response into the values that a JSON one has.
//!
//! libcas asks for JSON; a gateway may refuse in XML anyway. Uses nothing of this crate.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// Deepest XML that is read; real responses nest three deep.
const MAX_DEPTH: usize = 16;

/// Returns the children of the root element: text for an element without children, a list for a
/// name that is repeated. `None` for anything but a well-formed response, such as an HTML page.
pub(crate) fn read(body: &[u8]) -> Option<Map<String, Value>> {
    let body = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(body);
    // Each open element: its name, its children, its text.
    let mut open: Vec<(String, Map<String, Value>, String)> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(element) if open.len() < MAX_DEPTH && root.is_none() => {
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
            // A document type, an instruction, an empty, too deep or truncated document: not a
            // response.
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn fields(body: &str) -> Option<Value> {
        read(body.as_bytes()).map(Value::Object)
    }

    #[test]
    fn elements_become_texts_objects_and_lists() {
        let error = "<?xml version='1.0' encoding='UTF-8'?>\n<Error>\n <Code>-1008</Code>\n\
                     <Message>a &lt;b&gt; &#38; <![CDATA[<c>]]></Message></Error>\n<!-- end -->";
        assert_eq!(fields(error), Some(json!({"Code": "-1008", "Message": "a <b> & <c>"})));
        let list = "<L><Item><id>1</id></Item><Item><id>2</id></Item><Item/></L>";
        assert_eq!(fields(list), Some(json!({"Item": [{"id": "1"}, {"id": "2"}, ""]})));
        assert_eq!(fields("<A><CertId> 7\n</CertId></A>"), Some(json!({"CertId": "7"})));
    }

    #[test]
    fn malformed_xml_is_refused() {
        for body in [
            "<A><B>",
            "<A/>",
            "<A></A>text",
            "<A></A><B></B>",
            "text <A></A>",
            "<A></B>",
            "<A>&unknown;</A>",
            "<html><a>1</a></html>",
            "<!DOCTYPE A><A></A>",
            "",
        ] {
            assert_eq!(fields(body), None, "{body}");
        }
        let nested = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
        assert!(fields(&nested(MAX_DEPTH)).is_some() && fields(&nested(MAX_DEPTH + 1)).is_none());
    }

    proptest! {
        #[test]
        fn any_markup_is_read_without_panic(body in "[<>/&;#a-cA-C!\\[\\]\" -]{0,120}") {
            let _ = fields(&body);
        }
    }
}
