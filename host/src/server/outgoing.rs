//! A response body that keeps its request counted as in flight until it is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::progress::InFlight;
use crate::respond::{BodyStreamError, ResponseBody};
use crate::telemetry::with_causes;

pub(super) struct Outgoing {
    body: ResponseBody,
    _flight: InFlight,
}

impl Outgoing {
    pub fn new(body: ResponseBody, mut flight: InFlight) -> Self {
        flight.answering();
        Self { body, _flight: flight }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = BodyStreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyStreamError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Err(error))) = &polled {
            tracing::warn!(error = with_causes(error), "an answer broke off in the middle");
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
