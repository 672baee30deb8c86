//! OCI over HTTP by hand: what is pushed is read, by whom it may be, and in which repository;
//! the same stories on every store.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::oci::{Content, Hand, Image, index, sha512};
#[allow(unused_imports, reason = "the tier of clients runs these stories on other stores")]
use packhouse_tests::on_every_backend as on_every;
use packhouse_tests::races::at_once;
use packhouse_tests::{Actor, Options, Registry};
use serde_json::{Value, json};

crate::on_every! {
    Options::oci().anonymous(&[]) =>
    what_is_pushed_is_served
    a_manifest_is_never_compressed
    a_blob_is_read_in_parts_and_revalidated
    a_repository_shows_its_own_blobs_only
    a_mount_needs_permission_to_read_the_source
    what_is_deleted_in_one_repository_stays_in_another
    a_manifest_needs_what_it_names
    an_index_serves_each_architecture
    chunks_come_in_order
    a_blob_may_be_named_by_sha512
    tags_are_listed_in_pages
    writers_of_one_repository_lose_no_tag
    who_may_do_what_is_told_apart
}

async fn hand(registry: &Registry, repository: &str) -> Hand {
    Hand::new(&registry.pusher().await, repository)
}

/// Somebody with these scopes, below `/v2`.
async fn somebody(registry: &Registry, name: &str, scopes: &[&str]) -> Actor {
    let user = registry.user(name, scopes).await;
    registry.actor("/v2").with_password(&user.name, &user.password)
}

fn code(answer: &Value) -> &str {
    answer["errors"][0]["code"].as_str().unwrap_or_default()
}

async fn what_is_pushed_is_served(registry: Registry) {
    let pusher = registry.pusher().await;
    let (image, hand) = (Image::new("demo"), Hand::new(&pusher, "team/apps/demo"));
    hand.push(&image, "v1").await;
    hand.expect_whole(&image, "v1", "by tag").await;
    hand.expect_whole(&image, &image.manifest.digest, "by digest").await;
    let manifest = pusher.get(&hand.path("/manifests/v1")).await.expect(200);
    assert_eq!(manifest.header("content-type"), image.manifest.media_type);
    assert_eq!(manifest.header("docker-content-digest"), image.manifest.digest);
    let head = pusher.head(&hand.path("/manifests/v1")).await.expect(200);
    assert_eq!(head.header("content-length"), image.manifest.bytes.len().to_string());
    assert_eq!(hand.tags().await, ["v1"]);
    // The same below the mount's own path.
    let mount = pusher.at(registry.url("/oci/v2"));
    assert_eq!(mount.get(&hand.path("/manifests/v1")).await.expect(200).body, image.manifest.bytes);
    let unknown = pusher.get(&hand.path("/manifests/v2")).await.expect(404).json();
    assert_eq!(code(&unknown), "MANIFEST_UNKNOWN");
}

/// Its length is a part of every descriptor that names it.
async fn a_manifest_is_never_compressed(registry: Registry) {
    let pusher = registry.pusher().await;
    let (image, hand) = (Image::new("demo"), Hand::new(&pusher, "demo"));
    hand.push(&image, "v1").await;
    let mut manifest: Value = serde_json::from_slice(&image.manifest.bytes).expect("JSON");
    manifest["annotations"] = json!({ "long": "x".repeat(5000) });
    let long = Content::new(&image.manifest.media_type, manifest.to_string());
    hand.try_push_manifest(&long, "long").await.expect("an answer").expect(201);
    let path = hand.path("/manifests/long");
    let (by, length) = (pusher.with_header("accept-encoding", "gzip"), long.bytes.len().to_string());
    for answer in [by.get(&path).await.expect(200), by.head(&path).await.expect(200)] {
        assert_eq!((answer.header("content-length"), answer.header("content-encoding")), (&*length, ""));
    }
}

