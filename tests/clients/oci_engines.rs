//! The stories of OCI over HTTP, on the S3 servers of others.

use packhouse_tests::on_every_engine as on_every;

#[path = "../protocols/oci_referrers.rs"]
mod referrers;
#[path = "../protocols/oci.rs"]
mod stories;
