//! Who is at the other end: the address, scheme and host that the client used.
//!
//! A proxy tells them in headers, and a client can send the same headers. So a header is
//! read only if the request comes from a trusted proxy and the configuration says that the
//! proxy sets this header. Any other header of this kind may be what the client sent. A header that
//! is read and is invalid makes the request a bad one.
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

const BAD_PROTO: &str = "the proxy in front of this registry sent an X-Forwarded-Proto that is neither `http` nor `https`: its \
     operator must correct that";
const BAD_HOST: &str = "the proxy in front of this registry sent an X-Forwarded-Host that is not a name or an address, with or \
     without a port: its operator must correct that";
const BAD_FORWARDED: &str = "the proxy in front of this registry sent a Forwarded that RFC 7239 does not allow, or whose `host` or \
     `proto` is invalid: its operator must correct that";

/// The client of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    pub ip: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// With the port if the client named one; `None` for a request without a host.
    pub host: Option<String>,
    /// Why the request is to be refused: its host or its scheme cannot be told.
    pub refused: Option<&'static str>,
    /// The header that may have chosen `scheme`, also when this request lacks it.
    pub scheme_from: Option<HeaderName>,
    /// The header that may have chosen `host`, also when this request lacks it.
    pub host_from: Option<HeaderName>,
}

impl Peer {
    /// The client of a request that came without a proxy, to this address of ours. None for a
    /// request within this program, which need not name a host.
    pub fn direct(remote: IpAddr, local: Option<SocketAddr>, request: &Parts) -> Self {
        let (host, refused) = match host::of(request, local) {
            Ok(host) => (host, None),
            Err(why) => (None, Some(why)),
        };
        let ip = remote.to_canonical();
        Self { ip, scheme: "http", host, refused, scheme_from: None, host_from: None }
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
            self.follow_forwarded(&mut peer, remote, headers);
        }
        if self.reads(&FORWARDED_FOR) {
            self.follow_addresses(&mut peer, headers);
        }
        if self.reads(&FORWARDED_PROTO) {
            peer.scheme_from = Some(FORWARDED_PROTO);
            match last(headers, &FORWARDED_PROTO).map(|text| scheme(&text)) {
                None => {}
                Some(Some(scheme)) => peer.scheme = scheme,
                Some(None) => refuse(&mut peer, remote, &FORWARDED_PROTO, BAD_PROTO),
            }
        }
        if self.reads(&FORWARDED_HOST) {
            peer.host_from = Some(FORWARDED_HOST);
            match last(headers, &FORWARDED_HOST).map(|text| host::parse(&text)) {
                None => {}
                Some(Some(host)) => peer.host = Some(host),
                Some(None) => refuse(&mut peer, remote, &FORWARDED_HOST, BAD_HOST),
            }
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
    fn follow_forwarded(&self, peer: &mut Peer, remote: IpAddr, headers: &HeaderMap) {
        (peer.scheme_from, peer.host_from) = (Some(FORWARDED), Some(FORWARDED));
        for hop in forwarded::from_right(headers) {
            let Some(hop) = hop else { return refuse(peer, remote, &FORWARDED, BAD_FORWARDED) };
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

/// Refuses a request of which a trusted proxy said something that cannot be. Without what the proxy
/// meant, links would lead to another host, or to another scheme. The log line is the same each time,
/// so that few of them are written.
fn refuse(peer: &mut Peer, proxy: IpAddr, name: &HeaderName, why: &'static str) {
    tracing::warn!(
        "a request was refused, because the proxy {proxy} sent an invalid {name}: \
         configure the proxy as docs/behind-a-proxy.md says"
    );
    peer.refused = Some(why);
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
