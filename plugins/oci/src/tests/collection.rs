//! Uploads and pushes during a garbage collection.

use super::*;

fn condemn(host: &Host, bytes: &str, state: &str) -> String {
    let key = format!("condemned/sha256/{}", hex(&digest(bytes)));
    host.insert(&key, json!({ "run": "one", "state": state }).to_string()).unwrap();
    key
}

#[test]
fn an_upload_rescues_what_is_condemned() {
    let host = host();
    let key = condemn(&host, "layer", "condemned");
    upload(&host.as_user("ann"), "a", "layer");
    assert_eq!(host.object(&key), None);
}

/// The other tests have condemnations as earlier versions wrote them.
#[test]
fn an_upload_rescues_what_a_collection_has_condemned() {
    let host = host();
    upload(&host.as_user("ann"), "a", "{}");
    assert_eq!(put(&host.as_user("ann"), "a", "v0", &image("{}")).status(), 201);
    upload(&host.as_user("ann"), "a", "layer");
    host.set_now(host.now() + 86_400_000);
    let key = format!("condemned/sha256/{}", hex(&digest("layer")));
    for calls in 1..40 {
        // Cut off after the blob is condemned and before it is removed.
        host.upkeep().older_than(0).killed_after(calls).collect::<Oci>().unwrap();
        if host.object(&key).is_some() {
            break;
        }
    }
    assert!(host.object(&key).unwrap().starts_with(b"announced by "));
    upload(&host.as_user("ann"), "a", "layer");
    assert_eq!(host.object(&key), None);
    assert_eq!(get(&host, &format!("/v2/a/blobs/{}", digest("layer"))).status(), 200);
}

#[test]
fn what_somebody_else_has_rescued_is_safe() {
    let host = host();
    condemn(&host, "layer", "rescued");
    upload(&host.as_user("ann"), "a", "layer");
    assert_eq!(get(&host, &format!("/v2/a/blobs/{}", digest("layer"))).status(), 200);
}

#[test]
fn an_upload_waits_for_a_removal_that_has_begun_and_gives_up() {
    let host = host();
    condemn(&host, "layer", "deleting");
    let digest = digest("layer");
    let reply = host.as_user("ann").post(&format!("/v2/a/blobs/uploads/?digest={digest}")).body("layer");
    assert_refused(&reply.send::<Oci>(), 503, "UNAVAILABLE", "try again");
    assert_eq!(host.object(&format!("blobs/sha256/{}", hex(&digest))), None);
    assert_eq!(get(&host, &format!("/v2/a/blobs/{digest}")).status(), 404);
}

#[test]
fn a_mount_rescues_too() {
    let host = host();
    let ann = host.as_user("ann");
    let digest = upload(&ann, "a", "layer");
    let key = condemn(&host, "layer", "condemned");
    let mount = || ann.post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a")).send::<Oci>().status();
    assert_eq!(mount(), 201);
    assert_eq!(host.object(&key), None);
}

#[test]
fn a_manifest_rescues_what_it_names_and_refuses_what_is_being_removed() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    let key = condemn(&host, "layer", "deleting");
    let reply = put(&ann, "a", "v1", &image("layer"));
    assert_refused(&reply, 404, "MANIFEST_BLOB_UNKNOWN", &digest("layer"));
    assert!(host.remove(&key));
    condemn(&host, "layer", "condemned");
    condemn(&host, "{}", "condemned");
    assert_eq!(put(&ann, "a", "v1", &image("layer")).status(), 201);
    assert!(host.objects().iter().all(|key| !key.starts_with("condemned/") && !key.starts_with("pending/")));
}

#[test]
fn a_rescue_that_comes_too_late_is_seen() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    let key = condemn(&host, "layer", "condemned");
    host.race(&key, json!({ "run": "one", "state": "deleting" }).to_string());
    let reply = put(&ann, "a", "v1", &image("layer"));
    assert_refused(&reply, 404, "MANIFEST_BLOB_UNKNOWN", &digest("layer"));
    assert!(host.objects().iter().all(|key| !key.starts_with("manifests/")));
}

#[test]
fn the_check_at_a_push_says_when_it_was() {
    let host = host();
    let ann = host.as_user("ann");
    upload(&ann, "a", "{}");
    upload(&ann, "a", "layer");
    host.set_now(host.now() + 3_600_000);
    assert_eq!(put(&ann, "a", "v1", &image("layer")).status(), 201);
    for bytes in ["{}", "layer"] {
        let member = host.object_info(&format!("members/sha256/{}/a", hex(&digest(bytes)))).unwrap();
        assert_eq!(member.modified, Some(host.now()));
    }
}
