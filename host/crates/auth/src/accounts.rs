//! What an administrator can do with users and their tokens, and the first user of a new server. It
//! does not know where the orders come from.

use packhouse_scope::Grant;
use secrecy::SecretString;
use uuid::Uuid;

use super::identity::Account;
use super::passwords;
use super::token_store::Token;
use super::users::{Holder, User, UserName};
use super::{Auth, AuthError};

/// The user that the first start creates.
pub const ADMIN: &str = "admin";

/// A user to add.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Must not be in use.
    pub name: UserName,
    /// The user's email address, if known.
    pub email: Option<String>,
    /// Grants in addition to what everybody is allowed, and what is denied.
    pub grants: Vec<Grant>,
    /// Whether owner entries with only this name mean this user, even if a removed user had the
    /// name before.
    pub owns_by_name: bool,
}

/// The result of creating the first user.
#[derive(Debug)]
pub enum FirstUser {
    /// There are users already, so nothing was created.
    There,
    /// Created with the given password.
    Made,
    /// Created with this generated password, which is shown once.
    MadeWith(SecretString),
}

impl FirstUser {
    /// The password to show.
    pub fn into_password(self) -> Option<SecretString> {
        match self {
            Self::MadeWith(password) => Some(password),
            Self::There | Self::Made => None,
        }
    }
}

impl Auth {
    /// Creates the user `admin` with all permissions if there are no users. If several processes
    /// start at once, exactly one creates it. Without a password, one is generated.
    ///
    /// # Errors
    /// `Invalid` when the given password is unfit; `Unavailable`.
    pub async fn ensure_admin(&self, password: Option<SecretString>) -> Result<FirstUser, AuthError> {
        if self.inner.stores.users.find(ADMIN).await?.is_some() {
            return Ok(FirstUser::There);
        }
        let generated = password.is_none();
        let password = password.unwrap_or_else(passwords::generate);
        let admin = NewUser {
            name: UserName::parse(ADMIN)?,
            email: None,
            grants: vec![Grant::parse("*:*:*:*")?],
            owns_by_name: false,
        };
        let admin = self.design_user(admin, &password).await?;
        if !self.inner.stores.users.add_first(&admin).await? {
            return Ok(FirstUser::There);
        }
        Ok(if generated { FirstUser::MadeWith(password) } else { FirstUser::Made })
    }

    /// Adds a user.
    ///
    /// # Errors
    /// `Exists` when the name is taken; `Invalid` for an unfit name or password; `Unavailable`.
    pub async fn add_user(&self, user: NewUser, password: &SecretString) -> Result<(), AuthError> {
        let user = self.design_user(user, password).await?;
        self.inner.stores.users.add(&user).await?;
        self.forget_known();
        Ok(())
    }

    /// Sets another password. The user's browsers are signed out; tokens do not change.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for an unfit password; `Unavailable`.
    pub async fn set_password(&self, name: &str, password: &SecretString) -> Result<(), AuthError> {
        let hash = self.inner.passwords.hash(password).await?;
        let found = self.inner.stores.users.set_password(name, &hash).await?;
        self.inner.passwords.forget();
        if let (true, Some(user)) = (found, self.inner.stores.users.find(name).await?) {
            self.close_web_sessions(user.id).await?;
        }
        self.changed(name, found)
    }

    /// Adds grants, which may also deny. One that exists already is not an error.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn grant(&self, name: &str, rules: &[Grant]) -> Result<(), AuthError> {
        let found = self.inner.stores.users.change_grants(name, rules, &[]).await?;
        self.changed(name, found)
    }

    /// Removes grants. A grant that does not exist is not an error.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn withdraw(&self, name: &str, rules: &[Grant]) -> Result<(), AuthError> {
        let found = self.inner.stores.users.change_grants(name, &[], rules).await?;
        self.changed(name, found)
    }

    /// Removes a user and all of the user's tokens.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn remove_user(&self, name: &str) -> Result<(), AuthError> {
        let id = self.inner.stores.users.remove(name).await?;
        // If this is not reached, the tokens are invalid all the same, because their user is gone.
        if let Some(id) = id {
            self.inner.stores.tokens.remove_all(id).await?;
        }
        self.inner.passwords.forget();
        self.changed(name, id.is_some())
    }

    /// The removed users who had this name.
    pub async fn removed_users(&self, name: &str) -> Result<Vec<Holder>, AuthError> {
        self.inner.stores.users.removed(name).await
    }

    /// All users in the order of their names.
    pub async fn list_users(&self) -> Result<Vec<User>, AuthError> {
        self.inner.stores.users.list().await
    }

    /// Whether a user has this name.
    pub async fn user_exists(&self, name: &str) -> Result<bool, AuthError> {
        Ok(self.account_id(name).await?.is_some())
    }

    /// The id of the present user of this name.
    pub async fn account_id(&self, name: &str) -> Result<Option<Uuid>, AuthError> {
        if UserName::parse(name).is_err() {
            return Ok(None);
        }
        Ok(self.known_user(name).await?.map(|user| user.id))
    }

    /// The account of a user without a proof of identity: for the administrator, and for programs
    /// that embed this library.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn account(&self, name: &str) -> Result<Account, AuthError> {
        let user = self.known_user(name).await?.ok_or_else(|| AuthError::no_user(name))?;
        Ok(Account::new(user, None).proved())
    }

    /// The tokens of all users, including expired ones, oldest first.
    pub async fn list_all_tokens(&self) -> Result<Vec<Token>, AuthError> {
        self.inner.stores.tokens.list(None).await
    }

    /// Revokes a token by its id, and the tokens that were made with it. Returns how many were
    /// revoked: 0 if no token has this id.
    pub async fn revoke_any(&self, id: Uuid) -> Result<u64, AuthError> {
        let revoked = self.inner.stores.tokens.remove(id, None).await?;
        self.forget_known();
        Ok(revoked)
    }

    async fn design_user(&self, user: NewUser, password: &SecretString) -> Result<User, AuthError> {
        user.name.check_new()?;
        let hash = self.inner.passwords.hash(password).await?;
        Ok(User {
            id: Uuid::new_v4(),
            name: user.name,
            email: user.email,
            password: hash,
            grants: user.grants,
            created: self.inner.clock.unix_millis(),
            owns_by_name: user.owns_by_name,
        })
    }

    fn changed(&self, name: &str, found: bool) -> Result<(), AuthError> {
        self.forget_known();
        if found { Ok(()) } else { Err(AuthError::no_user(name)) }
    }
}
