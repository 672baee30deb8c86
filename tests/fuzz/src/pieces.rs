//! One input in pieces, as it comes from a network. The places of the cuts follow from the input,
//! so that a finding stays a finding.

use crate::random::{Random, hash};

/// Cuts `input` at places that look random; there are no empty pieces. Half of all inputs are cut
/// into very small pieces.
pub fn pieces(input: &[u8]) -> Vec<&[u8]> {
    let mut random = Random::new(hash(input));
    let longest = if random.below(2) == 0 { 4 } else { input.len().max(1) };
    let mut pieces = Vec::new();
    let mut rest = input;
    while !rest.is_empty() {
        let length = (1 + random.below(longest)).min(rest.len());
        let (piece, behind) = rest.split_at(length);
        pieces.push(piece);
        rest = behind;
    }
    pieces
}

/// Reads an input piece by piece, each read at most one.
pub struct InPieces<'a> {
    pieces: std::vec::IntoIter<&'a [u8]>,
    left: &'a [u8],
}

impl<'a> InPieces<'a> {
    pub fn new(input: &'a [u8]) -> Self {
        Self { pieces: pieces(input).into_iter(), left: &[] }
    }
}

impl std::io::Read for InPieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            self.left = self.pieces.next().unwrap_or_default();
        }
        self.left.read(buffer)
    }
}
