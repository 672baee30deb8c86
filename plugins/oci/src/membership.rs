//! Which blobs are visible in which repository. The bytes of a blob are stored once for all
//! repositories; a member object shows that a repository has the blob.
//!
//! # Invariants
//! - A member is settled when it contains the size of the blob, or nothing, as older ones do. During an
//!   upload it is a note that protects the bytes from the collection, and does not make them visible.
//! - The size comes from bytes whose digest was verified, or from a manifest that agrees with the
//!   store. So a blob that is missing or has another size is damaged.
//! - The time of a member is the time when a client last pushed the blob, or was last told that the
//!   blob exists. The garbage collection uses it.
//! - If a request deletes a member, it stays as a mark until the bytes are removed: it shows the
//!   garbage collection that they may be removed.
//! - Bytes are never removed here.

use std::collections::BTreeMap;

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::Standing;
use packhouse_plugin::storage::{self, Change, Document, ObjectInfo, Precondition, unless_conflict};
use serde::Deserialize;

use crate::condemned;
use crate::digest::ContentDigest;
use crate::name::RepositoryName;
use crate::{adoption, layout};

/// The content of a settled member without the size of its blob.
const UNSIZED: &[u8] = b"{}";
/// The length of a settled member with the size, in bytes. It is padded with spaces.
const SIZED_LENGTH: usize = 32;
/// What the note of an upload holds; of another length than a settled member.
const NOTE: &[u8] = b"{\"upload\":true}";
/// What the mark of a deletion holds; of another length than the others.
const DELETED: &[u8] = b"{\"deleted\":true}";
const JSON: Option<&str> = Some("application/json");
/// A member that was written less than this ago says the same as one written now. In
/// milliseconds, by the store's clock.
const FRESH: u64 = 60_000;

/// A blob that a repository has.
pub struct Member {
    info: ObjectInfo,
    /// Of the blob, in bytes; none in an older member.
    size: Option<u64>,
}

/// What a look for one blob of a repository finds.
pub enum Found {
    Whole(Member),
    /// The repository has it, and its bytes are lost or others.
    Damaged(Error),
    /// The repository does not have it.
    Nothing,
}

impl Found {
    /// The blob, if it is intact. A damaged blob is logged and treated as missing: the client brings it
    /// again.
    pub fn whole(self) -> Option<Member> {
        match self {
            Self::Whole(member) => Some(member),
            Self::Nothing => None,
            Self::Damaged(error) => {
                error.log_unless_clients();
                None
            }
        }
    }
}

/// What a settled member says, without a look at the blob.
pub fn read(repository: &RepositoryName, digest: &ContentDigest) -> Result<Option<Member>, Error> {
    let document = storage::get(&layout::member(repository, digest))?;
    document.map_or(Ok(None), parse)
}

/// None for a note and a mark.
fn parse(document: Document) -> Result<Option<Member>, Error> {
    #[derive(Deserialize)]
    struct Settled {
        size: Option<u64>,
    }
    if document.bytes == NOTE || document.bytes == DELETED {
        return Ok(None);
    }
    let settled: Settled = serde_json::from_slice(&document.bytes)
        .map_err(|error| document.damaged(format!("{error}: push the blob again")))?;
    let size = settled.size;
    Ok(Some(Member { info: document.info, size }))
}

/// Whether this member says that its repository has the blob; `Damaged` when it says nothing.
pub fn is_whole(document: Document) -> Result<bool, Error> {
    parse(document).map(|member| member.is_some())
}

/// [`is_deleted`], read and not told from the length.
pub fn is_mark(key: &str) -> Result<bool, Error> {
    Ok(storage::get(key)?.is_some_and(|member| member.bytes == DELETED))
}

/// Is it the note of an upload?
pub fn is_note(member: &Document) -> bool {
    member.bytes == NOTE
}

