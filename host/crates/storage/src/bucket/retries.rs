//! How often a request to a service is repeated.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use opendal::layers::{RetryEvent, RetryInterceptor, RetryLayer};

/// These pauses, the timeouts of the transport, and [`CALL_LIMIT`] bound every call.
const RETRIES: usize = 4;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const FACTOR: f32 = 3.0;
const LONGEST_PAUSE: Duration = Duration::from_secs(4);
/// The limit of a call with no or little content, including its retries.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);

/// For all calls except those that must be repeated as a whole, see [`persistently`].
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

/// The pauses of calls that the retry layer must not repeat, because it would continue an
/// interrupted read in another version.
pub(super) fn pauses() -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_max_times(RETRIES)
        .with_min_delay(FIRST_PAUSE)
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(FACTOR)
        .with_jitter()
}

/// Repeats a call as a whole.
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
