//! Checksums that the service compares with what it received. A connection that ends in the
//! middle of a write looks like the end of a shorter write to some services, and they store
//! it: the checksum makes them refuse it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc_fast::{CrcAlgorithm, Digest as Crc};
use digest::Digest as _;
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use opendal::Buffer;

/// Hashing less than this is quicker than asking another thread to.
const HASHED_HERE: usize = 256 * 1024;

/// What a whole object is written with. A part of a multipart upload always has an MD5: S3
/// takes other checksums only in uploads that were begun for them, which cannot copy parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Checksum {
    Crc32c = 0,
    Md5 = 1,
    /// The service refuses both headers.
    None = 2,
}

impl Checksum {
    /// The better one first.
    pub const KINDS: [Self; 2] = [Self::Crc32c, Self::Md5];

    pub fn header(self) -> Option<HeaderName> {
        match self {
            Self::Crc32c => Some(HeaderName::from_static("x-amz-checksum-crc32c")),
            Self::Md5 => Some(HeaderName::from_static("content-md5")),
            Self::None => None,
        }
    }

    /// As it stands in the header.
    pub fn of(self, body: &Buffer) -> String {
        match self {
            Self::Crc32c => {
                let mut crc = Crc::new(CrcAlgorithm::Crc32Iscsi);
                body.clone().for_each(|piece| crc.update(&piece));
                let crc = u32::try_from(crc.finalize()).unwrap_or_default();
                STANDARD.encode(crc.to_be_bytes())
            }
            Self::Md5 => {
                let mut hash = md5::Md5::new();
                body.clone().for_each(|piece| hash.update(&piece));
                STANDARD.encode(hash.finalize())
            }
            Self::None => String::new(),
        }
    }
}

/// The checksum that whole objects have, as the probe chose it. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Chosen(Arc<AtomicU8>);

impl Chosen {
    pub fn set(&self, checksum: Checksum) {
        self.0.store(checksum as u8, Ordering::Relaxed);
    }

    fn get(&self) -> Checksum {
        match self.0.load(Ordering::Relaxed) {
            0 => Checksum::Crc32c,
            1 => Checksum::Md5,
            _ => Checksum::None,
        }
    }

    /// Adds the header to a write that carries bytes, unless it has one.
    pub async fn add_to(&self, parts: &mut Parts, body: &Buffer) {
        let Some(checksum) = self.kind_for(parts) else { return };
        let Some(header) = checksum.header() else { return };
        if Checksum::KINDS
            .iter()
            .filter_map(|kind| kind.header())
            .any(|known| parts.headers.contains_key(known))
        {
            return;
        }
        let value = if body.len() <= HASHED_HERE {
            checksum.of(body)
        } else {
            let body = body.clone();
            tokio::task::spawn_blocking(move || checksum.of(&body)).await.unwrap_or_default()
        };
        if let Ok(value) = HeaderValue::from_str(&value) {
            parts.headers.insert(header, value);
        }
    }

    fn kind_for(&self, parts: &Parts) -> Option<Checksum> {
        let carries_bytes = parts.method == Method::PUT
            && parts.headers.contains_key(CONTENT_LENGTH)
            && !parts.headers.contains_key("x-amz-copy-source");
        match parts.uri.query() {
            _ if !carries_bytes => None,
            None => Some(self.get()),
            Some(query) if query.contains("uploadId=") => Some(Checksum::Md5),
            Some(_) => None,
        }
    }
}

/// Of bytes that come in pieces, to compare them with others.
pub(super) struct Running(Crc);

impl Running {
    pub fn new() -> Self {
        Self(Crc::new(CrcAlgorithm::Crc32Iscsi))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum and how many bytes it is of.
    pub fn finish(self) -> (u64, u64) {
        (self.0.finalize(), self.0.get_amount())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of RFC 3720, B.4, and RFC 1321, A.5.
    #[test]
    fn checksums_are_those_of_their_standards() {
        let zeros = Buffer::from(vec![0_u8; 32]);
        assert_eq!(Checksum::Crc32c.of(&zeros), STANDARD.encode(0x8a91_36aa_u32.to_be_bytes()));
        assert_eq!(Checksum::Md5.of(&Buffer::from("abc")), "kAFQmDzST7DWlj99KOF/cg==");
    }

    #[tokio::test]
    async fn writes_that_carry_bytes_have_one_and_nothing_else_has() {
        let chosen = Chosen::default();
        let asked = |method: Method, query: &str, header: Option<(&str, &str)>| {
            let request = http::Request::builder().method(method).uri(format!("http://s3/bucket/key{query}"));
            let request = match header {
                Some((name, value)) => request.header(name, value),
                None => request,
            };
            request.header(CONTENT_LENGTH, "3").body(()).map(|request| request.into_parts().0)
        };
        let cases = [
            (Method::PUT, "", None, Some("x-amz-checksum-crc32c")),
            (Method::PUT, "?partNumber=1&uploadId=u", None, Some("content-md5")),
            (Method::PUT, "?partNumber=1&uploadId=u", Some(("x-amz-copy-source", "/b/k")), None),
            (Method::POST, "?uploadId=u", None, None),
            (Method::GET, "", None, None),
        ];
        for (method, query, header, wanted) in cases {
            let Ok(mut parts) = asked(method, query, header) else { continue };
            chosen.add_to(&mut parts, &Buffer::from("abc")).await;
            let found: Vec<_> = Checksum::KINDS
                .iter()
                .filter_map(|kind| kind.header())
                .filter(|name| parts.headers.contains_key(name))
                .map(|name| name.to_string())
                .collect();
            assert_eq!(found, wanted.into_iter().map(str::to_owned).collect::<Vec<_>>(), "{}", parts.uri);
        }
    }
}
