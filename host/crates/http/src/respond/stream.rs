//! The body of a response. It counts the bytes that it sends. A stream that ends too early or is
//! too long ends the body with an error, so that no client takes a part for the whole.

use std::any::Any;
use std::collections::VecDeque;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::{BoxStream, Stream};
use http_body::{Body, Frame, SizeHint};

use super::content::{BoxError, StoredObject};
use packhouse_common::processors::TimeSlices;

/// Why a body fails after its head was sent.
#[derive(Debug, thiserror::Error)]
pub enum BodyStreamError {
    #[error("the source of the body failed")]
    Source(#[source] BoxError),
    #[error("the source of the body ended {missing} bytes early")]
    Short { missing: u64 },
    #[error("the source of the body gave {surplus} bytes more than it has")]
    Long { surplus: u64 },
}

/// A piece of a body: bytes, or a range of an object, which is opened when the pieces before it are
/// sent.
pub(super) enum Piece {
    Bytes(Bytes),
    Object(Arc<dyn StoredObject>, Range<u64>),
}

type Source<Error> = BoxStream<'static, Result<Bytes, Error>>;

/// A value that lives as long as a response, for example its place.
pub type Keep = Box<dyn Any + Send + Sync>;

/// The body of a response; `Send`, and its length is exact where it is known.
pub struct ResponseBody {
    inner: Inner,
    keep: Option<Keep>,
}

enum Inner {
    Bytes(Bytes),
    /// Boxed, so that moving a small response is cheap.
    Pieces(Box<Pieces>),
    Stream(Source<BodyStreamError>),
    /// A HEAD response: it has a length and no bytes.
    Head(Option<u64>),
}

impl ResponseBody {
    pub fn empty() -> Self {
        Inner::Bytes(Bytes::new()).into()
    }

    pub fn bytes(bytes: Bytes) -> Self {
        Inner::Bytes(bytes).into()
    }

    /// A body of unknown length.
    pub fn stream(stream: Source<BodyStreamError>) -> Self {
        Inner::Stream(stream).into()
    }

    pub(super) fn pieces(queue: VecDeque<Piece>, length: u64) -> Self {
        Inner::Pieces(Box::new(Pieces { queue, open: None, left: length })).into()
    }

    /// The number of bytes that remain, if it is known.
    pub fn length(&self) -> Option<u64> {
        match &self.inner {
            Inner::Bytes(bytes) => Some(bytes.len() as u64),
            Inner::Pieces(pieces) => Some(pieces.left),
            Inner::Stream(_) => None,
            Inner::Head(length) => *length,
        }
    }

    /// Drops `keep` when the client has the whole body, or will never get it.
    #[must_use]
    pub fn keeping(self, keep: impl Any + Send + Sync) -> Self {
        Self { keep: Some(Box::new(keep)), ..self }
    }

    /// Encodes what is encoded while it is sent in these time slices. Other bodies are only copied.
    #[must_use]
    pub fn in_slices(self, slices: TimeSlices) -> Self {
        match self.inner {
            Inner::Stream(source) => {
                Self { inner: Inner::Stream(Box::pin(InSlices { source, slices })), keep: self.keep }
            }
            inner => Self { inner, keep: self.keep },
        }
    }

    /// The values that the body keeps, for a server that knows when the last byte is sent.
    pub fn take_keep(&mut self) -> Option<Keep> {
        self.keep.take()
    }

    pub(super) fn into_head(self) -> Self {
        let length = self.length();
        Self { inner: Inner::Head(length), keep: self.keep }
    }
}

impl From<Inner> for ResponseBody {
    fn from(inner: Inner) -> Self {
        Self { inner, keep: None }
    }
}

impl std::fmt::Debug for ResponseBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("ResponseBody").field("length", &self.length()).finish()
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BodyStreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyStreamError>>> {
        let next = match &mut self.inner {
            Inner::Head(_) => None,
            Inner::Bytes(bytes) if bytes.is_empty() => None,
            Inner::Bytes(bytes) => Some(Ok(std::mem::take(bytes))),
            Inner::Pieces(pieces) => ready!(Pin::new(pieces.as_mut()).poll_next(context)),
            Inner::Stream(stream) => ready!(stream.as_mut().poll_next(context)),
        };
        Poll::Ready(next.map(|result| result.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.inner {
            Inner::Head(_) => true,
            Inner::Bytes(bytes) => bytes.is_empty(),
            Inner::Pieces(pieces) => pieces.left == 0,
            Inner::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.inner {
            Inner::Head(_) => SizeHint::with_exact(0),
            _ => self.length().map_or_else(SizeHint::new, SizeHint::with_exact),
        }
    }
}

/// A stream each of whose steps uses a time slice.
struct InSlices {
    source: Source<BodyStreamError>,
    slices: TimeSlices,
}

impl Stream for InSlices {
    type Item = Result<Bytes, BodyStreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _slice = ready!(self.slices.poll_next(context));
        self.source.as_mut().poll_next(context)
    }
}

/// Sends the pieces one after the other.
pub(super) struct Pieces {
    queue: VecDeque<Piece>,
    open: Option<Open>,
    /// The number of bytes that remain in all pieces.
    left: u64,
}

struct Open {
    stream: Source<BoxError>,
    left: u64,
}

impl Pieces {
    pub fn new(queue: VecDeque<Piece>, length: u64) -> Self {
        Self { queue, open: None, left: length }
    }

    /// The next bytes of the open stream; none at its end.
    fn poll_open(
        open: &mut Option<Open>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyStreamError>>> {
        let Some(current) = open else {
            return Poll::Ready(None);
        };
        let next = ready!(current.stream.as_mut().poll_next(context));
        Poll::Ready(Some(match next {
            Some(Ok(bytes)) => match current.left.checked_sub(bytes.len() as u64) {
                Some(left) => {
                    current.left = left;
                    if left == 0 {
                        *open = None;
                    }
                    Ok(bytes)
                }
                None => Err(BodyStreamError::Long { surplus: bytes.len() as u64 - current.left }),
            },
            Some(Err(source)) => Err(BodyStreamError::Source(source)),
            None if current.left == 0 => return Poll::Ready(None),
            None => Err(BodyStreamError::Short { missing: current.left }),
        }))
    }

    fn open_next(&mut self) -> Option<Bytes> {
        self.open = None;
        match self.queue.pop_front()? {
            Piece::Bytes(bytes) => Some(bytes),
            Piece::Object(object, range) => {
                let left = range.end.saturating_sub(range.start);
                if left > 0 {
                    self.open = Some(Open { stream: object.stream(range), left });
                }
                Some(Bytes::new())
            }
        }
    }
}

impl Stream for Pieces {
    type Item = Result<Bytes, BodyStreamError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let bytes = match ready!(Self::poll_open(&mut this.open, context)) {
                Some(Ok(bytes)) => bytes,
                Some(Err(error)) => {
                    this.queue.clear();
                    this.open = None;
                    return Poll::Ready(Some(Err(error)));
                }
                None => match this.open_next() {
                    Some(bytes) => bytes,
                    None => return Poll::Ready(None),
                },
            };
            if !bytes.is_empty() {
                this.left = this.left.saturating_sub(bytes.len() as u64);
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }
}
