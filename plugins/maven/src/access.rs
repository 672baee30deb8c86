//! Checks the permissions on artifacts. A grant on the bare group applies to each of its artifacts.

use packhouse_plugin::auth::{self, Decision, Denied};

use crate::name::{Artifact, GroupId};

/// The kind of this protocol's scopes.
pub const ARTIFACT: &str = "artifact";

/// The caller may do this on the artifact, or the reason why not.
pub fn require(artifact: &Artifact, action: &str) -> Result<(), Denied> {
    let Err(denied) = auth::require(ARTIFACT, &artifact.to_string(), action) else { return Ok(()) };
    if may_in_group(&artifact.group, action) { Ok(()) } else { Err(denied) }
}

/// Whether the caller may do this on the artifact.
pub fn may(artifact: &Artifact, action: &str) -> bool {
    auth::check(ARTIFACT, &artifact.to_string(), action) == Decision::Granted
        || may_in_group(&artifact.group, action)
}

/// Whether the caller may do this on all artifacts of the group.
pub fn may_in_group(group: &GroupId, action: &str) -> bool {
    auth::check(ARTIFACT, group.as_str(), action) == Decision::Granted
}

/// The same, or the reason why not.
pub fn require_in_group(group: &GroupId, action: &str) -> Result<(), Denied> {
    auth::require(ARTIFACT, group.as_str(), action)
}
