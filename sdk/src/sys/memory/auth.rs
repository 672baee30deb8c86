//! The caller and their permissions, by the simple policy of `testing`.

use packhouse_scope::Scope;

use crate::Error;
use crate::auth::{AccessToken, Decision, Issued, Token, TokenRequest, Wanted};
use crate::testing::policy::{Identity, Owners};
use crate::testing::state::{self, Resource, Shared, Signed, State, StoredToken};
use crate::types::Digest;

/// Whom access tokens are for.
const SERVICE: &str = "packhouse";
/// Seconds that they live, at most.
const LIFETIME: u64 = 300;
/// Things that are wanted at once.
const MOST_WANTED: usize = 100;
/// Names that are filtered at once.
const MOST_FILTERED: usize = 10_000;
/// The longest label of a token, in characters.
const LONGEST_LABEL: usize = 200;
/// Tokens of one user, and those of them that were issued without a password check.
const MOST_TOKENS: usize = 200;
const MOST_IDLE: usize = 50;
/// In milliseconds: how long such a token lives at most, and when nobody uses it.
const LONGEST: u64 = 90 * 24 * 60 * 60 * 1000;
const IDLE: u64 = 30 * 24 * 60 * 60 * 1000;

pub(crate) fn check(kind: &str, name: &str, action: &str) -> Decision {
    state::call();
    let state = state::current();
    let decision = state.borrow().check(kind, name, action);
    note_lack(&mut state.borrow_mut(), decision, [kind, name, action], Owners::default());
    decision
}

pub(crate) fn is_public(kind: &str, name: &str, action: &str) -> bool {
    state::call();
    state::current().borrow().is_public(kind, name, action)
}

pub(crate) fn check_listed(kind: &str, name: &str, action: &str, listed: &[String]) -> Decision {
    check_owned(kind, name, action, &[], listed)
}

pub(crate) fn check_owned(
    kind: &str,
    name: &str,
    action: &str,
    ids: &[String],
    names: &[String],
) -> Decision {
    state::call();
    let state = state::current();
    let owners = Owners { ids, names };
    let decision = state.borrow().check_owned(kind, name, action, owners);
    note_lack(&mut state.borrow_mut(), decision, [kind, name, action], owners);
    decision
}

/// As the real host, says why a token that counts is not enough.
fn note_lack(state: &mut State, decision: Decision, [kind, name, action]: [&str; 3], owners: Owners<'_>) {
    let grant = state.grant(kind, name, action);
    let lacks = decision == Decision::SignIn && state.bearer.is_some() && state.rejection.is_none();
    state.lacking = lacks.then(|| format!("the access token does not hold {grant}"));
    let is_limited = decision == Decision::Forbidden && state.may_without_token(kind, name, action, owners);
    state.limited = is_limited.then(|| format!("this token does not allow {grant}"));
}

pub(crate) fn filter_allowed(kind: &str, names: Vec<String>, action: &str) -> Vec<String> {
    state::call();
    if names.len() > MOST_FILTERED {
        state::end("more than 10,000 names to filter at once");
    }
    let state = state::current();
    state.borrow().must_declare(kind, action);
    let rejection = state.borrow().rejection.clone();
    if let Some(rejection) = rejection {
        // The real host ends the request here. This one lets the plugin go on, and answers instead.
        state.borrow_mut().refused = Some(rejection);
        return Vec::new();
    }
    let state = state.borrow();
    let granted = |name: &String| state.check(kind, name, action) == Decision::Granted;
    names.into_iter().filter(granted).collect()
}

pub(crate) fn rejection() -> Option<String> {
    state::call();
    let state = state::current();
    let state = state.borrow();
    state.rejection.clone().or_else(|| state.lacking.clone()).or_else(|| state.limited.clone())
}

pub(crate) fn has_credentials() -> bool {
    state::call();
    let state = state::current();
    let state = state.borrow();
    state.rejection.is_none() && (state.caller.is_some() || state.bearer.is_some())
}

pub(crate) fn caller() -> Option<Account> {
    state::call();
    let state = state::current();
    let (identity, bearer) = {
        let state = state.borrow();
        (state.caller.clone()?, state.bearer.is_some())
    };
    Some(Account { state, identity, bearer, proved: false, _resource: state::resource() })
}

