//! The sessions of browsers on the host's own pages. A session begins with the password and is stored
//! like a token, so that it ends on all hosts. It does not know cookies or pages.
//!
//! # Invariants
//! - The secret of a session is valid only here, and that of a token never is.
//! - A session has the permissions that its user has now. It ends at a fixed time, when the user signs
//!   out, and when the password changes or the user is removed.
//! - A user has at most [`MOST`] sessions: another one replaces the oldest.

use std::net::IpAddr;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use super::credentials::has_token_form;
use super::identity::Account;
use super::sign_in::Lane;
use super::token_store::{SecretHash, Token, TokenKind};
use super::{Auth, AuthError};

/// The most sessions of one user.
pub const MOST: usize = 20;

/// The label by which the administrator's list of tokens shows a session.
const LABEL: &str = "a browser that is signed in";

/// A session that has begun.
pub struct WebSession {
    pub account: Account,
    /// For the browser, which sends it with each request.
    pub secret: SecretString,
}

impl Auth {
    /// Begins a session of the user with this name and password. A token in place of the password is
    /// rejected. Call this before the request takes a place.
    ///
    /// # Errors
    /// `Denied` if they are wrong, `Throttled` after too many wrong ones, `Busy` if too many wait to be
    /// verified, `Unavailable` if the store does not answer.
    pub async fn begin_web_session(
        &self,
        name: &str,
        password: &SecretString,
        peer: IpAddr,
        lifetime: Duration,
    ) -> Result<WebSession, AuthError> {
        let user = self.by_password(name, password, peer, Lane::Waiting).await?;
        let tokens = &self.inner.stores.tokens;
        let mut sessions = tokens.list(Some(user.id)).await?;
        sessions.retain(|token| token.kind == TokenKind::Session);
        let surplus = (sessions.len() + 1).saturating_sub(MOST);
        for oldest in sessions.iter().take(surplus) {
            tokens.remove(oldest.id, Some(user.id)).await?;
        }
        let secret = Uuid::new_v4().to_string();
        let created = self.inner.clock.unix_millis();
        let lifetime = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let session = Token {
            id: Uuid::new_v4(),
            owner: user.id,
            // Nothing of the secret: no user has to recognise it.
            hint: String::new(),
            label: Some(LABEL.to_owned()),
            created,
            expires: Some(created.saturating_add(lifetime)),
            last_used: None,
            read_only: false,
            scopes: Vec::new(),
            cidr: Vec::new(),
            mount: None,
            idle: None,
            parent: None,
            kind: TokenKind::Session,
        };
        tokens.add(&session, SecretHash::of(&secret), None).await?;
        self.forget_known();
        self.clear_expired().await;
        tracing::info!(user.name = %user.name, token.id = %session.id, "a browser signed in");
        Ok(WebSession { account: Account::new(user, None).proved(), secret: secret.into() })
    }

    /// The account of a session; none if the session has ended.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer.
    pub async fn web_session(&self, secret: &SecretString) -> Result<Option<Account>, AuthError> {
        let now = self.inner.clock.unix_millis();
        let session = self.session_token(secret).await?.filter(|(_, token)| !token.is_expired(now));
        Ok(session.map(|(user, _)| Account::new(user, None).proved()))
    }

    /// Ends a session. It is no error if there is none.
    ///
    /// # Errors
    /// `Unavailable` if the store does not answer.
    pub async fn end_web_session(&self, secret: &SecretString) -> Result<(), AuthError> {
        if let Some((user, session)) = self.session_token(secret).await? {
            self.inner.stores.tokens.remove(session.id, Some(user.id)).await?;
            self.forget_known();
            tracing::info!(user.name = %user.name, token.id = %session.id, "a browser signed out");
        }
        Ok(())
    }

    /// Ends all sessions of a user.
    pub(super) async fn close_web_sessions(&self, owner: Uuid) -> Result<(), AuthError> {
        let tokens = &self.inner.stores.tokens;
        for token in tokens.list(Some(owner)).await? {
            if token.kind == TokenKind::Session {
                tokens.remove(token.id, Some(owner)).await?;
            }
        }
        Ok(())
    }

    async fn session_token(
        &self,
        secret: &SecretString,
    ) -> Result<Option<super::identity::Known>, AuthError> {
        if !has_token_form(secret.expose_secret()) {
            return Ok(None);
        }
        let known = self.known_token(SecretHash::of(secret.expose_secret())).await?;
        Ok(known.filter(|(_, token)| token.kind == TokenKind::Session))
    }
}

#[cfg(test)]
mod tests;
