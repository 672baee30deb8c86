//! `[storage]`: where objects are kept.

mod azure;

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::values::{Secret, Size};

/// `[storage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    #[serde(rename = "type")]
    pub kind: StorageKind,
    /// Folder, for `fs`.
    pub root: PathBuf,
    /// For `s3` a host name or address without scheme, for `azure` the URL of the blob service.
    pub endpoint: Option<String>,
    pub port: u16,
    pub use_ssl: bool,
    pub region: Option<String>,
    pub bucket_name: Option<String>,
    pub access_key: Option<Secret>,
    pub access_secret: Option<Secret>,
    /// Where URLs contain the bucket's name.
    pub addressing: Addressing,
    /// The container, for `azure`.
    pub container: Option<String>,
    pub account_name: Option<String>,
    pub account_key: Option<Secret>,
    /// The account's name and its key, or `connection_string`.
    pub connection_string: Option<Secret>,
    /// Memory for uploads to a bucket, all of them together.
    pub part_buffers: Size,
}

/// `https://endpoint/bucket/key` or `https://bucket.endpoint/key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Addressing {
    Path,
    VirtualHost,
}

/// Kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    Fs,
    Memory,
    S3,
    Azure,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            kind: StorageKind::Fs,
            root: PathBuf::from("data/objects"),
            endpoint: None,
            port: 443,
            use_ssl: true,
            region: None,
            bucket_name: None,
            access_key: None,
            access_secret: None,
            addressing: Addressing::Path,
            container: None,
            account_name: None,
            account_key: None,
            connection_string: None,
            part_buffers: Size(64 << 20),
        }
    }
}

impl StorageConfig {
    /// The folder of an `fs` store.
    pub fn folder(&self) -> Option<&Path> {
        (self.kind == StorageKind::Fs).then_some(self.root.as_path())
    }

    /// Whether it outlives the server and other processes can use it.
    pub fn is_lasting(&self) -> bool {
        self.kind != StorageKind::Memory
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.check_keys()?;
        match self.kind {
            StorageKind::Fs | StorageKind::Memory => return Ok(()),
            StorageKind::S3 => self.check_s3()?,
            StorageKind::Azure => self.check_azure()?,
        }
        if self.part_buffers.0 < LEAST_BUFFERS || self.part_buffers.0 > MOST_BUFFERS {
            return Err("[storage] part_buffers must be \"32MiB\" to \"64GiB\"".into());
        }
        Ok(())
    }

    /// A key of another kind of store means that `type` was forgotten.
    fn check_keys(&self) -> Result<(), String> {
        let is = |kind| self.kind == kind;
        let needs = [
            ("endpoint", self.endpoint.is_some(), is(StorageKind::S3) || is(StorageKind::Azure), "s3"),
            ("bucket_name", self.bucket_name.is_some(), is(StorageKind::S3), "s3"),
            ("container", self.container.is_some(), is(StorageKind::Azure), "azure"),
            ("account_name", self.account_name.is_some(), is(StorageKind::Azure), "azure"),
            ("account_key", self.account_key.is_some(), is(StorageKind::Azure), "azure"),
            ("connection_string", self.connection_string.is_some(), is(StorageKind::Azure), "azure"),
        ];
        match needs.iter().find(|(_, is_given, fits, _)| *is_given && !fits) {
            Some((key, .., kind)) => {
                Err(format!("[storage] `{key}` belongs to type = \"{kind}\": add that, or take `{key}` out"))
            }
            None => Ok(()),
        }
    }

    fn check_s3(&self) -> Result<(), String> {
        let missing = [
            ("endpoint", self.endpoint.is_none()),
            ("bucket_name", self.bucket_name.is_none()),
            ("access_key", self.access_key.is_none()),
            ("access_secret", self.access_secret.is_none()),
        ];
        if let Some((key, _)) = missing.iter().find(|(_, missing)| *missing) {
            return Err(format!("[storage] type = \"s3\" needs `{key}`"));
        }
        let bucket = self.bucket_name.as_deref().unwrap_or_default();
        check_endpoint(self.endpoint.as_deref().unwrap_or_default())?;
        check_bucket(bucket)?;
        if self.addressing == Addressing::VirtualHost && bucket.contains('.') {
            return Err(format!(
                "[storage] bucket_name is {bucket:?}: a name with a dot cannot be part of a host name under TLS, use \
                 addressing = \"path\""
            ));
        }
        Ok(())
    }
}

/// Enough for one upload of large parts, and one join of small ones.
const LEAST_BUFFERS: u64 = 32 << 20;
const MOST_BUFFERS: u64 = 64 << 30;

/// A host name or address only: port and scheme have their own keys.
fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let remedy = if let Some(bare) = endpoint.strip_prefix("https://") {
        format!("write \"{}\" and use_ssl = true", host_of(bare))
    } else if let Some(bare) = endpoint.strip_prefix("http://") {
        format!("write \"{}\" and use_ssl = false", host_of(bare))
    } else if endpoint.contains("://") {
        "only http and https are supported: leave the scheme out".to_owned()
    } else if endpoint.contains(['/', '?', '#']) {
        format!("leave the path out: write \"{}\"; the bucket is named by bucket_name", host_of(endpoint))
    } else if endpoint.contains('@') {
        "credentials go into access_key and access_secret".to_owned()
    } else if has_port(endpoint) {
        let (host, port) = endpoint.rsplit_once(':').unwrap_or((endpoint, "443"));
        format!("write \"{host}\" and port = {port}")
    } else if endpoint.is_empty() || endpoint.contains(char::is_whitespace) {
        "write it like \"s3.example.com\"".to_owned()
    } else {
        return Ok(());
    };
    Err(format!("[storage] endpoint is {endpoint:?}: {remedy}"))
}

fn host_of(bare: &str) -> &str {
    bare.split(['/', '?', '#']).next().unwrap_or(bare)
}

/// An IPv6 address has colons inside brackets.
fn has_port(endpoint: &str) -> bool {
    let after = endpoint.rsplit_once(']').map_or(endpoint, |(_, after)| after);
    after.contains(':')
}

/// Roughly the rules of S3: a bucket's name is a segment of a URL.
fn check_bucket(name: &str) -> Result<(), String> {
    let is_name = name.len() >= 3
        && name.len() <= 63
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name {
        return Ok(());
    }
    Err(format!("[storage] bucket_name is {name:?}: it has 3 to 63 letters, digits, dots and hyphens"))
}
