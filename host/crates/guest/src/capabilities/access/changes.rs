//! What must hold before a plugin changes the store: the preconditions of its request are met, and the
//! caller still may. A reply of a request that changes something, or tries to, cannot be remembered.

use super::{Access, Work};
use crate::capabilities::HostError;
use crate::inputs::Reason;
use crate::upkeep::Task;
use packhouse_storage::{Scope, StorageError};

/// A precondition of the request is not met.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("a precondition of the request is not met")]
pub struct NotMet;

impl Access {
    /// The store, for a change that is made at once.
    pub async fn storage_to_change(&mut self) -> Result<Scope, HostError> {
        self.may_change().await?;
        self.storage_for_bytes()
    }

    /// The store, for bytes that get a key later. [`Self::may_change`] follows then.
    pub fn storage_for_bytes(&mut self) -> Result<Scope, HostError> {
        self.inputs.forget(Reason::Change);
        Ok(self.ground()?.storage_to_change()?.clone())
    }

    /// `Denied` when the credentials of the request were revoked, or a permission was taken away,
    /// while the request was under way. Work without a caller has nobody to ask about. Where a
    /// precondition is not met, the instance ends here.
    pub async fn may_change(&mut self) -> Result<(), HostError> {
        self.inputs.forget(Reason::Change);
        match &mut self.work {
            Work::Request(request) if !request.may_change => {
                Err(HostError::Trap(wasmtime::Error::from(NotMet)))
            }
            Work::Request(_) => self.verify().await,
            Work::Step(_) | Work::Ownership(_) | Work::Description | Work::Settings(..) => Ok(()),
        }
    }

    /// As [`Self::may_change`], of the caller alone.
    pub async fn verify(&mut self) -> Result<(), HostError> {
        self.inputs.forget(Reason::Change);
        match &mut self.work {
            Work::Request(request) => Ok(request.session.verify().await?),
            Work::Step(_) | Work::Ownership(_) | Work::Description | Work::Settings(..) => Ok(()),
        }
    }

    /// The result of a change. A step of maintenance reports each object that it could not change,
    /// even if the plugin ignores the error. It does not report a lost race, nor a full disk during
    /// a collection: the collection continues without the marks that it cannot write.
    pub fn changed<T>(&mut self, key: &str, result: Result<T, StorageError>) -> Result<T, HostError> {
        self.inputs.forget(Reason::Change);
        if let (Work::Step(step), Err(error)) = (&mut self.work, &result)
            && !matches!(error, StorageError::Conflict | StorageError::NotFound)
            && !(step.task == Task::Collect && matches!(error, StorageError::Full(_)))
        {
            step.report_not_written(key, error)?;
        }
        Ok(result?)
    }
}
