//! One layer of a body, and how bytes pass through the stack. Nothing here waits: a stack that
//! needs more bytes from the client returns `Starved`.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{BodyError, base64, json_string, multipart};

/// How a layer uses the bytes of the layer below.
pub(super) enum Transform {
    /// The client's bytes, which the caller provides.
    Root,
    Slice {
        length: u64,
        left: u64,
    },
    JsonString(json_string::Decoder),
    Base64(base64::Decoder),
    Part(multipart::Decoder),
}

/// One layer.
pub(super) struct LayerState {
    pub serial: u64,
    pub transform: Transform,
    /// Bytes of this layer that come before all its other bytes.
    ready: VecDeque<Bytes>,
    /// The last read, and how many of its last bytes were returned to the front of `ready`.
    last: Bytes,
    given_back: usize,
    ended: bool,
    failed: Option<BodyError>,
}

impl LayerState {
    pub fn new(serial: u64, transform: Transform) -> Self {
        Self {
            serial,
            transform,
            ready: VecDeque::new(),
            last: Bytes::new(),
            given_back: 0,
            ended: false,
            failed: None,
        }
    }

    pub fn remember(&mut self, bytes: Bytes) {
        self.last = bytes;
        self.given_back = 0;
    }

    pub fn forget(&mut self) {
        self.remember(Bytes::new());
    }

    /// The last byte of the last read that was not returned.
    pub fn last_byte(&self) -> Option<u8> {
        let kept = self.last.len().checked_sub(self.given_back)?;
        self.last.get(kept.checked_sub(1)?).copied()
    }

    pub fn unread(&mut self, count: usize) -> Result<(), BodyError> {
        let given_back = self.given_back.saturating_add(count);
        if given_back > self.last.len() {
            return Err(BodyError::Invalid("the last read did not give that many bytes".into()));
        }
        if self.given_back > 0 {
            self.ready.pop_front();
        }
        if given_back > 0 {
            self.ready.push_front(self.last.slice(self.last.len() - given_back..));
        }
        self.given_back = given_back;
        Ok(())
    }
}

/// The result of reading a layer.
pub(super) enum Taken {
    /// Never empty.
    Bytes(Bytes),
    End,
    /// Nothing until the client sends more.
    Starved,
    Failed(BodyError),
}

/// The result of decoding one piece of input.
pub(super) struct Decoded {
    pub output: Bytes,
    /// Input behind the end; only if `ended`.
    pub rest: Bytes,
    pub ended: bool,
}

/// Takes the next bytes of the layer at `index` through all layers below it. The recursion is as
/// deep as the stack, which has few layers.
pub(super) fn take(layers: &mut [LayerState], index: usize) -> Taken {
    let Some((below, state)) =
        layers.get_mut(..=index).and_then(<[LayerState]>::split_last_mut).map(|(top, below)| (below, top))
    else {
        return Taken::End;
    };
    if let Some(bytes) = state.ready.pop_front() {
        return Taken::Bytes(bytes);
    }
    if let Some(error) = &state.failed {
        return Taken::Failed(error.clone());
    }
    if state.ended {
        return Taken::End;
    }
    if index == 0 {
        return Taken::Starved;
    }
    loop {
        let input = match state.transform.wants_input().then(|| take(below, index - 1)) {
            None | Some(Taken::End) => None,
            Some(Taken::Bytes(bytes)) => Some(bytes),
            Some(Taken::Starved) => return Taken::Starved,
            // An error of the layer below may be skipped there, so it is not kept here.
            Some(Taken::Failed(error)) => return Taken::Failed(error),
        };
        let decoded = match state.transform.decode(input) {
            Ok(decoded) => decoded,
            Err(error) => {
                state.failed = Some(error.clone());
                return Taken::Failed(error);
            }
        };
        state.ended = decoded.ended;
        give_back(below, index - 1, decoded.rest);
        if !decoded.output.is_empty() {
            return Taken::Bytes(decoded.output);
        }
        if state.ended {
            return Taken::End;
        }
    }
}

/// Returns bytes that were taken last from the layer and not used.
pub(super) fn give_back(layers: &mut [LayerState], index: usize, rest: Bytes) {
    if let Some(state) = layers.get_mut(index)
        && !rest.is_empty()
    {
        state.ready.push_front(rest);
    }
}

/// Gives the root the client's bytes; none at their end.
pub(super) fn feed(layers: &mut [LayerState], fetched: Option<Bytes>) {
    if let Some(root) = layers.first_mut() {
        match fetched {
            Some(bytes) => root.ready.push_back(bytes),
            None => root.ended = true,
        }
    }
}

impl Transform {
    fn wants_input(&self) -> bool {
        !matches!(self, Self::Slice { left: 0, .. })
    }

    /// Decodes one piece of input; none is its end.
    fn decode(&mut self, input: Option<Bytes>) -> Result<Decoded, BodyError> {
        match self {
            Self::Root => Ok(Decoded { output: Bytes::new(), rest: Bytes::new(), ended: true }),
            Self::Slice { left, .. } => slice(left, input),
            Self::JsonString(decoder) => decoder.decode(input.ok_or(BodyError::Truncated)?),
            Self::Part(decoder) => decoder.decode(input),
            Self::Base64(decoder) => match input {
                Some(input) => decoder.decode(&input),
                None => decoder.finish(),
            },
        }
    }
}

fn slice(left: &mut u64, input: Option<Bytes>) -> Result<Decoded, BodyError> {
    if *left == 0 {
        return Ok(Decoded { output: Bytes::new(), rest: input.unwrap_or_default(), ended: true });
    }
    let mut output = input.ok_or(BodyError::Truncated)?;
    let rest = match usize::try_from(*left) {
        Ok(left) if left < output.len() => output.split_off(left),
        _ => Bytes::new(),
    };
    *left -= output.len() as u64;
    Ok(Decoded { output, rest, ended: *left == 0 })
}
