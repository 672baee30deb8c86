//! The host's HTTP: connections, request bodies, and responses. It does not know plugins, storage, or
//! who the caller is.

pub mod body;
pub mod pace;
pub mod respond;
pub mod server;
