//! Unescapes the content of a JSON string (RFC 8259 §7) that arrives in pieces of any size. Runs
//! without escapes are not copied.

use bytes::{BufMut, Bytes, BytesMut};
use memchr::memchr2;

use super::BodyError;
use super::layer::Decoded;

/// Begins behind the opening quote.
#[derive(Default)]
pub(super) struct Decoder {
    /// An incomplete escape, from its backslash on.
    escape: Escape,
}

impl Decoder {
    /// Decodes a piece. It ends if the piece contains the closing quote.
    pub fn decode(&mut self, input: Bytes) -> Result<Decoded, BodyError> {
        if self.escape.is_empty() {
            match memchr2(b'"', b'\\', &input) {
                None => return plain(input, None),
                Some(at) if input.get(at) == Some(&b'"') => return plain(input, Some(at)),
                Some(_) => {}
            }
        }
        self.decode_escaped(&input)
    }

    /// Decodes with a copy. An unescaped string is never longer than its source, except for what
    /// was left over from the previous piece.
    fn decode_escaped(&mut self, input: &Bytes) -> Result<Decoded, BodyError> {
        let mut output = BytesMut::with_capacity(input.len() + 4);
        let mut position = 0;
        while let Some(rest) = input.get(position..).filter(|rest| !rest.is_empty()) {
            if !self.escape.is_empty() {
                let (used, character) = self.escape.feed(rest)?;
                position += used;
                if let Some(character) = character {
                    output.put_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                continue;
            }
            let run = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
            let (text, rest) = rest.split_at_checked(run).unwrap_or((rest, &[]));
            refuse_control_characters(text)?;
            output.put_slice(text);
            position += run;
            match rest.first() {
                Some(b'"') => {
                    return Ok(Decoded {
                        output: output.freeze(),
                        rest: input.slice(position + 1..),
                        ended: true,
                    });
                }
                Some(_) => {
                    self.escape.begin();
                    position += 1;
                }
                None => {}
            }
        }
        Ok(Decoded { output: output.freeze(), rest: Bytes::new(), ended: false })
    }
}

/// A piece without escapes before `end`, the position of the closing quote.
fn plain(mut input: Bytes, end: Option<usize>) -> Result<Decoded, BodyError> {
    let rest = end.map(|end| {
        let rest = input.slice(end + 1..);
        input.truncate(end);
        rest
    });
    refuse_control_characters(&input)?;
    Ok(Decoded { output: input, ended: rest.is_some(), rest: rest.unwrap_or_default() })
}

/// Control characters must be escaped. The smallest byte of a whole chunk is found with vector
/// instructions, which an early exit would prevent.
fn refuse_control_characters(text: &[u8]) -> Result<(), BodyError> {
    let least = |chunk: &[u8]| chunk.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    if text.chunks(4096).any(|chunk| least(chunk) < 0x20) {
        return Err(bad("a control character in a JSON string"));
    }
    Ok(())
}

/// The beginning of an escape: at most `\uXXXX\uXXXX`.
#[derive(Default)]
struct Escape {
    bytes: [u8; 12],
    length: usize,
}

impl Escape {
    fn is_empty(&self) -> bool {
        self.length == 0
    }

    fn begin(&mut self) {
        self.push(b'\\');
    }

    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
    }

    /// Takes bytes until the escape is complete. Returns how many it took, and the character.
    fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<char>), BodyError> {
        for (index, byte) in input.iter().enumerate() {
            self.push(*byte);
            if let Some(character) = self.complete()? {
                self.length = 0;
                return Ok((index + 1, Some(character)));
            }
        }
        Ok((input.len(), None))
    }

    /// The character, if the escape is complete.
    fn complete(&self) -> Result<Option<char>, BodyError> {
        let text = self.bytes.get(..self.length).unwrap_or_default();
        let Some(kind) = text.get(1) else {
            return Ok(None);
        };
        let single = match kind {
            b'"' | b'\\' | b'/' => char::from(*kind),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => return complete_unicode(text),
            _ => return Err(bad("an unknown escape in a JSON string")),
        };
        Ok(Some(single))
    }
}

/// `\uXXXX`, or two of them that are a surrogate pair.
fn complete_unicode(text: &[u8]) -> Result<Option<char>, BodyError> {
    let digits = text.get(2..text.len().min(6)).unwrap_or_default();
    let high = hexadecimal(digits)?;
    if digits.len() < 4 {
        return Ok(None);
    }
    if !(0xd800..0xe000).contains(&high) {
        return Ok(char::from_u32(high));
    }
    let follows = text.get(6..).unwrap_or_default();
    if high >= 0xdc00 || !b"\\u".starts_with(follows.get(..follows.len().min(2)).unwrap_or_default()) {
        return Err(bad("half of a surrogate pair in a JSON string"));
    }
    let digits = follows.get(2..).unwrap_or_default();
    let low = hexadecimal(digits)?;
    if digits.len() < 4 {
        return Ok(None);
    }
    if !(0xdc00..0xe000).contains(&low) {
        return Err(bad("half of a surrogate pair in a JSON string"));
    }
    Ok(char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)))
}

fn hexadecimal(digits: &[u8]) -> Result<u32, BodyError> {
    digits.iter().try_fold(0, |value, digit| {
        let digit = char::from(*digit)
            .to_digit(16)
            .ok_or_else(|| bad("an escape in a JSON string is not a hexadecimal number"))?;
        Ok(value << 4 | digit)
    })
}

fn bad(reason: &str) -> BodyError {
    BodyError::Invalid(reason.into())
}
