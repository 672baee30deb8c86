//! What the host decodes for a plugin: JSON strings and base64.

use crate::Error;

/// Decoded bytes, and how far the decoder got.
pub(crate) struct Decoded {
    pub(crate) bytes: Vec<u8>,
    /// Bytes of the source, the closing quote included.
    pub(crate) consumed: usize,
    /// What is met behind the last byte.
    pub(crate) broken: Option<Error>,
    /// The source's end was reached: if the source broke off there, so does this.
    pub(crate) wants_more: bool,
}

/// A JSON string from behind its opening quote to its closing one.
pub(crate) fn json_string(source: &[u8]) -> Decoded {
    let mut end = 0;
    while let Some(byte) = source.get(end) {
        match byte {
            b'"' => return unescape(source, end),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
    let mut decoded = unescape(source, source.len());
    decoded.wants_more = true;
    decoded.broken = decoded.broken.or(Some(Error::Truncated));
    decoded
}

fn unescape(source: &[u8], end: usize) -> Decoded {
    let inner = source.get(..end).unwrap_or_default();
    let mut quoted = Vec::with_capacity(inner.len() + 2);
    quoted.push(b'"');
    quoted.extend_from_slice(inner);
    quoted.push(b'"');
    let (bytes, broken) = match serde_json::from_slice::<String>(&quoted) {
        Ok(text) => (text.into_bytes(), None),
        Err(error) => {
            // The good part before the bad one.
            let good = inner.split(|byte| *byte == b'\\').next().unwrap_or_default();
            let message = format!("the JSON string is broken: {error}");
            (good.to_vec(), Some(Error::Invalid(message)))
        }
    };
    Decoded { bytes, consumed: (end + 1).min(source.len()), broken, wants_more: false }
}

/// The standard alphabet, padding optional. As the host does, it rejects padding that is not the
/// right one, and bits behind the last byte that are not 0.
pub(crate) fn base64(source: &[u8]) -> Decoded {
    let mut bytes = Vec::with_capacity(source.len() / 4 * 3);
    let (mut bits, mut count) = (0_u32, 0_u32);
    let text = source.strip_suffix(b"==").or(source.strip_suffix(b"=")).unwrap_or(source);
    let mut broken = None;
    for byte in text {
        let Some(value) = sextet(*byte) else {
            broken = Some(Error::Invalid("this is not base64".to_owned()));
            break;
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.extend(u8::try_from((bits >> count) & 0xff));
        }
    }
    let padding = source.len() - text.len();
    let left_over = bits & ((1 << count) - 1);
    if broken.is_none() && (count == 6 || padding * 2 > count as usize || left_over != 0) {
        broken = Some(Error::Invalid("the base64 ends in the middle of a byte".to_owned()));
    }
    Decoded { bytes, consumed: source.len(), broken, wants_more: true }
}

fn sextet(byte: u8) -> Option<u8> {
    match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}
