pub mod body;
pub mod respond;
pub mod server;
