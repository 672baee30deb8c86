//! Looking after the bucket: collecting, rebuilding, verifying.

use packhouse_plugin::testing::Outcome;

use super::*;

pub(super) const HOUR: u64 = 3_600_000;
pub(super) const DAY: u64 = 24 * HOUR;

/// Time passes.
pub(super) fn wait(host: &Host, milliseconds: u64) {
    host.set_now(host.now() + milliseconds);
}

pub(super) fn collect(host: &Host, older_than: u64) -> Outcome {
    host.upkeep().older_than(older_than).collect::<Oci>().unwrap()
}

pub(super) fn blob_key(bytes: &str) -> String {
    format!("blobs/sha256/{}", hex(&digest(bytes)))
}

pub(super) fn has_blob(host: &Host, bytes: &str) -> bool {
    host.object(&blob_key(bytes)).is_some()
}

/// Keys that the collection keeps for itself or pushes.
fn passing(host: &Host) -> Vec<String> {
    let objects = host.objects().into_iter();
    objects.filter(|key| key.starts_with("condemned/") || key.starts_with("pending/")).collect()
}

#[test]
fn blobs_that_no_manifest_names_are_removed_after_the_grace() {
    let host = host();
    push(&host, "a", "v1", "layer");
    upload(&host.as_user("ann"), "a", "unnamed");
    upload(&host.as_user("ann"), "b", "unnamed");
    let early = collect(&host, DAY);
    assert_eq!((early.left_over.len(), early.kept), (0, 1));
    wait(&host, DAY + 1);
    let dry = host.upkeep().dry_run().collect::<Oci>().unwrap();
    assert_eq!(dry.left_over, [blob_key("unnamed")]);
    assert!(has_blob(&host, "unnamed"));
    let run = collect(&host, DAY);
    assert_eq!(run.left_over, [blob_key("unnamed")]);
    assert_eq!(run.left_over_bytes, "unnamed".len() as u64);
    assert!(!has_blob(&host, "unnamed") && has_blob(&host, "layer") && has_blob(&host, "{}"));
    assert!(!host.objects().iter().any(|key| key.contains(hex(&digest("unnamed")))), "members go too");
    assert!(passing(&host).is_empty());
    assert_eq!(collect(&host, 0).left_over, Vec::<String>::new());
    assert_eq!(get(&host, "/v2/a/manifests/v1").status(), 200);
}

#[test]
fn children_and_referrers_name_too_and_a_deleted_manifest_no_longer() {
    let host = host();
    let ann = host.as_user("ann");
    let child = push(&host, "a", "child", "layer of a child");
    let parent = index(&[&image("layer of a child")]);
    assert_eq!(put(&ann, "a", "v1", &parent).status(), 201);
    assert_eq!(ann.delete("/v2/a/manifests/child").send::<Oci>().status(), 202);
    let cache = json!({ "schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": [descriptor("cached")] });
    upload(&ann, "a", "cached");
    assert_eq!(put(&ann, "a", "cache", &cache).status(), 201);
    wait(&host, HOUR);
    assert_eq!(collect(&host, 0).left_over, Vec::<String>::new(), "untagged is not unnamed");
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{child}")).send::<Oci>().status(), 202);
    wait(&host, HOUR);
    let mut expected = [blob_key("layer of a child"), blob_key("{}")];
    expected.sort();
    assert_eq!(collect(&host, 0).left_over, expected);
}

#[test]
fn a_blob_that_was_confirmed_lately_is_kept() {
    let host = host();
    let ann = host.as_user("ann");
    push(&host, "a", "v0", "base");
    let digest = upload(&ann, "a", "layer");
    wait(&host, 2 * DAY);
    assert_eq!(ann.request("HEAD", &format!("/v2/a/blobs/{digest}")).send::<Oci>().status(), 200);
    let run = collect(&host, DAY);
    assert_eq!((run.left_over.len(), run.kept), (0, 1));
    wait(&host, DAY + 1);
    let mount = ann.post(&format!("/v2/b/blobs/uploads/?mount={digest}&from=a")).send::<Oci>();
    assert_eq!(mount.status(), 201);
    assert_eq!(collect(&host, DAY).kept, 1);
    wait(&host, DAY + 1);
    assert_eq!(collect(&host, DAY).left_over.len(), 1);
}

