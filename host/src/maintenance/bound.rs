//! How much of a mount one collection may remove without an order. A lost or damaged document
//! makes files look left over, so a collection that would remove much is more often the end
//! of a damage than the cleaning of a mess. It does not know why an object is left over.

use std::fmt;

use crate::maintenance::findings::counted;
use crate::maintenance::run::{self, RunError, Target};
use crate::maintenance::{Order, Pace, Task, Tone, Witness};
use crate::storage::ListOptions;

/// So many objects may always go, however small the mount is.
const FEW: u64 = 20;
/// Of a mount's objects, in per cent.
const MOST_PERCENT: u64 = 5;
/// Keys of one listing.
const PAGE: usize = 1000;

/// More would be removed than one collection may remove without an order.
pub struct Excess {
    removed: u64,
    total: u64,
}

impl fmt::Display for Excess {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "nothing was removed: nothing names {} of {}, which is more than {MOST_PERCENT} per cent; look at \
             `packhouse gc --dry-run` and `packhouse verify`, and if all of it may go, order `packhouse gc --many`",
            self.removed,
            counted(self.total, "object"),
        )
    }
}

/// Does the run dry, and compares what it would remove with what there is. None when the run
/// may go on.
pub async fn check(target: &Target<'_>, order: &Order, pace: &Pace) -> Result<Option<Excess>, RunError> {
    if order.task != Task::Collect || order.dry_run || order.many {
        return Ok(None);
    }
    // A mount of few objects may lose them all, so it need not be read twice.
    if count_up_to(target, FEW + 1).await? <= FEW {
        return Ok(None);
    }
    let dry = Order { dry_run: true, ..order.clone() };
    // Why it stopped early, if it did, the run itself tells.
    let (tally, _) = run::run(target, &dry, pace, &mut Nobody).await;
    // What a request has marked does not point to a damage.
    let removed = tally.left_over.objects.saturating_sub(tally.ordered);
    if removed <= FEW {
        return Ok(None);
    }
    let total = count_up_to(target, u64::MAX).await?;
    let is_excess = removed.saturating_mul(100) > total.saturating_mul(MOST_PERCENT);
    Ok(is_excess.then_some(Excess { removed, total }))
}

/// The objects of the mount; a few more than `enough`, where there are so many.
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

/// The run after the dry one tells the same.
struct Nobody;

impl Witness for Nobody {
    fn tell(&mut self, _: Tone, _: &str) {}
}
