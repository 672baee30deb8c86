//! May this caller do that? The one place where grants, a token's limits and what is
//! public come together. It must not know how anybody proved who they are.
//!
//! # Invariants
//! - Rejected credentials are never treated as none: the answer is `SignIn`, always.
//! - What the configuration makes public holds for everybody, signed in or not.
//! - A token's scopes narrow the grants of its user; they never add to them.
//! - A read-only token reads, whatever else would be allowed.
//! - An access token narrows what its user may do to what it holds: the rest is `SignIn`,
//!   since another token may be had for it, but what the user may not do is `Forbidden`.
//!   One of the configuration's own token server is the authority itself.

use std::collections::BTreeMap;

use super::identity::{Account, Caller};
use super::scope::{Resource, Scope};

/// The three answers that HTTP has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Granted,
    /// 401: nobody is signed in, or the credentials were rejected.
    SignIn,
    /// 403: signed in, and not allowed.
    Forbidden,
}

/// Decides for one resource and action. `read_action` is the protocol's own word for
/// reading this type of thing; a read-only token may do it besides `read`, `pull` and `list`.
pub fn decide(
    anonymous: &[Scope],
    caller: &Caller,
    resource: &Resource<'_>,
    action: &str,
    read_action: &str,
) -> Decision {
    if caller.rejection.is_some() {
        return Decision::SignIn;
    }
    let public = allowed(anonymous, resource, action);
    let person = || decide_for(caller.account.as_ref(), public, resource, action, read_action);
    let Some(access) = &caller.access else {
        return person();
    };
    let within = public || access.holds(resource, action);
    match if access.outside { Decision::Granted } else { person() } {
        Decision::Granted if !within => Decision::SignIn,
        decision => decision,
    }
}

/// Whether anybody may read everything that a mount has. `read_actions` has the action that
/// reads each kind of thing.
pub fn is_public(anonymous: &[Scope], mount: &str, read_actions: &BTreeMap<String, String>) -> bool {
    let may_read = |kind: &str, action: &str| {
        Scope::of(mount, kind, "*", action).is_ok_and(|all| anonymous.iter().any(|scope| scope.covers(&all)))
    };
    if read_actions.is_empty() {
        return may_read("*", "read");
    }
    read_actions.iter().all(|(kind, action)| may_read(kind, action))
}

/// By today's grants, and what somebody signed in with. None is nobody.
fn decide_for(
    account: Option<&Account>,
    public: bool,
    resource: &Resource<'_>,
    action: &str,
    read_action: &str,
) -> Decision {
    let Some(account) = account else {
        return if public { Decision::Granted } else { Decision::SignIn };
    };
    let own = || allowed(account.grants(), resource, action) && is_within_token(account, resource, action);
    if may_use(account, action, read_action) && (public || own()) {
        Decision::Granted
    } else {
        Decision::Forbidden
    }
}

/// Whether what a caller signed in with lets through an action that is theirs for another
/// reason than a grant, e.g. since a package lists them as its owner.
pub fn lets_through(caller: &Caller, resource: &Resource<'_>, action: &str, read_action: &str) -> bool {
    let account = caller.account.as_ref().filter(|_| caller.rejection.is_none());
    account.is_some_and(|account| {
        may_use(account, action, read_action)
            && is_within_token(account, resource, action)
            && caller.access.as_ref().is_none_or(|access| access.holds(resource, action))
    })
}

/// A read-only token reads and does nothing else.
fn may_use(account: &Account, action: &str, read_action: &str) -> bool {
    !account.read_only() || action == read_action || matches!(action, "read" | "pull" | "list")
}

fn is_within_token(account: &Account, resource: &Resource<'_>, action: &str) -> bool {
    account.scopes().is_empty() || allowed(account.scopes(), resource, action)
}

fn allowed(scopes: &[Scope], resource: &Resource<'_>, action: &str) -> bool {
    scopes.iter().any(|scope| scope.allows(resource, action))
}

#[cfg(test)]
mod tests;
