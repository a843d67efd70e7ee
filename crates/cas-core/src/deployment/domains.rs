//! Domains: their one form, and which names cover them, as in TLS.

use std::collections::BTreeSet;

use idna::punycode;

/// What IDNs may have between labels instead of a dot.
const DOTS: [char; 3] = ['\u{3002}', '\u{ff0e}', '\u{ff61}'];

/// What A-labels begin with.
const ACE: &str = "xn--";

/// The longest label and the longest domain, in bytes (RFC 1035, section 2.3.4).
const MAX_LABEL: usize = 63;
const MAX_DOMAIN: usize = 253;

/// A domain in the form in which domains are compared: A-labels, small letters, no dot at the end.
/// A domain that begins with a dot, as CDN writes it, is a wildcard. `None` for what is no domain.
///
/// Characters that are composed of several are not composed first: the tables for that are larger
/// than all of deployment, and keyboards and certificates do not have such names.
pub(crate) fn normalized(domain: &str) -> Option<String> {
    let domain = domain.trim().replace(DOTS, ".").to_lowercase();
    let domain = domain.strip_suffix('.').unwrap_or(&domain);
    let (wildcard, parent) = match domain.strip_prefix("*.").or_else(|| domain.strip_prefix('.')) {
        Some(parent) => ("*.", parent),
        None => ("", domain),
    };
    let labels: Option<Vec<_>> = parent.split('.').map(a_label).collect();
    let domain = format!("{wildcard}{}", labels?.join("."));
    (domain.len() <= MAX_DOMAIN).then_some(domain)
}

/// A label in small letters as an A-label, or as it is if it is ASCII.
fn a_label(label: &str) -> Option<String> {
    let is_allowed = |c: char| match c {
        '-' | '_' => true,
        c if c.is_ascii() => c.is_ascii_alphanumeric(),
        c => !c.is_control() && !c.is_whitespace(),
    };
    if !label.chars().all(is_allowed) {
        return None;
    }
    let encoded = if label.is_ascii() {
        if let Some(digits) = label.strip_prefix(ACE) {
            punycode::decode_to_string(digits).filter(|label| !label.is_ascii())?;
        }
        label.to_owned()
    } else {
        format!("{ACE}{}", punycode::encode_str(label)?)
    };
    (1..=MAX_LABEL).contains(&encoded.len()).then_some(encoded)
}

/// Whether a certificate with this name may serve a domain; both are normalized. A wildcard stands
/// for one label.
pub(crate) fn covers(name: &str, domain: &str) -> bool {
    if name == domain {
        return true;
    }
    match (name.strip_prefix("*."), domain.split_once('.')) {
        (Some(parent), Some((_, rest))) => parent == rest,
        _ => false,
    }
}

/// The names of a certificate, normalized: its common name, and the list of its SANs as the service
/// writes it.
pub(crate) fn names_of(common_name: &str, sans: &str) -> BTreeSet<String> {
    let names = std::iter::once(common_name).chain(sans.split(','));
    names.filter_map(normalized).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn domains_have_one_form() {
        for (domain, form) in [
            ("www.example.com", "www.example.com"),
            (" WWW.Example.COM. ", "www.example.com"),
            ("*.Example.com", "*.example.com"),
            (".example.com", "*.example.com"),
            ("例子.中国", "xn--fsqu00a.xn--fiqs8s"),
            ("*.例子。中国", "*.xn--fsqu00a.xn--fiqs8s"),
            ("XN--FSQU00A.xn--fiqs8s", "xn--fsqu00a.xn--fiqs8s"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("a_b.example.com", "a_b.example.com"),
            ("localhost", "localhost"),
            ("r3---sn.example.com", "r3---sn.example.com"),
        ] {
            assert_eq!(normalized(domain).as_deref(), Some(form), "{domain}");
        }
        for invalid in
            ["", ".", "*", "*.", "a..b", "a b.example", "w*.example.com", "*.*.example.com"]
        {
            assert_eq!(normalized(invalid), None, "{invalid}");
        }
        for invalid in ["a.*.example.com", "https://example.com", "example.com:443", "xn--.com"] {
            assert_eq!(normalized(invalid), None, "{invalid}");
        }
    }

    #[test]
    fn a_wildcard_covers_one_label() {
        for (name, domain, expected) in [
            ("example.com", "example.com", true),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "*.b.example.com", false),
            ("*.example.com", "wwwexample.com", false),
            ("www.example.com", "*.example.com", false),
            ("example.com", "www.example.com", false),
        ] {
            assert_eq!(covers(name, domain), expected, "{name} {domain}");
        }
    }

    #[test]
    fn the_common_name_and_the_sans_are_the_names() {
        let names = names_of("Example.com", "example.com,*.example.com, 例子.中国,10.0.0.1");
        let expected = ["*.example.com", "10.0.0.1", "example.com", "xn--fsqu00a.xn--fiqs8s"];
        assert_eq!(names.iter().map(String::as_str).collect::<Vec<_>>(), expected);
        assert!(names_of("", "").is_empty());
        // An organization's name is no domain.
        assert!(names_of("My Company Ltd", "").is_empty());
    }

    proptest! {
        #[test]
        fn a_normalized_domain_stays_the_same(
            domain in "(\\*\\.)?[a-zA-Zäé例0-9-]{1,8}(\\.[a-zß中]{1,5}){1,3}",
        ) {
            if let Some(form) = normalized(&domain) {
                prop_assert_eq!(normalized(&form), Some(form.clone()));
                prop_assert!(form.is_ascii() && covers(&form, &form));
            }
        }
    }
}
