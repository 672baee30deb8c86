//! Blobs, manifests and tags that were lost or damaged in the store: never served, never taken
//! for something that was not there, and repaired by the next push.

use super::*;

const HOUR: u64 = 3_600_000;

fn wait(host: &Host) {
    host.set_now(host.now() + HOUR);
}

fn blob_key(bytes: &str) -> String {
    format!("blobs/sha256/{}", hex(&digest(bytes)))
}

fn head(by: &Actor, path: &str) -> u16 {
    by.request("HEAD", path).send::<Oci>().status()
}

fn logged(host: &Host, text: &str) -> bool {
    host.log().iter().any(|line| format!("{line:?}").contains(text))
}

fn start_of(what: &str, damage: &str) -> String {
    match damage {
        "emptied" => String::new(),
        "truncated" => what[..what.len() - 1].to_owned(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_blob_of_another_size_is_not_served_and_is_repaired_by_the_next_push() {
    for damage in ["emptied", "truncated", "lost"] {
        for repair in ["at once", "in a session", "with a session that ends with it"] {
            let host = host();
            let ann = host.as_user("ann");
            push(&host, "a", "v1", "layer");
            let (blob, key) = (digest("layer"), blob_key("layer"));
            if damage == "lost" {
                assert!(host.remove(&key));
            } else {
                host.insert(&key, start_of("layer", damage)).unwrap();
            }
            wait(&host);
            let path = format!("/v2/a/blobs/{blob}");
            assert_refused(&get(&host, &path), 500, "UNKNOWN", "damaged");
            assert!(logged(&host, &key), "{damage}");
            assert_refused(&ann.get(&path).send::<Oci>(), 500, "UNKNOWN", "damaged");
            assert_eq!(head(&host.anonymous(), &path), 500);
            assert_eq!(
                head(&ann, &path),
                404,
                "a client that pushes sends what is missing, and nothing after a 500"
            );
            assert!(!host.upkeep().verify::<Oci>().unwrap().damaged.is_empty());
            let reply = put(&ann, "a", "v2", &image("layer"));
            assert_refused(&reply, 404, "MANIFEST_BLOB_UNKNOWN", &blob);
            if repair == "at once" {
                upload(&ann, "a", "layer");
            } else {
                let start = ann.post("/v2/a/blobs/uploads/").send::<Oci>();
                let session = start.header("location").unwrap().strip_prefix("/oci").unwrap().to_owned();
                let ends_with_it = repair != "in a session";
                if !ends_with_it {
                    assert_eq!(ann.patch(&session).body("layer").send::<Oci>().status(), 202);
                }
                let body = if ends_with_it { "layer" } else { "" };
                let end = ann.put(&format!("{session}?digest={blob}")).body(body).send::<Oci>();
                assert_eq!(end.status(), 201, "{}", end.text());
            }
            assert_eq!(get(&host, &path).bytes(), b"layer", "{damage}, repaired {repair}");
            assert_eq!(head(&ann, &path), 200);
            assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        }
    }
}

#[test]
fn a_small_blob_with_other_bytes_is_not_served_and_is_repaired_by_the_next_push() {
    let host = host();
    let ann = host.as_user("ann");
    push(&host, "a", "v1", "layer");
    let (path, key) = (format!("/v2/a/blobs/{}", digest("layer")), blob_key("layer"));
    host.insert(&key, "lawyer".get(..5).unwrap()).unwrap();
    wait(&host);
    assert_refused(&get(&host, &path), 500, "UNKNOWN", "damaged");
    assert!(logged(&host, &key));
    assert_eq!((head(&host.anonymous(), &path), head(&ann, &path)), (500, 404));
    upload(&ann, "a", "layer");
    assert_eq!(get(&host, &path).bytes(), b"layer");
    assert_eq!(head(&ann, &path), 200);
}

#[test]
fn a_large_blob_with_other_bytes_is_found_by_verify() {
    let host = host();
    let large = "x".repeat(100_000);
    push(&host, "a", "v1", &large);
    let key = blob_key(&large);
    host.insert(&key, "y".repeat(100_000)).unwrap();
    wait(&host);
    assert_eq!(
        get(&host, &format!("/v2/a/blobs/{}", digest(&large))).status(),
        200,
        "the client verifies it"
    );
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, [key]);
}

#[test]
fn a_damaged_blob_is_not_mounted() {
    for damage in ["emptied", "lost"] {
        let host = host();
        let ann = host.as_user("ann");
        let blob = upload(&ann, "a", "layer");
        match damage {
            "lost" => assert!(host.remove(&blob_key("layer"))),
            _ => drop(host.insert(&blob_key("layer"), "").unwrap()),
        }
        for query in [format!("mount={blob}&from=a"), format!("mount={blob}")] {
            let reply = ann.post(&format!("/v2/b/blobs/uploads/?{query}")).send::<Oci>();
            assert_eq!(reply.status(), 202, "{damage}: {query}");
        }
        upload(&ann, "b", "layer");
        assert_eq!(
            get(&host, &format!("/v2/a/blobs/{blob}")).bytes(),
            b"layer",
            "one push repairs it for all"
        );
        let mounted = ann.post(&format!("/v2/c/blobs/uploads/?mount={blob}&from=b")).send::<Oci>();
        assert_eq!(mounted.status(), 201);
        host.insert(&blob_key("layer"), "").unwrap();
        assert_eq!(get(&host, &format!("/v2/c/blobs/{blob}")).status(), 500, "a mount knows the size too");
    }
}

#[test]
fn what_is_lost_can_be_deleted() {
    let host = host();
    let ann = host.as_user("ann");
    let blob = upload(&ann, "a", "layer");
    assert!(host.remove(&blob_key("layer")));
    let path = format!("/v2/a/blobs/{blob}");
    assert_eq!(get(&host, &path).status(), 500);
    assert_eq!(ann.delete(&path).send::<Oci>().status(), 202);
    assert_eq!(get(&host, &path).status(), 404);
}

#[test]
fn a_blob_on_its_way_out_is_not_damaged() {
    let host = host();
    let blob = upload(&host.as_user("ann"), "a", "layer");
    let key = format!("condemned/sha256/{}", hex(&blob));
    host.insert(&key, json!({ "run": "other", "state": "deleting" }).to_string()).unwrap();
    assert!(host.remove(&blob_key("layer")));
    let path = format!("/v2/a/blobs/{blob}");
    assert_eq!(get(&host, &path).status(), 404);
    wait(&host);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn older_members_without_a_size_stay_valid_and_learn_it_from_manifests() {
    let host = host();
    push(&host, "a", "v1", "layer");
    let (blob, key) = (digest("layer"), blob_key("layer"));
    let member = format!("members/sha256/{}/a", hex(&blob));
    host.insert(&member, "{}").unwrap();
    let path = format!("/v2/a/blobs/{blob}");
    wait(&host);
    assert_eq!(host.as_user("ann").get(&path).send::<Oci>().status(), 200);
    assert_eq!(host.object(&member).unwrap(), b"{}", "an unverified size is not written");
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, std::slice::from_ref(&member));
    assert_eq!(host.object_json(&member), json!({ "size": 5 }));
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, Vec::<String>::new());
    host.insert(&key, "").unwrap();
    assert_eq!(get(&host, &path).status(), 500);
    // One that is damaged when it is looked at first keeps an unknown size.
    host.insert(&member, "{}").unwrap();
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, Vec::<String>::new());
    let damaged = host.upkeep().verify::<Oci>().unwrap().damaged;
    assert_eq!(damaged, [key]);
}

