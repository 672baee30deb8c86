//! Builds the parts of the server, in order. Only this module knows all of them.
//!
//! [`Registry`] is the whole server without its sockets: build it from a configuration, pass
//! requests to it, use its storage and its users.

mod accept;
mod auth;
mod home;
mod limits;
mod loading;
mod machine;
mod mounts;
mod safety;
mod store;
mod targets;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderName, Request, Response};
use http_body::Body;
use tokio_util::task::AbortOnDropHandle;

use crate::auth::{Auth, AuthError, Grant};
use crate::body;
use crate::capabilities::ground::DataLimits;
use crate::capabilities::request::TokenRules;
use crate::capabilities::resources::{Budgets, Resources};
use crate::config::{AuthConfig, Config, ConfigError, Hosts, ServerConfig};
use crate::descriptors::Descriptors;
use crate::dispatch::{Dispatcher, Settings};
use crate::maintenance::{self, Caretaker};
use crate::mounts::{Mount, MountError, Mounts};
use crate::pages::AccountPage;
use crate::plugins::{Generation, Imports, LinkResult, Plugins, PluginsError, Watcher};
use crate::prefixes::Prefixes;
use crate::processors::Processors;
use crate::respond::{BoxError, ResponseBody};
use crate::server::{Gate, Peer, ServerSettings, TrustedProxies};
use crate::serving::Serving;
use crate::shares::{Budget, Client};
use crate::storage::{Company, Presence, Storage, StorageError};
use crate::turns::Turns;

pub use accept::accept;
pub use home::{adopt, open_users};
use loading::{check_mounts, load_plugins};
pub use targets::{area, targets};

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
pub struct Registry(Arc<Parts>);

struct Parts {
    config: Config,
    dispatcher: Dispatcher,
    descriptors: Descriptors,
    proxies: TrustedProxies,
}

/// The address of a client, which a program that embeds a [`Registry`] adds to the extensions of a
/// request. Without it, all requests count as sent by one client.
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

    /// Like [`Registry::build`], for a program that offers more to its plugins than the contract:
    /// `more` adds it to what they can import. A function from which plugins learn something calls
    /// `State::forget`, because the host cannot know when its result changes.
    pub async fn build_offering(
        config: Config,
        more: impl FnOnce(&mut Imports) -> LinkResult<()>,
    ) -> Result<Self, BuildError> {
        for key in config.auth.not_used() {
            tracing::warn!(key, "[auth] {key} is set, but this configuration does not use it");
        }
        let configured = mounts::configured(&config)?;
        auth::check_hosts(&config)?;
        safety::check(&config)?;
        // Everything that may end the start comes before the first write to the storage.
        let plugins = load_plugins(&config, &configured.mounts, more).await?;
        plugins.announce();
        let descriptors = limits::share_out(&config)?;
        let (auth, storage) = home::open(&config).await?;
        let prefixes = Arc::new(Prefixes::new(&storage));
        check_mounts(&config, &configured.mounts, &plugins, &prefixes).await?;
        if config.server.hosts == Hosts::Many && !storage.is_safe_to_share() {
            let message = "[server] hosts = \"many\", and this storage cannot be shared safely: it is memory, or a bucket \
                 without conditional writes; use hosts = \"one\", or another storage";
            return Err(config.error(message).into());
        }
        let serving = Serving::new(configured, chosen_anonymous(&config)?, plugins, prefixes);
        let dispatcher = Dispatcher {
            serving: Arc::new(serving),
            storage,
            auth,
            gate: Gate::new(limits::of_gate(&config)),
            processors: Processors::of_machine(),
            budgets: limits::budgets(&config, descriptors),
            bodies: Budget::new(BODY_MEMORY, config.server.limits.share()),
            turns: Turns::default(),
            settings: settings(&config),
        };
        dispatcher.serving.begin().await;
        Ok(Self(Arc::new(Parts {
            proxies: trusted_proxies(&config.server),
            config,
            dispatcher,
            descriptors,
        })))
    }

    /// Shows other hosts on the same storage that this host exists. An error if it should be the
    /// only one and is not.
    pub async fn enter(&self) -> Result<Presence, BuildError> {
        let config = &self.0.config;
        let company = match config.server.hosts {
            Hosts::One => Company::One,
            Hosts::Many => Company::Many,
        };
        let presence = self.storage().enter(company).await.map_err(|source| match source {
            StorageError::Invalid(sentence) => BuildError::from(config.error(sentence)),
            source => store::error(config, source),
        })?;
        self.serving().review().await;
        Ok(presence)
    }

    /// Loads changed plugin files until the result is dropped.
    pub fn watch(&self) -> Watching {
        let watcher = Watcher::start(Arc::clone(self.serving().plugins()));
        let (serving, mut changes) = (Arc::clone(self.serving()), self.plugins().changes());
        let task = tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                serving.take_up().await;
            }
        });
        Watching { _watcher: watcher, _layout: AbortOnDropHandle::new(task) }
    }

    /// Answers one request. For embedding and for tests; the `tower` service calls it.
    /// Limits, throttles and tokens that are limited to a network depend on the address of the
    /// client. So the program whose server received the request adds the address to the extensions
    /// as [`RemoteAddress`]. If it is one of `[server] trusted_proxies`, the headers of the proxy
    /// are read. Without an address, the request counts as one of this program, from 127.0.0.1.
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

    /// Answers one request. `peer` is where it came from, after trusted proxies.
    pub async fn dispatch<B>(&self, request: Request<B>, peer: Peer) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.0.dispatcher.dispatch(request, peer).await
    }

    pub fn config(&self) -> &Config {
        &self.0.config
    }

    pub fn storage(&self) -> &Storage {
        &self.0.dispatcher.storage
    }

    pub fn auth(&self) -> &Auth {
        &self.0.dispatcher.auth
    }

    pub fn plugins(&self) -> &Plugins {
        self.serving().plugins()
    }

    fn serving(&self) -> &Arc<Serving> {
        &self.0.dispatcher.serving
    }

    /// The settings for the sockets of a server.
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

    /// The generation that serves a mount now.
    pub async fn served(&self, mount: &Mount) -> Option<Arc<Generation>> {
        self.serving().standing(mount).await.ok()
    }

    /// The generation of a plugin that serves now.
    pub fn plugin(&self, name: &str) -> Option<Arc<Generation>> {
        self.plugins().serving(name)
    }

    pub fn mounts(&self) -> Arc<Mounts> {
        self.serving().mounts()
    }

    /// Runs collections on the configured schedule, and removes what crashed hosts left behind, now
    /// and every hour, until the result is dropped. None if the configuration disables it.
    pub fn look_after(&self) -> Option<AbortOnDropHandle<()>> {
        let settings = &self.config().maintenance;
        let (every, older_than) = (settings.gc.0?, settings.older_than.0);
        let registry = self.clone();
        let caretaker = move || registry.caretaker();
        Some(maintenance::look_after(self.storage().clone(), every, older_than, caretaker))
    }

    /// Maintains the storage while requests are served.
    fn caretaker(&self) -> Caretaker {
        let Dispatcher { serving, storage, budgets, gate, settings, .. } = &self.0.dispatcher;
        Caretaker {
            gate: Some(gate.clone()),
            ..caretaker(serving, storage.clone(), settings.calls, budgets.clone())
        }
    }
}

