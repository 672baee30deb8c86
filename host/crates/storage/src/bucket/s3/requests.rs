//! Requests to a bucket that opendal has no function for, or whose headers it does not let
//! one choose.

use bytes::Bytes;
use http::{HeaderName, Method, Request, StatusCode};
use opendal::Buffer;

use super::{Addressing, S3Settings};
use crate::bucket::service::impossible;
use crate::bucket::transport::Transport;
use crate::error::{Result, StorageError};

pub(super) struct Requests<'a> {
    transport: &'a Transport,
    /// Without a `/` at its end.
    url: String,
}

impl<'a> Requests<'a> {
    pub fn new(settings: &S3Settings, transport: &'a Transport) -> Self {
        Self { transport, url: url_of(settings) }
    }

    /// `path` is below the bucket, or the query of the bucket itself. Any status is an answer.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(HeaderName, String)],
        body: &'static str,
    ) -> Result<(StatusCode, Buffer)> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Buffer::from(Bytes::from_static(body.as_bytes()))).map_err(impossible)?;
        Ok(self.transport.ask(request).await?)
    }

    /// The same without a body, where only success is an answer.
    pub async fn send(&self, method: Method, path: &str) -> Result<Buffer> {
        let (status, answer) = self.ask(method, path, &[], "").await?;
        match status.as_u16() {
            200..=299 => Ok(answer),
            404 => Err(StorageError::NotFound),
            429 | 500..=599 => Err(StorageError::unavailable("the storage service is busy; try again")),
            status => Err(StorageError::other(format!("the storage service answers {status}"))),
        }
    }
}

/// As opendal makes it: the signature holds the host, so a usual port is left out.
fn url_of(settings: &S3Settings) -> String {
    let (scheme, usual) = if settings.use_ssl { ("https", 443) } else { ("http", 80) };
    let port = if settings.port == usual { String::new() } else { format!(":{}", settings.port) };
    let (endpoint, bucket) = (&settings.endpoint, &settings.bucket_name);
    match settings.addressing {
        Addressing::Path => format!("{scheme}://{endpoint}{port}/{bucket}"),
        Addressing::VirtualHost => format!("{scheme}://{bucket}.{endpoint}{port}"),
    }
}
