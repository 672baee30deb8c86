//! The parts of a reply as one sequence of bytes, of which any range can be taken.
//!
//! It does not know HTTP: no header, no status.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::stream::{Piece, ResponseBody};

/// Any error that a body can end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A stored object as it was when it was opened.
pub trait StoredObject: Send + Sync {
    /// Bytes.
    fn size(&self) -> u64;
    /// Changes with every write; becomes the ETag.
    fn version(&self) -> &str;
    fn modified(&self) -> Option<SystemTime>;
    fn content_type(&self) -> Option<&str>;
    /// Exactly the bytes of `range`, which lies within the size. Called once for
    /// each range sent, and only when the client has taken what comes before.
    fn stream(&self, range: Range<u64>) -> BoxStream<'static, Result<Bytes, BoxError>>;
}

/// A part of a reply's body.
#[derive(Clone)]
pub enum Part {
    Bytes(Bytes),
    Object(Arc<dyn StoredObject>),
}

impl Part {
    /// Bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Object(object) => object.size(),
        }
    }

    /// The piece of this part that lies in `range`, which must fit.
    fn cut(&self, range: Range<u64>) -> Piece {
        match self {
            Self::Bytes(bytes) => Piece::Bytes(cut_bytes(bytes, range)),
            Self::Object(object) => Piece::Object(Arc::clone(object), range),
        }
    }
}

fn cut_bytes(bytes: &Bytes, range: Range<u64>) -> Bytes {
    let clamp = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
    let (start, end) = (clamp(range.start), clamp(range.end));
    bytes.slice(start..end.max(start))
}

/// All parts of a reply and what they are together.
pub(super) struct Content {
    parts: Vec<Part>,
    size: u64,
}

impl Content {
    pub fn new(parts: Vec<Part>) -> Self {
        let size = parts.iter().map(Part::size).fold(0, u64::saturating_add);
        Self { parts, size }
    }

    pub fn size(&self) -> u64 {
        self.size
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The object that is the whole body, if there is one.
    pub fn object(&self) -> Option<&dyn StoredObject> {
        match self.parts.as_slice() {
            [Part::Object(object)] => Some(object.as_ref()),
            _ => None,
        }
    }

    pub fn is_bytes(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Bytes(_)))
    }

    /// The whole of it.
    pub fn into_body(mut self) -> ResponseBody {
        match self.parts.as_mut_slice() {
            [] => ResponseBody::empty(),
            [Part::Bytes(bytes)] => ResponseBody::bytes(std::mem::take(bytes)),
            parts => {
                ResponseBody::pieces(parts.iter().map(|part| part.cut(0..part.size())).collect(), self.size)
            }
        }
    }

    /// The bytes of `range`, which lies within the size.
    pub fn cut(&self, range: &Range<u64>) -> ResponseBody {
        ResponseBody::pieces(self.pieces(range).collect(), range.end - range.start)
    }

    /// What of each part lies in `range`.
    pub fn pieces(&self, range: &Range<u64>) -> impl Iterator<Item = Piece> {
        let mut position = 0_u64;
        self.parts.iter().filter_map(move |part| {
            let begin = position;
            position = position.saturating_add(part.size());
            let start = range.start.max(begin);
            let end = range.end.min(position);
            (start < end).then(|| part.cut(start - begin..end - begin))
        })
    }
}
