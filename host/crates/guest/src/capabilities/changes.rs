//! What must hold before a plugin changes the store: the caller of its request still may.

use crate::capabilities::{HostError, State, Work};
use packhouse_storage::Scope;

impl State {
    /// The store, for a change that is made at once.
    pub async fn storage_to_change(&mut self) -> Result<Scope, HostError> {
        self.may_change().await?;
        Ok(self.ground()?.storage_to_change()?.clone())
    }

    /// `Denied` when the credentials of the request were revoked, or a permission was taken away,
    /// while the request was under way. Work without a caller has nobody to ask about.
    pub async fn may_change(&mut self) -> Result<(), HostError> {
        match &mut self.work {
            Work::Request(request) => Ok(request.session.verify().await?),
            Work::Step(_) | Work::Ownership(_) | Work::Description => Ok(()),
        }
    }
}
