//! Builds the rooms in order. The only place where they meet.
//!
//! [`Registry`] is the whole server without its sockets: build it from a
//! configuration, hand it requests, reach its storage and its users.

mod auth;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body::Body;
use tokio_util::task::AbortOnDropHandle;

use crate::auth::{Auth, AuthError, Scope};
use crate::config::{Config, ConfigError, Hosts, MountConfig, StorageConfig, StorageKind};
use crate::mounts::{Mount, MountError, Mounts};
use crate::plugins::{Generation, GuestLimits, Plugins, Watcher};
use crate::respond::{BoxError, ResponseBody};
use crate::server::{Gate, GateSettings, ServerSettings, TrustedProxies};
use crate::storage::{self, S3Settings, Storage, StorageError};

pub use auth::open_auth;

/// Between two looks for left-overs.
const TIDY_EVERY: Duration = Duration::from_hours(1);

/// Why a registry cannot be built; one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{file}: {source}")]
    Mount { file: String, source: MountError },
    #[error("{file}: [storage] {key}: {source}")]
    Storage { file: String, key: &'static str, source: StorageError },
    #[error("{file}: [auth] {source}")]
    Auth { file: String, source: AuthError },
    #[error("{file}: [plugins] {source}")]
    Plugins { file: String, source: crate::plugins::generations::PluginsError },
}

/// The whole server without its sockets. Cheap to clone.
#[derive(Clone)]
pub struct Registry(Arc<Rooms>);

struct Rooms {
    config: Config,
    storage: Storage,
    auth: Auth,
    plugins: Arc<Plugins>,
    configured: Vec<Mount>,
    mounts: RwLock<Arc<Mounts>>,
    gate: Gate,
}

impl Registry {
    /// Builds everything that a configuration names; a plugin that a mount needs and
    /// that cannot be loaded is an error.
    pub async fn build(config: Config) -> Result<Self, BuildError> {
        let file = || config.file.display().to_string();
        for key in config.auth.not_used() {
            tracing::warn!(key, "[auth] {key} is set, and this configuration has no use for it");
        }
        let configured = configured_mounts(&config)?;
        Mounts::new(configured.clone()).map_err(|source| BuildError::Mount { file: file(), source })?;
        let storage = open_storage(&config).await?;
        if config.server.hosts == Hosts::Many && !storage.is_safe_to_share() {
            let message = "[server] hosts = \"many\", and this storage cannot be shared safely: it is memory, or a bucket \
                 without conditional writes; use hosts = \"one\", or another storage";
            return Err(config.error(message).into());
        }
        let auth = open_auth(&config).await?;
        let plugins = Plugins::load(&config.plugins.dir, &config.plugins.cache, guest_limits(&config))
            .await
            .map_err(|source| BuildError::Plugins { file: file(), source })?;
        for mount in configured.iter().filter(|mount| mount.enabled) {
            needs_plugin(&config, &plugins, mount)?;
        }
        let gate = Gate::new(gate_settings(&config));
        let registry = Self(Arc::new(Rooms {
            config,
            gate,
            storage,
            auth,
            plugins: Arc::new(plugins),
            configured,
            mounts: RwLock::default(),
        }));
        registry.lay_out();
        Ok(registry)
    }

