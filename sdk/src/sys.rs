//! The calls to the host: two sets of the same functions and handles. In a component they are the
//! imports of `wit/`. Elsewhere they are the in-memory host of `testing`. No other file knows
//! which.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
mod memory;

#[cfg(target_family = "wasm")]
pub(crate) use component::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use memory::*;
