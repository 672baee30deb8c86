//! What an administrator does with users and their tokens, and the first user of a new
//! server. It must not know where the orders come from.

use packhouse_scope::Scope;
use secrecy::SecretString;
use uuid::Uuid;

use super::identity::Account;
use super::passwords;
use super::token_store::Token;
use super::users::{Holder, User, UserName};
use super::{Auth, AuthError};

/// The user that a first start makes.
pub const ADMIN: &str = "admin";

/// Somebody to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// Must be free.
    pub name: UserName,
    /// Where to write to, if known.
    pub email: Option<String>,
    /// What they may do beyond what everybody may.
    pub grants: Vec<Scope>,
    /// Owners who are recorded by this name alone mean this user, even if a removed user had
    /// the name before.
    pub owns_by_name: bool,
}

/// What became of the first user.
#[derive(Debug)]
pub enum FirstUser {
    /// There are users already.
    There,
    /// It was made with the password that was given.
    Made,
    /// It was made with this password, to be shown once.
    MadeWith(SecretString),
}

impl FirstUser {
    /// The password to be shown.
    pub fn into_password(self) -> Option<SecretString> {
        match self {
            Self::MadeWith(password) => Some(password),
            Self::There | Self::Made => None,
        }
    }
}

impl Auth {
    /// Makes the user `admin`, who may do everything, when there is no user at all. Of
    /// several processes that start at once exactly one makes it. Without a password
    /// one is generated.
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
            grants: vec![Scope::parse("*:*:*:*")?],
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
    /// `Exists` when the name is taken; `Invalid` for an unfit password; `Unavailable`.
    pub async fn add_user(&self, user: NewUser, password: &SecretString) -> Result<(), AuthError> {
        let user = self.design_user(user, password).await?;
        self.inner.stores.users.add(&user).await?;
        self.forget_known();
        Ok(())
    }

    /// Sets another password. Tokens stay as they are.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for an unfit password; `Unavailable`.
    pub async fn set_password(&self, name: &str, password: &SecretString) -> Result<(), AuthError> {
        let hash = self.inner.passwords.hash(password).await?;
        let found = self.inner.stores.users.set_password(name, &hash).await?;
        self.inner.passwords.forget();
        self.changed(name, found)
    }

    /// Adds grants; those there already are no error.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn grant(&self, name: &str, scopes: &[Scope]) -> Result<(), AuthError> {
        let found = self.inner.stores.users.change_grants(name, scopes, &[]).await?;
        self.changed(name, found)
    }

    /// Takes grants away; those not there are no error.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn withdraw(&self, name: &str, scopes: &[Scope]) -> Result<(), AuthError> {
        let found = self.inner.stores.users.change_grants(name, &[], scopes).await?;
        self.changed(name, found)
    }

    /// Removes a user and all tokens that it has.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn remove_user(&self, name: &str) -> Result<(), AuthError> {
        let id = self.inner.stores.users.remove(name).await?;
        // Without its user a token counts for nothing, should this not be reached.
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

    /// Is there a user of this name?
    pub async fn user_exists(&self, name: &str) -> Result<bool, AuthError> {
        Ok(self.account_id(name).await?.is_some())
    }

    /// The id of the user who has this name now.
    pub async fn account_id(&self, name: &str) -> Result<Option<Uuid>, AuthError> {
        if UserName::parse(name).is_err() {
            return Ok(None);
        }
        Ok(self.known_user(name).await?.map(|user| user.id))
    }

    /// The account of a user, unasked for any proof: for the administrator, and for
    /// programs that hold this library.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn account(&self, name: &str) -> Result<Account, AuthError> {
        let user = self.known_user(name).await?.ok_or_else(|| AuthError::no_user(name))?;
        Ok(Account::new(user, None).proved())
    }

    /// The tokens of everybody, expired ones too, oldest first.
    pub async fn list_all_tokens(&self) -> Result<Vec<Token>, AuthError> {
        self.inner.stores.tokens.list(None).await
    }

    /// Revokes anybody's token by its id, and those that were made with it. How many there were: 0
    /// when there is none of this id.
    pub async fn revoke_any(&self, id: Uuid) -> Result<u64, AuthError> {
        let revoked = self.inner.stores.tokens.remove(id, None).await?;
        self.forget_known();
        Ok(revoked)
    }

    async fn design_user(&self, user: NewUser, password: &SecretString) -> Result<User, AuthError> {
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
