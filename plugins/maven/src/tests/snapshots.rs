//! Snapshots: builds with their times, and which of them are kept.

use super::*;

const SNAPSHOT: &str = "/com/example/lib/1-SNAPSHOT";
const METADATA: &str = "/com/example/lib/1-SNAPSHOT/maven-metadata.xml";

#[track_caller]
fn build(host: &Host, build: &str, classifier: &str) {
    let ann = host.as_user("ann");
    done(&ann, &format!("{SNAPSHOT}/lib-1-{build}{classifier}.jar"), format!("jar of {build}{classifier}"));
    done(&ann, &format!("{SNAPSHOT}/lib-1-{build}.pom"), pom("1-SNAPSHOT"));
}

fn names(host: &Host) -> Vec<String> {
    let prefix = "artifacts/com/example/lib/1-SNAPSHOT/";
    host.objects().iter().filter_map(|key| key.strip_prefix(prefix)).map(str::to_owned).collect()
}

#[test]
fn the_newest_build_is_named_whatever_clients_write() {
    let host = host();
    build(&host, "20260101.120000-1", "");
    let first = text(&host, METADATA);
    build(&host, "20260102.120000-2", "");
    // A client that has read before the other wrote.
    done(&host.as_user("ann"), METADATA, &first);
    let metadata = text(&host, METADATA);
    assert!(
        metadata.contains("<timestamp>20260102.120000</timestamp>\n      <buildNumber>2</buildNumber>"),
        "{metadata}"
    );
    assert!(
        metadata.contains("<extension>jar</extension>\n        <value>1-20260102.120000-2</value>"),
        "{metadata}"
    );
    assert_eq!(text(&host, &format!("{METADATA}.sha1")), digest(&metadata, "sha1"));
    assert_eq!(text(&host, &format!("{SNAPSHOT}/lib-1-20260101.120000-1.jar")), "jar of 20260101.120000-1");
    assert_eq!(listed(&host), ["1-SNAPSHOT"]);
    let wrong = first.replace("<version>1-SNAPSHOT", "<version>2-SNAPSHOT");
    assert_refused(&put(&host.as_user("ann"), METADATA, wrong), 400, "<version> 2-SNAPSHOT");
}

#[test]
fn several_machines_deploy_one_snapshot_with_a_classifier_each() {
    let host = host();
    build(&host, "20260101.120000-1", "-linux");
    build(&host, "20260101.120001-1", "-windows");
    let metadata = text(&host, METADATA);
    for (classifier, value) in [("linux", "1-20260101.120000-1"), ("windows", "1-20260101.120001-1")] {
        let expected = format!(
            "<classifier>{classifier}</classifier>\n        <extension>jar</extension>\n        <value>{value}</value>"
        );
        assert!(metadata.contains(&expected), "{metadata}");
    }
}

#[test]
fn a_build_is_never_replaced() {
    let host = host();
    build(&host, "20260101.120000-1", "");
    let path = format!("{SNAPSHOT}/lib-1-20260101.120000-1.jar");
    assert_refused(&put(&host.as_user("ann"), &path, "other"), 409, "deploy again");
}

#[test]
fn a_snapshot_without_the_name_of_a_build_is_replaced() {
    let host = host();
    let ann = host.as_user("ann");
    let path = format!("{SNAPSHOT}/lib-1-SNAPSHOT.jar");
    for content in ["one", "two, which is longer", "three"] {
        assert_eq!(put(&ann, &path, content).status(), 201);
        assert_eq!(text(&host, &path), content);
        assert_eq!(text(&host, &format!("{path}.sha256")), digest(content, "sha256"));
        done(&ann, &format!("{path}.sha1"), digest(content, "sha1"));
    }
    assert_eq!(put(&ann, &path, "three").status(), 200);
    assert_eq!(get(&host, &path).header("x-checksum-sha1"), Some(digest("three", "sha1").as_str()));
    assert!(text(&host, METADATA).contains("<value>1-SNAPSHOT</value>"));
}

