//! Which conditions a service honours: each is tried where it must fail.

use opendal::bucket::retries::CapabilityOverrideLayer;
use opendal::options::{DeleteOptions, ReadOptions, WriteOptions};
use opendal::{ErrorKind, Operator};

use crate::bucket::swap::{Honoured, etag_of};
use crate::error::{Result, StorageError};

pub(super) async fn ask(operator: &Operator, path: &str) -> Result<Honoured> {
    let absent = || WriteOptions { if_not_exists: true, ..WriteOptions::default() };
    let other = || WriteOptions { if_match: Some(wrong()), ..WriteOptions::default() };
    let second = operator.write_options(path, "second", absent()).await;
    let third = operator.write_options(path, "third", other()).await;
    let write = is_refusal(second)? && is_refusal(third)?;
    let (copy, joined) = part_copy(operator, path, absent()).await?;
    let replace = joined && part_copy(operator, path, other()).await?.1;
    let removal = DeleteOptions { if_match: Some(wrong()), ..DeleteOptions::default() };
    let remove = is_refusal(operator.delete_options(path, removal).await)?;
    Ok(Honoured { write, join: joined, replace, remove, copy })
}

fn wrong() -> String {
    etag_of("00000000000000000000000000000000")
}

/// A multipart upload of one part that is copied from another object, completed under
/// a condition that does not hold. Could it be copied? Was the condition honoured?
async fn part_copy(operator: &Operator, target: &str, options: WriteOptions) -> Result<(bool, bool)> {
    let source = format!("{target}-source");
    operator.write(&source, "part").await?;
    let asked = copy_one(operator, &source, target, options).await;
    operator.delete(&source).await?;
    asked
}

async fn copy_one(
    operator: &Operator,
    source: &str,
    target: &str,
    options: WriteOptions,
) -> Result<(bool, bool)> {
    // The last part may be as small as it likes, which opendal does not count on.
    let operator = operator.clone().layer(CapabilityOverrideLayer::new(|mut capability| {
        capability.write_multi_min_size = Some(1);
        capability
    }));
    let mut writer = operator.writer_options(target, WriteOptions { chunk: Some(4), ..options }).await?;
    let range = ReadOptions { range: (0..4_u64).into(), ..ReadOptions::default() };
    let copied = match writer.copy_from_options(source, range).await {
        Ok(()) => writer.close().await,
        Err(error) => Err(error),
    };
    let answer = match copied {
        Ok(_) => return Ok((true, false)),
        Err(error) if error.kind() == ErrorKind::ConditionNotMatch => (true, true),
        // 501 is an answer, and not one that may pass.
        Err(error) if error.to_string().contains("code: \"NotImplemented\"") => (false, false),
        Err(error) => match StorageError::from(error) {
            error @ (StorageError::Unavailable(_) | StorageError::Denied(_)) => return Err(error),
            error => {
                tracing::debug!(%error, "the storage service does not copy parts");
                (false, false)
            }
        },
    };
    if let Err(error) = writer.abort().await {
        tracing::debug!(%error, "the probe's multipart upload could not be given up; the sweep will");
    }
    Ok(answer)
}

/// Was the condition honoured? An error of another kind that may pass is no answer.
fn is_refusal<T>(result: opendal::Result<T>) -> Result<bool> {
    match result {
        Ok(_) => Ok(false),
        Err(error) if error.kind() == ErrorKind::ConditionNotMatch => Ok(true),
        Err(error) => match StorageError::from(error) {
            error @ (StorageError::Unavailable(_) | StorageError::Denied(_)) => Err(error),
            _ => Ok(false),
        },
    }
}
