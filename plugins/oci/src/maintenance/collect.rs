//! Removes blobs that nothing references, and what interrupted requests have left.
//!
//! The collection marks the referenced blobs, condemns the others, marks the referenced blobs again,
//! and removes those that are still condemned. If a client pushes a blob or a manifest meanwhile,
//! either the second marking finds it, or the push finds the condemnation and removes it
//! ([`crate::condemned`]).
//!
//! # Invariants
//! - Between condemning and removing a blob there is a complete marking: members, then pending pushes,
//!   then manifests, in the order in which a push writes them.
//! - The bytes of a blob are removed only after its condemnation was swapped to `deleting`.
//! - Damage keeps blobs: a damaged manifest with a record keeps what its push proved. Without a record,
//!   all blobs of its repository are kept, and before the adoption all blobs.
//! - A blob is removed only if it is in a repository that has a document of tags, if a request deleted
//!   it, or if the operator ordered to remove orphans. It is kept if its repository has had it for
//!   longer than every document ([`super::evidence`]).

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