/// Looks whether the repository has the blob. What a repository of an earlier system has is
/// found out by reading its manifests, once.
pub fn find(repository: &RepositoryName, digest: &ContentDigest) -> Result<Found, Error> {
    Ok(find_all(repository, std::slice::from_ref(digest))?.pop().unwrap_or(Found::Nothing))
}

/// The same for several, in the order asked.
pub fn find_all(repository: &RepositoryName, digests: &[ContentDigest]) -> Result<Vec<Found>, Error> {
    let mut looks = look(repository, digests)?;
    if looks.iter().any(|look| matches!(look, Look::BytesOnly)) && adoption::ensure(repository)? {
        looks = look(repository, digests)?;
    }
    digests.iter().zip(looks).map(|(digest, look)| found(repository, digest, look)).collect()
}

fn found(repository: &RepositoryName, digest: &ContentDigest, look: Look) -> Result<Found, Error> {
    match look {
        Look::Member(member) => Ok(Found::Whole(member)),
        Look::BytesOnly | Look::Nothing => Ok(Found::Nothing),
        Look::Other(member, size) => Ok(Found::Damaged(member.damage(digest, Some(size)))),
        // A collection removes the bytes, then the members, then the condemnation: without a
        // condemnation, a member that is still there was not about to go.
        Look::Lost => {
            if storage::stat(&layout::condemned(digest))?.is_some() {
                return Ok(Found::Nothing);
            }
            let member = read(repository, digest)?;
            Ok(member.map_or(Found::Nothing, |member| Found::Damaged(member.damage(digest, None))))
        }
    }
}

/// Why the bytes of the blob are not those of its digest; none if they are, or are not here. The host reads
/// the whole blob.
pub fn other_content(digest: &ContentDigest) -> Result<Option<Error>, Error> {
    let key = layout::blob(digest);
    let Some(computed) = storage::digests(&key, &[digest.algorithm().as_str()])? else { return Ok(None) };
    if computed.contains(&digest.to_host()) {
        return Ok(None);
    }
    let computed = computed.first().map(ToString::to_string).unwrap_or_default();
    Ok(Some(Error::damaged(key, format!("its content is {computed}: push it again"))))
}

enum Look {
    Member(Member),
    /// The blob has this size, which is not the member's.
    Other(Member, u64),
    /// There is a member, and no blob.
    Lost,
    /// The bytes are here, and nothing says that this repository has them.
    BytesOnly,
    Nothing,
}

fn look(repository: &RepositoryName, digests: &[ContentDigest]) -> Result<Vec<Look>, Error> {
    let members: Vec<String> = digests.iter().map(|digest| layout::member(repository, digest)).collect();
    let blobs: Vec<String> = digests.iter().map(layout::blob).collect();
    let mut looks = Vec::with_capacity(digests.len());
    for (member, blob) in storage::get_each(&members).zip(storage::stat_many(&blobs)?) {
        let member = member?.map(parse).transpose()?.flatten();
        looks.push(match (member, blob) {
            (None, None) => Look::Nothing,
            (None, Some(_)) => Look::BytesOnly,
            (Some(_), None) => Look::Lost,
            (Some(member), Some(blob)) if !member.is_of(blob.size) => Look::Other(member, blob.size),
            (Some(member), Some(_)) => Look::Member(member),
        });
    }
    Ok(looks)
}

/// Whether the member is settled. Its length shows this, so it is not read.
pub fn is_settled(member: &ObjectInfo) -> bool {
    is_unsized(member) || member.size == SIZED_LENGTH as u64
}

/// Does it not know the size of its blob?
fn is_unsized(member: &ObjectInfo) -> bool {
    member.size == UNSIZED.len() as u64
}

/// Did a request delete it?
pub fn is_deleted(member: &ObjectInfo) -> bool {
    member.size == DELETED.len() as u64
}

impl Member {
    /// Of the blob, if it is known.
    pub fn size(&self) -> Option<u64> {
        self.size
    }

    /// May a blob of this size be the one?
    pub fn is_of(&self, size: u64) -> bool {
        self.size.is_none_or(|own| own == size)
    }

