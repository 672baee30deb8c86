//! A bucket that an earlier system laid out (by hand here: blobs, manifests and tags, nothing of
//! ours) is read, copied from and pushed to by real clients.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::Desk;
use packhouse_tests::clients::oci::Kind;
use packhouse_tests::engine::Kind as Engine;
use packhouse_tests::oci::{Content, Image, Layout};
use packhouse_tests::{Backend, Options};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn clients_work_on_a_bucket_laid_out_by_hand_on_the_file_system() {
    work_on_it(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_work_on_a_bucket_laid_out_by_hand_on_versitygw() {
    let Some(backend) = Backend::engine(Engine::VersityGw).await else { return };
    work_on_it(backend).await;
}

async fn work_on_it(backend: Backend) -> Option<()> {
    let desk = Desk::on(Options::oci().on(backend), true).await;
    let image = Image::new("old");
    let note = Image::referring_to(&image.manifest, "application/vnd.example.note", "an old note");
    lay_out(
        &desk.registry.home().objects().join("oci"),
        "team/apps/old",
        &[&image, &note],
        &[("v1", &image)],
    );

    let (skopeo, oras) = (desk.tool(Kind::Skopeo).await?, desk.tool(Kind::Oras).await?);
    let crane = desk.tool(Kind::Crane).await?;
    let old = crane.reference("team/apps/old:v1");
    assert_eq!(
        crane.run(&["catalog", crane.reference("").trim_end_matches('/')]).await.ok().trim(),
        "team/apps/old"
    );
    assert_eq!(crane.run(&["ls", &crane.reference("team/apps/old")]).await.ok().trim(), "v1");
    crane.run(&["validate", "--remote", &old]).await.ok();
    skopeo.run(&["copy", &skopeo.transport("team/apps/old:v1"), "oci:pulled:v1"]).await.ok();
    let layer = &image.blobs[1];
    assert_eq!(Layout::read(&skopeo.home().join("pulled"), &layer.digest), Some(layer.bytes.clone()));
    let found = oras.run(&["discover", "--plain-http", "--format", "json", &old]).await.ok();
    let found: Value = serde_json::from_str(&found).unwrap_or_default();
    assert_eq!(found["referrers"][0]["digest"], note.manifest.digest, "{found}");

    // By mounting, and a new tag beside the old one.
    let copied = crane.run(&["copy", &old, &crane.reference("team/new:v1")]).await;
    assert!(copied.stderr.contains("mounted blob"), "{copied:?}");
    copied.ok();
    crane.run(&["tag", &old, "v2"]).await.ok();
    for (repository, tags) in [("team/apps/old", vec!["v1", "v2"]), ("team/new", vec!["v1"])] {
        let hand = desk.hand(repository);
        assert_eq!(hand.tags().await, tags);
        hand.expect_whole(&image, "v1", repository).await;
    }
    desk.registry.order(&["verify"]).await.expect(0);
    Some(())
}

/// The layout as it is given: nothing else is in such a bucket.
fn lay_out(folder: &Path, repository: &str, images: &[&Image], tags: &[(&str, &Image)]) {
    let write = |key: String, bytes: &[u8]| {
        let path = folder.join(key);
        path.parent().map(fs::create_dir_all).transpose().unwrap_or_else(|error| panic!("{error}"));
        fs::write(path, bytes).unwrap_or_else(|error| panic!("{error}"));
    };
    for image in images {
        let Content { digest, bytes, .. } = &image.manifest;
        write(format!("manifests/{repository}/{digest}"), bytes);
        for blob in &image.blobs {
            write(format!("blobs/{}", blob.digest.replace(':', "/")), &blob.bytes);
        }
    }
    let map: Value =
        tags.iter().map(|(tag, image)| ((*tag).to_owned(), json!(image.manifest.digest))).collect();
    write(format!("tags/{repository}/tags.json"), map.to_string().as_bytes());
}
