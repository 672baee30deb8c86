//! Staging in a service without renames: small things stay in memory until they
//! get their key, large ones go to an object of their own, part by part.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use opendal::options::WriteOptions;
use opendal::{Operator, Writer};
use tokio::runtime::Handle;

use super::swap::{Swap, remote_info};
use super::{Objects, WHOLE_UP_TO};
use crate::storage::backend::{Content, Material};
use crate::storage::error::{Result, StorageError};
use crate::storage::key::PRIVATE;

/// One part in flight; with the service's 10,000 parts that makes 78 GiB.
const PART: usize = 8 * 1024 * 1024;

pub(crate) struct ObjectSink {
    store: Arc<Objects>,
    pieces: Vec<Bytes>,
    size: u64,
    large: Option<Large>,
}

/// A multipart upload that is given up when dropped.
struct Large {
    operator: Operator,
    path: String,
    writer: Option<Writer>,
}

/// A finished staging object, removed when dropped.
pub(crate) struct StagingObject {
    operator: Operator,
    path: String,
}

impl ObjectSink {
    pub fn new(store: Arc<Objects>) -> Self {
        Self { store, pieces: Vec::new(), size: 0, large: None }
    }

    pub async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        self.size += pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.pieces.extend(pieces);
        if self.size <= WHOLE_UP_TO || matches!(self.store.swap, Swap::Noted(_)) {
            return Ok(());
        }
        let large = match &mut self.large {
            Some(large) => large,
            empty => empty.insert(Large::begin(&self.store.operator).await?),
        };
        large.write(std::mem::take(&mut self.pieces)).await
    }

    pub async fn close(mut self) -> Result<(Material, Content)> {
        let Some(large) = self.large.take() else {
            let content = Content::Memory(joined(self.pieces));
            return Ok((Material::objects(vec![content.clone()]), content));
        };
        let (staging, version) = large.finish().await?;
        let content = Content::Remote(self.store.remote(&staging.path, &version, self.size));
        Ok((Material::Objects { contents: vec![content.clone()], _staging: Some(staging) }, content))
    }
}

impl Large {
    async fn begin(operator: &Operator) -> Result<Self> {
        let path = format!("{PRIVATE}/staging/{}", uuid::Uuid::new_v4().simple());
        let options = WriteOptions { chunk: Some(PART), ..WriteOptions::default() };
        let writer = operator.writer_options(&path, options).await?;
        Ok(Self { operator: operator.clone(), path, writer: Some(writer) })
    }

    async fn write(&mut self, pieces: Vec<Bytes>) -> Result<()> {
        match &mut self.writer {
            Some(writer) => Ok(writer.write(pieces).await?),
            None => Err(StorageError::other("written after its end")),
        }
    }

    async fn finish(mut self) -> Result<(StagingObject, String)> {
        let Some(writer) = &mut self.writer else {
            return Err(StorageError::other("finished twice"));
        };
        let metadata = writer.close().await?;
        self.writer = None;
        let staging = StagingObject { operator: self.operator.clone(), path: self.path.clone() };
        Ok((staging, remote_info(&self.path, &metadata).version))
    }
}

impl Drop for Large {
    fn drop(&mut self) {
        if let (Some(mut writer), Ok(runtime)) = (self.writer.take(), Handle::try_current()) {
            let path = std::mem::take(&mut self.path);
            runtime.spawn(async move {
                if let Err(error) = writer.abort().await {
                    tracing::warn!(%error, path, "an unfinished staging object could not be given up");
                }
            });
        }
    }
}

impl Drop for StagingObject {
    fn drop(&mut self) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (operator, path) = (self.operator.clone(), std::mem::take(&mut self.path));
        runtime.spawn(async move {
            if let Err(error) = operator.delete(&path).await {
                tracing::warn!(%error, path, "a staging object could not be removed");
            }
        });
    }
}

fn joined(mut pieces: Vec<Bytes>) -> Bytes {
    if pieces.len() <= 1 {
        return pieces.pop().unwrap_or_default();
    }
    let size = pieces.iter().map(Bytes::len).sum();
    let mut whole = BytesMut::with_capacity(size);
    for piece in &pieces {
        whole.extend_from_slice(piece);
    }
    whole.freeze()
}
