//! Who is calling, by the simple policy of `testing`.

use crate::Error;
use crate::auth::{Decision, Issued, Token, TokenRequest};
use crate::testing::policy::{Identity, is_scope};
use crate::testing::state::{self, Shared, StoredToken};
use crate::types::Digest;

pub(crate) fn check(kind: &str, name: &str, action: &str) -> Decision {
    state::current().borrow().check(kind, name, action)
}

pub(crate) fn is_public(kind: &str, name: &str, action: &str) -> bool {
    state::current().borrow().is_public(kind, name, action)
}

pub(crate) fn check_listed(kind: &str, name: &str, action: &str, listed: &[String]) -> Decision {
    state::current().borrow().check_listed(kind, name, action, listed)
}

pub(crate) fn filter_allowed(kind: &str, names: Vec<String>, action: &str) -> Vec<String> {
    let state = state::current();
    let state = state.borrow();
    let granted = |name: &String| state.check(kind, name, action) == Decision::Granted;
    names.into_iter().filter(granted).collect()
}

pub(crate) fn rejection() -> Option<String> {
    state::current().borrow().rejection.clone()
}

pub(crate) fn caller() -> Option<Account> {
    let state = state::current();
    let identity = state.borrow().caller.clone()?;
    Some(Account { state, identity })
}

pub(crate) fn authenticate(kind: &str, values: &[(&str, &str)]) -> Result<Account, Error> {
    let state = state::current();
    require_login(&state)?;
    if kind != "password" {
        return Err(Error::Invalid(format!("`{kind}` is not configured")));
    }
    let value = |name: &str| {
        let pair = values.iter().find(|(key, _)| *key == name);
        pair.map(|(_, value)| *value)
    };
    let name = value("name").unwrap_or_default();
    let right = {
        let state = state.borrow();
        let expected = state.users.get(name).and_then(|user| user.password.clone());
        expected.is_some_and(|expected| value("password") == Some(expected.as_str()))
    };
    if !right {
        return Err(Error::Denied("the name or password is wrong".to_owned()));
    }
    let identity = Identity { name: name.to_owned(), ..Identity::default() };
    Ok(Account { state, identity })
}

fn require_login(state: &Shared) -> Result<(), Error> {
    if state.borrow().grants.contains("login") {
        return Ok(());
    }
    Err(Error::Denied("this mount has no grant `login`".to_owned()))
}

pub(crate) fn user_exists(name: &str) -> Result<bool, Error> {
    let state = state::current();
    state.borrow_mut().fail_if_asked()?;
    let known = state.borrow().users.contains_key(name);
    Ok(known)
}

pub(crate) struct Account {
    state: Shared,
    identity: Identity,
}

impl Account {
    pub(crate) fn name(&self) -> String {
        self.identity.name.clone()
    }

    pub(crate) fn email(&self) -> Option<String> {
        let state = self.state.borrow();
        let user = state.users.get(&self.identity.name);
        user.and_then(|user| user.email.clone())
    }

    pub(crate) fn read_only(&self) -> bool {
        self.identity.read_only
    }

    pub(crate) fn issue_token(&self, request: &TokenRequest) -> Result<Issued, Error> {
        require_login(&self.state)?;
        if self.identity.read_only && !request.read_only {
            return Err(Error::Denied("this account can only read, and so can its tokens".to_owned()));
        }
        if let Some(scope) = request.scopes.iter().find(|scope| !is_scope(scope)) {
            return Err(Error::Invalid(format!("`{scope}` is no scope")));
        }
        if let Some(network) = request.cidr.iter().find(|network| !network.contains('/')) {
            return Err(Error::Invalid(format!("`{network}` is no network")));
        }
        let mut state = self.state.borrow_mut();
        let secret = format!("phs_{}", Digest::from_bytes("random", &state.random(16)).hex);
        let scopes =
            if request.scopes.is_empty() { self.identity.scopes.clone() } else { request.scopes.clone() };
        let token = Token {
            id: format!("token-{}", state.next_serial()),
            hint: secret.chars().take(8).collect(),
            label: request.label.clone(),
            created: state.now,
            expires: request.lifetime.map(|seconds| state.now + seconds * 1000),
            last_used: None,
            read_only: request.read_only,
            scopes,
            cidr: request.cidr.clone(),
        };
        state.tokens.push(StoredToken {
            token: token.clone(),
            owner: self.identity.name.clone(),
            secret: secret.clone(),
        });
        Ok(Issued { token, secret })
    }

    pub(crate) fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        self.state.borrow_mut().fail_if_asked()?;
        let state = self.state.borrow();
        let own = state.tokens.iter().filter(|token| token.owner == self.identity.name);
        Ok(own.map(|stored| stored.token.clone()).collect())
    }

    pub(crate) fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        let mut state = self.state.borrow_mut();
        state.fail_if_asked()?;
        let before = state.tokens.len();
        // By its secret too, as the host does: a client that signs out knows nothing else.
        let own = |stored: &StoredToken| {
            let named = stored.token.id == id || stored.secret == id;
            named && stored.owner == self.identity.name
        };
        state.tokens.retain(|stored| !own(stored));
        Ok(state.tokens.len() < before)
    }
}
