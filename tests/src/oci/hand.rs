//! Pushing and pulling over HTTP by hand: each request as the specification words it.

use super::{Content, Image, sha256};
use crate::{Actor, Answer};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde_json::Value;

/// Somebody at work on one repository.
#[derive(Clone)]
pub struct Hand {
    actor: Actor,
    repository: String,
}

/// A session that a `POST` has begun: its path below the actor's base.
#[derive(Clone, Debug)]
pub struct Upload {
    pub path: String,
}

impl Hand {
    /// `actor` speaks below `/v2`.
    pub fn new(actor: &Actor, repository: &str) -> Self {
        Self { actor: actor.clone(), repository: repository.to_owned() }
    }

    /// The same through another process.
    #[must_use]
    pub fn at(&self, base: String) -> Self {
        Self { actor: self.actor.at(base), repository: self.repository.clone() }
    }

    /// Blobs first, then the manifest under this tag. Panics unless all is accepted.
    pub async fn push(&self, image: &Image, tag: &str) {
        let answer = self.try_push(image, tag).await.unwrap_or_else(|error| panic!("no answer: {error:?}"));
        answer.expect(201);
    }

    /// As [`Hand::push`]: the first answer that was no success, or the manifest's.
    pub async fn try_push(&self, image: &Image, tag: &str) -> reqwest::Result<Answer> {
        for blob in &image.blobs {
            let answer = self.try_push_blob(blob).await?;
            if answer.status != StatusCode::CREATED {
                return Ok(answer);
            }
        }
        self.try_push_manifest(&image.manifest, tag).await
    }

    /// In one `POST` and one `PUT`.
    pub async fn try_push_blob(&self, blob: &Content) -> reqwest::Result<Answer> {
        let begun = self.actor.try_send(Method::POST, &self.path("/blobs/uploads/"), "").await?;
        if begun.status != StatusCode::ACCEPTED {
            return Ok(begun);
        }
        let upload = self.upload(&begun);
        self.try_finish(&upload, blob.bytes.clone(), &blob.digest).await
    }

    pub async fn try_push_manifest(&self, manifest: &Content, reference: &str) -> reqwest::Result<Answer> {
        let headers = [(header::CONTENT_TYPE, manifest.media_type.as_str())];
        self.send(
            Method::PUT,
            &self.path(&format!("/manifests/{reference}")),
            &headers,
            manifest.bytes.clone(),
        )
        .await
    }

    /// Begins a session. Panics unless it is accepted.
    pub async fn begin(&self) -> Upload {
        let begun = self.actor.send(Method::POST, &self.path("/blobs/uploads/"), "").await.expect(202);
        self.upload(&begun)
    }

    /// Sends the next chunk, which starts at this byte.
    pub async fn try_append(&self, upload: &Upload, start: usize, chunk: &[u8]) -> reqwest::Result<Answer> {
        let range = format!("{start}-{}", start + chunk.len() - 1);
        let headers =
            [(header::CONTENT_RANGE, range.as_str()), (header::CONTENT_TYPE, "application/octet-stream")];
        self.send(Method::PATCH, &upload.path, &headers, chunk.to_vec()).await
    }

    /// Ends the session with the rest of the bytes.
    pub async fn try_finish(
        &self,
        upload: &Upload,
        rest: impl Into<reqwest::Body>,
        digest: &str,
    ) -> reqwest::Result<Answer> {
        let separator = if upload.path.contains('?') { '&' } else { '?' };
        let path = format!("{}{separator}digest={digest}", upload.path);
        self.send(Method::PUT, &path, &[(header::CONTENT_TYPE, "application/octet-stream")], rest).await
    }

    /// How many bytes the session holds. Panics when it is gone.
    pub async fn progress(&self, upload: &Upload) -> usize {
        let answer = self.actor.get(&upload.path).await.expect(204);
        // `0-0` means one byte, and in most registries also no byte.
        let last = answer.header("range").rsplit('-').next().and_then(|last| last.parse::<usize>().ok());
        last.map_or(0, |last| if last == 0 { 0 } else { last + 1 })
    }

    /// The bytes of a blob, checked against its digest. None when it is not there.
    pub async fn blob(&self, digest: &str) -> Option<Bytes> {
        self.checked("blobs", digest).await
    }

    /// The bytes of a manifest under a tag or digest. None when it is not there.
    pub async fn manifest(&self, reference: &str) -> Option<Bytes> {
        let answer = self.actor.get(&self.path(&format!("/manifests/{reference}"))).await;
        (answer.status != StatusCode::NOT_FOUND).then(|| answer.expect(200).body)
    }

    /// All tags, in the order of the answer. Panics if the repository is unknown.
    pub async fn tags(&self) -> Vec<String> {
        let answer = self.actor.get(&self.path("/tags/list")).await.expect(200).json();
        let tags = answer["tags"].as_array().cloned().unwrap_or_default();
        tags.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The digests of what refers to a manifest.
    pub async fn referrers(&self, digest: &str) -> Vec<String> {
        let answer = self.actor.get(&self.path(&format!("/referrers/{digest}"))).await.expect(200).json();
        let manifests = answer["manifests"].as_array().cloned().unwrap_or_default();
        manifests.iter().filter_map(|one| one["digest"].as_str()).map(str::to_owned).collect()
    }

    /// Panics, saying `what`, unless the tag leads to exactly this image with all its blobs.
    pub async fn expect_whole(&self, image: &Image, tag: &str, what: &str) {
        let manifest = self.manifest(tag).await.unwrap_or_else(|| panic!("{what}: no tag {tag}"));
        assert!(manifest == image.manifest.bytes, "{what}: tag {tag} is {}", sha256(&manifest));
        for blob in &image.blobs {
            let bytes = self.blob(&blob.digest).await;
            assert!(bytes.is_some_and(|bytes| bytes == blob.bytes), "{what}: {tag} lacks {}", blob.digest);
        }
    }

    /// Below the repository, e.g. `/tags/list`.
    pub fn path(&self, rest: &str) -> String {
        format!("/{}{rest}", self.repository)
    }

    async fn checked(&self, kind: &str, digest: &str) -> Option<Bytes> {
        let answer = self.actor.get(&self.path(&format!("/{kind}/{digest}"))).await;
        if answer.status == StatusCode::NOT_FOUND {
            return None;
        }
        let bytes = answer.expect(200).body;
        assert_eq!(sha256(&bytes), digest, "what is served is what was asked for");
        Some(bytes)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: impl Into<reqwest::Body>,
    ) -> reqwest::Result<Answer> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        self.actor.with_headers(map).try_send(method, path, body).await
    }

    /// From the `Location` of an answer, which may be absolute, and below another mount's path.
    fn upload(&self, answer: &Answer) -> Upload {
        let location = answer.header("location");
        let repository = self.path("/blobs/uploads/");
        let start =
            location.find(&repository).unwrap_or_else(|| panic!("not below {repository}: {location}"));
        Upload { path: location[start..].to_owned() }
    }
}
