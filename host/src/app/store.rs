//! The store that the configuration names. Only this file of the host knows the kinds of stores.

use super::BuildError;
use crate::config::{Addressing, Config, ConfigError, StorageConfig, StorageKind};
use crate::storage::{self, S3Settings, Settings, StorageError};

/// What `[storage]` says, for the storage.
pub(super) fn settings(config: &Config) -> Result<Settings, ConfigError> {
    let storage = &config.storage;
    Ok(match storage.kind {
        StorageKind::Fs => Settings::Fs { root: storage.root.clone() },
        StorageKind::Memory => Settings::Memory,
        StorageKind::S3 => Settings::S3(s3(storage)),
        #[cfg(feature = "azure")]
        StorageKind::Azure => Settings::Azure(azure(storage).map_err(|why| config.error(why))?),
        #[cfg(not(feature = "azure"))]
        StorageKind::Azure => {
            return Err(config.error("[storage] type = \"azure\" is not part of this build"));
        }
    })
}

fn s3(config: &StorageConfig) -> S3Settings {
    S3Settings {
        endpoint: config.endpoint.clone().unwrap_or_default(),
        port: config.port,
        use_ssl: config.use_ssl,
        region: config.region.clone().unwrap_or_else(|| "us-east-1".into()),
        bucket_name: config.bucket_name.clone().unwrap_or_default(),
        access_key: config.access_key.clone().map(|secret| secret.0).unwrap_or_default(),
        access_secret: config.access_secret.clone().map(|secret| secret.0).unwrap_or_default(),
        addressing: match config.addressing {
            Addressing::Path => storage::Addressing::Path,
            Addressing::VirtualHost => storage::Addressing::VirtualHost,
        },
        part_buffers: config.part_buffers.0,
    }
}

#[cfg(feature = "azure")]
fn azure(config: &StorageConfig) -> Result<storage::AzureSettings, String> {
    let account = config.account()?;
    Ok(storage::AzureSettings {
        endpoint: account.endpoint,
        account_name: account.name,
        account_key: account.key,
        container: config.container.clone().unwrap_or_default(),
        part_buffers: config.part_buffers.0,
    })
}

/// The key that says where a store is, and what it says.
pub(super) fn place(config: &Config) -> (&'static str, String) {
    let storage = &config.storage;
    match storage.kind {
        StorageKind::Fs => ("root", storage.root.display().to_string()),
        StorageKind::Memory => ("type", "memory".to_owned()),
        StorageKind::S3 => ("bucket_name", storage.bucket_name.clone().unwrap_or_default()),
        StorageKind::Azure => ("container", storage.container.clone().unwrap_or_default()),
    }
}

/// A store that does not open, and the key to look at.
pub(super) fn error(config: &Config, source: StorageError) -> BuildError {
    let key = match (config.storage.kind, &source) {
        (StorageKind::Fs, _) => "root",
        (StorageKind::Memory, _) => "type",
        (_, StorageError::Setting(field, _)) => field,
        (StorageKind::S3, StorageError::Denied(_)) => "access_key and access_secret",
        (StorageKind::Azure, StorageError::Denied(_)) => "account_name and account_key",
        (StorageKind::S3 | StorageKind::Azure, _) => "endpoint",
    };
    BuildError::Storage { file: config.file.display().to_string(), key, source }
}
