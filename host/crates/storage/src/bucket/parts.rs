//! Part objects: content that is too large for one write is stored as several objects in a private
//! folder, until it gets its key. Each part is written by one simple request, so a crash leaves
//! only whole objects, which `sweep` finds.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use opendal::{Buffer, Operator};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::budget::Reservation;
use super::remote::RemoteContent;
use super::{Bucket, SIDE_BY_SIDE, swap};
use crate::error::Result;
use crate::store::Content;

/// Bytes of one part object, and of the largest object that is written in one request.
/// With the 10,000 parts of an S3 object that makes 78 GiB.
pub(super) const PART: u64 = 8 * 1024 * 1024;
/// Parts of one upload on their way at the same time.
const IN_FLIGHT: usize = 4;

/// Parts that are being written, in order. To be ended by `settle` or `discard`.
pub(super) struct Parts {
    store: Arc<Bucket>,
    folder: String,
    /// Tells the parts of one upload from those of another in the same folder.
    name: String,
    begun: usize,
    written: Vec<(usize, Content)>,
    sending: JoinSet<(usize, Result<Content>)>,
}

impl Parts {
    pub fn new(store: Arc<Bucket>, folder: String) -> Self {
        let name = uuid::Uuid::new_v4().simple().to_string();
        Self { store, folder, name, begun: 0, written: Vec::new(), sending: JoinSet::new() }
    }

    pub fn is_empty(&self) -> bool {
        self.begun == 0
    }

    fn path(&self, number: usize) -> String {
        format!("{}{}-{number:05}", self.folder, self.name)
    }

    /// Puts a stored object after the parts that were sent so far.
    pub fn put_between(&mut self, content: Content) {
        self.written.push((self.begun, content));
        self.begun += 1;
    }

    /// Returns when it is on its way; `room` is given back when it has arrived.
    pub async fn send(&mut self, pieces: Vec<Bytes>, room: Option<Reservation>) -> Result<()> {
        while self.sending.len() >= IN_FLIGHT {
            self.take_next().await?;
        }
        let (number, path, store) = (self.begun, self.path(self.begun), Arc::clone(&self.store));
        self.begun += 1;
        self.sending.spawn(async move {
            let sent = store.write_private(&path, pieces).await;
            drop(room);
            (number, sent)
        });
        Ok(())
    }

    async fn take_next(&mut self) -> Result<()> {
        if let Some(sent) = self.sending.join_next().await {
            let (number, content) = sent?;
            self.written.push((number, content?));
        }
        Ok(())
    }

    /// All of them, in order, when all have arrived.
    pub async fn settle(&mut self) -> Result<Vec<Content>> {
        while !self.sending.is_empty() {
            self.take_next().await?;
        }
        self.written.sort_by_key(|(number, _)| *number);
        Ok(self.written.drain(..).map(|(_, content)| content).collect())
    }

    /// Waits for those on their way, so that none arrives after its removal.
    pub async fn discard(mut self) {
        while self.sending.join_next().await.is_some() {}
        let paths = (0..self.begun).map(|number| self.path(number)).collect();
        remove_all(&self.store.operator, paths).await;
    }
}

impl Bucket {
    /// Under a name that nobody else takes: it may be tried again without harm.
    async fn write_private(&self, path: &str, pieces: Vec<Bytes>) -> Result<Content> {
        self.confirm().await?;
        let size = pieces.iter().map(|piece| piece.len() as u64).sum();
        let metadata = self.operator.write(path, Buffer::from(pieces)).await?;
        let version = swap::info(path, &metadata).version;
        Ok(Content::stored(self.remote(path, &version, size)))
    }
}

/// Private objects that are removed when it is dropped.
pub(super) struct PrivateObjects {
    operator: Operator,
    paths: Vec<String>,
}

impl PrivateObjects {
    /// Those of them that lie in the private folder.
    pub fn of(operator: &Operator, contents: &[Content], folder: &str) -> Self {
        let remote = contents.iter().filter_map(|content| content.form::<RemoteContent>());
        let private = remote.filter(|remote| remote.path.starts_with(folder));
        let paths = private.map(|remote| remote.path.clone());
        Self { operator: operator.clone(), paths: paths.collect() }
    }

    /// They have an owner now.
    pub fn keep(mut self) {
        self.paths.clear();
    }
}

impl Drop for PrivateObjects {
    fn drop(&mut self) {
        let paths = std::mem::take(&mut self.paths);
        if let (false, Ok(runtime)) = (paths.is_empty(), Handle::try_current()) {
            let operator = self.operator.clone();
            runtime.spawn(async move { remove_all(&operator, paths).await });
        }
    }
}

async fn remove_all(operator: &Operator, paths: Vec<String>) {
    let removals = futures_util::stream::iter(paths).map(|path| async move {
        if let Err(error) = operator.delete(&path).await {
            tracing::warn!(%error, path, "a part object could not be removed; the sweep will do it");
        }
    });
    removals.buffer_unordered(SIDE_BY_SIDE).collect::<()>().await;
}
