//! The request body as a plugin sees it: read once and in order, through a stack of layers. The
//! root is the body that the client sends. A layer above it is a slice (`slice`) or a decoded form
//! (`json_string`, `base64`) of the layer below.
//!
//! While a layer is open, the layers below it are positioned behind its end. Using one of them
//! skips the unread rest of the layer above, and closes that layer. The host reads nothing from the
//! client before the first read, so that an answer can come before a `100 Continue`.
//!
//! This module does not know plugins or storage.
//!
//! # Layout
//! - `source`: the client's frames, with the limits of size, rate and time
//! - `layer`: one layer: its content and its last read
//! - `json_string`, `base64`, `multipart`: the decoders, which never wait
//!
//! # Invariants
//! - A body that did not arrive completely never looks complete.
//! - Memory is bounded by one read and one frame, for any size of body.

mod base64;
#[cfg(test)]
mod fuzz;
mod json_string;
mod layer;
mod multipart;
mod source;
#[cfg(test)]
mod tests;

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use layer::{LayerState, Transform};
use multipart::{Behind, Form};
use source::Source;

pub use multipart::PartHead;

/// The most bytes that one [`RequestBody::read`] returns.
pub const MAX_READ: usize = 1 << 20;
/// The most bytes that one [`RequestBody::chunk`] returns.
pub const MAX_CHUNK: usize = 256 << 10;
/// The most layers of one stack.
const MAX_LAYERS: usize = 32;

/// Why reading a body failed. Each further read fails in the same way.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The client disconnected or sent less than it declared, or a slice or string is longer than
    /// the layer below it.
    #[error("the body ended before it was complete")]
    Truncated,
    /// The limit in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// Invalid content, or an invalid argument.
    #[error("{0}")]
    Invalid(String),
    /// The client stopped sending, or sends more slowly than the limits allow.
    #[error("the body came too slowly")]
    Slow,
}

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most bytes. Checked before the first byte if the client declares a length.
    pub size: u64,
    /// The longest time without a byte while the host waits for the body. Also the grace period of
    /// `rate`.
    pub idle: Duration,
    /// The minimum rate of the client in bytes per second. 0 limits only the time without a byte.
    pub rate: u64,
    /// The longest time from the first read to the last byte.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: u64::MAX, idle: Duration::from_mins(1), rate: 128, total: Duration::MAX }
    }
}

/// How much of a body was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// All of it.
    Complete,
    /// A part: the body has more bytes than were requested.
    Larger,
    /// A part: the time is over.
    Slow,
}

/// Identifies a layer of one body. Identifiers are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    index: usize,
    serial: u64,
}

/// A request body and the layers on it.
///
/// Poll the futures of its methods to their end. Dropping one early loses the bytes that it has
/// collected.
pub struct RequestBody {
    source: Source,
    /// Never empty: the first layer is the root.
    layers: Vec<LayerState>,
    serial: u64,
    /// Present after the first part of a form was requested.
    form: Option<Form>,
    keep: Option<Box<dyn std::any::Any + Send>>,
}

