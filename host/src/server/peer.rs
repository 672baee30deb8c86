//! Who is at the other end: the address, scheme and host that the client used,
//! as trusted proxies tell them and nobody else.

use std::net::IpAddr;

use http::header::{FORWARDED, HOST};
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The client of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub ip: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// With the port where one was named; none for a request without a host.
    pub host: Option<String>,
}

/// The networks of the proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Vec<IpNet>);

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>) -> Self {
        Self(networks)
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The client of a request that came from `remote`.
    ///
    /// Proxies add themselves at the right, so the client is the first address
    /// from the right that is no trusted proxy. `X-Forwarded-*` counts before
    /// `Forwarded` (RFC 7239), of which a proxy that does not know it would pass
    /// on whatever a client invents.
    pub fn peer(&self, remote: IpAddr, request: &Parts) -> Peer {
        let remote = remote.to_canonical();
        let own = Peer { ip: remote, scheme: "http", host: own_host(request) };
        if self.0.is_empty() || !self.trusts(remote) {
            return own;
        }
        let hops = if request.headers.contains_key(FORWARDED_FOR) {
            x_forwarded(&request.headers)
        } else if request.headers.contains_key(FORWARDED) {
            forwarded(&request.headers)
        } else {
            let mut hop = x_forwarded_last(&request.headers);
            hop.ip = Some(remote);
            vec![hop]
        };
        self.follow(own, hops)
    }

    /// Goes from the nearest hop outward, as far as each is vouched for by a
    /// trusted one.
    fn follow(&self, mut peer: Peer, hops: Vec<Hop>) -> Peer {
        for hop in hops.into_iter().rev() {
            let Some(ip) = hop.ip else { break };
            peer.ip = ip;
            peer.scheme = hop.scheme.unwrap_or(peer.scheme);
            peer.host = hop.host.or(peer.host);
            if !self.trusts(ip) {
                break;
            }
        }
        peer
    }
}

/// What one proxy tells of who spoke to it.
#[derive(Default)]
struct Hop {
    ip: Option<IpAddr>,
    scheme: Option<&'static str>,
    host: Option<String>,
}

/// The target's authority (absolute form, HTTP/2), else the `Host` header.
fn own_host(request: &Parts) -> Option<String> {
    let named = request.uri.authority().map(Authority::as_str);
    named.or_else(|| request.headers.get(HOST)?.to_str().ok()).and_then(host)
}

/// A host that may stand in a URL: lower case, no user, nothing else.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.trim().parse().ok()?;
    (!authority.as_str().contains('@')).then(|| authority.as_str().to_ascii_lowercase())
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| text.trim().eq_ignore_ascii_case(scheme))
}

/// An address as proxies write it: bare, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|rest| rest.split(']').next());
    let parsed: Option<IpAddr> = bare.unwrap_or(text).parse().ok();
    let with_port = || text.rsplit_once(':').and_then(|(address, _)| address.parse().ok());
    parsed.or_else(with_port).map(|address: IpAddr| address.to_canonical())
}

/// All values under a name, in order.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect()
}

/// One hop for each address. Scheme and host come from lists of the same length
/// where proxies keep such, else from the last value, which the nearest wrote.
fn x_forwarded(headers: &HeaderMap) -> Vec<Hop> {
    let addresses = list(headers, &FORWARDED_FOR);
    let (schemes, hosts) = (list(headers, &FORWARDED_PROTO), list(headers, &FORWARDED_HOST));
    let last = addresses.len().saturating_sub(1);
    let at = |values: &[&str], index: usize| -> Option<String> {
        if values.len() == addresses.len() {
            values.get(index).map(ToString::to_string)
        } else {
            values.last().filter(|_| index == last).map(ToString::to_string)
        }
    };
    let hop = |(index, text): (usize, &&str)| Hop {
        ip: address(text),
        scheme: at(&schemes, index).as_deref().and_then(scheme),
        host: at(&hosts, index).as_deref().and_then(host),
    };
    addresses.iter().enumerate().map(hop).collect()
}

/// Scheme and host of a proxy that tells no address.
fn x_forwarded_last(headers: &HeaderMap) -> Hop {
    Hop {
        ip: None,
        scheme: list(headers, &FORWARDED_PROTO).last().copied().and_then(scheme),
        host: list(headers, &FORWARDED_HOST).last().copied().and_then(host),
    }
}

/// `Forwarded`, RFC 7239 §4. Its values hold no comma in the parts read here.
fn forwarded(headers: &HeaderMap) -> Vec<Hop> {
    list(headers, &FORWARDED).into_iter().map(forwarded_element).collect()
}

fn forwarded_element(element: &str) -> Hop {
    let mut hop = Hop::default();
    for pair in element.split(';') {
        let Some((name, value)) = pair.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        match name.trim().to_ascii_lowercase().as_str() {
            "for" => hop.ip = address(value),
            "proto" => hop.scheme = scheme(value),
            "host" => hop.host = host(value),
            _ => {}
        }
    }
    hop
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().uri("/x");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn peer(remote: &str, headers: &[(&str, &str)]) -> (String, &'static str, Option<String>) {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let peer = proxies.peer(remote.parse().unwrap(), &request(headers));
        (peer.ip.to_string(), peer.scheme, peer.host)
    }

    fn seen(ip: &str, scheme: &'static str, host: &str) -> (String, &'static str, Option<String>) {
        (ip.into(), scheme, Some(host.into()))
    }

    #[test]
    fn a_stranger_is_who_it_is_whatever_it_says() {
        let lies = [
            ("host", "Demo.example.com:8080"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil.example.com"),
            ("forwarded", "for=192.0.2.1;proto=https"),
        ];
        assert_eq!(peer("203.0.113.5", &lies), seen("203.0.113.5", "http", "demo.example.com:8080"));
    }

    #[test]
    fn a_trusted_proxy_is_believed_and_what_lies_behind_it_is_not() {
        let headers = [
            ("host", "backend:8080"),
            ("x-forwarded-for", "192.0.2.99, 198.51.100.7, 10.0.0.3"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "registry.example.com"),
        ];
        assert_eq!(peer("10.0.0.2", &headers), seen("198.51.100.7", "https", "registry.example.com"));
        assert_eq!(peer("::ffff:10.0.0.2", &headers), seen("198.51.100.7", "https", "registry.example.com"));
    }

    #[test]
    fn a_proxy_that_names_no_client_still_names_scheme_and_host() {
        let headers = [("host", "backend"), ("x-forwarded-proto", "https")];
        assert_eq!(peer("10.0.0.2", &headers), seen("10.0.0.2", "https", "backend"));
    }

    #[test]
    fn forwarded_is_read_where_nothing_else_is() {
        let headers = [
            ("host", "backend"),
            ("forwarded", "for=192.0.2.1, For=\"[2001:db8::7]:4711\";Proto=https;host=registry.example.com"),
        ];
        assert_eq!(peer("fd00::1", &headers), seen("2001:db8::7", "https", "registry.example.com"));
    }

    #[test]
    fn nonsense_ends_the_chain_and_hosts_that_are_none_are_dropped() {
        let headers = [
            ("host", "user@backend"),
            ("x-forwarded-for", "192.0.2.1, unknown"),
            ("x-forwarded-proto", "gopher"),
        ];
        assert_eq!(peer("10.0.0.2", &headers), ("10.0.0.2".into(), "http", None));
    }
}