    /// Takes up changes of the plugin folder until the result is dropped.
    pub fn watch(&self) -> Watching {
        let watcher = Watcher::start(Arc::clone(&self.0.plugins));
        let (registry, mut changes) = (self.clone(), self.0.plugins.changes());
        let task = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                registry.lay_out();
            }
        });
        Watching { _watcher: watcher, _layout: AbortOnDropHandle::new(task) }
    }

    /// Removes now and every hour what crashed hosts have left half-done in the storage,
    /// until the result is dropped.
    pub fn tidy(&self) -> AbortOnDropHandle<()> {
        let storage = self.0.storage.clone();
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut hours = tokio::time::interval(TIDY_EVERY);
            loop {
                hours.tick().await;
                match storage.sweep().await {
                    Ok(0) => {}
                    Ok(removed) => tracing::info!(
                        removed,
                        "{removed} left-overs of crashed hosts and expired uploads were removed"
                    ),
                    Err(error) => tracing::warn!(error = %error, "left-overs cannot be removed now: {error}"),
                }
            }
        }))
    }

    /// Answers one request that came from this machine; for embedding and tests.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let peer = TrustedProxies::default().peer(IpAddr::from([127, 0, 0, 1]), &parts);
        self.dispatch(Request::from_parts(parts, body), peer).await
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn storage(&self) -> &Storage {
        &self.0.storage
    }

    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub fn plugins(&self) -> &Plugins {
        &self.0.plugins
    }

    /// The places for requests.
    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// How the sockets in front of this are to be served.
    pub fn server_settings(&self) -> ServerSettings {
        let server = &self.0.config.server;
        ServerSettings {
            max_connections: server.limits.max_connections,
            head_timeout: server.limits.header_timeout.0,
            write_timeout: server.limits.idle_timeout.0,
            drain: server.limits.drain.0,
            trusted_proxies: TrustedProxies::new(server.trusted_proxies.clone()),
            ..ServerSettings::default()
        }
    }

    /// The generation of a plugin that serves now.
    pub fn plugin(&self, name: &str) -> Option<Arc<Generation>> {
        self.0.plugins.serving(name)
    }

    pub fn mounts(&self) -> Arc<Mounts> {
        Arc::clone(&self.0.mounts.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lays out the mounts: those of the configuration, and one for each plugin that
    /// none of them names.
    fn lay_out(&self) {
        let mut all = self.0.configured.clone();
        if self.0.config.plugins.auto_mount {
            let named: BTreeSet<_> = all.iter().map(|mount| mount.plugin.clone()).collect();
            let mut serving = self.0.plugins.all_serving();
            // A file that is named like its protocol goes before one that only says so.
            serving.sort_by_key(|(plugin, generation)| *plugin != generation.description.protocol);
            for (plugin, generation) in serving {
                if named.contains(&plugin) {
                    continue;
                }
                let mount = automatic_mount(&plugin, &generation.description.protocol);
                match Mounts::new(all.iter().cloned().chain([mount.clone()])) {
                    Ok(_) => all.push(mount),
                    Err(error) => {
                        tracing::error!(plugin, error = %error, "plugin {plugin} is not mounted by itself: {error}");
                    }
                }
            }
        }
        match Mounts::new(all) {
            Ok(mounts) => *self.0.mounts.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(mounts),
            Err(error) => tracing::error!(error = %error, "the mounts stay as they are: {error}"),
        }
    }
}

/// Ends the watch when it is dropped.
pub struct Watching {
    _watcher: Watcher,
    _layout: AbortOnDropHandle<()>,
}

impl<B> tower_service::Service<Request<B>> for Registry
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let registry = self.clone();
        Box::pin(async move { Ok(registry.handle(request).await) })
    }
}

fn needs_plugin(config: &Config, plugins: &Plugins, mount: &Mount) -> Result<(), BuildError> {
    if plugins.serving(&mount.plugin).is_some() {
        return Ok(());
    }
    let file = plugins.folder().join(format!("{}.wasm", mount.plugin));
    let message = match plugins.last_error(&mount.plugin) {
        Some(reason) => {
            format!("[mount.{}] needs {}, which cannot be loaded: {reason}", mount.name, file.display())
        }
        None => format!(
            "[mount.{}] needs {}, which is not there: put it there, or set `enabled = false`",
            mount.name,
            file.display()
        ),
    };
    Err(config.error(message).into())
}

fn configured_mounts(config: &Config) -> Result<Vec<Mount>, BuildError> {
    config.mount.iter().map(|(name, mount)| configured_mount(config, name, mount)).collect()
}

