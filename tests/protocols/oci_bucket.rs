//! Buckets that an earlier system has left, the registry's own upkeep of them, and uploads
//! that outlive a process.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::accounts::run;
use packhouse_tests::oci::{Content, Hand, Image, LAYER};
use packhouse_tests::{Backend, Options, Registry};
use serde_json::json;
use std::time::Duration;

/// An image as an earlier system has stored it.
fn leave(registry: &Registry, repository: &str, tag: &str, image: &Image) {
    let objects = registry.home().objects();
    let write = |key: String, bytes: &[u8]| {
        let path = objects.join("oci").join(key);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("an object");
    };
    for blob in &image.blobs {
        write(format!("blobs/{}", blob.digest.replace(':', "/")), &blob.bytes);
    }
    write(format!("manifests/{repository}/{}", image.manifest.digest), &image.manifest.bytes);
    let tags = json!({ tag: image.manifest.digest }).to_string();
    write(format!("tags/{repository}/tags.json"), tags.as_bytes());
}

/// The S3 server inside the tests takes no keys as long as those of referrers.
async fn an_old_bucket_is_served_and_taken_care_of(backend: Backend) {
    let about = match backend {
        Backend::S3(_) => Image::new("about"),
        _ => Image::referring_to(&Image::new("app").manifest, "example/x", "text"),
    };
    let registry = Registry::start(Options::oci().on(backend)).await;
    let (app, other) = (Image::new("app"), Image::new("other"));
    leave(&registry, "old/app", "1.0", &app);
    leave(&registry, "old", "1.0", &other);
    let anybody = registry.actor("/v2");
    Hand::new(&anybody, "old/app").expect_whole(&app, "1.0", "as it lies there").await;
    assert!(Hand::new(&anybody, "old/app").blob(&other.blobs[1].digest).await.is_none());
    Hand::new(&anybody, "old").expect_whole(&other, "1.0", "as it lies there").await;

    let pusher = registry.pusher().await;
    Hand::new(&pusher, "old/app").push(&about, "about").await;
    let unnamed = Content::new(LAYER, "named by nobody");
    Hand::new(&pusher, "new").try_push_blob(&unnamed).await.expect("an answer").expect(201);
    pusher.delete("/old/manifests/1.0").await.expect(202);
    pusher.delete(&format!("/old/manifests/{}", other.manifest.digest)).await.expect(202);

    let home = registry.home();
    run(home, &["gc", "--older-than", "24h"], "").await;
    assert!(Hand::new(&pusher, "new").blob(&unnamed.digest).await.is_some(), "it is recent");
    run(home, &["verify"], "").await;
    let blobs = |content: &Content| format!("oci/blobs/{}", content.digest.replace(':', "/"));
    // What is younger than five minutes is recent even then.
    run(home, &["gc", "--older-than", "0s"], "").await;
    assert!(registry.keys().contains(&blobs(&unnamed)));
    home.age(Duration::from_mins(6));
    run(home, &["gc", "--older-than", "0s", "--orphans"], "").await;
    let keys = registry.keys();
    for content in [&unnamed, &other.blobs[0], &other.blobs[1]] {
        assert!(!keys.contains(&blobs(content)), "what nobody names is collected");
    }
    Hand::new(&anybody, "old/app").expect_whole(&app, "1.0", "after the collection").await;
    Hand::new(&anybody, "old/app").expect_whole(&about, "about", "after the collection").await;
    run(home, &["verify"], "").await;

    let derived = |keys: &[String]| -> Vec<String> {
        let is_derived = |key: &&String| {
            !["blobs", "manifests", "tags", "pushed", "proofs"]
                .iter()
                .any(|kind| key.starts_with(&format!("oci/{kind}/")))
        };
        keys.iter().filter(is_derived).cloned().collect()
    };
    let content = |key: &String| std::fs::read(home.objects().join(key)).expect("an object");
    let before: Vec<_> = derived(&registry.keys()).into_iter().map(|key| (content(&key), key)).collect();
    assert!(before.len() > 5, "{before:?}");
    for (_, key) in &before {
        std::fs::remove_file(home.objects().join(key)).expect("it goes");
    }
    run(home, &["reindex"], "").await;
    let mut after: Vec<_> = derived(&registry.keys()).into_iter().map(|key| (content(&key), key)).collect();
    // Where nothing is left of a repository there is nothing to read.
    let mut before = before;
    before.retain(|(_, key)| key != "oci/adopted/new");
    after.sort();
    before.sort();
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_old_bucket_is_served_and_taken_care_of_on_the_file_system() {
    an_old_bucket_is_served_and_taken_care_of(Backend::FileSystem).await;
}

#[tokio::test]
async fn an_old_bucket_is_served_and_taken_care_of_on_s3() {
    an_old_bucket_is_served_and_taken_care_of(Backend::s3()).await;
}

async fn an_upload_goes_on_through_another_process(backend: Backend) {
    let mut registry = Registry::start(Options::oci().on(backend).server("hosts = \"many\"")).await;
    let second = registry.second_process().await;
    let pusher = registry.pusher().await;
    let here = Hand::new(&pusher, "demo");
    let there = here.at(second.url("/v2"));
    let blob =
        Content::new(LAYER, (0..5 << 18).flat_map(|number: u32| number.to_le_bytes()).collect::<Vec<u8>>());
    let upload = here.begin().await;
    let chunk = |number: usize| &blob.bytes[number << 20..(number + 1) << 20];
    here.try_append(&upload, 0, chunk(0)).await.expect("an answer").expect(202);
    there.try_append(&upload, 1 << 20, chunk(1)).await.expect("an answer").expect(202);
    here.try_append(&upload, 2 << 20, chunk(2)).await.expect("an answer").expect(202);
    registry.kill().await;
    assert_eq!(there.progress(&upload).await, 3 << 20);
    there.try_append(&upload, 3 << 20, chunk(3)).await.expect("an answer").expect(202);
    let done = there.try_finish(&upload, chunk(4).to_vec(), &blob.digest).await.expect("an answer");
    done.expect(201);
    assert!(there.blob(&blob.digest).await.is_some_and(|bytes| bytes == blob.bytes));
    registry.start_again().await;
    assert!(here.at(registry.url("/v2")).blob(&blob.digest).await.is_some_and(|bytes| bytes == blob.bytes));
}

#[tokio::test]
async fn an_upload_goes_on_through_another_process_on_the_file_system() {
    an_upload_goes_on_through_another_process(Backend::FileSystem).await;
}

#[tokio::test]
async fn an_upload_goes_on_through_another_process_on_s3() {
    an_upload_goes_on_through_another_process(Backend::s3()).await;
}
