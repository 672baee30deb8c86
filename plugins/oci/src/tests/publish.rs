//! Manifests of every kind: pushed, read, tagged, deleted.

use super::*;
use crate::document::{DOCKER_LIST, DOCKER_MANIFEST};

#[test]
fn a_manifest_is_read_by_tag_and_digest_byte_for_byte() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a/b", "{}");
    let odd = format!("{{\n \"config\":{},  \"schemaVersion\" : 2 }}\n", descriptor("{}"));
    let reply =
        ann.put("/v2/a/b/manifests/v1").header("content-type", IMAGE_MANIFEST).body(&odd).send::<Oci>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    let digest = digest(&odd);
    assert_eq!(reply.header("location"), Some(format!("/oci/v2/a/b/manifests/{digest}").as_str()));
    assert_eq!(reply.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(reply.header("oci-subject"), None);
    for reference in ["v1", &digest] {
        let reply = get(&host, &format!("/v2/a/b/manifests/{reference}"));
        assert!(!reply.may_compress(), "its length is the one in descriptors");
        assert_eq!((reply.status(), reply.text()), (200, odd.clone()));
        assert_eq!(reply.header("content-type"), Some(IMAGE_MANIFEST));
        assert_eq!(reply.header("docker-content-digest"), Some(digest.as_str()));
        assert_eq!(reply.header("etag"), Some(format!("\"{digest}\"").as_str()));
    }
    for reference in ["v2", &super::digest("x")] {
        let reply = get(&host, &format!("/v2/a/b/manifests/{reference}"));
        assert_refused(&reply, 404, "MANIFEST_UNKNOWN", reference);
    }
    assert_refused(&get(&host, "/v2/a/manifests/v1"), 404, "MANIFEST_UNKNOWN", "v1");
    assert_eq!(host.object_json("tags/a/b/tags.json"), json!({ "v1": digest }));
    assert!(host.objects().iter().all(|key| !key.starts_with("pending/")));
}

#[test]
fn every_kind_is_served_as_what_it_was_pushed() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    let config = descriptor("{}");
    let kinds = [
        (IMAGE_MANIFEST, json!({ "schemaVersion": 2, "config": config })),
        (DOCKER_MANIFEST, json!({ "schemaVersion": 2, "config": config })),
        (DOCKER_LIST, json!({ "schemaVersion": 2, "manifests": [] })),
        (IMAGE_INDEX, json!({ "schemaVersion": 2, "manifests": [], "artifactType": "a/b" })),
        ("application/vnd.oci.artifact.manifest.v1+json", json!({ "blobs": [config] })),
        ("application/vnd.example.new+json", json!({ "layers": [config], "anything": { "else": true } })),
    ];
    for (kind, document) in &kinds {
        for says_it in [true, false] {
            let mut document = document.clone();
            if says_it {
                document["mediaType"] = json!(kind);
            }
            let request =
                ann.put("/v2/a/manifests/x").header("content-type", &format!("{kind}; charset=utf-8"));
            let reply = request.body(document.to_string()).send::<Oci>();
            assert_eq!(reply.status(), 201, "{kind}: {}", reply.text());
            assert_eq!(get(&host, "/v2/a/manifests/x").header("content-type"), Some(*kind));
        }
    }
    let unsaid = json!({ "schemaVersion": 2, "manifests": [], "annotations": { "a": "b" } });
    assert_eq!(ann.put("/v2/a/manifests/y").body(unsaid.to_string()).send::<Oci>().status(), 201);
    assert_eq!(get(&host, "/v2/a/manifests/y").header("content-type"), Some(IMAGE_INDEX));
    let index = digest(unsaid.to_string());
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{index}")).send::<Oci>().status(), 202);
}

#[test]
fn media_types_are_compared_without_case_and_served_in_lower_case() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    let push = |says: Option<&str>, sent: &str| {
        let mut document = json!({ "schemaVersion": 2, "config": descriptor("{}") });
        if let Some(says) = says {
            document["mediaType"] = json!(says);
        }
        let request = ann.put("/v2/a/manifests/x").header("content-type", sent);
        let reply = request.body(document.to_string()).send::<Oci>();
        assert_eq!(reply.status(), 201, "{says:?} as {sent}: {}", reply.text());
        get(&host, "/v2/a/manifests/x").header("content-type").unwrap().to_owned()
    };
    let upper = IMAGE_MANIFEST.to_ascii_uppercase();
    assert_eq!(push(Some(IMAGE_MANIFEST), &upper), IMAGE_MANIFEST);
    assert_eq!(push(Some(&upper), IMAGE_MANIFEST), IMAGE_MANIFEST);
    assert_eq!(push(Some(&upper), &upper), IMAGE_MANIFEST);
    assert_eq!(push(None, &upper), IMAGE_MANIFEST);
    assert_eq!(push(None, "Application/Vnd.Example.Thing+JSON"), "application/vnd.example.thing+json");
    let no_config = json!({ "schemaVersion": 2, "mediaType": upper });
    assert_refused(&put(&ann, "a", "y", &no_config), 400, "MANIFEST_INVALID", "config");
}

