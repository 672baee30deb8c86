//! Reserves the name of a new crate with a document whose key is the canonical form of the name, so
//! that two spellings of one name cannot both be new. Buckets of other systems have no such documents.
//! For them, the index files of the other spellings are looked up.

use packhouse_plugin::auth::{self, Owner};
use packhouse_plugin::storage::{self, Change, Document, GRACE, ListingOptions, Update, list_page};
use packhouse_plugin::time::DAY;

use super::super::{JSON, owners_of};
use crate::access::StoredName;
use crate::error::{self, Error};
use crate::layout;
use crate::name::CrateName;
use crate::owners::Owners;

/// 409 for a name that is another spelling of one that is there. Nothing is taken yet.
pub fn check_free(name: &CrateName) -> Result<(), Error> {
    if let Some(owners) = owners_of(name).read()?
        && owners.name != name.as_str()
    {
        let other = CrateName::parse(&owners.name)?;
        if is_crate(&other)? {
            return Err(taken(name, &other));
        }
    }
    let variants = name.variants();
    let keys: Vec<String> = variants.iter().map(layout::index).collect();
    let found = if keys.is_empty() { Vec::new() } else { storage::stat_many(&keys)? };
    match variants.iter().zip(found).find(|(_, info)| info.is_some()) {
        Some((variant, _)) => {
            let stored = StoredName::find(variant)?;
            Err(taken(name, stored.as_ref().map_or(variant, StoredName::name)))
        }
        None => Ok(()),
    }
}

/// Whether the crate has an index file. `Damaged` when it had one that was lost.
fn is_crate(name: &CrateName) -> Result<bool, Error> {
    let index = layout::index(name);
    if storage::stat(&index)?.is_some() {
        return Ok(true);
    }
    storage::check_absent(&index)?;
    Ok(false)
}

/// Takes the name, or 409. A name that is taken and has no version yet is that of a publish
/// under way, or of one that a crash ended.
pub fn reserve(name: &CrateName) -> Result<(), Error> {
    let publisher = auth::caller().map(|account| Owner::of(&account));
    let key = layout::owners(name);
    Update::new(&key).content_type(JSON).stamped().run(|document| {
        let Some(document) = document else {
            storage::check_absent(&key)?;
            return Ok(Change::json(&Owners::new(name, publisher.clone()))?);
        };
        let there = owners_of(name).parse(document)?;
        check_lost(&there, name, document)?;
        if there.name == name.as_str() && !is_left_over(document)? {
            return Ok(Change::Keep);
        }
        if there.name != name.as_str() {
            let other = CrateName::parse(&there.name)?;
            if is_crate(&other)? {
                return Err(taken(name, &other));
            }
            if !is_left_over(document)? {
                return Err(Error::because(
                    error::BEING_PUBLISHED,
                    format!("the crate {other} is being published; {name} is too similar"),
                ));
            }
        }
        Ok::<_, Error>(Change::json(&Owners::new(name, publisher.clone()))?)
    })?;
    Ok(())
}

/// `Damaged` if these are the owners of a crate that was published: both its index file and the
/// proof of that were lost. Otherwise they are what a publish left that was killed.
fn check_lost(owners: &Owners, name: &CrateName, document: &Document) -> Result<(), Error> {
    let spelled = CrateName::parse(&owners.name)?;
    let index = layout::index(&spelled);
    if storage::stat(&index)?.is_some() {
        return Ok(());
    }
    // Several publishes at the same moment have files before the first of them has an index.
    let is_lost = owners.published
        || is_left_over(document)? && {
            // A publish that was killed has left one file at most, and its publisher tries again.
            let folder = layout::files(&spelled);
            let files =
                list_page(&ListingOptions { limit: 2, ..ListingOptions::new(&folder) })?.objects.len();
            let is_old = storage::age(&document.info)?.is_none_or(|age| age > DAY);
            files > 1 || (files == 1 && (is_old || spelled != *name))
        };
    if is_lost {
        let why = format!(
            "it does not exist, and `{}` lists the owners of the crate: restore it from a backup. To free the name, run `packhouse gc --orphans`, which removes everything that is left of the crate",
            document.info.key
        );
        return Err(packhouse_plugin::Error::damaged(index, why).into());
    }
    Ok(())
}

/// After a first version: its publisher is listed, also when another one took the name at
/// the same moment, and the name is taken for good.
pub fn list_publisher(name: &CrateName) -> Result<(), Error> {
    let publisher = auth::caller().map(|account| Owner::of(&account));
    owners_of(name).stamped().update(|there| {
        let before = there.clone();
        let mut owners = there.unwrap_or_else(|| Owners::new(name, None));
        owners.published = true;
        if let Some(publisher) = &publisher {
            owners.add(publisher.clone());
        }
        Ok::<_, Error>((before.as_ref() != Some(&owners)).then_some(owners))
    })?;
    Ok(())
}

/// 409 for a name that is another spelling of one that is there.
pub fn taken(name: &CrateName, there: &CrateName) -> Error {
    Error::because(
        error::NAME_TAKEN,
        format!("the crate is called {there} here, and {name} is too similar; use that name or another one"),
    )
}

fn is_left_over(document: &Document) -> Result<bool, Error> {
    Ok(storage::age(&document.info)?.is_some_and(|age| age > GRACE))
}
