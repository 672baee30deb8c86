//! What a collection and a verification make of losses: they complete no damage and hide none.

use super::maintenance::{DAY, HOUR, blob_key, collect, has_blob, manifest_key, wait};
use super::*;

/// An index and its child as an earlier system left them; gives the digest of the child.
fn leave_an_index(host: &Host, repository: &str) -> String {
    for bytes in ["{}", "layer"] {
        host.insert(&blob_key(bytes), bytes).unwrap();
    }
    let (child, parent) = (image("layer"), index(&[&image("layer")]));
    for manifest in [&child, &parent] {
        let text = manifest.to_string();
        host.insert(&manifest_key(repository, &digest(&text)), text).unwrap();
    }
    let tags = json!({ "v1": digest(parent.to_string()) }).to_string();
    host.insert(&format!("tags/{repository}/tags.json"), tags).unwrap();
    digest(child.to_string())
}

#[test]
fn an_index_of_an_earlier_system_that_has_lost_a_child_keeps_the_blobs() {
    for adopted in ["never", "before", "after"] {
        let host = host();
        let adopt = || get(&host, &format!("/v2/old/blobs/{}", digest("layer"))).status();
        let child = leave_an_index(&host, "old");
        wait(&host, DAY);
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        if adopted == "before" {
            assert_eq!(adopt(), 200);
        }
        assert!(host.remove(&manifest_key("old", &child)));
        if adopted == "after" {
            assert_eq!(adopt(), 404);
        }
        wait(&host, 2 * DAY);
        let parent = manifest_key("old", &digest(index(&[&image("layer")]).to_string()));
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, std::slice::from_ref(&parent));
        for run in [host.upkeep(), host.upkeep().removing_orphans()] {
            let run = run.older_than(0).collect::<Oci>().unwrap();
            assert_eq!(run.damaged, std::slice::from_ref(&parent), "{adopted}");
            assert!(has_blob(&host, "layer") && has_blob(&host, "{}"), "{adopted}: {run:?}");
        }
    }
}

#[test]
fn a_child_that_is_lost_together_with_its_record_is_found() {
    let host = host();
    let child = push(&host, "a", "child", "layer");
    let parent = index(&[&image("layer")]);
    let ann = host.as_user("ann");
    assert_eq!(put(&ann, "a", "v1", &parent).status(), 201);
    assert_eq!(ann.delete("/v2/a/manifests/child").send::<Oci>().status(), 202);
    assert!(host.remove(&manifest_key("a", &child)) && host.remove(&format!("pushed/a/{child}")));
    wait(&host, DAY);
    let damaged = [manifest_key("a", &digest(parent.to_string()))];
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, damaged);
    let run = collect(&host, 0);
    assert_eq!((run.left_over.len(), run.damaged.as_slice()), (0, damaged.as_slice()));
}

#[test]
fn a_child_that_a_request_deleted_is_no_damage() {
    let host = host();
    let child = leave_an_index(&host, "old");
    let ann = host.as_user("ann");
    assert_eq!(ann.delete(&format!("/v2/old/manifests/{child}")).send::<Oci>().status(), 202);
    for _ in 0..2 {
        wait(&host, DAY);
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        assert_eq!(collect(&host, 0).damaged, Vec::<String>::new(), "its record stays beside the index");
    }
}

#[test]
fn a_deletion_that_is_under_way_is_no_damage() {
    let host = host();
    let manifest = push(&host, "a", "v1", "layer");
    let tags = host.object("tags/a/tags.json").unwrap();
    let ann = host.as_user("ann");
    wait(&host, DAY);
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{manifest}")).send::<Oci>().status(), 202);
    // A push has set the tag in between, and puts the manifest back in the next moment.
    host.insert("tags/a/tags.json", tags.trim_ascii_end()).unwrap();
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    wait(&host, HOUR);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new(), "a request deleted it");
    assert!(host.remove(&format!("pushed/a/{manifest}")));
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, ["tags/a/tags.json"]);
}

