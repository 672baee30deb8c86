//! The request body as a plugin sees it: read once and in order, through a stack
//! of layers. The root is what the client sends; a layer above is cut (`slice`)
//! or decoded (`json_string`, `base64`) from the one below it.
//!
//! While a layer lives, those below stand behind its end: using one of them first
//! skips what was not read above, and closes that. Nothing is asked of the client
//! before the first read, so that an answer can come before a `100 Continue`.
//!
//! This room knows no plugin and no storage.
//!
//! # Layout
//! - `source`: the client's frames, with the limits of size, rate and time
//! - `layer`: one layer: what it holds, what was read last
//! - `json_string`, `base64`, `multipart`: the decoders, free of any waiting
//!
//! # Invariants
//! - A body that did not come completely never looks as if it had.
//! - Memory is bounded by one read and one frame, whatever the body's size.

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

use layer::{State, Transform};
use multipart::{Behind, Form};
use source::Source;

pub use multipart::PartHead;

/// The most that one [`RequestBody::read`] gives, in bytes.
pub const MAX_READ: usize = 1 << 20;
/// The most that one [`RequestBody::chunk`] gives, in bytes.
pub const MAX_CHUNK: usize = 256 << 10;
/// The most layers that may stand on each other.
const MAX_LAYERS: usize = 32;

/// Why a body cannot be read on. Each is met again at the next read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The client broke off or sent less than it declared; or a slice or string
    /// reaches beyond the end of what it was cut from.
    #[error("the body ended before it was complete")]
    Truncated,
    /// The limit in bytes.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
    /// Content or an argument that cannot be.
    #[error("{0}")]
    Invalid(String),
    /// The client stopped sending, or sends more slowly than the limits allow.
    #[error("the body came too slowly")]
    Slow,
}

/// What a client may do with a body.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes in all, looked at before the first one when the length is declared.
    pub size: u64,
    /// The longest silence while the host waits for the body; the grace period of `rate`.
    pub idle: Duration,
    /// The slowest that the client may send, bytes a second; 0 limits only the silence.
    pub rate: u64,
    /// The longest time from the first read to the last byte.
    pub total: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { size: u64::MAX, idle: Duration::from_mins(1), rate: 128, total: Duration::MAX }
    }
}

/// How much of a body came at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filled {
    /// All of it.
    Complete,
    /// It has more bytes than were asked for.
    Larger,
    /// The time was not enough.
    Slow,
}

/// Names a layer of one body. Closed layers are never named again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layer {
    index: usize,
    serial: u64,
}

