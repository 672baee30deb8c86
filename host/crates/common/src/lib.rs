//! What several parts of the host use: text for people, log lines, the shares of clients, and file
//! descriptors. It knows no other part.

pub mod client;
pub mod descriptors;
pub mod processors;
pub mod reach;
pub mod rota;
pub mod shares;
pub mod telemetry;
pub mod text;
