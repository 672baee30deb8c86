//! How a call reaches the host: two sets of the same functions and handles. In a
//! component they are the imports of `wit/`; elsewhere the host in memory of `testing`.
//! Nothing outside this file knows which.

#[cfg(target_family = "wasm")]
mod component;
#[cfg(not(target_family = "wasm"))]
mod memory;

#[cfg(target_family = "wasm")]
pub(crate) use component::*;
#[cfg(not(target_family = "wasm"))]
pub(crate) use memory::*;
