//! The caller and their permissions.

use super::convert;
use crate::Error;
use crate::auth::{AccessToken, Decision, Issued, Token, TokenRequest, Wanted};
use crate::bindings::packhouse::plugin::auth;

pub(crate) fn check(kind: &str, name: &str, action: &str) -> Decision {
    auth::check(kind, name, action).into()
}

pub(crate) fn is_public(kind: &str, name: &str, action: &str) -> bool {
    auth::is_public(kind, name, action)
}

pub(crate) fn check_listed(kind: &str, name: &str, action: &str, listed: &[String]) -> Decision {
    auth::check_listed(kind, name, action, listed).into()
}

pub(crate) fn check_owned(
    kind: &str,
    name: &str,
    action: &str,
    ids: &[String],
    names: &[String],
) -> Decision {
    auth::check_owned(kind, name, action, ids, names).into()
}

#[expect(clippy::needless_pass_by_value, reason = "the host in memory keeps them")]
pub(crate) fn filter_allowed(kind: &str, names: Vec<String>, action: &str) -> Vec<String> {
    auth::filter_allowed(kind, &names, action)
}

pub(crate) fn rejection() -> Option<String> {
    auth::rejection()
}

pub(crate) fn has_credentials() -> bool {
    auth::has_credentials()
}

pub(crate) fn caller() -> Option<Account> {
    auth::caller().map(Account)
}

pub(crate) fn authenticate(kind: &str, values: &[(&str, &str)]) -> Result<Account, Error> {
    Ok(Account(auth::authenticate(kind, &convert::pairs(values))?))
}

pub(crate) fn grant(kind: &str, name: &str, action: &str) -> String {
    auth::grant(kind, name, action)
}

pub(crate) fn retry_after() -> Option<u64> {
    auth::retry_after()
}

pub(crate) fn user_exists(name: &str) -> Result<bool, Error> {
    Ok(auth::user_exists(name)?)
}

pub(crate) fn account_id(name: &str) -> Result<Option<String>, Error> {
    Ok(auth::account_id(name)?)
}

pub(crate) fn bearer_challenge(endpoint: &str, wanted: &[Wanted]) -> Option<String> {
    auth::bearer_challenge(endpoint, &converted(wanted))
}

pub(crate) fn sign_access(
    account: Option<&Account>,
    service: &str,
    wanted: &[Wanted],
) -> Result<AccessToken, Error> {
    let signed = auth::sign_access(account.map(|account| &account.0), service, &converted(wanted))?;
    Ok(AccessToken {
        secret: signed.secret,
        issued: signed.issued,
        lifetime_seconds: signed.lifetime_seconds,
    })
}

fn converted(wanted: &[Wanted]) -> Vec<auth::Wanted> {
    let convert = |wanted: &Wanted| auth::Wanted {
        kind: wanted.kind.clone(),
        name: wanted.name.clone(),
        actions: wanted.actions.clone(),
    };
    wanted.iter().map(convert).collect()
}

pub(crate) struct Account(auth::Account);

impl Account {
    pub(crate) fn name(&self) -> String {
        self.0.name()
    }

    pub(crate) fn id(&self) -> String {
        self.0.id()
    }

    pub(crate) fn email(&self) -> Option<String> {
        self.0.email()
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.0.is_read_only()
    }

    pub(crate) fn issue_token(&self, request: &TokenRequest) -> Result<Issued, Error> {
        let request = auth::TokenRequest {
            label: request.label.clone(),
            read_only: request.read_only,
            scopes: converted(&request.scopes),
            lifetime_seconds: request.lifetime_seconds,
            networks: request.networks.clone(),
        };
        let issued = self.0.issue_token(&request)?;
        Ok(Issued { token: issued.token.into(), secret: issued.secret })
    }

    pub(crate) fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        Ok(self.0.list_tokens()?.into_iter().map(Token::from).collect())
    }

    pub(crate) fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        Ok(self.0.revoke_token(id)?)
    }
}

impl From<auth::Decision> for Decision {
    fn from(decision: auth::Decision) -> Decision {
        match decision {
            auth::Decision::Granted => Decision::Granted,
            auth::Decision::SignIn => Decision::SignIn,
            auth::Decision::Forbidden => Decision::Forbidden,
        }
    }
}

impl From<auth::Token> for Token {
    fn from(token: auth::Token) -> Token {
        Token {
            id: token.id,
            hint: token.hint,
            label: token.label,
            created: token.created,
            expires: token.expires,
            last_used: token.last_used,
            read_only: token.read_only,
            scopes: token.scopes,
            networks: token.networks,
        }
    }
}
