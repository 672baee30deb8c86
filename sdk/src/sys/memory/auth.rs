//! The caller and their permissions, by the simple policy of `testing`.

mod account;

pub(crate) use account::Account;

use crate::Error;
use crate::auth::{AccessToken, Decision, Wanted};
use crate::testing::policy::{Identity, Owners};
use crate::testing::state::{self, Shared, Signed, State};
use crate::types::Digest;

/// Whom access tokens are for.
const SERVICE: &str = "packhouse";
/// Seconds that they live, at most.
const LIFETIME: u64 = 300;
/// Things that are wanted at once.
const MOST_WANTED: usize = 100;
/// Names that are filtered at once.
const MOST_FILTERED: usize = 10_000;

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
    let is_forbidden = decision == Decision::Forbidden;
    state.limited = if is_forbidden && state.is_denied(kind, name, action) {
        Some(format!("a rule of this account denies {grant}"))
    } else if is_forbidden && state.may_without_token(kind, name, action, owners) {
        Some(format!("this token does not allow {grant}"))
    } else {
        None
    };
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
