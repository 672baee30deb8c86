//! Builds the rooms in order. The only place where they meet.
//!
//! [`Registry`] is the whole server without its sockets: build it from a
//! configuration, hand it requests, reach its storage and its users.

mod accept;
mod auth;
mod home;
pub(crate) mod layout;
mod machine;
mod memory;
mod safety;
pub(crate) mod standing;
mod store;
mod targets;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use http::{HeaderName, Request, Response};
use http_body::Body;
use tokio_util::task::AbortOnDropHandle;

use crate::auth::{Auth, AuthError, Scope};
use crate::capabilities::ground::DataLimits;
use crate::capabilities::resources::{Budgets, Resources};
use crate::config::{Config, ConfigError, Hosts, LimitsConfig, ServerConfig};
use crate::descriptors::{self, Descriptors};
use crate::maintenance::Caretaker;
use crate::mounts::{Mount, MountError, Mounts};
use crate::plugins::{
    Generation, GuestLimits, Imports, LinkResult, Place, PluginFolders, Plugins, PluginsError, Sandbox,
    Watcher,
};
use crate::prefixes::Prefixes;
use crate::respond::{BoxError, ResponseBody};
use crate::server::{Gate, GateSettings, Peer, ServerSettings, TrustedProxies};
use crate::shares::{Budget, Client};
use crate::storage::{Company, Presence, Storage, StorageError};
use crate::turns::Turns;

pub use accept::accept;
pub use home::{adopt, open_users};
use layout::{Layout, Unmounted};
use memory::InUse;
pub use targets::targets;

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
    Plugins { file: String, source: PluginsError },
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
    layout: RwLock<Layout>,
    prefixes: Arc<Prefixes>,
    /// Which protocols have stored something.
    in_use: InUse,
    /// What the log has said of mounts and plugins.
    said: Mutex<standing::Said>,
    gate: Gate,
    budgets: Budgets,
    /// Memory for bodies that are received before their request takes a place.
    bodies: Budget,
    descriptors: Descriptors,
    proxies: TrustedProxies,
    turns: Turns,
}

/// Who sent a request to a program that holds a [`Registry`]: an extension of the request. Without
/// it, all requests count as sent by one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteAddress(pub IpAddr);

/// Bytes of small bodies that the host receives before their requests take places.
const BODY_MEMORY: u64 = 32 << 20;

impl Registry {
    /// Builds everything that a configuration names. A mount whose plugin is missing or cannot be
    /// loaded is answered 503 until it can.
    pub async fn build(config: Config) -> Result<Self, BuildError> {
        Self::build_offering(config, |_| Ok(())).await
    }

    /// As [`Registry::build`], for a program that offers its plugins something beside the
    /// contract, which `more` adds to what they can import.
    pub async fn build_offering(
        config: Config,
        more: impl FnOnce(&mut Imports) -> LinkResult<()>,
    ) -> Result<Self, BuildError> {
        for key in config.auth.not_used() {
            tracing::warn!(key, "[auth] {key} is set, and this configuration has no use for it");
        }
        let configured = layout::configured_mounts(&config)?;
        safety::check(&config)?;
        // What may refuse the start comes before anything is written to the storage.
        let plugins = load_plugins(&config, &configured, more).await?;
        let descriptors = share_out(&config)?;
        let (auth, storage) = home::open(&config).await?;
        let prefixes = Prefixes::new(&storage);
        check_features(&config, &configured, &plugins, &prefixes).await?;
        if config.server.hosts == Hosts::Many && !storage.is_safe_to_share() {
            let message = "[server] hosts = \"many\", and this storage cannot be shared safely: it is memory, or a bucket \
                 without conditional writes; use hosts = \"one\", or another storage";
            return Err(config.error(message).into());
        }
        let registry = Self(Arc::new(Rooms {
            gate: Gate::new(gate_settings(&config)),
            budgets: budgets(&config, descriptors),
            bodies: Budget::new(BODY_MEMORY, config.server.limits.share()),
            descriptors,
            proxies: trusted_proxies(&config.server),
            config,
            prefixes: Arc::new(prefixes),
            storage,
            auth,
            plugins,
            configured,
            layout: RwLock::default(),
            in_use: InUse::default(),
            said: Mutex::default(),
            turns: Turns::default(),
        }));
        registry.remember_mounts().await;
        registry.lay_out();
        registry.judge_changes();
        Ok(registry)
    }