const OBJECT: &str = "artifacts/com/example/lib/1-SNAPSHOT/lib-1-SNAPSHOT.jar";
const DOCUMENT: &str = "versions/com.example/lib/1-SNAPSHOT.json";

#[test]
fn a_damaged_snapshot_without_the_name_of_a_build_is_not_served() {
    let (path, content) = (format!("{SNAPSHOT}/lib-1-SNAPSHOT.jar"), "the whole jar");
    for damage in ["the whol", "", "\0\0\0\0\0\0\0\0\0\0\0\0\0"] {
        let host = host();
        let ann = host.as_user("ann");
        done(&ann, &path, content);
        host.insert(OBJECT, damage).unwrap();
        for path in [&path, &format!("{path}.sha1")] {
            assert_refused(&get(&host, path), 500, "damaged");
        }
        assert!(format!("{:?}", host.log()).contains("does not match the document"), "{:?}", host.log());
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [OBJECT]);
        let reindexed = host.upkeep().reindex::<Maven>().unwrap();
        assert_eq!(reindexed.rebuilt, Vec::<String>::new(), "damage is not made valid");
        done(&ann, &path, content);
        assert_eq!(text(&host, &path), content);
        assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    }
    let host = host();
    done(&host.as_user("ann"), &path, content);
    host.remove(OBJECT);
    for path in [&path, &format!("{path}.sha1")] {
        assert_refused(&get(&host, path), 500, "damaged");
    }
}

/// The upload ended between storing the bytes and naming them in the document.
#[test]
fn an_upload_of_a_plain_snapshot_that_was_cut_short_is_no_damage() {
    let host = host();
    let ann = host.as_user("ann");
    let path = format!("{SNAPSHOT}/lib-1-SNAPSHOT.jar");
    done(&ann, &path, "two");
    let two = host.object_json(DOCUMENT)["files"][0].clone();
    done(&ann, &path, "one");
    let text_of_document = String::from_utf8(host.object(DOCUMENT).unwrap()).unwrap();
    assert!(!text_of_document.contains("coming"), "{text_of_document}");
    let (before, blanks) = text_of_document.rsplit_once('}').unwrap();
    let coming = serde_json::json!([{ "file": two, "since": host.now() }]);
    host.insert(DOCUMENT, format!("{before},\"coming\":{coming}}}{blanks}")).unwrap();
    assert_eq!(text(&host, &path), "one", "it has not stored its bytes yet");
    host.insert(OBJECT, "two").unwrap();
    let reply = get(&host, &path);
    assert_eq!((reply.status(), reply.text().as_str()), (200, "two"));
    assert_eq!(reply.header("x-checksum-sha1"), Some(digest("two", "sha1").as_str()));
    assert_eq!(text(&host, &format!("{path}.sha1")), digest("two", "sha1"));
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    host.insert(OBJECT, "six").unwrap();
    assert_refused(&get(&host, &path), 500, "damaged");
    host.insert(OBJECT, "two").unwrap();
    // An object that was restored from a backup has another version.
    host.set_version(OBJECT, "of a backup");
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [DOCUMENT]);
    let document = host.object_json(DOCUMENT);
    assert_eq!(document["files"][0]["object"], "of a backup");
    assert_eq!(document["coming"], serde_json::Value::Null);
    assert_eq!(text(&host, &path), "two");
    done(&ann, &path, "three");
    assert_eq!(text(&host, &path), "three");
}

#[test]
fn uploads_of_a_plain_snapshot_that_were_cut_short_block_no_other() {
    let host = host();
    let ann = host.as_user("ann");
    let path = format!("{SNAPSHOT}/lib-1-SNAPSHOT.jar");
    for number in 0..100 {
        host.break_answer(OBJECT, packhouse_plugin::Error::Unavailable("away".to_owned()));
        assert_eq!(put(&ann, &path, format!("{number}")).status(), 503, "{number}");
    }
    assert_eq!(put(&ann, &path, "next").status(), 409, "a hundred may be under way");
    host.set_now(host.now() + 2 * packhouse_plugin::storage::GRACE);
    assert_eq!(put(&ann, &path, "next").status(), 201);
    assert_eq!(text(&host, &path), "next");
    assert_eq!(host.object_json(DOCUMENT)["coming"], serde_json::Value::Null);
}

