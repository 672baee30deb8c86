//! Decides whether a caller may do something, from grants, the limits of a token, lists of owners,
//! and what is public. No other module decides this.
//!
//! # Invariants
//! - Rejected credentials are never treated like none: the answer is always `SignIn`.
//! - What the configuration makes public is allowed for everybody, signed in or not.
//! - The scopes of a token narrow the grants of its user; they never add to them.
//! - A read-only token can only read.
//! - An owner is treated as if the action were granted to them. The limits of a narrowed token
//!   still apply.
//! - An access token narrows what its user may do to what it contains. For anything else that the
//!   user may do, the answer is `SignIn`, because the client can request another token. What the
//!   user may not do is `Forbidden`. What a token of the configured external token server contains
//!   is allowed without a grant.

use crate::access::Access;
use crate::actions::Actions;
use crate::scope::{Resource, Scope};

/// The three possible answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The caller may do it.
    Granted,
    /// 401: the caller is anonymous, or the credentials were rejected.
    SignIn,
    /// 403: the caller is signed in, and may not do it.
    Forbidden,
}

/// The question: the resource, the action and the mount.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    pub resource: Resource<'a>,
    pub action: &'a str,
    /// What everybody may do on the mount.
    pub public: &'a [Scope],
    /// The actions of the mount's protocol.
    pub actions: &'a Actions,
}

/// The caller.
#[derive(Clone, Copy, Default)]
pub struct Caller<'a> {
    /// Whether the caller sent credentials that are not valid.
    pub is_rejected: bool,
    /// None for an anonymous caller, and for a token without an account.
    pub person: Option<Person<'a>>,
    /// The content of the access token, if the caller sent one.
    pub access: Option<&'a Access>,
}

/// A user who has signed in.
#[derive(Clone, Copy, Default)]
pub struct Person<'a> {
    /// What the user may do.
    pub grants: &'a [Scope],
    /// The scopes to which the token narrows the grants; empty for all grants.
    pub narrowed_to: &'a [Scope],
    /// Whether the credentials can only read.
    pub is_read_only: bool,
    /// Whether the list of owners contains the user, if the resource has owners.
    pub is_owner: bool,
}

/// Decides for one resource and action.
pub fn decide(question: &Question<'_>, caller: &Caller<'_>) -> Decision {
    if caller.is_rejected {
        return Decision::SignIn;
    }
    let Question { resource, action, public, actions } = *question;
    let is_public = allowed(public, question);
    let person = || decide_for(caller.person.as_ref(), is_public, question);
    let Some(access) = caller.access else {
        return person();
    };
    let is_within = is_public || access.holds(&resource, action, actions);
    match if access.outside { Decision::Granted } else { person() } {
        Decision::Granted if !is_within => Decision::SignIn,
        decision => decision,
    }
}

/// Decides by the present grants and by the credentials. None is an anonymous caller.
fn decide_for(person: Option<&Person<'_>>, is_public: bool, question: &Question<'_>) -> Decision {
    let Some(person) = person else {
        return if is_public { Decision::Granted } else { Decision::SignIn };
    };
    let may_use = !person.is_read_only || question.actions.reads(question.resource.kind, question.action);
    let is_theirs = || person.is_owner || allowed(person.grants, question);
    let is_within = || person.narrowed_to.is_empty() || allowed(person.narrowed_to, question);
    if may_use && (is_public || is_theirs() && is_within()) { Decision::Granted } else { Decision::Forbidden }
}

fn allowed(scopes: &[Scope], question: &Question<'_>) -> bool {
    scopes.iter().any(|scope| scope.allows(&question.resource, question.action, question.actions))
}

/// Whether everybody may read everything on a mount.
pub fn is_public(public: &[Scope], mount: &str, actions: &Actions) -> bool {
    let may_read = |kind: &str, action: &str| {
        Scope::of(mount, kind, "*", action)
            .is_ok_and(|all| public.iter().any(|scope| scope.covers(&all, actions)))
    };
    let mut kinds = actions.read_actions().peekable();
    if kinds.peek().is_none() {
        return may_read("*", "read");
    }
    kinds.all(|(kind, action)| may_read(kind, action))
}

/// Would a token with this scope allow its bearer no more than the person may do, or everybody?
/// Without `actions`, for a token that is valid at several mounts, nothing is known of what an
/// action implies. Then a token's scope must be one of the person's token by its action too, and
/// the grants have to name what it names: they are looked at again whenever the token is used.
pub fn is_narrower(scope: &Scope, person: &Person<'_>, public: &[Scope], actions: Option<&Actions>) -> bool {
    let none = Actions::default();
    let covered = |wide: &Scope| wide.covers(scope, actions.unwrap_or(&none));
    let granted = |wide: &Scope| match actions {
        Some(actions) => wide.covers(scope, actions),
        None => wide.is_about_all_of(scope),
    };
    let is_own = person.grants.iter().any(granted)
        && (person.narrowed_to.is_empty() || person.narrowed_to.iter().any(covered));
    is_own || public.iter().any(covered)
}

/// The scopes of a token for which this scope is wanted; none if they would allow more than the person
/// may do. At a mount, the name `*` means everything on which the bearer may do the action when the
/// token is used: the grants, and the owner lists, are looked at again at each use. Of a narrowed
/// token, only what it is narrowed to is kept.
pub fn narrow(
    scope: &Scope,
    person: &Person<'_>,
    public: &[Scope],
    actions: Option<&Actions>,
) -> Option<Vec<Scope>> {
    if is_narrower(scope, person, public, actions) {
        return Some(vec![scope.clone()]);
    }
    let actions = actions.filter(|_| scope.is_about_everything_of_a_kind())?;
    if person.narrowed_to.is_empty() {
        return Some(vec![scope.clone()]);
    }
    let own = person.narrowed_to.iter().filter_map(|own| own.with_action_of(scope, actions));
    let own: Vec<Scope> = own.collect();
    (!own.is_empty()).then_some(own)
}

#[cfg(test)]
mod tests;