    /// Has the plugins ask before a new generation takes over.
    fn judge_changes(&self) {
        let (of_place, of_features) = (Arc::downgrade(&self.0), Arc::downgrade(&self.0));
        self.0.plugins.ask_before_a_change_of_protocol(Box::new(move |plugin| {
            let rooms = of_place.clone();
            async move {
                match rooms.upgrade() {
                    Some(rooms) => Registry(rooms).is_in_place(&plugin).await,
                    None => Place::Needed,
                }
            }
            .boxed()
        }));
        self.0.plugins.ask_before_features_are_lost(Box::new(move |plugin, now, next| {
            Registry(of_features.upgrade()?).missed_feature(plugin, now, next)
        }));
    }

    /// Shows other hosts on the same storage that this one is there; an error when it
    /// should be the only one and is not.
    pub async fn enter(&self) -> Result<Presence, BuildError> {
        let config = &self.0.config;
        let company = match config.server.hosts {
            Hosts::One => Company::One,
            Hosts::Many => Company::Many,
        };
        let presence = self.0.storage.enter(company).await.map_err(|source| match source {
            StorageError::Invalid(sentence) => BuildError::from(config.error(sentence)),
            source => store::error(config, source),
        })?;
        self.review().await;
        Ok(presence)
    }

    /// Takes up changes of the plugin folder until the result is dropped.
    pub fn watch(&self) -> Watching {
        let watcher = Watcher::start(Arc::clone(&self.0.plugins));
        let (registry, mut changes) = (self.clone(), self.0.plugins.changes());
        let task = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                // What has no plugin any more stays until the storage has been asked.
                registry.lay_out_with(&registry.automatic_mounts());
                registry.remember_mounts().await;
                registry.lay_out();
                registry.review().await;
            }
        });
        Watching { _watcher: watcher, _layout: AbortOnDropHandle::new(task) }
    }

    /// Answers one request; for embedding and tests, and what the `tower` service does.
    ///
    /// Limits, throttles and tokens that are limited to a network depend on who sent it. So the
    /// program whose server received the request puts the address into its extensions as
    /// [`RemoteAddress`]; if it is one of `[server] trusted_proxies`, the headers of the proxy are
    /// read. A request without it is taken for one of this program, from 127.0.0.1.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (parts, body) = request.into_parts();
        let peer = match parts.extensions.get::<RemoteAddress>() {
            Some(remote) => self.0.proxies.peer(remote.0, None, &parts),
            None => Peer::direct(IpAddr::from([127, 0, 0, 1]), None, &parts),
        };
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

    /// The addresses that conditional requests are changing.
    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    /// What a client has its share of.
    pub(crate) fn resources(&self, client: Client) -> Resources {
        Resources { client, budgets: self.0.budgets.clone() }
    }

    /// The memory for bodies that are received before their request takes a place.
    pub(crate) fn bodies(&self) -> &Budget {
        &self.0.bodies
    }

    /// How the sockets in front of this are to be served.
    pub fn server_settings(&self) -> ServerSettings {
        let server = &self.0.config.server;
        ServerSettings {
            max_connections: usize::try_from(self.0.descriptors.connections).unwrap_or(usize::MAX),
            client_share: server.limits.share(),
            head_timeout: server.limits.header_timeout.0,
            write_timeout: server.limits.idle_timeout.0,
            min_rate: server.limits.min_rate.0,
            drain: server.limits.drain.0,
            trusted_proxies: self.0.proxies.clone(),
            ..ServerSettings::default()
        }
    }

    /// What serves a mount now.
    pub async fn served(&self, mount: &Mount) -> Option<Arc<Generation>> {
        self.standing(mount).await.ok()
    }

    /// The generation of a plugin that serves now.
    pub fn plugin(&self, name: &str) -> Option<Arc<Generation>> {
        self.0.plugins.serving(name)
    }

    pub fn mounts(&self) -> Arc<Mounts> {
        Arc::clone(&self.0.layout.read().unwrap_or_else(PoisonError::into_inner).mounts)
    }

    /// Why plugins that could serve have no mount, by name.
    pub(crate) fn unmounted(&self) -> BTreeMap<String, Unmounted> {
        self.0.layout.read().unwrap_or_else(PoisonError::into_inner).unmounted.clone()
    }

    /// Which protocol each part of the storage belongs to.
    pub(crate) fn prefixes(&self) -> &Prefixes {
        &self.0.prefixes
    }

    /// What is lacking for all plugins to be served, a sentence each.
    pub(crate) fn gaps(&self) -> Vec<String> {
        layout::gaps(&self.0.config, &self.mounts(), &self.0.plugins)
    }

    /// What looks after the storage beside the requests.
    pub(crate) fn caretaker(&self) -> Caretaker {
        Caretaker {
            storage: self.0.storage.clone(),
            prefixes: Arc::clone(&self.0.prefixes),
            plugins: Arc::clone(&self.0.plugins),
            mounts: self.mounts(),
            gaps: self.gaps(),
            limits: data_limits(&self.0.config),
            resources: self.resources(Client::trusted()),
            gate: Some(self.0.gate.clone()),
        }
    }

    /// Lays out the mounts: those of the configuration, one for each plugin that none of them
    /// names, and those that are known by what they have stored.
    fn lay_out(&self) {
        self.lay_out_with(&self.0.in_use.protocols());
    }

    /// The protocols that have a mount by themselves now.
    fn automatic_mounts(&self) -> Vec<String> {
        let mounts = self.mounts();
        let automatic = mounts.iter().filter(|mount| !self.is_configured(mount));
        automatic.map(|mount| mount.name.clone()).collect()
    }

    fn lay_out_with(&self, in_use: &[String]) {
        let mut now = self.0.layout.write().unwrap_or_else(PoisonError::into_inner);
        match layout::all_mounts(&self.0.config, &self.0.configured, &self.0.plugins, in_use, &now) {
            Ok(layout) => *now = layout,
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

fn parse_scopes(config: &Config, key: &str, scopes: &[String]) -> Result<Vec<Scope>, BuildError> {
    let parse =
        |scope: &String| Scope::parse(scope).map_err(|error| config.error(format!("{key}: {error}")).into());
    scopes.iter().map(parse).collect()
}

/// Loads all plugins. One that cannot be loaded is kept with its reason; a feature that it does not
/// have is an error, unless the file may be the one of another protocol.
async fn load_plugins(
    config: &Config,
    configured: &[Mount],
    more: impl FnOnce(&mut Imports) -> LinkResult<()>,
) -> Result<Arc<Plugins>, BuildError> {
    let plugins = load_folder(config, more).await?;
    for mount in configured.iter().filter(|mount| mount.enabled) {
        if let Some(serving) = plugins.serving(&mount.plugin)
            && mount.is_named_like(&serving.description.protocol)
        {
            knows_features(config, mount, &serving)?;
        }
    }
    Ok(plugins)
}

async fn load_folder(
    config: &Config,
    more: impl FnOnce(&mut Imports) -> LinkResult<()>,
) -> Result<Arc<Plugins>, BuildError> {
    let failed = |source| BuildError::Plugins { file: config.file.display().to_string(), source };
    let sandbox = Sandbox::new(guest_limits(config), more).map_err(failed)?;
    let folders = PluginFolders {
        plugins: &config.plugins.dir,
        cache: &config.plugins.cache,
        cache_size: config.plugins.cache_size.0,
    };
    Plugins::load(folders, sandbox).await.map_err(failed)
}

/// The same for plugin files of other names, where the storage says that it is the right protocol.
async fn check_features(
    config: &Config,
    configured: &[Mount],
    plugins: &Plugins,
    prefixes: &Prefixes,
) -> Result<(), BuildError> {
    for mount in configured.iter().filter(|mount| mount.enabled) {
        let Some(serving) = plugins.serving(&mount.plugin) else { continue };
        let description = &serving.description;
        if mount.unknown_feature(&description.features).is_some()
            && prefixes
                .recorded(&mount.prefix)
                .await
                .is_ok_and(|it| it.as_ref() == Some(&description.protocol))
        {
            knows_features(config, mount, &serving)?;
        }
    }
    Ok(())
}

/// An error when a mount sets a feature that its plugin does not have.
fn knows_features(config: &Config, mount: &Mount, serving: &Generation) -> Result<(), BuildError> {
    let unknown = layout::unknown_feature(mount, &serving.description.features);
    unknown.map_or(Ok(()), |sentence| Err(config.error(sentence).into()))
}

/// What looks after the storage without a server; for the command line. Nothing is written to
/// the storage when it `only_reads`.
pub async fn open_caretaker(config: &Config, only_reads: bool) -> Result<Caretaker, BuildError> {
    let configured = layout::configured_mounts(config)?;
    safety::check(config)?;
    let storage = home::find(config, only_reads).await?;
    let plugins = load_plugins(config, &configured, |_| Ok(())).await?;
    let prefixes = Prefixes::new(&storage);
    check_features(config, &configured, &plugins, &prefixes).await?;
    let in_use = memory::look(config, &configured, &prefixes).await;
    let in_use = in_use.map_err(|source| store::error(config, source))?;
    let layout = layout::all_mounts(config, &configured, &plugins, &in_use, &Layout::default())
        .map_err(|source| BuildError::Mount { file: config.file.display().to_string(), source })?;
    Ok(Caretaker {
        gaps: layout::gaps(config, &layout.mounts, &plugins),
        plugins,
        prefixes: Arc::new(prefixes),
        storage,
        mounts: layout.mounts,
        limits: data_limits(config),
        resources: Resources { client: Client::trusted(), budgets: budgets(config, share_out(config)?) },
        gate: None,
    })
}

/// What one call of a plugin may move.
pub(crate) fn data_limits(config: &Config) -> DataLimits {
    let limits = &config.server.limits;
    DataLimits {
        upload: limits.max_upload.0,
        reply: limits.max_reply.0,
        work: limits.guest_work.0,
        open_uploads: limits.max_open_uploads,
    }
}

fn trusted_proxies(server: &ServerConfig) -> TrustedProxies {
    let names = server.forwarded.iter().map(|header| HeaderName::from_static(header.name()));
    let networks = server.trusted_proxies.iter().map(|network| network.0);
    TrustedProxies::new(networks.collect(), names.collect())
}

/// How many descriptors there are for what; an error when there are too few to work.
fn share_out(config: &Config) -> Result<Descriptors, BuildError> {
    let limits = &config.server.limits;
    let (descriptors, shortage) = descriptors::share_out(
        descriptors::limit(),
        limits.max_connections as u64,
        u64::from(limits.max_requests),
    );
    if let Some(shortage) = shortage {
        if let Some(refusal) = shortage.refusal() {
            return Err(config.error(refusal).into());
        }
        tracing::warn!("{}", shortage.warning(descriptors));
    }
    Ok(descriptors)
}

fn budgets(config: &Config, descriptors: Descriptors) -> Budgets {
    let limits = &config.server.limits;
    Budgets {
        replies: Budget::new(limits.reply_memory.0, limits.share()),
        files: Budget::new(descriptors.files, limits.share()),
    }
}

fn gate_settings(config: &Config) -> GateSettings {
    let limits = &config.server.limits;
    GateSettings {
        places: limits.max_requests as usize,
        queue: limits.max_queued,
        patience: limits.queue_timeout.0,
        share: limits.share(),
    }
}

/// Bytes of memory of all plugin instances together. Unless configured, a quarter of the
/// machine's, and at least what two instances may have.
fn all_guest_memory(limits: &LimitsConfig) -> u64 {
    let quarter = || machine::memory() / 4;
    let total = limits.guest_memory_total.map_or_else(quarter, |total| total.0);
    total.max(limits.guest_memory.0.saturating_mul(2))
}

fn guest_limits(config: &Config) -> GuestLimits {
    let limits = &config.server.limits;
    GuestLimits {
        memory: usize::try_from(limits.guest_memory.0).unwrap_or(usize::MAX),
        all_memory: usize::try_from(all_guest_memory(limits)).unwrap_or(usize::MAX),
        queue: limits.max_queued,
        patience: limits.queue_timeout.0,
        deadline: limits.guest_deadline.0,
        total: limits.request_timeout.0,
        instances: limits.max_requests,
    }
}
