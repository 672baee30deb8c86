//! Whether a service supports conditions for several writers at once. A service that checks the
//! condition and writes in two steps supports it only for one writer after another, and loses
//! acknowledged changes.

use futures_util::future::join_all;
use opendal::options::{DeleteOptions, WriteOptions};
use opendal::{ErrorKind, Operator};

use crate::bucket::swap::{Honoured, etag_of, version_of};
use crate::error::{Result, StorageError};

const WRITERS: usize = 8;
const ROUNDS: usize = 4;
/// A round with a lost response has no result and is repeated, at most this often.
const MOST_ROUNDS: usize = 3 * ROUNDS;

/// The part of `honoured` that also holds for several writers at once. `once` does not retry,
/// because a repeated request would look like another writer.
pub(super) async fn confirm(honoured: Honoured, once: &Operator, path: &str) -> Result<Honoured> {
    if !honoured.write {
        return Ok(honoured);
    }
    let path = format!("{path}-race");
    let write = is_kept(once, &path, Race::Create).await? && is_kept(once, &path, Race::Replace).await?;
    let remove = honoured.remove && write && is_kept(once, &path, Race::Remove).await?;
    if !write {
        tracing::warn!(
            "the storage service honours conditional writes, but not of several writers at once: of {WRITERS} that \
             wrote under one condition, more than one was told that it had succeeded"
        );
    }
    if let Err(error) = once.delete(&path).await {
        tracing::debug!(%error, path, "a small object of the probe stays until it is swept: {error}");
    }
    Ok(Honoured { write, remove, ..honoured })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Race {
    /// All create it.
    Create,
    /// All replace the same version.
    Replace,
    /// One replaces the version that the others remove.
    Remove,
}

/// The result of one round.
enum Round {
    OneWon,
    SeveralWon,
    Unknown,
}

async fn is_kept(once: &Operator, path: &str, race: Race) -> Result<bool> {
    let mut told = 0;
    for _ in 0..MOST_ROUNDS {
        match run(once, path, race).await {
            Ok(Round::OneWon) => told += 1,
            Ok(Round::SeveralWon) => return Ok(false),
            Ok(Round::Unknown) | Err(StorageError::Unavailable(_)) => {}
            Err(error) => return Err(error),
        }
        if told == ROUNDS {
            return Ok(true);
        }
    }
    if told > 0 {
        return Ok(true);
    }
    Err(StorageError::unavailable(
        "the storage service loses too many answers to be used; look at the network",
    ))
}

async fn run(once: &Operator, path: &str, race: Race) -> Result<Round> {
    let version = match race {
        Race::Create => {
            once.delete(path).await?;
            String::new()
        }
        Race::Replace | Race::Remove => {
            let metadata = once.write(path, uuid::Uuid::new_v4().to_string()).await?;
            version_of(metadata.etag().unwrap_or_default())
        }
    };
    let writers = (0..WRITERS).map(|number| write(once, path, race, number, &version));
    let (mut winners, mut is_unknown) = (Vec::new(), false);
    for (number, answer) in join_all(writers).await.into_iter().enumerate() {
        match answer {
            Answer::Won => winners.push(number),
            Answer::Lost => {}
            Answer::Unknown => is_unknown = true,
        }
    }
    match winners.as_slice() {
        [_, _, ..] => Ok(Round::SeveralWon),
        _ if is_unknown => Ok(Round::Unknown),
        [winner] if is_there(once, path, race, *winner).await? => Ok(Round::OneWon),
        // The content of the only winner is gone: another writer wrote after it.
        [_] => Ok(Round::SeveralWon),
        [] => Ok(Round::Unknown),
    }
}

enum Answer {
    Won,
    Lost,
    Unknown,
}

async fn write(once: &Operator, path: &str, race: Race, number: usize, version: &str) -> Answer {
    let answer = match race {
        Race::Remove if number > 0 => {
            let options = DeleteOptions { if_match: Some(etag_of(version)), ..DeleteOptions::default() };
            once.delete_options(path, options).await
        }
        Race::Create => {
            let options = WriteOptions { if_not_exists: true, ..WriteOptions::default() };
            once.write_options(path, number.to_string(), options).await.map(|_| ())
        }
        Race::Replace | Race::Remove => {
            let options = WriteOptions { if_match: Some(etag_of(version)), ..WriteOptions::default() };
            once.write_options(path, number.to_string(), options).await.map(|_| ())
        }
    };
    match answer {
        Ok(()) => Answer::Won,
        // S3 may also reject a write beside another one (409) without checking the condition.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::ConditionNotMatch | ErrorKind::NotFound | ErrorKind::Conflict
            ) =>
        {
            Answer::Lost
        }
        Err(error) => {
            tracing::debug!(%error, "a writer of the probe does not know what came of it");
            Answer::Unknown
        }
    }
}

async fn is_there(once: &Operator, path: &str, race: Race, winner: usize) -> Result<bool> {
    match once.read(path).await {
        Ok(found) => Ok(found.to_bytes() == winner.to_string().as_bytes()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(race == Race::Remove && winner > 0),
        Err(error) => Err(error.into()),
    }
}