fn configured_mount(config: &Config, name: &str, mount: &MountConfig) -> Result<Mount, BuildError> {
    let settings = serde_json::to_string(&mount.settings).map_err(|error| {
        config.error(format!("[mount.{name}.settings] cannot be written as JSON: {error}"))
    })?;
    let default_path = if mount.host.is_some() { String::new() } else { format!("/{name}") };
    let base_path =
        mount.base_path.as_deref().map_or(default_path, |path| path.trim_end_matches('/').to_owned());
    let key = format!("[mount.{name}] anonymous");
    let anonymous =
        mount.anonymous.as_deref().map(|scopes| parse_scopes(config, &key, scopes)).transpose()?;
    let prefix = mount.prefix.clone().unwrap_or_else(|| name.to_owned());
    storage::check_prefix(&prefix)
        .map_err(|error| config.error(format!("[mount.{name}] prefix: {error}")))?;
    Ok(Mount {
        name: name.to_owned(),
        plugin: mount.plugin.clone().unwrap_or_else(|| name.to_owned()),
        enabled: mount.enabled,
        base_path,
        host: mount.host.as_ref().map(|host| host.to_ascii_lowercase()),
        prefix,
        features: mount.features.clone(),
        grants: mount.grants.iter().cloned().collect(),
        anonymous,
        settings,
    })
}

/// The mount of a plugin that the configuration does not name: no grants, everything
/// else as the plugin says.
fn automatic_mount(plugin: &str, protocol: &str) -> Mount {
    Mount {
        name: protocol.to_owned(),
        plugin: plugin.to_owned(),
        enabled: true,
        base_path: format!("/{protocol}"),
        host: None,
        prefix: protocol.to_owned(),
        features: [].into(),
        grants: [].into(),
        anonymous: None,
        settings: "{}".into(),
    }
}

fn parse_scopes(config: &Config, key: &str, scopes: &[String]) -> Result<Vec<Scope>, BuildError> {
    let parse =
        |scope: &String| Scope::parse(scope).map_err(|error| config.error(format!("{key}: {error}")).into());
    scopes.iter().map(parse).collect()
}

async fn open_storage(config: &Config) -> Result<Storage, BuildError> {
    let settings = storage_settings(&config.storage);
    Storage::open(&settings).await.map_err(|source| BuildError::Storage {
        file: config.file.display().to_string(),
        key: blamed_key(config.storage.kind, &source),
        source,
    })
}

/// The key to look at when a storage does not open.
fn blamed_key(kind: StorageKind, error: &StorageError) -> &'static str {
    match (kind, error) {
        (StorageKind::Fs, _) => "root",
        (StorageKind::S3, StorageError::Denied(_)) => "access_key and access_secret",
        (StorageKind::S3, StorageError::NotFound) => "bucket_name",
        (StorageKind::S3, _) => "endpoint",
        (StorageKind::Memory, _) => "type",
    }
}

fn storage_settings(config: &StorageConfig) -> storage::Settings {
    match config.kind {
        StorageKind::Fs => storage::Settings::Fs { root: config.root.clone() },
        StorageKind::Memory => storage::Settings::Memory,
        StorageKind::S3 => storage::Settings::S3(S3Settings {
            endpoint: config.endpoint.clone().unwrap_or_default(),
            port: config.port,
            use_ssl: config.use_ssl,
            region: config.region.clone().unwrap_or_else(|| "us-east-1".into()),
            bucket_name: config.bucket_name.clone().unwrap_or_default(),
            access_key: config.access_key.clone().map(|secret| secret.0).unwrap_or_default(),
            access_secret: config.access_secret.clone().map(|secret| secret.0).unwrap_or_default(),
        }),
    }
}

fn gate_settings(config: &Config) -> GateSettings {
    let limits = &config.server.limits;
    GateSettings {
        places: limits.max_requests as usize,
        queue: limits.max_queued,
        patience: limits.queue_timeout.0,
    }
}

fn guest_limits(config: &Config) -> GuestLimits {
    let limits = &config.server.limits;
    GuestLimits {
        memory: usize::try_from(limits.guest_memory.0).unwrap_or(usize::MAX),
        deadline: limits.guest_deadline.0,
        instances: limits.max_requests,
    }
}
