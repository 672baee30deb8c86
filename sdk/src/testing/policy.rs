//! Who may do what, simply: scopes `{protocol}:{kind}:{name}:{action}`.

use super::state::State;
use crate::auth::Decision;

/// Who sent the request, and what they came with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) read_only: bool,
    /// Of the token; empty for all that the user has.
    pub(crate) scopes: Vec<String>,
}

impl State {
    pub(crate) fn check(&self, kind: &str, name: &str, action: &str) -> Decision {
        if self.rejection.is_some() {
            return Decision::SignIn;
        }
        let allows =
            |scopes: &[String]| scopes.iter().any(|scope| self.scope_allows(scope, kind, name, action));
        if allows(&self.anonymous) {
            return Decision::Granted;
        }
        let Some(identity) = &self.caller else {
            return Decision::SignIn;
        };
        let user = self.users.get(&identity.name);
        let granted = user.is_some_and(|user| allows(&user.scopes));
        let within_token = identity.scopes.is_empty() || allows(&identity.scopes);
        let writes = identity.read_only && action != self.read_action(kind);
        if granted && within_token && !writes { Decision::Granted } else { Decision::Forbidden }
    }

    fn read_action(&self, kind: &str) -> &str {
        let scope = self.scopes.iter().find(|scope| scope.kind == kind);
        scope.map_or("read", |scope| scope.read_action.as_str())
    }

    fn scope_allows(&self, scope: &str, kind: &str, name: &str, action: &str) -> bool {
        let Some((protocol, rest)) = scope.split_once(':') else {
            return false;
        };
        let Some((scope_kind, rest)) = rest.split_once(':') else {
            return false;
        };
        let Some((scope_name, scope_action)) = rest.rsplit_once(':') else {
            return false;
        };
        let here = self.protocol.as_deref();
        here.is_none_or(|here| matches(protocol, here))
            && matches(scope_kind, kind)
            && matches(scope_name, name)
            && self.action_allows(kind, scope_action, action)
    }

    fn action_allows(&self, kind: &str, granted: &str, action: &str) -> bool {
        granted == "*"
            || granted == action
            || (granted == "push" && action == "pull")
            || (granted == "write"
                && (action == self.read_action(kind)
                    || ["read", "delete", "yank", "owner"].contains(&action)))
    }
}

/// `*` matches any run of characters, also `/` and `:`.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(left) = text.strip_prefix(start) else {
        return false;
    };
    let mut places = left.char_indices().map(|(place, _)| place).chain([left.len()]);
    places.any(|place| left.get(place..).is_some_and(|left| matches(rest, left)))
}

/// Has it the four parts of a scope?
pub(crate) fn is_scope(scope: &str) -> bool {
    let parts: Vec<&str> = scope.split(':').collect();
    parts.len() >= 4 && parts.iter().all(|part| !part.is_empty())
}
