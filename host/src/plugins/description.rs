//! What a plugin says of itself, checked.

use std::collections::BTreeMap;

use crate::mounts::is_reserved;
use crate::respond::FailureShape;

/// The description of one generation of a plugin.
#[derive(Debug, Default, Clone)]
pub struct Description {
    /// First segment of its scopes.
    pub protocol: String,
    pub title: String,
    pub version: String,
    /// Paths at the root of the host that it wishes for.
    pub root_aliases: Vec<String>,
    /// For each kind of scope the action that reading needs.
    pub read_actions: BTreeMap<String, String>,
    /// For each feature whether it is on unless the configuration says otherwise.
    pub features: BTreeMap<String, bool>,
    pub setup: Option<String>,
    pub failure_shape: Option<FailureShape>,
    /// What it wishes to be granted, and why.
    pub wishes: BTreeMap<String, String>,
}

impl Description {
    /// The description, or a sentence about what cannot be.
    pub fn checked(self) -> Result<Self, String> {
        let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let protocol = &self.protocol;
        if protocol.is_empty()
            || protocol.len() > 64
            || protocol.starts_with('-')
            || !protocol.chars().all(fits)
        {
            return Err(format!(
                "it calls its protocol {protocol:?}: a name of lower-case letters, digits and `-` is needed"
            ));
        }
        for alias in &self.root_aliases {
            if is_reserved(alias) {
                return Err(format!("it claims {alias}, which is the host's own"));
            }
            if !alias.starts_with('/') || alias.len() < 2 || alias.ends_with('/') {
                return Err(format!(
                    "it claims the path {alias:?}, which does not begin with one `/` and end without"
                ));
            }
        }
        Ok(self)
    }
}
