//! Limits how much of a mount one collection may remove without an order. If a document was lost or
//! damaged, files look unused. So a collection that would remove much usually follows damage. It
//! does not know why an object is unused.

use std::fmt;

use crate::maintenance::findings::counted;
use crate::maintenance::run::{self, RunError, Target};
use crate::maintenance::{Order, Pace, Task, Tone, Witness};
use crate::storage::ListOptions;

/// This many objects may always be removed, even from a small mount.
const FEW: u64 = 20;
/// Of the objects of a mount, in per cent.
const MOST_PERCENT: u64 = 5;
/// Keys of one listing.
const PAGE: usize = 1000;

/// The collection would remove more than it may without an order.
pub struct Excess {
    removed: u64,
    total: u64,
}

impl fmt::Display for Excess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "nothing was removed: nothing names {} of {}, which is more than {MOST_PERCENT} percent; look at \
             `packhouse gc --dry-run` and `packhouse verify`, and if all of it may be removed, run `packhouse gc --many`",
            self.removed,
            counted(self.total, "object"),
        )
    }
}

/// Does a dry run, and compares what it would remove with what there is. None if the run may
/// proceed.
pub async fn check(target: &Target<'_>, order: &Order, pace: &Pace) -> Result<Option<Excess>, RunError> {
    if order.task != Task::Collect || order.dry_run || order.many {
        return Ok(None);
    }
    // All objects of a small mount may be removed, so it need not be read twice.
    if count_up_to(target, FEW + 1).await? <= FEW {
        return Ok(None);
    }
    let dry = Order { dry_run: true, ..order.clone() };
    // If the dry run failed, the run itself will say why.
    let (tally, _) = run::run(target, &dry, pace, &mut Nobody).await;
    // Objects that requests have marked are no sign of a damage.
    let removed = tally.left_over.objects.saturating_sub(tally.ordered);
    if removed <= FEW {
        return Ok(None);
    }
    let total = count_up_to(target, u64::MAX).await?;
    let is_excess = removed.saturating_mul(100) > total.saturating_mul(MOST_PERCENT);
    Ok(is_excess.then_some(Excess { removed, total }))
}

/// The number of objects of the mount. Counting stops a little above `enough`.
async fn count_up_to(target: &Target<'_>, enough: u64) -> Result<u64, RunError> {
    let page = PAGE.min(usize::try_from(enough).unwrap_or(PAGE));
    let scope = target.storage.scope(&target.mount.prefix)?;
    let (mut total, mut after) = (0, None);
    loop {
        let options = ListOptions { prefix: String::new(), folders: false, after, limit: page };
        let page = scope.list(&options).await?;
        total += page.objects.len() as u64;
        match page.next {
            Some(next) if total < enough => after = Some(next),
            _ => return Ok(total),
        }
    }
}

/// Discards the findings of the dry run: the run itself reports them.
struct Nobody;

impl Witness for Nobody {
    fn tell(&mut self, _: Tone, _: &str) {}
}
