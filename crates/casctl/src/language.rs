//! The language of what casctl says: English, or Chinese where the environment asks for it.
//!
//! The messages and hints of libcas are in English in both.

use std::sync::OnceLock;

/// A language of casctl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    Chinese,
}

static LANGUAGE: OnceLock<Language> = OnceLock::new();

/// Chooses the language by the variables that `get` reads: the first of `LC_ALL`, `LC_MESSAGES`
/// and `LANG` that is set decides. Chinese needs a character set that has it.
fn of_environment(get: impl Fn(&str) -> Option<String>) -> Language {
    let names = ["LC_ALL", "LC_MESSAGES", "LANG"];
    let locale = names.into_iter().find_map(|name| get(name).filter(|value| !value.is_empty()));
    let Some(locale) = locale else { return Language::English };
    let (language, charset) = locale.split_once('.').unwrap_or((&locale, "UTF-8"));
    let charset = charset.split('@').next().unwrap_or_default();
    let is_utf8 = matches!(charset.to_ascii_uppercase().as_str(), "UTF-8" | "UTF8");
    let is_chinese = language == "zh" || language.starts_with("zh_");
    if is_chinese && is_utf8 { Language::Chinese } else { Language::English }
}

/// The language, chosen when it is first asked for.
pub(crate) fn language() -> Language {
    *LANGUAGE.get_or_init(|| of_environment(|name| std::env::var(name).ok()))
}

/// The text in the chosen language.
pub(crate) fn text(english: &'static str, chinese: &'static str) -> &'static str {
    match language() {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

/// A sentence in the chosen language: two format strings that use the same variables.
macro_rules! say {
    ($english:literal, $chinese:literal) => {
        match $crate::language::language() {
            $crate::language::Language::English => format!($english),
            $crate::language::Language::Chinese => format!($chinese),
        }
    };
}
pub(crate) use say;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides() {
        let of = |variables: &[(&str, &str)]| {
            of_environment(|name| {
                let found = variables.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        for chinese in ["zh_CN.UTF-8", "zh_TW.utf8", "zh", "zh_CN", "zh_CN.UTF-8@pinyin"] {
            assert_eq!(of(&[("LANG", chinese)]), Language::Chinese, "{chinese}");
        }
        for english in ["", "C", "C.UTF-8", "en_US.UTF-8", "zh_CN.GBK", "zha", "de_DE.UTF-8"] {
            assert_eq!(of(&[("LANG", english)]), Language::English, "{english}");
        }
        assert_eq!(of(&[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Language::English);
        assert_eq!(of(&[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")]), Language::Chinese);
        assert_eq!(of(&[("LC_MESSAGES", "zh_CN.UTF-8"), ("LANG", "C")]), Language::Chinese);
    }
}