/// The manifests, records and tags of a repository are lost, and the proof that there were tags.
fn lose_documents(host: &Host, repository: &str) {
    let segment = repository.replace('/', "+");
    let lost = [
        format!("manifests/{repository}/"),
        format!("pushed/{segment}/"),
        format!("tags/{repository}/"),
        format!("proofs/tags/{repository}/"),
    ];
    let is_lost = |key: &&String| {
        lost.iter().any(|start| key.strip_prefix(start).is_some_and(|name| !name.contains('/')))
    };
    for key in host.objects().iter().filter(is_lost) {
        assert!(host.remove(key));
    }
}

#[test]
fn blobs_that_are_older_than_all_documents_of_their_repository_are_orphans() {
    for repository in ["a", "team/a"] {
        for left in ["everything", "no mark", "a blob of another repository"] {
            let host = host();
            push(&host, repository, "v1", "old layer");
            push(&host, "team/a/below", "v1", "below");
            wait(&host, DAY);
            lose_documents(&host, repository);
            if left == "no mark" {
                assert!(host.remove(&format!("adopted/{}", repository.replace('/', "+"))));
            }
            if left == "a blob of another repository" {
                push(&host, "b", "v0", "base");
                upload(&host.as_user("ann"), "b", "old layer");
            }
            push(&host, repository, "v9", "new layer");
            wait(&host, 2 * DAY);
            let orphans = [blob_key("old layer")];
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().orphans, orphans, "{repository}, {left}");
            let members = host.objects().iter().filter(|key| key.starts_with("members/")).count();
            let run = collect(&host, 0);
            assert_eq!((run.left_over.len(), run.orphans.as_slice()), (0, orphans.as_slice()), "{left}");
            assert_eq!(host.objects().iter().filter(|key| key.starts_with("members/")).count(), members);
            let run = host.upkeep().older_than(0).removing_orphans().collect::<Oci>().unwrap();
            assert_eq!(run.left_over, orphans);
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().orphans, Vec::<String>::new());
        }
    }
}

#[test]
fn a_member_without_its_blob_that_is_older_than_all_documents_is_an_orphan() {
    let host = host();
    push(&host, "a", "v1", "old layer");
    wait(&host, DAY);
    lose_documents(&host, "a");
    assert!(host.remove(&blob_key("old layer")));
    push(&host, "a", "v9", "new layer");
    wait(&host, DAY);
    let member = format!("members/sha256/{}/a", hex(&digest("old layer")));
    let run = collect(&host, 0);
    assert_eq!((run.left_over.len(), run.orphans), (0, vec![member.clone()]));
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Oci>().unwrap();
    assert_eq!(run.left_over, [member]);
}

#[test]
fn what_a_deleted_manifest_named_goes_however_young_the_other_documents_are() {
    let host = host();
    let ann = host.as_user("ann");
    let old = push(&host, "a", "v1", "old layer");
    wait(&host, 10 * DAY);
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{old}")).send::<Oci>().status(), 202);
    push(&host, "a", "v9", "new layer");
    wait(&host, 2 * DAY);
    // Somebody who may push has looked for it.
    let path = format!("/v2/a/blobs/{}", digest("old layer"));
    assert_eq!(ann.get(&path).send::<Oci>().status(), 200);
    assert_eq!(collect(&host, DAY).kept, 1);
    // As long as it is here, the record says why it may go.
    assert!(host.object(&format!("pushed/a/{old}")).is_some());
    wait(&host, 2 * DAY);
    let run = collect(&host, DAY);
    assert_eq!(run.left_over, [blob_key("old layer"), format!("pushed/a/{old}")]);
    assert_eq!((run.orphans.len(), run.ordered), (0, 1));
}