#[test]
fn whoever_pushes_between_any_two_steps_loses_nothing() {
    let steps = {
        let host = host();
        push(&host, "a", "v0", "base");
        upload(&host.as_user("ann"), "a", "layer");
        wait(&host, HOUR);
        collect(&host, 0).steps
    };
    assert!(steps > 8, "{steps}");
    for at in 1..steps {
        for fresh in [true, false] {
            let host = host();
            let ann = host.as_user("ann");
            push(&host, "a", "v0", "base");
            upload(&ann, "a", "layer");
            wait(&host, HOUR);
            let mut pushed = None;
            let run = host.upkeep().older_than(0).between(|step| {
                if step == at {
                    wait(&host, HOUR);
                    if fresh {
                        upload(&ann, "a", "layer");
                    }
                    pushed = Some(put(&ann, "a", "v1", &image("layer")).status());
                }
            });
            run.collect::<Oci>().unwrap();
            let whole = has_blob(&host, "layer") && has_blob(&host, "{}");
            match pushed {
                Some(201) => assert!(whole, "at {at}, fresh {fresh}: an acknowledged manifest lacks a blob"),
                Some(404) => assert!(!whole, "at {at}, fresh {fresh}: refused without need"),
                other => panic!("at {at}: {other:?}"),
            }
            assert!(passing(&host).is_empty(), "at {at}: {:?}", passing(&host));
            if whole {
                let blob = get(&host, &format!("/v2/a/blobs/{}", digest("layer")));
                assert_eq!(blob.status(), 200, "at {at}");
            }
        }
    }
}

#[test]
fn a_push_that_is_under_way_keeps_its_blobs_for_an_hour() {
    let host = host();
    push(&host, "a", "v0", "base");
    upload(&host.as_user("ann"), "a", "layer");
    wait(&host, DAY);
    let pending = json!({ "repository": "a", "blobs": [digest("layer")] }).to_string();
    host.insert("pending/one", &pending).unwrap();
    assert_eq!(collect(&host, 0).left_over, Vec::<String>::new());
    wait(&host, HOUR + 1);
    assert_eq!(collect(&host, 0).left_over, ["pending/one".to_owned(), blob_key("layer")]);
}

#[test]
fn what_another_run_has_in_its_hands_is_left_to_it_until_it_is_dead() {
    let host = host();
    let ann = host.as_user("ann");
    push(&host, "a", "v0", "base");
    for bytes in ["condemned", "deleting"] {
        upload(&ann, "a", bytes);
    }
    wait(&host, DAY);
    for state in ["condemned", "deleting"] {
        let key = format!("condemned/sha256/{}", hex(&digest(state)));
        host.insert(&key, json!({ "run": "other", "state": state }).to_string()).unwrap();
    }
    wait(&host, 1000);
    assert_eq!(collect(&host, 0).left_over, Vec::<String>::new());
    wait(&host, HOUR + 1);
    let mut expected = [blob_key("condemned"), blob_key("deleting")];
    expected.sort();
    assert_eq!(collect(&host, 0).left_over, expected);
    assert!(passing(&host).is_empty());
}

#[test]
fn what_was_rescued_once_is_condemned_anew_when_nothing_names_it() {
    let host = host();
    push(&host, "a", "v0", "base");
    upload(&host.as_user("ann"), "a", "rescued");
    wait(&host, DAY);
    let key = format!("condemned/sha256/{}", hex(&digest("rescued")));
    host.insert(&key, json!({ "run": "other", "state": "rescued" }).to_string()).unwrap();
    wait(&host, HOUR);
    assert_eq!(collect(&host, 0).left_over, [blob_key("rescued")]);
    assert!(passing(&host).is_empty());
}

#[test]
fn a_run_that_was_killed_is_finished_by_a_later_one() {
    for killed_after in 1..12 {
        let host = host();
        push(&host, "a", "v1", "layer");
        upload(&host.as_user("ann"), "a", "unnamed");
        wait(&host, DAY);
        host.upkeep().older_than(0).killed_after(killed_after).collect::<Oci>().unwrap();
        assert!(has_blob(&host, "layer"));
        wait(&host, 2 * HOUR);
        collect(&host, 0);
        assert!(!has_blob(&host, "unnamed"), "killed after {killed_after}");
        assert!(has_blob(&host, "layer") && passing(&host).is_empty());
    }
}

