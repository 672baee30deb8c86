//! Checks the permissions on artifacts. The host applies a grant on the bare group to each of its
//! artifacts, and a deny rule on one artifact only to that one.

use packhouse_plugin::auth::{self, Decision, Denied};

use crate::name::{Artifact, GroupId};

/// The kind of this protocol's scopes.
pub const ARTIFACT: &str = "artifact";

/// The caller may do this on the artifact, or the reason why not.
pub fn require(artifact: &Artifact, action: &str) -> Result<(), Denied> {
    auth::require(ARTIFACT, &artifact.to_string(), action)
}

/// Whether the caller may do this on the artifact.
pub fn may(artifact: &Artifact, action: &str) -> bool {
    auth::check(ARTIFACT, &artifact.to_string(), action) == Decision::Granted
}

/// Whether the caller may do this on the group: on each of its artifacts that no rule denies.
pub fn may_in_group(group: &GroupId, action: &str) -> bool {
    auth::check(ARTIFACT, group.as_str(), action) == Decision::Granted
}

/// The same, or the reason why not.
pub fn require_in_group(group: &GroupId, action: &str) -> Result<(), Denied> {
    auth::require(ARTIFACT, group.as_str(), action)
}
