//! Looking after what is stored.

use packhouse_plugin::time::{DAY, HOUR};

use super::*;

const FILE: &str = "artifacts/com/example/lib/1.0/lib-1.0.jar";

#[test]
fn what_an_interrupted_deployment_left_behind_is_collected() {
    let host = host();
    deploy(&host, "1.0");
    let left = "artifacts/com/example/lib/1.0/lib-1.0-sources.jar";
    host.insert(left, "x").unwrap();
    host.insert(&format!("{left}.sha1"), "x").unwrap();
    // A first upload that never came to its end.
    done(&host.as_user("ann"), "/com/example/lib/1.1/lib-1.1.jar.sha1", digest("x", "sha1"));
    assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over, Vec::<String>::new(), "it is recent");
    host.set_now(host.now() + 2 * DAY);
    let dry = host.upkeep().dry_run().collect::<Maven>().unwrap();
    let expected = ["versions/com.example/lib/1.1.json", left, &format!("{left}.sha1")];
    assert_eq!(dry.left_over, expected);
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!(outcome.left_over, expected);
    assert_eq!(outcome.damaged, Vec::<String>::new());
    assert!(!host.objects().contains(&left.to_owned()));
    assert_eq!(text(&host, JAR), "jar of 1.0");
    assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over, Vec::<String>::new());
}

const SNAPSHOT: &str = "artifacts/com/example/lib/1-SNAPSHOT/lib-1";

/// Three builds, all of which were kept when they were deployed.
fn three_builds() -> Host {
    let host = host();
    let ann = host.as_user("ann");
    for number in 1..=3 {
        let build = format!("/com/example/lib/1-SNAPSHOT/lib-1-2026010{number}.120000-{number}");
        done(&ann, &format!("{build}.jar"), format!("jar {number}"));
        done(&ann, &format!("{build}.pom"), pom("1-SNAPSHOT"));
    }
    deploy(&host, "1.0");
    host
}

#[test]
fn builds_of_snapshots_that_are_not_kept_are_collected_without_another_deployment() {
    let host = three_builds();
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over, Vec::<String>::new(), "all are kept");
    let host = host.settings(&serde_json::json!({"keep_snapshot_builds": 2}));
    let expected = ["jar", "pom"].map(|ending| format!("{SNAPSHOT}-20260101.120000-1.{ending}"));
    let before = host.objects();
    assert_eq!(host.upkeep().dry_run().collect::<Maven>().unwrap().left_over, expected);
    assert_eq!(host.objects(), before);
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.as_slice(), outcome.damaged.len()), (expected.as_slice(), 0));
    assert_eq!(outcome.ordered, 2, "the settings order it");
    let after: Vec<String> = before.into_iter().filter(|key| !expected.contains(key)).collect();
    assert_eq!(host.objects(), after);
    let metadata = text(&host, "/com/example/lib/1-SNAPSHOT/maven-metadata.xml");
    assert!(metadata.contains("<buildNumber>3</buildNumber>"), "{metadata}");
    assert_eq!(get(&host, "/com/example/lib/1-SNAPSHOT/lib-1-20260101.120000-1.jar").status(), 404);
    assert_eq!(listed(&host), ["1-SNAPSHOT", "1.0"]);
    assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over, Vec::<String>::new());
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn builds_that_are_recent_or_beside_damage_are_not_collected() {
    let host = three_builds().settings(&serde_json::json!({"keep_snapshot_builds": 1}));
    assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over, Vec::<String>::new(), "they are recent");
    host.set_now(host.now() + 2 * DAY);
    let newest = format!("{SNAPSHOT}-20260103.120000-3.jar");
    let bytes = host.object(&newest).unwrap();
    host.remove(&newest);
    let before = host.objects();
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged.len()), (0, 1), "{:?}", outcome.damaged);
    let document = "versions/com.example/lib/1-SNAPSHOT.json";
    let sound = host.object(document).unwrap();
    host.insert(&newest, bytes).unwrap();
    host.insert(document, "{").unwrap();
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged.len()), (0, 1), "{:?}", outcome.damaged);
    host.insert(document, sound).unwrap();
    assert!(before.iter().all(|key| host.objects().contains(key)));
    assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over.len(), 4);
}

