//! Permissions: the grammar of grants and tokens, which actions imply others, and the decision
//! whether a caller may do something. The host and the SDK's test host share this crate, so both
//! decide alike. It does not know how callers are identified, or the name of any protocol.
//!
//! - [`Scope`]: the grammar `{mount}:{kind}:{name}:{action}`, and what a scope covers.
//! - [`Grant`]: a rule that allows or denies what a scope covers.
//! - [`Actions`]: the actions that a protocol declares, and which of them imply others.
//! - [`Access`]: the content of a signed access token.
//! - [`decide`]: the decision, from grants, the limits of a token and what is public.
//! - [`explain`]: the same with the rule that decides, for administrators.

mod access;
mod actions;
mod decision;
mod explain;
mod grant;
mod pattern;
mod scope;

pub use access::{ALL, Access, Entry, put_together};
pub use actions::{Actions, Declaration, Implication, Rules};
pub use decision::{Caller, Decision, Person, Question, decide, is_denied, is_narrower, is_public, narrow};
pub use explain::{Explanation, Reason, explain};
pub use grant::{Effect, Grant};
pub use scope::{Resource, Scope, ScopeError};
