//! Finds out at the start what a service supports, with small objects under `.packhouse/probe/`.
//! There is one sentence for each reason why a service cannot be used.
//!
//! | part | question |
//! |---|---|
//! | `conditions` | does it support conditions? |
//! | `races` | does it support them for several writers at once? |
//!
//! Each [`Service`] finds out whether its service rejects bytes that differ from those that were
//! sent.

mod conditions;
mod races;

use std::time::Duration;

use futures_util::TryStreamExt;
use opendal::options::ListOptions;

use super::Bucket;
use super::service::{Doing, Service};
use super::swap::Honoured;
use crate::error::{Result, StorageError, is_about_space};
use crate::key::PRIVATE;

/// Seconds. A larger difference of the clocks is logged, because ages depend on it.
const WORTH_A_WARNING: i64 = 5;
/// Seconds. Services reject signatures whose time differs by more.
const TOO_FAR: i64 = 15 * 60;
/// The longest time for the probe.
const PATIENCE: Duration = Duration::from_secs(45);

/// Its errors are sentences that say what to do.
pub(super) async fn ask(bucket: &Bucket) -> Result<Honoured> {
    let asked = tokio::time::timeout(PATIENCE, ask_all(bucket)).await;
    check_clock(bucket.transport.seconds_ahead())?;
    match asked {
        Ok(honoured) => honoured,
        Err(_) => Err(StorageError::unavailable("the storage service answers too slowly to be used")),
    }
}

fn check_clock(ahead: Option<i64>) -> Result<()> {
    let Some(ahead) = ahead.filter(|ahead| ahead.abs() > WORTH_A_WARNING) else {
        return Ok(());
    };
    let side = if ahead > 0 { "behind" } else { "ahead of" };
    let away = ahead.abs();
    if away > TOO_FAR {
        return Err(StorageError::other(format!(
            "this machine's clock is {away} s {side} the storage service's, which refuses signatures more than \
             {TOO_FAR} s away; set the clock (NTP)"
        )));
    }
    tracing::warn!(
        seconds = ahead,
        "this machine's clock is {away} s {side} the storage service's; set it (NTP)"
    );
    Ok(())
}

async fn ask_all(bucket: &Bucket) -> Result<Honoured> {
    let refused = |error, doing| refused(&*bucket.service, error, doing);
    let operator = &bucket.operator;
    let path = format!("{PRIVATE}/probe/{}", uuid::Uuid::new_v4().simple());
    bucket.service.prepare(&bucket.transport, &path).await?;
    operator.write(&path, "first").await.map_err(|error| refused(error, Doing::Writing))?;
    compare_clocks(bucket, &path).await;
    let asked = conditions::ask(operator, &path).await;
    let removed = operator.delete(&path).await.map_err(|error| refused(error, Doing::Deleting));
    let honoured = asked?;
    removed?;
    let honoured = races::confirm(honoured, &bucket.once, &path).await?;
    if !honoured.is_safe_to_share() {
        tracing::warn!("the storage service ignores conditional writes: only one host may use it");
    }
    Ok(honoured)
}

/// Ages are the difference of `Last-Modified` and `Date`, so both must come from one clock. The
/// object at `path` was written a moment ago.
async fn compare_clocks(bucket: &Bucket, path: &str) {
    let Ok(metadata) = bucket.operator.stat(path).await else { return };
    let written = metadata.last_modified().map(std::time::SystemTime::from);
    if let Some((written, now)) = written.zip(bucket.transport.clock().now(PATIENCE)) {
        let away = now.duration_since(written).unwrap_or_else(|error| error.duration());
        if away.as_secs() > WORTH_A_WARNING.unsigned_abs() {
            tracing::warn!(
                seconds = away.as_secs(),
                "the storage service uses different clocks for its objects and its answers, {} s apart: synchronize both with NTP, because the age of objects is computed with them",
                away.as_secs()
            );
        }
    }
}

/// The first request, which fails if the settings are wrong.
pub(super) async fn may_list(bucket: &Bucket) -> Result<()> {
    let options = ListOptions { limit: Some(1), ..ListOptions::default() };
    let listed = async {
        let mut entries = bucket.operator.lister_options(&format!("{PRIVATE}/probe/"), options).await?;
        entries.try_next().await
    };
    listed.await.map(|_| ()).map_err(|error| refused(&*bucket.service, error, Doing::Listing))
}

fn refused(service: &dyn Service, error: opendal::Error, doing: Doing) -> StorageError {
    match service.explain(&error, doing) {
        Some((field, sentence)) if !is_about_space(&error) => StorageError::setting(field, sentence, error),
        _ => error.into(),
    }
}
