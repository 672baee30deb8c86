//! Ends deployments and deletions that were cut short between the document of a version and the metadata
//! of its artifact.

use packhouse_plugin::maintenance::{Step, each};
use packhouse_plugin::storage::GRACE;
use packhouse_plugin::{Error, log};

use crate::layout::{self, CHANGES};
use crate::{catalog, changes};

/// Notes of one step.
const KEYS: u32 = 200;

/// The metadata follows the documents, and the notes go. A note that is recent may be that of a request
/// under way.
pub fn settle_left_over(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let floor = step.started().saturating_sub(GRACE);
    each(CHANGES, after, KEYS, |note| {
        let Some(coordinates) = layout::version_of_change(&note.key) else { return Ok(()) };
        if step.is_dry_run() || note.modified.is_none_or(|modified| modified >= floor) {
            return Ok(());
        }
        let versions = [coordinates.version().to_owned()];
        let followed = step.unless_full(&note.key, catalog::follow(&coordinates.artifact, &versions));
        if step.pass(followed)?.flatten().is_some() {
            changes::settle(note);
            let fields = [
                ("package.name", &*coordinates.artifact.to_string()),
                ("package.version", coordinates.version()),
            ];
            log::info("ended a change that was cut short", &fields);
        }
        Ok(())
    })
}
