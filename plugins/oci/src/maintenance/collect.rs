//! Removes blobs that nothing names, and what interrupted requests have left.
//!
//! What is named is marked; what is not is condemned; what is named is marked once more, and
//! what is condemned still is removed. Whoever brings a blob or a manifest meanwhile is seen
//! by the second marking, or sees the condemnation and takes it away ([`crate::condemned`]).
//!
//! # Invariants
//! - Between condemning and removing a blob there is a whole marking: members, then pushes
//!   under way, then manifests, as a push becomes each of these in turn.
//! - The bytes of a blob go only after its condemnation was swapped to `deleting`.
//! - Next to damage nothing is removed: a manifest whose push was recorded keeps what the push
//!   proved; without a record, its repository's blobs stay, and before the adoption all blobs.
//! - A blob goes only if a repository has it that has a document of tags, if a request deleted
//!   it, or if the operator ordered to remove orphans. It does not go if its repository has had
//!   it for longer than every document ([`super::evidence`]).

use packhouse_plugin::maintenance::Phase;

mod condemn;
mod damage;
mod left_over;
mod mark;
mod remove;

pub const PHASES: &[Phase] = &[
    Phase { name: "pending", step: mark::pending },
    Phase { name: "members", step: mark::members },
    Phase { name: "manifests", step: mark::manifests },
    Phase { name: "records", step: damage::records },
    Phase { name: "tags", step: damage::tags },
    Phase { name: "lost tags", step: damage::lost_tags },
    Phase { name: "condemn", step: condemn::blobs },
    Phase { name: "members again", step: mark::members },
    Phase { name: "pending again", step: mark::pending },
    Phase { name: "manifests again", step: mark::later_manifests },
    Phase { name: "remove", step: remove::condemned },
    Phase { name: "left members", step: left_over::members },
    Phase { name: "left referrers", step: left_over::referrers },
    Phase { name: "left types", step: left_over::types },
    Phase { name: "left records", step: left_over::records },
];
