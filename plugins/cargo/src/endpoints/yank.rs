//! Yanking. Cargo no longer selects a yanked version, but still downloads it if a lock file contains
//! it.

use packhouse_plugin::storage::{Change, Update};
use packhouse_plugin::{Call, Response, log, settings};

use super::{TEXT, crate_name, crate_version, done, no_crate, no_version};
use crate::access::StoredName;
use crate::document::{Index, said};
use crate::error::Error;
use crate::layout;

/// `DELETE /api/v1/crates/{crate}/{version}/yank`.
pub fn yank(call: &Call) -> Result<Response, Error> {
    set_yanked(call, true)
}

/// `PUT /api/v1/crates/{crate}/{version}/unyank`.
pub fn unyank(call: &Call) -> Result<Response, Error> {
    set_yanked(call, false)
}

fn set_yanked(call: &Call, yanked: bool) -> Result<Response, Error> {
    let stored = StoredName::require_owned(&crate_name(call)?, "yank")?;
    let name = stored.name();
    settings::require_feature("yank")?;
    let version = crate_version(call)?;
    Update::new(&layout::index(name)).content_type(TEXT).proven().saying(said).run(|document| {
        let document = document.filter(|document| stored.is_of(document)).ok_or_else(|| no_crate(name))?;
        let index = Index::new(&document.bytes);
        index.check_to_change(name).map_err(|why| document.damaged(why))?;
        index.find(&version).ok_or_else(|| no_version(name, &version))?;
        Ok::<_, Error>(index.with_yanked(&version, yanked).map_or(Change::Keep, Change::Write))
    })?;
    let fields = [("crate.name", name.as_str()), ("crate.version", &version.to_string())];
    log::info(if yanked { "yanked a version" } else { "unyanked a version" }, &fields);
    Ok(done())
}
