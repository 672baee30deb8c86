//! Who may do what, by the rules of the real host: scopes `{mount}:{kind}:{name}:{action}`.

use super::state::{State, User};
use crate::auth::{Decision, Wanted};

/// Ids, and names, of an owners' list that count.
const MOST_LISTED: usize = 1000;

/// Who sent the request, and what they came with.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) read_only: bool,
    /// Of the token; empty for all that the user has.
    pub(crate) scopes: Vec<String>,
    /// The id and end of the token.
    pub(crate) token: Option<String>,
    pub(crate) expires: Option<u64>,
}

/// A signed access token, as it came with a request.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    pub(crate) access: Vec<Wanted>,
    /// Signed by the token server of the configuration, whose word counts alone.
    pub(crate) outside: bool,
}

impl Bearer {
    fn holds(&self, asked: Question<'_>) -> bool {
        self.access.iter().any(|held| {
            let all = held.name == "*" && !self.outside;
            let same = held.kind == asked.kind && (all || held.name == asked.name);
            same && held.actions.iter().any(|action| covers_action(action, asked.action))
        })
    }
}

/// Who a package lists as its owners.
#[derive(Clone, Copy, Default)]
pub(crate) struct Owners<'a> {
    pub(crate) ids: &'a [String],
    /// Of owners whose ids are not known.
    pub(crate) names: &'a [String],
}

