//! What a plugin says of itself, checked.

mod undeclared;

use std::collections::BTreeMap;
use std::sync::Arc;

use packhouse_scope::{Actions, Declaration, Implication};

use crate::mount::is_reserved;
use packhouse_http::respond::FailureShape;

/// The description of one generation of a plugin.
#[derive(Debug, Default, Clone)]
pub struct Description {
    /// First segment of its scopes.
    pub protocol: String,
    pub title: String,
    pub version: String,
    /// Paths at the root of the host that it wishes for.
    pub root_aliases: Vec<String>,
    /// Each kind of scope, and its actions.
    pub kinds: Vec<Declaration>,
    /// Which actions imply others. None where the plugin says nothing of it, as one that was
    /// built for the contract 0.1.0, which has no word for it.
    pub implied: Option<Vec<Implication>>,
    /// What both of them come to, once they are checked.
    pub actions: Arc<Actions>,
    /// For each feature whether it is on unless the configuration says otherwise.
    pub features: BTreeMap<String, bool>,
    pub setup: Option<String>,
    pub failure_shape: Option<FailureShape>,
    /// What it wishes to be granted, and why.
    pub wishes: BTreeMap<String, String>,
}

impl Description {
    /// The description, or a sentence about what cannot be.
    pub fn checked(mut self) -> Result<Self, String> {
        self.actions = Arc::new(match &self.implied {
            Some(implied) => Actions::declared(&self.kinds, implied)?,
            None => Actions::by_rules(&self.kinds, &undeclared::rules()),
        });
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let protocol = &self.protocol;
        if protocol.is_empty()
            || protocol.len() > 64
            || protocol.starts_with('-')
            || !protocol.chars().all(fits)
        {
            return Err(format!(
                "its protocol has the name {protocol:?}: the name must consist of lower-case letters, digits and `-`"
            ));
        }
        for alias in &self.root_aliases {
            if is_reserved(alias) {
                return Err(format!("it requests the path {alias}, which the host reserves"));
            }
            if !alias.starts_with('/') || alias.len() < 2 || alias.ends_with('/') {
                return Err(format!(
                    "it requests the path {alias:?}: a path must begin with `/` and must not end with `/`"
                ));
            }
        }
        Ok(self)
    }

    /// What this one declares and `next` does not, a few words each.
    pub fn loses(&self, next: &Self) -> Vec<String> {
        let mut lost = Vec::new();
        for Declaration { kind, actions, .. } in &self.kinds {
            match next.kinds.iter().find(|declared| declared.kind == *kind) {
                None => lost.push(format!("the scope `{kind}`")),
                Some(kept) => lost.extend(
                    actions
                        .iter()
                        .filter(|action| !kept.actions.contains(action))
                        .map(|action| format!("the action `{action}` of the scope `{kind}`")),
                ),
            }
        }
        let features = self.features.keys().filter(|name| !next.features.contains_key(*name));
        lost.extend(features.map(|name| format!("the feature `{name}`")));
        let aliases = self.root_aliases.iter().filter(|alias| !next.root_aliases.contains(alias));
        lost.extend(aliases.map(|alias| format!("the address `{alias}`")));
        lost
    }

    /// What users of a mount at this address set up, a line each. A line that begins with `{if NAME}`
    /// is for mounts that have `NAME`. A line with `{host}` is for clients that accept no path. They
    /// reach a mount only by one of the root paths that its plugin requests; without one, such a line
    /// would lead into another mount. It is left out, and a comment says what the mount needs.
    pub fn setup_lines(&self, base_url: &str, has: impl Fn(&str) -> bool) -> Vec<String> {
        let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or(host);
        let fill = |line: &str| line.replace("{base_url}", base_url).replace("{host}", host);
        let is_reached = self.root_aliases.is_empty() || self.root_aliases.iter().any(|alias| has(alias));
        let lines = self.setup.as_deref().unwrap_or_default().trim_end().lines();
        let wanted = lines.filter_map(|line| match conditional(line) {
            Some((wish, rest)) => has(wish).then_some(rest),
            None => Some(line),
        });
        let (shown, unreached): (Vec<&str>, Vec<&str>) =
            wanted.partition(|line| is_reached || !line.contains("{host}"));
        let mut lines: Vec<String> = shown.into_iter().map(fill).collect();
        if !unreached.is_empty() {
            lines.push(format!(
                "# clients reach it only at the root of a host: list {} in `grants`, or set a `host` of its own",
                self.root_aliases.join(", ")
            ));
        }
        lines
    }

    /// What it wishes for, paths at the root too, and why, where it says so.
    pub fn all_wishes(&self) -> BTreeMap<&str, Option<&str>> {
        let aliases = self.root_aliases.iter().map(|alias| (alias.as_str(), None));
        let said = self.wishes.iter().map(|(wish, reason)| (wish.as_str(), Some(reason.as_str())));
        aliases.chain(said).collect()
    }
}

/// The wish and the rest of a line that begins with `{if NAME}`.
fn conditional(line: &str) -> Option<(&str, &str)> {
    line.strip_prefix("{if ")?.split_once('}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_to_set_up_that_needs_a_grant_is_for_mounts_that_have_it() {
        let setup =
            "use {base_url}/ of {host}\n{if login}sign in at {base_url}/\n{if /v2}push {host}/\n{iffy} {\n";
        let description = Description { setup: Some(setup.to_owned()), ..Description::default() };
        let lines = |granted: &[&str]| {
            description.setup_lines("http://example.com/demo", |wish| granted.contains(&wish))
        };
        assert_eq!(lines(&[]), ["use http://example.com/demo/ of example.com", "{iffy} {"]);
        assert_eq!(
            lines(&["login", "/v2"])[1..3],
            ["sign in at http://example.com/demo/", "push example.com/"]
        );
    }

    #[test]
    fn a_line_with_the_host_alone_is_for_mounts_that_have_a_path_at_its_root() {
        let setup = "sign in at {host}\nopen {base_url}/\n";
        let description = Description {
            setup: Some(setup.to_owned()),
            root_aliases: vec!["/v2".to_owned()],
            ..Description::default()
        };
        let lines =
            |has: bool| description.setup_lines("http://example.com/demo", |wish| has && wish == "/v2");
        assert_eq!(lines(true), ["sign in at example.com", "open http://example.com/demo/"]);
        let without = lines(false);
        assert_eq!(without[0], "open http://example.com/demo/");
        assert!(without[1].starts_with("# ") && without[1].contains("list /v2 in `grants`"), "{without:?}");
        assert_eq!(without.len(), 2);
    }
}
