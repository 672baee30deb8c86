//! Changes that were made although their answer was lost, and somebody else wrote before the
//! store was asked again.

use super::*;

/// Where the tags of `team/demo` lie.
fn tags_key(host: &Host) -> String {
    host.objects().into_iter().find(|key| key.starts_with("tags/")).unwrap()
}

fn manifest_key(host: &Host, digest: &str) -> String {
    let hex = hex(digest);
    host.objects().into_iter().find(|key| key.contains("manifests") && key.contains(hex)).unwrap()
}

fn with_another(there: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut tags: Value = serde_json::from_slice(&there?).unwrap();
    tags["theirs"] = format!("sha256:{}", "a".repeat(64)).into();
    Some(tags.to_string().into_bytes())
}

#[test]
fn a_tag_that_was_pushed_or_deleted_is() {
    let host = host();
    let digest = push(&host, "team/demo", "1", "layer");
    let key = tags_key(&host);
    host.lose_answer(&key, with_another);
    let pushed = put(&host.as_user("ann"), "team/demo", "2", &image("layer"));
    assert_eq!(pushed.status(), 201, "{}", pushed.text());
    assert_eq!(host.object_json(&key)["2"], digest);
    host.lose_answer(&key, with_another);
    let path = "/v2/team/demo/manifests/2";
    assert_eq!(host.as_user("ann").delete(path).send::<Oci>().status(), 202);
    assert_eq!(host.object_json(&key)["2"], Value::Null);
    assert_eq!(host.as_user("ann").delete(path).send::<Oci>().status(), 404, "this one deleted nothing");
}

#[test]
fn a_manifest_that_was_deleted_is_gone() {
    let host = host();
    let digest = push(&host, "team/demo", "1", "layer");
    host.lose_answer(&manifest_key(&host, &digest), |_| None);
    let path = format!("/v2/team/demo/manifests/{digest}");
    assert_eq!(host.as_user("ann").delete(&path).send::<Oci>().status(), 202);
    assert_eq!(get(&host, &path).status(), 404);
    assert_eq!(get(&host, "/v2/team/demo/manifests/1").status(), 404);
    assert_eq!(host.as_user("ann").delete(&path).send::<Oci>().status(), 404, "this one deleted nothing");
}

/// The promise that a blob stays is renewed when it is old, by the store's clock.
#[test]
fn a_blob_that_a_pusher_finds_is_confirmed_by_the_stores_clock() {
    for away in [-3_600_000, 3_600_000] {
        let host = host();
        host.set_store_ahead(away);
        let digest = upload(&host.as_user("ann"), "team/demo", "layer");
        let key = host.objects().into_iter().find(|key| key.contains("members")).unwrap();
        let path = format!("/v2/team/demo/blobs/{digest}");
        let look = || assert_eq!(host.as_user("ann").get(&path).send::<Oci>().status(), 200);
        let written = || host.object_info(&key).unwrap().modified.unwrap();
        let first = written();
        host.set_now(host.now() + 30_000);
        look();
        assert_eq!(written(), first, "{away}: it is fresh");
        host.set_now(host.now() + 60_000);
        look();
        assert_eq!(written(), host.store_now(), "{away}: it was old");
    }
}
