//! Which domains a name of a certificate covers.

/// Whether the certificate name `name` covers `domain`. A wildcard stands for one label. The domain
/// can be a wildcard itself, `*.example.com` or `.example.com`: only the same wildcard covers it.
pub(crate) fn covers(name: &str, domain: &str) -> bool {
    let (name, domain) = (name.to_ascii_lowercase(), domain.to_ascii_lowercase());
    let domain = if domain.starts_with('.') { format!("*{domain}") } else { domain };
    name == domain
        || match (name.strip_prefix("*."), domain.split_once('.')) {
            (Some(parent), Some((label, rest))) => parent == rest && !label.is_empty(),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_covers_one_label() {
        for (name, domain) in [
            ("a.example", "A.example"),
            ("*.example.com", "www.example.com"),
            ("*.example.com", "*.example.com"),
            ("*.example.com", ".example.com"),
        ] {
            assert!(covers(name, domain), "{name} {domain}");
        }
        for (name, domain) in [
            ("example.com", "www.example.com"),
            ("*.example.com", "example.com"),
            ("*.example.com", "a.b.example.com"),
            ("www.example.com", "*.example.com"),
            ("*.com", ".com.example"),
            ("", "a"),
        ] {
            assert!(!covers(name, domain), "{name} {domain}");
        }
    }
}