#[test]
fn a_collection_removes_nothing_beside_damage() {
    let host = host();
    deploy(&host, "1.0");
    let left = "artifacts/com/example/lib/1.0/lib-1.0-sources.jar";
    host.insert(left, "x").unwrap();
    host.set_now(host.now() + 2 * DAY);
    host.remove(FILE);
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged.as_slice()), (0, [DOCUMENT.to_owned()].as_slice()));
    host.insert(DOCUMENT, "{").unwrap();
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged.as_slice()), (0, [DOCUMENT.to_owned()].as_slice()));
    // Without a document the files speak. One that was there is named.
    host.remove(DOCUMENT);
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged.as_slice()), (0, [DOCUMENT.to_owned()].as_slice()));
    host.remove("proofs/versions/com.example/lib/1.0.json");
    let outcome = host.upkeep().collect::<Maven>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged.len(), outcome.orphans.len()), (0, 0, 0));
    assert_eq!(text(&host, "/com/example/lib/1.0/lib-1.0-sources.jar"), "x");
}

#[test]
fn reindex_changes_nothing_where_all_is_well() {
    let host = host();
    deploy(&host, "1.0");
    deploy(&host, "1-SNAPSHOT");
    let metadata = "<metadata><plugins><plugin><prefix>l</prefix><artifactId>lib</artifactId></plugin></plugins></metadata>";
    done(&host.as_user("ann"), "/com/example/maven-metadata.xml", metadata);
    host.set_now(host.now() + DAY);
    let before: Vec<_> = host.objects().iter().map(|key| host.object_info(key)).collect();
    let outcome = host.upkeep().reindex::<Maven>().unwrap();
    assert_eq!((outcome.rebuilt, outcome.damaged), (Vec::new(), Vec::new()));
    let after: Vec<_> = host.objects().iter().map(|key| host.object_info(key)).collect();
    assert_eq!(after, before);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn reindex_makes_documents_of_files_that_were_copied_in() {
    let host = host();
    deploy(&host, "1.0");
    for (key, content) in [
        ("artifacts/com/example/lib/1.0/lib-1.0-sources.jar", "sources".to_owned()),
        ("artifacts/com/example/lib/0.9/lib-0.9.jar", "old".to_owned()),
        ("artifacts/com/example/lib/0.9/lib-0.9.pom", pom("0.9")),
        ("artifacts/com/example/lib/0.9/lib-0.9.pom.md5", "x".to_owned()),
        ("artifacts/org/bare/tool/3/tool-3.zip", "zip".to_owned()),
    ] {
        host.insert(key, content).unwrap();
    }
    host.set_now(host.now() + HOUR);
    let dry = host.upkeep().dry_run().reindex::<Maven>().unwrap();
    assert!(dry.rebuilt.len() >= 3, "{:?}", dry.rebuilt);
    let outcome = host.upkeep().reindex::<Maven>().unwrap();
    let expected = [
        "versions/com.example/lib/0.9.json",
        DOCUMENT,
        "versions/org.bare/tool/3.json",
        METADATA,
        "names/org.bare/tool",
        "metadata/org/bare/tool/maven-metadata.xml",
    ];
    assert_eq!(outcome.rebuilt, expected);
    assert_eq!(listed(&host), ["0.9", "1.0"]);
    assert_eq!(text(&host, "/com/example/lib/1.0/lib-1.0-sources.jar"), "sources");
    assert!(text(&host, "/org/bare/tool/maven-metadata.xml").contains("<release>3</release>"));
    let sum = get(&host, "/com/example/lib/0.9/lib-0.9.jar").header("x-checksum-sha256").map(str::to_owned);
    assert_eq!(sum, Some(digest("old", "sha256")));
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, Vec::<String>::new());
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn verify_names_documents_that_were_lost_and_reindex_makes_them_anew() {
    let names = "names/com.example/lib";
    for lost in [METADATA, names, DOCUMENT] {
        let host = self::host();
        deploy(&host, "1.0");
        deploy(&host, "1.1");
        assert!(host.remove(lost));
        host.set_now(host.now() + DAY);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [lost]);
        assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [lost]);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
        assert_eq!(listed(&host), ["1.0", "1.1"]);
        assert_eq!(text(&host, JAR), "jar of 1.0");
        assert!(host.object(lost).is_some());
    }
    // Metadata that is there and lists no version.
    let host = self::host();
    deploy(&host, "1.0");
    host.insert(METADATA, "<metadata/>").unwrap();
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [METADATA]);
    // A version without a POM is not listed, and an upload under way lists nothing yet.
    let host = self::host();
    done(&host.as_user("ann"), JAR, "jar");
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