#[test]
fn a_descriptors_media_type_may_have_parameters() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    let with = |kind: &str| {
        let mut manifest = image("layer");
        manifest["layers"][0]["mediaType"] = json!(kind);
        put(&ann, "a", "v1", &manifest)
    };
    for kind in [
        "application/vnd.dev.sigstore.bundle+json;version=0.2",
        "text/plain; charset=\"utf-8\"",
        "Application/X ; a=b",
    ] {
        let reply = with(kind);
        assert_eq!(reply.status(), 201, "{kind}: {}", reply.text());
    }
    assert_refused(&with(""), 400, "MANIFEST_INVALID", "has no `mediaType`");
    for kind in ["bundle;version=0.2", "a/b;\r\nx: y", "a/b;ä", &format!("a/b;{}", "x".repeat(2000))] {
        assert_refused(&with(kind), 400, "MANIFEST_INVALID", "not a media type");
    }
}

#[test]
fn several_tags_come_with_one_push() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = push(&host, "a", "v0", "layer");
    let reply = put(&ann, "a", &format!("{digest}?tag=v1&tag=v1.0&tag=latest&tag=v1"), &image("layer"));
    assert_eq!((reply.status(), reply.header("oci-tag")), (201, Some("v1, v1.0, latest")));
    let tags = json!({ "latest": digest, "v0": digest, "v1": digest, "v1.0": digest });
    assert_eq!(host.object_json("tags/a/tags.json"), tags);
    let bad = put(&ann, "a", &format!("{digest}?tag=ok&tag=-bad"), &image("layer"));
    assert_refused(&bad, 400, "MANIFEST_INVALID", "-bad");
    let many: Vec<String> = (0..101).map(|number| format!("tag=t{number}")).collect();
    let many = many.join("&");
    assert_refused(
        &put(&ann, "a", &format!("{digest}?{many}"), &image("layer")),
        414,
        "MANIFEST_INVALID",
        "100",
    );
    assert_eq!(host.object_json("tags/a/tags.json"), tags);
}

#[test]
fn what_a_manifest_names_must_be_in_its_repository() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "other", "layer");
    let missing = digest("layer");
    let reply = put(&ann, "a", "v1", &image("layer"));
    assert_refused(&reply, 404, "MANIFEST_BLOB_UNKNOWN", &missing);
    assert_eq!(reply.json()["errors"][0]["detail"]["digests"], json!([missing]));
    let child = image("layer");
    let parent = index(&[&child]);
    assert_refused(&put(&ann, "a", "v1", &parent), 404, "MANIFEST_BLOB_UNKNOWN", &digest(child.to_string()));
    assert!(host.objects().iter().all(|key| !key.starts_with("manifests/") && !key.starts_with("pending/")));
    upload(&ann, "a", "layer");
    assert_eq!(put(&ann, "a", "v1", &child).status(), 201);
    assert_eq!(put(&ann, "a", "v1", &parent).status(), 201);
    assert_eq!(put(&ann, "a", "v2", &index(&[&parent, &child])).status(), 201);
    let cache = json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [descriptor("layer")] });
    assert_eq!(put(&ann, "a", "cache", &cache).status(), 201, "a build cache lists blobs");
}

#[test]
fn sparse_manifests_are_taken_where_that_is_turned_on() {
    let host = host().feature("sparse", true);
    let ann = host.as_user("ann");
    upload(&ann, "other", "layer");
    assert_eq!(put(&ann, "a", "v1", &image("layer")).status(), 201);
    assert_eq!(put(&ann, "a", "v2", &index(&[&image("nothing")])).status(), 201);
    let blob = format!("/v2/a/blobs/{}", digest("layer"));
    assert_eq!(get(&host, &blob).status(), 404, "naming a blob does not show it");
}

