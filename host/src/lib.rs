//! Packhouse: a registry server whose protocols are WASM components.
//!
//! The library is the server without `main`: [`Registry::build`] it from a
//! [`config::Config`], hand it requests with [`Registry::handle`], reach its storage
//! and its users. `ARCHITECTURE.md` beside this crate is the map.

pub mod admin;
pub mod app;
pub mod auth;
pub mod bindings;
pub mod body;
pub mod capabilities;
pub mod config;
pub mod descriptors;
mod dispatch;
pub mod maintenance;
pub mod mounts;
pub mod ownership;
pub mod pace;
pub mod plugins;
mod prefixes;
mod reach;
pub mod respond;
pub mod server;
pub mod shares;
mod status;
pub mod storage;
pub mod telemetry;
pub mod text;

pub use app::{BuildError, Registry, RemoteAddress};
pub use config::Config;
