//! Looking after the bucket: collecting, rebuilding, verifying.

use packhouse_plugin::Error;
use packhouse_plugin::testing::Outcome;

use super::*;

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

/// Time passes.
fn wait(host: &Host, milliseconds: u64) {
    host.set_now(host.now() + milliseconds);
}

fn collect(host: &Host, older_than: u64) -> Outcome {
    host.upkeep().older_than(older_than).collect::<Oci>().unwrap()
}

fn blob_key(bytes: &str) -> String {
    format!("blobs/sha256/{}", hex(&digest(bytes)))
}

fn has_blob(host: &Host, bytes: &str) -> bool {
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
    wait(&host, 1000);
    assert_eq!(collect(&host, 0).left_over, Vec::<String>::new(), "untagged is not unnamed");
    assert_eq!(ann.delete(&format!("/v2/a/manifests/{child}")).send::<Oci>().status(), 202);
    wait(&host, 1000);
    let mut expected = [blob_key("layer of a child"), blob_key("{}")];
    expected.sort();
    assert_eq!(collect(&host, 0).left_over, expected);
}

#[test]
fn a_blob_that_was_confirmed_lately_is_kept() {
    let host = host();
    let ann = host.as_user("ann");
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
        upload(&host.as_user("ann"), "a", "layer");
        wait(&host, 1000);
        collect(&host, 0).steps
    };
    assert!(steps > 8, "{steps}");
    for at in 1..steps {
        for fresh in [true, false] {
            let host = host();
            let ann = host.as_user("ann");
            upload(&ann, "a", "{}");
            upload(&ann, "a", "layer");
            wait(&host, HOUR);
            let mut pushed = None;
            let run = host.upkeep().older_than(0).between(|step| {
                if step == at {
                    wait(&host, 1000);
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
    upload(&host.as_user("ann"), "a", "rescued");
    wait(&host, DAY);
    let key = format!("condemned/sha256/{}", hex(&digest("rescued")));
    host.insert(&key, json!({ "run": "other", "state": "rescued" }).to_string()).unwrap();
    wait(&host, 1000);
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

#[test]
fn a_manifest_that_cannot_be_read_stops_the_removal() {
    let host = host();
    upload(&host.as_user("ann"), "a", "unnamed");
    let key = format!("manifests/a/{}", digest("broken"));
    host.insert(&key, "broken").unwrap();
    wait(&host, DAY);
    let error = host.upkeep().older_than(0).collect::<Oci>().unwrap_err();
    assert!(matches!(&error, Error::Invalid(sentence) if sentence.contains(&key)), "{error}");
    assert!(has_blob(&host, "unnamed"));
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
    assert_eq!((clean.damaged.len(), clean.checked), (0, 7));
    host.insert(&blob_key("layer"), "changed").unwrap();
    host.insert(&format!("manifests/a/{manifest}"), "changed").unwrap();
    assert!(host.remove(&blob_key("other")));
    host.insert("tags/b/tags.json", json!({ "gone": digest("gone") }).to_string()).unwrap();
    host.insert("tags/a/tags.json", "broken").unwrap();
    let before = host.objects();
    let found = host.upkeep().verify::<Oci>().unwrap();
    let mut damaged = found.damaged;
    damaged.sort();
    let mut expected = vec![
        blob_key("layer"),
        format!("manifests/a/{manifest}"),
        format!("manifests/b/{}", digest(image("other").to_string())),
        "tags/a/tags.json".to_owned(),
        "tags/b/tags.json".to_owned(),
    ];
    expected.sort();
    assert_eq!(damaged, expected);
    assert_eq!(host.objects(), before);
}
