//! S3: what opendal has no function for.

pub(super) mod checksums;
pub(super) mod requests;
pub(super) mod unfinished;
