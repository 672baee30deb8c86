//! The grammar of scopes: what grants and tokens contain, and what they allow.
//!
//! # Layout
//! `{mount}:{kind}:{name}:{action}`. The first two segments and the last are split off. The rest is
//! the name, which may contain `/`, `@` and `:`.
//!
//! # Invariants
//! - `*` matches any run of characters, including the empty one, `/` and `:`.
//! - A name without `:` also covers the names that begin with it and a `:`. A grant on `group`
//!   covers `group:item`, but not `group.sub:item`.
//! - [`Actions`] says which actions an action implies.

use std::fmt;
use std::str::FromStr;

use crate::actions::Actions;
use crate::pattern::matches;

/// The longest valid scope, in bytes.
const LONGEST: usize = 1024;

/// As the name in a question: everything of that kind.
pub(crate) const EVERYTHING: &str = "*";

/// The subject of a permission check. All parts are plain text, never patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The mount's name. By default, it is the protocol's name.
    pub protocol: &'a str,
    /// The kind of thing, e.g. `package`.
    pub kind: &'a str,
    /// The name of the thing.
    pub name: &'a str,
}

/// Why a text is not a scope: one sentence that says what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ScopeError(String);

/// A parsed scope. Displays as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    protocol: String,
    kind: String,
    name: String,
    action: String,
}

impl Scope {
    /// Reads `{protocol}:{kind}:{name}:{action}`.
    ///
    /// # Errors
    /// One sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, ScopeError> {
        check_length(text)?;
        let [protocol, kind, name, action] = split(text).ok_or_else(|| {
            refuse(text, "write four parts, `mount:kind:name:action`, e.g. `demo:package:left-pad:read`, or `*:*:*:*` for everything")
        })?;
        Self::of(protocol, kind, name, action)
    }

    /// From its parts.
    ///
    /// # Errors
    /// One sentence that says what to write instead.
    pub fn of(protocol: &str, kind: &str, name: &str, action: &str) -> Result<Self, ScopeError> {
        let parts = [protocol, kind, name, action];
        let text = parts.join(":");
        check_length(&text)?;
        check(&text, parts)?;
        let [protocol, kind, name, action] = parts.map(str::to_owned);
        Ok(Self { protocol, kind, name, action })
    }

    /// Does this scope allow `action` on `resource`?
    pub fn allows(&self, resource: &Resource<'_>, action: &str, actions: &Actions) -> bool {
        self.is_about(resource) && actions.includes(resource.kind, &self.action, action)
    }

    /// Does this scope name the resource, whatever its action?
    pub fn is_about(&self, resource: &Resource<'_>) -> bool {
        matches(&self.protocol, resource.protocol)
            && matches(&self.kind, resource.kind)
            && covers_name(&self.name, resource.name)
    }

    /// Does this scope name the resource, or if that is [`EVERYTHING`], any part of it?
    pub(crate) fn is_about_part_of(&self, resource: &Resource<'_>) -> bool {
        self.is_about(resource)
            || resource.name == EVERYTHING
                && matches(&self.protocol, resource.protocol)
                && matches(&self.kind, resource.kind)
    }

    /// The mount, the kind, the name and the action.
    pub fn parts(&self) -> [&str; 4] {
        [&self.protocol, &self.kind, &self.name, &self.action]
    }

    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    /// Does this scope name something on a mount of this name?
    pub fn is_about_mount(&self, mount: &str) -> bool {
        matches(&self.protocol, mount)
    }

    /// Does this scope name something of this kind?
    pub fn is_about_kind(&self, kind: &str) -> bool {
        matches(&self.kind, kind)
    }

    /// Does the scope name this action itself?
    pub fn names_action(&self, action: &str) -> bool {
        matches(&self.action, action)
    }

    /// Does this scope allow everything that `other` allows, at a mount with these actions?
    ///
    /// A `*` of `other` is compared as a plain character. Only a `*` of this scope can match it,
    /// and that matches everything that the other `*` can match.
    pub fn covers(&self, other: &Self, actions: &Actions) -> bool {
        self.is_about_all_of(other) && actions.all_include(&other.kind, &self.action, &other.action)
    }

    /// Is this a scope for one action on everything of one kind, at one mount?
    pub(crate) fn is_about_everything_of_a_kind(&self) -> bool {
        let has_no_star = |part: &String| !part.contains('*');
        self.name == "*" && [&self.protocol, &self.kind, &self.action].into_iter().all(has_no_star)
    }

    /// What this scope names, with the mount, the kind and the action of `other`; none if this scope
    /// does not allow that action there.
    pub(crate) fn with_action_of(&self, other: &Self, actions: &Actions) -> Option<Self> {
        let narrowed = Self { name: self.name.clone(), ..other.clone() };
        self.covers(&narrowed, actions).then_some(narrowed)
    }

    /// Does this scope name everything that `other` names, whatever the actions of both?
    pub fn is_about_all_of(&self, other: &Self) -> bool {
        // If a `*` of the other name can match a `:`, the part before the first `:` of the allowed
        // names is unknown.
        let group_is_plain = other.name.split(':').next().is_some_and(|group| !group.contains('*'));
        let name = if group_is_plain { covers_name } else { matches };
        matches(&self.protocol, &other.protocol)
            && matches(&self.kind, &other.kind)
            && name(&self.name, &other.name)
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        Self::parse(text)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}:{}", self.protocol, self.kind, self.name, self.action)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "`{self}`")
    }
}

fn split(text: &str) -> Option<[&str; 4]> {
    let (protocol, rest) = text.split_once(':')?;
    let (kind, rest) = rest.split_once(':')?;
    let (name, action) = rest.rsplit_once(':')?;
    Some([protocol, kind, name, action])
}

/// Cuts the text, before an error repeats it.
fn check_length(text: &str) -> Result<(), ScopeError> {
    if text.len() > LONGEST {
        return Err(ScopeError(format!("a scope has at most {LONGEST} bytes: shorten it")));
    }
    Ok(())
}

fn check(text: &str, [protocol, kind, name, action]: [&str; 4]) -> Result<(), ScopeError> {
    if [protocol, kind, name, action].contains(&"") {
        return Err(refuse(text, "no part may be empty: write `*` for all"));
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(refuse(text, "remove the spaces and control characters"));
    }
    if protocol.starts_with('!') {
        return Err(refuse(text, "remove the `!`: only a grant can deny, and it has one `!`"));
    }
    if action.contains(',') {
        return Err(refuse(text, "write one scope for each action"));
    }
    for part in [protocol, kind, action] {
        if !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.*".contains(&byte)) {
            return Err(refuse(
                text,
                "protocol, type and action are made of letters, digits, `-`, `_`, `.` and `*`",
            ));
        }
    }
    Ok(())
}

fn refuse(text: &str, remedy: &str) -> ScopeError {
    ScopeError(format!("the scope `{}` can't be read: {remedy}", text.escape_debug()))
}

fn covers_name(pattern: &str, name: &str) -> bool {
    if matches(pattern, name) {
        return true;
    }
    match name.split_once(':') {
        Some((group, _)) => !pattern.contains(':') && matches(pattern, group),
        None => false,
    }
}

#[cfg(test)]
mod tests;
