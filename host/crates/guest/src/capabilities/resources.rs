//! What one call takes of what belongs to all clients: memory for its answer, and open
//! files. It does not know what the call does.

use std::time::Duration;

use packhouse_common::shares::{Budget, Client, Exhausted, Held, Memory};

/// How long a call waits for an open file.
const PATIENCE: Duration = Duration::from_secs(10);

/// The budgets of the host. Clones are the same budgets.
#[derive(Clone)]
pub struct Budgets {
    /// Bytes of answers in memory.
    pub replies: Budget,
    /// Open files and connections of requests.
    pub files: Budget,
}

/// The budgets, and whose share of them counts.
#[derive(Clone)]
pub struct Resources {
    pub client: Client,
    pub budgets: Budgets,
}

/// There is no memory for an answer at the moment.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the memory for answers is used up")]
pub struct NoMemory;

impl Resources {
    /// Takes one open file, waiting for it if need be.
    pub async fn open_file(&self) -> Result<Held, Exhausted> {
        self.budgets.files.wait(self.client, 1, PATIENCE).await
    }

    /// The memory that answers to this client come out of.
    pub fn replies(&self) -> Memory {
        Memory { budget: self.budgets.replies.clone(), client: self.client }
    }

    /// Waits until the answers that are being sent leave room for another one.
    pub async fn wait_for_memory(&self, patience: Duration) -> Result<(), NoMemory> {
        let replies = &self.budgets.replies;
        replies.wait(self.client, replies.total() / 16, patience).await.map(drop).map_err(|_| NoMemory)
    }
}
