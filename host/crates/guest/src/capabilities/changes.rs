//! What must hold before a plugin changes the store: the preconditions of its request are met, and the
//! caller still may.

use crate::capabilities::{HostError, State, Work};
use packhouse_storage::Scope;

/// A precondition of the request is not met.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a precondition of the request is not met")]
pub struct NotMet;

impl State {
    /// The store, for a change that is made at once.
    pub async fn storage_to_change(&mut self) -> Result<Scope, HostError> {
        self.may_change().await?;
        Ok(self.ground()?.storage_to_change()?.clone())
    }

    /// `Denied` when the credentials of the request were revoked, or a permission was taken away,
    /// while the request was under way. Work without a caller has nobody to ask about. Where a
    /// precondition is not met, the instance ends here.
    pub async fn may_change(&mut self) -> Result<(), HostError> {
        match &mut self.work {
            Work::Request(request) if !request.may_change => {
                Err(HostError::Trap(wasmtime::Error::from(NotMet)))
            }
            Work::Request(request) => Ok(request.session.verify().await?),
            Work::Step(_) | Work::Ownership(_) | Work::Description => Ok(()),
        }
    }
}
