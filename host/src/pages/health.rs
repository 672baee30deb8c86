//! `/readyz`: whether this host can do its work.

use super::{Pages, page};
use crate::auth::AuthError;
use crate::respond::{Failure, Reply};

/// Ready if the store answers and accepts writes, the user database answers, and every mount is
/// served. If only some mounts are served, the host is degraded. This is a 200, because a load
/// balancer would otherwise take away the mounts that are served. If no mount is served, the host
/// is not ready.
pub(super) async fn ready(pages: &Pages<'_>) -> Result<Reply, Failure> {
    // First, because the storage is not used if its users are missing.
    if let Err(error) = pages.auth.probe().await {
        // If the database is `Gone`, this has been logged.
        if !matches!(error, AuthError::Gone(_)) {
            tracing::warn!(error = %error, "not ready, users cannot be looked up: {error}");
        }
        return Err(Failure::IdentityUnavailable);
    }
    if let Err(error) = pages.storage.probe().await {
        tracing::warn!(error = %error, "not ready, the store does not answer: {error}");
        return Err(Failure::StorageUnavailable);
    }
    if let Err(error) = pages.storage.probe_writing().await {
        tracing::warn!(error = %error, "not ready, the store takes no writes: {error}");
        return Err(Failure::StorageTakesNoWrites);
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
