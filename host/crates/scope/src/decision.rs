//! Decides whether a caller may do something, from grants, the limits of a token, lists of owners,
//! and what is public. No other module decides this.
//!
//! # Invariants
//! - Rejected credentials are never treated like none: the answer is always `SignIn`.
//! - A deny rule of a user wins over everything that allows: grants, ownership, and what is public.
//! - What the configuration makes public is allowed for everybody, signed in or not, except for users
//!   whose own rules deny it. A deny rule of the configuration only makes less public.
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
use crate::grant::Grant;
use crate::scope::{EVERYTHING, Resource, Scope};

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
    pub public: &'a [Grant],
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
    /// What the user may do and may not do.
    pub grants: &'a [Grant],
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
    let is_public = allowed(public, question) && !is_denied(public, question);
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
    let is_within = || is_within(person.narrowed_to, question);
    let is_allowed = may_use && (is_public || is_theirs() && is_within());
    if is_allowed && !is_denied(person.grants, question) { Decision::Granted } else { Decision::Forbidden }
}

fn allowed(grants: &[Grant], question: &Question<'_>) -> bool {
    grants.iter().any(|grant| grant.allows(&question.resource, question.action, question.actions))
}

/// Whether one of these rules denies it.
pub fn is_denied(grants: &[Grant], question: &Question<'_>) -> bool {
    grants.iter().any(|grant| grant.denies(&question.resource, question.action, question.actions))
}

fn is_within(scopes: &[Scope], question: &Question<'_>) -> bool {
    let allows = |scope: &Scope| scope.allows(&question.resource, question.action, question.actions);
    scopes.is_empty() || scopes.iter().any(allows)
}

/// Whether everybody may read everything on a mount.
pub fn is_public(public: &[Grant], mount: &str, actions: &Actions) -> bool {
    let may_read = |kind: &str, action: &str| {
        let all = Scope::of(mount, kind, EVERYTHING, action);
        let mut denied = public.iter().filter(|grant| grant.is_deny()).map(Grant::scope);
        all.is_ok_and(|all| public.iter().filter_map(Grant::allowed).any(|scope| scope.covers(&all, actions)))
            && !denied.any(|scope| {
                scope.is_about_mount(mount)
                    && (kind == EVERYTHING || scope.is_about_kind(kind))
                    && actions.is_reading_denied(kind, scope.action())
            })
    };
    let mut kinds = actions.read_actions().peekable();
    if kinds.peek().is_none() {
        return may_read(EVERYTHING, "read");
    }
    kinds.all(|(kind, action)| may_read(kind, action))
}

/// Would a token with this scope allow its bearer no more than the person may do, or everybody?
/// Without `actions`, for a token that is valid at several mounts, nothing is known of what an
/// action implies. Then a token's scope must be one of the person's token by its action too, and
/// the grants have to name what it names: they are looked at again whenever the token is used. For the
/// same reason, a rule that denies only a part of the scope does not matter here.
pub fn is_narrower(scope: &Scope, person: &Person<'_>, public: &[Grant], actions: Option<&Actions>) -> bool {
    let none = Actions::default();
    let covered = |wide: &Scope| wide.covers(scope, actions.unwrap_or(&none));
    let are_denied = |rules: &[Grant]| rules.iter().any(|rule| rule.denies_all_of(scope, actions));
    let granted = |wide: &Scope| match actions {
        Some(actions) => wide.covers(scope, actions),
        None => wide.is_about_all_of(scope),
    };
    let is_own = person.grants.iter().filter_map(Grant::allowed).any(granted)
        && (person.narrowed_to.is_empty() || person.narrowed_to.iter().any(covered));
    let is_public = || public.iter().filter_map(Grant::allowed).any(covered) && !are_denied(public);
    !are_denied(person.grants) && (is_own || is_public())
}

/// The scopes of a token for which this scope is wanted; none if they would allow more than the person
/// may do. At a mount, the name `*` means everything on which the bearer may do the action when the
/// token is used: the grants, and the owner lists, are looked at again at each use. Of a narrowed
/// token, only what it is narrowed to is kept.
pub fn narrow(
    scope: &Scope,
    person: &Person<'_>,
    public: &[Grant],
    actions: Option<&Actions>,
) -> Option<Vec<Scope>> {
    if person.grants.iter().any(|rule| rule.denies_all_of(scope, actions)) {
        return None;
    }
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
