//! What a service honours, found out at the start with some small objects under
//! `.packhouse/probe/`; and one sentence for each way in which it cannot be used.
//!
//! | part | what it asks |
//! |---|---|
//! | `checksums` | does the service refuse bytes that are not those that were sent? |
//! | `conditions` | does it honour conditions? |
//! | `races` | does it honour them for several writers at once? |

mod conditions;
mod races;

use std::time::Duration;

use opendal::options::ListOptions;
use opendal::{ErrorKind, Operator};

use super::Transport;
use super::s3::checksums;
use super::s3::requests::Requests;
use super::swap::Honoured;
use crate::error::{Result, StorageError};
use crate::key::PRIVATE;

/// A clock that is further away is worth a warning: what is old is told by time.
const WORTH_A_WARNING: i64 = 5;
/// S3 refuses signatures that are further away.
const TOO_FAR: i64 = 15 * 60;
const LIST: &str = "list";
/// A start that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(45);

/// The sentences of its errors say what to do.
pub(super) async fn ask(
    operator: &Operator,
    once: &Operator,
    transport: &Transport,
    bucket: &Requests,
) -> Result<Honoured> {
    let asked = tokio::time::timeout(PATIENCE, ask_all(operator, once, transport, bucket)).await;
    let ahead = transport.seconds_ahead();
    check_clock(ahead)?;
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

async fn ask_all(
    operator: &Operator,
    once: &Operator,
    transport: &Transport,
    bucket: &Requests,
) -> Result<Honoured> {
    let path = format!("{PRIVATE}/probe/{}", uuid::Uuid::new_v4().simple());
    transport.choose(checksums::ask(bucket, &format!("{path}-checksum")).await?);
    operator.write(&path, "first").await.map_err(|error| refused(error, "write"))?;
    compare_clocks(operator, transport, &path).await;
    let asked = conditions::ask(operator, &path).await;
    let removed = operator.delete(&path).await.map_err(|error| refused(error, "delete"));
    let honoured = asked?;
    removed?;
    let honoured = races::confirm(honoured, once, &path).await?;
    if !(honoured.write && honoured.join) {
        tracing::warn!("the storage service ignores conditional writes: only one host may use it");
    }
    Ok(honoured)
}

/// Ages are counted from the time in `Last-Modified` to the one in `Date`: both must be of
/// one clock. The object at `path` was written a moment ago.
async fn compare_clocks(operator: &Operator, transport: &Transport, path: &str) {
    let Ok(metadata) = operator.stat(path).await else { return };
    let written = metadata.last_modified().map(std::time::SystemTime::from);
    if let Some((written, now)) = written.zip(transport.clock().now(PATIENCE)) {
        let away = now.duration_since(written).unwrap_or_else(|error| error.duration());
        if away.as_secs() > WORTH_A_WARNING.unsigned_abs() {
            tracing::warn!(
                seconds = away.as_secs(),
                "the storage service dates its objects by another clock than its answers, {} s away: let both \
                 follow NTP, since what is old is judged by them",
                away.as_secs()
            );
        }
    }
}

/// The first request: it meets whatever is wrong with the settings.
pub(super) async fn may_list(operator: &Operator) -> Result<()> {
    use futures_util::TryStreamExt;
    let options = ListOptions { limit: Some(1), ..ListOptions::default() };
    let listed =
        async { operator.lister_options(&format!("{PRIVATE}/probe/"), options).await?.try_next().await };
    listed.await.map(|_| ()).map_err(|error| refused(error, LIST))
}

/// What the service's own code means for the settings. The code is in the error's text.
fn refused(error: opendal::Error, doing: &str) -> StorageError {
    let said = error.to_string();
    let says = |codes: &[&str]| codes.iter().any(|code| said.contains(&format!("code: \"{code}\"")));
    if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidAccessKey", "XAdminUserNotFound"]) {
        let sentence = "the storage service does not know this access key with this secret; check both";
        return StorageError::setting("access_key and access_secret", sentence, error);
    }
    if says(&["RequestTimeTooSkewed"]) {
        let sentence = "the storage service refuses this machine's clock; set it (NTP)";
        return StorageError::setting("endpoint", sentence, error);
    }
    if says(&["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"]) {
        let sentence =
            format!("the bucket is in another region{}; set the one that it is in", words_of(&said));
        return StorageError::setting("region", sentence, error);
    }
    if says(&["NoSuchBucket"]) || (error.kind() == ErrorKind::NotFound && doing == LIST) {
        return StorageError::setting(
            "bucket_name",
            "there is no such bucket; make it, or correct the name",
            error,
        );
    }
    let is_first = doing == LIST;
    match StorageError::from(error) {
        StorageError::Denied(reason) => {
            let sentence = format!(
                "the access key may not {doing} objects here; it must be allowed to list, read, write and delete in \
                 the whole bucket"
            );
            StorageError::setting("access_key", sentence, reason)
        }
        StorageError::Unavailable(reason) if is_first => {
            let sentence = "nothing that speaks S3 answers there; is it running, and are endpoint, port and use_ssl \
                            right?";
            StorageError::setting("endpoint", sentence, reason)
        }
        error => error,
    }
}

/// What the service says besides its code: it may name the right region.
fn words_of(said: &str) -> String {
    let words = said.split_once("message: \"").and_then(|(_, rest)| rest.split_once("\", resource"));
    words.map_or_else(String::new, |(words, _)| format!(" ({})", words.replace('\\', "")))
}
