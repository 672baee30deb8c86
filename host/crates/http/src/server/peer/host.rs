//! The host that a request names: RFC 9112 §3.2, RFC 9113 §8.3.1.
//!
//! A request without a valid host is rejected: its links would name another host, and a proxy in
//! front may have read another host than this one.

use std::net::{Ipv6Addr, SocketAddr};

use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Version};

const SEVERAL: &str = "the request has several Host headers: send one";
const MISSING: &str = "the request has no Host header: HTTP/1.1 needs one";
const MISSING_AUTHORITY: &str = "the request has no :authority";
const INVALID: &str = "the request's Host is not a name or an address, with or without a port";
const DIFFERENT: &str = "the request's :authority and its Host differ: send the same, or one of them";

/// In lower case, with the port if the client named one. For HTTP/1.0, `local` (the address to
/// which the client connected) replaces the host. Without `local` there is none.
pub(super) fn of(request: &Parts, local: Option<SocketAddr>) -> Result<Option<String>, &'static str> {
    let mut lines = request.headers.get_all(HOST).iter();
    let line = lines.next();
    if lines.next().is_some() {
        return Err(SEVERAL);
    }
    let header = line.map(|line| parse_line(line).ok_or(INVALID)).transpose()?;
    let authority = request.uri.authority();
    let authority = authority.map(|named| parse(named.as_str()).ok_or(INVALID)).transpose()?;
    match (authority, header) {
        // RFC 9112 §3.2: this also holds if the request target names a host.
        (Some(_), None) if request.version == Version::HTTP_11 && local.is_some() => Err(MISSING),
        (Some(authority), Some(header)) if request.version == Version::HTTP_2 && authority != header => {
            Err(DIFFERENT)
        }
        (Some(host), _) | (None, Some(host)) => Ok(Some(host)),
        (None, None) => match (request.version, local) {
            // A request without a connection came from this program.
            (_, None) => Ok(None),
            (Version::HTTP_09 | Version::HTTP_10, Some(local)) => {
                Ok(Some(SocketAddr::new(local.ip().to_canonical(), local.port()).to_string()))
            }
            (Version::HTTP_2, Some(_)) => Err(MISSING_AUTHORITY),
            (_, Some(_)) => Err(MISSING),
        },
    }
}

/// The longest name, in bytes (RFC 1035, section 2.3.4).
const LONGEST: usize = 255;

fn parse_line(line: &HeaderValue) -> Option<String> {
    line.to_str().ok().and_then(parse)
}

/// A host that can be part of a URL, in a document or a page: in lower case, without a user, and
/// with the characters of a name or an address only.
pub(super) fn parse(text: &str) -> Option<String> {
    let authority: Authority = text.trim().parse().ok()?;
    let (host, text) = (authority.host(), authority.as_str());
    // The port. A user before the host is not allowed.
    let port = text.strip_prefix(host)?;
    let is_host = match host.strip_prefix('[') {
        Some(literal) => is_address(literal.strip_suffix(']')?),
        None => is_name(host),
    };
    (is_host && host.len() <= LONGEST && is_port(port)).then(|| text.to_ascii_lowercase())
}

/// The content of brackets: IPv6, or an address of a later version (RFC 3986 §3.2.2).
fn is_address(literal: &str) -> bool {
    let of_later_version = || {
        let (version, address) = literal.strip_prefix(['v', 'V'])?.split_once('.')?;
        let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
        Some(is_version && !address.is_empty() && address.bytes().all(fits))
    };
    literal.parse::<Ipv6Addr>().is_ok() || of_later_version().unwrap_or(false)
}

/// A name, or an IPv4 address.
fn is_name(host: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    !host.is_empty() && host.bytes().all(fits)
}

