//! How often a service is asked again.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use opendal::layers::{RetryEvent, RetryInterceptor, RetryLayer};

/// Together with the silences of the transport and [`CALL_LIMIT`] they bound every call.
const RETRIES: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const FACTOR: f32 = 3.0;
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// For a call that carries no content or a small one, retries included.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// For all calls but those that must be retried as a whole, see [`persistently`].
pub(super) fn layer() -> RetryLayer<impl RetryInterceptor> {
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
pub(super) fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_max_times(RETRIES)
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(FACTOR)
        .with_jitter()
}

/// For what must be retried as a whole.
pub(super) async fn persistently<T, Call>(call: impl FnMut() -> Call) -> opendal::Result<T>
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