#[test]
fn no_loss_makes_a_blob_visible_that_a_push_did_not_prove() {
    for later in ["on", "off"] {
        for lost in [["pushed/", "-"], ["adopted/", "-"], ["pushed/", "adopted/"]] {
            let host = host().feature("sparse", true);
            push(&host, "private", "v1", "secret");
            wait(&host, DAY);
            let bob = host.as_user("bob");
            assert_eq!(put(&bob, "bob/app", "v1", &image("secret")).status(), 201);
            wait(&host, DAY);
            let lost =
                |key: &&String| key.contains("bob+app") && lost.iter().any(|start| key.starts_with(start));
            for key in host.objects().iter().filter(lost) {
                assert!(host.remove(key));
            }
            let host = host.feature("sparse", later == "on");
            let path = format!("/v2/bob/app/blobs/{}", digest("secret"));
            for _ in 0..2 {
                assert_eq!(get(&host, &path).status(), 404, "sparse {later}");
                host.upkeep().reindex::<Oci>().unwrap();
            }
            // A copy of the bucket may change either of the two times.
            let since = host.object("sparse").unwrap();
            host.insert("sparse", &since).unwrap();
            host.remove("adopted/bob+app");
            assert_eq!(get(&host, &path).status(), 404, "a mark that looks younger, sparse {later}");
            host.insert("sparse", "{torn").unwrap();
            host.remove("adopted/bob+app");
            assert_eq!(get(&host, &path).status(), 404, "a damaged mark, sparse {later}");
        }
    }
}

#[test]
fn a_mark_that_was_moved_into_the_past_with_its_manifests_is_as_good() {
    let host = host().feature("sparse", true);
    push(&host, "private", "v1", "secret");
    let bob = host.as_user("bob");
    assert_eq!(put(&bob, "bob/app", "v1", &image("secret")).status(), 201);
    let later = json!({ "since": host.now() + DAY }).to_string();
    host.insert("sparse", later).unwrap();
    for key in host.objects().iter().filter(|key| key.contains("bob+app")) {
        assert!(host.remove(key));
    }
    wait(&host, 2 * DAY);
    assert_eq!(get(&host, &format!("/v2/bob/app/blobs/{}", digest("secret"))).status(), 404);
}

#[test]
fn what_an_earlier_system_left_is_adopted_beside_manifests_that_name_what_is_not_here() {
    let host = host().feature("sparse", true);
    leave_an_index(&host, "old");
    wait(&host, DAY);
    assert_eq!(put(&host.as_user("ann"), "new", "v1", &image("elsewhere")).status(), 201);
    wait(&host, DAY);
    assert_eq!(get(&host, &format!("/v2/old/blobs/{}", digest("layer"))).status(), 200);
}

#[test]
fn a_damage_that_comes_up_while_a_collection_runs_keeps_the_blobs() {
    let host = host();
    let child = leave_an_index(&host, "old");
    assert_eq!(get(&host, &format!("/v2/old/blobs/{}", digest("layer"))).status(), 200);
    upload(&host.as_user("ann"), "old", "unnamed");
    wait(&host, 2 * DAY);
    let parent = index(&[&image("layer")]).to_string();
    let run = host.upkeep().older_than(0).between(|_| {
        let is_condemned = host.objects().iter().any(|key| key.starts_with("condemned/"));
        if is_condemned && host.remove(&manifest_key("old", &child)) {
            // Seen by the second marking.
            host.insert(&manifest_key("old", &digest(&parent)), &parent).unwrap();
        }
    });
    let run = run.collect::<Oci>().unwrap();
    assert_eq!((run.left_over.len(), run.damaged), (0, vec![manifest_key("old", &digest(&parent))]));
    assert!(has_blob(&host, "unnamed") && has_blob(&host, "layer"));
}