async fn a_blob_is_read_in_parts_and_revalidated(registry: Registry) {
    let pusher = registry.pusher().await;
    let hand = Hand::new(&pusher, "demo");
    let blob = Content::new("application/octet-stream", b"0123456789".to_vec());
    hand.try_push_blob(&blob).await.expect("an answer").expect(201);
    let path = hand.path(&format!("/blobs/{}", blob.digest));
    let whole = pusher.get(&path).await.expect(200);
    assert_eq!(whole.header("docker-content-digest"), blob.digest);
    let part = pusher.clone().with_header("range", "bytes=2-5").get(&path).await.expect(206);
    assert_eq!((part.body.as_ref(), part.header("content-range")), (b"2345".as_slice(), "bytes 2-5/10"));
    pusher.clone().with_header("range", "bytes=10-").get(&path).await.expect(416);
    pusher.clone().with_header("if-none-match", whole.header("etag")).get(&path).await.expect(304);
    let head = pusher.head(&path).await.expect(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("10", 0));
}

async fn a_repository_shows_its_own_blobs_only(registry: Registry) {
    let pusher = registry.pusher().await;
    let image = Image::new("demo");
    Hand::new(&pusher, "one").push(&image, "v1").await;
    let other = Hand::new(&pusher, "other");
    for blob in &image.blobs {
        assert_eq!(other.blob(&blob.digest).await, None, "it lies elsewhere");
        pusher.head(&other.path(&format!("/blobs/{}", blob.digest))).await.expect(404);
    }
    let refused = other.try_push_manifest(&image.manifest, "v1").await.expect("an answer").expect(404);
    assert_eq!(code(&refused.json()), "MANIFEST_BLOB_UNKNOWN");
    other.push(&image, "v1").await;
    other.expect_whole(&image, "v1", "pushed here too").await;
}

async fn a_mount_needs_permission_to_read_the_source(registry: Registry) {
    let image = Image::new("secret");
    hand(&registry, "secret/app").await.push(&image, "v1").await;
    let layer = &image.blobs[1].digest;
    let mount = format!("/mine/app/blobs/uploads/?mount={layer}&from=secret/app");
    let stranger = somebody(&registry, "stranger", &["oci:repository:mine/*:*"]).await;
    let answer = stranger.send(Method::POST, &mount, "").await.expect(202);
    assert!(answer.header("location").contains("/mine/app/blobs/uploads/"), "{answer:?}");
    stranger.get(&format!("/mine/app/blobs/{layer}")).await.expect(404);
    stranger.send(Method::POST, &format!("/mine/app/blobs/uploads/?mount={layer}"), "").await.expect(202);
    stranger.get(&format!("/mine/app/blobs/{layer}")).await.expect(404);

    let friend =
        somebody(&registry, "friend", &["oci:repository:mine/*:*", "oci:repository:secret/*:pull"]).await;
    friend.send(Method::POST, &mount, "").await.expect(201);
    assert_eq!(friend.get(&format!("/mine/app/blobs/{layer}")).await.expect(200).body, image.blobs[1].bytes);
}

async fn what_is_deleted_in_one_repository_stays_in_another(registry: Registry) {
    let pusher = registry.pusher().await;
    let (image, layer) = (Image::new("demo"), &Image::new("demo").blobs[1].digest.clone());
    let (one, other) = (Hand::new(&pusher, "one"), Hand::new(&pusher, "other"));
    one.push(&image, "v1").await;
    one.push(&image, "v2").await;
    other.push(&image, "v1").await;

    pusher.delete(&one.path(&format!("/blobs/{layer}"))).await.expect(405);
    pusher.delete(&one.path("/manifests/v2")).await.expect(202);
    one.expect_whole(&image, "v1", "a tag goes alone").await;
    pusher.delete(&one.path(&format!("/manifests/{}", image.manifest.digest))).await.expect(202);
    assert_eq!((one.manifest("v1").await, one.tags().await), (None, Vec::new()));
    pusher.delete(&one.path(&format!("/blobs/{layer}"))).await.expect(202);
    assert_eq!(one.blob(layer).await, None);
    other.expect_whole(&image, "v1", "untouched").await;
}

