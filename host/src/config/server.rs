//! `[server]` and `[server.limits]`.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;

use crate::config::values::{Network, Size, Span};
use crate::shares::Share;

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Address and port. Port 0 takes any free port.
    pub listen: SocketAddr,
    /// The URL that clients use, for example `https://registry.example.com`. If absent, it follows
    /// the request's `Host`.
    pub public_url: Option<String>,
    /// How many hosts share the storage.
    pub hosts: Hosts,
    /// The addresses of the proxies in front of the host.
    pub trusted_proxies: Vec<Network>,
    /// The headers that every one of these proxies sets in every request.
    pub forwarded: Vec<ForwardedHeader>,
    /// Web sites whose scripts may read here, without credentials: origins, or `*` for all.
    pub cors: Vec<String>,
    pub limits: LimitsConfig,
}

/// A header in which a proxy names the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// RFC 7239: the address, the scheme and the host.
    Forwarded,
    XForwardedFor,
    XForwardedProto,
    XForwardedHost,
}

impl ForwardedHeader {
    /// The header's name, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forwarded => "forwarded",
            Self::XForwardedFor => "x-forwarded-for",
            Self::XForwardedProto => "x-forwarded-proto",
            Self::XForwardedHost => "x-forwarded-host",
        }
    }
}

/// How many hosts share one storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hosts {
    One,
    Many,
}

/// `[server.limits]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// For a client to send its request's headers.
    pub header_timeout: Span,
    /// How long a transfer may stand still, in either direction.
    pub idle_timeout: Span,
    /// The minimum rate of a transfer in either direction, per second, averaged over
    /// `idle_timeout`. A transfer above it may take any time.
    pub min_rate: Size,
    /// Time in the plugin for one request, without waiting.
    pub guest_deadline: Span,
    /// For one request, without the time in which bytes move.
    pub request_timeout: Span,
    /// Bytes that the host reads, hashes, unpacks, copies or writes for a plugin in one request,
    /// without those that the client sends.
    pub guest_work: Size,
    /// Memory of one plugin instance.
    pub guest_memory: Size,
    /// Memory of all plugin instances together; a quarter of the machine's if absent.
    pub guest_memory_total: Option<Size>,
    /// How long requests may take to finish after SIGTERM.
    pub drain: Span,
    /// For one more connection, the host closes an idle one.
    pub max_connections: usize,
    /// The part of connections, places, memory for plugins and for replies, and open files that one
    /// client address can use, as a fraction. An IPv6 network of 64 bits counts as one address.
    pub client_share: f64,
    /// Requests at a time. Uploads can use three quarters.
    pub max_requests: u32,
    /// Requests that wait for a place. Further ones are answered 503.
    pub max_queued: usize,
    pub queue_timeout: Span,
    /// The most bytes of one upload.
    pub max_upload: Size,
    /// Open upload sessions per caller and mount.
    pub max_open_uploads: usize,
    /// The most bytes of a reply that a plugin builds.
    pub max_reply: Size,
    /// For the replies that plugins build, of all requests together, until they are sent.
    pub reply_memory: Size,
    /// How long the upload of an anonymous client may take.
    pub anonymous_upload: Span,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            public_url: None,
            hosts: Hosts::One,
            trusted_proxies: Vec::new(),
            forwarded: Vec::new(),
            cors: Vec::new(),
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let seconds = |seconds| Span(Duration::from_secs(seconds));
        Self {
            header_timeout: seconds(15),
            idle_timeout: seconds(60),
            min_rate: Size(128),
            guest_deadline: seconds(10),
            request_timeout: seconds(300),
            guest_work: Size(4 << 30),
            guest_memory: Size(128 << 20),
            guest_memory_total: None,
            drain: seconds(30),
            max_connections: 10_000,
            client_share: 0.5,
            max_requests: 512,
            max_queued: 2_000,
            queue_timeout: seconds(10),
            max_upload: Size(20 << 30),
            max_open_uploads: 500,
            max_reply: Size(96 << 20),
            reply_memory: Size(512 << 20),
            anonymous_upload: seconds(600),
        }
    }
}

