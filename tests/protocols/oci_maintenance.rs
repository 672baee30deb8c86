//! `packhouse gc`, `reindex` and `verify` on images: what is named stays, whatever names it;
//! what is derived comes back; what is damaged is found.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::oci::{Content, Hand, Image, index};
use packhouse_tests::registry::files_below;
use packhouse_tests::{Backend, Options, Registry};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

const DERIVED: [&str; 3] = ["oci/members/", "oci/referrers/", "oci/adopted/"];

async fn registry(backend: Backend) -> Registry {
    Registry::start(Options::open_oci().on(backend)).await
}

fn hand(registry: &Registry, repository: &str) -> Hand {
    Hand::new(&registry.actor("/v2"), repository)
}

/// Lets two days pass for everything that is stored.
fn make_older(registry: &Registry) {
    let folder = registry.home().objects();
    for key in files_below(&folder).iter().filter(|key| key.starts_with("oci/")) {
        let file = std::fs::File::options().write(true).open(folder.join(key)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(48)).unwrap();
    }
}

fn objects(registry: &Registry) -> BTreeMap<String, Vec<u8>> {
    let folder = registry.home().objects();
    let keys = files_below(&folder).into_iter().filter(|key| key.starts_with("oci/"));
    keys.map(|key| (key.clone(), std::fs::read(folder.join(key)).unwrap())).collect()
}

/// Images with their tags.
type Tagged = Vec<(Hand, Image, &'static str)>;

/// Two repositories with all kinds of manifests: images, an index, an artifact that refers
/// (not on the S3 server inside the tests, which takes no keys as long as those of referrers).
async fn push_everything(registry: &Registry) -> (Tagged, Option<Content>) {
    let (app, deep) = (hand(registry, "app"), hand(registry, "team/deep/tool"));
    let (amd64, arm64) =
        (Image::of("app", "amd64", &[("a", b"a")]), Image::of("app", "arm64", &[("b", b"b")]));
    let tool = Image::new("tool");
    app.push(&amd64, "amd64").await;
    app.push(&arm64, "arm64").await;
    let both = index(&[(&amd64, "amd64"), (&arm64, "arm64")]);
    app.try_push_manifest(&both, "latest").await.unwrap().expect(201);
    deep.push(&tool, "v1").await;
    let all = vec![(app.clone(), amd64, "amd64"), (app, arm64, "arm64"), (deep.clone(), tool.clone(), "v1")];
    if matches!(registry.backend(), Backend::S3(_)) {
        return (all, None);
    }
    let signature = Image::referring_to(&tool.manifest, "application/x.signature", "signed");
    let reference = signature.manifest.digest.clone();
    for blob in &signature.blobs {
        deep.try_push_blob(blob).await.unwrap().expect(201);
    }
    deep.try_push_manifest(&signature.manifest, &reference).await.unwrap().expect(201);
    (all, Some(signature.manifest))
}

/// All of it is served as it was pushed.
async fn expect_everything(all: &Tagged, signature: Option<&Content>, what: &str) {
    for (hand, image, tag) in all {
        hand.expect_whole(image, tag, what).await;
    }
    if let Some(signature) = signature {
        let (hand, tool, _) = &all[2];
        assert_eq!(
            hand.referrers(&tool.manifest.digest).await,
            std::slice::from_ref(&signature.digest),
            "{what}"
        );
    }
}

#[tokio::test]
async fn what_any_manifest_names_stays_and_the_rest_goes_after_the_grace() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = registry(backend).await;
        let (all, signature) = push_everything(&registry).await;
        let gone = Image::new("gone");
        let app = hand(&registry, "app");
        app.push(&gone, "gone").await;
        let path = app.path(&format!("/manifests/{}", gone.manifest.digest));
        registry.actor("/v2").delete(&path).await.expect(202);
        let left_over = Content::new("text/plain", "a blob whose manifest never came");
        app.try_push_blob(&left_over).await.unwrap().expect(201);

        let before = registry.keys();
        let said = registry.order(&["gc"]).await.expect(0);
        assert!(said.contains("stay for now"), "{said}");
        assert_eq!(registry.keys(), before, "all of it is recent");
        make_older(&registry);
        let dry = registry.order(&["gc", "--dry-run"]).await.expect(0);
        assert!(dry.contains("would remove oci/blobs/sha256/"), "{dry}");
        assert_eq!(registry.keys(), before);
        let said = registry.order(&["gc"]).await.expect(0);
        for blob in gone.blobs.iter().chain([&left_over]) {
            let key = format!("oci/blobs/{}", blob.digest.replace(':', "/"));
            assert!(said.contains(&format!("removed {key}")), "{key}: {said}");
            assert!(!registry.keys().contains(&key));
        }
        expect_everything(&all, signature.as_ref(), "after gc").await;
        assert!(!registry.keys().iter().any(|key| key.contains("condemned") || key.contains("pending")));
        registry.order(&["verify"]).await.expect(0);
        let again = registry.order(&["gc"]).await.expect(0);
        assert!(again.contains("oci: looked at") && again.contains("removed nothing"), "{again}");
        app.push(&gone, "gone").await;
        app.expect_whole(&gone, "gone", "what was collected can be pushed anew").await;
    }
}