    /// That the blob is lost, or has this size, which is not its own.
    pub fn damage(&self, digest: &ContentDigest, size: Option<u64>) -> Error {
        let why = match (size, self.size) {
            (None, _) => format!("{} says that it exists, but it is lost: push it again", self.info.key),
            (Some(size), Some(own)) => format!("it has {size} bytes instead of {own}: push it again"),
            (Some(size), None) => format!("it has {size} bytes: push it again"),
        };
        Error::damaged(layout::blob(digest), why)
    }

    /// Was it written so lately that confirming it changes nothing?
    pub fn is_fresh(&self) -> Result<bool, Error> {
        Ok(storage::age(&self.info)?.is_some_and(|age| age < FRESH))
    }

    /// Call this when a client is told that the blob exists and may rely on it. The garbage collection
    /// then treats the blob as pushed at this moment.
    pub fn confirm(&self) -> Result<(), Error> {
        if self.is_fresh()? {
            return Ok(());
        }
        let precondition = Precondition::Version(&self.info.version);
        // Somebody else has just confirmed it, or deleted it.
        unless_conflict(storage::put(&self.info.key, &settled(self.size), precondition, JSON)).map(drop)
    }
}

/// What a settled member holds.
fn settled(size: Option<u64>) -> Vec<u8> {
    let Some(size) = size else { return UNSIZED.to_vec() };
    format!("{:<SIZED_LENGTH$}", format!("{{\"size\":{size}}}")).into_bytes()
}

/// Says that the repository has the blob, whatever was said before. `size` is the blob's, if it
/// is known.
fn settle(repository: &RepositoryName, digest: &ContentDigest, size: Option<u64>) -> Result<(), Error> {
    let key = layout::member(repository, digest);
    storage::put(&key, &settled(size), Precondition::Any, JSON).map(|_| ())
}

/// A blob that exists, and whose member must be written.
pub struct Lacking {
    pub digest: ContentDigest,
    /// The size of the blob, if the manifest and the store agree.
    pub size: Option<u64>,
    /// Whether the repository has the blob, and only its size is not known.
    pub is_settled: bool,
}

impl Lacking {
    /// Writes the member or its size. If a request has deleted the member meanwhile, it is not written.
    pub fn write(&self, repository: &RepositoryName) -> Result<(), Error> {
        if !self.is_settled {
            return settle(repository, &self.digest, self.size);
        }
        storage::update(&layout::member(repository, &self.digest), |member| {
            let is_there = member.is_some_and(|member| is_unsized(&member.info));
            Ok::<_, Error>(if is_there { Change::Write(settled(self.size)) } else { Change::Keep })
        })?;
        Ok(())
    }
}

/// The blobs of `digests` that exist and are not settled in the repository, or are settled without a size
/// that is in `sizes`, which come from a manifest.
pub fn lacking(
    repository: &RepositoryName,
    digests: &[ContentDigest],
    sizes: &BTreeMap<ContentDigest, u64>,
) -> Result<Vec<Lacking>, Error> {
    let members: Vec<String> = digests.iter().map(|digest| layout::member(repository, digest)).collect();
    let members = storage::stat_many(&members)?;
    let rest = digests.iter().zip(&members);
    let rest =
        rest.filter(|(_, member)| member.as_ref().is_none_or(|info| !is_settled(info) || is_unsized(info)));
    let rest: Vec<(&ContentDigest, bool)> =
        rest.map(|(digest, member)| (digest, member.as_ref().is_some_and(is_settled))).collect();
    let blobs: Vec<String> = rest.iter().map(|(digest, _)| layout::blob(digest)).collect();
    let mut lacking = Vec::new();
    for ((digest, is_settled), blob) in rest.into_iter().zip(storage::stat_many(&blobs)?) {
        let Some(blob) = blob else { continue };
        let size = sizes.get(digest).copied().filter(|size| *size == blob.size);
        if !is_settled || size.is_some() {
            lacking.push(Lacking { digest: digest.clone(), size, is_settled });
        }
    }
    Ok(lacking)
}

