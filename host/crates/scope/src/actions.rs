//! The actions of one protocol as its plugin declares them: which actions exist, which of them
//! read, and which imply others.
//!
//! # Invariants
//! - An action implies the actions declared for it, and those that they imply.
//! - Only a whole action implies others. A pattern such as `wr*` covers the actions that it
//!   matches, but not those that they imply.
//! - A read-only token allows a kind's read action, and what that implies.

use std::collections::{BTreeMap, BTreeSet};

use crate::pattern::matches;

/// The read action if a protocol declares none.
const READ: &str = "read";

/// A kind of thing and its actions, as declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Declaration {
    pub kind: String,
    pub actions: Vec<String>,
    /// The read action.
    pub read_action: String,
}

/// What one action of a kind implies, as declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Implication {
    pub kind: String,
    pub action: String,
    pub implied: Vec<String>,
}

/// Rules for all kinds of a protocol that cannot declare what its actions imply.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    pub implied: BTreeMap<String, Vec<String>>,
    /// What a read-only token allows in addition to the read action.
    pub reading: Vec<String>,
}

/// The actions of one protocol. The default has none, and nothing implies anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Actions {
    kinds: BTreeMap<String, Kind>,
    /// For kinds that are not declared.
    other: Kind,
    /// Whether only declared kinds and actions exist.
    is_complete: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Kind {
    actions: BTreeSet<String>,
    /// Empty for [`READ`].
    read_action: String,
    /// What a read-only token allows in addition.
    reading: BTreeSet<String>,
    /// Transitive: it includes what the implied actions imply.
    implied: BTreeMap<String, BTreeSet<String>>,
}

impl Kind {
    fn read_action(&self) -> &str {
        if self.read_action.is_empty() { READ } else { &self.read_action }
    }

    fn implied_by(&self, action: &str) -> impl Iterator<Item = &str> {
        self.implied.get(action).into_iter().flatten().map(String::as_str)
    }

    fn includes(&self, held: &str, action: &str) -> bool {
        matches(held, action) || self.implied_by(held).any(|implied| implied == action)
    }

    fn all_include(&self, held: &str, action: &str) -> bool {
        self.includes(held, action) && self.implied_by(action).all(|implied| self.includes(held, implied))
    }

    fn reads(&self, action: &str) -> bool {
        action == self.read_action() || self.reading.contains(action)
    }

    fn are_denied(&self, denied: &str, action: &str) -> bool {
        let is_implied = || self.implied_by(denied).any(|implied| implied == action);
        matches(denied, action) || (self.reads(denied) || !self.reads(action)) && is_implied()
    }
}

impl Actions {
    /// The actions of a protocol that declares all of them.
    ///
    /// # Errors
    /// One sentence about an action that is implied, or implies another, and is not declared.
    pub fn declared(kinds: &[Declaration], implied: &[Implication]) -> Result<Self, String> {
        let mut direct: BTreeMap<&str, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for Implication { kind, action, implied } in implied {
            let declared = kinds.iter().find(|declared| declared.kind == *kind);
            let declared = declared.ok_or_else(|| {
                format!("it declares what `{action}` of `{kind}` implies, but does not declare that kind")
            })?;
            let is_known =
                |wanted: &String| declared.actions.contains(wanted) || declared.read_action == *wanted;
            if let Some(unknown) = [action].into_iter().chain(implied).find(|action| !is_known(action)) {
                return Err(format!(
                    "it declares what `{action}` of `{kind}` implies, but does not declare the action `{unknown}` of that kind"
                ));
            }
            let of_kind = direct.entry(kind).or_default();
            of_kind.entry(action.clone()).or_default().extend(implied.iter().cloned());
        }
        let kind = |declared: &Declaration| {
            let implied = closed(direct.get(declared.kind.as_str()).cloned().unwrap_or_default());
            let reading = implied.get(&declared.read_action).cloned().unwrap_or_default();
            (declared.kind.clone(), Kind::of(declared, reading, implied))
        };
        Ok(Self { kinds: kinds.iter().map(kind).collect(), other: Kind::default(), is_complete: true })
    }

