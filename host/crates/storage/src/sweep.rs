//! Removes what crashed hosts have left behind and nobody continues: staged bytes, uploads, and the
//! small objects with which earlier hosts read the store's clock. It does not know what the bytes
//! were for.

use std::time::SystemTime;

use super::Storage;
use super::error::Result;
use super::key::PRIVATE;
use super::object::{PathListing, Precondition};
use super::store::{Store, Sweep};
use super::uploads;

const PAGE: usize = 1000;
/// Where hosts before 0.1.1 wrote small objects to read the store's clock.
const CLOCK: &str = "clock";

impl Storage {
    /// Removes what was staged before this moment (by the store's clock) and is still
    /// staged, and uploads that nobody has gone on with since. Counts them. For
    /// maintenance: it lists all of both.
    pub async fn sweep(&self, before: SystemTime) -> Result<u64> {
        let staging = self.store.sweep_staging(before).await?;
        let clocks = sweep_room(&*self.store, CLOCK, before, Sweep::Remove).await?;
        Ok(staging + clocks + uploads::sweep(&*self.store, before, Sweep::Remove).await?)
    }

    /// Counts what [`Storage::sweep`] would remove, and removes nothing.
    pub async fn count_left_overs(&self, before: SystemTime) -> Result<u64> {
        let staging = sweep_room(&*self.store, "staging", before, Sweep::Count).await?;
        let clocks = sweep_room(&*self.store, CLOCK, before, Sweep::Count).await?;
        Ok(staging + clocks + uploads::sweep(&*self.store, before, Sweep::Count).await?)
    }
}

/// What is old of a folder of the host's own.
async fn sweep_room(store: &dyn Store, room: &str, before: SystemTime, sweep: Sweep) -> Result<u64> {
    let (mut count, mut after) = (0, None);
    loop {
        let listing =
            PathListing { prefix: format!("{PRIVATE}/{room}/"), folders: false, after, limit: PAGE };
        let page = store.list(&listing).await?;
        for object in &page.objects {
            if object.modified.is_some_and(|modified| modified < before) {
                if sweep == Sweep::Remove {
                    store.remove(&object.key, &Precondition::Any).await?;
                }
                count += 1;
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(count),
        }
    }
}
