//! The tasks that hyper creates for the streams of an HTTP/2 connection. Each can be ended alone:
//! hyper then resets its stream and frees what the stream held, and the other streams continue.

use std::future::Future;

use tokio_util::sync::CancellationToken;

tokio::task_local! {
    static STREAM: CancellationToken;
}

/// Runs each stream as a task of its own.
#[derive(Clone, Copy)]
pub(super) struct Streams;

impl<Stream> hyper::rt::Executor<Stream> for Streams
where
    Stream: Future + Send + 'static,
    Stream::Output: Send,
{
    fn execute(&self, stream: Stream) {
        let cut = CancellationToken::new();
        tokio::spawn(STREAM.scope(cut.clone(), async move {
            tokio::select! {
                _ = stream => {}
                () = cut.cancelled() => {}
            }
        }));
    }
}

/// What ends the stream whose task this is; none outside of HTTP/2.
pub(super) fn current() -> Option<CancellationToken> {
    STREAM.try_with(Clone::clone).ok()
}
