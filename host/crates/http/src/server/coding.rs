//! The transfer codings of a request. The server decodes `chunked` and no other: a body in another
//! coding must not be taken for one that was decoded (RFC 9112, section 6.1).

use http::HeaderMap;
use http::header::TRANSFER_ENCODING;

use crate::respond::Failure;

/// Why a request with these headers cannot be understood.
pub(super) fn refusal(headers: &HeaderMap) -> Option<Failure> {
    let lines = headers.get_all(TRANSFER_ENCODING).iter();
    let codings = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let codings = codings.map(<[u8]>::trim_ascii).filter(|coding| !coding.is_empty());
    let (chunked, others): (Vec<_>, Vec<_>) =
        codings.partition(|coding| coding.eq_ignore_ascii_case(b"chunked"));
    if !others.is_empty() {
        let why = "only the transfer coding `chunked` is supported: send the body without another one";
        return Some(Failure::NotImplemented(why.into()));
    }
    let why = "the Transfer-Encoding header names `chunked` more than once";
    (chunked.len() > 1).then(|| Failure::BadRequest(why.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn status(lines: &[&str]) -> Option<u16> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(TRANSFER_ENCODING, line.parse().unwrap());
        }
        refusal(&headers).map(|failure| failure.status().as_u16())
    }

    #[test]
    fn only_a_body_that_is_chunked_once_is_understood() {
        let fine: [&[&str]; 4] = [&[], &["chunked"], &["Chunked"], &[", chunked ,"]];
        for lines in fine {
            assert_eq!(status(lines), None, "{lines:?}");
        }
        let unknown: [&[&str]; 5] = [
            &["gzip, chunked"],
            &["identity, chunked"],
            &["gzip", "chunked"],
            &["identity"],
            &["chunked;x=1"],
        ];
        for lines in unknown {
            assert_eq!(status(lines), Some(501), "{lines:?}");
        }
        assert_eq!(status(&["chunked, chunked"]), Some(400));
        assert_eq!(status(&["chunked", "chunked"]), Some(400));
    }
}
