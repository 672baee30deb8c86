//! Who is at the other end: the address, scheme and host that the client used.
//!
//! A proxy tells them in headers, and a client can send the same headers. So a header is
//! read only if the request comes from a trusted proxy and the configuration says that the
//! proxy sets this header. Any other header of this kind may be what the client sent.
//!
//! # Layout
//! - `forwarded`: the header `Forwarded`, RFC 7239
//! - `host`: the host that the request itself names

mod forwarded;
#[cfg(test)]
mod fuzz;
mod host;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::header::FORWARDED;
use http::request::Parts;
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
    /// What is wrong with the host that the request names: it is to be refused.
    pub bad_host: Option<&'static str>,
    /// The header that may have chosen `scheme`, also when this request lacks it.
    pub scheme_from: Option<HeaderName>,
    /// The header that may have chosen `host`, also when this request lacks it.
    pub host_from: Option<HeaderName>,
}

impl Peer {
    /// The client of a request that came without a proxy, to this address of ours. None for a
    /// request within this program, which need not name a host.
    pub fn direct(remote: IpAddr, local: Option<SocketAddr>, request: &Parts) -> Self {
        let (host, bad_host) = match host::of(request, local) {
            Ok(host) => (host, None),
            Err(why) => (None, Some(why)),
        };
        let ip = remote.to_canonical();
        Self { ip, scheme: "http", host, bad_host, scheme_from: None, host_from: None }
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

    /// The client of a request that came from `remote` to `local`.
    pub fn peer(&self, remote: IpAddr, local: Option<SocketAddr>, request: &Parts) -> Peer {
        let mut peer = Peer::direct(remote, local, request);
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
            peer.host = last(headers, &FORWARDED_HOST).and_then(|text| host::parse(&text)).or(peer.host);
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
