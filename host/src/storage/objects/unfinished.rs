//! Multipart uploads that were neither completed nor given up: a crash while parts are
//! joined leaves one, invisible and paid for. Opendal has no function that lists them,
//! so these two requests are made here, signed by the library that opendal signs with.

use std::time::SystemTime;

use http::{Method, Request};
use opendal::raw::percent_encode_path;
use opendal::{Buffer, HttpTransporter};
use reqsign_aws_v4::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::{Context, Signer};
use secrecy::ExposeSecret;
use serde::Deserialize;

use super::{Transport, within};
use crate::storage::error::{Result, StorageError};
use crate::storage::{Addressing, S3Settings};

/// How many are listed at once, and an end to listings that have none.
const MOST_PAGES: usize = 100;

pub(in crate::storage) struct Unfinished {
    http: HttpTransporter,
    signer: Signer<Credential>,
    /// Of the bucket, without a `/` at its end.
    url: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", default)]
#[derive(Default)]
struct Page {
    is_truncated: bool,
    next_key_marker: String,
    next_upload_id_marker: String,
    upload: Vec<Begun>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    key: String,
    upload_id: String,
    initiated: String,
}

impl Begun {
    fn is_older_than(&self, time: SystemTime) -> bool {
        humantime::parse_rfc3339_weak(&self.initiated).is_ok_and(|begun| begun < time)
    }
}

impl Unfinished {
    pub fn new(settings: &S3Settings, transport: &Transport) -> Self {
        let credentials = StaticCredentialProvider::new(
            settings.access_key.expose_secret(),
            settings.access_secret.expose_secret(),
        );
        let signer = Signer::new(Context::new(), credentials, RequestSigner::new("s3", &settings.region));
        Self { http: HttpTransporter::new(transport.clone()), signer, url: url_of(settings) }
    }

    /// Gives up those that began before `before`, anywhere in the bucket. Counts them.
    pub async fn give_up(&self, before: SystemTime) -> Result<u64> {
        let (mut given_up, mut after) = (0, String::new());
        for _ in 0..MOST_PAGES {
            let page = within(self.list(&after)).await?;
            for begun in page.upload.iter().filter(|begun| begun.is_older_than(before)) {
                within(self.abort(begun)).await?;
                given_up += 1;
            }
            if !page.is_truncated {
                break;
            }
            after = format!(
                "&key-marker={}&upload-id-marker={}",
                encoded(&page.next_key_marker),
                encoded(&page.next_upload_id_marker)
            );
        }
        Ok(given_up)
    }

    async fn list(&self, after: &str) -> Result<Page> {
        let answer = self.send(Method::GET, &format!("?uploads={after}")).await?;
        quick_xml::de::from_reader(std::io::Cursor::new(answer.to_bytes())).map_err(|_| {
            StorageError::other("the storage service lists its unfinished uploads in a form of its own")
        })
    }

    async fn abort(&self, begun: &Begun) -> Result<()> {
        let path = format!("/{}?uploadId={}", percent_encode_path(&begun.key), encoded(&begun.upload_id));
        match self.send(Method::DELETE, &path).await {
            Err(StorageError::NotFound) => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// `path` is below the bucket, or the query of the bucket itself.
    pub(in crate::storage) async fn send(&self, method: Method, path: &str) -> Result<Buffer> {
        let bad =
            |error: &dyn std::fmt::Display| StorageError::other(format!("a request cannot be made: {error}"));
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let (mut parts, ()) = request.body(()).map_err(|error| bad(&error))?.into_parts();
        self.signer.sign(&mut parts, None).await.map_err(|error| bad(&error))?;
        parts.headers.remove(http::header::HOST);
        let (parts, answer) = self.http.send(Request::from_parts(parts, Buffer::new())).await?.into_parts();
        match parts.status.as_u16() {
            200..=299 => Ok(answer),
            404 => Err(StorageError::NotFound),
            429 | 500..=599 => Err(StorageError::unavailable("the storage service is busy; try again")),
            status => Err(StorageError::other(format!("the storage service answers {status}"))),
        }
    }
}

fn encoded(value: &str) -> String {
    percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string()
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
