//! Finds the packages that list an account as a maintainer, and removes the account there.

use packhouse_plugin::maintenance::void_removal;
use packhouse_plugin::ownership::{Holder, Ownership, Page, Thing};
use packhouse_plugin::storage::{self, Change, ListingOptions, Update};
use packhouse_plugin::{Error, log};

use crate::Npm;
use crate::document::Packument;
use crate::endpoints::{PACKAGE, now};
use crate::layout;
use crate::name::PackageName;

/// Keys of one page: packuments, and tarballs beside them.
const KEYS: u32 = 1000;
/// Bytes of packuments after which a page ends.
const MOST_READ: u64 = 16 << 20;

impl Ownership for Npm {
    fn owned_by(holder: &Holder, cursor: Option<&str>) -> Result<Page, Error> {
        let options = ListingOptions { after: cursor, limit: KEYS, ..ListingOptions::new(layout::PACKAGES) };
        let listing = storage::list_page(&options)?;
        let keys = listing.objects.iter().map(|object| object.key.clone());
        let packages: Vec<(String, PackageName)> =
            keys.filter_map(|key| Some((key.clone(), layout::package_of_index(&key)?))).collect();
        let mut page = Page { things: Vec::new(), next: listing.next };
        let keys: Vec<&str> = packages.iter().map(|(key, _)| key.as_str()).collect();
        let mut bytes = 0;
        for ((key, name), document) in packages.iter().zip(storage::get_each_newest(&keys)) {
            let is_owned = document.and_then(|document| {
                let Some(document) = document else { return Ok(false) };
                bytes += document.bytes.len() as u64;
                let packument = Packument::parse(&document.bytes).map_err(|why| document.damaged(why))?;
                Ok(packument.owners().iter().any(|owner| holder.is(owner)))
            });
            match is_owned {
                Ok(true) => page.things.push(Thing::new(PACKAGE, name.as_str())),
                Ok(false) => {}
                // Nobody owns anything by it, until it is repaired.
                Err(error @ Error::Damaged { .. }) => {
                    let fields = [("key", key.as_str()), ("error", &error.to_string())];
                    log::error("a stored packument cannot be read", &fields);
                }
                Err(error) => return Err(error),
            }
            if bytes > MOST_READ {
                page.next = Some(key.clone());
                break;
            }
        }
        Ok(page)
    }

    fn disown(holder: &Holder, thing: &Thing) -> Result<bool, Error> {
        let Ok(name) = PackageName::parse(&thing.name) else { return Ok(false) };
        if thing.kind != PACKAGE {
            return Ok(false);
        }
        let mut was_listed = false;
        Update::new(&layout::index(&name)).proven().run(|document| {
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
