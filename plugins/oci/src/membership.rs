//! Which blobs are visible in which repository. Their bytes lie there once for all; a member
//! object says that a repository has them.
//!
//! # Invariants
//! - A member is settled when it is `{}`. While an upload is under way it is a note that
//!   keeps the bytes from being collected and shows them to nobody: only who brought the
//!   bytes gets to see them.
//! - When a member was last written says when somebody last brought the blob or was told that
//!   it is there; the garbage collection goes by it.
//! - A member that a request deleted stays as a mark until the bytes are gone: it tells the
//!   garbage collection that they may go.
//! - Bytes are never removed here.

use packhouse_plugin::Error;
use packhouse_plugin::storage::{self, Change, ObjectInfo, Precondition};

use crate::condemned::{self, Standing};
use crate::digest::ContentDigest;
use crate::name::RepositoryName;
use crate::{adoption, layout};

/// What a settled member holds.
const SETTLED: &[u8] = b"{}";
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
}

/// Looks whether the repository has the blob. What a repository of an earlier system has is
/// found out by reading its manifests, once.
pub fn find(repository: &RepositoryName, digest: &ContentDigest) -> Result<Option<Member>, Error> {
    Ok(find_all(repository, std::slice::from_ref(digest))?.pop().flatten())
}

/// The same for several, side by side, in the order asked.
pub fn find_all(
    repository: &RepositoryName,
    digests: &[ContentDigest],
) -> Result<Vec<Option<Member>>, Error> {
    let mut looks = look(repository, digests)?;
    if looks.iter().any(|look| matches!(look, Look::BytesOnly)) && adoption::ensure(repository)? {
        looks = look(repository, digests)?;
    }
    let member = |look| if let Look::Member(member) = look { Some(member) } else { None };
    Ok(looks.into_iter().map(member).collect())
}

enum Look {
    Member(Member),
    /// The bytes are here, and nothing says that this repository has them.
    BytesOnly,
    Nothing,
}

fn look(repository: &RepositoryName, digests: &[ContentDigest]) -> Result<Vec<Look>, Error> {
    let pairs = digests.iter().map(|digest| [layout::member(repository, digest), layout::blob(digest)]);
    let keys: Vec<String> = pairs.flatten().collect();
    let mut found = storage::stat_many(&keys)?.into_iter();
    let mut looks = Vec::with_capacity(digests.len());
    while let (Some(member), Some(blob)) = (found.next(), found.next()) {
        looks.push(match (member, blob) {
            (_, None) => Look::Nothing,
            (Some(info), Some(_)) if is_settled(&info) => Look::Member(Member { info }),
            (_, Some(_)) => Look::BytesOnly,
        });
    }
    Ok(looks)
}

/// Told from its length, so that nothing needs to be read.
pub fn is_settled(member: &ObjectInfo) -> bool {
    member.size == SETTLED.len() as u64
}

/// Did a request delete it?
pub fn is_deleted(member: &ObjectInfo) -> bool {
    member.size == DELETED.len() as u64
}

impl Member {
    /// Was it written so lately that confirming it changes nothing?
    pub fn is_fresh(&self) -> Result<bool, Error> {
        Ok(storage::age(&self.info)?.is_some_and(|age| age < FRESH))
    }

