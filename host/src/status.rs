//! The host's own pages: `/healthz`, `/readyz`, `/-/packhouse/plugins`.

mod plugins;

use http::{HeaderValue, Method, StatusCode, header};

use crate::auth::{Auth, AuthError};
use crate::respond::{Failure, Part, Reply};
use crate::serving::Serving;
use crate::storage::Storage;

/// The parts of a request on which the pages depend.
pub struct Asked<'a> {
    pub method: &'a Method,
    pub path: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The host name that the client used, with its port.
    pub host: Option<&'a str>,
    /// The URL at which clients reach the registry, if it is configured.
    pub public_url: Option<&'a str>,
}

/// The parts of the host that the pages show.
pub struct Pages<'a> {
    pub serving: &'a Serving,
    pub storage: &'a Storage,
    pub auth: &'a Auth,
}

/// The reply to one of the host's own paths.
pub async fn reply(pages: &Pages<'_>, asked: &Asked<'_>) -> Result<Reply, Failure> {
    if !matches!(*asked.method, Method::GET | Method::HEAD) {
        return Err(Failure::MethodNotAllowed { allow: "GET, HEAD".into() });
    }
    match asked.path {
        "/healthz" => Ok(page("text/plain; charset=utf-8", "ok\n")),
        "/readyz" => ready(pages).await,
        "/-/packhouse/plugins" => {
            let status = plugins::status(pages.serving, asked).await;
            let text = serde_json::to_string_pretty(&status).map_err(|_| Failure::Internal)?;
            Ok(page("application/json", text + "\n"))
        }
        _ => Err(Failure::NotFound("the host has no such page".into())),
    }
}

/// Ready if the store answers and accepts writes, the user database answers, and every mount is
/// served. If only some mounts are served, the host is degraded. This is a 200, because a load
/// balancer would otherwise take away the mounts that are served. If no mount is served, the host
/// is not ready.
async fn ready(pages: &Pages<'_>) -> Result<Reply, Failure> {
    if let Err(error) = pages.storage.probe().await {
        tracing::warn!(error = %error, "not ready, the store does not answer: {error}");
        return Err(Failure::StorageUnavailable);
    }
    if let Err(error) = pages.storage.probe_writing().await {
        tracing::warn!(error = %error, "not ready, the store takes no writes: {error}");
        return Err(Failure::StorageTakesNoWrites);
    }
    if let Err(error) = pages.auth.probe().await {
        // If the database is `Gone`, this has been logged.
        if !matches!(error, AuthError::Gone(_)) {
            tracing::warn!(error = %error, "not ready, users cannot be looked up: {error}");
        }
        return Err(Failure::IdentityUnavailable);
    }
    let serving = pages.serving;
    serving.recall().await;
    let (mounts, mut absent, mut served) = (serving.mounts(), serving.gaps(), 0);
    for mount in mounts.iter().filter(|mount| mount.enabled) {
        match serving.look_at(mount).await {
            Ok(_) => served += 1,
            Err(absence) => absent.push(absence.for_clients(&mount.name)),
        }
    }
    if absent.is_empty() {
        return Ok(page("text/plain; charset=utf-8", "ready\n"));
    }
    absent.sort();
    let lines = absent.join("\n");
    if served == 0 {
        return Err(Failure::PluginUnavailable(format!("no mount is served\n{lines}").into()));
    }
    Ok(page("text/plain; charset=utf-8", format!("degraded\n{lines}\n")))
}

fn page(content_type: &'static str, text: impl Into<String>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.body.push(Part::Bytes(text.into().into()));
    reply
}
