//! Opendal operators with what every one of them needs: a transport that notices
//! silence, and retries. The one place that names services: another one is a feature
//! and a line here.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use opendal::bucket::retries::{RetryEvent, RetryLayer};
use opendal::services;
use opendal::{HttpTransporter, OperationContext, Operator};

use super::Transport;
use crate::error::Result;
use crate::{Addressing, S3Settings, Settings};

/// Together with the silences of the transport and [`CALL_LIMIT`] they bound every call.
const RETRIES: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const FACTOR: f32 = 3.0;
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// For a call that carries no content or a small one, retries included.
pub(crate) const CALL_LIMIT: Duration = Duration::from_secs(30);

pub(crate) struct Layered {
    pub operator: Operator,
    /// Without retries, see [`persistently`].
    pub once: Operator,
    /// Below both, when there is one.
    pub transport: Option<Transport>,
}

pub(crate) fn operator(settings: &Settings) -> Result<Option<Layered>> {
    Ok(match settings {
        Settings::Fs { .. } => None,
        Settings::Memory => {
            let operator = Operator::new(services::Memory::default())?;
            Some(Layered { once: operator.clone(), operator, transport: None })
        }
        Settings::S3(settings) => {
            let transport = Transport::new(settings)?;
            let context =
                OperationContext::new().with_http_transport(HttpTransporter::new(transport.clone()));
            let once = Operator::new(s3(settings))?.with_context(context);
            let operator = once.clone().layer(retries());
            Some(Layered { operator, once, transport: Some(transport) })
        }
    })
}

fn s3(settings: &S3Settings) -> services::S3 {
    let scheme = if settings.use_ssl { "https" } else { "http" };
    let service = services::S3::default()
        .endpoint(&format!("{scheme}://{}:{}", settings.endpoint, settings.port))
        .region(&settings.region)
        .bucket(&settings.bucket_name)
        // The transport signs.
        .skip_signature()
        .disable_config_load()
        .disable_ec2_metadata();
    match settings.addressing {
        Addressing::Path => service,
        Addressing::VirtualHost => service.enable_virtual_host_style(),
    }
}

fn retries() -> RetryLayer<impl opendal::bucket::retries::RetryInterceptor> {
    RetryLayer::new()
        .with_max_times(RETRIES)
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(FACTOR)
        .with_jitter()
        .with_notify(|event: RetryEvent<'_>| {
            tracing::debug!(
                attempt = event.attempt,
                error = %event.err,
                "the storage service is asked again in {:?}",
                event.retry_after
            );
        })
}

/// Between the attempts of what must not be retried by the layer, which goes on with a
/// read that broke off where it broke off, in whatever is there by then.
pub(crate) fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_max_times(RETRIES)
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(FACTOR)
        .with_jitter()
}

/// For what must be retried as a whole.
pub(crate) async fn persistently<T, Call>(call: impl FnMut() -> Call) -> opendal::Result<T>
where
    Call: Future<Output = opendal::Result<T>>,
{
    call.retry(pauses())
        .when(opendal::Error::is_temporary)
        .notify(|error, pause| {
            tracing::debug!(%error, "the storage service is asked again in {pause:?}");
        })
        .await
}
