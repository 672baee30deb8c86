//! What one call takes from resources that all clients share: memory for replies, and open files.
//! It does not know the purpose of the call.

use std::time::Duration;

use packhouse_common::shares::{Budget, Client, Exhausted, Held, Memory};

/// How long a call waits for a file descriptor.
const PATIENCE: Duration = Duration::from_secs(10);

/// The budgets of the host. Clones share them.
#[derive(Clone)]
pub struct Budgets {
    /// Bytes of replies in memory.
    pub replies: Budget,
    /// Open files, and connections for requests.
    pub files: Budget,
}

/// The budgets, and the client whose share is used.
#[derive(Clone)]
pub struct Resources {
    pub client: Client,
    pub budgets: Budgets,
}

/// There is no memory for a reply at the moment.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the memory for answers is used up")]
pub struct NoMemory;

impl Resources {
    /// Takes one file descriptor. Waits if none is free.
    pub async fn open_file(&self) -> Result<Held, Exhausted> {
        self.budgets.files.wait(self.client, 1, PATIENCE).await
    }

    /// The memory for replies to this client.
    pub fn replies(&self) -> Memory {
        Memory { budget: self.budgets.replies.clone(), client: self.client }
    }

    /// Waits until the replies that are being sent leave memory for another one.
    pub async fn wait_for_memory(&self, patience: Duration) -> Result<(), NoMemory> {
        let replies = &self.budgets.replies;
        replies.wait(self.client, replies.total() / 16, patience).await.map(drop).map_err(|_| NoMemory)
    }
}
