//! Decodes base64 (RFC 4648 §4) that arrives in pieces of any size. Padding is optional, nothing
//! may follow it, and white space is not allowed.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use bytes::Bytes;

use super::BodyError;
use super::layer::Decoded;

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// What this machine decodes with: with its vector instructions where it has any.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static ENGINE: LazyLock<base64::engine::Simd> = LazyLock::new(|| base64::engine::Simd::standard(CONFIG));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static ENGINE: LazyLock<base64::engine::GeneralPurpose> =
    LazyLock::new(|| base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG));

#[derive(Default)]
pub(super) struct Decoder {
    /// The beginning of a block of four that is not complete yet.
    carry: [u8; 4],
    carried: usize,
    /// Padding came: this is the end.
    padded: bool,
}

impl Decoder {
    /// Decodes all whole blocks that there are now.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, BodyError> {
        let mut output = Vec::with_capacity((input.len() / 4 + 2) * 3);
        let input = self.fill_carry(input);
        if self.carried == 4 {
            let block = self.carry;
            self.carried = 0;
            self.decode_blocks(&block, &mut output)?;
        }
        let (blocks, tail) = input.split_at_checked(input.len() & !3).unwrap_or((input, &[]));
        self.decode_blocks(blocks, &mut output)?;
        self.fill_carry(tail);
        Ok(Decoded { output: output.into(), rest: Bytes::new(), ended: false })
    }

    /// The end of the input: an unpadded last block.
    pub fn finish(&mut self) -> Result<Decoded, BodyError> {
        let mut output = Vec::new();
        let block = self.carry;
        let last = block.get(..std::mem::take(&mut self.carried)).unwrap_or_default();
        self.decode_blocks(last, &mut output)?;
        Ok(Decoded { output: output.into(), rest: Bytes::new(), ended: true })
    }

    /// Completes a block that was begun; an empty one is begun only by a tail.
    /// Gives what it did not take.
    fn fill_carry<'a>(&mut self, input: &'a [u8]) -> &'a [u8] {
        if self.carried == 0 && input.len() >= 4 {
            return input;
        }
        let (taken, rest) =
            input.split_at_checked((4 - self.carried).min(input.len())).unwrap_or((input, &[]));
        for (slot, byte) in self.carry.iter_mut().skip(self.carried).zip(taken) {
            *slot = *byte;
        }
        self.carried += taken.len();
        rest
    }

    fn decode_blocks(&mut self, blocks: &[u8], output: &mut Vec<u8>) -> Result<(), BodyError> {
        if blocks.is_empty() {
            return Ok(());
        }
        if self.padded {
            return Err(BodyError::Invalid("the base64 continues after its padding".into()));
        }
        self.padded = blocks.last() == Some(&b'=');
        ENGINE.decode_vec(blocks, output).map_err(|error| BodyError::Invalid(format!("no base64: {error}")))
    }
}
