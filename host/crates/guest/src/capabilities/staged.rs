//! `storage.staged`: bytes that were received and have no key yet.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{storage as wit, types};
use crate::capabilities::body::piece;
use crate::capabilities::storage::{algorithms, digest_list, key, precondition};
use crate::capabilities::usage::{OpenObject, hashing};
use crate::capabilities::{HostError, State};
use packhouse_storage::{Digest, Packed, Packing, Staged, Unpacked};

/// The most parts that one call unpacks.
const MOST_PARTS: usize = 10_000;
/// Reading and unpacking staged bytes is not charged up to this multiple of their size.
const FREE_UNPACKING: u64 = 8;

/// Staged bytes. They are removed when this is dropped before a commit.
pub struct StagedObject {
    staged: Staged,
    /// Whether a commit was tried.
    is_tried: bool,
    /// Bytes that can still be unpacked without charge.
    free: u64,
    _open: OpenObject,
}

impl StagedObject {
    pub fn new(staged: Staged, open: OpenObject) -> Self {
        let free = staged.size().saturating_mul(FREE_UNPACKING);
        Self { staged, is_tried: false, free, _open: open }
    }

    /// The work of unpacking these parts: the host reads everything from the first to the last
    /// part, and hashes the result.
    fn unpack_work(&mut self, parts: &[wit::Packed]) -> u64 {
        let end = parts.last().map_or(0, |last| last.offset.saturating_add(last.length));
        let read = end.saturating_sub(parts.first().map_or(0, |first| first.offset));
        let work = parts.iter().fold(read, |work, part| work.saturating_add(part.limit));
        let free = work.min(self.free);
        self.free -= free;
        work - free
    }

    /// The work of a commit. The first commit is free, because the bytes have just arrived, except
    /// for digests that were not computed on arrival.
    fn commit_work(&mut self, expect: &[Digest]) -> u64 {
        let is_known =
            |digest: &Digest| self.staged.digests().iter().any(|known| known.algorithm == digest.algorithm);
        let missing = expect.iter().filter(|digest| !is_known(digest)).count() as u64;
        let copies = u64::from(std::mem::replace(&mut self.is_tried, true));
        self.staged.size().saturating_mul(missing.saturating_add(copies))
    }
}

fn packed(part: &wit::Packed) -> Result<Packed, HostError> {
    let end = part.offset.checked_add(part.length);
    let end = end.ok_or_else(|| HostError::invalid("a part does not lie inside the object"))?;
    Ok(Packed { range: part.offset..end, packing: Packing::parse(&part.method)?, limit: part.limit })
}

impl wit::HostStaged for State {
    fn size(&mut self, handle: Resource<StagedObject>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&handle)?.staged.size())
    }

    fn digests(&mut self, handle: Resource<StagedObject>) -> wasmtime::Result<Vec<types::Digest>> {
        Ok(self.table.get(&handle)?.staged.digests().iter().cloned().map(Into::into).collect())
    }

    async fn read_at(
        &mut self,
        handle: Resource<StagedObject>,
        offset: u64,
        max: u32,
    ) -> Result<Vec<u8>, HostError> {
        let max = piece(max as usize)?;
        let _outside = self.wait()?;
        let bytes = self.table.get(&handle)?.staged.read_at(offset, max as u64).await?;
        self.usage.work(bytes.len() as u64)?;
        Ok(bytes.into())
    }

    async fn digest_range(
        &mut self,
        handle: Resource<StagedObject>,
        offset: u64,
        length: u64,
        wanted: Vec<String>,
    ) -> Result<Vec<types::Digest>, HostError> {
        let _outside = self.transfer()?;
        let wanted = algorithms(&wanted)?;
        self.usage.work(hashing(length, wanted.len()))?;
        let digests = self.table.get(&handle)?.staged.digest_range(offset, length, &wanted).await?;
        Ok(digests.into_iter().map(Into::into).collect())
    }

    async fn unpack(
        &mut self,
        handle: Resource<StagedObject>,
        parts: Vec<wit::Packed>,
    ) -> Result<Vec<Option<wit::Unpacked>>, HostError> {
        let _outside = self.transfer()?;
        if parts.len() > MOST_PARTS {
            return Err(HostError::invalid(format!("more than {MOST_PARTS} parts in one call")));
        }
        let work = self.table.get_mut(&handle)?.unpack_work(&parts);
        self.usage.work(work)?;
        let parts = parts.iter().map(packed).collect::<Result<_, _>>()?;
        let unpacked = self.table.get(&handle)?.staged.unpack(parts).await?;
        let told = |Unpacked { size, crc32 }| wit::Unpacked { size, crc32 };
        Ok(unpacked.into_iter().map(|part| part.map(told)).collect())
    }

    async fn commit(
        &mut self,
        handle: Resource<StagedObject>,
        target: String,
        expect: Vec<types::Digest>,
        condition: types::Precondition,
        content_type: Option<String>,
    ) -> Result<types::ObjectInfo, HostError> {
        let _outside = self.transfer()?;
        let (name, target, expect) = (target.clone(), key(&target)?, digest_list(&expect)?);
        let work = self.table.get_mut(&handle)?.commit_work(&expect);
        self.usage.work(work)?;
        self.access.may_change().await?;
        let object = self.table.get_mut(&handle)?;
        let staged = &mut object.staged;
        let committed =
            staged.commit(&target, &expect, &precondition(condition), content_type.as_deref()).await;
        Ok(self.access.changed(&name, committed)?.into())
    }

    async fn drop(&mut self, handle: Resource<StagedObject>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
