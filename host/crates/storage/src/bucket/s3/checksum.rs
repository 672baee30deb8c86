//! Which checksum is sent with a write.

use std::sync::atomic::{AtomicU8, Ordering};

use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method};
use opendal::Buffer;

use crate::bucket::checksum;

/// The checksum of a whole object. A part of a multipart upload always has an MD5: S3 accepts other
/// checksums only in uploads that were begun with them, and those cannot copy parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Checksum {
    Crc32c = 0,
    Md5 = 1,
    /// None: the service rejects both headers.
    None = 2,
}

impl Checksum {
    /// The stronger one first.
    pub const KINDS: [Self; 2] = [Self::Crc32c, Self::Md5];

    pub fn header(self) -> Option<HeaderName> {
        match self {
            Self::Crc32c => Some(HeaderName::from_static("x-amz-checksum-crc32c")),
            Self::Md5 => Some(HeaderName::from_static("content-md5")),
            Self::None => None,
        }
    }

    /// The value of the header.
    pub fn of(self, body: &Buffer) -> String {
        match self {
            Self::Crc32c => checksum::crc32c(body),
            Self::Md5 => checksum::md5(body),
            Self::None => String::new(),
        }
    }
}

/// The checksum of whole objects, as chosen by the probe.
#[derive(Default)]
pub(super) struct Chosen(AtomicU8);

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
        let value = checksum::of(body, move |body| checksum.of(body)).await;
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

#[cfg(test)]
mod tests {
    use super::*;

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
