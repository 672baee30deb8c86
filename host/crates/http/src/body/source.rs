//! What the client sends, frame by frame, with the limits of size, rate and time. Only this module
//! decides whether the whole body has arrived.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use tokio::time::Instant;

use super::{BodyError, Limits};
use crate::pace::{Pace, PaceSettings};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(super) struct Source {
    body: Pin<Box<dyn Body<Data = Bytes, Error = BoxError> + Send>>,
    limits: Limits,
    pace: Pace,
    /// The first time that the host waited for the client.
    begun: Option<Instant>,
    declared: Option<u64>,
    received: u64,
    ended: bool,
    failed: Option<BodyError>,
}

impl Source {
    pub fn new<Incoming>(body: Incoming, limits: Limits) -> Self
    where
        Incoming: Body<Data = Bytes> + Send + 'static,
        Incoming::Error: Into<BoxError>,
    {
        let declared = body.size_hint().exact();
        let body = Box::pin(body.map_err(Into::into));
        let pace = Pace::new(PaceSettings { grace: limits.idle, rate: limits.rate });
        Self { body, limits, pace, begun: None, declared, received: 0, ended: false, failed: None }
    }

    pub fn limit_time(&mut self, total: Duration) {
        self.limits.total = total;
    }

    /// The declared length in bytes.
    pub fn length(&self) -> Option<u64> {
        self.declared
    }

    /// The next bytes, never empty; none at the end. An error is kept, so that no
    /// later call can mistake it for the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let next = self.fetch().await;
        if let Err(error) = &next {
            self.failed = Some(error.clone());
        }
        next
    }

    async fn fetch(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.ended {
            return Ok(None);
        }
        if self.declared.is_some_and(|length| length > self.limits.size) {
            return Err(BodyError::TooLarge(self.limits.size));
        }
        loop {
            let frame = match self.wait().await? {
                None => return self.end(),
                Some(frame) => frame.map_err(|error| broken(error.as_ref()))?,
            };
            match frame.into_data() {
                Ok(bytes) if !bytes.is_empty() => return self.count(bytes).map(Some),
                // An empty piece, or trailers, which nobody asks for.
                _ => {}
            }
        }
    }

    /// Waits for the client, as long as it is fast enough.
    async fn wait(&mut self) -> Result<Option<Result<Frame<Bytes>, BoxError>>, BodyError> {
        let now = Instant::now();
        let begun = *self.begun.get_or_insert(now);
        self.pace.start(now);
        let left = self.pace.left(now).min(self.limits.total.saturating_sub(now - begun));
        let waited = tokio::time::timeout(left, self.body.frame()).await;
        self.pace.stop(Instant::now());
        waited.map_err(|_| BodyError::Slow)
    }

    fn end(&mut self) -> Result<Option<Bytes>, BodyError> {
        self.ended = true;
        match self.declared {
            Some(declared) if self.received < declared => Err(BodyError::Truncated),
            _ => Ok(None),
        }
    }

    fn count(&mut self, bytes: Bytes) -> Result<Bytes, BodyError> {
        self.received = self.received.saturating_add(bytes.len() as u64);
        self.pace.moved(bytes.len() as u64, Instant::now());
        if self.received > self.limits.size {
            return Err(BodyError::TooLarge(self.limits.size));
        }
        if self.declared.is_some_and(|declared| self.received > declared) {
            return Err(BodyError::Invalid("the body is longer than it was declared".into()));
        }
        Ok(bytes)
    }
}

/// A body that hyper cannot read on: the client went away, or its framing is
/// wrong (then hyper's error has one of kind `InvalidInput` or `InvalidData`
/// beneath it).
fn broken(error: &(dyn std::error::Error + 'static)) -> BodyError {
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(error) = current.downcast_ref::<std::io::Error>()
            && matches!(error.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::InvalidData)
        {
            return BodyError::Invalid("the body's framing is broken".into());
        }
        cause = current.source();
    }
    BodyError::Truncated
}