impl LimitsConfig {
    /// `client_share`; the whole for a value that validation rejects.
    pub fn share(&self) -> Share {
        Share::new(self.client_share).unwrap_or(Share::whole())
    }
}

impl ServerConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if let Some(url) = &self.public_url {
            let bare = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            if bare.is_none_or(|bare| bare.is_empty() || url.ends_with('/') || url.contains(['?', '#', ' ']))
            {
                return Err(format!(
                    "[server] public_url is {url:?}: write it like \"https://registry.example.com\", without a slash at the end"
                ));
            }
        }
        self.check_proxies()?;
        if let Some(site) = self.cors.iter().find(|site| !is_site(site)) {
            return Err(format!(
                "[server] cors holds {site:?}: write a site like \"https://app.example.com\", in lower case, with its \
                 port if that is not the usual one and without a slash at the end, or \"*\" for all"
            ));
        }
        if self.limits.max_requests == 0 || self.limits.max_requests > 4096 {
            return Err("[server.limits] max_requests must be 1 to 4096".into());
        }
        if self.limits.max_connections == 0 || self.limits.max_connections > 1_000_000 {
            return Err("[server.limits] max_connections must be 1 to 1000000".into());
        }
        let share = Share::new(self.limits.client_share);
        let share = share.ok_or("[server.limits] client_share must be above 0 and at most 1")?;
        if share.of(self.limits.reply_memory.0) < self.limits.max_reply.0 {
            return Err("[server.limits] reply_memory times client_share must be at least max_reply".into());
        }
        let spans = [
            ("anonymous_upload", self.limits.anonymous_upload),
            ("header_timeout", self.limits.header_timeout),
            ("idle_timeout", self.limits.idle_timeout),
            ("guest_deadline", self.limits.guest_deadline),
            ("request_timeout", self.limits.request_timeout),
        ];
        if let Some((key, _)) = spans.iter().find(|(_, span)| span.0.is_zero()) {
            return Err(format!("[server.limits] {key} must be longer than zero: write it like \"30s\""));
        }
        if !(1..=900).contains(&self.limits.max_open_uploads) {
            return Err("[server.limits] max_open_uploads must be 1 to 900".into());
        }
        if self.limits.guest_memory.0 < (2 << 20) || self.limits.guest_memory.0 > (4 << 30) {
            return Err("[server.limits] guest_memory must be \"2MiB\" to \"4GiB\"".into());
        }
        if let Some(total) = self.limits.guest_memory_total
            && total.0 / 2 < self.limits.guest_memory.0
        {
            return Err("[server.limits] guest_memory_total must be at least twice guest_memory".into());
        }
        Ok(())
    }

    /// A header that the proxy does not set comes from the client, so the operator names each
    /// trusted header.
    fn check_proxies(&self) -> Result<(), String> {
        match (self.trusted_proxies.is_empty(), self.forwarded.is_empty()) {
            (false, true) => Err(
                "[server] trusted_proxies is set without `forwarded`: list the headers that your proxy sets in \
                 every request, e.g. forwarded = [\"x-forwarded-for\", \"x-forwarded-proto\"] (see \
                 docs/behind-a-proxy.md); a header that the proxy only passes on comes from the client"
                    .into(),
            ),
            (true, false) => Err(
                "[server] forwarded is set without `trusted_proxies`: list the addresses of your proxies there, \
                 e.g. trusted_proxies = [\"127.0.0.1\"]"
                    .into(),
            ),
            _ if self.forwarded.contains(&ForwardedHeader::Forwarded) && self.forwarded.len() > 1 => Err(
                "[server] forwarded lists \"forwarded\" together with other headers, which carry the same information: list only the one kind that your proxy sets"
                    .into(),
            ),
            _ => Ok(()),
        }
    }
}

/// An origin as a browser writes it, or `*`.
fn is_site(text: &str) -> bool {
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte);
    text == "*" || bare.is_some_and(|bare| !bare.is_empty() && bare.bytes().all(fits))
}
