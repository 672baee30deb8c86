//! Buckets that an earlier system has left: manifests, tags and blobs, and nothing of ours.

use super::*;

/// An image as it lies in the bucket.
fn leave(host: &Host, repository: &str, layer: &str, manifest: &Value) -> String {
    for bytes in ["{}", layer] {
        host.insert(&format!("blobs/sha256/{}", hex(&digest(bytes))), bytes).unwrap();
    }
    let text = manifest.to_string();
    let digest = digest(&text);
    host.insert(&format!("manifests/{repository}/{digest}"), text).unwrap();
    digest
}

#[test]
fn what_lies_there_is_served() {
    let host = host();
    let manifest = leave(&host, "old/app", "layer", &image("layer"));
    host.insert("tags/old/app/tags.json", json!({ "v1": manifest }).to_string()).unwrap();
    let other = leave(&host, "old", "other", &image("other"));
    assert_eq!(get(&host, "/v2/old/app/manifests/v1").text(), image("layer").to_string());
    assert_eq!(get(&host, "/v2/old/app/manifests/v1").header("content-type"), Some(IMAGE_MANIFEST));
    assert_eq!(get(&host, "/v2/old/app/tags/list").json()["tags"], json!(["v1"]));
    assert_eq!(get(&host, "/v2/old/tags/list").json()["tags"], json!([]));
    let blob = |repository: &str, bytes: &str| {
        get(&host, &format!("/v2/{repository}/blobs/{}", digest(bytes))).status()
    };
    assert_eq!((blob("old/app", "layer"), blob("old/app", "{}")), (200, 200));
    assert_eq!(blob("old/app", "other"), 404, "it belongs to the repository above");
    assert_eq!((blob("old", "other"), blob("old", "layer")), (200, 404));
    assert_eq!(host.object_json("tags/old/tags.json"), json!({}));
    assert_eq!(get(&host, &format!("/v2/old/manifests/{other}")).status(), 200);
    assert_eq!(get(&host, "/v2/_catalog").json()["repositories"], json!(["old", "old/app"]));
}

#[test]
fn it_is_adopted_once() {
    let host = host();
    leave(&host, "old", "layer", &image("layer"));
    let layer = format!("/v2/old/blobs/{}", digest("layer"));
    assert_eq!(get(&host, &layer).status(), 200);
    assert_eq!(host.object("adopted/old").as_deref(), Some(&b"{}"[..]));
    assert_eq!(host.object_json(&format!("members/sha256/{}/old", hex(&digest("{}")))), json!({ "size": 2 }));
    leave(&host, "old", "later", &image("later"));
    let copied_in = format!("/v2/old/blobs/{}", digest("later"));
    assert_eq!(get(&host, &copied_in).status(), 404, "what is copied in later takes a reindex");
    assert_eq!(get(&host, &layer).status(), 200);
}

#[test]
fn a_new_repository_reads_nothing_and_takes_nothing_over() {
    let host = host();
    push(&host, "new", "v1", "layer");
    assert!(host.object("adopted/new").is_some());
    leave(&host, "old", "other", &image("other"));
    assert_eq!(get(&host, &format!("/v2/new/blobs/{}", digest("other"))).status(), 404);
}

#[test]
fn referrers_are_found_in_what_lies_there() {
    let host = host();
    let subject = leave(&host, "old", "layer", &image("layer"));
    let mut artifact = image("layer");
    artifact["subject"] = json!({ "mediaType": IMAGE_MANIFEST, "digest": subject, "size": 1 });
    let artifact = leave(&host, "old", "layer", &artifact);
    let list = get(&host, &format!("/v2/old/referrers/{subject}")).json();
    assert_eq!(list["manifests"][0]["digest"], json!(artifact));
}

#[test]
fn what_cannot_be_read_is_passed_over() {
    let host = host();
    leave(&host, "old", "layer", &image("layer"));
    let broken = digest("broken");
    host.insert(&format!("manifests/old/{broken}"), "broken").unwrap();
    host.insert("manifests/old/.DS_Store", "x").unwrap();
    assert_eq!(get(&host, &format!("/v2/old/blobs/{}", digest("layer"))).status(), 200);
    assert!(host.log().iter().any(|line| format!("{line:?}").contains(&broken)));
    let served = get(&host, &format!("/v2/old/manifests/{broken}"));
    assert_eq!((served.status(), served.text()), (200, "broken".to_owned()));
    host.insert("tags/old/tags.json", "{broken").unwrap();
    assert_refused(&get(&host, "/v2/old/tags/list"), 500, "UNKNOWN", "damaged");
    let layer = digest("layer");
    let refused = host.as_user("ann").delete(&format!("/v2/old/blobs/{layer}")).send::<Oci>();
    assert_eq!(refused.status(), 405, "nobody knows what the broken one names");
}
