//! OCI as its clients load it: a manifest by its tag, and a blob of 256 MiB out and in, on
//! the file system, against whatever does the same at its best.

use std::time::{Duration, Instant};

use packhouse_tests::oci::{Image, MANIFEST, sha256};
use packhouse_tests::{Options, Registry};
use tokio::io::AsyncWriteExt;

use crate::docker_registry::DockerRegistry;
use crate::load::{self, Target};
use crate::report::{Contest, Race};
use crate::transfer::{self, Server};
use crate::{Length, bare, nginx};

const BLOB: usize = 256 << 20;
const REPOSITORY: &str = "measured/large";

/// All three, each with its own line a ratio.
pub async fn measure(length: &Length) {
    let ours = Ours::start().await;
    let theirs = DockerRegistry::start().await;
    if theirs.is_none() {
        println!("docker-registry is not installed (`cargo xtask clients` brings it): not compared");
    }
    manifest(&ours, theirs.as_ref(), length).await;
    let mut blob = content();
    pull(&ours, theirs.as_ref(), &blob, length.rounds).await;
    push(&ours, theirs.as_ref(), &mut blob, length.rounds).await;
}

struct Ours {
    registry: Registry,
    server: Server,
}

impl Ours {
    async fn start() -> Self {
        let registry = Registry::start(Options::open_oci().environment("PACKHOUSE_LOG", "error")).await;
        let server = Server { address: registry.address() };
        Self { registry, server }
    }
}

/// A small image's manifest, asked for by its tag.
async fn manifest(ours: &Ours, theirs: Option<&DockerRegistry>, length: &Length) {
    let image = Image::new("measured");
    for server in std::iter::once(&ours.server).chain(theirs.map(|theirs| &theirs.server)) {
        for blob in &image.blobs {
            transfer::push_blob(server, REPOSITORY, &blob.bytes, &blob.digest).await;
        }
        transfer::put_manifest(server, REPOSITORY, "latest", MANIFEST, &image.manifest.bytes).await;
    }
    let path = format!("/v2/{REPOSITORY}/manifests/latest");
    let target =
        |server: &Server, process| Target::accepting(server.address.clone(), &path, MANIFEST, process);
    let bare = bare::Bare::start(&image.manifest.bytes).await;
    let nginx = nginx::Nginx::start(&image.manifest.bytes).await;
    let mut contest = Contest::new("oci-manifest", image.manifest.bytes.len());
    for _ in 0..length.rounds {
        contest.ours(load::run(&target(&ours.server, ours.registry.process_id()), length.round).await);
        contest.against("bare-hyper", load::run(&bare.target(), length.round).await);
        if let Some(nginx) = &nginx {
            contest.against("nginx", load::run(&nginx.target(), length.round).await);
        }
        if let Some(theirs) = theirs {
            contest.against(
                "docker-registry",
                load::run(&target(&theirs.server, theirs.process()), length.round).await,
            );
        }
    }
    contest.print(nginx.is_none());
}

/// The speed of one download at a time, the bytes in the page cache on all sides.
async fn pull(ours: &Ours, theirs: Option<&DockerRegistry>, blob: &[u8], rounds: usize) {
    let digest = sha256(blob);
    for server in std::iter::once(&ours.server).chain(theirs.map(|theirs| &theirs.server)) {
        transfer::push_blob(server, REPOSITORY, blob, &digest).await;
    }
    let path = format!("/v2/{REPOSITORY}/blobs/{digest}");
    let nginx = nginx::Nginx::start(blob).await;
    let nginx_server = nginx.as_ref().map(|nginx| Server { address: nginx.address() });
    let mut race = Race::speed("blob-get", BLOB);
    for _ in 0..rounds {
        race.ours(transfer::get(&ours.server, &path, BLOB).await);
        if let Some(server) = &nginx_server {
            race.against("nginx", transfer::get(server, "/body.json", BLOB).await);
        }
        if let Some(theirs) = theirs {
            race.against("docker-registry", transfer::get(&theirs.server, &path, BLOB).await);
        }
    }
    race.print();
    if nginx.is_none() {
        println!("  nginx is not installed: not compared");
    }
}

/// The time of one upload (POST, then PUT with the digest), each of new bytes.
async fn push(ours: &Ours, theirs: Option<&DockerRegistry>, blob: &mut [u8], rounds: usize) {
    let mut race = Race::time("blob-push", BLOB);
    let mut disk = Vec::new();
    for round in 0..rounds {
        blob[..8].copy_from_slice(&(round as u64 + 1).to_le_bytes());
        let begun = Instant::now();
        let digest = sha256(blob);
        race.against("sha256-in-one-thread", begun.elapsed());
        disk.push(write_and_sync(blob).await);
        race.ours(transfer::push_blob(&ours.server, REPOSITORY, blob, &digest).await);
        if let Some(theirs) = theirs {
            race.against(
                "docker-registry",
                transfer::push_blob(&theirs.server, REPOSITORY, blob, &digest).await,
            );
        }
    }
    race.print();
    race.remark("write and fsync of as many bytes alone (a push does it too)", &disk);
}

async fn write_and_sync(bytes: &[u8]) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let begun = Instant::now();
    let mut file = tokio::fs::File::create(folder.path().join("blob")).await.expect("a file");
    for piece in bytes.chunks(1 << 20) {
        file.write_all(piece).await.expect("room on the disk");
    }
    file.sync_all().await.expect("it reaches the disk");
    begun.elapsed()
}

/// Bytes that no compression makes smaller.
fn content() -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..BLOB / 8).flat_map(next).collect()
}