    /// The actions of a protocol that cannot declare what they imply. These rules hold for all
    /// kinds, and the protocol may have more kinds and actions than it declares.
    pub fn by_rules(kinds: &[Declaration], rules: &Rules) -> Self {
        let direct = rules.implied.iter().map(|(action, implied)| {
            let implied: BTreeSet<String> = implied.iter().cloned().collect();
            (action.clone(), implied)
        });
        let implied = closed(direct.collect());
        let reading: BTreeSet<String> = rules.reading.iter().cloned().collect();
        let kind = |declared: &Declaration| Kind::of(declared, reading.clone(), implied.clone());
        let other = kind(&Declaration::default());
        let kinds = kinds.iter().map(|declared| (declared.kind.clone(), kind(declared))).collect();
        Self { kinds, other, is_complete: false }
    }

    fn kind(&self, kind: &str) -> &Kind {
        self.kinds.get(kind).unwrap_or(&self.other)
    }

    /// Whether this kind has this action. True for all words if undeclared ones may exist.
    pub fn has(&self, kind: &str, action: &str) -> bool {
        !self.is_complete || self.kinds.get(kind).is_some_and(|kind| kind.actions.contains(action))
    }

    /// Whether `held`, which may be a pattern, includes `action` for things of this kind.
    pub fn includes(&self, kind: &str, held: &str, action: &str) -> bool {
        self.kind(kind).includes(held, action)
    }

    /// Whether `held` includes `action`, and everything that `action` implies, for all of these
    /// kinds. `kinds` may be a pattern.
    pub(crate) fn all_include(&self, kinds: &str, held: &str, action: &str) -> bool {
        self.all_of(kinds, |kind| kind.all_include(held, action))
    }

    /// Whether a deny rule for `denied`, which may be a pattern, denies `action` for things of this
    /// kind: if it is that action, or implies it, except that denying an action that does not read
    /// leaves reading.
    pub fn are_denied(&self, kind: &str, denied: &str, action: &str) -> bool {
        self.kind(kind).are_denied(denied, action)
    }

    /// The same for all of these kinds. `kinds` may be a pattern.
    pub(crate) fn all_are_denied(&self, kinds: &str, denied: &str, action: &str) -> bool {
        self.all_of(kinds, |kind| kind.are_denied(denied, action))
    }

    fn all_of(&self, kinds: &str, holds: impl Fn(&Kind) -> bool) -> bool {
        let declared = self.kinds.iter().filter(|(kind, _)| matches(kinds, kind));
        let mut each = declared.map(|(_, kind)| kind).peekable();
        if each.peek().is_none() {
            return holds(&self.other);
        }
        each.all(holds)
    }

    /// Whether a read-only token allows this.
    pub fn reads(&self, kind: &str, action: &str) -> bool {
        self.kind(kind).reads(action)
    }

    /// Whether a deny rule for `denied` takes a part of reading away from things of this kind.
    /// `denied` may be a pattern.
    pub(crate) fn is_reading_denied(&self, kind: &str, denied: &str) -> bool {
        let kind = self.kind(kind);
        kind.reading
            .iter()
            .map(String::as_str)
            .chain([kind.read_action()])
            .any(|action| kind.are_denied(denied, action))
    }

    /// Each declared kind, and its read action.
    pub fn read_actions(&self) -> impl Iterator<Item = (&str, &str)> {
        self.kinds.iter().map(|(name, kind)| (name.as_str(), kind.read_action()))
    }
}

impl Kind {
    fn of(
        declared: &Declaration,
        reading: BTreeSet<String>,
        implied: BTreeMap<String, BTreeSet<String>>,
    ) -> Self {
        let actions = declared.actions.iter().chain([&declared.read_action]).cloned().collect();
        Self { actions, read_action: declared.read_action.clone(), reading, implied }
    }
}

/// Includes what the implied actions imply.
fn closed(mut implied: BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, BTreeSet<String>> {
    let actions: Vec<String> = implied.keys().cloned().collect();
    for middle in &actions {
        let further = implied.get(middle).cloned().unwrap_or_default();
        for reached in implied.values_mut().filter(|reached| reached.contains(middle)) {
            reached.extend(further.iter().cloned());
        }
    }
    implied
}

#[cfg(test)]
mod tests;