/// What is asked for.
#[derive(Clone, Copy)]
struct Question<'a> {
    kind: &'a str,
    name: &'a str,
    action: &'a str,
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
            scopes: stored.token.scopes.clone(),
            token: Some(stored.token.id.clone()),
            expires: stored.token.expires,
        })
    }

    /// What somebody (none: nobody) may do of the wanted, each once.
    pub(crate) fn granted_of(&self, identity: Option<&Identity>, wanted: &[Wanted]) -> Vec<Wanted> {
        let mut granted: Vec<Wanted> = Vec::new();
        for Wanted { kind, name, actions } in wanted {
            for action in actions {
                if name != "*" && !self.may(identity, Question { kind, name, action }) {
                    continue;
                }
                let same = granted.iter_mut().find(|held| held.kind == *kind && held.name == *name);
                match same {
                    Some(held) if held.actions.contains(action) => {}
                    Some(held) => held.actions.push(action.clone()),
                    None => granted.push(Wanted::new(kind, name, &[action])),
                }
            }
        }
        granted
    }

    fn may(&self, identity: Option<&Identity>, asked: Question<'_>) -> bool {
        let public = self.anonymous.iter().any(|scope| self.scope_allows(scope, asked));
        self.decide_usual(identity, asked, public, Owners::default()) == Decision::Granted
    }

    /// As the real host names it.
    pub(crate) fn grant(&self, kind: &str, name: &str, action: &str) -> String {
        let mount = self.mount.as_deref().or(self.protocol.as_deref()).unwrap_or("*");
        format!("{mount}:{kind}:{name}:{action}")
    }

    pub(crate) fn check(&self, kind: &str, name: &str, action: &str) -> Decision {
        self.decide(Question { kind, name, action }, Owners::default())
    }

    /// For everybody, whoever is calling.
    pub(crate) fn is_public(&self, kind: &str, name: &str, action: &str) -> bool {
        let asked = Question { kind, name, action };
        self.anonymous.iter().any(|scope| self.scope_allows(scope, asked))
    }

    /// One of the owners counts as if the action were granted to them.
    pub(crate) fn check_owned(&self, kind: &str, name: &str, action: &str, owners: Owners<'_>) -> Decision {
        let counted = |listed: &'_ [String]| listed.len().min(MOST_LISTED);
        let owners = Owners {
            ids: owners.ids.get(..counted(owners.ids)).unwrap_or_default(),
            names: owners.names.get(..counted(owners.names)).unwrap_or_default(),
        };
        self.decide(Question { kind, name, action }, owners)
    }

    /// Whether the caller's user may do this with the password.
    pub(crate) fn may_without_token(&self, kind: &str, name: &str, action: &str, owners: Owners<'_>) -> bool {
        let Some(caller) = &self.caller else { return false };
        let user = Identity { name: caller.name.clone(), ..Identity::default() };
        let asked = Question { kind, name, action };
        self.decide_usual(Some(&user), asked, false, owners) == Decision::Granted
    }

    /// An access token narrows what its user may do to what it holds; what is public, it
    /// narrows for nobody.
    fn decide(&self, asked: Question<'_>, owners: Owners<'_>) -> Decision {
        if self.rejection.is_some() {
            return Decision::SignIn;
        }
        let public = self.anonymous.iter().any(|scope| self.scope_allows(scope, asked));
        let usual = self.decide_usual(self.caller.as_ref(), asked, public, owners);
        match &self.bearer {
            Some(bearer) if bearer.outside && (public || bearer.holds(asked)) => Decision::Granted,
            Some(bearer) if bearer.outside => Decision::SignIn,
            Some(bearer) if usual == Decision::Granted && !public && !bearer.holds(asked) => Decision::SignIn,
            Some(_) | None => usual,
        }
    }

    fn decide_usual(
        &self,
        identity: Option<&Identity>,
        asked: Question<'_>,
        public: bool,
        owners: Owners<'_>,
    ) -> Decision {
        let allows = |scopes: &[String]| scopes.iter().any(|scope| self.scope_allows(scope, asked));
        let Some(identity) = identity else {
            return if public { Decision::Granted } else { Decision::SignIn };
        };
        let may_use = !identity.read_only
            || asked.action == self.read_action(asked.kind)
            || matches!(asked.action, "read" | "pull" | "list");
        let user = self.users.get(&identity.name);
        let theirs = user.is_some_and(|user| allows(&user.scopes))
            || user.is_some_and(|user| user.is_one_of(&identity.name, owners));
        let within_token = identity.scopes.is_empty() || allows(&identity.scopes);
        if may_use && (public || (theirs && within_token)) { Decision::Granted } else { Decision::Forbidden }
    }

    fn read_action(&self, kind: &str) -> &str {
        let scope = self.scopes.iter().find(|scope| scope.kind == kind);
        scope.map_or("read", |scope| scope.read_action.as_str())
    }

    fn scope_allows(&self, scope: &str, asked: Question<'_>) -> bool {
        let Some([protocol, kind, name, action]) = split(scope) else {
            return false;
        };
        let here = self.mount.as_deref().or(self.protocol.as_deref());
        here.is_none_or(|here| matches(protocol, here))
            && matches(kind, asked.kind)
            && covers_name(name, asked.name)
            && covers_action(action, asked.action)
    }
}

/// The first two parts and the last are split off; the middle is the name.
fn split(scope: &str) -> Option<[&str; 4]> {
    let (protocol, rest) = scope.split_once(':')?;
    let (kind, rest) = rest.split_once(':')?;
    let (name, action) = rest.rsplit_once(':')?;
    Some([protocol, kind, name, action])
}

/// A name without `:` also covers what follows that name after a `:`.
fn covers_name(pattern: &str, name: &str) -> bool {
    let covers_group = |(group, _)| !pattern.contains(':') && matches(pattern, group);
    matches(pattern, name) || name.split_once(':').is_some_and(covers_group)
}

fn covers_action(pattern: &str, action: &str) -> bool {
    matches(pattern, action) || included(pattern).contains(&action)
}

/// The actions that one action brings along.
fn included(action: &str) -> &'static [&'static str] {
    match action {
        "write" => &["read", "list", "delete", "yank", "owner"],
        "push" => &["pull", "list"],
        "read" | "pull" => &["list"],
        _ => &[],
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
    split(scope).is_some_and(|parts| !parts.contains(&""))
}
