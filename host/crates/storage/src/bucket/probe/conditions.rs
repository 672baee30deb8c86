//! Which conditions a service supports. Each condition is tried in a case in which it must fail.

use opendal::layers::CapabilityOverrideLayer;
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
    let (copy, join) = part_copy(operator, path, absent(), None).await?;
    let copy_version = copy && part_copy(operator, path, WriteOptions::default(), Some(wrong())).await?.1;
    let (join, replace) = if copy {
        (join, join && part_copy(operator, path, other(), None).await?.1)
    } else {
        let join = join_passing(operator, path, absent()).await?;
        (join, join && join_passing(operator, path, other()).await?)
    };
    let removal = DeleteOptions { if_match: Some(wrong()), ..DeleteOptions::default() };
    let remove = is_refusal(operator.delete_options(path, removal).await)?;
    Ok(Honoured { write, join, replace, remove, copy, copy_version })
}

fn wrong() -> String {
    etag_of("00000000000000000000000000000000")
}

/// A multipart upload of one part that is copied from another object, under a condition that does
/// not hold: of the target, or of the `version` of the source. Could it be copied? Was the condition
/// honoured?
async fn part_copy(
    operator: &Operator,
    target: &str,
    options: WriteOptions,
    version: Option<String>,
) -> Result<(bool, bool)> {
    // Otherwise opendal would copy it through this host.
    if !operator.info().capability().write_can_copy_from {
        return Ok((false, false));
    }
    let source = format!("{target}-source");
    operator.write(&source, "part").await?;
    let asked = copy_one(operator, &source, target, options, version).await;
    operator.delete(&source).await?;
    asked
}

/// A write in parts that pass through this host, under a condition that does not hold: was that
/// honoured? Asked only where parts may be small.
async fn join_passing(operator: &Operator, target: &str, options: WriteOptions) -> Result<bool> {
    if operator.info().capability().write_multi_min_size.is_some() {
        return Ok(false);
    }
    let options = WriteOptions { chunk: Some(4), ..options };
    let written = async {
        let mut writer = operator.writer_options(target, options).await?;
        writer.write("part").await?;
        writer.write("more").await?;
        writer.close().await
    };
    is_refusal(written.await)
}

async fn copy_one(
    operator: &Operator,
    source: &str,
    target: &str,
    options: WriteOptions,
    version: Option<String>,
) -> Result<(bool, bool)> {
    // The last part may be as small as it likes, which opendal does not count on.
    let operator = operator.clone().layer(CapabilityOverrideLayer::new(|mut capability| {
        capability.write_multi_min_size = Some(1);
        capability
    }));
    let asks_version = version.is_some();
    let mut writer = operator.writer_options(target, WriteOptions { chunk: Some(4), ..options }).await?;
    let range = ReadOptions { range: (0..4_u64).into(), if_match: version, ..ReadOptions::default() };
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
            error @ StorageError::Unavailable(_) => return Err(error),
            // With the version ignored, the upload is complete. If that answer is lost, services
            // answer the next request in several ways, since the upload is gone.
            error @ StorageError::Denied(_) if !asks_version => return Err(error),
            error => {
                tracing::debug!(%error, "the storage service does not copy parts");
                (false, false)
            }
        },
    };
    if let Err(error) = writer.abort().await {
        tracing::debug!(%error, "the probe's multipart upload could not be aborted; the sweep will do it");
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
