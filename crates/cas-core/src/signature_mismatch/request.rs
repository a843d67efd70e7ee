//! A request as it was sent.

use zeroize::Zeroizing;

/// A request as it was sent.
pub(super) struct SentRequest {
    pub(super) method: String,
    pub(super) path: String,
    /// Without the question mark; percent-encoded.
    pub(super) query: Zeroizing<String>,
    /// Names in small letters.
    pub(super) headers: Vec<(String, Zeroizing<String>)>,
    /// `None` if it is in a file.
    pub(super) body: Option<Zeroizing<String>>,
}

impl SentRequest {
    /// A request for `url`, which may be without a scheme and host.
    pub(super) fn of(method: &str, url: &str) -> Self {
        let (host, rest) = match url.split_once("://") {
            Some((_, rest)) => match rest.find(['/', '?']) {
                Some(at) => (Some(&rest[..at]), &rest[at..]),
                None => (Some(rest), "/"),
            },
            None => (None, url),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let host = host.map(|host| host.rsplit('@').next().unwrap_or(host));
        let header = |host: &str| ("host".to_owned(), Zeroizing::new(host.to_owned()));
        Self {
            method: method.to_ascii_uppercase(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: Zeroizing::new(query.to_owned()),
            headers: host.map(header).into_iter().collect(),
            body: Some(Zeroizing::default()),
        }
    }

    /// The values of a header, joined; `None` if the request does not have it.
    pub(super) fn header(&self, name: &str) -> Option<Zeroizing<String>> {
        let values = self.headers.iter().filter(|(known, _)| known == name);
        let values: Vec<&str> = values.map(|(_, value)| value.trim()).collect();
        (!values.is_empty()).then(|| Zeroizing::new(values.join(",")))
    }

    /// Sets a header. One of the same name is replaced.
    pub(super) fn set_header(&mut self, name: &str, value: &str) {
        let name = name.trim().to_ascii_lowercase();
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, Zeroizing::new(value.trim().to_owned())));
    }

    /// The parameters of the query, as they are written.
    pub(super) fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        pairs(&self.query)
    }

    /// The parameters of a form, as they are written. None if the body is JSON or XML.
    pub(super) fn form_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        let body = self.body.as_ref().map_or("", |body| body.as_str());
        let is_form = !body.trim_start().starts_with(['{', '[', '<']);
        pairs(if is_form { body } else { "" })
    }
}

fn pairs(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}
