//! The permissions. The real host and this one share the rules (`packhouse-scope`).

use packhouse_scope::{
    Actions, Caller, Declaration, Entry, Grant, Implication, Person, Question, Resource, Scope,
};

use super::state::{self, State, User};
use crate::auth::{Decision, Wanted};
use crate::description::{self, Description, ScopeKind};

/// Ids, and names, of an owners' list that count.
const MOST_LISTED: usize = 1000;

/// Who sent the request, and what they came with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) read_only: bool,
    /// Of the token; empty for all that the user has.
    pub(crate) scopes: Vec<Scope>,
    /// The id and end of the token.
    pub(crate) token: Option<String>,
    pub(crate) expires: Option<u64>,
}

/// Who a package lists as its owners.
#[derive(Clone, Copy, Default)]
pub(crate) struct Owners<'a> {
    pub(crate) ids: &'a [String],
    /// Of owners whose ids are not known.
    pub(crate) names: &'a [String],
}

impl User {
    fn is_one_of(&self, name: &str, owners: Owners<'_>) -> bool {
        let by_name = || owners.names.iter().any(|listed| listed == name);
        owners.ids.contains(&self.id) || self.owns_by_name && by_name()
    }
}

impl State {
    /// Whose an opaque token is; the reason when it does not count.
    pub(crate) fn identity_of(&self, secret: &str) -> Result<Identity, &'static str> {
        let found = self.tokens.iter().find(|stored| stored.secret == secret);
        let stored = found.ok_or("the token is unknown or was revoked")?;
        if stored.token.expires.is_some_and(|moment| self.now >= moment) {
            return Err("the token has expired");
        }
        Ok(Identity {
            name: stored.owner.clone(),
            read_only: stored.token.read_only,
            scopes: stored.token.scopes.iter().map(|text| scope(text)).collect(),
            token: Some(stored.token.id.clone()),
            expires: stored.token.expires,
        })
    }

    /// What a signed access token holds when somebody (none: nobody) wants this.
    pub(crate) fn granted_of(&self, identity: Option<&Identity>, wanted: &[Wanted]) -> Vec<Entry> {
        let wanted: Vec<Entry> = wanted.iter().map(entry).collect();
        packhouse_scope::put_together(&wanted, |kind, name, action| {
            let caller = Caller {
                person: identity.map(|identity| self.person(identity, Owners::default())),
                ..Caller::default()
            };
            self.decide(&caller, kind, name, action) == Decision::Granted
        })
    }

    /// The name of the mount, which scopes begin with. Any, as long as the protocol is not known.
    pub(crate) fn mount_name(&self) -> &str {
        self.mount.as_deref().or(self.protocol.as_deref()).unwrap_or("*")
    }

    /// As the real host names it.
    pub(crate) fn grant(&self, kind: &str, name: &str, action: &str) -> String {
        format!("{}:{kind}:{name}:{action}", self.mount_name())
    }

    pub(crate) fn check(&self, kind: &str, name: &str, action: &str) -> Decision {
        self.check_owned(kind, name, action, Owners::default())
    }

    /// For everybody, independent of the caller.
    pub(crate) fn is_public(&self, kind: &str, name: &str, action: &str) -> bool {
        self.must_declare(kind, action);
        self.decide(&Caller::default(), kind, name, action) == Decision::Granted
    }

    /// An owner is treated as if the action were granted to them.
    pub(crate) fn check_owned(&self, kind: &str, name: &str, action: &str, owners: Owners<'_>) -> Decision {
        self.must_declare(kind, action);
        let counted = |listed: &'_ [String]| listed.len().min(MOST_LISTED);
        let owners = Owners {
            ids: owners.ids.get(..counted(owners.ids)).unwrap_or_default(),
            names: owners.names.get(..counted(owners.names)).unwrap_or_default(),
        };
        let caller = Caller {
            is_rejected: self.rejection.is_some(),
            person: self.caller.as_ref().map(|identity| self.person(identity, owners)),
            access: self.bearer.as_ref(),
        };
        self.decide(&caller, kind, name, action)
    }

    /// Whether the caller's user may do this with the password.
    pub(crate) fn may_without_token(&self, kind: &str, name: &str, action: &str, owners: Owners<'_>) -> bool {
        let Some(caller) = &self.caller else { return false };
        let user = Identity { name: caller.name.clone(), ..Identity::default() };
        let caller = Caller { person: Some(self.person(&user, owners)), ..Caller::default() };
        self.decide(&caller, kind, name, action) == Decision::Granted
    }

    /// As the real host, whether a rule of the caller's user denies this.
    pub(crate) fn is_denied(&self, kind: &str, name: &str, action: &str) -> bool {
        let Some(caller) = &self.caller else { return false };
        let resource = Resource { protocol: self.mount_name(), kind, name };
        let question = Question { resource, action, public: &[], actions: &self.actions };
        packhouse_scope::is_denied(self.person(caller, Owners::default()).grants, &question)
    }

    fn decide(&self, caller: &Caller<'_>, kind: &str, name: &str, action: &str) -> Decision {
        let resource = Resource { protocol: self.mount_name(), kind, name };
        let question = Question { resource, action, public: &self.anonymous, actions: &self.actions };
        packhouse_scope::decide(&question, caller).into()
    }

    pub(crate) fn person<'a>(&'a self, identity: &'a Identity, owners: Owners<'_>) -> Person<'a> {
        let user = self.users.get(&identity.name);
        Person {
            grants: user.map_or(&[], |user| &user.rules),
            narrowed_to: &identity.scopes,
            is_read_only: identity.read_only,
            is_owner: user.is_some_and(|user| user.is_one_of(&identity.name, owners)),
        }
    }

    /// As the real host, ends a request that asks about another kind or action than its protocol
    /// declares.
    pub(crate) fn must_declare(&self, kind: &str, action: &str) {
        if !self.actions.has(kind, action) {
            state::end(&format!(
                "it asks who may do `{action}` on `{kind}`, which its description does not declare"
            ));
        }
    }
}

pub(crate) fn entry(wanted: &Wanted) -> Entry {
    let Wanted { kind, name, actions } = wanted.clone();
    Entry { kind, name, actions }
}

/// What a description declares.
pub(crate) fn actions(description: &Description) -> Result<Actions, String> {
    let declaration = |scope: &ScopeKind| Declaration {
        kind: scope.kind.clone(),
        actions: scope.actions.clone(),
        read_action: scope.read_action.clone(),
    };
    let implied = |each: &description::Implication| Implication {
        kind: each.kind.clone(),
        action: each.action.clone(),
        implied: each.implied.clone(),
    };
    let kinds: Vec<_> = description.scopes.iter().map(declaration).collect();
    Actions::declared(&kinds, &description.implied.iter().map(implied).collect::<Vec<_>>())
}

/// A rule that a test gives somebody. One that the real host would not take ends the test.
pub(crate) fn rule(text: &str) -> Grant {
    Grant::parse(text).unwrap_or_else(|error| state::end(&error.to_string()))
}

/// A scope of a token. One that the real host would not take ends the test.
pub(crate) fn scope(text: &str) -> Scope {
    Scope::parse(text).unwrap_or_else(|error| state::end(&error.to_string()))
}

impl From<packhouse_scope::Decision> for Decision {
    fn from(decision: packhouse_scope::Decision) -> Decision {
        match decision {
            packhouse_scope::Decision::Granted => Decision::Granted,
            packhouse_scope::Decision::SignIn => Decision::SignIn,
            packhouse_scope::Decision::Forbidden => Decision::Forbidden,
        }
    }
}
