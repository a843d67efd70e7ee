//! A manifest: TOML that lists certificates.
//!
//! ```toml
//! [[certificate]]
//! name = "shop"                  # default: the one that the certificate suggests
//! cert = "shop/fullchain.pem"    # from the directory of the manifest
//! key = "shop/privkey.pem"
//! on_conflict = "reuse"
//! lang = "zh"
//! domains = ["shop.example.com", "api.example.com:8443"]
//! deploy = true
//! ```

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use super::lineage::Lineage;
use crate::failure::{Failure, unusable};
use crate::language::say;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    certificate: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: Option<Line>,
    cert: Line,
    key: Line,
    on_conflict: Option<OnConflict>,
    lang: Option<Lang>,
    #[serde(default)]
    domains: Vec<Line>,
    #[serde(default)]
    deploy: bool,
}

/// A name, a path or a host. These appear in messages and reports, so the text of a key must not
/// get there.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Line(String);

impl TryFrom<String> for Line {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains("-----") || text.contains('\n') {
            return Err("the contents of a file instead of a name or a path");
        }
        Ok(Self(text))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum OnConflict {
    Reuse,
    Fail,
    Rename,
    Replace,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Lang {
    Zh,
    En,
}

/// Reads a manifest.
pub(super) fn read(path: &Path) -> Result<Vec<Lineage>, Failure> {
    let shown = cas_core::quoted_path(path);
    let text = fs::read_to_string(path).map_err(|error| {
        unusable(
            say!(
                "Failed to read the manifest {shown}: {error}.",
                "读取清单 {shown} 失败：{error}。"
            ),
            say!("Check its path and permissions.", "请检查路径和权限。"),
        )
    })?;
    let parent = path.parent().unwrap_or(Path::new(""));
    let lineages = parse(&text, parent).map_err(|(line, problem)| {
        Failure::Usage(
            say!(
                "Invalid manifest {shown}, line {line}: {problem}.",
                "清单 {shown} 第 {line} 行无效：{problem}。"
            ),
            say!(
                "Write a [[certificate]] with cert and key for each; see casctl upload --help.",
                "每个证书写一个 [[certificate]]，包含 cert 和 key；参见 casctl upload --help。"
            ),
        )
    })?;
    let mut names = BTreeSet::new();
    for name in lineages.iter().filter_map(|lineage| lineage.name.as_ref()) {
        if !names.insert(name) {
            return Err(Failure::Usage(
                say!(
                    "Invalid manifest {shown}: two certificates have the name \"{name}\".",
                    "清单 {shown} 无效：两个证书的名称都是“{name}”。"
                ),
                say!("Give each a name of its own.", "请为每个证书指定不同的名称。"),
            ));
        }
    }
    Ok(lineages)
}

/// Parses a manifest whose paths are relative to `parent`. The error is the number of a line, and a
/// clause that quotes no value: someone may have written a key into it.
fn parse(text: &str, parent: &Path) -> Result<Vec<Lineage>, (usize, String)> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start.min(text.len()));
        let line = text.get(..start).unwrap_or_default().matches('\n').count() + 1;
        let message = error.message();
        let safe = message.lines().next().unwrap_or_default();
        let quotes_a_value = safe.contains("invalid type") || safe.contains("unknown variant");
        (line, if quotes_a_value { "invalid value".to_owned() } else { with_short_names(safe) })
    })?;
    let on_conflict = |rule| match rule {
        OnConflict::Reuse => "reuse",
        OnConflict::Fail => "fail",
        OnConflict::Rename => "rename",
        OnConflict::Replace => "replace",
    };
    let lang = |lang| match lang {
        Lang::Zh => "zh",
        Lang::En => "en",
    };
    let entries = manifest.certificate.into_iter();
    Ok(entries
        .map(|entry| Lineage {
            label: entry.name.as_ref().unwrap_or(&entry.cert).0.clone(),
            cert: parent.join(entry.cert.0),
            key: parent.join(entry.key.0),
            name: entry.name.map(|name| name.0),
            on_conflict: entry.on_conflict.map(|rule| on_conflict(rule).to_owned()),
            lang: entry.lang.map(|one| lang(one).to_owned()),
            domains: entry.domains.into_iter().map(|host| host.0).collect(),
            deploy: entry.deploy,
        })
        .collect())
}

/// A message whose quotations are no longer than the name of a field may be.
fn with_short_names(message: &str) -> String {
    const MAX_NAME: usize = 20;
    let parts = message.split('`').enumerate();
    let shown = parts.map(|(index, part)| match index % 2 {
        1 if part.len() > MAX_NAME => "…",
        _ => part,
    });
    shown.collect::<Vec<_>>().join("`")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_lists_certificates() {
        let text = "[[certificate]]\nname = \"a\"\ncert = \"a.pem\"\nkey = \"/k/a.key\"\n\
                    on_conflict = \"replace\"\nlang = \"zh\"\ndomains = [\"a.example:8443\"]\n\
                    deploy = true\n\n[[certificate]]\ncert = \"b.pem\"\nkey = \"b.key\"\n";
        let lineages = parse(text, Path::new("/m")).unwrap();
        let [first, second] = &lineages[..] else { panic!("{lineages:?}") };
        assert_eq!(first.cert, Path::new("/m/a.pem"));
        assert_eq!(first.key, Path::new("/k/a.key"));
        assert_eq!(first.on_conflict.as_deref(), Some("replace"));
        assert_eq!((first.lang.as_deref(), first.deploy), (Some("zh"), true));
        assert_eq!((second.label.as_str(), second.name.as_ref()), ("b.pem", None));
    }

    #[test]
    fn errors_name_the_line_and_quote_no_value() {
        for (text, line, clause) in [
            ("", 1, "missing field `certificate`"),
            ("[[certificate]]\ncert = \"a\"\n", 1, "missing field `key`"),
            ("[[certificate]]\ncert = \"a\"\nkey = 5\n", 3, "invalid value"),
            ("[[certificate]]\ncert = \"a\"\nkey = \"b\"\nlang = \"canary\"\n", 4, "invalid value"),
        ] {
            let (found, message) = parse(text, Path::new("")).unwrap_err();
            assert_eq!(found, line, "{text}: {message}");
            assert!(message.contains(clause) && !message.contains("canary"), "{message}");
        }
        let pem = "\"\"\"-----BEGIN PRIVATE KEY-----\ncanary\n\"\"\"\n";
        for text in [
            format!("[[certificate]]\ncert = {pem}key = \"b\"\n"),
            format!("[[certificate]]\nkey = {pem}cert = \"b\"\n"),
            format!("[[certificate]]\nname = {pem}cert = \"b\"\nkey = \"b\"\n"),
            format!("[[certificate]]\ndomains = [{pem}]\ncert = \"b\"\nkey = \"b\"\n"),
            "[[certificate]]\ncert = \"canary\\ncanary\"\nkey = \"b\"\n".to_owned(),
        ] {
            let (line, message) = parse(&text, Path::new("")).unwrap_err();
            let expected = "the contents of a file instead of a name or a path";
            assert_eq!((line, message.as_str()), (2, expected), "{text}");
        }
        let (line, message) = parse("[[certificate]]\nkeys = \"a\"\n", Path::new("")).unwrap_err();
        assert!(line == 2 && message.contains("unknown field `keys`"), "{message}");
        let long = format!("[[certificate]]\n\"{}\" = 1\n", "canary/".repeat(4));
        let (_, message) = parse(&long, Path::new("")).unwrap_err();
        assert!(message.contains("unknown field") && !message.contains("canary"), "{message}");
    }
}
