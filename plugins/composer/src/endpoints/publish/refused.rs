//! Removes what a refused publish has written. Otherwise a `reindex` could make a version of it.

use packhouse_plugin::storage::{self, Proof, Removal};
use packhouse_plugin::{Error as HostError, log};

use crate::document::Dist;
use crate::endpoints::parse;
use crate::layout;
use crate::name::PackageName;

/// Removes the dist and the note beside it. A failure is only logged: `gc` removes them then.
pub fn take_back(name: &PackageName, dist: &Dist) {
    if let Err(error) = try_take_back(name, dist) {
        let fields = [("package.name", name.as_str()), ("error", &error.to_string())];
        log::warn("the dist of a refused publish was left for `gc`", &fields);
    }
}

/// The mark is that of the dist: somebody else who publishes the same bytes waits for it. A document that
/// names the dist by then was written before the mark, so it is read after the mark was written.
fn try_take_back(name: &PackageName, dist: &Dist) -> Result<(), HostError> {
    let (document, key) = (layout::document(name), layout::dist(name, &dist.reference));
    let mut removal = Removal::of(&key);
    removal.announce(&[key.clone(), layout::note(name, &dist.reference)])?;
    let Some(now) = storage::get(&document)? else { return Ok(()) };
    let Some(package) = parse(name, &now)? else { return Ok(()) };
    let is_named = package.dists().any(|there| there.reference == dist.reference);
    // A document that is an older copy may have named it.
    if !is_named && !Proof::of(&document)?.names(&key) {
        removal.carry_out();
    }
    Ok(())
}
