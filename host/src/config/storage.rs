//! `[storage]`: where objects are kept.

use std::path::PathBuf;

use serde::Deserialize;

use crate::config::values::Secret;

/// `[storage]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StorageConfig {
    #[serde(rename = "type")]
    pub kind: StorageKind,
    /// Folder, for `fs`.
    pub root: PathBuf,
    /// Host name or address without scheme, for `s3`.
    pub endpoint: Option<String>,
    pub port: u16,
    pub use_ssl: bool,
    pub region: Option<String>,
    pub bucket_name: Option<String>,
    pub access_key: Option<Secret>,
    pub access_secret: Option<Secret>,
}

/// Kinds of storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StorageKind {
    Fs,
    Memory,
    S3,
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
        }
    }
}

impl StorageConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.kind != StorageKind::S3 {
            return match (&self.endpoint, &self.bucket_name) {
                (None, None) => Ok(()),
                _ => Err("[storage] names a bucket: add type = \"s3\", or take endpoint and bucket_name out"
                    .into()),
            };
        }
        let missing = [
            ("endpoint", self.endpoint.is_none()),
            ("bucket_name", self.bucket_name.is_none()),
            ("access_key", self.access_key.is_none()),
            ("access_secret", self.access_secret.is_none()),
        ];
        match missing.iter().find(|(_, missing)| *missing) {
            Some((key, _)) => Err(format!("[storage] type = \"s3\" needs `{key}`")),
            None => Ok(()),
        }
    }
}