#[test]
fn a_member_that_cannot_be_read_is_damage_and_is_written_anew_by_a_push() {
    let host = host();
    let ann = host.as_user("ann");
    let blob = upload(&ann, "a", "layer");
    let member = format!("members/sha256/{}/a", hex(&blob));
    let path = format!("/v2/a/blobs/{blob}");
    for bytes in ["", "{torn", "[]", "null"] {
        host.insert(&member, bytes).unwrap();
        assert_refused(&get(&host, &path), 500, "UNKNOWN", "damaged");
        assert!(logged(&host, &member));
        upload(&ann, "a", "layer");
        assert_eq!(get(&host, &path).status(), 200);
    }
}

#[test]
fn a_manifest_that_was_lost_is_not_unknown_and_comes_back_with_the_next_push() {
    let host = host();
    let ann = host.as_user("ann");
    let manifest = push(&host, "a", "v1", "layer");
    let key = format!("manifests/a/{manifest}");
    assert!(host.remove(&key));
    let (by_tag, by_digest) = ("/v2/a/manifests/v1".to_owned(), format!("/v2/a/manifests/{manifest}"));
    assert_refused(&get(&host, &by_tag), 500, "UNKNOWN", "damaged");
    assert_eq!(get(&host, &by_digest).status(), 404, "its push may be under way");
    wait(&host);
    for path in [&by_tag, &by_digest] {
        assert_refused(&get(&host, path), 500, "UNKNOWN", "damaged");
        assert_refused(&ann.get(path).send::<Oci>(), 500, "UNKNOWN", "damaged");
        assert_eq!((head(&host.anonymous(), path), head(&ann, path)), (500, 404), "{path}");
    }
    assert!(logged(&host, &key));
    push(&host, "a", "v1", "layer");
    for path in [&by_tag, &by_digest] {
        assert_eq!((get(&host, path).status(), head(&ann, path)), (200, 200));
    }
    host.insert(&key, "").unwrap();
    assert_eq!((head(&host.anonymous(), &by_tag), head(&ann, &by_tag)), (500, 404), "damaged, as lost");
    push(&host, "a", "v1", "layer");
    assert_eq!(ann.delete(&by_digest).send::<Oci>().status(), 202);
    wait(&host);
    for path in [&by_tag, &by_digest] {
        assert_eq!(get(&host, path).status(), 404, "a request deleted it");
    }
}

