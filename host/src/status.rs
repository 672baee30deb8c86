//! The host's own pages: `/healthz`, `/readyz`, `/-/packhouse/plugins`.

use http::{HeaderValue, Method, StatusCode, header};

use crate::app::Registry;
use crate::auth::AuthError;
use crate::respond::{Failure, Part, Reply};

/// The reply to a path of the host's own.
pub async fn reply(registry: &Registry, method: &Method, path: &str) -> Result<Reply, Failure> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Failure::MethodNotAllowed { allow: "GET, HEAD".into() });
    }
    match path {
        "/healthz" => Ok(page("text/plain; charset=utf-8", "ok\n")),
        "/readyz" => ready(registry).await,
        "/-/packhouse/plugins" => plugins(registry),
        _ => Err(Failure::NotFound("the host has no such page".into())),
    }
}

/// Ready when the store answers and takes writes, and the users answer.
async fn ready(registry: &Registry) -> Result<Reply, Failure> {
    if let Err(error) = registry.storage().probe().await {
        tracing::warn!(error = %error, "not ready, the store does not answer: {error}");
        return Err(Failure::StorageUnavailable);
    }
    if let Err(error) = registry.storage().probe_writing().await {
        tracing::warn!(error = %error, "not ready, the store takes no writes: {error}");
        return Err(Failure::StorageTakesNoWrites);
    }
    if let Err(error) = registry.auth().probe().await {
        // One that is gone has been logged.
        if !matches!(error, AuthError::Gone(_)) {
            tracing::warn!(error = %error, "not ready, users cannot be looked up: {error}");
        }
        return Err(Failure::IdentityUnavailable);
    }
    Ok(page("text/plain; charset=utf-8", "ready\n"))
}

fn plugins(registry: &Registry) -> Result<Reply, Failure> {
    let status = serde_json::json!({ "plugins": registry.plugins().status() });
    let text = serde_json::to_string_pretty(&status).map_err(|_| Failure::Internal)?;
    Ok(page("application/json", text + "\n"))
}

fn page(content_type: &'static str, text: impl Into<String>) -> Reply {
    let mut reply = Reply::new(StatusCode::OK);
    reply.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply.headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    reply.body.push(Part::Bytes(text.into().into()));
    reply
}