/// A blob of a repository that has tags, which nothing names.
fn unnamed_beside(host: &Host, repository: &str) -> String {
    upload(&host.as_user("ann"), repository, "unnamed");
    blob_key("unnamed")
}

pub(super) fn manifest_key(repository: &str, digest: &str) -> String {
    format!("manifests/{repository}/{digest}")
}

#[test]
fn a_flipped_bit_in_a_manifest_costs_no_blob() {
    let host = host();
    let manifest = push(&host, "a", "v1", "layer");
    push(&host, "b", "v1", "other");
    let unnamed = unnamed_beside(&host, "b");
    let key = manifest_key("a", &manifest);
    // It can still be read, and names another layer.
    let whole = image("layer").to_string();
    let flipped = whole.replacen(&hex(&digest("layer"))[..1], "f", 1);
    let flipped = if flipped == whole { flipped.replace("layers", "lavers") } else { flipped };
    for bytes in [flipped, "{torn".to_owned()] {
        host.insert(&key, &bytes).unwrap();
        wait(&host, DAY);
        let run = collect(&host, 0);
        assert_eq!(run.damaged, std::slice::from_ref(&key), "{run:?}");
        assert!(has_blob(&host, "layer") && has_blob(&host, "{}"), "{run:?}");
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, std::slice::from_ref(&key));
        assert_refused(&get(&host, "/v2/a/manifests/v1"), 500, "UNKNOWN", "damaged");
    }
    assert_eq!(host.object(&unnamed), None, "another repository's left-overs go all the same");
    // Pushed again, it is whole.
    push(&host, "a", "v1", "layer");
    assert_eq!(get(&host, "/v2/a/manifests/v1").status(), 200);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_manifest_that_was_lost_costs_no_blob() {
    for tagged in [true, false] {
        let host = host();
        push(&host, "a", "v0", "base");
        let manifest = push(&host, "a", "v1", "layer");
        if !tagged {
            assert_eq!(host.as_user("ann").delete("/v2/a/manifests/v1").send::<Oci>().status(), 202);
        }
        assert!(host.remove(&manifest_key("a", &manifest)));
        wait(&host, DAY);
        let record = format!("pushed/a/{manifest}");
        let run = collect(&host, 0);
        assert_eq!((run.left_over.len(), run.orphans), (0, vec![record.clone()]), "tagged {tagged}");
        assert_eq!(run.damaged.len(), usize::from(tagged));
        assert!(has_blob(&host, "layer"));
        let found = host.upkeep().verify::<Oci>().unwrap();
        assert_eq!(found.orphans, [record]);
        let run = host.upkeep().older_than(0).removing_orphans().collect::<Oci>().unwrap();
        assert_eq!(has_blob(&host, "layer"), tagged, "a tag that stands for it keeps it: {run:?}");
    }
}

#[test]
fn a_child_that_was_lost_is_told_apart_from_one_that_was_deleted() {
    let host = host();
    let child = push(&host, "a", "child", "layer");
    let parent = index(&[&image("layer")]);
    assert_eq!(put(&host.as_user("ann"), "a", "v1", &parent).status(), 201);
    let ann = host.as_user("ann");
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{child}")).send::<Oci>().status(), 202);
    wait(&host, DAY);
    let run = collect(&host, 0);
    assert_eq!((run.damaged.len(), run.orphans.len(), run.left_over.len()), (0, 0, 2), "{run:?}");
    assert_eq!(run.ordered, 2, "a request marked it");
    push(&host, "a", "child", "layer");
    assert!(host.remove(&manifest_key("a", &child)));
    wait(&host, DAY);
    let run = collect(&host, 0);
    assert!(run.damaged.len() + run.orphans.len() > 1 && run.left_over.is_empty(), "{run:?}");
}

#[test]
fn a_manifest_of_an_earlier_system_that_cannot_be_read_keeps_all_blobs() {
    let host = host();
    push(&host, "b", "v1", "layer");
    let unnamed = unnamed_beside(&host, "b");
    let key = manifest_key("old", &digest("whole"));
    host.insert(&key, "torn").unwrap();
    wait(&host, DAY);
    let run = collect(&host, 0);
    assert_eq!((run.left_over.len(), run.damaged), (0, vec![key]));
    assert!(host.object(&unnamed).is_some());
}

