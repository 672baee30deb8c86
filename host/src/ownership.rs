//! What a user owns. Packages list their owners in documents that only plugins can read, and an
//! owner may do what no grant allows. This module asks the plugins' optional export, page by page,
//! and has it remove a user from the lists. It does not know what an owner may do.
//!
//! # Invariants
//! - **A mount that did not answer is named.** A user never seems to own nothing because a plugin
//!   is missing, fails, or has no such export.
//! - **The answer is bounded**: [`MOST_THINGS`] per mount, in pages of [`LARGEST_PAGE`].

use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

use crate::auth::Holder;
use crate::capabilities::Ground;
use crate::maintenance::Caretaker;
use crate::mounts::Mount;
use crate::plugins::{CallError, Generation};
use crate::prefixes::PrefixError;
use crate::storage::StorageError;
use packhouse_guest::ownership::Page;

pub use desk::{Desk, OfConfig};

mod desk;

/// The most things of a page.
const LARGEST_PAGE: usize = 1000;
/// The most bytes of a cursor, and of a kind and a name.
const LONGEST: usize = 4 << 10;
/// The most things of one mount.
const MOST_THINGS: usize = 100_000;
/// The most pages of one mount; each covers some hundred documents.
const MOST_PAGES: usize = 1_000_000;

/// A thing that lists owners, named as in a scope.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    pub mount: String,
    pub kind: String,
    pub name: String,
}

impl std::fmt::Display for Thing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = format!("{}:{}:{}", self.mount, self.kind, self.name);
        formatter.write_str(&text.replace(char::is_control, " "))
    }
}

/// A question or an order that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// None if no mount could be asked.
    pub mount: Option<String>,
    pub why: String,
}

/// What a user owns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// In the order of their mounts.
    pub things: Vec<Thing>,
    /// The mounts whose list is missing or incomplete.
    pub unknown: Vec<Unknown>,
}

/// Why a plugin did not answer.
#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("the mount does not exist any more")]
    NoMount,
    #[error("{0}")]
    NoPlugin(String),
    #[error("its plugin {0} cannot list owners: a newer version of the plugin may")]
    NoExport(String),
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the store: {0}")]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Prefix(#[from] PrefixError),
    #[error("its plugin makes no progress: it came to {0:?} a second time")]
    NoProgress(String),
    #[error("its plugin broke a limit: {0}")]
    TooMuch(&'static str),
}

impl Caretaker {
    /// Everything that lists this user as an owner, on all configured mounts.
    pub async fn owned_by(&self, holder: &Holder) -> Inventory {
        let mut inventory = Inventory::default();
        for mount in self.all_mounts() {
            if let Err(error) = self.owned_on(&mount, holder, &mut inventory.things).await {
                inventory.unknown.push(Unknown { mount: Some(mount.name.clone()), why: error.to_string() });
            }
        }
        inventory
    }

    /// Whether this thing lists the user as an owner.
    ///
    /// # Errors
    /// A sentence if its mount does not answer.
    pub async fn owns(&self, holder: &Holder, thing: &Thing) -> Result<bool, String> {
        let found = self.all_mounts().into_iter().find(|mount| mount.name == thing.mount);
        let mount = found.ok_or_else(|| AskError::NoMount.to_string())?;
        let mut things = Vec::new();
        self.owned_on(&mount, holder, &mut things).await.map_err(|error| error.to_string())?;
        Ok(things.contains(thing))
    }

    /// Removes this user from the owner lists of these things. Returns which could not be changed.
    pub async fn disown(&self, holder: &Holder, things: &[Thing]) -> Vec<(Thing, String)> {
        let mut failed = Vec::new();
        for thing in things {
            if let Err(error) = self.disown_one(holder, thing).await {
                failed.push((thing.clone(), error.to_string()));
            }
        }
        failed
    }

    async fn disown_one(&self, holder: &Holder, thing: &Thing) -> Result<bool, AskError> {
        let found = self.all_mounts().into_iter().find(|mount| mount.name == thing.mount);
        let mount = found.ok_or_else(|| AskError::NoMount)?;
        let generation = self.registrar_of(&mount).await?;
        let ground = self.ground(&mount, &generation, false)?;
        Ok(generation.disown(ground, holder, &thing.kind, &thing.name).await?)
    }

    async fn owned_on(
        &self,
        mount: &Arc<Mount>,
        holder: &Holder,
        things: &mut Vec<Thing>,
    ) -> Result<(), AskError> {
        let generation = self.registrar_of(mount).await?;
        let (mut cursor, mut seen, mut found) = (None::<String>, HashSet::new(), 0);
        for _ in 0..MOST_PAGES {
            let ground = self.ground(mount, &generation, true)?;
            let page = check(generation.owned_by(ground, holder, cursor.as_deref()).await?)?;
            found += page.things.len();
            let of_mount = |(kind, name)| Thing { mount: mount.name.clone(), kind, name };
            things.extend(page.things.into_iter().map(of_mount));
            let Some(next) = page.next else { return Ok(()) };
            if found >= MOST_THINGS {
                return Err(AskError::TooMuch("the list is longer than what is shown"));
            }
            if !seen.insert(blake3::hash(next.as_bytes())) {
                return Err(AskError::NoProgress(next));
            }
            cursor = Some(next);
        }
        Err(AskError::TooMuch("it has not ended after a million pages"))
    }

    async fn registrar_of(&self, mount: &Mount) -> Result<Arc<Generation>, AskError> {
        let generation = self.plugins.serving(&mount.plugin);
        let generation = generation.ok_or_else(|| AskError::NoPlugin(self.plugins.absence(&mount.plugin)))?;
        self.check_protocol(mount, &generation).await?;
        if generation.has_ownership() {
            Ok(generation)
        } else {
            Err(AskError::NoExport(mount.plugin.clone()))
        }
    }

    fn ground(
        &self,
        mount: &Arc<Mount>,
        generation: &Generation,
        is_read_only: bool,
    ) -> Result<Box<Ground>, StorageError> {
        Ok(Box::new(Ground {
            mount: Arc::clone(mount),
            description: Arc::clone(&generation.description),
            storage: self.storage.scope(&mount.prefix)?,
            is_read_only,
            limits: self.limits,
            resources: self.resources.clone(),
            now: SystemTime::now(),
        }))
    }

    /// Includes disabled mounts, because their lists are valid again when they are enabled.
    fn all_mounts(&self) -> Vec<Arc<Mount>> {
        let mut all: Vec<_> = self.mounts.iter().cloned().collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }
}

fn check(page: Page) -> Result<Page, AskError> {
    if page.things.len() > LARGEST_PAGE {
        return Err(AskError::TooMuch("a page has more than 1000 entries"));
    }
    let parts = page.things.iter().flat_map(|(kind, name)| [kind, name]).chain(&page.next);
    if parts.into_iter().any(|part| part.len() > LONGEST) {
        return Err(AskError::TooMuch("a name or a cursor has more than 4 KiB"));
    }
    Ok(page)
}
