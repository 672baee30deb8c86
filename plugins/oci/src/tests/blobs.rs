//! Blobs: read, shared between repositories, deleted.

use super::*;

#[test]
fn a_blob_is_read_as_it_came() {
    let host = host();
    let digest = upload(&host.as_user("ann"), "a/b", "some bytes");
    let reply = get(&host, &format!("/v2/a/b/blobs/{digest}"));
    assert_eq!((reply.status(), reply.bytes()), (200, &b"some bytes"[..]));
    assert_eq!(reply.header("docker-content-digest"), Some(digest.as_str()));
    assert_eq!(reply.header("etag"), Some(format!("\"{digest}\"").as_str()));
    assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
    assert!(reply.has_ranges() && !reply.may_compress() && !reply.is_immutable());
    assert_eq!(reply.objects().len(), 1, "its bytes do not pass through the plugin");
    let head = host.anonymous().request("HEAD", &format!("/v2/a/b/blobs/{digest}")).send::<Oci>();
    assert_eq!((head.status(), head.bytes()), (200, &b""[..]));
    let other = super::digest("other");
    assert_refused(&get(&host, &format!("/v2/a/b/blobs/{other}")), 404, "BLOB_UNKNOWN", &other);
}

#[test]
fn a_blob_of_one_repository_is_not_seen_in_another() {
    let host = host();
    let digest = upload(&host.as_user("ann"), "a", "secret");
    for repository in ["b", "a/b", "aa"] {
        let reply = get(&host, &format!("/v2/{repository}/blobs/{digest}"));
        assert_refused(&reply, 404, "BLOB_UNKNOWN", "no blob");
    }
    upload(&host.as_user("ann"), "b", "secret");
    assert_eq!(get(&host, &format!("/v2/b/blobs/{digest}")).status(), 200);
    let blobs = host.objects().into_iter().filter(|key| key.starts_with("blobs/"));
    assert_eq!(blobs.count(), 1, "the bytes lie there once");
}

#[test]
fn who_claims_a_blob_without_its_bytes_does_not_see_it() {
    let host = host();
    let digest = upload(&host.as_user("ann"), "a", "secret");
    let bob = host.as_user("bob");
    let claim = bob.post(&format!("/v2/bob/x/blobs/uploads/?digest={digest}")).body("guess");
    assert_refused(&claim.send::<Oci>(), 400, "DIGEST_INVALID", "send it again");
    assert_eq!(get(&host, &format!("/v2/bob/x/blobs/{digest}")).status(), 404);
    // An upload that is cut off leaves a note, as a crash does: it shows nothing.
    let key = format!("members/sha256/{}/bob+x", hex(&digest));
    host.insert(&key, br#"{"upload":true}"#).unwrap();
    assert_eq!(get(&host, &format!("/v2/bob/x/blobs/{digest}")).status(), 404);
    let mount = host.as_user("ann").post(&format!("/v2/c/blobs/uploads/?mount={digest}&from=bob/x"));
    assert_eq!(mount.send::<Oci>().status(), 202);
    upload(&bob, "bob/x", "secret");
    assert_eq!(get(&host, &format!("/v2/bob/x/blobs/{digest}")).status(), 200);
}

#[test]
fn a_failed_upload_leaves_a_blob_that_was_there() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = upload(&ann, "a", "bytes");
    let wrong = ann.post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body("wrong").send::<Oci>();
    assert_eq!(wrong.status(), 400);
    let cut = ann.post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body("bytes").broken_after(2);
    assert_refused(&cut.send::<Oci>(), 400, "SIZE_INVALID", "");
    assert_eq!(get(&host, &format!("/v2/a/blobs/{digest}")).bytes(), b"bytes");
}

#[test]
fn deleting_takes_a_blob_out_of_one_repository_only() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = upload(&ann, "a", "bytes");
    upload(&ann, "b", "bytes");
    let delete = |repository: &str| ann.delete(&format!("/v2/{repository}/blobs/{digest}")).send::<Oci>();
    assert_eq!(delete("a").status(), 202);
    assert_refused(&delete("a"), 404, "BLOB_UNKNOWN", &digest);
    assert_eq!(get(&host, &format!("/v2/a/blobs/{digest}")).status(), 404);
    assert_eq!(get(&host, &format!("/v2/b/blobs/{digest}")).status(), 200);
    assert_eq!(delete("b").status(), 202);
    assert!(host.object(&format!("blobs/sha256/{}", hex(&digest))).is_some(), "bytes go with the collection");
}

#[test]
fn a_blob_that_a_manifest_names_cannot_be_deleted() {
    let host = host();
    let ann = host.as_user("ann");
    let manifest = push(&host, "a", "v1", "layer");
    let blob = digest("layer");
    let delete = || ann.delete(&format!("/v2/a/blobs/{blob}")).send::<Oci>();
    assert_refused(&delete(), 405, "UNSUPPORTED", &manifest);
    assert_eq!(get(&host, &format!("/v2/a/blobs/{blob}")).status(), 200);
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{manifest}")).send::<Oci>().status(), 202);
    assert_eq!(delete().status(), 202);
}

#[test]
fn who_may_push_is_promised_what_they_find() {
    let host = host();
    let digest = upload(&host.as_user("ann"), "a", "bytes");
    let key = format!("members/sha256/{}/a", hex(&digest));
    let written = || host.object_info(&key).unwrap().modified.unwrap();
    let start = host.now();
    host.set_now(start + 59_000);
    host.as_user("ann").get(&format!("/v2/a/blobs/{digest}")).send::<Oci>();
    assert_eq!(written(), start, "it is written seldom");
    host.set_now(start + 61_000);
    get(&host, &format!("/v2/a/blobs/{digest}"));
    assert_eq!(written(), start, "who cannot push relies on nothing");
    host.as_user("ann").get(&format!("/v2/a/blobs/{digest}")).send::<Oci>();
    assert_eq!(written(), start + 61_000);
}