#[test]
fn a_blob_of_no_repository_with_tags_goes_only_when_that_is_ordered() {
    let host = host();
    let ann = host.as_user("ann");
    host.insert(&blob_key("memberless"), "memberless").unwrap();
    upload(&ann, "new", "of a first push");
    upload(&ann, "new", "deleted");
    let path = format!("/v2/new/blobs/{}", digest("deleted"));
    assert_eq!(ann.delete(&path).send::<Oci>().status(), 202);
    assert_eq!(get(&host, &path).status(), 404);
    wait(&host, 2 * DAY);
    let run = collect(&host, 0);
    assert_eq!(run.left_over, [blob_key("deleted")], "a request marked it");
    let mut orphans = [blob_key("memberless"), blob_key("of a first push")];
    orphans.sort();
    assert_eq!(run.orphans, orphans);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().orphans.len(), 2);
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Oci>().unwrap();
    assert_eq!(run.left_over, orphans);
}

#[test]
fn without_a_grace_what_may_be_under_way_still_has_five_minutes() {
    let host = host();
    push(&host, "a", "v1", "layer");
    unnamed_beside(&host, "a");
    wait(&host, 4 * 60_000);
    assert_eq!(collect(&host, 0).kept, 1);
    wait(&host, 2 * 60_000);
    assert_eq!(collect(&host, 0).left_over, [blob_key("unnamed")]);
}

/// Every way in which a manifest can name a blob that its repository need not have.
fn traps(secret: &str) -> Vec<(&'static str, Value)> {
    let with = |name: &str, value: Value| {
        let mut manifest = image("mine");
        manifest[name] = value;
        manifest
    };
    let mut urls = descriptor(secret);
    urls["urls"] = json!(["https://elsewhere.example/"]);
    let mut kind = descriptor(secret);
    kind["mediaType"] = json!("application/vnd.oci.image.layer.nondistributable.v1.tar");
    vec![
        ("urls", with("layers", json!([descriptor("mine"), urls]))),
        ("a media type", with("layers", json!([descriptor("mine"), kind]))),
        ("fsLayers", with("fsLayers", json!([{ "blobSum": digest(secret) }]))),
        ("subject", with("subject", descriptor(secret))),
        ("an unknown member", with("extra", json!([descriptor(secret)]))),
    ]
}

#[test]
fn no_manifest_that_was_pushed_makes_a_blob_visible_that_its_push_did_not_prove() {
    for adopted in [true, false] {
        for (what, manifest) in traps("secret") {
            let host = host();
            push(&host, "private", "v1", "secret");
            let bob = host.as_user("bob");
            upload(&bob, "bob/app", "{}");
            upload(&bob, "bob/app", "mine");
            assert_eq!(put(&bob, "bob/app", "v1", &manifest).status(), 201, "{what}");
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new(), "{what}");
            if !adopted {
                assert!(host.remove("adopted/bob+app"));
            }
            let path = format!("/v2/bob/app/blobs/{}", digest("secret"));
            assert_eq!(get(&host, &path).status(), 404, "{what}");
            host.upkeep().reindex::<Oci>().unwrap();
            assert_eq!(get(&host, &path).status(), 404, "{what}, adopted {adopted}");
            assert_eq!(get(&host, &format!("/v2/bob/app/blobs/{}", digest("mine"))).status(), 200);
        }
    }
}

#[test]
fn where_manifests_may_name_what_is_missing_nothing_becomes_visible_either() {
    let host = host().feature("sparse", true);
    push(&host, "private", "v1", "secret");
    let bob = host.as_user("bob");
    assert_eq!(put(&bob, "bob/app", "v1", &image("secret")).status(), 201);
    let path = format!("/v2/bob/app/blobs/{}", digest("secret"));
    for _ in 0..2 {
        assert_eq!(get(&host, &path).status(), 404);
        host.upkeep().reindex::<Oci>().unwrap();
    }
}

