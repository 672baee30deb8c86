//! Uploads that last over several requests.

use super::body::Body;
use crate::Error;
use crate::testing::hash;
use crate::testing::state::{self, Resource, Shared, StoredUpload};
use crate::types::{Digest, ObjectInfo, Precondition};

/// Bytes of a label.
const LONGEST_LABEL: usize = 1024;

pub(crate) struct Upload {
    state: Shared,
    id: String,
    _resource: Resource,
}

pub(crate) fn reached_limit() -> Option<u64> {
    state::current().borrow().reached_uploads
}

impl Upload {
    pub(crate) fn start(label: &str, compute: &[&str]) -> Result<Upload, Error> {
        state::call();
        hash::all(&[], compute)?;
        if label.len() > LONGEST_LABEL {
            return Err(Error::Invalid("a label has at most 1024 bytes".to_owned()));
        }
        let state = state::current();
        let id = {
            let mut state = state.borrow_mut();
            state.fail_if_asked()?;
            state.check_writable()?;
            state.usage.start_upload();
            let owner = state.caller.as_ref().map(|caller| caller.name.clone());
            let open = state.uploads.values().filter(|upload| upload.owner == owner).count() as u64;
            state.reached_uploads = (open >= state.most_uploads).then_some(state.most_uploads);
            if state.reached_uploads.is_some() {
                return Err(Error::Unavailable("this caller has too many uploads open".to_owned()));
            }
            let id = Digest::from_bytes("random", &state.random(16)).hex;
            let upload = StoredUpload { label: label.to_owned(), owner, bytes: Vec::new() };
            state.uploads.insert(id.clone(), upload);
            id
        };
        Ok(Upload { state, id, _resource: state::resource() })
    }

    pub(crate) fn open(id: &str) -> Result<Option<Upload>, Error> {
        state::call();
        let state = state::current();
        state.borrow_mut().usage.open_upload();
        state.borrow_mut().fail_if_asked()?;
        let known = state.borrow().uploads.contains_key(id);
        let id = id.to_owned();
        Ok(known.then(|| Upload { state, id, _resource: state::resource() }))
    }

    pub(crate) fn id(&self) -> String {
        self.id.clone()
    }

    pub(crate) fn label(&self) -> String {
        let state = self.state.borrow();
        let upload = state.uploads.get(&self.id);
        upload.map(|upload| upload.label.clone()).unwrap_or_default()
    }

    pub(crate) fn offset(&self) -> u64 {
        let state = self.state.borrow();
        let upload = state.uploads.get(&self.id);
        upload.map_or(0, |upload| upload.bytes.len() as u64)
    }

    pub(crate) fn append(&self, at: Option<u64>, length: Option<u64>, body: &Body) -> Result<u64, Error> {
        state::call();
        let _open = state::open_object();
        self.state.borrow_mut().fail_if_asked()?;
        self.state.borrow().check_writable()?;
        if at.is_some_and(|at| at != self.offset()) {
            return Err(Error::Conflict);
        }
        let limit = self.state.borrow().upload_limit;
        let left = limit.saturating_sub(self.offset());
        let bytes = body.take_within(Some(left)).map_err(|error| match error {
            Error::TooLarge(_) => Error::TooLarge(limit),
            other => other,
        })?;
        if length.is_some_and(|length| length != bytes.len() as u64) {
            return Err(Error::Truncated);
        }
        let mut state = self.state.borrow_mut();
        let upload = state.uploads.get_mut(&self.id).ok_or(Error::NotFound)?;
        upload.bytes.extend_from_slice(&bytes);
        Ok(upload.bytes.len() as u64)
    }

    pub(crate) fn finish(
        &self,
        key: &str,
        expect: &[Digest],
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        state::call();
        let _open = state::open_object();
        let mut state = self.state.borrow_mut();
        let upload = state.uploads.get(&self.id).ok_or(Error::NotFound)?;
        hash::verify(&upload.bytes, expect)?;
        let bytes = upload.bytes.clone();
        let info = state.write(key, bytes, precondition, content_type)?;
        state.uploads.remove(&self.id);
        Ok(info)
    }

    pub(crate) fn cancel(&self) -> Result<(), Error> {
        state::call();
        let mut state = self.state.borrow_mut();
        state.fail_if_asked()?;
        state.check_writable()?;
        state.uploads.remove(&self.id).map(|_| ()).ok_or(Error::NotFound)
    }
}
