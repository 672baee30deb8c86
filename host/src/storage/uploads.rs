//! Uploads that last over several requests and hosts. Nothing of them lives in a
//! process: each append is a part object of its own, and one document, changed by
//! compare-and-swap, says which parts there are and how far the digests have come.
//!
//! # Layout
//! - `.packhouse/uploads/<id>/session.json`: [`Session`].
//! - `.packhouse/uploads/<id>/<part>`: the bytes of one append.

mod session;

use bytes::Bytes;

use super::backend::{Content, Material, ObjectInfo, Precondition};
use super::digest::{Algorithm, Digest, DigestState, unique};
use super::error::{Result, StorageError};
use super::key::Key;
use super::reader;
use super::scoped::Scope;
use super::staging::{Intake, compare};
pub(super) use session::sweep;
use session::{Part, Session};

/// One upload as it was when last looked at.
pub struct Upload {
    scope: Scope,
    id: String,
    session: Session,
    version: String,
}

pub(super) async fn start(scope: &Scope, label: &str, algorithms: &[Algorithm]) -> Result<Upload> {
    let id = uuid::Uuid::new_v4().to_string();
    let session = Session::new(scope.prefix(), label, &unique(algorithms));
    let version = session.save(scope.backend(), &id, &Precondition::Absent).await?;
    Ok(Upload { scope: scope.clone(), id, session, version })
}

pub(super) async fn open(scope: &Scope, id: &str) -> Result<Option<Upload>> {
    if !session::is_id(id) {
        return Ok(None);
    }
    let Some((session, version)) = Session::load(scope.backend(), id).await? else {
        return Ok(None);
    };
    if session.scope != scope.prefix() {
        return Ok(None);
    }
    if session.is_expired() {
        session::remove(scope.backend(), id).await?;
        return Ok(None);
    }
    Ok(Some(Upload { scope: scope.clone(), id: id.to_owned(), session, version }))
}

impl Upload {
    /// Hard to guess; letters, digits and `-`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The caller's note.
    pub fn label(&self) -> &str {
        &self.session.label
    }

    /// Bytes so far, also after a `Conflict`.
    pub fn offset(&self) -> u64 {
        self.session.offset()
    }

    /// Begins to append; `Conflict` with no byte taken unless it stands at `at`.
    /// Nothing is appended before [`Append::finish`].
    pub async fn append(&mut self, at: Option<u64>) -> Result<Append<'_>> {
        self.refresh().await?;
        if at.is_some_and(|at| at != self.offset()) {
            return Err(StorageError::Conflict);
        }
        let hasher = DigestState::restore(&self.session.digests);
        let intake = Intake::new(self.scope.backend().sink(), hasher);
        Ok(Append { upload: self, intake })
    }

    /// Joins the parts under `key` and ends the upload. After an error it is as it
    /// was. The digests named at the start are known; others, and BLAKE2b (whose
    /// state cannot be kept), cost reading the parts.
    pub async fn finish(
        &mut self,
        key: &Key,
        expect: &[Digest],
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let path = self.scope.path(key)?;
        self.refresh().await?;
        let contents = self.open_parts().await?;
        compare(expect, &self.digests(expect, &contents).await?)?;
        let backend = self.scope.backend();
        let material = backend.join(contents).await?;
        let info = backend.commit(&material, &path, precondition, content_type).await?;
        drop(material);
        if let Err(error) = session::remove(backend, &self.id).await {
            tracing::warn!(%error, upload = self.id, "a finished upload could not be cleared away; it will expire");
        }
        Ok(self.scope.relative_info(info))
    }

    /// Removes it and its bytes.
    pub async fn cancel(&mut self) -> Result<()> {
        session::remove(self.scope.backend(), &self.id).await
    }

    /// What other hosts did meanwhile. `NotFound` when it has ended.
    async fn refresh(&mut self) -> Result<()> {
        let loaded = Session::load(self.scope.backend(), &self.id).await?;
        let (session, version) = loaded.ok_or(StorageError::NotFound)?;
        (self.session, self.version) = (session, version);
        Ok(())
    }

    async fn open_parts(&self) -> Result<Vec<Content>> {
        let mut contents = Vec::with_capacity(self.session.parts.len());
        for part in &self.session.parts {
            let opened = self.scope.backend().open(&session::path(&self.id, &part.name)).await?;
            let (_, content) = opened.ok_or(StorageError::NotFound)?;
            if content.size() != part.size {
                return Err(StorageError::other("a part of the upload is damaged"));
            }
            contents.push(content);
        }
        Ok(contents)
    }

    /// Those of the saved state, and what else is expected.
    async fn digests(&self, expect: &[Digest], contents: &[Content]) -> Result<Vec<Digest>> {
        let mut known = DigestState::restore(&self.session.digests).finish();
        let is_known = |one: &Algorithm| known.iter().any(|digest| digest.algorithm == *one);
        let missing: Vec<_> =
            expect.iter().map(|digest| digest.algorithm).filter(|one| !is_known(one)).collect();
        if !missing.is_empty() {
            let mut hasher = DigestState::new(&missing);
            for content in contents {
                hasher = reader::hash(content, 0..content.size(), hasher).await?;
            }
            known.extend(hasher.finish());
        }
        Ok(known)
    }
}

/// One append on its way. Dropped, nothing was appended.
pub struct Append<'a> {
    upload: &'a mut Upload,
    intake: Intake,
}

impl Append<'_> {
    pub async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.intake.write(bytes).await
    }

    /// Bytes of this append so far.
    pub fn written(&self) -> u64 {
        self.intake.written()
    }

    /// Gives the new offset. `Truncated` and unchanged unless it was `length`
    /// bytes; `Conflict` and unchanged when another append came first.
    pub async fn finish(self, length: Option<u64>) -> Result<u64> {
        let Self { upload, intake } = self;
        let size = intake.written();
        if length.is_some_and(|length| length != size) {
            return Err(StorageError::Truncated);
        }
        let (material, _, hasher) = intake.finish().await?;
        let mut session = upload.session.clone();
        session.touch(&hasher.save());
        let part = if size > 0 { Some(upload.place(&material, size).await?) } else { None };
        session.parts.extend(part.clone());
        let backend = upload.scope.backend();
        match session.save(backend, &upload.id, &Precondition::Version(upload.version.clone())).await {
            Ok(version) => {
                (upload.session, upload.version) = (session, version);
                Ok(upload.offset())
            }
            // Another append came first: nothing names our part.
            Err(StorageError::Conflict) => {
                if let Some(part) = part {
                    backend.remove(&session::path(&upload.id, &part.name), &Precondition::Any).await?;
                }
                upload.refresh().await?;
                Err(StorageError::Conflict)
            }
            // It may have been saved and only its answer lost: the session says. A part that
            // it does not name goes with the session.
            Err(error) => {
                upload.refresh().await?;
                let is_named = |part: &Part| upload.session.parts.iter().any(|saved| saved.name == part.name);
                if part.as_ref().is_some_and(is_named) { Ok(upload.offset()) } else { Err(error) }
            }
        }
    }
}

impl Upload {
    /// Under a name that no other append takes.
    async fn place(&self, material: &Material, size: u64) -> Result<Part> {
        let name = format!("{:06}-{}", self.session.parts.len(), uuid::Uuid::new_v4().simple());
        let path = session::path(&self.id, &name);
        self.scope.backend().commit(material, &path, &Precondition::Absent, None).await?;
        Ok(Part { name, size })
    }
}
