//! Azure Blob Storage: block blobs in one container.
//!
//! Azure compares the `Content-MD5` of a write with what it received, supports conditions for whole
//! blobs and for lists of blocks, and removes blocks that no list names after a week. It copies a
//! part of a blob only for a request with its own permission (SAS), which this host does not
//! create. Bytes that are copied or joined therefore pass through this host.

use std::time::SystemTime;

use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, StatusCode};
use opendal::{Buffer, Error, ErrorKind, Operator, services};
use reqsign_azure_storage::{Credential, RequestSigner, StaticCredentialProvider};
use reqsign_core::Signer;
use secrecy::{ExposeSecret, SecretString};

use super::checksum;
use super::service::{Doing, Service, Work, has_code};
use super::transport::Transport;
use crate::error::Result;

/// The service did not receive the bytes that were sent.
const DAMAGED_ON_THE_WAY: &str = "<Code>Md5Mismatch</Code>";
/// Another write of the same blob ended first, and Azure dropped the blocks of this one.
const BLOCKS_ARE_GONE: &str = "<Code>InvalidBlockList</Code>";
const CONTENT_MD5: HeaderName = HeaderName::from_static("content-md5");

/// A container.
#[derive(Debug, Clone)]
pub struct AzureSettings {
    /// The URL of the account's blob service, without a `/` at its end.
    pub endpoint: String,
    pub account_name: String,
    /// In base64, as Azure shows it.
    pub account_key: SecretString,
    pub container: String,
    /// The most bytes that all uploads of this process together keep in memory.
    pub part_buffers: u64,
}

pub(crate) struct Azure {
    settings: AzureSettings,
    signer: Signer<Credential>,
}

impl Azure {
    pub fn new(settings: &AzureSettings) -> Self {
        let key = settings.account_key.expose_secret();
        let credentials = StaticCredentialProvider::new_shared_key(&settings.account_name, key);
        let signer = Signer::new(reqsign_core::Context::new(), credentials, RequestSigner::new());
        Self { settings: settings.clone(), signer }
    }
}

#[async_trait]
impl Service for Azure {
    fn subject(&self) -> String {
        format!("container `{}` at `{}`", self.settings.container, self.settings.endpoint)
    }

    fn operator(&self) -> opendal::Result<Operator> {
        let service = services::Azblob::default()
            .endpoint(&self.settings.endpoint)
            .container(&self.settings.container)
            .account_name(&self.settings.account_name)
            // `seal` signs.
            .skip_signature();
        Operator::new(service)
    }

    /// Azure accepts only names that are valid identifiers of C#.
    fn mark(&self) -> &'static str {
        "packhousewrite"
    }

    async fn seal(&self, parts: &mut Parts, body: &Buffer) -> opendal::Result<()> {
        if parts.method == Method::PUT && !body.is_empty() {
            let checksum = checksum::of(body, checksum::md5).await;
            if let Ok(checksum) = HeaderValue::from_str(&checksum) {
                parts.headers.insert(CONTENT_MD5, checksum);
            }
        }
        let signed = self.signer.sign(parts, None).await;
        signed.map_err(|error| Error::new(ErrorKind::Unexpected, "no signature").set_source(error))
    }

    fn work(&self, parts: &Parts) -> Work {
        let joins = parts.uri.query().is_some_and(|query| query.contains("comp=blocklist"));
        if joins { Work::Joining } else { Work::None }
    }

    fn passes(&self, _status: StatusCode, body: &str) -> Option<&'static str> {
        if body.contains(DAMAGED_ON_THE_WAY) {
            return Some("the service did not receive the bytes that were sent");
        }
        body.contains(BLOCKS_ARE_GONE).then_some("another write of the same object ended first")
    }

    /// Azure verifies the MD5 of every write.
    async fn prepare(&self, _transport: &Transport, _path: &str) -> Result<()> {
        Ok(())
    }

    fn explain(&self, error: &Error, doing: Doing) -> Option<(&'static str, String)> {
        let says = |codes: &[&str]| has_code(error, codes);
        if says(&["AuthenticationFailed", "InvalidAuthenticationInfo", "AuthorizationFailure"]) {
            let sentence = "the storage service does not know this account with this key, or this machine's clock is \
                            wrong; check all three";
            return Some(("account_name and account_key", sentence.to_owned()));
        }
        if says(&["ContainerNotFound", "InvalidResourceName"]) {
            let sentence = "the container does not exist; create it, or correct the name";
            return Some(("container", sentence.to_owned()));
        }
        match error.kind() {
            ErrorKind::PermissionDenied => Some((
                "account_key",
                format!(
                    "the account's key may not {} blobs here; it must be allowed to list, read, write and delete in \
                     the whole container",
                    doing.verb()
                ),
            )),
            _ if doing == Doing::Listing && (error.is_temporary() || error.is_persistent()) => Some((
                "endpoint",
                "no Azure Blob Storage answers there; are the account's name and the endpoint right?"
                    .to_owned(),
            )),
            _ => None,
        }
    }

    /// Azure removes the blocks of unfinished writes after a week.
    async fn give_up_unfinished(&self, _transport: &Transport, _before: SystemTime) -> Result<u64> {
        Ok(0)
    }
}

/// For tests on an engine without a container.
#[cfg(test)]
pub(crate) async fn make_container(settings: &AzureSettings) {
    use http::Request;
    use http::header::CONTENT_LENGTH;

    let transport = Transport::new(std::sync::Arc::new(Azure::new(settings))).expect("a transport");
    let request = Request::put(format!("{}/{}?restype=container", settings.endpoint, settings.container))
        .header("x-ms-version", "2022-11-02")
        .header(CONTENT_LENGTH, 0)
        .body(Buffer::new())
        .expect("a request");
    let (status, answer) = transport.ask(request).await.expect("an answer");
    assert!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&answer.to_bytes()));
}