impl RequestBody {
    /// A body of any kind, e.g. hyper's.
    pub fn new<Incoming>(body: Incoming, limits: Limits) -> Self
    where
        Incoming: http_body::Body<Data = Bytes> + Send + 'static,
        Incoming::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let layers = vec![LayerState::new(0, Transform::Root)];
        Self { source: Source::new(body, limits), layers, serial: 0, form: None, keep: None }
    }

    pub fn empty() -> Self {
        Self::new(http_body_util::Empty::new(), Limits::default())
    }

    /// Receives a body of at most `limit` bytes before anything reads it. If the body is larger, or
    /// takes longer than `time`, only a part is received.
    pub async fn fill(&mut self, limit: usize, time: Duration) -> Result<Filled, BodyError> {
        let mut gathered = BytesMut::new();
        let all = async {
            while gathered.len() <= limit {
                match self.source.next().await? {
                    Some(bytes) => gathered.extend_from_slice(&bytes),
                    None => return Ok::<_, BodyError>(Filled::Complete),
                }
            }
            Ok(Filled::Larger)
        };
        let filled = tokio::time::timeout(time, all).await.unwrap_or(Ok(Filled::Slow))?;
        if !gathered.is_empty() {
            layer::feed(&mut self.layers, Some(gathered.freeze()));
        }
        if filled == Filled::Complete {
            layer::feed(&mut self.layers, None);
        }
        Ok(filled)
    }

    /// Fails the body if it is not complete this long after the first read.
    pub fn limit_time(&mut self, total: Duration) {
        self.source.limit_time(total);
    }

    /// Keeps a value as long as the body, for example the memory for received bytes.
    pub fn keep(&mut self, keep: impl Send + 'static) {
        self.keep = Some(Box::new(keep));
    }

    /// The length in bytes that the client declared.
    pub fn declared(&self) -> Option<u64> {
        self.source.length()
    }

    /// The root layer.
    pub fn root() -> Layer {
        Layer { index: 0, serial: 0 }
    }

    /// Whether the body is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.source.length() == Some(0)
    }

    /// The declared size of the layer in bytes; none if it is unknown or the layer is closed.
    pub fn length(&self, layer: Layer) -> Option<u64> {
        match self.layers.get(layer.index).filter(|state| state.serial == layer.serial)?.transform {
            Transform::Root => self.source.length(),
            Transform::Slice { length, .. } => Some(length),
            Transform::JsonString(_) | Transform::Base64(_) | Transform::Part(_) => None,
        }
    }

    /// Returns exactly `max` bytes, fewer only at the end, and none after it. `Invalid` above
    /// [`MAX_READ`].
    pub async fn read(&mut self, layer: Layer, max: usize) -> Result<Option<Bytes>, BodyError> {
        if max > MAX_READ {
            return Err(BodyError::Invalid(format!("a read is at most {MAX_READ} bytes")));
        }
        let index = self.uncover(layer).await?;
        if max == 0 {
            return Ok(Some(Bytes::new()));
        }
        let Some(first) = self.pull(index, max).await? else {
            self.remember(index, &Bytes::new());
            return Ok(None);
        };
        let bytes = if first.len() == max { first } else { self.gather(index, first, max).await? };
        self.remember(index, &bytes);
        Ok(Some(bytes))
    }

    /// Returns the next bytes, at most [`MAX_CHUNK`]; none at the end. For reading the rest of a
    /// layer in pieces of any size.
    pub async fn chunk(&mut self, layer: Layer) -> Result<Option<Bytes>, BodyError> {
        let index = self.uncover(layer).await?;
        let chunk = self.pull(index, MAX_CHUNK).await?;
        self.remember(index, &Bytes::new());
        Ok(chunk)
    }

    /// Returns the last `count` bytes of this layer's last `read` to the layer. This is not
    /// possible any more after another read from the layer.
    pub fn unread(&mut self, layer: Layer, count: usize) -> Result<(), BodyError> {
        if layer.index + 1 != self.layers.len() {
            let known = self.layers.get(layer.index).is_some_and(|state| state.serial == layer.serial);
            let reason = if known { "something was cut from the body since its last read" } else { CLOSED };
            return Err(BodyError::Invalid(reason.into()));
        }
        self.state(layer)?.unread(count)
    }

    /// Opens the next `length` bytes as a layer. Its end is `Truncated` if there are fewer bytes.
    pub async fn slice(&mut self, layer: Layer, length: u64) -> Result<Layer, BodyError> {
        self.uncover(layer).await?;
        self.push(layer, Transform::Slice { length, left: length })
    }

    /// Opens the JSON string whose opening quote was the last byte read, unescaped (RFC 8259 §7).
    /// The closing quote is read too. The bytes are not checked to be UTF-8.
    pub async fn json_string(&mut self, layer: Layer) -> Result<Layer, BodyError> {
        self.uncover(layer).await?;
        if self.state(layer)?.last_byte() != Some(b'"') {
            return Err(BodyError::Invalid("the last byte that was read is not an opening quote".into()));
        }
        self.push(layer, Transform::JsonString(json_string::Decoder::default()))
    }

    /// Opens the rest, decoded from base64 (RFC 4648 §4, padding optional).
    pub async fn base64(&mut self, layer: Layer) -> Result<Layer, BodyError> {
        self.uncover(layer).await?;
        self.push(layer, Transform::Base64(base64::Decoder::default()))
    }

    /// Opens the next part of a form (RFC 7578) as a layer; none after the last part. `Invalid` for
    /// another content type. `Truncated` if the body ends before the form. Bytes after the form are
    /// not read.
    pub async fn next_part(
        &mut self,
        content_type: Option<&str>,
    ) -> Result<Option<(PartHead, Layer)>, BodyError> {
        let root = Self::root();
        let mut form = match self.form.take() {
            Some(form) => form,
            None => Form::new(content_type)?,
        };
        let next = self.read_next_part(root, &mut form).await;
        if let Err(error) = &next {
            form.failed = Some(error.clone());
        }
        self.form = Some(form);
        next
    }

    async fn read_next_part(
        &mut self,
        root: Layer,
        form: &mut Form,
    ) -> Result<Option<(PartHead, Layer)>, BodyError> {
        if let Some(error) = &form.failed {
            return Err(error.clone());
        }
        if form.ended {
            return Ok(None);
        }
        if !form.begun {
            self.push(root, Transform::Part(form.preamble()))?;
            form.begun = true;
        }
        // Skips the unread rest of the previous part, or what precedes the first part.
        let index = self.uncover(root).await?;
        if let Some(head) = self.read_part_head(index).await? {
            Ok(Some((head, self.push(root, Transform::Part(form.part()?))?)))
        } else {
            form.ended = true;
            Ok(None)
        }
    }

    /// The content behind a delimiter; none if it was the last delimiter.
    async fn read_part_head(&mut self, index: usize) -> Result<Option<PartHead>, BodyError> {
        let mut bytes = BytesMut::new();
        while bytes.len() < multipart::MAX_HEADERS {
            let piece = self.pull(index, multipart::MAX_HEADERS).await?.ok_or(BodyError::Truncated)?;
            bytes.extend_from_slice(&piece);
            match multipart::read_head(&bytes)? {
                Behind::Partial => {}
                Behind::End => return Ok(None),
                Behind::Part(head, length) => {
                    layer::give_back(&mut self.layers, index, bytes.split_off(length).freeze());
                    return Ok(Some(head));
                }
            }
        }
        Err(BodyError::Invalid(format!(
            "the headers of a part of the form are longer than {} bytes",
            multipart::MAX_HEADERS
        )))
    }
}