#[test]
fn tags_that_were_lost_or_emptied_are_reported_and_not_written_over() {
    for damage in ["lost", "emptied"] {
        let host = host();
        let ann = host.as_user("ann");
        push(&host, "a/b", "v1", "layer");
        push(&host, "other", "v1", "layer");
        let key = "tags/a/b/tags.json".to_owned();
        match damage {
            "lost" => assert!(host.remove(&key)),
            _ => drop(host.insert(&key, "{}").unwrap()),
        }
        wait(&host);
        let found = host.upkeep().verify::<Oci>().unwrap();
        assert_eq!(found.damaged, std::slice::from_ref(&key), "{damage}");
        for path in ["/v2/a/b/manifests/v1", "/v2/a/b/tags/list"] {
            assert_refused(&get(&host, path), 500, "UNKNOWN", "damaged");
        }
        assert!(logged(&host, "reindex"));
        let reply = put(&ann, "a/b", "v2", &image("layer"));
        assert_refused(&reply, 500, "UNKNOWN", "damaged");
        assert_eq!(get(&host, "/v2/other/manifests/v1").status(), 200);
        let run = host.upkeep().reindex::<Oci>().unwrap();
        assert_eq!((&run.rebuilt, &run.damaged), (&vec![key.clone()], &vec![key]), "the loss is told");
        assert_eq!(get(&host, "/v2/a/b/tags/list").json()["tags"], json!(["v1"]));
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
        push(&host, "a/b", "v2", "layer");
        assert_eq!(get(&host, "/v2/a/b/tags/list").json()["tags"], json!(["v1", "v2"]));
    }
}

#[test]
fn tags_that_requests_removed_are_not_lost() {
    let host = host();
    let ann = host.as_user("ann");
    let one = push(&host, "a", "v1", "layer");
    assert_eq!(put(&ann, "b", "v1", &json!({ "layers": [] })).status(), 400);
    assert_eq!(ann.delete("/v2/a/manifests/v1").send::<Oci>().status(), 202);
    let two = push(&host, "untagged", &digest(image("layer").to_string()), "layer");
    assert_eq!(one, two);
    // As an earlier version left it.
    host.insert("tags/untagged/tags.json", "{}").unwrap();
    wait(&host);
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    for repository in ["a", "untagged"] {
        assert_eq!(get(&host, &format!("/v2/{repository}/manifests/v1")).status(), 404);
        assert_eq!(get(&host, &format!("/v2/{repository}/tags/list")).json()["tags"], json!([]));
        push(&host, repository, "v2", "layer");
    }
    assert_eq!(host.upkeep().reindex::<Oci>().unwrap().rebuilt, Vec::<String>::new());
}