/// Maintains the storage in a process that serves no requests.
fn caretaker(serving: &Serving, storage: Storage, limits: DataLimits, budgets: Budgets) -> Caretaker {
    Caretaker {
        storage,
        prefixes: Arc::clone(serving.prefixes()),
        plugins: Arc::clone(serving.plugins()),
        mounts: serving.mounts(),
        gaps: serving.gaps(),
        limits,
        resources: Resources { client: Client::trusted(), budgets },
        gate: None,
    }
}

/// Dropping it ends the watch.
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

fn parse_grants(config: &Config, key: &str, rules: &[String]) -> Result<Vec<Grant>, BuildError> {
    let parse =
        |rule: &String| Grant::parse(rule).map_err(|error| config.error(format!("{key}: {error}")).into());
    rules.iter().map(parse).collect()
}

/// Maintains the storage without a server, for the command line. If it `only_reads`, nothing is
/// written to the storage.
pub async fn open_caretaker(config: &Config, only_reads: bool) -> Result<Caretaker, BuildError> {
    let configured = mounts::configured(config)?;
    safety::check(config)?;
    let storage = home::find(config, only_reads).await?;
    let plugins = load_plugins(config, &configured.mounts, |_| Ok(())).await?;
    let prefixes = Arc::new(Prefixes::new(&storage));
    check_mounts(config, &configured.mounts, &plugins, &prefixes).await?;
    let serving = Serving::look(configured, plugins, prefixes).await;
    let serving = serving.map_err(|source| store::error(config, source))?;
    let budgets = limits::budgets(config, limits::share_out(config)?);
    Ok(caretaker(&serving, storage, limits::of_calls(config), budgets))
}

fn settings(config: &Config) -> Settings {
    let (limits, tokens) = (&config.server.limits, config.auth.client_tokens());
    Settings {
        public_url: config.server.public_url.clone(),
        cors: config.server.cors.clone(),
        bodies: body::Limits {
            idle: limits.idle_timeout.0,
            rate: limits.min_rate.0,
            ..body::Limits::default()
        },
        small_body: limits.header_timeout.0,
        anonymous_upload: limits.anonymous_upload.0,
        patience: limits.queue_timeout.0,
        calls: limits::of_calls(config),
        tokens: TokenRules { enabled: tokens.enabled, read_only: tokens.read_only },
        account: AccountPage {
            is_enabled: config.auth.account.enabled,
            session_lifetime: config.auth.account.session_lifetime.0,
            patience: limits.header_timeout.0,
        },
    }
}

/// The rules of `[auth] anonymous` without those of the default, which are for any plugin.
fn chosen_anonymous(config: &Config) -> Result<Vec<Grant>, BuildError> {
    let usual = AuthConfig::default().anonymous;
    let chosen = config.auth.anonymous.iter().filter(|rule| !usual.contains(rule)).cloned();
    parse_grants(config, "[auth] anonymous", &chosen.collect::<Vec<_>>())
}

fn trusted_proxies(server: &ServerConfig) -> TrustedProxies {
    let names = server.forwarded.iter().map(|header| HeaderName::from_static(header.name()));
    let networks = server.trusted_proxies.iter().map(|network| network.0);
    TrustedProxies::new(networks.collect(), names.collect())
}
