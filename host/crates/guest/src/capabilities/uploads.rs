//! `uploads`: uploads that continue over several requests and hosts.

use wasmtime::component::Resource;

use crate::bindings::packhouse::plugin::{types, uploads as wit};
use crate::capabilities::body::BodyHandle;
use crate::capabilities::storage::{algorithms, digest_list, key, precondition};
use crate::capabilities::usage::{Kept, hashing};
use crate::capabilities::{HostError, State};
use packhouse_storage::{Owner, StorageError, Upload};

/// The most bytes of a label.
const LONGEST_LABEL: usize = 1024;

/// An upload session that this request has opened, and its charge until it is dropped.
pub struct UploadSession(
    Upload,
    #[expect(dead_code, reason = "counted for as long as the session is open")] Kept,
);

impl State {
    fn push_upload(&mut self, upload: Upload) -> Result<Resource<UploadSession>, HostError> {
        let kept = self.usage.keep_with(upload.memory())?;
        Ok(self.push(UploadSession(upload, kept))?)
    }
}

impl wit::Host for State {
    fn reached_limit(&mut self) -> wasmtime::Result<Option<u64>> {
        Ok(self.usage.reached_uploads())
    }
}

impl wit::HostUpload for State {
    async fn start(
        &mut self,
        label: String,
        compute: Vec<String>,
    ) -> Result<Resource<UploadSession>, HostError> {
        let _outside = self.wait()?;
        if label.len() > LONGEST_LABEL {
            return Err(HostError::invalid(format!("a label of more than {LONGEST_LABEL} bytes")));
        }
        self.usage.start_upload()?;
        self.access.may_change().await?;
        let owner = self.access.upload_owner().await?;
        let most = self.access.limits()?.open_uploads;
        let storage = self.access.storage_for_bytes()?;
        let started =
            storage.start_upload(&label, &algorithms(&compute)?, Owner { name: &owner, most }).await;
        let has_too_many = matches!(started, Err(StorageError::Busy(_)));
        self.usage.reach_uploads(has_too_many.then_some(most as u64));
        self.push_upload(started?)
    }

    async fn open(&mut self, id: String) -> Result<Option<Resource<UploadSession>>, HostError> {
        let _outside = self.wait()?;
        self.usage.open_upload()?;
        let Some(upload) = self.access.storage_for_bytes()?.open_upload(&id).await? else {
            return Ok(None);
        };
        self.push_upload(upload).map(Some)
    }

    fn id(&mut self, handle: Resource<UploadSession>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.0.id().to_owned())
    }

    fn label(&mut self, handle: Resource<UploadSession>) -> wasmtime::Result<String> {
        Ok(self.table.get(&handle)?.0.label().to_owned())
    }

    fn offset(&mut self, handle: Resource<UploadSession>) -> wasmtime::Result<u64> {
        Ok(self.table.get(&handle)?.0.offset())
    }

    async fn append(
        &mut self,
        handle: Resource<UploadSession>,
        at: Option<u64>,
        length: Option<u64>,
        body: Resource<BodyHandle>,
    ) -> Result<u64, HostError> {
        let _outside = self.transfer()?;
        let layer = self.table.get(&body)?.0;
        let _open = self.open_one().await?;
        self.access.may_change().await?;
        let most = self.access.limits()?.upload;
        let upload = &mut self.table.get_mut(&handle)?.0;
        let left = most.saturating_sub(upload.offset());
        let mut append = upload.append(at).await?;
        let mut taken = 0_u64;
        while let Some(chunk) = self.access.body()?.chunk(layer).await? {
            taken += chunk.len() as u64;
            if taken > left {
                return Err(StorageError::TooLarge(most).into());
            }
            append.write(chunk).await?;
        }
        // The body may have taken long to arrive, so permissions are checked again. Bytes are
        // dropped unless the upload is finished.
        self.access.verify().await?;
        Ok(append.finish(length).await?)
    }

    async fn finish(
        &mut self,
        handle: Resource<UploadSession>,
        target: String,
        expect: Vec<types::Digest>,
        condition: types::Precondition,
        content_type: Option<String>,
    ) -> Result<types::ObjectInfo, HostError> {
        let _outside = self.transfer()?;
        let (target, expect) = (key(&target)?, digest_list(&expect)?);
        let size = self.table.get(&handle)?.0.offset();
        self.usage.finish_upload(hashing(size, expect.len() + 1))?;
        let _open = self.open_one().await?;
        self.access.may_change().await?;
        let upload = &mut self.table.get_mut(&handle)?.0;
        Ok(upload.finish(&target, &expect, &precondition(condition), content_type.as_deref()).await?.into())
    }

    async fn cancel(&mut self, handle: Resource<UploadSession>) -> Result<(), HostError> {
        let _outside = self.wait()?;
        self.access.may_change().await?;
        Ok(self.table.get_mut(&handle)?.0.cancel().await?)
    }

    async fn drop(&mut self, handle: Resource<UploadSession>) -> wasmtime::Result<()> {
        self.table.delete(handle)?;
        Ok(())
    }
}
