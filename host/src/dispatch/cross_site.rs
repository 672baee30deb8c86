//! Requests that another web site makes a user's browser send (cross-site request forgery). A write is
//! refused before its plugin is called. A request that reads gets its response, which the other site cannot
//! read, and makes no token.
//!
//! A browser sends the password that a user once typed for this host with every request to it, even
//! if another site starts the request. It also names that site in `Sec-Fetch-Site` (Fetch
//! Metadata), or at least in `Origin`. Command-line clients send neither. A script cannot make a
//! browser send a token without this host's consent (CORS), which the host never gives.

use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, Method};

/// Whether this request carries a password that a browser adds by itself, and was started by another
/// site. `hosts` are the names of this host, each with its port unless that is the default of the
/// scheme.
pub(super) fn is_started_elsewhere<'a>(
    headers: &HeaderMap,
    hosts: impl IntoIterator<Item = &'a str>,
) -> bool {
    has_password(headers) && is_from_elsewhere(headers, hosts)
}

/// Whether a request that another site started would change something.
pub(super) fn is_forged(method: &Method, is_started_elsewhere: bool) -> bool {
    is_started_elsewhere && !method.is_safe()
}

/// `Basic` is the only scheme that browsers use and this host supports.
fn has_password(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().trim_ascii_start().get(..5);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"basic"))
    })
}

/// Whether a browser says that another site made it send this request.
pub(super) fn is_from_elsewhere<'a>(headers: &HeaderMap, hosts: impl IntoIterator<Item = &'a str>) -> bool {
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        // `none`: the user typed the address.
        Some(b"same-origin" | b"none") => return false,
        Some(_) => return true,
        None => {}
    }
    let Some(origin) = headers.get(ORIGIN) else { return false };
    // `null`, which a sandboxed document sends, is another site too.
    let Ok(origin) = origin.to_str() else { return true };
    let origin = without_default_port(&origin.to_ascii_lowercase());
    // A proxy may hide the scheme, so only the authority is compared.
    !hosts.into_iter().any(|host| {
        ["http", "https"].iter().any(|scheme| without_default_port(&format!("{scheme}://{host}")) == origin)
    })
}

fn without_default_port(origin: &str) -> String {
    let port = if origin.starts_with("https:") { ":443" } else { ":80" };
    origin.strip_suffix(port).unwrap_or(origin).to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    const HOSTS: [&str; 2] = ["registry.example.com", "localhost:8080"];

    fn forged(method: &Method, lines: &[(&'static str, &str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        is_forged(method, is_started_elsewhere(&headers, HOSTS))
    }

    const BASIC: (&str, &str) = ("authorization", "Basic YW5uOnB3");

    #[test]
    fn a_write_that_another_site_started_with_a_browsers_password_is_forged() {
        let foreign: [&[(&str, &str)]; 8] = [
            &[("sec-fetch-site", "cross-site")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://registry.example.com")],
            &[("sec-fetch-site", "anything new")],
            &[("origin", "https://evil.example.com")],
            &[("origin", "null")],
            &[("origin", "https://registry.example.com:8443")],
            &[("origin", "https://registry.example.com.evil.example.com")],
            &[("origin", "http://localhost")],
        ];
        for lines in foreign {
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                assert!(forged(&method, &[lines, &[BASIC]].concat()), "{method} {lines:?}");
            }
            let lower = ("authorization", "basic YW5uOnB3");
            assert!(forged(&Method::POST, &[lines, &[lower]].concat()), "{lines:?}");
            for credential in ["Bearer token", "0f1e2d3c-4b5a-4978-8796-a5b4c3d2e1f0"] {
                let with_token = [lines, &[("authorization", credential)]].concat();
                assert!(!forged(&Method::POST, &with_token), "{lines:?}");
            }
            assert!(!forged(&Method::GET, &[lines, &[BASIC]].concat()), "reading changes nothing");
        }
    }

    #[test]
    fn what_a_command_line_or_our_own_page_sends_is_not() {
        let own: [&[(&str, &str)]; 7] = [
            &[],
            &[("sec-fetch-site", "none")],
            &[("sec-fetch-site", "same-origin"), ("origin", "http://behind.a.proxy")],
            &[("origin", "https://registry.example.com")],
            &[("origin", "https://Registry.example.com:443")],
            &[("origin", "http://registry.example.com")],
            &[("origin", "http://localhost:8080"), ("sec-fetch-mode", "cors")],
        ];
        for lines in own {
            assert!(!forged(&Method::PUT, &[lines, &[BASIC]].concat()), "{lines:?}");
        }
    }
}
