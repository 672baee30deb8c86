//! Opendal operators with what every one of them needs: timeouts and retries.
//! The one place that names services: another one is a feature and a line here.

use std::time::Duration;

use opendal::Operator;
use opendal::layers::{RetryLayer, TimeoutLayer};
use opendal::services;
use secrecy::ExposeSecret;

use super::error::Result;
use super::{S3Settings, Settings};

/// For calls that carry no content.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// For each piece of a transfer, and for ending a multipart upload; never for a
/// whole transfer.
const PIECE_TIMEOUT: Duration = Duration::from_mins(1);
const RETRIES: usize = 3;

pub(super) fn operator(settings: &Settings) -> Result<Option<Operator>> {
    Ok(match settings {
        Settings::Fs { .. } => None,
        Settings::Memory => Some(Operator::new(services::Memory::default())?),
        Settings::S3(settings) => Some(layered(Operator::new(s3(settings))?)),
    })
}

fn s3(settings: &S3Settings) -> services::S3 {
    opendal_http_transport_reqwest::install_default();
    let scheme = if settings.use_ssl { "https" } else { "http" };
    services::S3::default()
        .endpoint(&format!("{scheme}://{}:{}", settings.endpoint, settings.port))
        .region(&settings.region)
        .bucket(&settings.bucket_name)
        .access_key_id(settings.access_key.expose_secret())
        .secret_access_key(settings.access_secret.expose_secret())
        .disable_config_load()
        .disable_ec2_metadata()
}

/// Each attempt has its timeout: the retries are outside.
fn layered(operator: Operator) -> Operator {
    operator
        .layer(TimeoutLayer::new().with_timeout(CALL_TIMEOUT).with_io_timeout(PIECE_TIMEOUT))
        .layer(RetryLayer::new().with_max_times(RETRIES).with_jitter())
}