#[tokio::test]
async fn all_that_is_derived_is_restored_byte_for_byte() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = registry(backend).await;
        let (all, signature) = push_everything(&registry).await;
        let before = objects(&registry);
        let is_derived = |key: &String| DERIVED.iter().any(|prefix| key.starts_with(prefix));
        let derived: Vec<_> = before.keys().filter(|key| is_derived(key)).collect();
        assert!(derived.len() >= 8, "{derived:?}");
        for key in &derived {
            std::fs::remove_file(registry.home().objects().join(key)).unwrap();
        }
        let said = registry.order(&["reindex", "--dry-run"]).await.expect(0);
        assert!(said.contains("would rebuild oci/"), "{said}");
        assert!(objects(&registry).keys().all(|key| !is_derived(key)));
        let said = registry.order(&["reindex"]).await.expect(0);
        assert!(said.contains(&format!("rebuilt {} documents", derived.len())), "{said}");
        assert_eq!(objects(&registry), before);
        expect_everything(&all, signature.as_ref(), "after reindex").await;
        registry.order(&["verify"]).await.expect(0);
        let again = registry.order(&["reindex"]).await.expect(0);
        assert!(again.contains("rebuilt nothing"), "{again}");
    }
}

#[tokio::test]
async fn a_collection_that_was_killed_at_any_moment_is_finished_by_the_next() {
    let registry = registry(Backend::FileSystem).await;
    let (all, signature) = push_everything(&registry).await;
    let app = hand(&registry, "app");
    // More than one step removes, so that it is told of some while there are others.
    for number in 0..700 {
        let left_over = Content::new("text/plain", format!("left over {number}"));
        let key = format!("oci/blobs/{}", left_over.digest.replace(':', "/"));
        std::fs::write(registry.home().objects().join(key), left_over.bytes).unwrap();
    }
    make_older(&registry);
    registry.order_and_kill(&["gc", "--orphans", "--many"], "removed oci/blobs/").await;
    let condemned = registry.keys().iter().filter(|key| key.starts_with("oci/condemned/")).count();
    assert!(condemned > 0, "it was killed in its middle");
    // Those who push do not wait for a run that is dead.
    app.push(&Image::new("meanwhile"), "meanwhile").await;
    make_older(&registry);
    registry.order(&["gc", "--orphans", "--many"]).await.expect(0);
    let rest: Vec<_> = registry.keys();
    assert!(!rest.iter().any(|key| key.starts_with("oci/condemned/")), "{rest:?}");
    expect_everything(&all, signature.as_ref(), "after both").await;
    app.expect_whole(&Image::new("meanwhile"), "meanwhile", "after both").await;
    let blobs = rest.iter().filter(|key| key.starts_with("oci/blobs/")).count();
    registry.order(&["gc"]).await.expect(0);
    assert_eq!(registry.keys().iter().filter(|key| key.starts_with("oci/blobs/")).count(), blobs);
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test]
async fn verify_names_a_flipped_byte_and_what_is_missing() {
    let registry = registry(Backend::FileSystem).await;
    let (all, _) = push_everything(&registry).await;
    registry.order(&["verify"]).await.expect(0);
    let path =
        |blob: &Content| registry.home().objects().join("oci/blobs").join(blob.digest.replace(':', "/"));
    let (flipped, missing) = (&all[0].1.blobs[1], &all[2].1.blobs[1]);
    let mut bytes = flipped.bytes.clone();
    bytes[5] ^= 1;
    std::fs::write(path(flipped), bytes).unwrap();
    std::fs::remove_file(path(missing)).unwrap();
    let said = registry.order(&["verify"]).await.expect(1);
    let damaged: Vec<_> = said.lines().filter(|line| line.starts_with("oci: damaged: ")).collect();
    assert!(damaged.iter().any(|line| line.contains(&flipped.digest.replace(':', "/"))), "{said}");
    assert!(damaged.iter().any(|line| line.contains(&missing.digest)), "{said}");
    assert_eq!(damaged.len(), 2, "{said}");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_keeps_what_its_push_proved() {
    let registry = registry(Backend::FileSystem).await;
    push_everything(&registry).await;
    let left_over = Content::new("text/plain", "left over");
    hand(&registry, "app").try_push_blob(&left_over).await.unwrap().expect(201);
    make_older(&registry);
    let manifest = registry.keys().into_iter().find(|key| key.starts_with("oci/manifests/app/")).unwrap();
    std::fs::write(registry.home().objects().join(&manifest), "{torn").unwrap();
    let hex = left_over.digest.trim_start_matches("sha256:").to_owned();
    let before: Vec<_> = registry.keys().into_iter().filter(|key| !key.contains(&hex)).collect();
    let ended = registry.order(&["gc"]).await;
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.contains(&format!("oci: damaged: {manifest}: its content is")), "{}", ended.stdout);
    assert_eq!(registry.keys(), before, "nothing went but the blob that no push named");
}