    /// To be called when somebody who may rely on it is told that the blob is there: from now
    /// on it counts as brought at this moment.
    pub fn confirm(&self) -> Result<(), Error> {
        if self.is_fresh()? {
            return Ok(());
        }
        match storage::put(&self.info.key, SETTLED, Precondition::Version(&self.info.version), JSON) {
            // Somebody else has just confirmed it, or deleted it.
            Ok(_) | Err(Error::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Says that the repository has the blob, whatever was said before.
pub fn settle(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    storage::put(&layout::member(repository, digest), SETTLED, Precondition::Any, JSON).map(|_| ())
}

/// Which of these blobs are here and not settled in the repository.
pub fn missing(repository: &RepositoryName, digests: &[ContentDigest]) -> Result<Vec<ContentDigest>, Error> {
    let members: Vec<String> = digests.iter().map(|digest| layout::member(repository, digest)).collect();
    let members = storage::stat_many(&members)?;
    let lacking = digests.iter().zip(members);
    let lacking = lacking.filter(|(_, member)| !member.as_ref().is_some_and(is_settled));
    let lacking: Vec<&ContentDigest> = lacking.map(|(digest, _)| digest).collect();
    let blobs: Vec<String> = lacking.iter().map(|digest| layout::blob(digest)).collect();
    let here = lacking.into_iter().zip(storage::stat_many(&blobs)?).filter(|(_, blob)| blob.is_some());
    Ok(here.map(|(digest, _)| digest.clone()).collect())
}

/// The repository no longer has the blob.
pub fn delete(repository: &RepositoryName, digest: &ContentDigest) -> Result<(), Error> {
    storage::put(&layout::member(repository, digest), DELETED, Precondition::Any, JSON).map(|_| ())
}

/// False when the repository did not have it.
fn remove(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    storage::remove(&layout::member(repository, digest), Precondition::Any)
}

/// Brings a blob into a repository. `commit` verifies the bytes and gives them their key; it
/// is called once.
///
/// The order keeps a garbage collection from removing what is acknowledged: the note first,
/// then a look at what is condemned, then the bytes, then all of it once more, since the
/// bytes may have taken long.
pub fn admit<T, E: From<Error>>(
    repository: &RepositoryName,
    digest: &ContentDigest,
    commit: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let note = note_safely(repository, digest)?;
    let committed = match commit() {
        Ok(committed) => committed,
        Err(error) => {
            note.withdraw()?;
            return Err(error);
        }
    };
    if secure(repository, digest)? {
        return Ok(committed);
    }
    let sentence = "the blob was removed by the garbage collection while it came in; send it again";
    Err(Error::Unavailable(sentence.to_owned()).into())
}

/// Lets a repository have a blob that the caller may see. False when it is gone.
pub fn mount(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    secure(repository, digest)
}

/// Says that the repository has the blob and sees to it that nobody is after it; false, and
/// nothing is said, when its bytes are not here.
fn secure(repository: &RepositoryName, digest: &ContentDigest) -> Result<bool, Error> {
    let mut attempt = 0;
    loop {
        settle(repository, digest)?;
        if condemned::rescue(digest)? == Standing::Safe {
            match look(repository, std::slice::from_ref(digest))?.pop() {
                Some(Look::Member(_)) => return Ok(true),
                Some(Look::Nothing) | None => return remove(repository, digest).map(|_| false),
                // A collection that was at its end has taken the member along.
                Some(Look::BytesOnly) => {}
            }
        }
        attempt += 1;
        condemned::wait(digest, attempt)?;
    }
}

/// A note in place, and nobody after the blob.
fn note_safely<'a>(repository: &'a RepositoryName, digest: &'a ContentDigest) -> Result<Note, Error> {
    let mut attempt = 0;
    loop {
        let note = Note::write(repository, digest)?;
        if condemned::rescue(digest)? == Standing::Safe {
            return Ok(note);
        }
        attempt += 1;
        condemned::wait(digest, attempt)?;
    }
}

/// That an upload of a blob is under way.
struct Note {
    key: String,
    /// Of what was written; none where the repository has the blob already.
    version: Option<String>,
}

impl Note {
    fn write(repository: &RepositoryName, digest: &ContentDigest) -> Result<Self, Error> {
        let key = layout::member(repository, digest);
        let mut was_settled = false;
        let info = storage::update(&key, |member| {
            was_settled = member.is_some_and(|member| is_settled(&member.info));
            let bytes = if was_settled { SETTLED } else { NOTE };
            Ok::<_, Error>(Change::Write(bytes.to_vec()))
        })?;
        Ok(Self { key, version: info.map(|info| info.version).filter(|_| !was_settled) })
    }

    /// After an upload that failed. What somebody else has written meanwhile stays.
    fn withdraw(self) -> Result<(), Error> {
        let Some(version) = self.version else {
            return Ok(());
        };
        match storage::remove(&self.key, Precondition::Version(&version)) {
            Ok(_) | Err(Error::Conflict) => Ok(()),
            Err(error) => Err(error),
        }
    }
}
