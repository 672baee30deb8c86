//! Plugins, and what they can reach: the contract (`wit/`) on the side of the host. It must not
//! know the configuration, the addresses of mounts, or who orders maintenance.
//!
//! | module | contents |
//! |---|---|
//! | `bindings` | the code that `bindgen!` makes of the contract |
//! | `capabilities` | what an instance can call, one file per interface |
//! | `plugins` | finds, compiles, describes, runs and swaps plugins |
//! | `description`, `mount`, `upkeep`, `ownership` | the words that both sides use |
//! | `inputs` | what a reply depends on |
//! | `time`, `memory` | the limits of an instance |
//!
//! `plugins` uses `capabilities`, and nothing uses `plugins`.

pub mod bindings;
pub mod capabilities;
pub mod description;
pub mod inputs;
pub mod memory;
pub mod mount;
pub mod ownership;
pub mod plugins;
pub mod time;
pub mod upkeep;
