//! The document of an upload and the folder around it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::storage::LEFTOVERS_KEPT_FOR;
use crate::storage::backend::{Backend, Kept, Precondition};
use crate::storage::digest::{Algorithm, DigestState, SavedState};
use crate::storage::error::{Result, StorageError};
use crate::storage::key::PRIVATE;
use crate::storage::listing::PathListing;
use crate::storage::sweep::Sweep;

const DOCUMENT: &str = "session.json";
/// A session of 10,000 parts has about 700 KiB.
const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;
const PAGE: usize = 1000;
const FINISHING_FOR: Duration = Duration::from_mins(15);

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    /// The scope it belongs to: an id is no key to another one.
    pub scope: String,
    pub label: String,
    pub digests: Vec<SavedState>,
    pub parts: Vec<Kept>,
    /// When the last append came, in seconds since the Unix epoch by the store's clock.
    touched: u64,
    /// Since when a host joins the parts, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finishing: Option<u64>,
}

impl Session {
    pub fn new(scope: &str, label: &str, algorithms: &[Algorithm], now: SystemTime) -> Self {
        Self {
            scope: scope.to_owned(),
            label: label.to_owned(),
            digests: DigestState::new(algorithms).save(),
            parts: Vec::new(),
            touched: seconds(now),
            finishing: None,
        }
    }

    pub fn offset(&self) -> u64 {
        self.parts.iter().map(|part| part.size).sum()
    }

    /// Joining takes no longer: a host that began earlier is gone.
    pub fn is_being_finished(&self, now: SystemTime) -> bool {
        self.finishing.is_some_and(|since| seconds(now).saturating_sub(since) < FINISHING_FOR.as_secs())
    }

    pub fn being_finished(&self, now: SystemTime) -> Self {
        Self { finishing: Some(seconds(now)), ..self.clone() }
    }

    pub fn taking_more(&self) -> Self {
        Self { finishing: None, ..self.clone() }
    }

    pub fn is_expired(&self, now: SystemTime) -> bool {
        seconds(now).saturating_sub(self.touched) > LEFTOVERS_KEPT_FOR.as_secs()
    }

    /// After an append whose hasher went on to `digests`. States that could not be
    /// restored stay without one: they are computed at the end.
    pub fn touch(&mut self, digests: &[SavedState], now: SystemTime) {
        for saved in &mut self.digests {
            let went_on = digests.iter().find(|state| state.algorithm == saved.algorithm);
            saved.state = went_on.and_then(|state| state.state.clone());
        }
        self.touched = seconds(now);
    }

    pub async fn load(backend: &Backend, id: &str) -> Result<Option<(Self, String)>> {
        let Some((info, bytes)) = backend.get(&path(id, DOCUMENT), MAX_DOCUMENT_BYTES).await? else {
            return Ok(None);
        };
        let session = serde_json::from_slice(&bytes).map_err(|error| {
            StorageError::other(format!("the document of upload `{id}` is damaged: {error}"))
        })?;
        Ok(Some((session, info.version)))
    }

    /// Gives the new version.
    pub async fn save(&self, backend: &Backend, id: &str, precondition: &Precondition) -> Result<String> {
        let bytes = serde_json::to_vec(self).map_err(|error| {
            StorageError::other(format!("the document of upload `{id}` cannot be written: {error}"))
        })?;
        let info = backend
            .put(&path(id, DOCUMENT), Bytes::from(bytes), precondition, Some("application/json"))
            .await?;
        Ok(info.version)
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

pub(super) fn is_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Ends with `/`.
pub(super) fn folder(id: &str) -> String {
    format!("{PRIVATE}/uploads/{id}/")
}

fn path(id: &str, name: &str) -> String {
    format!("{}{name}", folder(id))
}

/// The document first: without it the upload has ended, whatever happens then.
pub(super) async fn remove(backend: &Backend, id: &str) -> Result<()> {
    backend.remove(&path(id, DOCUMENT), &Precondition::Any).await?;
    loop {
        let page = backend.list(&listing(folder(id), false, None)).await?;
        backend.discard(page.objects.into_iter().map(|object| object.key).collect()).await?;
        if page.next.is_none() {
            return Ok(());
        }
    }
}

pub(super) async fn remove_parts(backend: &Backend, id: &str, parts: &[Kept]) -> Result<()> {
    backend.discard(parts.iter().map(|part| path(id, &part.name)).collect()).await
}

/// Removes uploads that nobody has gone on with since `before`, and parts whose session
/// is gone since then; or only counts them.
pub(in crate::storage) async fn sweep(backend: &Backend, before: SystemTime, sweep: Sweep) -> Result<u64> {
    let root = format!("{PRIVATE}/uploads/");
    let (mut removed, mut after) = (0, None);
    loop {
        let page = backend.list(&listing(root.clone(), true, after)).await?;
        for folder in &page.folders {
            let id = folder.strip_prefix(&root).unwrap_or_default().trim_end_matches('/');
            match sweep_one(backend, id, before, sweep).await {
                Ok(is_removed) => removed += u64::from(is_removed),
                // One that cannot be read must not keep the others.
                Err(error) => {
                    tracing::warn!(upload = id, error = %error, "upload {id} cannot be looked after: {error}");
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(removed),
        }
    }
}

async fn sweep_one(backend: &Backend, id: &str, before: SystemTime, sweep: Sweep) -> Result<bool> {
    let is_left_over = is_left_over(backend, id, before).await?;
    if is_left_over && sweep == Sweep::Remove {
        remove(backend, id).await?;
    }
    Ok(is_left_over)
}

/// Each append writes the document again: its time is that of the last.
async fn is_left_over(backend: &Backend, id: &str, before: SystemTime) -> Result<bool> {
    match backend.stat(&path(id, DOCUMENT)).await? {
        Some(document) => Ok(document.modified.is_some_and(|modified| modified < before)),
        None => all_older(backend, id, before).await,
    }
}

async fn all_older(backend: &Backend, id: &str, before: SystemTime) -> Result<bool> {
    let page = backend.list(&listing(folder(id), false, None)).await?;
    Ok(page.objects.iter().all(|object| object.modified.is_some_and(|modified| modified < before)))
}

fn listing(prefix: String, folders: bool, after: Option<String>) -> PathListing {
    PathListing { prefix, folders, after, limit: PAGE }
}
