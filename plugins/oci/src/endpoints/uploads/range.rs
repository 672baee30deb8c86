//! `Content-Range` in the format of this protocol: `{first}-{last}`, both included, without a unit. It
//! knows no request.

use crate::error::{self, Error};

/// Bytes `first` to `last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    pub first: u64,
    last: u64,
}

impl ContentRange {
    pub fn parse(text: &str) -> Result<Self, Error> {
        let number = |part: &str| {
            let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten()
        };
        text.split_once('-')
            .and_then(|(first, last)| Some(Self { first: number(first)?, last: number(last)? }))
            .filter(|range| range.first <= range.last && range.last < u64::MAX)
            .ok_or_else(|| {
                let sentence =
                    "a Content-Range is written {first}-{last}, in bytes, both included, e.g. 0-1023";
                Error::because(error::UPLOAD_INVALID, sentence)
            })
    }

    /// In bytes.
    pub fn length(self) -> u64 {
        self.last - self.first + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_included() {
        let range = ContentRange::parse("10-19").ok();
        assert_eq!(range.map(|range| (range.first, range.length())), Some((10, 10)));
        assert_eq!(ContentRange::parse("0-0").ok().map(ContentRange::length), Some(1));
        for text in [
            "",
            "-",
            "1",
            "1-",
            "-1",
            "2-1",
            "bytes 0-1/2",
            "bytes=0-1",
            "0-1/2",
            " 0-1",
            "+0-1",
            "0-18446744073709551615",
            "a-b",
        ] {
            assert!(ContentRange::parse(text).is_err(), "{text:?}");
        }
    }
}
