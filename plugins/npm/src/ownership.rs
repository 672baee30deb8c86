//! Finds the packages that list an account as a maintainer, and removes the account there.

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::void_removal;
use packhouse_plugin::ownership::{Holder, Ownership, Page, Survey, Thing};
use packhouse_plugin::storage::{Change, Update};

use crate::Npm;
use crate::document::{Packument, said};
use crate::endpoints::{PACKAGE, now};
use crate::layout;
use crate::name::PackageName;

impl Ownership for Npm {
    fn owned_by(holder: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let is_index = |key: &str| layout::package_of_index(key).is_some();
        Survey::of(layout::PACKAGES).page(cursor, is_index, |document| {
            let Some(name) = layout::package_of_index(&document.info.key) else { return Ok(None) };
            let packument = Packument::parse(&document.bytes).map_err(|error| document.damaged(error))?;
            packument.check_to_read(&name).map_err(|why| document.damaged(why))?;
            let is_listed = packument.owners().iter().any(|owner| holder.is(owner));
            Ok(is_listed.then(|| Thing::new(PACKAGE, name.as_str())))
        })
    }

    fn disown(holder: &Holder, thing: &Thing) -> Result<bool, Error> {
        let Ok(name) = PackageName::parse(&thing.name) else { return Ok(false) };
        if thing.kind != PACKAGE {
            return Ok(false);
        }
        let mut was_listed = false;
        Update::new(&layout::index(&name)).proven().saying(said).run(|document| {
            was_listed = false;
            let Some(document) = document else { return Ok(Change::Keep) };
            let mut packument = Packument::parse(&document.bytes)?;
            was_listed = packument.disown(holder);
            if !was_listed {
                return Ok(Change::Keep);
            }
            packument.touch(&now());
            void_removal(&document.info.key)?;
            Ok::<_, Error>(Change::Write(packument.to_bytes()))
        })?;
        Ok(was_listed)
    }
}
