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
        let declared = self.kinds.iter().filter(|(kind, _)| matches(kinds, kind));
        let mut each = declared.map(|(_, kind)| kind).peekable();
        if each.peek().is_none() {
            return self.other.all_include(held, action);
        }
        each.all(|kind| kind.all_include(held, action))
    }

    /// Whether a read-only token allows this.
    pub fn reads(&self, kind: &str, action: &str) -> bool {
        let kind = self.kind(kind);
        action == kind.read_action() || kind.reading.contains(action)
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
