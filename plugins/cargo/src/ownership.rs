//! Finds the crates that an account owns, and removes the account from their lists of owners.

use packhouse_plugin::Error;
use packhouse_plugin::ownership::{Holder, Ownership, Page, Survey, Thing};
use packhouse_plugin::storage::Json;

use crate::Cargo;
use crate::endpoints::CRATE;
use crate::layout;
use crate::maintenance::wrong_owners;
use crate::name::CrateName;
use crate::owners::Owners;

impl Ownership for Cargo {
    fn owned_by(holder: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let is_list = |key: &str| layout::crate_of_owners(key).is_some();
        Survey::of(layout::OWNERS).strict().page(cursor, is_list, |document| {
            let owners: Owners = document.json()?;
            if let Some(why) = wrong_owners(&document.info.key, &owners) {
                return Err(document.damaged(why));
            }
            let is_listed = owners.list().iter().any(|owner| holder.is(owner));
            Ok(is_listed.then(|| Thing::new(CRATE, &owners.name)))
        })
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
