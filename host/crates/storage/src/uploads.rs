//! Uploads that last over several requests and hosts. No process keeps any state of them. Each
//! append is a part object of its own. One document, changed by compare-and-swap, lists the parts
//! and keeps the state of the digests.
//!
//! # Layout
//! - `.packhouse/uploads/<id>/session.json`: [`Session`].
//! - `.packhouse/uploads/<id>/<part>`: bytes of one or more appends.
//!
//! An id contains a digest of its owner, so a listing can count the uploads of one owner.
//!
//! # Invariants
//! - **Parts that the document does not list were not appended**, whatever objects exist beside it.
//! - **Nothing is appended to an upload that is being finished**: before its parts are joined, the
//!   document records that it is being finished.

mod append;
mod identity;
mod session;

use super::digest::{Algorithm, Digest, DigestState, unique};
use super::error::{Result, StorageError};
use super::key::Key;
use super::object::{ObjectInfo, Precondition};
use super::reader;
use super::scoped::Scope;
use super::staging::{Intake, compare};
use super::store::Content;
pub use append::Append;
use session::Session;
pub(super) use session::sweep;

/// How often a finish begins again because something was appended meanwhile.
const ATTEMPTS: usize = 5;

/// One upload as it was when last looked at.
#[derive(Clone)]
pub struct Upload {
    scope: Scope,
    id: String,
    session: Session,
    version: String,
    /// Looked at a moment ago, and not used since.
    is_fresh: bool,
}

/// Whose uploads are counted together, and how many may be open.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'a> {
    pub name: &'a str,
    pub most: usize,
}

impl Scope {
    /// An upload over several requests and hosts. `label` is the caller's note. `Busy` when
    /// the owner has too many open already.
    pub async fn start_upload(
        &self,
        label: &str,
        algorithms: &[Algorithm],
        owner: Owner<'_>,
    ) -> Result<Upload> {
        start(self, label, algorithms, owner).await
    }

    /// None when it never was in this scope, has ended or has expired.
    pub async fn open_upload(&self, id: &str) -> Result<Option<Upload>> {
        open(self, id).await
    }
}

async fn start(scope: &Scope, label: &str, algorithms: &[Algorithm], owner: Owner<'_>) -> Result<Upload> {
    let now = scope.now().await?;
    let group = identity::Group::new(scope.prefix(), owner.name);
    if session::count(scope.store(), group.prefix(), owner.most, now).await? >= owner.most {
        return Err(StorageError::Busy(format!(
            "{} uploads of this caller are open: finish or cancel some, or try again later",
            owner.most
        )));
    }
    let id = group.new_id();
    let session = Session::new(scope.prefix(), label, &unique(algorithms), now);
    let version = session.save(scope.store(), &id, &Precondition::Absent).await?;
    Ok(Upload { scope: scope.clone(), id, session, version, is_fresh: true })
}

