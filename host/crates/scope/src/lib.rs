//! Permissions: what a grant or a token says, which actions imply others, and the decision
//! whether somebody may do something. The host and the SDK's test host share it, so that both
//! decide alike. It must not know how anybody proves who they are, and no protocol by name.
//!
//! - [`Scope`]: the grammar `{mount}:{kind}:{name}:{action}`, and what a scope covers.
//! - [`Actions`]: the actions that a protocol declares, and which of them imply others.
//! - [`Access`]: what a signed access token holds.
//! - [`decide`]: where grants, the limits of a token and what is public come together.

mod access;
mod actions;
mod decision;
mod pattern;
mod scope;

pub use access::{ALL, Access, Entry, put_together};
pub use actions::{Actions, Declaration, Implication, Rules};
pub use decision::{Caller, Decision, Person, Question, decide, is_narrower, is_public, narrow};
pub use scope::{Resource, Scope, ScopeError};
