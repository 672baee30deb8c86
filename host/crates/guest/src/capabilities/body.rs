//! `http.body`: what the client sends. The plugin reads it in pieces, or the host stores it.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::http as wit;
use crate::capabilities::staged::StagedObject;
use crate::capabilities::storage::{algorithms, digest_list, key, precondition};
use crate::capabilities::usage::Kept;
use crate::capabilities::{HostError, PIECE, State};
use packhouse_http::body::{Layer, PartHead, RequestBody};
use packhouse_storage::{Algorithm, Digest, Key, Precondition, StorageError, Writer};

/// The request's body, or a slice or a decoded form of it.
pub struct BodyHandle(pub Layer);

/// A part of a form.
pub struct PartHandle {
    head: PartHead,
    layer: Layer,
    _kept: Kept,
}

impl State {
    fn layer(&self, handle: &Resource<BodyHandle>) -> Result<Layer, HostError> {
        Ok(self.table.get(handle)?.0)
    }

    /// Stores the rest of the body without passing it through the guest.
    async fn receive(
        &mut self,
        layer: Layer,
        limit: Option<u64>,
        compute: &[Algorithm],
    ) -> Result<Writer, HostError> {
        let most = self.access.limits()?.upload;
        let limit = limit.map_or(most, |limit| limit.min(most));
        if self.access.body()?.length(layer).is_some_and(|length| length > limit) {
            return Err(StorageError::TooLarge(limit).into());
        }
        let mut writer = self.access.storage_for_bytes()?.writer(compute, limit).await?;
        while let Some(chunk) = self.access.body()?.chunk(layer).await? {
            writer.write(chunk).await?;
        }
        Ok(writer)
    }

    /// Checks the precondition before the first byte is read.
    async fn fails_already(&mut self, key: &Key, precondition: &Precondition) -> Result<bool, HostError> {
        Ok(match precondition {
            Precondition::Any => false,
            Precondition::Absent => self.access.stat(key).await?.is_some(),
            Precondition::Version(version) => {
                self.access.stat(key).await?.is_none_or(|info| &info.version != version)
            }
        })
    }
}

impl wit::HostBody for State {
    fn length(&mut self, handle: Resource<BodyHandle>) -> wasmtime::Result<Option<u64>> {
        let layer = self.table.get(&handle)?.0;
        Ok(self.access.body()?.length(layer))
    }

    async fn read(&mut self, handle: Resource<BodyHandle>, max: u32) -> Result<Vec<u8>, HostError> {
        let max = piece(max as usize)?;
        let _outside = self.transfer()?;
        let layer = self.layer(&handle)?;
        Ok(self.access.body()?.read(layer, max).await?.map(Vec::from).unwrap_or_default())
    }

    fn unread(&mut self, handle: Resource<BodyHandle>, count: u32) -> Result<(), HostError> {
        let layer = self.layer(&handle)?;
        Ok(self.access.body()?.unread(layer, count as usize)?)
    }

    async fn slice(
        &mut self,
        handle: Resource<BodyHandle>,
        length: u64,
    ) -> Result<Resource<BodyHandle>, HostError> {
        let _outside = self.transfer()?;
        let layer = self.layer(&handle)?;
        let inner = self.access.body()?.slice(layer, length).await?;
        Ok(self.push(BodyHandle(inner))?)
    }

    async fn json_string(&mut self, handle: Resource<BodyHandle>) -> Result<Resource<BodyHandle>, HostError> {
        let _outside = self.transfer()?;
        let layer = self.layer(&handle)?;
        let inner = self.access.body()?.json_string(layer).await?;
        Ok(self.push(BodyHandle(inner))?)
    }

    async fn base64(&mut self, handle: Resource<BodyHandle>) -> Result<Resource<BodyHandle>, HostError> {
        let _outside = self.transfer()?;
        let layer = self.layer(&handle)?;
        let inner = self.access.body()?.base64(layer).await?;
        Ok(self.push(BodyHandle(inner))?)
    }

    async fn next_part(
        &mut self,
        handle: Resource<BodyHandle>,
    ) -> Result<Option<Resource<PartHandle>>, HostError> {
        let _outside = self.transfer()?;
        if self.layer(&handle)? != RequestBody::root() {
            return Err(HostError::invalid("only the whole body can be a form"));
        }
        let Some((head, layer)) = self.access.next_part().await? else { return Ok(None) };
        let headers: usize = head.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        let names = head.name.len() + head.filename.as_ref().map_or(0, String::len);
        let kept = self.usage.keep_with(headers + names)?;
        Ok(Some(self.push(PartHandle { head, layer, _kept: kept })?))
    }

    async fn stage(
        &mut self,
        handle: Resource<BodyHandle>,
        limit: Option<u64>,
        compute: Vec<String>,
    ) -> Result<Resource<StagedObject>, HostError> {
        let _outside = self.transfer()?;
        let layer = self.layer(&handle)?;
        let open = self.open_one().await?;
        let writer = self.receive(layer, limit, &algorithms(&compute)?).await?;
        let staged = writer.finish().await?;
        Ok(self.push(StagedObject::new(staged, open))?)
    }

    async fn save(
        &mut self,
        handle: Resource<BodyHandle>,
        target: String,
        options: wit::SaveOptions,
    ) -> Result<wit::Saved, HostError> {
        let _outside = self.transfer()?;
        let layer = self.layer(&handle)?;
        let target = key(&target)?;
        let condition = precondition(options.precondition);
        let expected = digest_list(&options.expect)?;
        let compute = with_expected(&expected, &algorithms(&options.compute)?);
        if self.fails_already(&target, &condition).await? {
            return Err(StorageError::Conflict.into());
        }
        let _open = self.open_one().await?;
        let mut staged = self.receive(layer, options.limit, &compute).await?.finish().await?;
        self.access.may_change().await?;
        let info = staged.commit(&target, &expected, &condition, options.content_type.as_deref()).await?;
        Ok(wit::Saved {
            info: info.into(),
            digests: staged.digests().iter().cloned().map(Into::into).collect(),
        })
    }

    fn drop(&mut self, handle: Resource<BodyHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

impl wit::HostPart for State {
    fn name(&mut self, handle: Resource<PartHandle>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.head.name.clone())
    }

    fn filename(&mut self, handle: Resource<PartHandle>) -> wasmtime::Result<Option<String>> {
        Ok(self.table.get(&handle)?.head.filename.clone())
    }

    fn header(&mut self, handle: Resource<PartHandle>, name: String) -> wasmtime::Result<Option<String>> {
        let headers = &self.table.get(&handle)?.head.headers;
        let found = headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(&name));
        Ok(found.map(|(_, value)| value.clone()))
    }

    fn body(&mut self, handle: Resource<PartHandle>) -> wasmtime::Result<Resource<BodyHandle>> {
        let layer = self.table.get(&handle)?.layer;
        self.push(BodyHandle(layer))
    }

    fn drop(&mut self, handle: Resource<PartHandle>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}

/// The size of one piece; an error above [`PIECE`].
pub fn piece(size: usize) -> Result<usize, HostError> {
    if size > PIECE {
        return Err(HostError::invalid(format!("a piece of {size} bytes is more than {PIECE} at once")));
    }
    Ok(size)
}

fn with_expected(expected: &[Digest], compute: &[Algorithm]) -> Vec<Algorithm> {
    expected.iter().map(|digest| digest.algorithm).chain(compute.iter().copied()).collect()
}