#[test]
fn what_interrupted_requests_leave_is_removed() {
    let host = host();
    push(&host, "a", "v1", "layer");
    let (layer, gone) = (hex(&digest("layer")).to_owned(), digest("gone"));
    let note = format!("members/sha256/{layer}/b");
    host.insert(&note, br#"{"upload":true}"#).unwrap();
    let member = format!("members/sha256/{}/a", hex(&gone));
    let referrer = format!("referrers/a/{gone}/{gone}");
    let kind = format!("types/a/{gone}");
    for key in [&member, &referrer, &kind] {
        host.insert(key, "{}").unwrap();
    }
    wait(&host, DAY + 1);
    let mut removed = collect(&host, DAY).left_over;
    removed.sort();
    let mut expected = vec![note, member, referrer, kind];
    expected.sort();
    assert_eq!(removed, expected);
}

#[test]
fn all_that_is_derived_is_rebuilt_byte_for_byte() {
    let host = host();
    let subject = push(&host, "a", "v1", "layer");
    push(&host, "a/b", "v1", "other");
    let mut artifact = image("layer");
    artifact["subject"] = json!({ "mediaType": IMAGE_MANIFEST, "digest": subject, "size": 1 });
    artifact["annotations"] = json!({ "z": "1", "a": "2" });
    assert_eq!(put(&host.as_user("ann"), "a", "about", &artifact).status(), 201);
    let everything = || -> Vec<(String, Vec<u8>)> {
        host.objects().into_iter().map(|key| (key.clone(), host.object(&key).unwrap())).collect()
    };
    let before = everything();
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, Vec::<String>::new(), "all is well");
    let derived: Vec<String> = host
        .objects()
        .into_iter()
        .filter(|key| ["members/", "referrers/", "adopted/"].iter().any(|start| key.starts_with(start)))
        .collect();
    for key in &derived {
        assert!(host.remove(key));
    }
    let dry = host.upkeep().dry_run().reindex::<Oci>().unwrap();
    let mut rebuilt = host.upkeep().reindex::<Oci>().unwrap().rebuilt;
    assert_eq!(rebuilt.len(), dry.rebuilt.len());
    rebuilt.sort();
    assert_eq!(rebuilt, derived);
    assert_eq!(everything(), before);
}

#[test]
fn what_was_copied_in_by_hand_is_found_after_a_reindex() {
    let host = host();
    push(&host, "a", "v1", "layer");
    let text = image("copied").to_string();
    host.insert(&blob_key("copied"), "copied").unwrap();
    host.insert(&format!("manifests/a/{}", digest(&text)), &text).unwrap();
    let path = format!("/v2/a/blobs/{}", digest("copied"));
    assert_eq!(get(&host, &path).status(), 404);
    let fault = host.upkeep().verify::<Oci>().unwrap().damaged;
    assert!(fault[0].contains(&digest(&text)), "{fault:?}");
    host.upkeep().reindex::<Oci>().unwrap();
    assert_eq!(get(&host, &path).status(), 200);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn verifying_finds_every_kind_of_damage_and_nothing_else() {
    let host = host();
    let manifest = push(&host, "a", "v1", "layer");
    push(&host, "b", "v1", "other");
    let clean = host.upkeep().verify::<Oci>().unwrap();
    assert_eq!((clean.damaged.len(), clean.checked), (0, 7), "{clean:?}");
    host.insert(&blob_key("layer"), "changed").unwrap();
    host.insert(&format!("manifests/a/{manifest}"), "changed").unwrap();
    assert!(host.remove(&blob_key("other")));
    host.insert("tags/b/tags.json", json!({ "gone": digest("gone") }).to_string()).unwrap();
    host.insert("tags/a/tags.json", "broken").unwrap();
    let before = host.objects();
    wait(&host, HOUR);
    let found = host.upkeep().verify::<Oci>().unwrap();
    let mut damaged = found.damaged;
    damaged.sort();
    let mut expected = vec![
        blob_key("layer"),
        // Repositories say that they have it, and a manifest names it.
        blob_key("other"),
        format!("manifests/a/{manifest}"),
        format!("manifests/b/{}", digest(image("other").to_string())),
        "tags/a/tags.json".to_owned(),
        "tags/b/tags.json".to_owned(),
    ];
    expected.sort();
    assert_eq!(damaged, expected);
    assert_eq!(host.objects(), before);
}