#[test]
fn what_the_next_collection_removes_is_reported() {
    let host = host();
    push(&host, "a", "v1", "layer");
    let gone = digest("gone");
    let left = [
        format!("members/sha256/{}/a", hex(&gone)),
        format!("referrers/a/{gone}/{gone}"),
        format!("types/a/{gone}"),
    ];
    for key in &left {
        host.insert(key, "{}").unwrap();
    }
    assert_eq!(host.upkeep().verify::<Oci>().unwrap().orphans, Vec::<String>::new(), "they are young");
    wait(&host);
    let found = host.upkeep().verify::<Oci>().unwrap();
    assert_eq!((found.orphans, found.damaged.len()), (left.to_vec(), 0));
}

#[test]
fn a_file_where_a_folder_belongs_is_a_logged_error_that_names_no_key() {
    let host = host();
    let ann = host.as_user("ann");
    host.insert("blobs/sha256", "in the way").unwrap();
    let blob = digest("layer");
    let at_once = ann.post(&format!("/v2/a/blobs/uploads/?digest={blob}")).body("layer").send::<Oci>();
    let start = ann.post("/v2/a/blobs/uploads/").send::<Oci>();
    let session = start.header("location").unwrap().strip_prefix("/oci").unwrap().to_owned();
    let whole = ann.put(&format!("{session}?digest={blob}")).body("layer").send::<Oci>();
    assert_eq!(ann.patch(&session).body("layer").send::<Oci>().status(), 202);
    let in_parts = ann.put(&format!("{session}?digest={blob}")).send::<Oci>();
    for reply in [at_once, whole, in_parts] {
        assert_refused(&reply, 500, "UNKNOWN", "damaged");
        assert!(!reply.text().contains("blobs/"), "{}", reply.text());
    }
    assert!(logged(&host, "blobs/sha256"));
    assert!(host.remove("blobs/sha256"));
    push(&host, "a", "v1", "layer");
    host.insert("tags/b", "in the way").unwrap();
    upload(&ann, "b", "{}");
    upload(&ann, "b", "layer");
    let reply = put(&ann, "b", "v1", &image("layer"));
    assert_refused(&reply, 500, "UNKNOWN", "damaged");
    assert!(logged(&host, "tags/b"));
}

/// What becomes of a document: nothing is left, half, another one, something comes behind it.
fn damages(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut longer = bytes.to_vec();
    longer.extend(b"}x");
    vec![Vec::new(), bytes[..bytes.len() / 2].to_vec(), b"{}".to_vec(), longer]
}

#[test]
fn a_damaged_record_is_reported_by_its_key_and_stops_nothing() {
    for number in 0..4 {
        let host = host();
        let ann = host.as_user("ann");
        let manifest = push(&host, "a", "v1", "layer");
        push(&host, "b", "v1", "other");
        upload(&ann, "a", "unnamed in a");
        upload(&ann, "b", "unnamed in b");
        let record = format!("pushed/a/{manifest}");
        host.insert(&record, damages(&host.object(&record).unwrap())[number].clone()).unwrap();
        wait(&host);
        let only = std::slice::from_ref(&record);
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, only, "{number}");
        let member = format!("members/sha256/{}/b", hex(&digest("other")));
        assert!(host.remove(&member));
        let run = host.upkeep().reindex::<Oci>().unwrap();
        assert_eq!((run.damaged.as_slice(), run.rebuilt), (only, vec![member]), "{number}");
        let run = host.upkeep().older_than(0).collect::<Oci>().unwrap();
        assert_eq!((run.damaged.as_slice(), run.left_over), (only, vec![blob_key("unnamed in b")]));
        let run = host.upkeep().older_than(0).removing_orphans().collect::<Oci>().unwrap();
        assert_eq!((run.damaged.as_slice(), run.left_over.len()), (only, 0));
        assert!(host.object(&blob_key("unnamed in a")).is_some(), "nobody knows what it proved");
        assert_eq!(get(&host, "/v2/a/manifests/v1").status(), 200);
        // What follows from manifests is found out again, and a damaged record proves nothing.
        let derived = host.objects().into_iter();
        for key in derived.filter(|key| key.starts_with("members/") || key.starts_with("adopted/a")) {
            assert!(host.remove(&key));
        }
        assert_eq!(get(&host, &format!("/v2/a/blobs/{}", digest("layer"))).status(), 404);
        push(&host, "a", "v1", "layer");
        wait(&host);
        host.upkeep().reindex::<Oci>().unwrap();
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    }
}