/// A manifest can name any blob. What its push did not prove stays invisible, whatever the
/// operator orders.
#[tokio::test]
async fn no_order_makes_a_blob_visible_that_a_push_did_not_prove() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = registry(backend).await;
        let (private, own) = (Image::new("private"), Image::new("own"));
        hand(&registry, "private").push(&private, "v1").await;
        let thief = hand(&registry, "thief");
        let secret = &private.blobs[1];
        for blob in &own.blobs {
            thief.try_push_blob(blob).await.unwrap().expect(201);
        }
        let traps = [
            json!({"layers": [{"mediaType": secret.media_type, "digest": secret.digest, "size": 1,
                "urls": ["https://elsewhere.example/"]}]}),
            json!({"fsLayers": [{"blobSum": secret.digest}]}),
        ];
        for (number, trap) in traps.iter().enumerate() {
            let mut manifest: Value = serde_json::from_slice(&own.manifest.bytes).unwrap();
            for (name, value) in trap.as_object().unwrap() {
                manifest[name] = value.clone();
            }
            let manifest = Content::new(&own.manifest.media_type, manifest.to_string());
            thief.try_push_manifest(&manifest, &format!("v{number}")).await.unwrap().expect(201);
        }
        for order in ["verify", "reindex", "gc", "reindex"] {
            assert!(thief.blob(&secret.digest).await.is_none(), "before {order}");
            registry.order(&[order]).await.expect(0);
        }
        assert!(thief.blob(&secret.digest).await.is_none());
        hand(&registry, "private").expect_whole(&private, "v1", "its owner has it").await;
    }
}

