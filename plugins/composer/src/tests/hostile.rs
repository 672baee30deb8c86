//! Uploads that want harm: refused in the form that Composer reads, and nothing is stored.

use super::*;

#[test]
fn what_is_no_dist_is_refused() {
    let host = host();
    let sound = samples::library("acme/lib", &json!({ "version": "1" }));
    let mut wrong_crc = sound.clone();
    let directory = sound.windows(4).position(|bytes| bytes == b"PK\x01\x02").unwrap();
    wrong_crc[directory + 16] ^= 1;
    for (bytes, sentence) in [
        (Vec::new(), "not a readable zip archive"),
        (b"<?php".to_vec(), "not a readable zip archive"),
        (sound[..sound.len() / 2].to_vec(), "not a readable zip archive"),
        (wrong_crc, "the zip archive is refused"),
        (samples::zip(&[("readme", b"")]), "no composer.json"),
        (samples::zip(&[("a/b/composer.json", b"{}")]), "no composer.json"),
        (samples::zip(&[("composer.json", b"{\"name\": \"acme/lib\", ")]), "composer.json ends before"),
        (samples::zip(&[("composer.json", b"[]")]), "composer.json must be an object, and is a list"),
        (samples::zip(&[("composer.json", b"{}")]), "has no `name`"),
        (
            samples::zip(&[("composer.json", "[".repeat(100_000).as_bytes())]),
            "composer.json must be an object",
        ),
        (samples::with_manifest(&" ".repeat(300_000)), "larger than"),
        (samples::with_manifest(r#"{"name":"other/lib","version":"1"}"#), "is for \"other/lib\""),
        (samples::with_manifest(r#"{"name":"acme/lib","version":[1]}"#), "`version` must be a string"),
        (
            samples::with_manifest(r#"{"name":"acme/lib","version":"1","require":{"a/b":"~>1"}}"#),
            "which is not valid",
        ),
    ] {
        assert_refused(&host, &upload(&host, "/packages/acme/lib", bytes), 400, sentence);
    }
}

#[test]
fn a_wrong_type_in_a_body_is_a_400_that_names_the_member() {
    let host = host();
    published(&host, "1.0.0");
    let before = host.objects();
    let advisory = |members: Value| {
        let mut advisory = json!({ "title": "x", "affectedVersions": "*" });
        advisory.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        advisory.to_string()
    };
    let source = json!({ "name": "list", "remoteId": "1" });
    for (path, body, sentence) in [
        ("/packages/acme/lib/abandoned", "[]".to_owned(), "the body must be an object, and is a list"),
        (
            "/packages/acme/lib/abandoned",
            r#"{"replacement": ["a/b"]}"#.to_owned(),
            "`replacement` in the body must be a string, and is a list",
        ),
        ("/security-advisories/acme/lib/A-1", "{}".to_owned(), "`affectedVersions` is missing in the body"),
        (
            "/security-advisories/acme/lib/A-1",
            advisory(json!({ "cve": 1 })),
            "`cve` in the body must be a string, and is a number",
        ),
        (
            "/security-advisories/acme/lib/A-1",
            advisory(json!({ "sources": {} })),
            "`sources` in the body must be a list, and is an object",
        ),
        (
            "/security-advisories/acme/lib/A-1",
            advisory(json!({ "sources": [source, { "name": "list" }] })),
            "`sources[1]` must be an object with the strings `name` and `remoteId`",
        ),
    ] {
        let reply = host.as_user("ann").put(path).body(&body).send::<Composer>();
        assert_eq!((reply.status(), reply.json()["message"].as_str()), (400, Some(sentence)), "{body}");
        assert_eq!(reply.json()["warning"], sentence, "Composer prints it");
    }
    assert_eq!(host.objects(), before);
}

#[test]
fn what_unpacks_to_far_more_than_its_size_is_refused() {
    let host = host();
    let zeros = vec![0; 65 << 20];
    let bomb = samples::zip(&[("composer.json", b"{\"name\":\"acme/lib\"}"), ("zeros", &zeros)]);
    assert!(bomb.len() < 1 << 20);
    assert_refused(&host, &upload(&host, "/packages/acme/lib?version=1", bomb), 400, "it unpacks to");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let host = host();
    let dist = samples::library("acme/lib", &json!({ "version": "1" }));
    let half = dist.len() / 2;
    let request = host.as_user("ann").put("/packages/acme/lib").body(dist).broken_after(half);
    assert!(request.send::<Composer>().status() >= 400);
    assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
}

#[test]
fn a_feature_that_is_off_answers_405() {
    let host = host().feature("upload", false).feature("delete", false);
    let dist = samples::library("acme/lib", &json!({ "version": "1" }));
    assert_refused(&host, &upload(&host, "/packages/acme/lib", dist), 405, "");
    assert_refused(&host, &delete(&host, "/packages/acme/lib/1"), 405, "");
    assert_refused(&host, &delete(&host, "/packages/acme/lib"), 405, "");
}

#[test]
fn what_a_publisher_says_cannot_pass_for_what_the_registry_says() {
    let host = host();
    let members = json!({
        "version": "1.0.0", "version_normalized": "9.9.9.9", "dist": { "url": "https://elsewhere.example.com" },
        "notification-url": "https://elsewhere.example.com", "transport-options": { "ssl": {} },
        "minified": "x", "extra": "__unset",
    });
    assert_eq!(upload(&host, "/packages/acme/lib", samples::library("acme/lib", &members)).status(), 201);
    published(&host, "0.9.0");
    let reply = get(&host, "/p2/acme/lib.json");
    assert!(!reply.text().contains("elsewhere"), "{}", reply.text());
    let found = versions(&reply);
    assert_eq!(found[0]["version_normalized"], "1.0.0.0");
    assert_eq!(found[0]["extra"], "__unset");
    assert!(!found[1].contains_key("extra"), "nothing leaks");
}

#[test]
fn two_publishers_of_one_version_with_other_bytes_leave_one() {
    let host = host();
    let first = published(&host, "1.0.0");
    let document = host.object("packages/acme/lib/metadata.json").unwrap();
    let host = self::host();
    // The first one writes its document in between.
    host.race("packages/acme/lib/metadata.json", document);
    let other = samples::library("acme/lib", &json!({ "description": "other" }));
    let reply = upload(&host, "/packages/acme/lib?version=1.0.0", other);
    assert_eq!(reply.status(), 409, "{}", reply.text());
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["1.0.0"]);
    assert!(!first.is_empty());
}

#[test]
fn a_damaged_document_is_a_500_and_stays() {
    let host = host();
    published(&host, "1.0.0");
    let key = "packages/acme/lib/metadata.json";
    let sound = String::from_utf8(host.object(key).unwrap()).unwrap();
    for damaged in [
        sound[..sound.len() / 2].to_owned(),
        sound.replace("acme/lib\",\"modified", "acme/other\",\"modified"),
        sound.replace("\"1.0.0.0\"", "\"2.0.0.0\""),
        sound.replace("packhouse-composer-1", "packhouse-composer-2"),
        "{}".to_owned(),
    ] {
        assert_ne!(damaged, sound);
        host.insert(key, damaged.as_bytes()).unwrap();
        assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500, "{damaged}");
        let dist = samples::library("acme/lib", &json!({}));
        assert_eq!(upload(&host, "/packages/acme/lib?version=2", dist).status(), 500);
        assert_eq!(delete(&host, "/packages/acme/lib").status(), 500);
        assert_eq!(host.object(key).unwrap(), damaged.as_bytes());
    }
    assert!(host.remove(key));
    assert_eq!(get(&host, "/p2/acme/lib.json").status(), 500, "it was lost");
    assert_eq!(
        upload(&host, "/packages/acme/lib?version=2", samples::library("acme/lib", &json!({}))).status(),
        500
    );
}

#[test]
fn a_damaged_dist_is_a_500_and_uploading_it_again_repairs_it() {
    let host = host();
    let dist = published(&host, "1.0.0");
    let path = dist_path(&host, "/p2/acme/lib.json", "1.0.0");
    let key = format!("packages/acme/lib/{}", path.rsplit('/').next().unwrap());
    for damage in [Some("short"), None] {
        match damage {
            Some(bytes) => drop(host.insert(&key, bytes).unwrap()),
            None => assert!(host.remove(&key)),
        }
        assert_eq!(get(&host, &path).status(), 500);
        assert_eq!(upload(&host, "/packages/acme/lib?version=1.0.0", dist.clone()).status(), 200);
        assert_eq!(get(&host, &path).bytes(), dist);
    }
}
