//! Which store keeps users, and which one keeps tokens: the list of all stores, and how to open them.
//! It does not know how a store works.

#[cfg(test)]
pub(crate) mod suite;

use std::path::Path;
use std::sync::Arc;

use super::groups::GroupStore;
use super::keeper::Keeper;
use super::sqlite::{Database, PATIENCE};
use super::token_store::TokenStore;
use super::users::UserStore;
use super::{AuthError, groups, token_store, users};

/// A kind of store: a value of `user_store` and `token_store` in the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StoreKind {
    /// An embedded database file; several processes on one machine may share it.
    #[default]
    Database,
    /// The memory of this process: its content is lost when the process ends.
    Memory,
}

impl StoreKind {
    const ALL: [(&'static str, Self); 2] = [("database", Self::Database), ("memory", Self::Memory)];

    /// Reads the configuration's word.
    ///
    /// # Errors
    /// `Invalid` with a sentence that lists the valid words.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        let known = || Self::ALL.map(|(name, _)| format!("`{name}`")).join(" or ");
        let found = Self::ALL.iter().find(|(name, _)| *name == text).map(|(_, kind)| *kind);
        found.ok_or_else(|| {
            AuthError::Invalid(format!("this version has no store `{text}`: write {}", known()))
        })
    }
}

/// The kind of each store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoreKinds {
    pub users: StoreKind,
    pub tokens: StoreKind,
}

/// The open stores.
#[derive(Clone)]
pub(super) struct Stores {
    pub users: Arc<dyn UserStore>,
    /// Of the users, so in the same place.
    pub groups: Arc<dyn GroupStore>,
    pub tokens: Arc<dyn TokenStore>,
    pub kinds: StoreKinds,
    /// The places of users and tokens that outlive the process, each of them once. That of the users
    /// is the first.
    keepers: Vec<Arc<dyn Keeper>>,
}

impl Stores {
    /// Opens the stores. `database` is the file of those that are `Database`.
    ///
    /// # Errors
    /// `Invalid` if tokens would outlive their users.
    pub async fn open(kinds: StoreKinds, database: &Path) -> Result<Self, AuthError> {
        let stores = match kinds.users {
            StoreKind::Database => Self::of_database(Database::open(database, PATIENCE).await?),
            StoreKind::Memory if kinds.tokens == StoreKind::Memory => return Ok(Self::in_memory()),
            StoreKind::Memory => {
                return Err(AuthError::Invalid(
                    "user_store = \"memory\" with token_store = \"database\": the tokens would belong to \
                     users who are gone after a restart; set token_store = \"memory\" too"
                        .to_owned(),
                ));
            }
        };
        Ok(match kinds.tokens {
            StoreKind::Database => stores,
            StoreKind::Memory => Self { tokens: Self::in_memory().tokens, kinds, ..stores },
        })
    }

    pub fn of_database(database: Database) -> Self {
        Self {
            users: Arc::new(database.clone()),
            groups: Arc::new(database.clone()),
            tokens: Arc::new(database.clone()),
            kinds: StoreKinds { users: StoreKind::Database, tokens: StoreKind::Database },
            keepers: vec![Arc::new(database)],
        }
    }

    pub fn in_memory() -> Self {
        Self {
            users: Arc::new(users::memory::Memory::default()),
            groups: Arc::new(groups::memory::Memory::default()),
            tokens: Arc::new(token_store::memory::Memory::default()),
            kinds: StoreKinds { users: StoreKind::Memory, tokens: StoreKind::Memory },
            keepers: Vec::new(),
        }
    }
    /// The place of the users; none if they end with the process.
    pub fn keeper_of_users(&self) -> Option<&dyn Keeper> {
        match self.kinds.users {
            StoreKind::Database => self.keepers.first().map(AsRef::as_ref),
            StoreKind::Memory => None,
        }
    }

    /// `Gone` unless each place is still the one that was opened.
    pub async fn check(&self) -> Result<(), AuthError> {
        for keeper in &self.keepers {
            keeper.check().await?;
        }
        Ok(())
    }

    /// An error unless each place answers, is complete, and accepts writes.
    pub async fn probe(&self) -> Result<(), AuthError> {
        for keeper in &self.keepers {
            keeper.probe().await?;
        }
        Ok(())
    }

    /// Closes each place.
    pub async fn close(&self) {
        for keeper in &self.keepers {
            keeper.close().await;
        }
    }
}