#[test]
fn the_newest_builds_are_kept() {
    let host = host().settings(&serde_json::json!({"keep_snapshot_builds": 2}));
    for number in 1..=4 {
        build(&host, &format!("2026010{number}.120000-{number}"), "");
    }
    let expected = [
        "lib-1-20260103.120000-3.jar",
        "lib-1-20260103.120000-3.pom",
        "lib-1-20260104.120000-4.jar",
        "lib-1-20260104.120000-4.pom",
    ];
    assert_eq!(names(&host), expected);
    assert_eq!(get(&host, &format!("{SNAPSHOT}/lib-1-20260101.120000-1.jar")).status(), 404);
    assert!(text(&host, METADATA).contains("<buildNumber>4</buildNumber>"));
}

#[test]
fn the_newest_build_of_each_classifier_is_kept() {
    let host = host().settings(&serde_json::json!({"keep_snapshot_builds": 1}));
    build(&host, "20260101.120000-1", "-linux");
    for number in 2..=4 {
        build(&host, &format!("2026010{number}.120000-{number}"), "-windows");
    }
    let expected = [
        "lib-1-20260101.120000-1-linux.jar",
        "lib-1-20260101.120000-1.pom",
        "lib-1-20260104.120000-4-windows.jar",
        "lib-1-20260104.120000-4.pom",
    ];
    assert_eq!(names(&host), expected);
}

#[test]
fn a_build_that_was_just_deployed_stays_whatever_its_time_is() {
    for keep in [1, 3] {
        let host = host().settings(&serde_json::json!({"keep_snapshot_builds": keep}));
        for number in 1..=3 {
            build(&host, &format!("29990101.12000{number}-{number}"), "");
        }
        // Of a machine whose clock is right, or slow.
        for number in 1..=3 {
            host.set_now(host.now() + 60_000);
            let (this, jar) =
                (format!("2026060{number}.000000-1"), format!("jar of 2026060{number}.000000-1"));
            build(&host, &this, "");
            assert_eq!(text(&host, &format!("{SNAPSHOT}/lib-1-{this}.jar")), jar);
        }
        let last = names(&host).into_iter().filter(|name| name.contains("-2026") && name.ends_with("jar"));
        assert_eq!(last.count(), keep, "{:?}", names(&host));
        // A collection keeps what a deployment keeps.
        host.set_now(host.now() + 172_800_000);
        let before = names(&host);
        assert_eq!(host.upkeep().collect::<Maven>().unwrap().left_over, Vec::<String>::new());
        assert_eq!(names(&host), before);
    }
}

#[test]
fn a_build_whose_upload_seems_older_is_not_removed_by_its_own_deployment() {
    let host = host().settings(&serde_json::json!({"keep_snapshot_builds": 1}));
    build(&host, "20260102.120000-2", "");
    // The clock of this host is slow too.
    host.set_now(host.now() - 60_000);
    build(&host, "20260101.120000-1", "");
    assert_eq!(text(&host, &format!("{SNAPSHOT}/lib-1-20260101.120000-1.jar")), "jar of 20260101.120000-1");
    assert_eq!(get(&host, &format!("{SNAPSHOT}/lib-1-20260101.120000-1.pom")).status(), 200);
}

