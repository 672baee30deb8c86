

pub mod body;
pub mod respond;
