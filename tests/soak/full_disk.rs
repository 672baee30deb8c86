//! A disk that is full: a clear answer, nothing lost, and all is well again when there is room.
#![allow(clippy::panic, clippy::expect_used, reason = "a test may fail loudly")]

use http::StatusCode;
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::oci::{Content, Hand, Image};
use packhouse_tests::tmpfs::Tmpfs;
use packhouse_tests::{Answer, Backend, Options, Registry, wait};
use std::sync::Arc;
use std::time::Duration;

const MEBIBYTES: u32 = 12;
const FULL: StatusCode = StatusCode::INSUFFICIENT_STORAGE;

async fn small() -> Option<Registry> {
    let disk = Tmpfs::mount(MEBIBYTES)?;
    Some(Registry::start(Options::npm_and_oci().on(Backend::Small(Arc::new(disk)))).await)
}

/// A sentence for people, without paths of ours.
fn expect_clear(answer: &Answer) {
    assert_eq!(answer.status, FULL, "{answer:?}");
    let text = answer.text().to_lowercase();
    assert!(text.contains("full") || text.contains("space"), "{text}");
    assert!(!text.contains("/tmp"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_full_disk_is_told_so_and_loses_nothing() {
    let Some(mut registry) = small().await else { return };
    let hand = Hand::new(&registry.pusher().await, "team/app");
    let image =
        |number: u64| Image::of(&format!("of-{number}"), "amd64", &[("data.bin", &noise(number, 1_500_000))]);
    let mut pushed = Vec::new();
    let refusal = loop {
        let number = pushed.len() as u64;
        let answer = hand.try_push(&image(number), &format!("v{number}")).await.expect("an answer");
        if answer.status != StatusCode::CREATED {
            break answer;
        }
        pushed.push(number);
        assert!(pushed.len() < 20, "more than the disk can hold");
    };
    expect_clear(&refusal);
    assert!(pushed.len() > 3, "it took some: {pushed:?}");

    registry.restart().await;
    let hand = hand.at(registry.url("/v2"));
    let tags: Vec<_> = pushed.iter().map(|number| format!("v{number}")).collect();
    assert_eq!(hand.tags().await, tags, "nothing more and nothing less");
    for &number in &pushed {
        hand.expect_whole(&image(number), &format!("v{number}"), "after the disk was full").await;
    }
    registry.order(&["verify"]).await.expect(0);

    // Deleting needs no room; collecting makes some.
    let actor = registry.pusher_again();
    actor.delete(&format!("/team/app/manifests/{}", image(0).manifest.digest)).await.expect(202);
    // What is younger than five minutes may belong to a push under way.
    registry.home().age(Duration::from_mins(6));
    // What is younger than the exactness of the stores' clocks is kept at first.
    wait::until("the deleted image to be collected", || async {
        registry.order(&["gc", "--older-than", "0s", "--orphans", "--many"]).await.expect(0);
        let blobs: Vec<_> = image(0).blobs.iter().map(|blob| blob.digest.replace(':', "/")).collect();
        let is_there = |key: &String| blobs.iter().any(|blob| key.ends_with(blob));
        (!registry.keys().iter().any(is_there)).then_some(())
    })
    .await;
    let small = Image::of("small", "amd64", &[("data.bin", &noise(99, 400_000))]);
    hand.push(&small, "small").await;
    hand.expect_whole(&small, "small", "there is room again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publish_to_a_full_disk_is_told_so_and_loses_nothing() {
    let Some(mut registry) = small().await else { return };
    let publisher = registry.publisher().await;
    let package = |number: u64| {
        Package::new("demo", &format!("1.0.{number}")).file("data.bin", noise(number, 1_500_000))
    };
    let mut taken = Vec::new();
    let refusal = loop {
        let number = taken.len() as u64;
        let answer = publisher.put(&package(number).path(), &package(number).publish()).await;
        if answer.status != StatusCode::CREATED {
            break answer;
        }
        taken.push(number);
        assert!(taken.len() < 20, "more than the disk can hold");
    };
    expect_clear(&refusal);
    registry.restart().await;
    let publisher = publisher.at(registry.url("/npm"));
    let document = publisher.get("/demo").await.expect(200).json();
    let versions = document["versions"].as_object().map_or(0, serde_json::Map::len);
    assert_eq!(versions, taken.len(), "nothing more and nothing less");
    for &number in &taken {
        let file = publisher.get(&package(number).tarball_path()).await.expect(200);
        assert!(file.body == package(number).tarball(), "the same bytes");
    }
    registry.order(&["verify"]).await.expect(0);
}

/// Not a byte is left, so that no mark with content can be written.
#[tokio::test(flavor = "multi_thread")]
async fn a_collection_makes_room_on_a_disk_without_any() {
    let Some(registry) = small().await else { return };
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let objects = registry.home().objects();
    let left_over = objects.join("npm/packages/demo/demo-2.0.0.tgz");
    std::fs::write(&left_over, noise(2, 1_000_000)).expect("room for what a crash leaves");
    // The package was first published before that.
    let packument = objects.join("npm/packages/demo/index.json");
    let text = std::fs::read_to_string(&packument).expect("the packument");
    let mut text: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    text["time"]["created"] = "2020-01-01T00:00:00.000Z".into();
    std::fs::write(&packument, text.to_string()).expect("room for the same");
    registry.home().age(Duration::from_hours(1));
    let filler = objects.join(".packhouse/filler");
    let mut file = std::fs::File::create(&filler).expect("a file");
    while std::io::Write::write_all(&mut file, &[1; 4096]).is_ok() {}
    let refused = Package::new("demo", "3.0.0");
    expect_clear(&publisher.put(&refused.path(), &refused.publish()).await);

    let said = registry.order(&["gc", "--older-than", "0s", "--many", "npm"]).await.expect(0);
    assert!(said.contains("demo-2.0.0.tgz"), "{said}");
    assert!(!left_over.exists());
    assert!(!registry.keys().iter().any(|key| key.contains("reclaimed/")), "no mark stays");
    publisher.put(&refused.path(), &refused.publish()).await.expect(201);
}

/// Chunk by chunk: what is held is told, so that the client can go on when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_fills_the_disk_ends_and_leaves_the_rest_alone() {
    let Some(registry) = small().await else { return };
    let pusher = registry.pusher().await;
    let hand = Hand::new(&pusher, "team/app");
    let first = Image::new("first");
    hand.push(&first, "first").await;
    let blob = Content::new("application/octet-stream", noise(3, 16 * 1024 * 1024));
    let upload = hand.begin().await;
    let mut done = 0;
    let refusal = loop {
        let chunk = blob.bytes.get(done..done + 1024 * 1024).expect("the disk is smaller than this");
        let answer = hand.try_append(&upload, done, chunk).await.expect("an answer");
        if answer.status != StatusCode::ACCEPTED {
            break answer;
        }
        done += chunk.len();
    };
    expect_clear(&refusal);
    hand.expect_whole(&first, "first", "beside a full disk").await;
    pusher.delete(&upload.path).await.expect(204);
    hand.push(&Image::new("second"), "second").await;
}