#[tokio::test]
async fn a_flipped_bit_in_a_manifest_or_a_lost_one_costs_no_blob() {
    let registry = registry(Backend::FileSystem).await;
    let app = hand(&registry, "app");
    let (flipped, lost) = (Image::new("flipped"), Image::new("lost"));
    app.push(&flipped, "flipped").await;
    app.push(&lost, "lost").await;
    make_older(&registry);
    let path =
        |image: &Image| registry.home().objects().join("oci/manifests/app").join(&image.manifest.digest);
    let text = String::from_utf8(flipped.manifest.bytes.clone()).unwrap();
    // One digit of the layer's digest.
    let (_, hex) = flipped.blobs[1].digest.split_once(':').unwrap();
    let other = if hex.starts_with('0') { "1" } else { "0" };
    std::fs::write(path(&flipped), text.replace(hex, &format!("{other}{}", &hex[1..]))).unwrap();
    std::fs::remove_file(path(&lost)).unwrap();
    let before = registry.keys();
    for order in [vec!["gc"], vec!["gc", "--older-than", "0s"], vec!["verify"]] {
        let ended = registry.order(&order).await;
        assert_eq!(ended.code, Some(1), "{order:?}: {}{}", ended.stdout, ended.stderr);
        for image in [&flipped, &lost] {
            assert!(ended.stdout.contains(&image.manifest.digest), "{order:?}: {}", ended.stdout);
        }
    }
    assert_eq!(registry.keys(), before);
    let served = registry.actor("/v2").get(&app.path("/manifests/flipped")).await;
    assert_eq!(served.status, 500, "{served:?}");
    for image in [(&flipped, "flipped"), (&lost, "lost")] {
        app.push(image.0, image.1).await;
        app.expect_whole(image.0, image.1, "pushed again").await;
    }
    registry.order(&["verify"]).await.expect(0);
}

#[tokio::test]
async fn what_the_store_has_damaged_is_an_error_until_it_is_pushed_again() {
    let registry = registry(Backend::FileSystem).await;
    let (app, image) = (hand(&registry, "app"), Image::new("app"));
    app.push(&image, "v1").await;
    let folder = registry.home().objects();
    let by = registry.actor("/v2");
    let blob = image.blobs.last().unwrap();
    let key = format!("oci/blobs/{}", blob.digest.replace(':', "/"));
    let path = app.path(&format!("/blobs/{}", blob.digest));
    let manifest = format!("oci/manifests/app/{}", image.manifest.digest);
    for damage in ["truncated", "lost"] {
        let file = folder.join(&key);
        match damage {
            "lost" => std::fs::remove_file(&file).unwrap(),
            _ => std::fs::write(&file, &blob.bytes[..blob.bytes.len() - 1]).unwrap(),
        }
        by.get(&path).await.expect(500);
        // Clients that push ask like this, and send what is missing only.
        by.head(&path).await.expect(404);
        let said = registry.order(&["verify"]).await.expect(1);
        assert!(said.contains(blob.digest.trim_start_matches("sha256:")), "{damage}: {said}");
        app.try_push_blob(blob).await.unwrap().expect(201);
        assert_eq!(by.get(&path).await.expect(200).body, blob.bytes);
    }
    std::fs::remove_file(folder.join(&manifest)).unwrap();
    by.get(&app.path("/manifests/v1")).await.expect(500);
    by.head(&app.path("/manifests/v1")).await.expect(404);
    app.push(&image, "v1").await;
    app.expect_whole(&image, "v1", "pushed again").await;
    registry.order(&["verify"]).await.expect(0);
    std::fs::write(folder.join("oci/tags/app/tags.json"), "{}").unwrap();
    make_older(&registry);
    let said = registry.order(&["verify"]).await.expect(1);
    assert!(said.contains("tags/app/tags.json"), "{said}");
    by.get(&app.path("/tags/list")).await.expect(500);
}
