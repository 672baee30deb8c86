//! The body of a response as hyper takes it. The request counts as in progress until the last byte
//! is written.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body::{Body, Frame, SizeHint};

use super::transfer::{Piece, Transfer};
use crate::respond::{BodyStreamError, ResponseBody};
use packhouse_common::telemetry::with_causes;

/// Above this size the last piece of an HTTP/2 answer goes out without the end of
/// the stream, which follows when the piece is written.
const ENDS_AT_ONCE: usize = 4 << 10;

pub(super) struct Outgoing {
    body: ResponseBody,
    transfer: Arc<Transfer>,
    is_http2: bool,
    /// The end follows separately: hyper forgets a stream of HTTP/2 when it has given
    /// the end to its library, which may still hold the last piece for a client that
    /// does not take it. Such a stream could not be reset.
    holds_end: bool,
}

impl Outgoing {
    pub fn new(body: ResponseBody, transfer: Arc<Transfer>, is_http2: bool) -> Self {
        Self { body, transfer, is_http2, holds_end: false }
    }
}

impl Body for Outgoing {
    type Data = Piece;
    type Error = BodyStreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, BodyStreamError>>> {
        loop {
            let bytes = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Pending => {
                    self.transfer.starve();
                    return Poll::Pending;
                }
                Poll::Ready(None) => {
                    self.transfer.starve();
                    return if self.holds_end && !self.transfer.is_written(context.waker()) {
                        Poll::Pending
                    } else {
                        Poll::Ready(None)
                    };
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::warn!(error = with_causes(&error), "an answer broke off in the middle");
                    return Poll::Ready(Some(Err(error)));
                }
                Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
            };
            if !bytes.is_empty() {
                self.holds_end = self.is_http2 && bytes.len() > ENDS_AT_ONCE;
                return Poll::Ready(Some(Ok(Frame::data(self.transfer.give(bytes)))));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.holds_end && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