#[test]
fn a_build_with_an_impossible_time_is_refused() {
    let host = host();
    for build in ["20261399.999999-1", "20260230.000000-1", "20260101.250000-1"] {
        let path = format!("{SNAPSHOT}/lib-1-{build}.jar");
        assert_refused(&put(&host.as_user("ann"), &path, "x"), 400, "not a date and a time of day");
        let sum = digest("x", "sha1");
        assert_refused(&put(&host.as_user("ann"), &format!("{path}.sha1"), sum), 400, "timestamp");
    }
    assert!(host.objects().is_empty());
    // Stored ones of earlier versions are served, and do not keep others from being deployed.
    host.insert("artifacts/com/example/lib/1-SNAPSHOT/lib-1-20261399.999999-1.jar", "old").unwrap();
    assert_eq!(text(&host, &format!("{SNAPSHOT}/lib-1-20261399.999999-1.jar")), "old");
    build(&host, "20260101.120000-1", "");
    assert_eq!(text(&host, &format!("{SNAPSHOT}/lib-1-20261399.999999-1.jar")), "old");
}

#[test]
fn a_checksum_of_a_plain_snapshot_may_come_before_its_new_file() {
    let host = host();
    let ann = host.as_user("ann");
    let path = format!("{SNAPSHOT}/lib-1-SNAPSHOT.jar");
    let sum = format!("{path}.sha1");
    done(&ann, &path, "one");
    done(&ann, &sum, digest("one", "sha1"));
    done(&ann, &sum, digest("two", "sha1"));
    assert_eq!(text(&host, &sum), digest("one", "sha1"), "the old file is still there");
    done(&ann, &path, "two");
    done(&ann, &sum, digest("two", "sha1"));
    assert_eq!(text(&host, &path), "two");
    // Other bytes than those that were announced are damaged. The next attempt counts alone.
    done(&ann, &sum, digest("three", "sha1"));
    assert_refused(&put(&ann, &path, "thr"), 400, "deploy it again");
    assert_eq!(text(&host, &path), "two");
    done(&ann, &path, "four");
    // One that somebody else's upload has overtaken does not wait once the newest file is confirmed.
    done(&ann, &sum, digest("three", "sha1"));
    done(&ann, &sum, digest("four", "sha1"));
    done(&ann, &path, "five");
    // Nor does it wait for long.
    done(&ann, &sum, digest("three", "sha1"));
    host.set_now(host.now() + 360_000);
    done(&ann, &path, "six");
    assert_refused(&put(&ann, &sum, "no checksum"), 400, "40 hexadecimal digits");
}

#[test]
fn a_wrong_setting_is_named_and_no_snapshot_is_deployed() {
    for (settings, key) in [
        (serde_json::json!({"keep_snapshot_bilds": 3}), "keep_snapshot_bilds"),
        (serde_json::json!({"keep_snapshot_builds": "ten"}), "keep_snapshot_builds"),
    ] {
        let host = host().settings(&settings);
        let (ann, jar) = (host.as_user("ann"), format!("{SNAPSHOT}/lib-1-20260101.120000-1.jar"));
        for path in [&jar, &format!("{jar}.sha1"), &format!("{SNAPSHOT}/lib-1-SNAPSHOT.jar"), METADATA] {
            assert_eq!(put(&ann, path, "x").status(), 500, "{path}");
            assert_eq!(put(&host.as_user("bob"), path, "x").status(), 403, "{path}");
        }
        assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
        let log = format!("{:?}", host.log());
        assert!(log.contains(key), "{log}");
        // Releases need no settings.
        deploy(&host, "1.0");
        let why = host.check_settings::<Maven>().unwrap_err().to_string();
        assert!(why.contains(key), "{why}");
    }
}

#[test]
fn a_build_lies_in_the_folder_of_its_snapshot() {
    let host = host();
    let ann = host.as_user("ann");
    for path in [
        "/com/example/lib/1-20260101.120000-1/lib-1-SNAPSHOT.jar",
        "/com/example/lib/1-SNAPSHOT/lib-2-20260101.120000-1.jar",
        "/com/example/lib/1-SNAPSHOT/lib-1.jar",
    ] {
        assert_refused(&put(&ann, path, "x"), 400, "should begin with");
    }
    assert!(host.objects().is_empty());
}
