//! Which storage the users belong to. The place of the users remembers it, so that the host notices
//! another storage, or a storage beside new users. It does not know what a storage is.

use std::path::Path;

use super::keeper::Home;
use super::sqlite;
use super::stores::StoreKind;
use super::{Auth, AuthError};

pub use super::sqlite::home::is_there;

impl Home {
    /// What the configured users remember. Nothing is made, changed or locked; users that are not
    /// there are new.
    pub async fn look(kind: StoreKind, database: &Path) -> Result<Self, AuthError> {
        match kind {
            StoreKind::Memory => Ok(Self::Fleeting),
            StoreKind::Database => sqlite::home::look(database).await,
        }
    }
}

impl Auth {
    /// Which storage the users belong to.
    pub async fn home(&self) -> Result<Home, AuthError> {
        match self.inner.stores.keeper_of_users() {
            Some(keeper) => keeper.home().await,
            None => Ok(Home::Fleeting),
        }
    }

    /// They belong to the storage with this identity from now on.
    pub async fn set_home(&self, id: &str) -> Result<(), AuthError> {
        match self.inner.stores.keeper_of_users() {
            Some(keeper) => keeper.set_home(id).await,
            None => Ok(()),
        }
    }
}
