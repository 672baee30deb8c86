//! For administrators: what a user, a token or an anonymous caller may do, and which rule decides that.
//! It identifies nobody, and needs no secret.

use std::sync::Arc;

use packhouse_scope::{self as scope, Explanation};
use uuid::Uuid;

use super::identity::{Account, Caller, misuse};
use super::token_store::{Token, TokenKind};
use super::{Auth, AuthError, Owners, Question};

impl Auth {
    /// Explains the answer of [`Auth::decide`].
    pub fn explain<'a>(
        &'a self,
        asked: &Question<'a>,
        caller: &'a Caller,
        owners: Owners<'_>,
    ) -> Explanation<'a> {
        let Question { anonymous, resource, action, actions } = *asked;
        let public = anonymous.unwrap_or(&self.inner.anonymous);
        scope::explain(&scope::Question { resource, action, public, actions }, &caller.as_asking(owners))
    }

    /// The caller that this token makes at a mount, and the token. The networks of the token are not
    /// looked at.
    ///
    /// # Errors
    /// `NotFound`; `Unavailable`.
    pub async fn caller_with(&self, id: Uuid, mount: &str) -> Result<(Caller, Token), AuthError> {
        let stores = &self.inner.stores;
        // The session of a browser is never the credential of a request to a mount.
        let token = stores.tokens.find_by_id(id).await?.filter(|token| token.kind == TokenKind::Api);
        let found = match token {
            Some(token) => stores.users.find_by_id(token.owner).await?.map(|user| (user, token)),
            None => None,
        };
        let (user, token) = found
            .ok_or_else(|| AuthError::NotFound(format!("there is no token `{id}`: look at `token list`")))?;
        let user = Arc::new(self.with_groups(user).await?);
        let account = Account::new(user, Some(Arc::new(token.clone())));
        let why = misuse(&token, None, mount, self.inner.clock.unix_millis());
        Ok((Caller { rejection: why.map(str::to_owned), ..Caller::signed_in(account) }, token))
    }
}