pub(crate) fn authenticate(kind: &str, values: &[(&str, &str)]) -> Result<Account, Error> {
    state::call();
    let state = state::current();
    require_login(&state)?;
    if kind == "password" && state.borrow().retry_after.is_some() {
        return Err(Error::Denied("too many wrong passwords were sent".to_owned()));
    }
    let value = |name: &str| {
        let pair = values.iter().find(|(key, _)| *key == name);
        pair.map(|(_, value)| *value)
    };
    match kind {
        "password" => {}
        "token" => {
            if value("token").is_none() {
                return Err(Error::Invalid("signing in by token needs `token`".to_owned()));
            }
            let identity = state.borrow().identity_of(value("token").unwrap_or_default());
            let identity = identity.map_err(|why| Error::Denied(why.to_owned()))?;
            return Ok(Account {
                state,
                identity,
                bearer: false,
                proved: false,
                _resource: state::resource(),
            });
        }
        _ => return Err(Error::Invalid(format!("`{kind}` is not configured"))),
    }
    for wanted in ["name", "password"] {
        if value(wanted).is_none() {
            return Err(Error::Invalid(format!("signing in by password needs `{wanted}`")));
        }
    }
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
    Ok(Account { state, identity, bearer: false, proved: true, _resource: state::resource() })
}

fn require_login(state: &Shared) -> Result<(), Error> {
    if state.borrow().grants.contains("login") {
        return Ok(());
    }
    Err(Error::Denied("this mount has no grant `login`".to_owned()))
}

pub(crate) fn grant(kind: &str, name: &str, action: &str) -> String {
    state::current().borrow().grant(kind, name, action)
}

pub(crate) fn retry_after() -> Option<u64> {
    state::current().borrow().retry_after
}

pub(crate) fn user_exists(name: &str) -> Result<bool, Error> {
    state::call();
    let state = state::current();
    state.borrow_mut().fail_if_asked()?;
    let known = state.borrow().users.contains_key(name);
    Ok(known)
}

pub(crate) fn account_id(name: &str) -> Result<Option<String>, Error> {
    state::call();
    let state = state::current();
    state.borrow_mut().fail_if_asked()?;
    let id = state.borrow().users.get(name).map(|user| user.id.clone());
    Ok(id)
}

pub(crate) fn bearer_challenge(endpoint: &str, wanted: &[Wanted]) -> Option<String> {
    state::call();
    let state = state::current();
    let state = state.borrow();
    if !state.access_rules.enabled {
        return None;
    }
    let own = || format!("{}{endpoint}", state.base_url);
    let realm = state.access_rules.realm.clone().unwrap_or_else(own);
    let unfit = |part: &str| part.chars().any(|c| c.is_whitespace() || c.is_control() || "\"\\".contains(c));
    let fit = |wanted: &&Wanted| {
        let mut parts = [&wanted.kind, &wanted.name].into_iter().chain(&wanted.actions);
        !wanted.actions.is_empty() && !parts.any(|part| unfit(part))
    };
    let scopes: Vec<String> = wanted
        .iter()
        .filter(fit)
        .map(|wanted| format!("{}:{}:{}", wanted.kind, wanted.name, wanted.actions.join(",")))
        .collect();
    let mut challenge = format!("Bearer realm=\"{realm}\",service=\"{SERVICE}\"");
    if !scopes.is_empty() {
        challenge.extend([",scope=\"", &scopes.join(" "), "\""]);
    }
    if state.rejection.is_some() {
        challenge.push_str(",error=\"invalid_token\"");
    } else if state.lacking.is_some() {
        challenge.push_str(",error=\"insufficient_scope\"");
    }
    Some(challenge)
}

