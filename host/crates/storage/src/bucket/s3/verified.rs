//! Whether a service compares what it received with the checksum that was sent. The host sends a
//! wrong checksum. The service must neither acknowledge nor keep that object.

use http::header::CONTENT_LENGTH;
use http::{HeaderName, Method, StatusCode};
use opendal::Buffer;

use super::checksum::Checksum;
use super::requests::Requests;
use crate::error::{Result, StorageError};

const BODY: &str = "checked";

/// The checksum for writes: the first one that the service verifies, or else the first one that it
/// accepts.
pub(super) async fn ask(requests: &Requests<'_>, path: &str) -> Result<Checksum> {
    let mut accepted = None;
    for checksum in Checksum::KINDS {
        let path = format!("/{path}-{}", checksum as u8);
        let answer = try_one(requests, &path, checksum).await;
        let removed = requests.send(Method::DELETE, &path).await;
        match answer? {
            Answer::Verified => return Ok(checksum),
            Answer::Ignored => accepted = accepted.or(Some(checksum)),
            Answer::Refused => {}
        }
        if let Err(error) = removed {
            tracing::debug!(%error, path, "a small object of the probe stays until it is swept: {error}");
        }
    }
    tracing::warn!(
        "the storage service ignores both x-amz-checksum-crc32c and Content-MD5: it may store a part of an object as \
         the whole when the connection ends in the middle of a write; use another service or a newer version of it"
    );
    Ok(accepted.unwrap_or(Checksum::None))
}

enum Answer {
    /// The service rejects wrong checksums, and accepts right ones.
    Verified,
    /// It accepts wrong ones, or keeps the object.
    Ignored,
    /// It rejects right ones too.
    Refused,
}

async fn try_one(requests: &Requests<'_>, path: &str, checksum: Checksum) -> Result<Answer> {
    let Some(header) = checksum.header() else { return Ok(Answer::Refused) };
    let wrong = write(requests, path, &header, checksum.of(&Buffer::from("other"))).await?;
    let is_kept = requests.ask(Method::GET, path, &[], "").await?.0.is_success();
    let right = write(requests, path, &header, checksum.of(&Buffer::from(BODY))).await?;
    Ok(match (wrong, right) {
        (Write::Refused, Write::Accepted) if !is_kept => Answer::Verified,
        (_, Write::Accepted) => Answer::Ignored,
        (_, Write::Refused) => Answer::Refused,
    })
}

enum Write {
    Accepted,
    Refused,
}

async fn write(requests: &Requests<'_>, path: &str, header: &HeaderName, value: String) -> Result<Write> {
    let headers = [(header.clone(), value), (CONTENT_LENGTH, BODY.len().to_string())];
    let (status, answer) = requests.ask(Method::PUT, path, &headers, BODY).await?;
    match status {
        status if status.is_success() => Ok(Write::Accepted),
        // The next request says why, in terms of the settings.
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => Ok(Write::Refused),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            Err(StorageError::unavailable("the storage service is busy; try again"))
        }
        _ => {
            tracing::debug!(%status, answer = %String::from_utf8_lossy(&answer.to_bytes()), "a write was refused");
            Ok(Write::Refused)
        }
    }
}
