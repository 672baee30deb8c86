//! The steps of answering one request: mount → caller → plugin → response.
//!
//! Only this module knows their order. Another module does each step. A cache of responses does not
//! exist yet. Its place is in `reply`: after the session, which answers questions about the caller, and
//! before the request takes a place.

mod cors;
mod cross_site;
mod preconditions;
mod refusals;
mod urls;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ALLOW, EXPECT};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body::Body;
use tracing::{Instrument, Span, field};

use self::cors::Cors;
use self::refusals::{Refusal, away, failure_of};
use crate::auth::{Area, Auth, Credentials, Session};
use crate::body::{self, Filled, RequestBody};
use crate::capabilities::ground::DataLimits;
use crate::capabilities::request::TokenRules;
use crate::capabilities::resources::{Budgets, Resources};
use crate::capabilities::{Ground, RequestContext};
use crate::mounts::{Found, Mount, is_reserved};
use crate::pages::{self, AccountPage, Cookies, LARGEST_FORM, Pages};
use crate::plugins::{CallError, Generation};
use crate::prefixes::PrefixError;
use crate::processors::Processors;
use crate::respond::{
    BoxError, Failure, FailureShape, Reply, RequestHead, ResponseBody, is_conditional_change, respond,
};
use crate::server::{Gate, Load, Pass, Peer};
use crate::serving::{Absence, Serving};
use crate::shares::{Budget, Client};
use crate::storage::Storage;
use crate::text::{printable, printable_path};
use crate::turns::Turns;

/// Bodies up to this size, in bytes, are received before their request takes a place. The bodies of
/// all sign-ins and token requests are smaller.
const SMALL_BODY: usize = 64 << 10;

/// The settings on which requests depend.
pub struct Settings {
    /// The URL at which clients reach the registry, if it is configured.
    pub public_url: Option<String>,
    /// The web sites whose scripts may read.
    pub cors: Vec<String>,
    pub bodies: body::Limits,
    /// How long a small body may take that is received before its request takes a place.
    pub small_body: Duration,
    /// How long the upload of an anonymous client may take.
    pub anonymous_upload: Duration,
    /// How long a request waits for memory, and for the request before it at the same address.
    pub patience: Duration,
    pub calls: DataLimits,
    pub tokens: TokenRules,
    pub account: AccountPage,
}

/// Answers requests.
pub struct Dispatcher {
    pub serving: Arc<Serving>,
    pub storage: Storage,
    pub auth: Auth,
    pub gate: Gate,
    pub processors: Processors,
    pub budgets: Budgets,
    /// Memory for bodies that are received before their request takes a place.
    pub bodies: Budget,
    /// The addresses that conditional requests are changing.
    pub turns: Turns,
    pub settings: Settings,
}