pub(crate) fn sign_access(
    account: Option<&Account>,
    service: &str,
    wanted: &[Wanted],
) -> Result<AccessToken, Error> {
    state::call();
    let state = state::current();
    let mut state = state.borrow_mut();
    if !state.access_rules.enabled || state.access_rules.realm.is_some() {
        return Err(Error::Denied("this registry signs no access tokens".to_owned()));
    }
    if account.is_some_and(|account| account.bearer) {
        return Err(Error::Denied("an access token cannot create tokens".to_owned()));
    }
    if !service.is_empty() && service != SERVICE {
        return Err(Error::Invalid(format!("the service here is `{SERVICE}`")));
    }
    if wanted.len() > MOST_WANTED {
        return Err(Error::Invalid(format!("more than {MOST_WANTED} are wanted at once")));
    }
    let identity = account.map(|account| account.identity.clone());
    let access = state.granted_of(identity.as_ref(), wanted);
    let issued = state.now;
    let end = identity.as_ref().and_then(|identity| identity.expires).unwrap_or(u64::MAX);
    let lifetime_seconds = LIFETIME.min(end.saturating_sub(issued) / 1000);
    let secret = format!("access.{}", Digest::from_bytes("random", &state.random(16)).hex);
    let expires = issued + lifetime_seconds * 1000;
    state.signed.push(Signed { secret: secret.clone(), identity, access, expires });
    Ok(AccessToken { secret, issued, lifetime_seconds })
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

/// An access token is for nothing but access.
fn not_a_bearer(account: &Account) -> Result<(), Error> {
    if account.bearer {
        return Err(Error::Denied("an access token cannot look after tokens".to_owned()));
    }
    Ok(())
}

pub(crate) struct Account {
    state: Shared,
    identity: Identity,
    /// Did it come with a signed access token?
    bearer: bool,
    /// Was the password given for this very sign-in?
    proved: bool,
    _resource: Resource,
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
        not_a_bearer(self)?;
        if self.identity.read_only && !request.read_only {
            return Err(Error::Denied("this account can only read, and so can its tokens".to_owned()));
        }
        check_label(request.label.as_deref())?;
        if request.lifetime_seconds == Some(0) {
            return Err(Error::Invalid("a token lives for a second at least".to_owned()));
        }
        self.state.borrow_mut().usage.issue()?;
        let scopes = self.narrowed(&request.scopes)?;
        if let Some(network) = request.networks.iter().find(|network| !network.contains('/')) {
            return Err(Error::Invalid(format!("`{network}` is not a network")));
        }
        let mut state = self.state.borrow_mut();
        self.check_quota(&state)?;
        let secret = format!("phs_{}", Digest::from_bytes("random", &state.random(16)).hex);
        let token = Token {
            id: format!("token-{}", state.next_serial()),
            hint: secret.chars().take(8).collect(),
            label: request.label.clone(),
            created: state.now,
            expires: self.end(request, state.now),
            last_used: None,
            read_only: request.read_only,
            scopes: scopes.iter().map(ToString::to_string).collect(),
            networks: request.networks.clone(),
        };
        state.tokens.push(StoredToken {
            token: token.clone(),
            owner: self.identity.name.clone(),
            secret: secret.clone(),
            idle: !self.proved,
        });
        Ok(Issued { token, secret })
    }

    /// What a token is narrowed to for which this is wanted.
    fn narrowed(&self, wanted: &[Wanted]) -> Result<Vec<Scope>, Error> {
        let state = self.state.borrow();
        let each = wanted.iter().flat_map(|wanted| wanted.actions.iter().map(move |action| (wanted, action)));
        let scope = |(wanted, action): (&Wanted, &String)| {
            Scope::of(state.mount_name(), &wanted.kind, &wanted.name, action)
                .map_err(|error| Error::Invalid(error.to_string()))
        };
        let scopes = each.map(scope).collect::<Result<Vec<_>, _>>()?;
        if scopes.is_empty() {
            return Ok(self.identity.scopes.clone());
        }
        let person = state.person(&self.identity, Owners::default());
        let is_narrower = |scope: &&Scope| {
            packhouse_scope::is_narrower(scope, &person, &state.anonymous, Some(&state.actions))
        };
        match scopes.iter().find(|scope| !is_narrower(scope)) {
            Some(scope) => Err(Error::Denied(format!("`{scope}` is more than this account may do"))),
            None => Ok(scopes),
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

    fn end(&self, request: &TokenRequest, now: u64) -> Option<u64> {
        let wished = request.lifetime_seconds.map(|seconds| seconds.saturating_mul(1000));
        if self.proved {
            return wished.map(|wished| now.saturating_add(wished));
        }
        let longest = wished.unwrap_or(LONGEST).min(LONGEST).min(IDLE);
        Some(self.identity.expires.unwrap_or(u64::MAX).min(now + longest))
    }

    pub(crate) fn list_tokens(&self) -> Result<Vec<Token>, Error> {
        state::call();
        not_a_bearer(self)?;
        self.state.borrow_mut().fail_if_asked()?;
        let state = self.state.borrow();
        let is_narrowed = self.identity.read_only || !self.identity.scopes.is_empty();
        let only = self.identity.token.as_ref().filter(|_| is_narrowed);
        let own = state.tokens.iter().filter(|stored| {
            stored.owner == self.identity.name && only.is_none_or(|only| stored.token.id == *only)
        });
        Ok(own.map(|stored| stored.token.clone()).collect())
    }

    pub(crate) fn revoke_token(&self, id: &str) -> Result<bool, Error> {
        state::call();
        not_a_bearer(self)?;
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
