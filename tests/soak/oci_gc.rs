//! Pushes race the garbage collection at no grace, with blobs skipped after HEAD as clients
//! do: no manifest that was acknowledged ever lacks a blob.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::engine::Kind;
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::races::rounds;
use packhouse_tests::registry::files_below;
use packhouse_tests::{Actor, Backend, Options, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const WRITERS: u64 = 4;

/// What the writers of a story have met.
#[derive(Default)]
struct Met {
    acknowledged: AtomicU64,
    /// Blobs that were there already, so that they were not sent.
    skipped: AtomicU64,
    /// Pushes that were told to begin anew.
    refused: AtomicU64,
}

/// Images that share their layers with those of other writers and of other rounds.
fn image(writer: u64, round: u64) -> Image {
    let (one, two) = (format!("layer {}", round % 3), format!("layer {}", 3 + (round + writer) % 4));
    Image::of(
        &format!("{writer}-{}", round % 5),
        "amd64",
        &[("one", one.as_bytes()), ("two", two.as_bytes())],
    )
}

/// As clients push: asks for each blob, sends those that are not there, then the manifest.
/// True when it was acknowledged.
async fn push(actor: &Actor, hand: &Hand, image: &Image, tag: &str, met: &Met) -> bool {
    for blob in &image.blobs {
        let there = actor.head(&hand.path(&format!("/blobs/{}", blob.digest))).await;
        if there.status.is_success() {
            met.skipped.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let sent = hand.try_push_blob(blob).await.unwrap();
        if !sent.status.is_success() {
            assert_eq!(sent.status.as_u16(), 503, "{sent:?}");
            return false;
        }
    }
    let answer = hand.try_push_manifest(&image.manifest, tag).await.unwrap();
    if answer.status.as_u16() != 201 {
        assert!(matches!(answer.status.as_u16(), 400 | 404 | 503), "{answer:?}");
        return false;
    }
    met.acknowledged.fetch_add(1, Ordering::Relaxed);
    true
}

/// Pushes, looks whether all of it is there, and deletes it again, so that its blobs are
/// named by nobody: over and over.
async fn write(actor: Actor, writer: u64, met: Arc<Met>, stop: Arc<AtomicBool>) {
    let hand = Hand::new(&actor, &format!("repository-{}", writer % 2));
    let mut round = 0;
    while !stop.load(Ordering::Relaxed) {
        let (image, tag) = (image(writer, round), format!("writer-{writer}"));
        if push(&actor, &hand, &image, &tag, &met).await {
            // Twice, so that a collection that was at its end has time to do its worst.
            hand.expect_whole(&image, &tag, "just acknowledged").await;
            hand.expect_whole(&image, &tag, "some time later").await;
            let path = hand.path(&format!("/manifests/{}", image.manifest.digest));
            actor.delete(&path).await.expect(202);
            round += 1;
        } else {
            met.refused.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What lies there is no longer protected by its age alone, whoever is at work with it.
fn make_older(registry: &Registry) {
    let folder = registry.home().objects();
    let is_meant = |key: &String| ["oci/blobs/", "oci/members/"].iter().any(|start| key.starts_with(start));
    for key in files_below(&folder).iter().filter(|key| is_meant(key)) {
        // It may have been removed since it was listed.
        if let Ok(file) = std::fs::File::options().write(true).open(folder.join(key)) {
            let _ = file.set_modified(SystemTime::now() - Duration::from_mins(6));
        }
    }
}

async fn race(registry: Registry, collections: u64) {
    let (met, stop) = (Arc::new(Met::default()), Arc::new(AtomicBool::new(false)));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(registry.actor("/v2"), writer, Arc::clone(&met), Arc::clone(&stop))))
        .collect();
    let (mut removed, mut done) = (0, 0);
    while done < collections || removed == 0 {
        make_older(&registry);
        let (one, other) = tokio::join!(
            registry.order(&["gc", "--older-than", "0s", "--orphans", "--many"]),
            registry.order(&["gc", "--older-than", "0s", "--orphans", "--many"])
        );
        let said = one.expect(0) + &other.expect(0);
        removed += said.lines().filter(|line| line.contains("removed oci/blobs/")).count();
        done += 2;
        assert!(done < collections + 200, "nothing is ever collected");
        if writers.iter().any(tokio::task::JoinHandle::is_finished) {
            break;
        }
    }
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let (acknowledged, skipped) =
        (met.acknowledged.load(Ordering::Relaxed), met.skipped.load(Ordering::Relaxed));
    assert!(acknowledged > collections && skipped > 0, "{acknowledged} pushes, {skipped} blobs skipped");
    println!(
        "{acknowledged} pushes acknowledged, {} told to begin anew, {skipped} blobs skipped, {removed} removed",
        met.refused.load(Ordering::Relaxed)
    );
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_manifest_lacks_a_blob_on_the_file_system() {
    race(Registry::start(Options::open_oci()).await, rounds(200, 8)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_acknowledged_manifest_lacks_a_blob_in_a_bucket() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    let options = Options::open_oci().on(backend).server("hosts = \"many\"");
    race(Registry::start(options).await, rounds(200, 8)).await;
}
