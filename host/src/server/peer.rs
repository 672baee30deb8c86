//! Who is at the other end: the address, scheme and host that the client used.
//!
//! A proxy tells them in headers, and a client can send the same headers. So a header is
//! read only if the request comes from a trusted proxy and the configuration says that the
//! proxy sets this header. Any other header of this kind may be what the client sent.
//!
//! # Layout
//! - `forwarded`: the header `Forwarded`, RFC 7239

mod forwarded;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// With the port if the client named one; `None` for a request without a host.
    pub host: Option<String>,
    /// The header that may have chosen `scheme`, also when this request lacks it.
    pub scheme_from: Option<HeaderName>,
    /// The header that may have chosen `host`, also when this request lacks it.
    pub host_from: Option<HeaderName>,
}

impl Peer {
    /// The client of a request that came without a proxy.
    pub fn direct(remote: IpAddr, request: &Parts) -> Self {
        let ip = remote.to_canonical();
        Self { ip, scheme: "http", host: own_host(request), scheme_from: None, host_from: None }
    }
}

/// The networks of the trusted proxies, and the headers that these proxies set.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    headers: Vec<HeaderName>,
    warned: Arc<Warned>,
}

/// Which remarks the log has already.
#[derive(Debug, Default)]
struct Warned {
    untrusted: AtomicBool,
    unlisted: AtomicBool,
}

impl TrustedProxies {
    pub fn new(networks: Vec<IpNet>, headers: Vec<HeaderName>) -> Self {
        Self { networks, headers, warned: Arc::default() }
    }

    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Whether the proxies set this header.
    fn reads(&self, name: &HeaderName) -> bool {
        self.headers.contains(name)
    }

    /// The client of a request that came from `remote`.
    pub fn peer(&self, remote: IpAddr, request: &Parts) -> Peer {
        let mut peer = Peer::direct(remote, request);
        let headers = &request.headers;
        if !self.trusts(peer.ip) {
            self.warn_of_untrusted(peer.ip, headers);
            return peer;
        }
        self.warn_of_unlisted(peer.ip, headers);
        if self.reads(&FORWARDED) {
            self.follow_forwarded(&mut peer, headers);
        }
        if self.reads(&FORWARDED_FOR) {
            self.follow_addresses(&mut peer, headers);
        }
        if self.reads(&FORWARDED_PROTO) {
            peer.scheme =
                last(headers, &FORWARDED_PROTO).and_then(|text| scheme(&text)).unwrap_or(peer.scheme);
            peer.scheme_from = Some(FORWARDED_PROTO);
        }
        if self.reads(&FORWARDED_HOST) {
            peer.host = last(headers, &FORWARDED_HOST).and_then(|text| host(&text)).or(peer.host);
            peer.host_from = Some(FORWARDED_HOST);
        }
        peer
    }

    /// `X-Forwarded-For`: each proxy appends the address that it was called from, so the
    /// client is the first address from the right that is not a trusted proxy. Whatever is
    /// left of it, the client may have sent.
    fn follow_addresses(&self, peer: &mut Peer, headers: &HeaderMap) {
        for text in from_right(headers, &FORWARDED_FOR) {
            let Some(ip) = address(&text) else { return };
            peer.ip = ip;
            if !self.trusts(ip) {
                return;
            }
        }
    }

    /// `Forwarded`: as above, and each proxy also appends the scheme and host it was called
    /// with.
    fn follow_forwarded(&self, peer: &mut Peer, headers: &HeaderMap) {
        (peer.scheme_from, peer.host_from) = (Some(FORWARDED), Some(FORWARDED));
        for hop in forwarded::from_right(headers) {
            let Some(hop) = hop else { return };
            peer.scheme = hop.scheme.unwrap_or(peer.scheme);
            peer.host = hop.host.or(peer.host.take());
            let Some(ip) = hop.ip else { return };
            peer.ip = ip;
            if !self.trusts(ip) {
                return;
            }
        }
    }

    fn warn_of_untrusted(&self, ip: IpAddr, headers: &HeaderMap) {
        let Some(name) = known_headers().into_iter().find(|name| headers.contains_key(name)) else { return };
        if !self.warned.untrusted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                client.ip = %ip,
                "{ip} sent the header {name}, which is ignored, because [server] trusted_proxies does not \
                 contain {ip}: if this is your proxy, add it there and list the headers that it sets in \
                 `forwarded` (this is logged once)"
            );
        }
    }

    fn warn_of_unlisted(&self, ip: IpAddr, headers: &HeaderMap) {
        let is_ignored = |name: &HeaderName| headers.contains_key(name) && !self.reads(name);
        let Some(name) = known_headers().into_iter().find(is_ignored) else { return };
        if !self.warned.unlisted.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                client.ip = %ip,
                "the proxy {ip} passed on the header {name}, which is ignored, because [server] forwarded \
                 does not list it: list it only if the proxy itself sets it in every request (this is \
                 logged once)"
            );
        }
    }
}

fn known_headers() -> [HeaderName; 4] {
    [FORWARDED, FORWARDED_FOR, FORWARDED_PROTO, FORWARDED_HOST]
}

/// The target's authority (absolute form, HTTP/2), else the `Host` header.
fn own_host(request: &Parts) -> Option<String> {
    let named = request.uri.authority().map(Authority::as_str);
    named.or_else(|| request.headers.get(HOST)?.to_str().ok()).and_then(host)
}

/// A host that may be part of a URL, in a document or a page: in lower case, and without a
/// user or any other character that a name or an address does not have.
fn host(text: &str) -> Option<String> {
    let authority: Authority = text.trim().parse().ok()?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    authority.as_str().bytes().all(fits).then(|| authority.as_str().to_ascii_lowercase())
}

fn scheme(text: &str) -> Option<&'static str> {
    ["http", "https"].into_iter().find(|scheme| text.trim().eq_ignore_ascii_case(scheme))
}

/// An address as proxies write it: alone, with a port, or in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let is_port = |rest: &str| {
        rest.is_empty() || rest.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok())
    };
    let parsed = if let Some((address, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        address.parse().ok().filter(|_| is_port(rest))
    } else if let Ok(address) = text.parse() {
        Some(address)
    } else {
        let (address, port) = text.split_once(':')?;
        address.parse().ok().filter(|_| port.parse::<u16>().is_ok())
    };
    parsed.map(|address: IpAddr| address.to_canonical())
}

/// All values under a name, the last one first. Bytes that are not UTF-8 stay part of
/// their value, as leaving one out would shift who wrote which.
fn from_right<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = Cow<'a, str>> {
    let lines: Vec<_> = headers.get_all(name).iter().collect();
    let values = lines.into_iter().rev().flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    values.map(String::from_utf8_lossy)
}

/// The last value under a name: what the nearest proxy wrote.
fn last<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Cow<'a, str>> {
    from_right(headers, name).next()
}
