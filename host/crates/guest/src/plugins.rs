//! Plugins: found in a folder, compiled, described, run, and swapped while requests
//! run.
//!
//! `loader` turns a file into code (`fitness` says why not, `places` where, `cache` keeps it),
//! `sandbox` runs it, `generations` keeps the one that serves and the reason why a newer one does
//! not, `watcher` looks for changes.
//! This room knows wasmtime, and knows nothing of HTTP paths, storage or any
//! protocol.
//!
//! # Invariants
//! - **A request ends on the generation that it began with**: it holds it.
//! - **A file that fails changes nothing** but the reason shown beside the generation
//!   that goes on serving.
//! - **A swap never changes the protocol** under a mount that works.

mod cache;
mod checked;
mod fitness;
mod generation;
pub mod generations;
mod key;
mod linked;
pub mod loader;
mod places;
pub mod sandbox;
mod slot;
mod watcher;

pub use checked::Unusable;
pub use generation::Generation;
pub use generations::{Place, PluginFolders, Plugins, PluginsError};
pub use sandbox::{CallError, GuestLimits, Imports, Sandbox};
pub use slot::{PluginStatus, Stage};
pub use wasmtime::Result as LinkResult;
pub use watcher::Watcher;
