//! The stories of cargo's protocol over HTTP, on the S3 servers of others.

use packhouse_tests::on_every_engine as on_every;

#[path = "../protocols/cargo.rs"]
mod stories;
