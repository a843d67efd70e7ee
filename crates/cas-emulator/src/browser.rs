//! Requests of browsers: which ones the emulator responds to.
//!
//! A page of another site, in a browser on this machine, can send requests to any port, and can
//! make a host name of its own point here (DNS rebinding). It can sign them, too: the default
//! access key is known, and STS issues one for any token. A browser tells the host name and the
//! site in `Host`, `Origin`, `Referer` and `Sec-Fetch-Site`.
//!
//! May use `http` and `hosts`.

use std::net::IpAddr;

use crate::hosts;
use crate::http::Request;

/// Headers that browsers send, and programs do not.
const HEADERS: [&str; 3] = ["origin", "referer", "sec-fetch-site"];

const OTHER_SITE: &str = "The emulator does not respond to web pages of other sites. Send the \
                          request from a program, or open the page /_emulator/ in the browser.";
const OTHER_HOST: &str = "The emulator does not respond to browsers under this host name. Address \
                          it by localhost, a name without dots or an IP address.";

/// Fails with a sentence for the client if a page of another site may have sent `request`.
pub(crate) fn check(request: &Request) -> Result<(), &'static str> {
    // No page of others is at a name of the service.
    let is_known = |host: &str| is_local(host) || hosts::is_of_service(name(host));
    if is_of_browser(request) && !named_hosts(request).into_iter().all(is_known) {
        return Err(OTHER_HOST);
    }
    let host = request.host();
    let is_own = |url: &str| {
        let schemes = ["http://", "https://"];
        let rest = schemes.iter().find_map(|scheme| url.strip_prefix(scheme));
        let authority = rest.and_then(|rest| rest.split('/').next());
        is_local(host) && authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    };
    let mut pages = request.headers("origin").chain(request.headers("referer"));
    let is_same_site = |site: &str| matches!(site, "same-origin" | "none");
    let is_foreign = pages.any(|page| !is_own(page))
        || !request.headers("sec-fetch-site").all(is_same_site)
        // Browsers ask before a request to another site, never before one to their own.
        || request.header("access-control-request-method").is_some();
    if is_foreign { Err(OTHER_SITE) } else { Ok(()) }
}

/// The hosts that `request` names: where the client addressed it, in `Host`, and of its tunnel.
/// Empty where it names none.
pub(crate) fn named_hosts(request: &Request) -> [&str; 3] {
    let tunnel = request.tunnel.as_deref();
    [request.host(), request.header("host").unwrap_or_default(), tunnel.unwrap_or_default()]
}

/// Whether a `Host` header names this machine: by an address, by a name that only this machine or
/// its network can resolve, or not at all, as in HTTP/1.0.
pub(crate) fn is_local(host: &str) -> bool {
    let name = name(host).trim_end_matches('.').to_ascii_lowercase();
    name.parse::<IpAddr>().is_ok()
        || !name.contains('.')
        || name.ends_with(".localhost")
        || name.ends_with(".internal")
}

/// The host name or the address in a `Host` header.
fn name(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    }
}

fn is_of_browser(request: &Request) -> bool {
    let has = |name: &&str| request.header(name).is_some();
    // Over plain HTTP, a page can send a GET to its own host without any of these. Its browser adds
    // Accept-Language. So does Node.js, with Sec-Fetch-Mode, which browsers send only together with
    // Sec-Fetch-Site.
    HEADERS.iter().any(has) || (has(&"accept-language") && !has(&"sec-fetch-mode"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Reader;

    /// Whether a request with this head is answered, with the host and port of its tunnel if any.
    fn is_allowed(head: &str, tunnel: Option<&str>) -> bool {
        let raw = format!("GET / HTTP/1.1\r\n{head}\r\n").into_bytes();
        let mut request =
            Reader::default().read(&mut std::io::Cursor::new(raw), || (), |_| false).unwrap();
        request.tunnel = tunnel.map(Into::into);
        check(&request).is_ok()
    }

    #[test]
    fn local_hosts_are_known() {
        for (host, local) in [
            ("127.0.0.1:8480", true),
            ("localhost:8480", true),
            ("LOCALHOST", true),
            ("[::1]:8480", true),
            ("cas-emulator:8480", true),
            ("host.docker.internal:8480", true),
            ("a.localhost", true),
            ("", true),
            ("rebound.example:8480", false),
            ("localhost.example", false),
            ("127.0.0.1.example", false),
            ("cas.aliyuncs.com", false),
        ] {
            assert_eq!(is_local(host), local, "{host}");
        }
    }

    #[test]
    fn pages_of_other_sites_are_refused() {
        for (head, served) in [
            ("", true),
            ("Origin: http://localhost:8480\r\n", true),
            ("Origin: http://LOCALHOST:8480\r\n", true),
            ("Origin: http://localhost:8481\r\n", false),
            ("Origin: http://localhost\r\n", false),
            ("Origin: https://example.com\r\n", false),
            ("Origin: https://cas.aliyuncs.com\r\n", false),
            ("Origin: null\r\n", false),
            ("Origin:\r\n", false),
            ("Origin: http://localhost:8480\r\nOrigin: http://example.com\r\n", false),
            ("Referer: http://localhost:8480/_emulator/\r\n", true),
            ("Referer: http://localhost:8480.example/\r\n", false),
            ("Referer: http://example.com/http://localhost:8480\r\n", false),
            ("Sec-Fetch-Site: same-origin\r\n", true),
            ("Sec-Fetch-Site: none\r\n", true),
            ("Sec-Fetch-Site: cross-site\r\n", false),
            ("Sec-Fetch-Site: same-site\r\n", false),
            ("Access-Control-Request-Method: POST\r\n", false),
        ] {
            let head = format!("Host: localhost:8480\r\n{head}");
            assert_eq!(is_allowed(&head, None), served, "{head}");
        }
    }

    #[test]
    fn browsers_are_refused_under_other_hosts_and_programs_are_not() {
        let tunnel = Some("cas.aliyuncs.com:443");
        let same = "Origin: http://rebound.example\r\n";
        for (host, head, tunnel, served) in [
            ("rebound.example", "", None, true),
            ("rebound.example", "Sec-Fetch-Site: same-origin\r\n", None, false),
            ("rebound.example", "Referer: http://rebound.example/\r\n", None, false),
            ("rebound.example", same, None, false),
            ("rebound.example", same, tunnel, false),
            ("rebound.example", "Accept-Language: en\r\n", None, false),
            // Node.js.
            ("rebound.example", "Accept-Language: *\r\nSec-Fetch-Mode: cors\r\n", None, true),
            ("cas.aliyuncs.com", "", tunnel, true),
            ("cas.aliyuncs.com", "Accept-Language: *\r\n", tunnel, true),
            ("cas.aliyuncs.com:443", "Sec-Fetch-Site: cross-site\r\n", tunnel, false),
            ("cas.aliyuncs.com", "Origin: https://cas.aliyuncs.com\r\n", tunnel, false),
            ("localhost:8480", "Accept-Language: en\r\n", None, true),
        ] {
            let head = format!("Host: {host}\r\n{head}");
            assert_eq!(is_allowed(&head, tunnel), served, "{head}");
        }
    }
}