/// A request that ends when it comes to the metadata of the artifact.
#[track_caller]
fn cut_short(host: &Host, request: impl FnOnce(&Actor) -> Reply) {
    let before = host.object(METADATA);
    host.insert(METADATA, "<").unwrap();
    assert_eq!(request(&host.as_user("ann")).status(), 500);
    match before {
        Some(before) => drop(host.insert(METADATA, before).unwrap()),
        None => assert!(host.remove(METADATA)),
    }
}

fn deploy_cut_short(host: &Host, version: &str) {
    done(&host.as_user("ann"), &format!("{FOLDER}/{version}/lib-{version}.jar"), format!("jar of {version}"));
    cut_short(host, |ann| put(ann, &format!("{FOLDER}/{version}/lib-{version}.pom"), pom(version)));
}

#[test]
fn a_deployment_that_was_cut_short_is_no_damage_and_a_collection_ends_it() {
    for others in [&[][..], &["1.0", "1.1"]] {
        let host = host();
        others.iter().take(1).for_each(|version| deploy(&host, version));
        deploy_cut_short(&host, "2.0");
        // Another deployment writes the metadata.
        others.iter().skip(1).for_each(|version| deploy(&host, version));
        host.set_now(host.now() + 2 * DAY);
        let run = host.upkeep().verify::<Maven>().unwrap();
        assert_eq!(run.damaged, Vec::<String>::new(), "{:?}", run.lines);
        assert_eq!(host.upkeep().collect::<Maven>().unwrap().damaged, Vec::<String>::new());
        assert_eq!(listed(&host), [others, &["2.0"]].concat());
        assert_eq!(host.objects().iter().find(|key| key.starts_with("changes/")), None);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
        // What was acknowledged and is lost is damage.
        host.remove(METADATA);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [METADATA]);
    }
}

#[test]
fn a_deployment_that_was_cut_short_and_is_sent_again_is_listed() {
    let host = host();
    deploy(&host, "1.0");
    deploy_cut_short(&host, "2.0");
    deploy(&host, "2.0");
    assert_eq!(listed(&host), ["1.0", "2.0"]);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_deletion_that_was_cut_short_is_no_damage_and_a_collection_ends_it() {
    let host = host();
    deploy(&host, "1.0");
    deploy(&host, "1.1");
    cut_short(&host, |ann| ann.delete("/com/example/lib/1.1/").send::<Maven>());
    assert_eq!(listed(&host), ["1.0", "1.1"]);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    host.set_now(host.now() + 2 * DAY);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    let before = host.objects();
    host.upkeep().dry_run().collect::<Maven>().unwrap();
    assert_eq!(host.objects(), before);
    host.upkeep().collect::<Maven>().unwrap();
    assert_eq!(listed(&host), ["1.0"]);
}

const GROUP: &str = "metadata/com/example/maven-metadata.xml";

/// A group with two plugins.
fn with_plugins() -> Host {
    let host = host();
    deploy_artifact(&host, "com.example", "greet-maven-plugin");
    deploy_artifact(&host, "com.example", "part-maven-plugin");
    let sent = plugins(&[("greet", "greet-maven-plugin"), ("part", "part-maven-plugin")]);
    done(&host.as_user("ann"), "/com/example/maven-metadata.xml", sent);
    host
}

#[test]
fn the_prefixes_of_a_group_whose_metadata_was_lost_are_served_told_and_made_again() {
    let host = with_plugins();
    let whole = text(&host, "/com/example/maven-metadata.xml");
    host.remove(GROUP);
    let made = text(&host, "/com/example/maven-metadata.xml");
    for prefix in ["<prefix>greet</prefix>", "<prefix>part</prefix>"] {
        assert!(whole.contains(prefix) && made.contains(prefix), "{made}");
    }
    let run = host.upkeep().verify::<Maven>().unwrap();
    assert_eq!(run.damaged, [GROUP]);
    assert!(run.lines.join("\n").contains("run `packhouse reindex`"), "{:?}", run.lines);
    assert_eq!(host.upkeep().dry_run().reindex::<Maven>().unwrap().rebuilt, [GROUP]);
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [GROUP]);
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, Vec::<String>::new());
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    // A deployment does not begin it anew either.
    host.remove(GROUP);
    deploy_artifact(&host, "com.example", "new-maven-plugin");
    done(&host.as_user("ann"), "/com/example/maven-metadata.xml", plugins(&[("new", "new-maven-plugin")]));
    let made = text(&host, "/com/example/maven-metadata.xml");
    assert_eq!(made.matches("<plugin>").count(), 3, "{made}");
}