/// Nothing, or a colon and a number. The number may be missing (RFC 3986 §3.2.3).
fn is_port(text: &str) -> bool {
    let Some(number) = text.strip_prefix(':') else { return text.is_empty() };
    let is_number = number.len() <= 5 && number.bytes().all(|byte| byte.is_ascii_digit());
    number.is_empty() || (is_number && number.parse::<u16>().is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn host(version: Version, uri: &str, lines: &[&str]) -> Result<String, &'static str> {
        let mut request = http::Request::builder().version(version).uri(uri);
        for line in lines {
            request = request.header(HOST, *line);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        of(&parts, Some("127.0.0.1:8080".parse().unwrap())).map(Option::unwrap_or_default)
    }

    #[test]
    fn a_request_that_names_no_host_or_two_is_refused() {
        let (old, new, two) = (Version::HTTP_10, Version::HTTP_11, Version::HTTP_2);
        assert_eq!(host(new, "/x", &["Demo.example.com:8080"]), Ok("demo.example.com:8080".into()));
        assert_eq!(host(new, "/x", &["[::1]:8080"]), Ok("[::1]:8080".into()));
        assert_eq!(host(new, "/x", &[]), Err(MISSING));
        assert_eq!(host(new, "/x", &["a", "b"]), Err(SEVERAL));
        assert_eq!(host(new, "/x", &["a", "a"]), Err(SEVERAL));
        let longest = "a".repeat(LONGEST);
        assert_eq!(host(new, "/x", &[&longest]), Ok(longest.clone()));
        assert_eq!(host(new, "/x", &[&format!("{longest}a")]), Err(INVALID));
        assert_eq!(host(new, "/x", &["a:000080"]), Err(INVALID));
        for line in ["", "a b", "ann@a", "a/b", "a:b", "a:99999", "a,b", "a;b", "<a>", ":80", "a%20b", "a?b"]
        {
            assert_eq!(host(new, "/x", &[line]), Err(INVALID), "{line}");
            assert_eq!(host(old, "/x", &[line]), Err(INVALID), "{line}");
        }
        assert_eq!(host(old, "/x", &[]), Ok("127.0.0.1:8080".into()));
        assert_eq!(host(old, "/x", &["a"]), Ok("a".into()));
        assert_eq!(host(new, "http://a/x", &["b"]), Ok("a".into()), "RFC 9112 §3.2.2");
        assert_eq!(host(new, "http://a/x", &[]), Err(MISSING), "RFC 9112 §3.2");
        assert_eq!(host(old, "http://a/x", &[]), Ok("a".into()));
        assert_eq!(host(new, "http://a/x", &["b", "c"]), Err(SEVERAL));
        assert_eq!(host(two, "http://a/x", &[]), Ok("a".into()));
        assert_eq!(host(two, "http://a/x", &["A"]), Ok("a".into()));
        assert_eq!(host(two, "http://a/x", &["b"]), Err(DIFFERENT));
        assert_eq!(host(two, "/x", &["a"]), Ok("a".into()));
        assert_eq!(host(two, "/x", &[]), Err(MISSING_AUTHORITY));
        let parts = http::Request::builder().uri("/x").body(()).unwrap().into_parts().0;
        assert_eq!(of(&parts, None), Ok(None), "within this program");
    }
    #[test]
    fn brackets_hold_an_address_and_stand_nowhere_else() {
        for fine in [
            "[::1]",
            "[::1]:8080",
            "[::1]:",
            "[2001:DB8::7]",
            "[::ffff:1.2.3.4]:80",
            "[v1.a:b]",
            "1.2.3.4",
            "a_b",
        ] {
            assert_eq!(parse(fine), Some(fine.to_ascii_lowercase()), "{fine}");
        }
        for wrong in [
            "[::g]",
            "[]",
            "[]:80",
            "[1.2.3.4]",
            "[a]",
            "[::1",
            "::1]",
            "[::1]a",
            "[::1]a:80",
            "[::1]:x",
            "a[b]",
            "a[::1]",
            "[[::1]]",
            "[fe80::1%25eth0]",
            "[fe80::1%eth0]",
            "[v.a]",
            "[vg.a]",
            "[v1.]",
            "[1:2]",
            "::1",
            "[::1]:99999",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
