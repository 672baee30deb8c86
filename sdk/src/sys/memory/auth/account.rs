//! An account that signed in, and its tokens.

use packhouse_scope::Scope;

use super::require_login;
use crate::Error;
use crate::auth::{Issued, Token, TokenRequest, Wanted};
use crate::testing::network::{self, Network};
use crate::testing::policy::{Identity, Owners};
use crate::testing::state::{self, Resource, Shared, State, StoredToken};
use crate::types::Digest;

/// The longest label of a token, in characters.
const LONGEST_LABEL: usize = 200;
/// Tokens of one user, and those of them that were issued without a password check.
const MOST_TOKENS: usize = 200;
const MOST_IDLE: usize = 50;
/// In milliseconds: how long such a token lives at most, and when nobody uses it.
const LONGEST: u64 = 90 * 24 * 60 * 60 * 1000;
const IDLE: u64 = 30 * 24 * 60 * 60 * 1000;

pub(crate) struct Account {
    pub(super) state: Shared,
    pub(super) identity: Identity,
    /// Did it come with a signed access token?
    pub(super) bearer: bool,
    /// Was the password given for this very sign-in?
    pub(super) proved: bool,
    pub(super) _resource: Resource,
}

impl Account {
    pub(crate) fn name(&self) -> String {
        self.identity.name.clone()
    }

    pub(crate) fn id(&self) -> String {
        let state = self.state.borrow();
        state.users.get(&self.identity.name).map(|user| user.id.clone()).unwrap_or_default()
    }

    pub(crate) fn email(&self) -> Option<String> {
        let state = self.state.borrow();
        let user = state.users.get(&self.identity.name);
        user.and_then(|user| user.email.clone())
    }

    pub(crate) fn is_read_only(&self) -> bool {
        self.identity.read_only
    }

    pub(crate) fn issue_token(&self, request: &TokenRequest) -> Result<Issued, Error> {
        state::call();
        require_login(&self.state)?;
        let wanted = self.wanted(&request.scopes)?;
        let networks = request.networks.iter().map(|network| network::parse(network));
        let networks = networks.collect::<Result<Vec<_>, _>>()?;
        self.state.borrow_mut().usage.issue()?;
        self.check_no_bearer()?;
        check_label(request.label.as_deref())?;
        if self.identity.read_only && !request.read_only {
            return Err(Error::Denied("this account can only read, and so can its tokens".to_owned()));
        }
        let mut state = self.state.borrow_mut();
        let expires = self.end(request, state.now)?;
        let scopes = self.narrow(&state, &wanted)?;
        let networks = self.place(&state, networks)?;
        self.check_quota(&state)?;
        let secret = format!("phs_{}", Digest::from_bytes("random", &state.random(16)).hex);
        let token = Token {
            id: format!("token-{}", state.next_serial()),
            hint: secret.chars().take(8).collect(),
            label: request.label.clone(),
            created: state.now,
            expires,
            last_used: None,
            read_only: request.read_only,
            scopes: scopes.iter().map(ToString::to_string).collect(),
            networks: networks.iter().map(ToString::to_string).collect(),
        };
        state.tokens.push(StoredToken {
            token: token.clone(),
            owner: self.identity.name.clone(),
            secret: secret.clone(),
            idle: !self.proved,
            parent: self.identity.token.clone(),
        });
        Ok(Issued { token, secret })
    }

    fn wanted(&self, wanted: &[Wanted]) -> Result<Vec<Scope>, Error> {
        let state = self.state.borrow();
        let each = wanted.iter().flat_map(|wanted| wanted.actions.iter().map(move |action| (wanted, action)));
        let scope = |(wanted, action): (&Wanted, &String)| {
            Scope::of(state.mount_name(), &wanted.kind, &wanted.name, action)
                .map_err(|error| Error::Invalid(error.to_string()))
        };
        each.map(scope).collect()
    }

    /// What a token is narrowed to for which this is wanted.
    fn narrow(&self, state: &State, wanted: &[Scope]) -> Result<Vec<Scope>, Error> {
        if wanted.is_empty() {
            return Ok(self.identity.scopes.clone());
        }
        let person = state.person(&self.identity, Owners::default());
        let narrow = |scope: &Scope| {
            packhouse_scope::narrow(scope, &person, &state.anonymous, Some(&state.actions))
                .ok_or_else(|| Error::Denied(format!("`{scope}` is more than this account may do")))
        };
        let narrowed = wanted.iter().map(narrow).collect::<Result<Vec<_>, _>>()?;
        Ok(narrowed.into_iter().flatten().collect())
    }