#[test]
fn a_damaged_record_hides_no_loss() {
    let host = host();
    let ann = host.as_user("ann");
    let manifest = push(&host, "a", "v1", "layer");
    host.insert(&format!("pushed/a/{manifest}"), "").unwrap();
    assert!(host.remove(&format!("manifests/a/{manifest}")));
    let about = format!("referrers/a/{manifest}/{manifest}");
    host.insert(&about, "{}").unwrap();
    wait(&host);
    let run = host.upkeep().older_than(0).collect::<Oci>().unwrap();
    assert_eq!(run.left_over, Vec::<String>::new(), "the manifest may come back, and its referrer with it");
    assert!(host.remove(&about));
    for path in ["/v2/a/manifests/v1".to_owned(), format!("/v2/a/manifests/{manifest}")] {
        assert_refused(&get(&host, &path), 500, "UNKNOWN", "damaged");
        assert_eq!(head(&ann, &path), 404, "a push repairs it");
    }
    assert!(host.remove("tags/a/tags.json"));
    assert_refused(&get(&host, "/v2/a/tags/list"), 500, "UNKNOWN", "damaged");
    host.upkeep().reindex::<Oci>().unwrap();
    push(&host, "a", "v1", "layer");
    assert_eq!(get(&host, "/v2/a/manifests/v1").status(), 200);
}

#[test]
fn a_push_under_way_that_cannot_be_read_keeps_all_blobs() {
    let host = host();
    push(&host, "a", "v1", "layer");
    upload(&host.as_user("ann"), "a", "unnamed");
    wait(&host);
    host.insert("pending/one", "{torn").unwrap();
    let run = host.upkeep().older_than(0).collect::<Oci>().unwrap();
    assert_eq!((run.left_over.len(), run.damaged), (0, vec!["pending/one".to_owned()]));
    wait(&host);
    wait(&host);
    let run = host.upkeep().older_than(0).collect::<Oci>().unwrap();
    assert_eq!(run.left_over, ["pending/one".to_owned(), blob_key("unnamed")], "it is dead");
}

#[test]
fn a_tag_that_stands_for_no_digest_is_damage_and_is_repaired_by_a_push() {
    for value in [json!("garbage"), json!(5), json!(null), json!([])] {
        let host = host();
        let ann = host.as_user("ann");
        push(&host, "a", "v1", "layer");
        host.insert("tags/a/tags.json", json!({ "v1": value, "v2": value }).to_string()).unwrap();
        for path in ["/v2/a/manifests/v1", "/v2/a/manifests/v2"] {
            assert_refused(&get(&host, path), 500, "UNKNOWN", "damaged");
            assert_eq!(head(&ann, path), 404);
        }
        assert!(logged(&host, "tags/a/tags.json"));
        assert_eq!(get(&host, "/v2/a/manifests/v3").status(), 404);
        push(&host, "a", "v1", "layer");
        assert_eq!(get(&host, "/v2/a/manifests/v1").status(), 200);
        assert_eq!(ann.delete("/v2/a/manifests/v2").send::<Oci>().status(), 202);
        assert_eq!(get(&host, "/v2/a/manifests/v2").status(), 404);
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    }
}

#[test]
fn a_member_that_cannot_be_read_is_kept_and_reported() {
    for bytes in
        ["", "{\"size\":", "{torn", "{\"upload\":trux}", "{\"deleted\":trux}", "{\"", &"x".repeat(32)]
    {
        let host = host();
        push(&host, "a", "v1", "layer");
        let member = format!("members/sha256/{}/a", hex(&digest("layer")));
        host.insert(&member, bytes).unwrap();
        wait(&host);
        let path = format!("/v2/a/blobs/{}", digest("layer"));
        assert_refused(&get(&host, &path), 500, "UNKNOWN", "damaged");
        assert!(host.upkeep().verify::<Oci>().unwrap().damaged.contains(&member), "{bytes}");
        let run = host.upkeep().older_than(0).collect::<Oci>().unwrap();
        assert_eq!(run.left_over, Vec::<String>::new());
        assert_eq!(host.object(&member).unwrap(), bytes.as_bytes(), "{bytes}");
        upload(&host.as_user("ann"), "a", "layer");
        assert_eq!(get(&host, &path).status(), 200);
        assert_eq!(host.upkeep().verify::<Oci>().unwrap().damaged, Vec::<String>::new());
    }
}
