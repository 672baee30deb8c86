//! What a packed part unpacks to.

use flate2::{Crc, Decompress, FlushDecompress, Status};

use crate::storage::{Packed, Packing, Unpacked};

/// None unless the bytes are exactly one packed stream that keeps to the limit.
pub(super) fn unpack(bytes: &[u8], part: &Packed) -> Option<Unpacked> {
    let mut crc = Crc::new();
    let size = match part.packing {
        Packing::Store => {
            crc.update(bytes);
            bytes.len() as u64
        }
        Packing::Deflate => inflate(bytes, part.limit, &mut crc)?,
    };
    (size <= part.limit).then(|| Unpacked { size, crc32: crc.sum() })
}

fn inflate(bytes: &[u8], limit: u64, crc: &mut Crc) -> Option<u64> {
    let mut decoder = Decompress::new(false);
    let mut output = [0; 8192];
    loop {
        let (taken, given) = (decoder.total_in(), decoder.total_out());
        let input = bytes.get(usize::try_from(taken).ok()?..)?;
        let status = decoder.decompress(input, &mut output, FlushDecompress::None).ok()?;
        crc.update(output.get(..usize::try_from(decoder.total_out() - given).ok()?)?);
        if decoder.total_out() > limit {
            return None;
        }
        if status == Status::StreamEnd {
            return (decoder.total_in() == bytes.len() as u64).then(|| decoder.total_out());
        }
        if (decoder.total_in(), decoder.total_out()) == (taken, given) {
            return None;
        }
    }
}
