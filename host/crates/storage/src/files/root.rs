//! The store's folder. Every call opens it again, and only if it is the right one: a disk may be
//! unmounted, and another folder may be in its place. **Only this module creates the folder**, at
//! the first start.
//!
//! Opening it costs a look at one file: the folder is the right one as long as the file with its
//! identity is the same and has not changed. Otherwise the file is read.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inside::{FileState, Inside, is_about_writing, sync};
use super::lock::HostLock;
use super::sink::STAGING;
use super::{is_nothing, lock};
use crate::error::{Result, StorageError};
use crate::identity::{self, Identity, Opening, StoreId, Verdict, Wanted};
use crate::store::Company;

pub(super) struct Root {
    path: PathBuf,
    opening: Opening,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    admitted: Option<Admitted>,
    /// Of the store that was used first: no other is from then on.
    id: Option<StoreId>,
    /// With whom this process means to share the folder, once it is told.
    company: Option<Company>,
    /// This host's.
    lock: Option<HostLock>,
    /// Why it is not used, as it was logged.
    told: Option<String>,
}

struct Admitted {
    /// Of the file with the identity; none where there is no such file.
    file: Option<FileState>,
}

impl Root {
    pub fn new(path: &Path, opening: &Opening) -> Self {
        Self { path: path.to_owned(), opening: opening.clone(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the folder where it may be made. An error only when it can be neither used nor
    /// waited for.
    pub fn prepare(&self) -> Result<()> {
        if self.opening.may_make && !matches!(self.opening.wanted, Wanted::Known(_)) {
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path);
            made.map_err(|error| self.about(error.into()))?;
        }
        match self.enter() {
            // A host waits until it comes back.
            Err(StorageError::Unavailable(_)) if self.opening.may_make => Ok(()),
            entered => entered.map(|_| ()),
        }
    }

    /// The folder, open. `Unavailable` with a sentence when it is away or not the right one.
    pub fn enter(&self) -> Result<Inside> {
        let inside = match Inside::open(&self.path) {
            Ok(inside) => inside,
            Err(error) if is_nothing(&error) => {
                return Err(self.refuse(StorageError::unavailable("it is not there; is its disk mounted?")));
            }
            Err(error) => return Err(self.about(error.into())),
        };
        let file = inside.state(identity::PATH).ok();
        if self.state().is_admitted(&inside, file) {
            return Ok(inside);
        }
        match self.admit(&inside) {
            Ok(()) => Ok(inside),
            Err(StorageError::Invalid(sentence)) => Err(self.refuse(StorageError::unavailable(sentence))),
            Err(error) => Err(self.refuse(error)),
        }
    }

    /// Does this work inside. What it does not find is only absent if the folder is still the
    /// right one.
    pub fn inside<T: Finding>(&self, work: impl FnOnce(&Inside) -> Result<T>) -> Result<T> {
        let inside = self.enter()?;
        let result = work(&inside);
        let is_absent = match &result {
            Ok(found) => found.is_absent(),
            Err(error) => matches!(error, StorageError::NotFound),
        };
        if is_absent {
            if result.is_err() {
                // The host's own folders may be missing: they are made when it is admitted.
                self.state().admitted = None;
            }
            self.enter()?;
        }
        result
    }

    /// The identity of the folder that is used now.
    pub fn id(&self) -> Option<StoreId> {
        self.enter().ok()?;
        self.state().id.clone()
    }

    /// Takes this host's lock on the folder, now or when it comes back. `Invalid` with a
    /// sentence when another host has it.
    pub fn share_with(&self, company: Company) -> Result<()> {
        self.state().company = Some(company);
        let Ok(inside) = Inside::open(&self.path) else { return Ok(()) };
        match self.admit(&inside) {
            Err(StorageError::Invalid(sentence)) => Err(StorageError::Invalid(sentence)),
            // Told already, when it was opened.
            _ => Ok(()),
        }
    }

    /// Gives the lock back.
    pub fn leave(&self) {
        let mut state = self.state();
        (state.company, state.lock) = (None, None);
    }

    /// Looks at the identity, and makes one where it may.
    fn admit(&self, inside: &Inside) -> Result<()> {
        let mut state = self.state();
        state.admitted = None;
        let wanted = state.id.clone().map_or_else(|| self.opening.wanted.clone(), Wanted::Known);
        let id = match wanted.judge(read_identity(inside)?.as_ref())? {
            Verdict::Use(id) => Some(id),
            Verdict::Make(identity) if self.opening.may_make => {
                Some(make_identity(inside, &wanted, &identity)?)
            }
            Verdict::Make(_) => None,
        };
        // A store without an identity is as it was found.
        if !self.opening.only_reads && id.is_some() {
            prepare_private(inside)?;
        }
        state.take_lock(inside)?;
        let file = inside.state(identity::PATH).ok();
        state.id = id;
        state.admitted = Some(Admitted { file });
        if state.told.take().is_some() {
            tracing::info!(folder = %self.path.display(), "the storage folder is back");
        }
        Ok(())
    }

    /// Logged once, not with every call.
    fn refuse(&self, error: StorageError) -> StorageError {
        let error = self.about(error);
        let sentence = error.to_string();
        let mut state = self.state();
        state.admitted = None;
        if self.opening.may_make && state.told.as_ref() != Some(&sentence) {
            tracing::error!("{sentence}");
            state.told = Some(sentence);
        }
        error
    }

    fn about(&self, error: StorageError) -> StorageError {
        error.about(&format!("the storage folder `{}`", self.path.display()))
    }
}

impl State {
    /// The identity was read in this state of its file, and nobody has taken the lock away.
    fn is_admitted(&self, inside: &Inside, file: Option<FileState>) -> bool {
        self.admitted.as_ref().is_some_and(|admitted| admitted.file == file)
            && self.lock.as_ref().is_none_or(|lock| lock.holds(inside))
    }

    fn take_lock(&mut self, inside: &Inside) -> Result<()> {
        let Some(company) = self.company else { return Ok(()) };
        if self.lock.as_ref().is_some_and(|lock| lock.is_of(inside)) {
            return Ok(());
        }
        self.lock = None;
        self.lock = lock::host(inside, company)?;
        Ok(())
    }
}

/// What a look may find.
pub(super) trait Finding {
    fn is_absent(&self) -> bool {
        false
    }
}

impl<T> Finding for Option<T> {
    fn is_absent(&self) -> bool {
        self.is_none()
    }
}

impl Finding for bool {
    fn is_absent(&self) -> bool {
        !self
    }
}

impl Finding for crate::object::Listing {
    fn is_absent(&self) -> bool {
        self.objects.is_empty() && self.folders.is_empty()
    }
}

impl Finding for File {}
impl Finding for u64 {}

fn read_identity(inside: &Inside) -> Result<Option<Identity>> {
    let mut bytes = Vec::new();
    match inside.read(identity::PATH) {
        Ok(file) => file.take(identity::MAX_BYTES).read_to_end(&mut bytes)?,
        Err(error) if is_nothing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    Identity::parse(&bytes).map(Some)
}

/// Under a name of its own, then linked: of several hosts that start at once, one makes it.
fn make_identity(inside: &Inside, wanted: &Wanted, identity: &Identity) -> Result<StoreId> {
    prepare_private(inside)?;
    let path = format!("{STAGING}/{}", uuid::Uuid::new_v4().simple());
    let mut file = inside.create(&path)?;
    file.write_all(&identity.bytes()?)?;
    file.sync_all()?;
    let linked = inside.link(&path, identity::PATH);
    sync(inside.remove(&path)?)?;
    match linked {
        Ok(()) => Ok(identity.id.clone()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            match wanted.judge(read_identity(inside)?.as_ref())? {
                Verdict::Use(id) => Ok(id),
                Verdict::Make(_) => {
                    Err(StorageError::unavailable("its identity vanished while it was read; try again"))
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// The host's own folders and files. On a full or read-only disk, those that are there do.
fn prepare_private(inside: &Inside) -> Result<()> {
    for folder in [".packhouse", STAGING, lock::LOCKS] {
        match inside.make_folder(folder) {
            Ok(above) => sync(above)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if is_about_writing(&error) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    match lock::prepare(inside) {
        Err(error) if !is_about_writing(&error) => Err(error.into()),
        _ => Ok(()),
    }
}
