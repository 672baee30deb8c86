//! The existing mounts, and the kinds and actions of their plugins, to which scopes can refer. A
//! grant may be older than its mount, so a scope that refers to nothing causes a warning, not an
//! error.

use std::collections::BTreeMap;

use super::Grant;

/// The actions of each kind of thing.
pub type Kinds = BTreeMap<String, Vec<String>>;

/// By the name of the mount. None if its plugin is unknown.
#[derive(Debug, Clone, Default)]
pub struct Targets(pub BTreeMap<String, Option<Kinds>>);

impl Targets {
    /// A sentence if a rule refers to nothing that exists.
    pub fn remark(&self, rule: &Grant) -> Option<String> {
        let scope = rule.scope();
        let mounts: Vec<_> = self.0.iter().filter(|(name, _)| scope.is_about_mount(name)).collect();
        if mounts.is_empty() {
            let names = listed(self.0.keys());
            return Some(format!(
                "`{rule}` has no effect now, as no mount has that name: the mounts are {names}"
            ));
        }
        // If one plugin is unknown, nothing can be said.
        let kinds: Option<Vec<_>> =
            mounts.iter().map(|(name, kinds)| Some((name, kinds.as_ref()?))).collect();
        let kinds = kinds?;
        let meant: Vec<_> = kinds
            .iter()
            .flat_map(|(_, kinds)| kinds.iter())
            .filter(|(kind, _)| scope.is_about_kind(kind))
            .collect();
        if meant.is_empty() {
            let there: Vec<_> = kinds
                .iter()
                .map(|(mount, kinds)| format!("[mount.{mount}] has {}", listed(kinds.keys())))
                .collect();
            return Some(format!(
                "`{rule}` has no effect now, as there are no things of that kind: {}",
                there.join("; ")
            ));
        }
        if meant.iter().any(|(_, actions)| actions.iter().any(|action| scope.names_action(action))) {
            return None;
        }
        let there: Vec<_> =
            meant.iter().map(|(kind, actions)| format!("`{kind}` has {}", listed(*actions))).collect();
        Some(format!("`{rule}` has no effect now, as there is no such action: {}", there.join("; ")))
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    fn targets() -> Targets {
        let kinds = |kind: &str, actions: &[&str]| {
            Some(Kinds::from([(kind.to_owned(), actions.iter().map(|&action| action.to_owned()).collect())]))
        };
        Targets(BTreeMap::from([
            ("demo".to_owned(), kinds("package", &["read", "write", "delete"])),
            ("other".to_owned(), kinds("repository", &["pull", "push"])),
            ("away".to_owned(), None),
        ]))
    }

    #[test]
    fn a_scope_that_is_about_nothing_is_told_with_what_there_is() {
        for (scope, words) in [
            ("nmp:package:*:write", "no mount has that name: the mounts are `away`, `demo`, `other`"),
            ("demo:pakage:*:write", "no things of that kind: [mount.demo] has `package`"),
            ("demo:package:*:wirte", "no such action: `package` has `read`, `write`, `delete`"),
            ("!demo:package:*:wirte", "no such action: `package` has `read`, `write`, `delete`"),
            ("other:repository:*:read", "no such action: `repository` has `pull`, `push`"),
        ] {
            let remark = targets().remark(&Grant::parse(scope).unwrap()).unwrap();
            assert!(
                remark.starts_with(&format!("`{scope}` has no effect now")) && remark.contains(words),
                "{remark}"
            );
        }
        for scope in [
            "*:*:*:*",
            "demo:package:left-pad:write",
            "demo:*:*:read",
            "d*:package:*:read",
            "*:package:*:read",
            "other:repository:*:push",
            "!demo:package:a:write",
            "away:anything:*:fly",
        ] {
            assert_eq!(targets().remark(&Grant::parse(scope).unwrap()), None, "{scope}");
        }
        let none = Targets::default().remark(&Grant::parse("demo:package:*:read").unwrap()).unwrap();
        assert!(none.contains("the mounts are none"), "{none}");
    }
}