async fn a_manifest_needs_what_it_names(registry: Registry) {
    let hand = hand(&registry, "demo").await;
    let image = Image::new("demo");
    let refused = hand.try_push_manifest(&image.manifest, "v1").await.expect("an answer").expect(404);
    assert_eq!(code(&refused.json()), "MANIFEST_BLOB_UNKNOWN");
    assert_eq!(hand.manifest("v1").await, None);
    let other = Image::new("other").manifest.digest;
    hand.push(&image, "v1").await;
    let wrong = hand.try_push_manifest(&image.manifest, &other).await.expect("an answer").expect(400);
    assert_eq!(code(&wrong.json()), "DIGEST_INVALID");
    let nonsense = Content::new(&image.manifest.media_type, b"{".to_vec());
    let refused = hand.try_push_manifest(&nonsense, "v2").await.expect("an answer").expect(400);
    assert_eq!(code(&refused.json()), "MANIFEST_INVALID");
    assert_eq!(hand.tags().await, ["v1"]);
}

async fn an_index_serves_each_architecture(registry: Registry) {
    let hand = hand(&registry, "demo").await;
    let parts = ["amd64", "arm64"].map(|name| Image::of(name, name, &[("which.txt", name.as_bytes())]));
    let all = index(&[(&parts[0], "amd64"), (&parts[1], "arm64")]);
    hand.try_push_manifest(&all, "all").await.expect("an answer").expect(404);
    for part in &parts {
        hand.push(part, &part.manifest.digest).await;
    }
    hand.try_push_manifest(&all, "all").await.expect("an answer").expect(201);
    assert_eq!(hand.manifest("all").await.as_deref(), Some(all.bytes.as_slice()));
    assert_eq!(hand.tags().await, ["all"], "the parts have no tags");
}

async fn chunks_come_in_order(registry: Registry) {
    let pusher = registry.pusher().await;
    let hand = Hand::new(&pusher, "demo");
    let blob = Content::new("application/octet-stream", b"0123456789".to_vec());
    let upload = hand.begin().await;
    hand.try_append(&upload, 0, b"0123").await.expect("an answer").expect(202);
    let early = hand.try_append(&upload, 7, b"789").await.expect("an answer").expect(416);
    assert_eq!(early.header("range"), "0-3", "it says how far it has come");
    hand.try_append(&upload, 4, b"456").await.expect("an answer").expect(202);
    assert_eq!(hand.progress(&upload).await, 7);
    let wrong = Content::new("", b"other".to_vec()).digest;
    hand.try_finish(&upload, "789", &wrong).await.expect("an answer").expect(400);
    assert_eq!(hand.blob(&wrong).await, None);

    let upload = hand.begin().await;
    hand.try_append(&upload, 0, b"0123456").await.expect("an answer").expect(202);
    let done = hand.try_finish(&upload, "789", &blob.digest).await.expect("an answer").expect(201);
    assert!(done.header("location").ends_with(&hand.path(&format!("/blobs/{}", blob.digest))), "{done:?}");
    assert_eq!(hand.blob(&blob.digest).await.as_deref(), Some(b"0123456789".as_slice()));
    pusher.get(&upload.path).await.expect(404);

    let given_up = hand.begin().await;
    pusher.delete(&given_up.path).await.expect(204);
    hand.try_append(&given_up, 0, b"0").await.expect("an answer").expect(404);
}

async fn a_blob_may_be_named_by_sha512(registry: Registry) {
    let pusher = registry.pusher().await;
    let hand = Hand::new(&pusher, "demo");
    let (bytes, digest) = (b"by another name".to_vec(), sha512(b"by another name"));
    let upload = hand.begin().await;
    hand.try_finish(&upload, bytes.clone(), &digest).await.expect("an answer").expect(201);
    let there = pusher.get(&hand.path(&format!("/blobs/{digest}"))).await.expect(200);
    assert_eq!(
        (there.body.as_ref(), there.header("docker-content-digest")),
        (bytes.as_slice(), digest.as_str())
    );
}