#[test]
fn an_older_copy_of_the_metadata_of_a_group_gets_its_prefixes_back() {
    let host = with_plugins();
    let older = host.object(GROUP).unwrap();
    deploy_artifact(&host, "com.example", "new-maven-plugin");
    done(&host.as_user("ann"), "/com/example/maven-metadata.xml", plugins(&[("new", "new-maven-plugin")]));
    host.insert(GROUP, older).unwrap();
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [GROUP]);
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [GROUP]);
    assert!(text(&host, "/com/example/maven-metadata.xml").contains("<prefix>new</prefix>"));
}

#[test]
fn a_prefix_that_was_given_back_or_taken_over_is_not_lost() {
    let host = with_plugins();
    assert_eq!(host.as_user("ann").delete("/com/example/part-maven-plugin/").send::<Maven>().status(), 204);
    deploy_artifact(&host, "com.example", "other");
    done(&host.as_user("ann"), "/com/example/maven-metadata.xml", plugins(&[("greet", "other")]));
    let keys: Vec<String> = host.objects().into_iter().filter(|key| key.starts_with("plugins/")).collect();
    assert_eq!(keys, ["plugins/com.example/other.json"]);
    deploy_artifact(&host, "com.example", "part-maven-plugin");
    let run = host.upkeep().verify::<Maven>().unwrap();
    assert_eq!(run.damaged, Vec::<String>::new(), "{:?}", run.lines);
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, Vec::<String>::new());
}

#[test]
fn a_reindex_writes_down_the_prefixes_that_an_earlier_version_stored() {
    let host = with_plugins();
    for key in host.objects().iter().filter(|key| key.starts_with("plugins/")) {
        host.remove(key);
    }
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, Vec::<String>::new());
    host.remove(GROUP);
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [GROUP]);
}

#[test]
fn reindex_makes_metadata_that_was_lost_and_keeps_the_times_of_publication() {
    let host = host();
    deploy(&host, "1.0");
    let document = host.object(DOCUMENT);
    host.remove(METADATA);
    host.set_now(host.now() + DAY);
    let outcome = host.upkeep().reindex::<Maven>().unwrap();
    assert_eq!(outcome.rebuilt, [METADATA]);
    assert_eq!(listed(&host), ["1.0"]);
    assert_eq!(host.object(DOCUMENT), document);
}

#[test]
fn reindex_unlists_what_is_gone() {
    let host = host();
    deploy(&host, "1.0");
    deploy(&host, "1.1");
    for key in host.objects().iter().filter(|key| key.contains("1.1")) {
        host.remove(key);
    }
    let damaged = host.upkeep().verify::<Maven>().unwrap().damaged;
    assert_eq!(damaged, [METADATA]);
    host.upkeep().reindex::<Maven>().unwrap();
    assert_eq!(listed(&host), ["1.0"]);
}

