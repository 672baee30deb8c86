//! Packhouse: a registry server whose protocols are WASM components.
//!
//! The library is the server without `main`: build it with [`Registry::build`] from a [`config::Config`],
//! pass requests to [`Registry::handle`], use its storage and its users. `ARCHITECTURE.md` beside
//! this crate is the map.

pub mod admin;
pub mod app;
pub mod config;
mod dispatch;
pub mod maintenance;
pub mod mounts;
pub mod ownership;
mod pages;
mod prefixes;
mod serving;
mod turns;
pub mod upkeep;

pub use packhouse_auth as auth;
pub use packhouse_common::{descriptors, processors, shares, telemetry, text};
pub use packhouse_guest::{bindings, capabilities, inputs, plugins};
pub use packhouse_http::{body, pace, respond, server};
pub use packhouse_storage as storage;

pub use app::{BuildError, Registry, RemoteAddress};
pub use config::Config;
