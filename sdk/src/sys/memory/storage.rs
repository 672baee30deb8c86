//! Objects, and bytes that have no key yet.

use std::cell::RefCell;
use std::rc::Rc;

use super::{unpack, within_piece};
use crate::storage::{Document, Listing, ListingOptions, Packed, Unpacked};
use crate::testing::hash;
use crate::testing::state::{self, Object, OpenObject, Resource, Shared, State, check_key, part};
use crate::types::{Digest, ObjectInfo, Precondition};
use crate::{Error, PIECE};

pub(crate) fn stat(key: &str) -> Result<Option<ObjectInfo>, Error> {
    state::call();
    let object = state::current().borrow_mut().look_up(key)?;
    Ok(object.map(|object| object.info))
}

pub(crate) fn stat_many(keys: &[String]) -> Result<Vec<Option<ObjectInfo>>, Error> {
    state::call();
    if keys.len() > 1000 {
        return Err(Error::Invalid("more than 1000 keys in one call".to_owned()));
    }
    let state = state::current();
    let mut state = state.borrow_mut();
    keys.iter().map(|key| Ok(state.look_up(key)?.map(|object| object.info))).collect()
}

pub(crate) fn get(key: &str) -> Result<Option<Document>, Error> {
    state::call();
    get_one(key)
}

fn get_one(key: &str) -> Result<Option<Document>, Error> {
    let Some(object) = state::current().borrow_mut().look_up(key)? else {
        return Ok(None);
    };
    if object.bytes.len() > PIECE {
        return Err(Error::TooLarge(PIECE as u64));
    }
    let bytes = object.bytes.to_vec();
    let info = object.info;
    Ok(Some(Document { info, bytes }))
}

pub(crate) fn get_many(keys: &[String]) -> Result<Vec<Option<Document>>, Error> {
    state::call();
    if keys.len() > 1000 {
        return Err(Error::Invalid("more than 1000 keys in one call".to_owned()));
    }
    let mut documents = Vec::new();
    let mut size = 0;
    for key in keys {
        match get_one(key) {
            Err(Error::TooLarge(_)) if !documents.is_empty() => break,
            document => documents.push(document?),
        }
        size += documents.last().and_then(Option::as_ref).map_or(0, |last| last.bytes.len());
        if size > PIECE && documents.len() > 1 {
            documents.pop();
            break;
        }
    }
    Ok(documents)
}

pub(crate) fn put(
    key: &str,
    bytes: &[u8],
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    state::call();
    if bytes.len() > PIECE {
        return Err(Error::TooLarge(PIECE as u64));
    }
    state::work_meanwhile(key);
    let state = state::current();
    state.borrow_mut().write(key, bytes, precondition, content_type)
}

pub(crate) fn copy(
    source: &str,
    version: &str,
    key: &str,
    precondition: Precondition<'_>,
    content_type: Option<&str>,
) -> Result<ObjectInfo, Error> {
    state::call();
    check_key(key)?;
    let _open = state::open_object();
    let state = state::current();
    let mut state = state.borrow_mut();
    let object = state.look_up_version(source, version)?;
    let content_type = content_type.or(object.info.content_type.as_deref());
    state.write(key, object.bytes, precondition, content_type)
}

pub(crate) fn remove(key: &str, precondition: Precondition<'_>) -> Result<bool, Error> {
    state::call();
    state::work_meanwhile(key);
    state::current().borrow_mut().remove(key, precondition)
}

pub(crate) fn digests(key: &str, algorithms: &[&str]) -> Result<Option<Vec<Digest>>, Error> {
    state::call();
    hash::all(&[], algorithms)?;
    let object = state::current().borrow_mut().look_up(key)?;
    object.map(|object| hash::all(&object.bytes, algorithms)).transpose()
}

pub(crate) fn store_now() -> Result<u64, Error> {
    state::call();
    let state = state::current();
    let mut state = state.borrow_mut();
    state.fail_if_asked()?;
    Ok(state.store_now())
}

pub(crate) fn wait_turn(_key: &str, attempt: u32) -> Result<(), Error> {
    state::call();
    state::current().borrow_mut().usage.turn(attempt)
}

