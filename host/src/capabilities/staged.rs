//! `storage.staged`: bytes that have arrived and have no key yet.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{storage as wit, types};
use crate::capabilities::body::piece;
use crate::capabilities::storage::{algorithms, digest_list, key, precondition};
use crate::capabilities::{HostError, OpenObject, State};
use crate::storage::Staged;

/// Staged bytes; dropping it removes what was not committed.
pub struct StagedObject(Staged, #[expect(dead_code, reason = "it is counted")] OpenObject);

impl StagedObject {
    pub fn new(staged: Staged, open: OpenObject) -> Self {
        Self(staged, open)
    }
}

impl wit::HostStaged for State {
    fn size(&mut self, handle: Resource<StagedObject>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&handle)?.0.size())
    }

    fn digests(&mut self, handle: Resource<StagedObject>) -> wasmtime::Result<Vec<types::Digest>> {
        Ok(self.table.get(&handle)?.0.digests().iter().cloned().map(Into::into).collect())
    }

    async fn read_at(
        &mut self,
        handle: Resource<StagedObject>,
        offset: u64,
        max: u32,
    ) -> Result<Vec<u8>, HostError> {
        let max = piece(max as usize)?;
        let _outside = self.wait()?;
        Ok(self.table.get(&handle)?.0.read_at(offset, max as u64).await?.into())
    }

    async fn digest_range(
        &mut self,
        handle: Resource<StagedObject>,
        offset: u64,
        length: u64,
        wanted: Vec<String>,
    ) -> Result<Vec<types::Digest>, HostError> {
        let _outside = self.wait()?;
        let wanted = algorithms(&wanted)?;
        let digests = self.table.get(&handle)?.0.digest_range(offset, length, &wanted).await?;
        Ok(digests.into_iter().map(Into::into).collect())
    }

    async fn commit(
        &mut self,
        handle: Resource<StagedObject>,
        target: String,
        expect: Vec<types::Digest>,
        condition: types::Precondition,
        content_type: Option<String>,
    ) -> Result<types::ObjectInfo, HostError> {
        let _outside = self.wait()?;
        let (target, expect) = (key(&target)?, digest_list(&expect)?);
        let staged = &mut self.table.get_mut(&handle)?.0;
        Ok(staged.commit(&target, &expect, &precondition(condition), content_type.as_deref()).await?.into())
    }

    async fn drop(&mut self, handle: Resource<StagedObject>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
