//! May this caller do that? The one place where grants, a token's limits and what is
//! public come together. It must not know how anybody proved who they are.
//!
//! # Invariants
//! - Rejected credentials are never treated as none: the answer is `SignIn`, always.
//! - What the configuration makes public holds for everybody, signed in or not.
//! - A token's scopes narrow the grants of its user; they never add to them.
//! - A read-only token reads, whatever else would be allowed.

use super::identity::Caller;
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
/// reading this type of thing; a read-only token may do it besides `read` and `pull`.
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
    let Some(account) = &caller.account else {
        return if public { Decision::Granted } else { Decision::SignIn };
    };
    let reads = action == read_action || matches!(action, "read" | "pull");
    let own = || {
        let narrowed_to = account.scopes();
        allowed(account.grants(), resource, action)
            && (narrowed_to.is_empty() || allowed(narrowed_to, resource, action))
    };
    if (reads || !account.read_only()) && (public || own()) { Decision::Granted } else { Decision::Forbidden }
}

fn allowed(scopes: &[Scope], resource: &Resource<'_>, action: &str) -> bool {
    scopes.iter().any(|scope| scope.allows(resource, action))
}

#[cfg(test)]
mod tests;