#[test]
fn verify_names_each_damage_and_changes_nothing() {
    let host = host();
    deploy(&host, "1.0");
    deploy(&host, "1.1");
    deploy(&host, "1.2");
    host.insert(FILE, "JAR of 1.0").unwrap();
    host.remove("artifacts/com/example/lib/1.1/lib-1.1.pom");
    host.insert("versions/com.example/lib/1.2.json", "{\"format\":").unwrap();
    host.insert("metadata/org/bad/maven-metadata.xml", "<metadata>").unwrap();
    let before = host.objects();
    let damaged = host.upkeep().verify::<Maven>().unwrap().damaged;
    let expected = [
        FILE,
        "artifacts/com/example/lib/1.1/lib-1.1.pom",
        "versions/com.example/lib/1.2.json",
        "metadata/org/bad/maven-metadata.xml",
    ];
    for key in expected {
        assert!(damaged.contains(&key.to_owned()), "{key}: {damaged:?}");
    }
    // A file that is older than a deployment may take, and that nothing names.
    host.insert("artifacts/com/example/lib/1.0/lib-1.0-old.jar", "x").unwrap();
    host.set_now(host.now() + DAY);
    let orphans = host.upkeep().verify::<Maven>().unwrap().orphans;
    assert_eq!(orphans, ["artifacts/com/example/lib/1.0/lib-1.0-old.jar"]);
    host.remove("artifacts/com/example/lib/1.0/lib-1.0-old.jar");
    assert_eq!(host.objects(), before);
}

#[test]
fn a_run_that_is_killed_is_gone_on_with_by_the_next() {
    for steps in 1..4 {
        let host = host();
        deploy(&host, "1.0");
        let left = "artifacts/com/example/lib/1.0/lib-1.0-sources.jar";
        host.insert(left, "x").unwrap();
        host.set_now(host.now() + 2 * DAY);
        drop(host.upkeep().killed_after(steps).collect::<Maven>());
        host.upkeep().collect::<Maven>().unwrap();
        assert!(!host.objects().contains(&left.to_owned()));
        assert_eq!(text(&host, JAR), "jar of 1.0");
    }
}

#[test]
fn a_deployment_costs_no_more_beside_many_artifacts() {
    let cost = |artifacts: usize| {
        let host = host();
        for number in 0..artifacts {
            let name = format!("other-{number}");
            let folder = format!("artifacts/com/example/{name}/1.0/{name}-1.0");
            host.insert(&format!("{folder}.pom"), samples::pom("com.example", &name, "1.0")).unwrap();
        }
        host.set_now(host.now() + HOUR);
        host.upkeep().reindex::<Maven>().unwrap();
        let before = host.store_calls();
        deploy(&host, "1.0");
        let first = host.store_calls();
        deploy(&host, "1.1");
        let second = host.store_calls();
        assert_eq!(get(&host, JAR).status(), 200);
        (first - before, second - first, host.store_calls() - second)
    };
    let few = cost(10);
    println!("a first version, another one, a download: {few:?} calls of the store");
    assert_eq!(cost(2000), few);
}

#[test]
fn a_collection_on_a_full_storage_goes_on_past_a_list_that_it_cannot_write() {
    let host = host();
    deploy(&host, "1.0");
    // The version is stored, and the upload was cut short before it was listed.
    host.insert("changes/com.example/lib/1.0", "note").unwrap();
    host.remove(METADATA);
    host.set_now(host.now() + 3 * packhouse_plugin::storage::GRACE);
    host.set_room(0);
    host.upkeep().collect::<Maven>().unwrap();
    assert!(host.objects().contains(&"changes/com.example/lib/1.0".to_owned()));
    host.set_room(1 << 40);
    host.upkeep().collect::<Maven>().unwrap();
    assert!(host.object(METADATA).is_some());
    assert!(!host.objects().contains(&"changes/com.example/lib/1.0".to_owned()));
}