    /// The networks of a token for which these are wanted.
    fn place(&self, state: &State, wanted: Vec<Network>) -> Result<Vec<Network>, Error> {
        let own = state.tokens.iter().find(|stored| Some(&stored.token.id) == self.identity.token.as_ref());
        let own = own.map_or(&[][..], |stored| &stored.token.networks);
        let own = own.iter().map(|network| network::parse(network)).collect::<Result<Vec<_>, _>>()?;
        if wanted.is_empty() {
            return Ok(own);
        }
        let is_within = |network: &Network| own.is_empty() || own.iter().any(|wide| wide.contains(network));
        match wanted.iter().find(|network| !is_within(network)) {
            Some(network) => Err(Error::Denied(format!("`{network}` is outside the networks of this token"))),
            None => Ok(wanted),
        }
    }

    fn check_quota(&self, state: &State) -> Result<(), Error> {
        let lives = |stored: &&StoredToken| stored.token.expires.is_none_or(|end| end > state.now);
        let own = state.tokens.iter().filter(|stored| stored.owner == self.identity.name).filter(lives);
        let (all, idle) = own.fold((0, 0), |(all, idle), stored| (all + 1, idle + usize::from(stored.idle)));
        if all < MOST_TOKENS && (self.proved || idle < MOST_IDLE) {
            return Ok(());
        }
        Err(Error::Denied("this user has as many tokens as one may have".to_owned()))
    }

    fn end(&self, request: &TokenRequest, now: u64) -> Result<Option<u64>, Error> {
        if request.lifetime_seconds == Some(0) {
            return Err(Error::Invalid("a token must be valid for at least one second".to_owned()));
        }
        let wished = request.lifetime_seconds.map(|seconds| seconds.saturating_mul(1000));
        if self.proved {
            return Ok(wished.map(|wished| now.saturating_add(wished)));
        }
        let longest = now + wished.unwrap_or(LONGEST).min(LONGEST);
        let own = self.identity.expires.unwrap_or(u64::MAX);
        if wished.is_some() && longest > own {
            return Err(Error::Denied("that is longer than this account's own token".to_owned()));
        }
        Ok(Some(longest.min(own).min(now + IDLE)))
    }

    pub(crate) fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        state::call();
        require_login(&self.state)?;
        self.check_no_bearer()?;
        self.state.borrow_mut().fail_if_asked()?;
        let state = self.state.borrow();
        let lives = |stored: &&StoredToken| stored.token.expires.is_none_or(|end| end > state.now);
        let seen = state.tokens.iter().filter(|stored| self.is_own(stored) && self.reaches(stored));
        Ok(seen.filter(lives).map(|stored| stored.token.clone()).collect())
    }

    pub(crate) fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        state::call();
        require_login(&self.state)?;
        self.check_no_bearer()?;
        let mut state = self.state.borrow_mut();
        state.fail_if_asked()?;
        // By its secret too, as the host does: a client that signs out knows nothing else.
        let is_named = |stored: &&StoredToken| stored.token.id == id || stored.secret == id;
        let Some(stored) = state.tokens.iter().filter(|stored| self.is_own(stored)).find(is_named) else {
            return Ok(false);
        };
        if !self.reaches(stored) {
            return Err(Error::Denied("a read-only or narrowed token can revoke only itself".to_owned()));
        }
        let id = stored.token.id.clone();
        state.revoke(&id);
        Ok(true)
    }

    fn is_own(&self, stored: &StoredToken) -> bool {
        stored.owner == self.identity.name
    }

    /// An account that is narrowed sees and revokes only the token that it signed in with.
    fn reaches(&self, stored: &StoredToken) -> bool {
        let is_narrowed = self.identity.read_only || !self.identity.scopes.is_empty();
        let own = self.identity.token.as_ref().filter(|_| is_narrowed);
        own.is_none_or(|own| stored.token.id == *own)
    }

    /// An access token is for nothing but access.
    fn check_no_bearer(&self) -> Result<(), Error> {
        if self.bearer {
            return Err(Error::Denied("an access token cannot look after tokens".to_owned()));
        }
        Ok(())
    }
}

fn check_label(label: Option<&str>) -> Result<(), Error> {
    let unfit = |label: &str| label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control);
    if label.is_some_and(unfit) {
        return Err(Error::Invalid(
            "a label has at most 200 characters and no control characters".to_owned(),
        ));
    }
    Ok(())
}
