//! One layer of a body, and how bytes climb through the stack. Nothing here
//! waits: a stack that needs more from the client says that it is starved.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{BodyError, base64, json_string, multipart};

/// What a layer does with the bytes of the one below it.
pub(super) enum Transform {
    /// The client's bytes, fed from outside.
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
pub(super) struct State {
    pub serial: u64,
    pub transform: Transform,
    /// Bytes that belong to this layer and come before everything else of it.
    ready: VecDeque<Bytes>,
    /// The last read, and how much of its end was given back and stands first in
    /// `ready`.
    last: Bytes,
    given_back: usize,
    ended: bool,
    failed: Option<BodyError>,
}

impl State {
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

    /// The last byte of the last read that was not given back.
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

/// What a layer has.
pub(super) enum Taken {
    /// Never empty.
    Bytes(Bytes),
    End,
    /// Nothing before the client sends more.
    Starved,
    Failed(BodyError),
}

/// What a decoder made of its input.
pub(super) struct Decoded {
    pub output: Bytes,
    /// Input behind the end; only when `ended`.
    pub rest: Bytes,
    pub ended: bool,
}

/// Takes the next bytes of the layer at `index`, through all layers below it.
/// There are few layers, so that calling itself for the one below is fine.
pub(super) fn take(layers: &mut [State], index: usize) -> Taken {
    let Some((below, state)) =
        layers.get_mut(..=index).and_then(<[State]>::split_last_mut).map(|(top, below)| (below, top))
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
            // What broke below may be stepped over below: it is not kept here.
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

/// Puts back what was taken last from the layer and not used.
pub(super) fn give_back(layers: &mut [State], index: usize, rest: Bytes) {
    if let Some(state) = layers.get_mut(index)
        && !rest.is_empty()
    {
        state.ready.push_front(rest);
    }
}

/// Hands the root what the client sent; none when it has ended.
pub(super) fn feed(layers: &mut [State], fetched: Option<Bytes>) {
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
