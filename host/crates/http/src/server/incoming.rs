//! A request body as it arrives from hyper, and what happens if it is dropped before its end.
//!
//! If an HTTP/1.1 request was not read completely when its response is sent, hyper closes the
//! connection at once. The kernel then answers further bytes of the client with a reset, which may
//! overtake the response. So the host reads and drops a small rest, and keeps the connection. For a
//! large rest, the response has `Connection: close`, and the socket lingers (see `io`).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::progress::Progress;

/// The most of an unread body that is thrown away to keep a connection.
const DRAINED: u64 = 256 << 10;
/// And the longest that it may take.
const DRAIN_TIME: Duration = Duration::from_secs(2);

/// The body of a request. Nothing is asked of the client before it is polled.
pub struct IncomingBody {
    /// None once it is at its end, or handed to the task that drains it.
    incoming: Option<Incoming>,
    progress: Arc<Progress>,
    is_http2: bool,
    /// The client waits for `100 Continue`, which the first poll sends.
    waits: bool,
}

impl IncomingBody {
    pub(super) fn new(
        incoming: Incoming,
        progress: Arc<Progress>,
        is_http2: bool,
        expects_continue: bool,
    ) -> Self {
        let incoming = (!incoming.is_end_stream()).then_some(incoming);
        Self { incoming, progress, is_http2, waits: expects_continue }
    }
}

impl Body for IncomingBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.waits = false;
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(incoming).poll_frame(context);
        let is_last = matches!(polled, Poll::Ready(None | Some(Err(_))))
            || self.incoming.as_ref().is_some_and(Body::is_end_stream);
        if is_last {
            self.incoming = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for IncomingBody {
    fn drop(&mut self) {
        // HTTP/2 resets the one stream and keeps the connection.
        let Some(incoming) = self.incoming.take().filter(|_| !self.is_http2) else {
            return;
        };
        let is_small = incoming.size_hint().exact().is_none_or(|left| left <= DRAINED);
        if self.waits || !is_small {
            return self.progress.close();
        }
        self.progress.linger();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(drain(incoming, Arc::clone(&self.progress)));
        }
    }
}

/// Reads the rest and throws it away. hyper keeps the connection while somebody
/// holds the body, and sends the answer meanwhile.
async fn drain(mut incoming: Incoming, progress: Arc<Progress>) {
    let is_all = tokio::time::timeout(DRAIN_TIME, async {
        let mut left = DRAINED;
        loop {
            match incoming.frame().await {
                None => return true,
                Some(Err(_)) => return false,
                Some(Ok(frame)) => {
                    match left.checked_sub(frame.data_ref().map_or(0, |bytes| bytes.len() as u64)) {
                        Some(rest) => left = rest,
                        None => return false,
                    }
                }
            }
        }
    });
    if is_all.await.is_ok_and(|is_all| is_all) {
        progress.do_not_linger();
    }
}