#[test]
fn the_tags_of_an_adopted_repository_that_were_lost_are_not_written_over() {
    let host = host();
    leave_an_index(&host, "old");
    assert_eq!(get(&host, &format!("/v2/old/blobs/{}", digest("layer"))).status(), 200);
    wait(&host, DAY);
    assert!(host.remove("tags/old/tags.json"));
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, ["tags/old/tags.json"]);
    for path in ["/v2/old/manifests/v1", "/v2/old/tags/list"] {
        assert_refused(&get(&host, path), 500, "UNKNOWN", "damaged");
    }
    let reply = put(&host.as_user("ann"), "old", "v2", &image("layer"));
    assert_refused(&reply, 500, "UNKNOWN", "damaged");
    let run = host.upkeep().reindex::<Oci>().unwrap();
    assert_eq!((run.damaged.len(), run.rebuilt), (1, vec!["tags/old/tags.json".to_owned()]));
    assert_eq!(put(&host.as_user("ann"), "old", "v2", &image("layer")).status(), 201);
}

#[test]
fn a_referrer_that_cannot_be_read_is_reported_and_rebuilt() {
    let host = host();
    let subject = push(&host, "a", "v1", "layer");
    let mut artifact = image("layer");
    artifact["subject"] = json!({ "mediaType": IMAGE_MANIFEST, "digest": subject, "size": 1 });
    assert_eq!(put(&host.as_user("ann"), "a", "about", &artifact).status(), 201);
    let key = format!("referrers/a/{subject}/{}", digest(artifact.to_string()));
    host.insert(&key, "{torn").unwrap();
    wait(&host, DAY);
    assert_refused(&get(&host, &format!("/v2/a/referrers/{subject}")), 500, "UNKNOWN", "damaged");
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, std::slice::from_ref(&key));
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, [key]);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_referrer_that_is_gone_or_about_another_manifest_is_reported_and_rebuilt() {
    for damage in ["gone", "swapped"] {
        let host = host();
        let subject = push(&host, "a", "v1", "layer");
        let mut keys = Vec::new();
        for note in ["one", "two"] {
            let mut artifact = image("layer");
            artifact["subject"] = json!({ "mediaType": IMAGE_MANIFEST, "digest": subject, "size": 1 });
            artifact["annotations"] = json!({ "note": note });
            assert_eq!(put(&host.as_user("ann"), "a", note, &artifact).status(), 201);
            keys.push(format!("referrers/a/{subject}/{}", digest(artifact.to_string())));
        }
        let path = format!("/v2/a/referrers/{subject}");
        let whole = get(&host, &path).json();
        match damage {
            "gone" => assert!(host.remove(&keys[0])),
            _ => drop(host.insert(&keys[0], host.object(&keys[1]).unwrap()).unwrap()),
        }
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged.len(), usize::from(damage != "gone"));
        wait(&host, DAY);
        if damage == "swapped" {
            assert_refused(&get(&host, &path), 500, "UNKNOWN", "damaged");
        }
        let run = host.upkeep().verify::<Oci>().unwrap();
        assert_eq!(run.damaged, keys[..1], "{damage}");
        assert!(run.lines.join("\n").contains("packhouse reindex"), "{:?}", run.lines);
        assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, keys[..1], "{damage}");
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        assert_eq!(get(&host, &path).json(), whole);
    }
}

#[test]
fn an_upload_that_was_given_up_goes_although_requests_deleted_all_older_documents() {
    let host = host();
    let ann = host.as_user("ann");
    let old = push(&host, "a", "latest", "old layer");
    wait(&host, DAY);
    upload(&ann, "a", "given up");
    wait(&host, HOUR);
    push(&host, "a", "latest", "new layer");
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{old}")).send::<Oci>().status(), 202);
    wait(&host, 2 * DAY);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().orphans, Vec::<String>::new());
    let run = collect(&host, DAY);
    let mut expected = vec![blob_key("old layer"), blob_key("given up")];
    expected.sort();
    expected.push(format!("pushed/a/{old}"));
    assert_eq!((run.orphans.len(), run.left_over), (0, expected));
}