async fn tags_are_listed_in_pages(registry: Registry) {
    let pusher = registry.pusher().await;
    let (hand, image) = (Hand::new(&pusher, "team/demo"), Image::new("demo"));
    for tag in ["c", "a", "B", "b", "d"] {
        hand.push(&image, tag).await;
    }
    let first = pusher.get(&hand.path("/tags/list?n=2")).await.expect(200);
    let all = hand.tags().await;
    assert_eq!(all.len(), 5);
    assert_eq!(first.json()["tags"], json!(all[..2]));
    let next = first.header("link").trim_start_matches('<').split('>').next().unwrap_or_default().to_owned();
    let next = next.split_once("/v2").map_or("", |(_, rest)| rest);
    assert_eq!(pusher.get(next).await.expect(200).json()["tags"], json!(all[2..4]));
    let last = pusher.get(&hand.path(&format!("/tags/list?n=10&last={}", all[3]))).await.expect(200);
    assert_eq!((last.json()["tags"].clone(), last.header("link")), (json!(all[4..]), ""));
    let none = pusher.get(&hand.path("/tags/list?n=0")).await.expect(200).json();
    assert_eq!(none["tags"], json!([]));
    pusher.get("/team/unknown/tags/list").await.expect(404);
}

async fn writers_of_one_repository_lose_no_tag(registry: Registry) {
    let hand = hand(&registry, "demo").await;
    let answers = at_once(16, |number| {
        let hand = hand.clone();
        async move { hand.try_push(&Image::new(&format!("of-{number}")), &format!("v{number:02}")).await }
    });
    for answer in answers.await {
        answer.expect("an answer").expect(201);
    }
    let expected: Vec<_> = (0..16).map(|number| format!("v{number:02}")).collect();
    assert_eq!(hand.tags().await, expected);
    for (number, tag) in expected.iter().enumerate() {
        hand.expect_whole(&Image::new(&format!("of-{number}")), tag, "each its own").await;
    }
}

async fn who_may_do_what_is_told_apart(registry: Registry) {
    let image = Image::new("demo");
    hand(&registry, "team/demo").await.push(&image, "v1").await;
    let anybody = registry.actor("/v2");
    for path in ["/", "/team/demo/manifests/v1", "/team/demo/tags/list"] {
        let refused = anybody.get(path).await.expect(401);
        assert!(refused.headers.contains_key("www-authenticate"), "{refused:?}");
        assert_eq!(code(&refused.json()), "UNAUTHORIZED");
    }
    let wrong = anybody.clone().with_password("pusher", "wrong");
    wrong.get("/").await.expect(401);
    wrong.get("/team/demo/manifests/v1").await.expect(401);

    let reader = somebody(&registry, "reader", &["oci:repository:team/*:pull"]).await;
    reader.get("/").await.expect(200);
    let read = Hand::new(&reader, "team/demo");
    read.expect_whole(&image, "v1", "reading").await;
    let refused = reader.send(Method::POST, "/team/demo/blobs/uploads/", "").await.expect(403);
    assert_eq!(code(&refused.json()), "DENIED");
    read.try_push_manifest(&image.manifest, "v2").await.expect("an answer").expect(403);
    reader.delete("/team/demo/manifests/v1").await.expect(403);
    reader.get("/other/demo/manifests/v1").await.expect(403);

    let writer = somebody(&registry, "writer", &["oci:repository:team/*:push"]).await;
    Hand::new(&writer, "team/demo").push(&image, "v2").await;
    writer.delete("/team/demo/manifests/v1").await.expect(403);
    let catalog = reader.get("/_catalog").await.expect(200).json();
    assert_eq!(catalog["repositories"], json!(["team/demo"]));
    let elsewhere = somebody(&registry, "elsewhere", &["oci:repository:other/*:pull"]).await;
    assert_eq!(elsewhere.get("/_catalog").await.expect(200).json()["repositories"], json!([]));
}
