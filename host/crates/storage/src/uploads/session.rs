//! The document of an upload and the folder around it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::LEFTOVERS_KEPT_FOR;
use crate::digest::{Algorithm, DigestState, SavedState};
use crate::error::{Result, StorageError};
use crate::key::PRIVATE;
use crate::object::{PathListing, Precondition};
use crate::store::{Kept, Store, Sweep};

const DOCUMENT: &str = "session.json";
/// A session of 10,000 parts has about 700 KiB.
const MAX_DOCUMENT_BYTES: u64 = 16 * 1024 * 1024;
const PAGE: usize = 1000;
const FINISHING_FOR: Duration = Duration::from_mins(15);
/// An upload that has received nothing, and receives nothing now, is kept for so long.
const EMPTY_KEPT_FOR: Duration = Duration::from_mins(30);
/// Bytes of memory that a session takes beside its label, and for each of its parts.
const MEMORY: usize = 1 << 10;
const MEMORY_OF_PART: usize = 128;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    /// The scope it belongs to: an id is no key to another one.
    pub scope: String,
    pub label: String,
    pub digests: Vec<SavedState>,
    pub parts: Vec<Kept>,
    /// When the last append came, in seconds since the Unix epoch by the store's clock.
    touched: u64,
    /// Whether the first bytes are on their way.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub receiving: bool,
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
            receiving: false,
            finishing: None,
        }
    }

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        MEMORY + self.label.len() + self.parts.len() * MEMORY_OF_PART
    }

    /// Whether it has received nothing, and no host says that it receives something now.
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty() && !self.receiving
    }

    pub fn receiving(&self, now: SystemTime) -> Self {
        Self { receiving: true, touched: seconds(now), ..self.clone() }
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
        let kept_for = if self.is_empty() { EMPTY_KEPT_FOR } else { LEFTOVERS_KEPT_FOR };
        seconds(now).saturating_sub(self.touched) > kept_for.as_secs()
    }

    /// After an append whose hasher went on to `digests`. States that could not be
    /// restored stay without one: they are computed at the end.
    pub fn touch(&mut self, digests: &[SavedState], now: SystemTime) {
        for saved in &mut self.digests {
            let went_on = digests.iter().find(|state| state.algorithm == saved.algorithm);
            saved.state = went_on.and_then(|state| state.state.clone());
        }
        self.touched = seconds(now);
        self.receiving = false;
    }

    /// An upload whose document is damaged has ended, so the client starts a new one. [`sweep`] removes
    /// what is left of it.
    pub async fn load(store: &dyn Store, id: &str) -> Result<Option<(Self, String)>> {
        let path = path(id, DOCUMENT);
        let reason = match store.get(&path, MAX_DOCUMENT_BYTES).await {
            Ok(None) => return Ok(None),
            Ok(Some((info, bytes))) => match serde_json::from_slice(&bytes) {
                Ok(session) => return Ok(Some((session, info.version))),
                Err(error) => error.to_string(),
            },
            Err(StorageError::TooLarge(limit)) => format!("it has more than {limit} bytes"),
            Err(error) => return Err(error),
        };
        tracing::warn!(
            "the document of an upload (`{path}`) is damaged ({reason}): the client has to start again"
        );
        Ok(None)
    }

    /// Gives the new version.
    pub async fn save(&self, store: &dyn Store, id: &str, precondition: &Precondition) -> Result<String> {
        let bytes = serde_json::to_vec(self).map_err(|error| {
            StorageError::other(format!("the document of upload `{id}` cannot be written: {error}"))
        })?;
        let info = store
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
pub(super) async fn remove(store: &dyn Store, id: &str) -> Result<()> {
    store.remove(&path(id, DOCUMENT), &Precondition::Any).await?;
    loop {
        let page = store.list(&listing(folder(id), false, None)).await?;
        store.discard_all(page.objects.into_iter().map(|object| object.key).collect()).await?;
        if page.next.is_none() {
            return Ok(());
        }
    }
}

pub(super) async fn remove_parts(store: &dyn Store, id: &str, parts: &[Kept]) -> Result<()> {
    store.discard_all(parts.iter().map(|part| path(id, &part.name)).collect()).await
}

/// Removes uploads that nobody has gone on with since `before`, and parts whose session
/// is gone since then; or only counts them.
pub(crate) async fn sweep(store: &dyn Store, before: SystemTime, sweep: Sweep) -> Result<u64> {
    let root = format!("{PRIVATE}/uploads/");
    let (mut removed, mut after) = (0, None);
    loop {
        let page = store.list(&listing(root.clone(), true, after)).await?;
        for folder in &page.folders {
            let id = folder.strip_prefix(&root).unwrap_or_default().trim_end_matches('/');
            match sweep_one(store, id, before, sweep).await {
                Ok(is_removed) => removed += u64::from(is_removed),
                // One that cannot be read must not keep the others.
                Err(error) => {
                    tracing::warn!(upload = id, error = %error, "the state of the upload {id} cannot be read or written: {error}");
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(removed),
        }
    }
}

/// How many uploads there are whose ids begin with this, counted up to `most`. Expired ones
/// are removed when there seem to be so many.
pub(super) async fn count(store: &dyn Store, prefix: &str, most: usize, now: SystemTime) -> Result<usize> {
    let root = format!("{PRIVATE}/uploads/");
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let limit = most.saturating_sub(found.len()).max(1);
        let listing = PathListing { prefix: format!("{root}{prefix}"), folders: true, after, limit };
        let page = store.list(&listing).await?;
        found.extend(page.folders);
        after = page.next;
        if after.is_none() || found.len() >= most {
            break;
        }
    }
    let mut count = found.len();
    if count >= most {
        for folder in found {
            let id = folder.strip_prefix(&root).unwrap_or_default().trim_end_matches('/');
            let is_over = match Session::load(store, id).await? {
                Some((session, _)) => session.is_expired(now),
                // Being removed, or being started.
                None => false,
            };
            if is_over {
                remove(store, id).await?;
                count -= 1;
            }
        }
    }
    Ok(count)
}

async fn sweep_one(store: &dyn Store, id: &str, before: SystemTime, sweep: Sweep) -> Result<bool> {
    let is_left_over = is_left_over(store, id, before).await?;
    if is_left_over && sweep == Sweep::Remove {
        remove(store, id).await?;
    }
    Ok(is_left_over)
}

/// Each append writes the document again: its time is that of the last.
async fn is_left_over(store: &dyn Store, id: &str, before: SystemTime) -> Result<bool> {
    let now = store.now().await?;
    match store.stat(&path(id, DOCUMENT)).await? {
        Some(document) if document.modified.is_some_and(|modified| modified < before) => Ok(true),
        Some(_) => Ok(Session::load(store, id).await?.is_some_and(|(session, _)| session.is_expired(now))),
        None => all_older(store, id, before).await,
    }
}

async fn all_older(store: &dyn Store, id: &str, before: SystemTime) -> Result<bool> {
    let page = store.list(&listing(folder(id), false, None)).await?;
    Ok(page.objects.iter().all(|object| object.modified.is_some_and(|modified| modified < before)))
}

fn listing(prefix: String, folders: bool, after: Option<String>) -> PathListing {
    PathListing { prefix, folders, after, limit: PAGE }
}