#[test]
fn foreign_layers_need_not_be_here() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    let mut manifest = image("layer");
    manifest["layers"][0]["urls"] = json!(["https://elsewhere.example.com/layer"]);
    assert_eq!(put(&ann, "a", "v1", &manifest).status(), 201);
}

#[test]
fn a_digest_that_does_not_fit_is_refused() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    let other = digest("other");
    assert_refused(&put(&ann, "a", &other, &image("layer")), 400, "DIGEST_INVALID", &other);
    assert_refused(&put(&ann, "a", "sha256:bad", &image("layer")), 400, "DIGEST_INVALID", "sha256:bad");
    let long = sha512(image("layer").to_string());
    let reply = put(&ann, "a", &format!("{long}?tag=v1"), &image("layer"));
    assert_eq!((reply.status(), reply.header("docker-content-digest")), (201, Some(long.as_str())));
    assert_eq!(get(&host, "/v2/a/manifests/v1").header("docker-content-digest"), Some(long.as_str()));
}

#[test]
fn a_manifest_may_be_large_but_not_without_end() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    let mut manifest = image("layer");
    manifest["annotations"] = json!({ "long": "x".repeat(5 << 20) });
    assert_eq!(put(&ann, "a", "v1", &manifest).status(), 201);
    assert_eq!(get(&host, "/v2/a/manifests/v1").text(), manifest.to_string());
    manifest["annotations"] = json!({ "long": "x".repeat(8 << 20) });
    assert_refused(&put(&ann, "a", "v2", &manifest), 413, "MANIFEST_INVALID", "8 MiB");
}

#[test]
fn deleting_a_tag_leaves_the_manifest() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = push(&host, "a", "v1", "layer");
    assert_eq!(put(&ann, "a", "v2", &image("layer")).status(), 201);
    let delete = |reference: &str| ann.delete(&format!("/v2/a/manifests/{reference}")).send::<Oci>();
    assert_eq!(delete("v1").status(), 202);
    assert_refused(&delete("v1"), 404, "MANIFEST_UNKNOWN", "v1");
    assert_refused(&get(&host, "/v2/a/manifests/v1"), 404, "MANIFEST_UNKNOWN", "v1");
    assert_eq!(get(&host, "/v2/a/manifests/v2").status(), 200);
    assert_eq!(delete(&digest).status(), 202);
    for reference in ["v2", &digest] {
        assert_eq!(get(&host, &format!("/v2/a/manifests/{reference}")).status(), 404);
    }
    assert_eq!(get(&host, "/v2/a/tags/list").json(), json!({ "name": "a", "tags": [] }));
    assert_refused(&delete(&digest), 404, "MANIFEST_UNKNOWN", &digest);
}

#[test]
fn a_push_during_a_deletion_is_not_lost() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = push(&host, "a", "v1", "layer");
    // Somebody pushes the same manifest again before the deletion removes it.
    host.race(&format!("manifests/a/{digest}"), image("layer").to_string());
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{digest}")).send::<Oci>().status(), 202);
    assert_eq!(get(&host, &format!("/v2/a/manifests/{digest}")).status(), 404, "the deletion came last");
    assert_eq!(host.object_json("tags/a/tags.json"), json!({}));
}

#[test]
fn deletion_can_be_turned_off() {
    let host = host().feature("deletion", false);
    let ann = host.as_user("ann");
    let digest = push(&host, "a", "v1", "layer");
    for path in ["manifests/v1", &format!("manifests/{digest}"), &format!("blobs/{}", self::digest("layer"))]
    {
        let reply = ann.delete(&format!("/v2/a/{path}")).send::<Oci>();
        assert_refused(&reply, 405, "UNSUPPORTED", "deletion is turned off");
    }
    let session = ann.post("/v2/a/blobs/uploads/").send::<Oci>();
    let id = session.header("docker-upload-uuid").unwrap();
    assert_eq!(ann.delete(&format!("/v2/a/blobs/uploads/{id}")).send::<Oci>().status(), 204);
}

#[test]
fn two_pushes_of_tags_at_the_same_time_lose_none() {
    let host = host();
    let digest = push(&host, "a", "v1", "layer");
    let theirs = json!({ "theirs": digest, "v1": digest });
    host.race("tags/a/tags.json", theirs.to_string());
    assert_eq!(put(&host.as_user("ann"), "a", "ours", &image("layer")).status(), 201);
    let tags = json!({ "ours": digest, "theirs": digest, "v1": digest });
    assert_eq!(host.object_json("tags/a/tags.json"), tags);
}
