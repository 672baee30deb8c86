//! Packhouse as its clients meet it: the built program on a free port, HTTP actors, and real
//! package managers, each in a home of its own.
//!
//! Knows the command line, the configuration and the wire; links nothing of the host.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "a test may fail loudly"
)]

pub mod accounts;
pub mod actor;
pub mod backend;
pub mod browser;
pub mod cargo;
pub mod clients;
pub mod composer;
pub mod crowd;
pub mod cutter;
pub mod engine;
pub mod maven;
pub mod npm;
pub mod object_store;
pub mod oci;
pub mod orders;
pub mod page;
pub mod pypi;
pub mod races;
pub mod registry;
pub mod rubygems;
pub mod server;
pub mod skip;
pub mod slow;
pub mod snapshot;
pub mod sockets;
pub mod swaps;
pub mod terminal;
pub mod tmpfs;
pub mod toxiproxy;
pub mod wait;
pub mod webdriver;

pub use accounts::User;
pub use actor::{Actor, Answer};
pub use backend::Backend;
pub use engine::Engine;
pub use registry::{Options, Registry, program};
pub use snapshot::Snapshot;
