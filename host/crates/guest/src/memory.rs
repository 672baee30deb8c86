//! The memory limits of guest instances: of each one, and of all together.

mod budget;

use std::sync::Arc;

use wasmtime::ResourceLimiterAsync;

use crate::time::GuestClock;
use budget::Share;
use packhouse_common::shares::Client;

pub use budget::{BudgetSettings, MemoryBudget, NoMemoryLeft};

/// The most elements of one table: enough for the functions of a large program.
const MOST_TABLE_ELEMENTS: usize = 100_000;
/// Bytes of one table element in the host.
const TABLE_ELEMENT: usize = 16;
/// An instance takes at least this much of the budget when it begins, so that most instances never
/// have to ask for more.
const FIRST_SHARE: usize = 2 << 20;

/// The guest exceeded its memory limit.
#[derive(Debug, thiserror::Error)]
#[error("the plugin wanted {wanted} bytes of memory, the limit is {limit}")]
pub struct OutOfMemory {
    wanted: usize,
    limit: usize,
}

/// The memory of one instance: all its linear memories and tables.
pub struct MemoryLimit {
    limit: usize,
    used: usize,
    share: Share,
    clock: Arc<GuestClock>,
}

impl MemoryLimit {
    /// Nothing is taken from the budget before the instance is made.
    pub fn new(limit: usize, budget: &MemoryBudget, client: Client, clock: Arc<GuestClock>) -> Self {
        Self { limit, used: 0, share: budget.share(client), clock }
    }

    /// Waits until the budget has these bytes. The guest's clock stops meanwhile.
    async fn grow(&mut self, bytes: usize) -> wasmtime::Result<()> {
        let wanted = self.used.saturating_add(bytes);
        if wanted > self.limit {
            return Err(wasmtime::Error::from(OutOfMemory { wanted, limit: self.limit }));
        }
        let reserved = wanted.max(FIRST_SHARE.min(self.limit));
        if let Some(more) = reserved.checked_sub(self.share.held()).filter(|more| *more > 0) {
            let _outside = GuestClock::outside(&self.clock);
            self.share.take(more).await?;
        }
        self.used = wanted;
        Ok(())
    }
}

#[async_trait::async_trait]
impl ResourceLimiterAsync for MemoryLimit {
    async fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.grow(desired.saturating_sub(current)).await?;
        Ok(true)
    }

    async fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        if desired > MOST_TABLE_ELEMENTS {
            return Ok(false);
        }
        self.grow(desired.saturating_sub(current).saturating_mul(TABLE_ELEMENT)).await?;
        Ok(true)
    }
}
