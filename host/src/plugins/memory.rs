//! How much memory one guest instance may have.

use wasmtime::ResourceLimiter;

/// Elements of one table: room for the functions of a large program.
const MOST_TABLE_ELEMENTS: usize = 100_000;

/// The guest asked for more memory than it may have.
#[derive(Debug, thiserror::Error)]
#[error("the plugin wanted {wanted} bytes of memory, the limit is {limit}")]
pub struct OutOfMemory {
    wanted: usize,
    limit: usize,
}

/// The limit of one instance, in bytes over all its memories.
#[derive(Debug)]
pub struct MemoryLimit {
    limit: usize,
    used: usize,
}

impl MemoryLimit {
    pub fn new(limit: usize) -> Self {
        Self { limit, used: 0 }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        if wanted > self.limit {
            return Err(wasmtime::Error::from(OutOfMemory { wanted, limit: self.limit }));
        }
        self.used = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= MOST_TABLE_ELEMENTS)
    }
}
