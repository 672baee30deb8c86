//! Packhouse: a registry server whose protocols are WASM components.

pub mod storage;