async fn open(scope: &Scope, id: &str) -> Result<Option<Upload>> {
    if !session::is_id(id) {
        return Ok(None);
    }
    let Some((session, version)) = Session::load(scope.store(), id).await? else {
        return Ok(None);
    };
    if session.scope != scope.prefix() {
        return Ok(None);
    }
    if session.is_expired(scope.now().await?) {
        session::remove(scope.store(), id).await?;
        return Ok(None);
    }
    Ok(Some(Upload { scope: scope.clone(), id: id.to_owned(), session, version, is_fresh: true }))
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

    /// Bytes of memory that it takes.
    pub fn memory(&self) -> usize {
        self.session.memory()
    }

    /// Begins to append; `Conflict` with no byte taken unless it stands at `at`, and
    /// while it is being finished. Nothing is appended before [`Append::finish`].
    pub async fn append(&mut self, at: Option<u64>) -> Result<Append<'_>> {
        let now = self.scope.now().await?;
        let stands = |upload: &Self| {
            at.is_none_or(|at| at == upload.offset()) && !upload.session.is_being_finished(now)
        };
        if !std::mem::take(&mut self.is_fresh) || !stands(self) {
            self.refresh().await?;
        }
        if !stands(self) {
            return Err(StorageError::Conflict);
        }
        let hasher = DigestState::restore(&self.session.digests);
        let intake = Intake::new(self.scope.store().sink(&session::folder(&self.id)), hasher);
        Ok(Append::new(self, intake))
    }

    /// Joins the parts under `key` and ends the upload. After an error it is as it
    /// was. The digests named at the start are known; others, and BLAKE2b (whose
    /// state cannot be kept), cost reading the parts.
    ///
    /// In a task of its own: a caller that goes away does not leave it half-finished.
    pub async fn finish(
        &mut self,
        key: &Key,
        expect: &[Digest],
        precondition: &Precondition,
        content_type: Option<&str>,
    ) -> Result<ObjectInfo> {
        let target = Target {
            path: self.scope.path(key)?,
            expect: expect.to_vec(),
            precondition: precondition.clone(),
            content_type: content_type.map(str::to_owned),
        };
        let mut upload = self.clone();
        let (upload, finished) = tokio::spawn(async move {
            let finished = upload.finish_as(&target).await;
            (upload, finished)
        })
        .await?;
        *self = upload;
        finished.map(|info| self.scope.relative_info(info))
    }

    async fn finish_as(&mut self, target: &Target) -> Result<ObjectInfo> {
        let contents = self.settle(&target.expect).await?;
        match self.commit(contents, target).await {
            Ok(info) => {
                if let Err(error) = session::remove(self.scope.store(), &self.id).await {
                    tracing::warn!(%error, upload = self.id, "a finished upload could not be cleared away; it will expire");
                }
                Ok(info)
            }
            Err(error) => {
                if let Err(error) = self.save(self.session.taking_more()).await {
                    tracing::warn!(%error, upload = self.id, "an upload that could not be finished takes no more for a while");
                }
                Err(error)
            }
        }
    }

    /// Its parts, after which none can come: the document says so. Another host may
    /// have begun to finish it and be gone; if it is there, both write the same.
    async fn settle(&mut self, expect: &[Digest]) -> Result<Vec<Content>> {
        for _ in 0..ATTEMPTS {
            if !std::mem::take(&mut self.is_fresh) {
                self.refresh().await?;
            }
            let contents = self.contents().await?;
            compare(expect, &self.digests(expect, &contents).await?)?;
            match self.save(self.session.being_finished(self.scope.now().await?)).await {
                Err(StorageError::Conflict) => {}
                saved => return saved.map(|()| contents),
            }
        }
        Err(StorageError::unavailable("the upload is changed all the time; try again"))
    }

    async fn commit(&self, contents: Vec<Content>, target: &Target) -> Result<ObjectInfo> {
        let store = self.scope.store();
        let material = store.join(contents).await?;
        store.commit(&material, &target.path, &target.precondition, target.content_type.as_deref()).await
    }

    /// Removes it and its bytes.
    pub async fn cancel(&mut self) -> Result<()> {
        session::remove(self.scope.store(), &self.id).await
    }

    /// What other hosts did meanwhile. `NotFound` when it has ended.
    async fn refresh(&mut self) -> Result<()> {
        let loaded = Session::load(self.scope.store(), &self.id).await?;
        let (session, version) = loaded.ok_or(StorageError::NotFound)?;
        (self.session, self.version) = (session, version);
        Ok(())
    }

    /// `Conflict` when somebody else changed it since it was looked at.
    async fn save(&mut self, session: Session) -> Result<()> {
        let known = Precondition::Version(self.version.clone());
        self.version = session.save(self.scope.store(), &self.id, &known).await?;
        self.session = session;
        Ok(())
    }

    async fn contents(&self) -> Result<Vec<Content>> {
        let folder = session::folder(&self.id);
        let mut contents = Vec::with_capacity(self.session.parts.len());
        for part in &self.session.parts {
            contents.push(self.scope.store().kept_below(&folder, part).await?);
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

/// Where an upload ends, and under which conditions.
struct Target {
    path: String,
    expect: Vec<Digest>,
    precondition: Precondition,
    content_type: Option<String>,
}
