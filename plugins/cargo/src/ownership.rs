//! Finds the crates that an account owns, and removes the account from their lists of owners.

use packhouse_plugin::ownership::{Holder, Ownership, Page, Thing};
use packhouse_plugin::storage::{self, Json, ListingOptions};
use packhouse_plugin::{Error, log};

use crate::Cargo;
use crate::endpoints::CRATE;
use crate::layout;
use crate::name::CrateName;
use crate::owners::Owners;

/// Documents of one page.
const PAGE: u32 = 250;

impl Ownership for Cargo {
    fn owned_by(holder: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let options = ListingOptions { after: cursor, limit: PAGE, ..ListingOptions::new(layout::OWNERS) };
        let page = storage::list_page(&options)?;
        let keys: Vec<String> = page.objects.into_iter().map(|object| object.key).collect();
        let mut things = Vec::new();
        for (key, document) in keys.iter().zip(storage::get_each_newest_strict(&keys)) {
            let owned = document.and_then(|document| {
                let Some(document) = document else { return Ok(None) };
                let owners = document.json::<Owners>()?;
                Ok(owners.list().iter().any(|owner| holder.is(owner)).then_some(owners.name))
            });
            match owned {
                Ok(Some(name)) => things.push(Thing::new(CRATE, &name)),
                Ok(None) => {}
                // Nobody owns anything by it, until it is repaired.
                Err(error @ Error::Damaged { .. }) => {
                    let fields = [("key", key.as_str()), ("error", &error.to_string())];
                    log::error("a list of owners cannot be read", &fields);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Page { things, next: page.next })
    }

    fn disown(holder: &Holder, thing: &Thing) -> Result<bool, Error> {
        let Ok(name) = CrateName::parse(&thing.name) else { return Ok(false) };
        let mut was_listed = false;
        Json::<Owners>::at(layout::owners(&name)).strict().update(|owners| {
            was_listed = false;
            let Some(mut owners) = owners else { return Ok(None) };
            was_listed = thing.kind == CRATE && owners.name == thing.name && owners.disown(holder);
            Ok::<_, Error>(was_listed.then_some(owners))
        })?;
        Ok(was_listed)
    }
}
