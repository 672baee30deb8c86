//! Objects, and bytes that have no key yet.

use super::convert::{from_digests, owned, to_digests, to_precondition};
use crate::Error;
use crate::bindings::packhouse::plugin::storage;
use crate::storage::{Document, Listing, ListingOptions, Packed, Packing, Unpacked};
use crate::types::{Digest, ObjectInfo, Precondition};

pub(crate) fn stat(key: &str) -> Result<Option<ObjectInfo>, Error> {
    Ok(storage::stat(key)?.map(ObjectInfo::from))
}

pub(crate) fn stat_many(keys: &[String]) -> Result<Vec<Option<ObjectInfo>>, Error> {
    let infos = storage::stat_many(keys)?.into_iter();
    Ok(infos.map(|info| info.map(ObjectInfo::from)).collect())
}

pub(crate) fn get(key: &str) -> Result<Option<Document>, Error> {
    Ok(storage::get(key)?.map(Document::from))
}

pub(crate) fn get_many(keys: &[String]) -> Result<Vec<Option<Document>>, Error> {
    let documents = storage::get_many(keys)?.into_iter();
    Ok(documents.map(|document| document.map(Document::from)).collect())
}

pub(crate) fn put(
    key: &str,
    bytes: &[u8],
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    let precondition = to_precondition(precondition);
    Ok(storage::put(key, bytes, &precondition, content_type)?.into())
}

pub(crate) fn copy(
    source: &str,
    version: &str,
    key: &str,
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    let precondition = to_precondition(precondition);
    Ok(storage::copy(source, version, key, &precondition, content_type)?.into())
}

pub(crate) fn remove(key: &str, precondition: Precondition<'_>) -> Result<bool, Error> {
    Ok(storage::remove(key, &to_precondition(precondition))?)
}

pub(crate) fn list_objects(options: &ListingOptions<'_>) -> Result<Listing, Error> {
    let listing = storage::list_objects(&storage::ListingOptions {
        prefix: options.prefix.to_owned(),
        folders: options.folders,
        after: options.after.map(str::to_owned),
        limit: options.limit,
    })?;
    Ok(Listing {
        objects: listing.objects.into_iter().map(ObjectInfo::from).collect(),
        folders: listing.folders,
        next: listing.next,
    })
}

pub(crate) fn digests(key: &str, algorithms: &[&str]) -> Result<Option<Vec<Digest>>, Error> {
    Ok(storage::digests(key, &owned(algorithms))?.map(from_digests))
}

pub(crate) fn store_now() -> Result<u64, Error> {
    Ok(storage::now()?)
}

pub(crate) fn wait_turn(key: &str, attempt: u32) -> Result<(), Error> {
    Ok(storage::wait_turn(key, attempt)?)
}

pub(crate) struct Reader(storage::Reader);

impl Reader {
    pub(crate) fn open(key: &str) -> Result<Option<Reader>, Error> {
        Ok(storage::Reader::open(key)?.map(Reader))
    }

    pub(crate) fn info(&self) -> ObjectInfo {
        self.0.info().into()
    }

    pub(crate) fn read_at(&self, offset: u64, max: u32) -> Result<Vec<u8>, Error> {
        Ok(self.0.read_at(offset, max)?)
    }

    pub(crate) fn digest_range(
        &self,
        offset: u64,
        length: u64,
        compute: &[&str],
    ) -> Result<Vec<Digest>, Error> {
        Ok(from_digests(self.0.digest_range(offset, length, &owned(compute))?))
    }
}

pub(crate) struct Writer(storage::Writer);

impl Writer {
    pub(crate) fn new(compute: &[&str]) -> Writer {
        Writer(storage::Writer::new(&owned(compute)))
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.0.write(bytes)?)
    }

    pub(crate) fn append_object(&self, key: &str, version: &str) -> Result<u64, Error> {
        Ok(self.0.append_object(key, version)?)
    }

    pub(crate) fn finish(&self) -> Result<Staged, Error> {
        Ok(Staged(self.0.finish()?))
    }
}

pub(crate) struct Staged(pub(super) storage::Staged);

impl Staged {
    pub(crate) fn size(&self) -> u64 {
        self.0.size()
    }

    pub(crate) fn digests(&self) -> Vec<Digest> {
        from_digests(self.0.digests())
    }

    pub(crate) fn read_at(&self, offset: u64, max: u32) -> Result<Vec<u8>, Error> {
        Ok(self.0.read_at(offset, max)?)
    }

    pub(crate) fn digest_range(
        &self,
        offset: u64,
        length: u64,
        compute: &[&str],
    ) -> Result<Vec<Digest>, Error> {
        Ok(from_digests(self.0.digest_range(offset, length, &owned(compute))?))
    }

    pub(crate) fn unpack(&self, parts: &[Packed]) -> Result<Vec<Option<Unpacked>>, Error> {
        let parts: Vec<storage::Packed> = parts
            .iter()
            .map(|part| storage::Packed {
                offset: part.offset,
                length: part.length,
                method: match part.packing {
                    Packing::Store => "store".to_owned(),
                    Packing::Deflate => "deflate".to_owned(),
                },
                limit: part.limit,
            })
            .collect();
        let told = |storage::Unpacked { size, crc32 }| Unpacked { size, crc32 };
        Ok(self.0.unpack(&parts)?.into_iter().map(|part| part.map(told)).collect())
    }

    pub(crate) fn commit(
        &self,
        key: &str,
        expect: &[Digest],
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        let precondition = to_precondition(precondition);
        let expect = to_digests(expect);
        Ok(self.0.commit(key, &expect, &precondition, content_type)?.into())
    }
}
