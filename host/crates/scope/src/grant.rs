//! Grants: the rules of users, of groups, and of what everybody may do. A rule allows something, or
//! with a `!` before its scope, denies it.
//!
//! # Invariants
//! - A deny rule wins over every rule that allows, over ownership, and over what is public. The order
//!   of the rules does not matter.
//! - A deny rule covers its action, and what that implies, except the actions that read. To deny
//!   reading, it names an action that reads, or `*`.
//! - It does not cover an action that implies its own: without `delete`, a user may still publish.
//! - The name `*` in a question means everything of a kind. A deny rule on any part of it denies that.

use std::fmt;
use std::str::FromStr;

use crate::actions::Actions;
use crate::scope::{Resource, Scope, ScopeError};

/// What a rule does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    Deny,
    Allow,
}

/// One rule. Displays as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grant {
    effect: Effect,
    scope: Scope,
}

impl Grant {
    /// Reads a scope, or `!` and a scope.
    ///
    /// # Errors
    /// One sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        let (effect, scope) =
            text.strip_prefix('!').map_or((Effect::Allow, text), |rest| (Effect::Deny, rest));
        Ok(Self { effect, scope: Scope::parse(scope)? })
    }

    /// A rule that denies.
    pub fn deny(scope: Scope) -> Self {
        Self { effect: Effect::Deny, scope }
    }

    pub fn effect(&self) -> Effect {
        self.effect
    }

    pub fn is_deny(&self) -> bool {
        self.effect == Effect::Deny
    }

    /// What the rule is about.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// What the rule allows; none for a rule that denies.
    pub fn allowed(&self) -> Option<&Scope> {
        (self.effect == Effect::Allow).then_some(&self.scope)
    }

    /// Does this rule allow `action` on `resource`?
    pub fn allows(&self, resource: &Resource<'_>, action: &str, actions: &Actions) -> bool {
        self.allowed().is_some_and(|scope| scope.allows(resource, action, actions))
    }

    /// Does this rule deny `action` on `resource`, or on a part of it?
    pub fn denies(&self, resource: &Resource<'_>, action: &str, actions: &Actions) -> bool {
        self.is_deny()
            && self.scope.is_about_part_of(resource)
            && actions.are_denied(resource.kind, self.scope.action(), action)
    }

    /// Does this rule deny everything that the scope allows? Without `actions`, nothing is known of what
    /// an action implies.
    pub(crate) fn denies_all_of(&self, scope: &Scope, actions: Option<&Actions>) -> bool {
        self.is_deny()
            && self.scope.is_about_all_of(scope)
            && match actions {
                Some(actions) => actions.all_are_denied(scope.kind(), self.scope.action(), scope.action()),
                None => self.scope.names_action(scope.action()),
            }
    }
}

impl From<Scope> for Grant {
    /// A rule that allows.
    fn from(scope: Scope) -> Self {
        Self { effect: Effect::Allow, scope }
    }
}

impl FromStr for Grant {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.is_deny() { "!" } else { "" };
        write!(formatter, "{sign}{}", self.scope)
    }
}

impl fmt::Debug for Grant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{self}`")
    }
}

#[cfg(test)]
mod tests;
