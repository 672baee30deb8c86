//! Eight clients push and pull large blobs at the same time, and the process stays small: 128 MiB
//! each, and 1 GiB in the long run.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use futures_util::{StreamExt, stream};
use http::Method;
use packhouse_tests::engine::Kind;
use packhouse_tests::npm::noise;
use packhouse_tests::races::{at_once, in_full};
use packhouse_tests::{Actor, Backend, Options, Registry};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;

const MEBIBYTE: u64 = 1024 * 1024;
const CLIENTS: usize = 8;
/// What the process may have in RAM at most.
const ALLOWED: u64 = 256 * MEBIBYTE;
/// Of those who send chunks, each is so many pieces.
const PIECES_OF_A_CHUNK: u64 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn eight_large_pushes_and_pulls_stay_small_on_the_file_system() {
    stays_small(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_large_pushes_and_pulls_stay_small_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    stays_small(backend).await;
}

async fn stays_small(backend: Backend) {
    let registry = Registry::start(Options::oci().on(backend)).await;
    let pusher = registry.pusher().await;
    let before = registry.peak_memory();
    at_once(CLIENTS, |client| {
        let large = Large::new(client);
        let pusher = pusher.clone();
        async move {
            let digest = large.digest();
            if client % 2 == 0 {
                large.push(&pusher, &digest).await;
            } else {
                large.push_chunks(&pusher, &digest).await;
            }
            large.pull(&pusher, &digest).await;
        }
    })
    .await;
    let after = registry.peak_memory();
    assert!(after < ALLOWED, "{} MiB, {} MiB before", after / MEBIBYTE, before / MEBIBYTE);
}

/// Bytes that are made as they are sent: pieces of a mebibyte, each with its number at its start.
#[derive(Clone)]
struct Large {
    client: usize,
    pieces: u64,
    noise: Arc<Vec<u8>>,
}

impl Large {
    fn new(client: usize) -> Self {
        let pieces = if in_full() { 1024 } else { 128 };
        let length = usize::try_from(MEBIBYTE).unwrap_or_default();
        Self { client, pieces, noise: Arc::new(noise(client as u64, length)) }
    }

    fn piece(&self, number: u64) -> Vec<u8> {
        let mut piece = self.noise.as_ref().clone();
        piece.splice(..8, number.to_be_bytes());
        piece
    }

    fn digest(&self) -> String {
        let mut digest = Sha256::new();
        for number in 0..self.pieces {
            digest.update(self.piece(number));
        }
        named(digest)
    }

    fn body(&self, from: u64, to: u64) -> reqwest::Body {
        let large = self.clone();
        reqwest::Body::wrap_stream(stream::iter(
            (from..to).map(move |number| Ok::<_, std::io::Error>(large.piece(number))),
        ))
    }

    fn repository(&self) -> String {
        format!("/large/of-{}/blobs", self.client)
    }

    async fn begin(&self, by: &Actor) -> String {
        let begun = by.send(Method::POST, &format!("{}/uploads/", self.repository()), "").await.expect(202);
        let location = begun.header("location");
        let start = location.find(&self.repository()).unwrap_or_else(|| panic!("elsewhere: {location}"));
        location.split_at(start).1.to_owned()
    }

    /// All in one request.
    async fn push(&self, by: &Actor, digest: &str) {
        let path = self.begin(by).await;
        let length = (self.pieces * MEBIBYTE).to_string();
        let by = by.clone().with_header("content-length", &length);
        by.send(Method::PUT, &with_digest(&path, digest), self.body(0, self.pieces)).await.expect(201);
    }

    async fn push_chunks(&self, by: &Actor, digest: &str) {
        let path = self.begin(by).await;
        let mut from = 0;
        while from < self.pieces {
            let to = self.pieces.min(from + PIECES_OF_A_CHUNK);
            let range = format!("{}-{}", from * MEBIBYTE, to * MEBIBYTE - 1);
            let length = ((to - from) * MEBIBYTE).to_string();
            let by = by.clone().with_header("content-range", &range).with_header("content-length", &length);
            by.send(Method::PATCH, &path, self.body(from, to)).await.expect(202);
            from = to;
        }
        by.send(Method::PUT, &with_digest(&path, digest), "").await.expect(201);
    }

    async fn pull(&self, by: &Actor, digest: &str) {
        let response = by.request(Method::GET, &format!("{}/{digest}", self.repository())).send().await;
        let response = response.unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(response.status(), 200);
        let (mut bytes, mut told) = (response.bytes_stream(), Sha256::new());
        while let Some(piece) = bytes.next().await {
            told.update(piece.unwrap_or_else(|error| panic!("{error:?}")));
        }
        assert_eq!(named(told), digest, "the same bytes");
    }
}

fn with_digest(path: &str, digest: &str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}digest={digest}")
}

fn named(digest: Sha256) -> String {
    digest.finalize().iter().fold("sha256:".to_owned(), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    })
}