impl Dispatcher {
    /// Answers one request. `peer` is where it came from, after trusted proxies.
    pub async fn dispatch<B>(&self, request: Request<B>, peer: Peer) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let span = tracing::info_span!(
            "request",
            http.method = %printable(request.method().as_str()),
            http.path = %printable_path(request.uri().path()),
            client.ip = %peer.ip,
            mount = field::Empty,
            plugin.generation = field::Empty,
            user = field::Empty,
        );
        let client = Client::of(peer.ip);
        let answer = self.answer(request, peer).instrument(span);
        let response = self.processors.share(client, answer).await;
        response.map(|body| body.in_slices(self.processors.slices(client)))
    }

    async fn answer<B>(&self, request: Request<B>, peer: Peer) -> Response<ResponseBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let started = std::time::Instant::now();
        let (mut parts, body) = request.into_parts();
        let body = RequestBody::new(body, self.settings.bodies);
        let is_anonymous = !Credentials::are_in(&parts.headers);
        let is_started_elsewhere = self.is_started_elsewhere(&parts, &peer);
        let cookies = self.cookies(&parts, &peer);
        let is_from_elsewhere = self.is_from_elsewhere(&parts, &peer);
        let cors = Cors::of(&self.settings.cors, &parts);
        let credentials = Credentials::take(&mut parts.headers);
        let head = RequestHead { method: &parts.method, headers: &parts.headers };
        let asked =
            Asked { parts: &parts, peer, cookies, is_anonymous, is_from_elsewhere, is_started_elsewhere };
        let refused = asked.peer.refused.map(|why| Failure::BadRequest(why.into()));
        let answered = match (refused.or_else(|| unknown_method(&parts.method)), cors.preflight()) {
            (Some(failure), _) => Err(failure.into()),
            (None, Some(preflight)) => preflight.map(|reply| (reply, None)).map_err(Refusal::from),
            (None, None) => self.reply(&asked, body, credentials).await,
        };
        let (reply, place) = answered.unwrap_or_else(|refusal| {
            let shape = FailureShape::preferred(&parts.headers, refusal.shape.as_ref());
            (Reply { shape: refusal.shape, ..refusal.failure.reply(shape.as_ref()) }, None)
        });
        let mut response = respond(head, reply).await;
        cors.add_to(response.headers_mut());
        if let Some(place) = place {
            response = response.map(|body| body.keeping(place.send()));
        }
        tracing::info!(
            http.status = response.status().as_u16(),
            duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            "{} {} {}",
            printable(parts.method.as_str()),
            printable_path(parts.uri.path()),
            response.status().as_u16()
        );
        response
    }

    async fn reply(
        &self,
        asked: &Asked<'_>,
        mut body: RequestBody,
        credentials: Credentials,
    ) -> Result<(Reply, Option<Pass>), Refusal> {
        let path = asked.parts.uri.path();
        if path == "*" && asked.parts.method == Method::OPTIONS {
            return Ok((of_the_server(), None));
        }
        if is_reserved(path) {
            if !body.is_empty() {
                self.reserve(&mut body, Client::of(asked.peer.ip), LARGEST_FORM as u64)?;
            }
            let reply = pages::reply(&self.pages(), &self.asked_of_host(asked), body).await?;
            return Ok((reply, None));
        }
        let mut mounts = self.serving.mounts();
        if mounts.resolve(asked.host(), path).is_none() {
            if !self.serving.recall().await {
                return Err(Failure::StorageUnavailable.into());
            }
            mounts = self.serving.mounts();
        }
        let found = mounts.resolve(asked.host(), path).ok_or_else(nothing_there)?;
        if !found.mount.enabled {
            return Err(Failure::NotFound(format!("[mount.{}] is disabled", found.mount.name).into()).into());
        }
        Span::current().record("mount", found.mount.name.as_str());
        let generation = self.generation(found.mount).await?;
        Span::current().record("plugin.generation", generation.number);
        let shape = || generation.description.failure_shape.clone();
        let is_wished = |alias: &str| generation.description.root_aliases.iter().any(|wish| wish == alias);
        if found.alias.is_some_and(|alias| !is_wished(alias)) {
            return Err(nothing_there().into());
        }
        let refuse = |failure| Refusal { failure, shape: shape() };
        if cross_site::is_forged(&asked.parts.method, asked.is_started_elsewhere) {
            return Err(refuse(Failure::Forbidden(FORGED.into())));
        }
        let condition = is_conditional_change(asked.head()).then(|| credentials.clone());
        let mut session = self.session(&found, &generation, credentials, asked.peer.ip);
        // A password is verified before the request takes a place that others need.
        session.admit().await.map_err(|error| refuse(away(&error)))?;
        let client = Client::of(asked.peer.ip);
        let load = self.receive(asked, &mut body, client, &mut session).await.map_err(refuse)?;
        let _turn = match &condition {
            Some(_) => Some(self.take_turn(&found).await.map_err(refuse)?),
            None => None,
        };
        let place = self.gate.enter(client, load).await;
        let place = place.map_err(|busy| refuse(Failure::Busy { retry_after: busy.retry_after }))?;
        let resources = Resources { client, budgets: self.budgets.clone() };
        let memory = resources.wait_for_memory(self.settings.patience).await;
        memory.map_err(|error| refuse(failure_of(&found.mount.plugin, &CallError::from(error))))?;
        let looked = match condition {
            Some(credentials) => {
                let looked = self.look(asked, &found, &generation, (&mut session, credentials), &resources);
                Some(looked.await.map_err(refuse)?)
            }
            None => None,
        };
        let mut context = self.context(asked, &found, &generation, body, session, resources)?;
        context.may_change = looked.as_ref().is_none_or(|looked| looked.are_met);
        let reply = match generation.handle(context).await {
            Ok((reply, inputs)) => {
                inputs.log();
                reply
            }
            Err(CallError::NotMet(_)) => {
                let told = looked.and_then(|looked| looked.shape).or_else(shape);
                return Err(Refusal { failure: Failure::PreconditionFailed, shape: told });
            }
            Err(error) => return Err(refuse(failure_of(&found.mount.plugin, &error))),
        };
        let public = asked.is_anonymous && self.is_public(found.mount, &generation);
        Ok((Reply { public, shape: shape(), ..reply }, Some(place)))
    }

    /// Receives a small body before its request takes a place, so that a slow client does not hold
    /// a place. Returns what the request still has to receive.
    async fn receive(
        &self,
        asked: &Asked<'_>,
        body: &mut RequestBody,
        client: Client,
        session: &mut Session,
    ) -> Result<Load, Failure> {
        if body.is_empty() {
            return Ok(Load::Complete);
        }
        // A client that waits for `100 Continue` may wait for the plugin's decision.
        let waits = asked.parts.headers.contains_key(EXPECT);
        let mut filled = Filled::Larger;
        if body.declared().map_or(!waits, |length| length <= SMALL_BODY as u64) {
            let size = body.declared().unwrap_or(SMALL_BODY as u64);
            self.reserve(body, client, size)?;
            filled = body.fill(SMALL_BODY, self.settings.small_body).await?;
        }
        if filled == Filled::Complete {
            return Ok(Load::Complete);
        }
        if session.caller().await.map_err(|error| away(&error))?.has_credentials() {
            return Ok(Load::Upload);
        }
        if filled == Filled::Slow {
            return Err(Failure::Slow);
        }
        body.limit_time(self.settings.anonymous_upload);
        Ok(Load::StrangersUpload)
    }

    /// Takes memory for a body that is received before its request has a place. The body keeps it.
    fn reserve(&self, body: &mut RequestBody, client: Client, size: u64) -> Result<(), Failure> {
        let memory = self.bodies.take(client, size);
        body.keep(memory.map_err(|_| Failure::Busy { retry_after: self.settings.small_body })?);
        Ok(())
    }

    /// Whether everybody may read everything on this mount.
    fn is_public(&self, mount: &Mount, generation: &Generation) -> bool {
        let actions = &generation.description.actions;
        self.auth.is_public(mount.anonymous.as_deref(), &mount.name, actions)
    }

    fn is_started_elsewhere(&self, parts: &http::request::Parts, peer: &Peer) -> bool {
        cross_site::is_started_elsewhere(&parts.headers, self.names(peer))
    }

    fn is_from_elsewhere(&self, parts: &http::request::Parts, peer: &Peer) -> bool {
        cross_site::is_from_elsewhere(&parts.headers, self.names(peer))
    }

    /// The names under which a browser knows this host.
    fn names<'a>(&'a self, peer: &'a Peer) -> impl Iterator<Item = &'a str> {
        let public_url = self.settings.public_url.as_deref();
        let public = public_url.and_then(|url| url.split_once("://")).map(|(_, rest)| rest);
        let public = public.and_then(|rest| rest.split('/').next());
        public.into_iter().chain(peer.host.as_deref())
    }

    /// The cookies of the host's own pages. No other request has them.
    fn cookies(&self, parts: &http::request::Parts, peer: &Peer) -> Cookies {
        if !is_reserved(parts.uri.path()) {
            return Cookies::default();
        }
        Cookies::read(&parts.headers, pages::is_secure(peer.scheme, self.settings.public_url.as_deref()))
    }

    /// The generation that serves a mount. If there is none, this is no 404, because clients would
    /// then ask their next registry.
    async fn generation(&self, mount: &Mount) -> Result<Arc<Generation>, Refusal> {
        self.serving.standing(mount).await.map_err(|absence| {
            let failure = if let Absence::Prefix(PrefixError::Storage(error)) = &absence {
                tracing::warn!(error = %error, "[mount.{}]: {absence}", mount.name);
                Failure::StorageUnavailable
            } else {
                self.serving.note_absence(mount, &absence);
                Failure::PluginUnavailable(absence.for_clients(&mount.name).into())
            };
            let serving = self.serving.plugins().serving(&mount.plugin);
            Refusal { failure, shape: serving.and_then(|serving| serving.description.failure_shape.clone()) }
        })
    }

    fn pages(&self) -> Pages<'_> {
        Pages {
            serving: &self.serving,
            storage: &self.storage,
            auth: &self.auth,
            account: &self.settings.account,
        }
    }

    fn asked_of_host<'a>(&'a self, asked: &'a Asked<'_>) -> pages::Asked<'a> {
        pages::Asked {
            method: &asked.parts.method,
            path: asked.parts.uri.path(),
            scheme: asked.peer.scheme,
            host: asked.host(),
            public_url: self.settings.public_url.as_deref(),
            peer: asked.peer.ip,
            cookies: &asked.cookies,
            is_from_elsewhere: asked.is_from_elsewhere,
        }
    }

    fn session(
        &self,
        found: &Found<'_>,
        generation: &Generation,
        credentials: Credentials,
        peer: IpAddr,
    ) -> Session {
        let area = Area {
            mount: found.mount.name.clone(),
            anonymous: found.mount.anonymous.clone(),
            actions: Arc::clone(&generation.description.actions),
        };
        Session::new(self.auth.clone(), area, credentials, peer)
    }

    fn context(
        &self,
        asked: &Asked<'_>,
        found: &Found<'_>,
        generation: &Generation,
        body: RequestBody,
        session: Session,
        resources: Resources,
    ) -> Result<Box<RequestContext>, Failure> {
        let storage = self.storage.scope(&found.mount.prefix).map_err(|error| {
            tracing::error!(error = %error, "the mount's prefix cannot be used: {error}");
            Failure::Internal
        })?;
        let ground = Ground {
            mount: Arc::clone(found.mount),
            description: Arc::clone(&generation.description),
            storage,
            is_read_only: false,
            limits: self.settings.calls,
            resources,
            now: SystemTime::now(),
        };
        Ok(Box::new(RequestContext {
            ground,
            method: asked.parts.method.clone(),
            path: found.path.to_owned(),
            query: asked.parts.uri.query().map(str::to_owned),
            base_url: self.base_url(found.mount, asked),
            base_path: self.base_path(found.mount),
            base_url_vary: self.base_url_vary(found.mount, asked),
            alias: found.alias.map(str::to_owned),
            headers: asked.parts.headers.clone(),
            body,
            session,
            tokens: self.settings.tokens,
            is_started_elsewhere: asked.is_started_elsewhere,
            may_change: true,
            vary: asked.peer.host_from.iter().filter(|_| found.by_host).cloned().collect(),
        }))
    }
}

