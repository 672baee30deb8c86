//! What refers to a manifest, over HTTP by hand. Its keys are longer than the S3 server inside
//! the tests can take, so that these stories run on the others only.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::oci::{Hand, Image};
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_stores_of_long_keys as on_every;
use packhouse_tests::{Options, Registry};

crate::on_every! {
    Options::oci().anonymous(&[]) =>
    what_refers_to_a_manifest_is_listed
}

async fn what_refers_to_a_manifest_is_listed(registry: Registry) {
    let pusher = registry.pusher().await;
    let (hand, image) = (Hand::new(&pusher, "demo"), Image::new("demo"));
    // What refers may come before what it refers to.
    let early = Image::referring_to(&image.manifest, "application/vnd.example.early", "early");
    for blob in &early.blobs {
        hand.try_push_blob(blob).await.expect("an answer").expect(201);
    }
    let told =
        hand.try_push_manifest(&early.manifest, &early.manifest.digest).await.expect("an answer").expect(201);
    assert_eq!(told.header("oci-subject"), image.manifest.digest);
    hand.push(&image, "v1").await;
    let late = Image::referring_to(&image.manifest, "application/vnd.example.late", "late");
    hand.push(&late, "note").await;

    let mut expected = vec![early.manifest.digest.clone(), late.manifest.digest.clone()];
    expected.sort();
    let mut listed = hand.referrers(&image.manifest.digest).await;
    listed.sort();
    assert_eq!(listed, expected);
    let filtered =
        hand.path(&format!("/referrers/{}?artifactType=application/vnd.example.late", image.manifest.digest));
    let filtered = pusher.get(&filtered).await.expect(200);
    assert_eq!(filtered.header("oci-filters-applied"), "artifactType");
    assert_eq!(filtered.json()["manifests"][0]["digest"], late.manifest.digest);
    assert_eq!(hand.referrers(&early.manifest.digest).await, Vec::<String>::new(), "none, and no error");
    pusher.delete(&hand.path(&format!("/manifests/{}", late.manifest.digest))).await.expect(202);
    assert_eq!(hand.referrers(&image.manifest.digest).await, std::slice::from_ref(&early.manifest.digest));
}