/// For what looks at it before taking bytes.
pub(crate) fn check_precondition(key: &str, precondition: Precondition<'_>) -> Result<(), Error> {
    let state = state::current();
    let state = state.borrow();
    state.check_place(key)?;
    state.check_precondition(key, precondition)
}

pub(crate) fn list_objects(options: &ListingOptions<'_>) -> Result<Listing, Error> {
    state::call();
    if !(1..=1000).contains(&options.limit) {
        return Err(Error::Invalid("a listing's limit is from 1 to 1000".to_owned()));
    }
    check_prefix(options.prefix)?;
    let limit = usize::try_from(options.limit).unwrap_or(1000);
    let state = state::current();
    let mut state = state.borrow_mut();
    state.calls += 1;
    state.fail_if_asked()?;
    let mut listing = Listing::default();
    let mut last = String::new();
    for (key, object) in state.objects.range(options.prefix.to_owned()..) {
        let Some(below) = key.strip_prefix(options.prefix) else {
            break;
        };
        let folder = match below.find('/') {
            Some(slash) if options.folders => key.get(..=(options.prefix.len() + slash)),
            _ => None,
        };
        let entry = folder.unwrap_or(key);
        if options.after.is_some_and(|after| entry <= after) || entry == last {
            continue;
        }
        if listing.objects.len() + listing.folders.len() == limit {
            listing.next = Some(last);
            break;
        }
        entry.clone_into(&mut last);
        match folder {
            Some(folder) => listing.folders.push(folder.to_owned()),
            None => listing.objects.push(object.info.clone()),
        }
    }
    Ok(listing)
}

/// A prefix is the beginning of a key: its whole segments are those of keys.
fn check_prefix(prefix: &str) -> Result<(), Error> {
    if prefix.len() > 1024 || prefix.chars().any(char::is_control) {
        return Err(Error::Invalid("no key has such a prefix".to_owned()));
    }
    prefix.rsplit_once('/').map_or(Ok(()), |(folders, _)| check_key(folders))
}

pub(crate) struct Reader {
    state: Shared,
    object: Object,
    _open: OpenObject,
    _resource: Resource,
}

impl Reader {
    pub(crate) fn open(key: &str) -> Result<Option<Reader>, Error> {
        state::call();
        let state = state::current();
        let open = state::open_object();
        let object = state.borrow_mut().look_up(key)?;
        Ok(object.map(|object| Reader { state, object, _open: open, _resource: state::resource() }))
    }

    pub(crate) fn info(&self) -> ObjectInfo {
        self.object.info.clone()
    }

    pub(crate) fn read_at(&self, offset: u64, max: u32) -> Result<Vec<u8>, Error> {
        state::call();
        within_piece(usize::try_from(max).unwrap_or(usize::MAX))?;
        self.check_unchanged()?;
        Ok(part(&self.object.bytes, offset, u64::from(max)).to_vec())
    }

    pub(crate) fn digest_range(
        &self,
        offset: u64,
        length: u64,
        compute: &[&str],
    ) -> Result<Vec<Digest>, Error> {
        state::call();
        self.check_unchanged()?;
        State::digest_part(&self.object.bytes, offset, length, compute)
    }

    fn check_unchanged(&self) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        state.race_reading(&self.object.info.key);
        let now = state.look_up(&self.object.info.key)?;
        let same = now.is_some_and(|now| now.info.version == self.object.info.version);
        if same { Ok(()) } else { Err(Error::Conflict) }
    }
}

pub(crate) struct Writer {
    compute: Vec<String>,
    bytes: RefCell<Vec<u8>>,
    /// Keys and versions of the objects that were appended.
    appended: RefCell<Vec<(String, String)>>,
    /// From the first piece on.
    open: RefCell<Option<OpenObject>>,
    _resource: Resource,
}

