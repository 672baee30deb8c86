//! No document is derived from another here, so a reindex writes only the proofs of packuments
//! that an earlier version left, and reports the packuments that were lost.

use packhouse_plugin::maintenance::{Phase, Step, each};
use packhouse_plugin::{Error, log};

use crate::layout;

/// Keys of one step.
const KEYS: u32 = 1000;

pub const PHASES: &[Phase] = &[
    Phase { name: "packages", step: packages },
    Phase { name: "lost", step: |step, after| step.report_lost(after) },
];

fn packages(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    if after.is_none() {
        log::info("npm has no derived documents: there is nothing to rebuild", &[]);
    }
    let mut packuments = Vec::new();
    let next = each(layout::PACKAGES, after, KEYS, |object| {
        if layout::package_of_index(&object.key).is_some() {
            packuments.push(object.key.clone());
        }
        Ok(())
    })?;
    step.checked(packuments.len() as u64, 0);
    step.prove(&packuments)?;
    Ok(next)
}