/// A request as the client sent it, without its credentials.
struct Asked<'a> {
    parts: &'a http::request::Parts,
    peer: Peer,
    cookies: Cookies,
    /// No header of the request contained a credential.
    is_anonymous: bool,
    /// A browser says that another web site made it send this request.
    is_from_elsewhere: bool,
    /// The same, with the password that the browser keeps.
    is_started_elsewhere: bool,
}

/// The answer to a forged request.
const FORGED: &str = "another web site sent this request with the password that your browser keeps for this registry: \
     use a command-line client, or open the registry's own address";

impl Asked<'_> {
    fn head(&self) -> RequestHead<'_> {
        RequestHead { method: &self.parts.method, headers: &self.parts.headers }
    }

    /// The host name that the client used, with its port; none if it is not valid in a URL.
    fn host(&self) -> Option<&str> {
        self.peer.host.as_deref()
    }
}

/// The names of methods are case-sensitive, and all that are registered are in capitals (RFC 9110,
/// section 9.1).
fn unknown_method(method: &Method) -> Option<Failure> {
    let is_known = !method.as_str().bytes().any(|byte| byte.is_ascii_lowercase());
    let sentence = || {
        format!("the method `{}` does not exist: methods are written in capitals", printable(method.as_str()))
    };
    (!is_known).then(|| Failure::NotImplemented(sentence().into()))
}

/// `OPTIONS *` asks about the server, and not about what lies at an address (RFC 9110 §9.3.7).
fn of_the_server() -> Reply {
    let mut reply = Reply::new(StatusCode::NO_CONTENT);
    let methods = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    reply.headers.insert(ALLOW, methods);
    reply
}

fn nothing_there() -> Failure {
    Failure::NotFound("nothing is served at this address".into())
}
