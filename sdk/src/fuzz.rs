//! Fuzz targets for everything that reads what clients send. Each asserts a property; how they
//! are run longer is in `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

mod archives;
mod bodies;
mod requests;
mod scan;
