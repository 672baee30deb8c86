//! The host of Packhouse.

pub mod admin;
pub mod auth;