/// The repository no longer has the blob.
pub fn delete(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    storage::put(&layout::member(repository, digest), DELETED, Precondition::Any, JSON).map(|_| ())
}

/// False when the repository did not have it.
fn remove(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    storage::remove(&layout::member(repository, digest), Precondition::Any)
}

/// Adds a blob to a repository. `commit` verifies the bytes, gives them their key, and returns their
/// number. It is called once.
///
/// The order prevents a garbage collection from removing an acknowledged blob: first the note, then the
/// check whether the blob is condemned, then the bytes. Afterwards the note and the check again, because
/// the bytes may have taken long.
pub fn admit<E: From<Error>>(
    repository: &RepositoryName,
    digest: &ContentDigest,
    commit: impl FnOnce() -> Result<u64, E>,
) -> Result<(), E> {
    let note = note_safely(repository, digest)?;
    let size = match commit() {
        Ok(size) => size,
        Err(error) => {
            note.withdraw()?;
            return Err(error);
        }
    };
    if secure(repository, digest, Some(size))? {
        return Ok(());
    }
    let sentence = "the blob was removed while it came in; send it again";
    Err(Error::Unavailable(sentence.to_owned()).into())
}

/// Lets a repository have a blob that the caller may see, of this size if it is known. False
/// when it is gone or damaged.
pub fn mount(repository: &RepositoryName, digest: &ContentDigest, size: Option<u64>) -> Result<bool, Error> {
    secure(repository, digest, size)
}

/// Records that the repository has the blob, and rescues the blob if it is condemned. False if the blob
/// does not exist; then nothing is recorded.
fn secure(repository: &RepositoryName, digest: &ContentDigest, size: Option<u64>) -> Result<bool, Error> {
    storage::retry(&layout::condemned(digest), |_| {
        settle(repository, digest, size)?;
        if condemned::rescue(digest)? == Standing::Removing {
            return Ok(None);
        }
        Ok(match look(repository, std::slice::from_ref(digest))?.pop() {
            Some(Look::Member(_)) => Some(true),
            Some(Look::Lost | Look::Nothing) | None => {
                remove(repository, digest)?;
                Some(false)
            }
            Some(Look::Other(..)) => Some(false),
            // A collection that was at its end has taken the member along.
            Some(Look::BytesOnly) => None,
        })
    })
}

/// A note in place, and nobody after the blob.
fn note_safely<'a>(repository: &'a RepositoryName, digest: &'a ContentDigest) -> Result<Note, Error> {
    storage::retry(&layout::condemned(digest), |_| {
        let note = Note::write(repository, digest)?;
        Ok((condemned::rescue(digest)? == Standing::Safe).then_some(note))
    })
}

/// A note that an upload of a blob is in progress.
struct Note {
    key: String,
    /// The version of the written note; none if the repository has the blob already.
    version: Option<String>,
}

impl Note {
    fn write(repository: &RepositoryName, digest: &ContentDigest) -> Result<Self, Error> {
        let key = layout::member(repository, digest);
        let mut was_settled = false;
        let info = storage::update(&key, |member| {
            // One that cannot be read is written anew.
            let there = member.filter(|member| is_settled(&member.info));
            was_settled = there.is_some();
            Ok::<_, Error>(Change::Write(there.map_or_else(|| NOTE.to_vec(), |member| member.bytes.clone())))
        })?;
        Ok(Self { key, version: info.map(|info| info.version).filter(|_| !was_settled) })
    }

    /// After an upload that failed. What somebody else has written meanwhile stays.
    fn withdraw(self) -> Result<(), Error> {
        let Some(version) = self.version else {
            return Ok(());
        };
        unless_conflict(storage::remove(&self.key, Precondition::Version(&version))).map(drop)
    }
}
