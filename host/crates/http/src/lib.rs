//! HTTP as the host speaks it: connections, request bodies, and what an answer becomes on its
//! way out. It must not know plugins, storage, or who is calling.

pub mod body;
pub mod pace;
pub mod respond;
pub mod server;
