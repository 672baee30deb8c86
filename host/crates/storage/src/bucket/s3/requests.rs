//! Requests to a bucket for which opendal has no function, or whose headers it does not let us
//! choose.

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

    /// `path` is below the bucket, or a query on the bucket itself. Returns a response of any
    /// status.
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

    /// The same without a body. A status other than success is an error.
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

/// The `Host` as opendal writes it, without a default port: the signature covers it.
fn url_of(settings: &S3Settings) -> String {
    let (scheme, usual) = if settings.use_ssl { ("https", 443) } else { ("http", 80) };
    let port = if settings.port == usual { String::new() } else { format!(":{}", settings.port) };
    let (endpoint, bucket) = (&settings.endpoint, &settings.bucket_name);
    match settings.addressing {
        Addressing::Path => format!("{scheme}://{endpoint}{port}/{bucket}"),
        Addressing::VirtualHost => format!("{scheme}://{bucket}.{endpoint}{port}"),
    }
}