/// A request body and the layers on it.
///
/// The futures of its methods are to be polled to their end: bytes that one had
/// gathered when it was dropped are lost.
pub struct RequestBody {
    source: Source,
    /// Never empty: the first is the root.
    layers: Vec<State>,
    serial: u64,
    /// Once parts of it were asked for.
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
        let layers = vec![State::new(0, Transform::Root)];
        Self { source: Source::new(body, limits), layers, serial: 0, form: None, keep: None }
    }

    pub fn empty() -> Self {
        Self::new(http_body_util::Empty::new(), Limits::default())
    }

    /// Receives all of a body that has at most `limit` bytes, before anybody reads it. Of one
    /// that is larger, or takes longer than `time`, it receives a part.
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

    /// Ends the body when it is not complete this long after the first read.
    pub fn limit_time(&mut self, total: Duration) {
        self.source.limit_time(total);
    }

    /// What is kept as long as the body, e.g. the memory for what was received.
    pub fn keep(&mut self, keep: impl Send + 'static) {
        self.keep = Some(Box::new(keep));
    }

    /// The length that the client declared, bytes.
    pub fn declared(&self) -> Option<u64> {
        self.source.length()
    }

    /// The layer that is the body as it was sent.
    pub fn root() -> Layer {
        Layer { index: 0, serial: 0 }
    }

    /// Whether there is surely nothing to read at all.
    pub fn is_empty(&self) -> bool {
        self.source.length() == Some(0)
    }

    /// Bytes that the layer has in all, as they were declared; none when unknown,
    /// or when the layer is closed.
    pub fn length(&self, layer: Layer) -> Option<u64> {
        match self.layers.get(layer.index).filter(|state| state.serial == layer.serial)?.transform {
            Transform::Root => self.source.length(),
            Transform::Slice { length, .. } => Some(length),
            Transform::JsonString(_) | Transform::Base64(_) | Transform::Part(_) => None,
        }
    }

    /// Exactly `max` bytes, fewer only at the end, none after it. `Invalid` above
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

    /// Whatever is next, at most [`MAX_CHUNK`]; none at the end. For taking the
    /// rest of a layer without caring about its pieces.
    pub async fn chunk(&mut self, layer: Layer) -> Result<Option<Bytes>, BodyError> {
        let index = self.uncover(layer).await?;
        let chunk = self.pull(index, MAX_CHUNK).await?;
        self.remember(index, &Bytes::new());
        Ok(chunk)
    }

    /// Gives back the last `count` bytes of the last `read` of this layer. That
    /// read is over as soon as anything else was taken from the layer.
    pub fn unread(&mut self, layer: Layer, count: usize) -> Result<(), BodyError> {
        if layer.index + 1 != self.layers.len() {
            let known = self.layers.get(layer.index).is_some_and(|state| state.serial == layer.serial);
            let reason = if known { "something was cut from the body since its last read" } else { CLOSED };
            return Err(BodyError::Invalid(reason.into()));
        }
        self.state(layer)?.unread(count)
    }

    /// The next `length` bytes as a layer of their own. Ends in `Truncated` when
    /// there are fewer.
    pub async fn slice(&mut self, layer: Layer, length: u64) -> Result<Layer, BodyError> {
        self.uncover(layer).await?;
        self.push(layer, Transform::Slice { length, left: length })
    }

    /// The JSON string whose opening quote was the last byte read, unescaped
    /// (RFC 8259 §7) up to its closing quote, which is taken too. Whether the text
    /// is UTF-8 is not looked at: the bytes pass as they are.
    pub async fn json_string(&mut self, layer: Layer) -> Result<Layer, BodyError> {
        self.uncover(layer).await?;
        if self.state(layer)?.last_byte() != Some(b'"') {
            return Err(BodyError::Invalid("the last byte read is no opening quote".into()));
        }
        self.push(layer, Transform::JsonString(json_string::Decoder::default()))
    }

    /// What is left, decoded from base64 (RFC 4648 §4, padding optional).
    pub async fn base64(&mut self, layer: Layer) -> Result<Layer, BodyError> {
        self.uncover(layer).await?;
        self.push(layer, Transform::Base64(base64::Decoder::default()))
    }

    /// The next part of the form that the whole body is (RFC 7578), as a layer of its
    /// own; none after the last. `Invalid` for another content type, `Truncated` when the
    /// body ends before the form does. What follows the form is not looked at.
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
        // Skips what was not read of the part before, or before the first.
        let index = self.uncover(root).await?;
        if let Some(head) = self.read_part_head(index).await? {
            Ok(Some((head, self.push(root, Transform::Part(form.part()?))?)))
        } else {
            form.ended = true;
            Ok(None)
        }
    }

    /// What stands behind a delimiter; none when it was the last.
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
    fn state(&mut self, layer: Layer) -> Result<&mut State, BodyError> {
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
        self.layers.push(State::new(self.serial, transform));
        Ok(Layer { index: self.layers.len() - 1, serial: self.serial })
    }

    /// Skips and closes what stands on the layer; gives its index.
    async fn uncover(&mut self, layer: Layer) -> Result<usize, BodyError> {
        self.state(layer)?;
        while self.layers.len() > layer.index + 1 {
            let top = self.layers.len() - 1;
            // What is left of base64 is what is left below it, decodable or not.
            let is_rest =
                matches!(self.layers.last().map(|state| &state.transform), Some(Transform::Base64(_)));
            let skipped = if is_rest { top - 1 } else { top };
            while self.pull(skipped, usize::MAX).await?.is_some() {}
            self.layers.pop();
        }
        Ok(layer.index)
    }

    /// The next bytes of a layer, 1 to `max`; none at its end.
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

    /// Reads on until there are `max` bytes, or the end.
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
