//! Amazon S3, and the many services that speak its protocol.
//!
//! | part | contents |
//! |---|---|
//! | `checksum` | the checksum of a write |
//! | `verified` | whether the service rejects bytes that differ from those that were sent |
//! | `requests` | requests that opendal has no function for |
//! | `unfinished` | multipart uploads that were never completed |

mod checksum;
mod requests;
mod unfinished;
mod verified;

use std::time::SystemTime;

use async_trait::async_trait;
use http::request::Parts;
use http::{Method, StatusCode};
use opendal::{Buffer, Error, ErrorKind, Operator, services};
use reqsign_aws_v4::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::Signer;
use secrecy::{ExposeSecret, SecretString};

use super::service::{Doing, Service, Work, has_code};
use super::transport::Transport;
use crate::error::Result;
use checksum::Chosen;
use requests::Requests;

/// The answer of a service that stores objects as files, when the last other object of the folder,
/// and the folder with it, are removed at the same moment. `clash.rs` has already checked that the
/// key is not a folder.
const FOLDER_WENT_AWAY: &str = "<Code>ExistingObjectIsDirectory</Code>";
/// The answer of a service that did not receive the bytes that were sent.
const DAMAGED_ON_THE_WAY: [&str; 3] =
    ["<Code>BadDigest</Code>", "<Code>IncompleteBody</Code>", "<Code>XAmzContentChecksumMismatch</Code>"];

/// A bucket.
#[derive(Debug, Clone)]
pub struct S3Settings {
    /// Host name without scheme and port.
    pub endpoint: String,
    pub port: u16,
    pub use_ssl: bool,
    pub region: String,
    pub bucket_name: String,
    pub access_key: SecretString,
    pub access_secret: SecretString,
    pub addressing: Addressing,
    /// The most bytes that all uploads of this process together keep in memory.
    pub part_buffers: u64,
}

/// Where URLs contain the bucket's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addressing {
    /// `https://endpoint/bucket/key`
    #[default]
    Path,
    /// `https://bucket.endpoint/key`
    VirtualHost,
}

pub(crate) struct S3 {
    settings: S3Settings,
    signer: Signer<Credential>,
    chosen: Chosen,
}

impl S3 {
    pub fn new(settings: &S3Settings) -> Self {
        let credentials = StaticCredentialProvider::new(
            settings.access_key.expose_secret(),
            settings.access_secret.expose_secret(),
        );
        let signer = RequestSigner::new("s3", &settings.region);
        let signer = Signer::new(reqsign_core::Context::new(), credentials, signer);
        Self { settings: settings.clone(), signer, chosen: Chosen::default() }
    }
}

#[async_trait]
impl Service for S3 {
    fn subject(&self) -> String {
        let S3Settings { bucket_name, endpoint, port, .. } = &self.settings;
        format!("bucket `{bucket_name}` at `{endpoint}:{port}`")
    }

    fn operator(&self) -> opendal::Result<Operator> {
        let settings = &self.settings;
        let scheme = if settings.use_ssl { "https" } else { "http" };
        let service = services::S3::default()
            .endpoint(&format!("{scheme}://{}:{}", settings.endpoint, settings.port))
            .region(&settings.region)
            .bucket(&settings.bucket_name)
            // `seal` signs.
            .skip_signature()
            .disable_config_load()
            .disable_ec2_metadata();
        Operator::new(match settings.addressing {
            Addressing::Path => service,
            Addressing::VirtualHost => service.enable_virtual_host_style(),
        })
    }

    fn mark(&self) -> &'static str {
        "packhouse-write"
    }

    async fn seal(&self, parts: &mut Parts, body: &Buffer) -> opendal::Result<()> {
        self.chosen.add_to(parts, body).await;
        let signed = self.signer.sign(parts, None).await;
        signed.map_err(|error| Error::new(ErrorKind::Unexpected, "no signature").set_source(error))
    }

    fn work(&self, parts: &Parts) -> Work {
        let is_about_parts = parts.uri.query().is_some_and(|query| query.contains("uploadId="));
        if parts.method == Method::POST && is_about_parts {
            Work::Joining
        } else if parts.headers.contains_key("x-amz-copy-source") {
            Work::Copying
        } else {
            Work::None
        }
    }

    fn passes(&self, _status: StatusCode, body: &str) -> Option<&'static str> {
        if body.contains(FOLDER_WENT_AWAY) {
            return Some("a folder of the service went away");
        }
        let is_damaged = DAMAGED_ON_THE_WAY.iter().any(|code| body.contains(code));
        is_damaged.then_some("the service did not receive the bytes that were sent")
    }

    async fn prepare(&self, transport: &Transport, path: &str) -> Result<()> {
        let requests = Requests::new(&self.settings, transport);
        self.chosen.set(verified::ask(&requests, &format!("{path}-checksum")).await?);
        Ok(())
    }

    fn explain(&self, error: &Error, doing: Doing) -> Option<(&'static str, String)> {
        let says = |codes: &[&str]| has_code(error, codes);
        if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidAccessKey", "XAdminUserNotFound"]) {
            let sentence = "the storage service does not know this access key with this secret; check both";
            return Some(("access_key and access_secret", sentence.to_owned()));
        }
        if says(&["RequestTimeTooSkewed"]) {
            let sentence = "the storage service refuses this machine's clock; set it (NTP)";
            return Some(("endpoint", sentence.to_owned()));
        }
        if says(&["PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"])
        {
            let words = words_of(&error.to_string());
            return Some((
                "region",
                format!("the bucket is in another region{words}; set the one that it is in"),
            ));
        }
        if says(&["NoSuchBucket"]) || (error.kind() == ErrorKind::NotFound && doing == Doing::Listing) {
            let sentence = "the bucket does not exist; create it, or correct the name";
            return Some(("bucket_name", sentence.to_owned()));
        }
        match error.kind() {
            ErrorKind::PermissionDenied => Some((
                "access_key",
                format!(
                    "the access key may not {} objects here; it must be allowed to list, read, write and delete in \
                     the whole bucket",
                    doing.verb()
                ),
            )),
            _ if doing == Doing::Listing && (error.is_temporary() || error.is_persistent()) => Some((
                "endpoint",
                "nothing that speaks S3 answers there; is it running, and are endpoint, port and use_ssl right?"
                    .to_owned(),
            )),
            _ => None,
        }
    }

    async fn give_up_unfinished(&self, transport: &Transport, before: SystemTime) -> Result<u64> {
        unfinished::give_up(&Requests::new(&self.settings, transport), before).await
    }
}

/// For tests on an engine without a bucket.
#[cfg(test)]
pub(crate) async fn make_bucket(settings: &S3Settings) -> Result<()> {
    let transport = Transport::new(std::sync::Arc::new(S3::new(settings)))?;
    Requests::new(settings, &transport).send(Method::PUT, "").await.map(drop)
}

/// What the service says besides its code, which may name the right region.
fn words_of(said: &str) -> String {
    let words = said.split_once("message: \"").and_then(|(_, rest)| rest.split_once("\", resource"));
    words.map_or_else(String::new, |(words, _)| format!(" ({})", words.replace('\\', "")))
}
