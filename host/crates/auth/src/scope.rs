//! The scope grammar: what a grant or a token says, and what it covers. Pure text;
//! it must not know who holds a scope, nor any protocol by name.
//!
//! # Layout
//! `{protocol}:{type}:{name}:{action}`. The first two parts and the last are split
//! off; the middle is the name and may itself hold `/`, `@` and `:`.
//!
//! # Invariants
//! - `*` matches any run of characters, the empty one too, across `/` and `:`.
//! - A name without `:` also covers what follows that name after a `:`: a grant on
//!   `group` covers `group:item`, but not `group.sub:item`.
//! - `write` includes `read`, `delete`, `yank` and `owner`; `push` includes `pull`. Each of
//!   `read` and `pull`, and what includes it, includes `list`: to see that something is
//!   there. `list` includes nothing.

use std::fmt;
use std::str::FromStr;

use super::AuthError;

/// The longest scope that is read, in bytes.
const LONGEST: usize = 1024;

/// What a permission is asked for. All parts are plain text, never patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource<'a> {
    /// The protocol's name, as the plugin describes itself.
    pub protocol: &'a str,
    /// The type of the thing, e.g. `package`.
    pub kind: &'a str,
    /// The thing's own name.
    pub name: &'a str,
}

/// A parsed scope. Displays as it was written.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    protocol: String,
    kind: String,
    name: String,
    action: String,
}

impl Scope {
    /// Reads `{protocol}:{type}:{name}:{action}`.
    ///
    /// # Errors
    /// `Invalid` with one sentence that says what to write instead.
    pub fn parse(text: &str) -> Result<Self, AuthError> {
        check_length(text)?;
        let [protocol, kind, name, action] = split(text).ok_or_else(|| {
            refuse(text, "write four parts, `mount:kind:name:action`, e.g. `demo:package:left-pad:read`, or `*:*:*:*` for everything")
        })?;
        Self::of(protocol, kind, name, action)
    }

    /// From its parts.
    ///
    /// # Errors
    /// `Invalid` with one sentence that says what to write instead.
    pub fn of(protocol: &str, kind: &str, name: &str, action: &str) -> Result<Self, AuthError> {
        let parts = [protocol, kind, name, action];
        let text = parts.join(":");
        check_length(&text)?;
        check(&text, parts)?;
        let [protocol, kind, name, action] = parts.map(str::to_owned);
        Ok(Self { protocol, kind, name, action })
    }

    /// Does this scope allow `action` on `resource`?
    pub fn allows(&self, resource: &Resource<'_>, action: &str) -> bool {
        self.is_about(resource) && covers_action(&self.action, action)
    }

    /// Does this scope name the resource, whatever its action?
    pub fn is_about(&self, resource: &Resource<'_>) -> bool {
        matches(&self.protocol, resource.protocol)
            && matches(&self.kind, resource.kind)
            && covers_name(&self.name, resource.name)
    }

    /// Does this scope name something on a mount of this name?
    pub fn is_about_mount(&self, mount: &str) -> bool {
        matches(&self.protocol, mount)
    }

    /// Does this scope name something of this kind?
    pub fn is_about_kind(&self, kind: &str) -> bool {
        matches(&self.kind, kind)
    }

    /// Is this one of the scope's actions?
    pub fn includes(&self, action: &str) -> bool {
        covers_action(&self.action, action)
    }

    /// Does this scope allow everything that `other` allows?
    ///
    /// The `*` of `other` are compared as plain characters: only a `*` here can match
    /// them, and it matches whatever they may stand for.
    pub fn covers(&self, other: &Scope) -> bool {
        // Where a `*` of the other name may stand for a `:`, nothing is known of what
        // comes before the first `:` of the names that it allows.
        let group_is_plain = other.name.split(':').next().is_some_and(|group| !group.contains('*'));
        let name = if group_is_plain { covers_name } else { matches };
        matches(&self.protocol, &other.protocol)
            && matches(&self.kind, &other.kind)
            && name(&self.name, &other.name)
            && covers_action(&self.action, &other.action)
            && included(&other.action).iter().all(|action| covers_action(&self.action, action))
    }
}

impl FromStr for Scope {
    type Err = AuthError;

    fn from_str(text: &str) -> Result<Self, AuthError> {
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

/// Before anything is told about it in its own words.
fn check_length(text: &str) -> Result<(), AuthError> {
    if text.len() > LONGEST {
        return Err(AuthError::Invalid(format!("a scope has at most {LONGEST} bytes: shorten it")));
    }
    Ok(())
}

fn check(text: &str, [protocol, kind, name, action]: [&str; 4]) -> Result<(), AuthError> {
    if [protocol, kind, name, action].contains(&"") {
        return Err(refuse(text, "no part may be empty: write `*` for all"));
    }
    if text.chars().any(|letter| letter.is_whitespace() || letter.is_control()) {
        return Err(refuse(text, "remove the spaces and control characters"));
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

fn refuse(text: &str, remedy: &str) -> AuthError {
    AuthError::Invalid(format!("the scope `{}` can't be read: {remedy}", text.escape_debug()))
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

pub(super) fn covers_action(pattern: &str, action: &str) -> bool {
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

/// Is `text` the pattern, with each `*` standing for any run of characters?
/// Linear in the text: the first place where a piece fits is as good as any later.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail));
    let Some(mut left) = inner else {
        return false;
    };
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let Some((_, after)) = left.split_once(piece) else {
            return false;
        };
        left = after;
    }
    true
}

#[cfg(test)]
mod tests;
