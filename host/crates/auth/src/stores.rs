//! Which store keeps users and tokens: the list of those there are, one line each. It
//! must not know how any of them works.

#[cfg(test)]
pub(crate) mod suite;

use std::path::Path;
use std::sync::Arc;

use super::database::{Database, PATIENCE};
use super::token_store::TokenStore;
use super::users::UserStore;
use super::{AuthError, token_store, users};

/// A kind of store, as `token_store` in the configuration names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenStoreKind {
    /// An embedded database file; several processes on one machine may share it.
    #[default]
    Database,
    /// This process's memory: users and tokens are gone when it ends.
    Memory,
}

impl TokenStoreKind {
    const ALL: [(&'static str, Self); 2] = [("database", Self::Database), ("memory", Self::Memory)];

    /// Reads the configuration's word.
    ///
    /// # Errors
    /// `Invalid` with a sentence that lists the words there are.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        let known = || Self::ALL.map(|(name, _)| format!("`{name}`")).join(" or ");
        let found = Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            AuthError::Invalid(format!("this version has no token store `{text}`: write {}", known()))
        })
    }
}

/// Where users and tokens are kept.
#[derive(Clone)]
pub(super) struct Stores {
    pub users: Arc<dyn UserStore>,
    pub tokens: Arc<dyn TokenStore>,
    /// Does what is kept outlive this process?
    pub lasting: bool,
    /// Where it is one.
    pub database: Option<Database>,
}

impl Stores {
    pub async fn open(kind: TokenStoreKind, database: &Path) -> Result<Self, AuthError> {
        Ok(match kind {
            TokenStoreKind::Database => Self::of_database(Database::open(database, PATIENCE).await?),
            TokenStoreKind::Memory => Self::in_memory(),
        })
    }

    pub fn of_database(database: Database) -> Self {
        Self {
            users: Arc::new(database.clone()),
            tokens: Arc::new(database.clone()),
            lasting: true,
            database: Some(database),
        }
    }

    pub fn in_memory() -> Self {
        Self {
            users: Arc::new(users::memory::Memory::default()),
            tokens: Arc::new(token_store::memory::Memory::default()),
            lasting: false,
            database: None,
        }
    }
}
