//! Values with a syntax: durations, sizes, networks, secrets.

use std::net::IpAddr;
use std::time::Duration;

use bytesize::ByteSize;
use ipnet::IpNet;
use secrecy::SecretString;
use serde::Deserialize;

/// A duration such as `30s`, `5m` or `1h 30m`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        humantime::parse_duration(&text)
            .map(Self)
            .map_err(|_| format!("{text:?} is not a duration: write it like \"30s\", \"5m\" or \"1h\""))
    }
}

/// A number of bytes such as `128MiB` or `10GB`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub struct Size(pub u64);

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse::<ByteSize>()
            .map(|size| Self(size.as_u64()))
            .map_err(|_| format!("{text:?} is not a size: write it like \"128MiB\" or \"10GB\""))
    }
}

/// A network such as `10.0.0.0/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Network(pub IpNet);

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let address = || text.parse::<IpAddr>().map(IpNet::from);
        text.parse().or_else(|_| address()).map(Self).map_err(|_| {
            format!("{text:?} is not an address or a network: write it like \"10.0.0.5\" or \"10.0.0.0/8\"")
        })
    }
}

/// A secret: the text itself, or its source as `env:NAME` or `file:/path`. Read when the
/// configuration is loaded.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Written")]
pub struct Secret(pub SecretString);

/// The text of a secret. The error for another type would print the value.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Other(serde::de::IgnoredAny),
}

impl TryFrom<Written> for Secret {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written::Text(text) = written else {
            return Err("a secret is a text: put it between quotes".to_owned());
        };
        Ok(Self(resolve(&text)?.unwrap_or_else(|| SecretString::from(text))))
    }
}

/// The content of `env:NAME` or `file:/path`; none for any other text.
pub(super) fn resolve(text: &str) -> Result<Option<SecretString>, String> {
    let secret = if let Some(name) = text.strip_prefix("env:") {
        std::env::var(name).map_err(|_| format!("the environment variable {name} is not set"))?
    } else if let Some(path) = text.strip_prefix("file:") {
        let content =
            std::fs::read_to_string(path).map_err(|error| format!("the secret file {path}: {error}"))?;
        content.trim_end_matches(['\r', '\n']).to_owned()
    } else {
        return Ok(None);
    };
    Ok(Some(SecretString::from(secret)))
}
