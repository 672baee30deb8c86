//! Finds the gems that an account owns, and removes the account from their lists of owners.

use packhouse_plugin::auth::Owner;
use packhouse_plugin::ownership::{Holder, Ownership, Page, Thing};
use packhouse_plugin::storage::{self, ListingOptions, Update};
use packhouse_plugin::{Error, log};

use crate::RubyGems;
use crate::document::Package;
use crate::endpoints::GEM;
use crate::layout;
use crate::name::GemName;
use crate::stored;

/// Documents of one page.
const PAGE: u32 = 250;

impl Ownership for RubyGems {
    fn owned_by(holder: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let options = ListingOptions { after: cursor, limit: PAGE, ..ListingOptions::new(layout::PACKAGES) };
        let page = storage::list_page(&options)?;
        let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        let mut things = Vec::new();
        for (key, document) in keys.iter().zip(storage::get_each_newest(&keys)) {
            let owned = document.and_then(|document| {
                let Some(document) = document else { return Ok(None) };
                let package = stored::parse(&document)?;
                Ok(owns(holder, &package).then_some(package.name))
            });
            match owned {
                Ok(Some(name)) => things.push(Thing::new(GEM, &name)),
                Ok(None) => {}
                // Nobody owns anything by it, until it is repaired.
                Err(error @ Error::Damaged { .. }) => {
                    let fields = [("key", key.as_str()), ("error", &error.to_string())];
                    log::error("the document of a gem cannot be read", &fields);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Page { things, next: page.next })
    }

    fn disown(holder: &Holder, thing: &Thing) -> Result<bool, Error> {
        let Ok(name) = GemName::parse(&thing.name) else { return Ok(false) };
        let mut was_listed = false;
        Update::new(&layout::document(&name)).proven().run(|document| {
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
