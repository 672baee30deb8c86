//! Finds the gems that an account owns, and removes the account from their lists of owners.

use packhouse_plugin::Error;
use packhouse_plugin::auth::Owner;
use packhouse_plugin::ownership::{Holder, Ownership, Page, Survey, Thing};
use packhouse_plugin::storage::{self, Update};

use crate::RubyGems;
use crate::document::Package;
use crate::endpoints::GEM;
use crate::layout;
use crate::name::GemName;
use crate::stored;

impl Ownership for RubyGems {
    fn owned_by(holder: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let is_document = |key: &str| layout::gem_of_document(key).is_some();
        Survey::of(layout::PACKAGES).page(cursor, is_document, |document| {
            let package = stored::parse(document)?;
            Ok(owns(holder, &package).then(|| Thing::new(GEM, &package.name)))
        })
    }

    fn disown(holder: &Holder, thing: &Thing) -> Result<bool, Error> {
        let Ok(name) = GemName::parse(&thing.name) else { return Ok(false) };
        let mut was_listed = false;
        Update::new(&layout::document(&name)).proven().saying(stored::said).run(|document| {
            was_listed = false;
            let package = document.map(stored::parse).transpose()?;
            let Some(mut package) = package.filter(|package| thing.kind == GEM && package.name == thing.name)
            else {
                return Ok::<_, Error>(storage::Change::Keep);
            };
            was_listed = package.disown(holder);
            if was_listed { storage::Change::json(&package) } else { Ok(storage::Change::Keep) }
        })?;
        Ok(was_listed)
    }
}

fn owns(holder: &Holder, package: &Package) -> bool {
    package.owners().iter().any(|owner: &Owner| holder.is(owner))
}
