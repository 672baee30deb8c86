//! Passes the configured users and tokens to `packhouse-auth`.

use std::collections::BTreeMap;

use super::{BuildError, parse_grants};
use crate::auth::jwt::keys::KeyFile;
use crate::auth::{self, AccessSettings, Auth, ConfiguredGroups, GroupName, Limits, StoreKind, StoreKinds};
use crate::config::{Config, Hosts, MountConfig, TokenKey};

/// Opens the configured users and tokens. Creates the database file if there is none.
pub(super) async fn open_auth(config: &Config) -> Result<Auth, BuildError> {
    let file = || config.file.display().to_string();
    Auth::open(&settings(config)?).await.map_err(|source| BuildError::Auth { file: file(), source })
}

/// A user database that cannot be used, for this reason. Creates nothing.
pub(super) fn without_users(config: &Config, why: &str) -> Result<Auth, BuildError> {
    Ok(Auth::without_users(&settings(config)?, why))
}

fn settings(config: &Config) -> Result<auth::Settings, BuildError> {
    Ok(auth::Settings {
        stores: store_kinds(config)?,
        database: config.auth.database.clone(),
        anonymous: parse_grants(config, "[auth] anonymous", &config.auth.anonymous)?,
        groups: groups(config)?,
        access: access_settings(config),
        limits: limits(config),
    })
}

/// An error if several hosts serve, and users or tokens are kept in the memory of one.
pub(super) fn check_hosts(config: &Config) -> Result<(), BuildError> {
    let kinds = store_kinds(config)?;
    let (key, what) = match kinds {
        _ if config.server.hosts == Hosts::One => return Ok(()),
        StoreKinds { users: StoreKind::Memory, .. } => ("user_store", "users"),
        StoreKinds { tokens: StoreKind::Memory, .. } => ("token_store", "tokens"),
        StoreKinds { users: StoreKind::Database, tokens: StoreKind::Database } => return Ok(()),
    };
    Err(config
        .error(format!(
            "[server] hosts = \"many\", and [auth] {key} = \"memory\": each host would have {what} of its own, which the \
             others do not know; set {key} = \"database\", or hosts = \"one\""
        ))
        .into())
}

fn groups(config: &Config) -> Result<ConfiguredGroups, BuildError> {
    let group = |(name, rules): (&String, &Vec<String>)| {
        let key = format!("[auth.groups] {name}");
        let parsed =
            GroupName::parse(name).map_err(|error| config.error(format!("[auth.groups]: {error}")))?;
        Ok((parsed, parse_grants(config, &key, rules)?))
    };
    config.auth.groups.iter().map(group).collect()
}

fn limits(config: &Config) -> Limits {
    let places = usize::try_from(config.server.limits.max_requests).unwrap_or(usize::MAX);
    // This many sign-ins leave most places to other requests.
    Limits {
        sign_ins_in_place: (places / 8).clamp(1, 64),
        tokens_per_user: config.auth.tokens_per_user.into(),
        longest_lifetime: config.auth.refresh_lifetime.0,
        idle_lifetime: config.auth.refresh_idle.0,
    }
}

fn store_kinds(config: &Config) -> Result<StoreKinds, BuildError> {
    let tokens = kind(config, "token_store", &config.auth.token_store)?;
    Ok(StoreKinds { users: user_store(config)?, tokens })
}

pub(super) fn user_store(config: &Config) -> Result<StoreKind, BuildError> {
    kind(config, "user_store", &config.auth.user_store)
}

fn kind(config: &Config, key: &str, word: &str) -> Result<StoreKind, BuildError> {
    StoreKind::parse(word).map_err(|error| config.error(format!("[auth] {key}: {error}")).into())
}

fn access_settings(config: &Config) -> Option<AccessSettings> {
    let tokens = config.auth.access_tokens()?;
    Some(AccessSettings {
        secret: config.auth.jwt_secret.clone().map(|secret| secret.0),
        keys: tokens.keys.iter().filter_map(key_file).collect(),
        realm: tokens.realm.clone(),
        service: tokens.service.clone(),
        services: services(config),
        issuer: tokens.issuer.clone(),
        lifetime: tokens.lifetime.0,
    })
}

fn services(config: &Config) -> BTreeMap<String, String> {
    let named = |(name, mount): (&String, &MountConfig)| Some((name.clone(), mount.token_service.clone()?));
    config.mount.iter().filter_map(named).collect()
}

fn key_file(key: &TokenKey) -> Option<KeyFile> {
    Some(KeyFile {
        kid: key.kid.clone(),
        algorithm: key.algorithm.clone(),
        path: key.private_key.as_ref().or(key.public_key.as_ref())?.clone(),
        private: key.private_key.is_some(),
    })
}