impl Writer {
    pub(crate) fn new(compute: &[&str]) -> Writer {
        let compute = compute.iter().map(|&name| name.to_owned()).collect();
        Writer {
            compute,
            bytes: RefCell::default(),
            appended: RefCell::default(),
            open: RefCell::default(),
            _resource: state::resource(),
        }
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<(), Error> {
        state::call();
        within_piece(bytes.len())?;
        self.append(bytes)
    }

    pub(crate) fn append_object(&self, key: &str, version: &str) -> Result<u64, Error> {
        state::call();
        let _open = state::open_object();
        let object = state::current().borrow_mut().look_up_version(key, version)?;
        self.append(&object.bytes)?;
        self.appended.borrow_mut().push((key.to_owned(), version.to_owned()));
        Ok(object.info.size)
    }

    fn append(&self, bytes: &[u8]) -> Result<(), Error> {
        hash::all(&[], &self.compute)?;
        self.open.borrow_mut().get_or_insert_with(state::open_object);
        let limit = state::current().borrow().upload_limit;
        let mut all = self.bytes.borrow_mut();
        if (all.len() + bytes.len()) as u64 > limit {
            return Err(Error::TooLarge(limit));
        }
        all.extend_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn finish(&self) -> Result<Staged, Error> {
        state::call();
        let compute: Vec<&str> = self.compute.iter().map(String::as_str).collect();
        drop(self.open.take());
        let mut staged = Staged::create(self.bytes.take(), &compute)?;
        staged.appended = self.appended.take();
        Ok(staged)
    }
}

/// Its bytes go when it is dropped.
pub(crate) struct Staged {
    state: Shared,
    serial: u64,
    size: u64,
    digests: Vec<Digest>,
    /// As in [`Writer`]. Some stores copy the bytes in the commit, so they must not change before.
    appended: Vec<(String, String)>,
    _open: OpenObject,
    _resource: Resource,
}

impl Staged {
    pub(crate) fn create(bytes: Vec<u8>, compute: &[&str]) -> Result<Staged, Error> {
        let digests = hash::all(&bytes, compute)?;
        let open = state::open_object();
        let size = bytes.len() as u64;
        let state = state::current();
        state.borrow_mut().fail_if_asked()?;
        let serial = state.borrow_mut().stage(bytes);
        let resource = state::resource();
        Ok(Staged { state, serial, size, digests, appended: Vec::new(), _open: open, _resource: resource })
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.digests.clone()
    }

    pub(crate) fn read_at(&self, offset: u64, max: u32) -> Result<Vec<u8>, Error> {
        state::call();
        within_piece(usize::try_from(max).unwrap_or(usize::MAX))?;
        Ok(part(&self.bytes()?, offset, u64::from(max)).to_vec())
    }

    pub(crate) fn digest_range(
        &self,
        offset: u64,
        length: u64,
        compute: &[&str],
    ) -> Result<Vec<Digest>, Error> {
        state::call();
        State::digest_part(&self.bytes()?, offset, length, compute)
    }

    pub(crate) fn unpack(&self, parts: &[Packed]) -> Result<Vec<Option<Unpacked>>, Error> {
        state::call();
        let bytes = self.bytes()?;
        let mut end = 0;
        let mut unpacked = Vec::with_capacity(parts.len());
        for part in parts {
            let part_end = part.offset.saturating_add(part.length);
            if part.offset < end || part_end > bytes.len() as u64 {
                return Err(Error::Invalid("the parts do not lie inside, in order".to_owned()));
            }
            end = part_end;
            unpacked.push(unpack::unpack(state::part(&bytes, part.offset, part.length), part));
        }
        Ok(unpacked)
    }

    pub(crate) fn commit(
        &self,
        key: &str,
        expect: &[Digest],
        precondition: Precondition<'_>,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo, Error> {
        state::call();
        let bytes = self.bytes()?;
        hash::verify(&bytes, expect)?;
        let mut state = self.state.borrow_mut();
        let info = state.write(key, bytes, precondition, content_type)?;
        state.staging.remove(&self.serial);
        Ok(info)
    }

    fn bytes(&self) -> Result<Rc<[u8]>, Error> {
        let state = self.state.borrow();
        let is_there = |(key, version): &(String, String)| {
            state.objects.get(key).is_some_and(|object| object.info.version == *version)
        };
        let bytes = state.staged(self.serial)?;
        if self.appended.iter().all(is_there) { Ok(bytes) } else { Err(Error::Conflict) }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Ok(mut state) = self.state.try_borrow_mut() {
            state.staging.remove(&self.serial);
        }
    }
}