const CLOSED: &str = "this part of the body was closed by reading on below it";

impl RequestBody {
    fn state(&mut self, layer: Layer) -> Result<&mut LayerState, BodyError> {
        self.layers
            .get_mut(layer.index)
            .filter(|state| state.serial == layer.serial)
            .ok_or_else(|| BodyError::Invalid(CLOSED.into()))
    }

    fn push(&mut self, on: Layer, transform: Transform) -> Result<Layer, BodyError> {
        if self.layers.len() >= MAX_LAYERS {
            return Err(BodyError::Invalid(format!(
                "at most {MAX_LAYERS} bodies may be cut from each other"
            )));
        }
        self.state(on)?.forget();
        self.serial += 1;
        self.layers.push(LayerState::new(self.serial, transform));
        Ok(Layer { index: self.layers.len() - 1, serial: self.serial })
    }

    /// Skips and closes the layers above this one. Returns its index.
    async fn uncover(&mut self, layer: Layer) -> Result<usize, BodyError> {
        self.state(layer)?;
        while self.layers.len() > layer.index + 1 {
            let top = self.layers.len() - 1;
            // The unread rest of base64 is the rest of the layer below, also if it is not valid.
            let is_rest =
                matches!(self.layers.last().map(|state| &state.transform), Some(Transform::Base64(_)));
            let skipped = if is_rest { top - 1 } else { top };
            while self.pull(skipped, usize::MAX).await?.is_some() {}
            self.layers.pop();
        }
        Ok(layer.index)
    }

    /// The next 1 to `max` bytes of a layer; none at its end.
    async fn pull(&mut self, index: usize, max: usize) -> Result<Option<Bytes>, BodyError> {
        loop {
            match layer::take(&mut self.layers, index) {
                layer::Taken::Bytes(mut bytes) => {
                    if bytes.len() > max {
                        let rest = bytes.split_off(max);
                        layer::give_back(&mut self.layers, index, rest);
                    }
                    return Ok(Some(bytes));
                }
                layer::Taken::End => return Ok(None),
                layer::Taken::Failed(error) => return Err(error),
                layer::Taken::Starved => {
                    let fetched = self.source.next().await?;
                    layer::feed(&mut self.layers, fetched);
                }
            }
        }
    }

    /// Reads until there are `max` bytes, or the end.
    async fn gather(&mut self, index: usize, first: Bytes, max: usize) -> Result<Bytes, BodyError> {
        let Some(second) = self.pull(index, max - first.len()).await? else {
            return Ok(first);
        };
        let mut gathered = BytesMut::with_capacity(max.min((first.len() + second.len()) * 2));
        gathered.extend_from_slice(&first);
        gathered.extend_from_slice(&second);
        while gathered.len() < max {
            match self.pull(index, max - gathered.len()).await? {
                Some(bytes) => gathered.extend_from_slice(&bytes),
                None => break,
            }
        }
        Ok(gathered.freeze())
    }

    fn remember(&mut self, index: usize, bytes: &Bytes) {
        if let Some(state) = self.layers.get_mut(index) {
            state.remember(bytes.clone());
        }
    }
}
