//! The stories of npm over HTTP, on the S3 servers of others.

use packhouse_tests::on_every_engine as on_every;

#[path = "../protocols/npm_changes.rs"]
mod changes;
#[path = "../protocols/npm.rs"]
mod stories;
