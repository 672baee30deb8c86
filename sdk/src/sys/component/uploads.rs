//! Uploads that last over several requests.

use super::convert::{owned, to_digests, to_precondition};
use super::http::Body;
use crate::Error;
use crate::bindings::packhouse::plugin::uploads;
use crate::types::{Digest, ObjectInfo, Precondition};

pub(crate) struct Upload(uploads::Upload);

pub(crate) fn reached_limit() -> Option<u64> {
    uploads::reached_limit()
}

impl Upload {
    pub(crate) fn start(label: &str, compute: &[&str]) -> Result<Upload, Error> {
        Ok(Upload(uploads::Upload::start(label, &owned(compute))?))
    }

    pub(crate) fn open(id: &str) -> Result<Option<Upload>, Error> {
        Ok(uploads::Upload::open(id)?.map(Upload))
    }

    pub(crate) fn id(&self) -> String {
        self.0.id()
    }

    pub(crate) fn label(&self) -> String {
        self.0.label()
    }

    pub(crate) fn offset(&self) -> u64 {
        self.0.offset()
    }

    pub(crate) fn append(&self, at: Option<u64>, length: Option<u64>, body: &Body) -> Result<u64, Error> {
        Ok(self.0.append(at, length, &body.0)?)
    }

    pub(crate) fn finish(
        &self,
        key: &str,
        expect: &[Digest],
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        let precondition = to_precondition(precondition);
        let expect = to_digests(expect);
        Ok(self.0.finish(key, &expect, &precondition, content_type)?.into())
    }

    pub(crate) fn cancel(&self) -> Result<(), Error> {
        Ok(self.0.cancel()?)
    }
}
