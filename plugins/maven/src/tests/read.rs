//! Reading, listing and deleting.

use serde_json::Value;

use super::*;

fn listing(by: &Actor, path: &str) -> Value {
    let reply = by.get(path).header("accept", "application/json").send::<Maven>();
    assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    reply.json()
}

fn names(listing: &Value) -> (Vec<&str>, Vec<&str>) {
    let folders = listing["folders"].as_array().unwrap().iter().map(|folder| folder.as_str().unwrap());
    let files = listing["files"].as_array().unwrap().iter().map(|file| file["name"].as_str().unwrap());
    (folders.collect(), files.collect())
}

fn delete(by: &Actor, path: &str) -> Reply {
    by.delete(path).send::<Maven>()
}

#[test]
fn what_is_not_there_is_404_as_text() {
    let host = host();
    for path in [
        JAR,
        "/com/example/lib/1.0/lib-1.0.jar.sha1",
        "/com/example/lib/maven-metadata.xml",
        "/com/example/lib/maven-metadata.xml.sha1",
        "/com/example/maven-metadata.xml",
        "/com/example/lib/1-SNAPSHOT/maven-metadata.xml",
        "/.meta/prefixes.txt",
        "/archetype-catalog.xml",
        "/com/example/",
        "/com/example",
        "/a b/",
    ] {
        let reply = get(&host, path);
        assert_eq!(reply.status(), 404, "{path}: {}", reply.text());
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"), "{path}");
    }
}

#[test]
fn a_file_keeps_the_time_of_its_publication() {
    let host = host();
    deploy(&host, "1.0");
    let published = get(&host, JAR).header("last-modified").map(str::to_owned);
    host.set_now(host.now() + 86_400_000);
    host.insert("artifacts/com/example/lib/1.0/lib-1.0.jar", "jar of 1.0").unwrap();
    host.upkeep().reindex::<Maven>().unwrap();
    assert_eq!(get(&host, JAR).header("last-modified").map(str::to_owned), published);
}

#[test]
fn folders_are_listed_as_json_and_as_html() {
    let host = host();
    deploy(&host, "1.0");
    let bob = host.as_user("bob");
    assert_eq!(names(&listing(&bob, "/")), (vec!["com"], vec![]));
    assert_eq!(names(&listing(&bob, "/com/example/")), (vec!["lib"], vec![]));
    assert_eq!(names(&listing(&bob, "/com/example/lib/")), (vec!["1.0"], vec!["maven-metadata.xml"]));
    let version = listing(&bob, "/com/example/lib/1.0/");
    assert_eq!(names(&version), (vec![], vec!["lib-1.0.jar", "lib-1.0.pom"]));
    assert_eq!(version["files"][0]["size"], 10);
    assert_eq!(version["files"][0]["sha1"], digest("jar of 1.0", "sha1"));
    let page = get(&host, "/com/example/lib/1.0/");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text().contains("<a href=\"lib-1.0.jar\">lib-1.0.jar</a>"), "{}", page.text());
    let moved = get(&host, "/com/example/lib");
    assert_eq!((moved.status(), moved.header("location")), (302, Some("lib/")));
}

#[test]
fn a_long_folder_is_listed_page_by_page() {
    let host = host();
    for number in 0..1001 {
        host.insert(&format!("artifacts/com/example/lib-{number:04}/1/lib-{number:04}-1.pom"), "x").unwrap();
    }
    let bob = host.as_user("bob");
    let first = listing(&bob, "/com/example/");
    assert_eq!(names(&first).0.len(), 1000);
    let next = first["next"].as_str().unwrap();
    assert_eq!(names(&listing(&bob, &format!("/com/example/?after={next}"))).0, ["lib-1000"]);
}

#[test]
fn who_may_read_one_group_sees_no_other() {
    let host = Host::new()
        .user("ann", &["maven:artifact:*:write"])
        .user("eve", &["maven:artifact:com.example:read"]);
    deploy(&host, "1.0");
    done(&host.as_user("ann"), "/com/other/lib/1.0/lib-1.0.jar", "x");
    let eve = host.as_user("eve");
    assert_eq!(eve.get(JAR).send::<Maven>().text(), "jar of 1.0");
    assert_eq!(names(&listing(&eve, "/com/example/")).0, ["lib"]);
    for path in
        ["/", "/com/", "/com/other/", "/com/other/lib/1.0/lib-1.0.jar", "/com/other/lib/1.0/lib-1.0.jar.md5"]
    {
        assert_eq!(eve.get(path).send::<Maven>().status(), 403, "{path}");
        let nobody = host.anonymous().get(path).send::<Maven>();
        assert_eq!(
            (nobody.status(), nobody.header("www-authenticate")),
            (401, Some("Basic realm=\"maven\"")),
            "{path}"
        );
    }
    assert_eq!(host.anonymous().get("/com/example/lib/maven-metadata.xml").send::<Maven>().status(), 401);
    assert_eq!(eve.get("/com/example/lib/maven-metadata.xml").send::<Maven>().status(), 200);
    assert_eq!(eve.get("/com/example/maven-metadata.xml").send::<Maven>().status(), 404);
}

#[test]
fn an_artifact_that_is_denied_is_neither_read_nor_listed_and_its_neighbours_are() {
    let host = Host::new()
        .user("ann", &["maven:artifact:*:write"])
        .user("eve", &["maven:artifact:*:write", "!maven:artifact:com.example:two-maven-plugin:*"]);
    for name in ["one", "two"] {
        let artifact = format!("{name}-maven-plugin");
        deploy_artifact(&host, "com.example", &artifact);
        done(&host.as_user("ann"), "/com/example/maven-metadata.xml", plugins(&[(name, &artifact)]));
    }
    // A group below the path of the artifact.
    deploy_artifact(&host, "com.example.two-maven-plugin", "lib");
    let (ann, eve) = (host.as_user("ann"), host.as_user("eve"));
    assert_eq!(names(&listing(&ann, "/com/example/")).0, ["one-maven-plugin", "two-maven-plugin"]);
    assert_eq!(names(&listing(&eve, "/")).0, ["com"]);
    assert_eq!(names(&listing(&eve, "/com/")).0, ["example"]);
    assert_eq!(names(&listing(&eve, "/com/example/")).0, ["one-maven-plugin"]);
    assert_eq!(names(&listing(&eve, "/com/example/one-maven-plugin/")).0, ["1.0"]);
    let denied = "/com/example/two-maven-plugin";
    assert_eq!(names(&listing(&ann, &format!("{denied}/"))).0, ["1.0", "lib"]);
    for path in [
        format!("{denied}/"),
        format!("{denied}/1.0/"),
        format!("{denied}/1.0/two-maven-plugin-1.0.pom"),
        format!("{denied}/1.0/two-maven-plugin-1.0.pom.sha1"),
        format!("{denied}/maven-metadata.xml"),
    ] {
        assert_eq!(ann.get(&path).send::<Maven>().status(), 200, "{path}");
        assert_eq!(eve.get(&path).send::<Maven>().status(), 403, "{path}");
    }
    assert_eq!(eve.get(&format!("{denied}/lib/1.0/lib-1.0.pom")).send::<Maven>().status(), 200);
    let seen = eve.get("/com/example/maven-metadata.xml").send::<Maven>().text();
    assert!(seen.contains("<prefix>one</prefix>") && !seen.contains("two"), "{seen}");
    let taken = plugins(&[("two", "two-maven-plugin"), ("new", "two-maven-plugin")]);
    assert_eq!(put(&eve, "/com/example/maven-metadata.xml", taken).status(), 403);
    assert_eq!(put(&eve, &format!("{denied}/2.0/two-maven-plugin-2.0.jar"), "x").status(), 403);
    assert_eq!(eve.delete(&format!("{denied}/1.0/")).send::<Maven>().status(), 403);
}

#[test]
fn who_may_read_one_plugin_sees_its_prefix_alone() {
    let host = Host::new()
        .user("ann", &["maven:artifact:*:write"])
        .user("eve", &["maven:artifact:com.example:one-maven-plugin:read"]);
    for name in ["one", "two"] {
        let artifact = format!("{name}-maven-plugin");
        deploy_artifact(&host, "com.example", &artifact);
        done(&host.as_user("ann"), "/com/example/maven-metadata.xml", plugins(&[(name, &artifact)]));
    }
    let eve = host.as_user("eve");
    let seen = eve.get("/com/example/maven-metadata.xml").send::<Maven>().text();
    assert!(seen.contains("<prefix>one</prefix>") && !seen.contains("two"), "{seen}");
    let sum = eve.get("/com/example/maven-metadata.xml.sha1").send::<Maven>().text();
    assert_eq!(sum, digest(&seen, "sha1"));
}

#[test]
fn a_bucket_of_an_earlier_system_is_served_as_it_is_found() {
    let host = host();
    let files = [
        ("lib-0.9.jar", "old jar".to_owned()),
        ("lib-0.9.pom", pom("0.9")),
        ("lib-0.9.jar.sha1", digest("old jar", "sha1")),
    ];
    for (name, content) in &files {
        host.insert(&format!("artifacts/com/example/lib/0.9/{name}"), content).unwrap();
    }
    let found = "<metadata><groupId>com.example</groupId><artifactId>lib</artifactId><versioning><latest>0.9</latest><release>0.9</release><versions><version>0.9</version></versions><lastUpdated>20200101000000</lastUpdated></versioning></metadata>";
    host.insert(METADATA, found).unwrap();
    let before = host.objects();
    assert_eq!(text(&host, "/com/example/lib/0.9/lib-0.9.jar"), "old jar");
    assert_eq!(text(&host, "/com/example/lib/0.9/lib-0.9.jar.sha512"), digest("old jar", "sha512"));
    assert_eq!(text(&host, "/com/example/lib/maven-metadata.xml"), found);
    assert_eq!(
        names(&listing(&host.as_user("bob"), "/com/example/lib/0.9/")).1,
        ["lib-0.9.jar", "lib-0.9.pom"]
    );
    assert_eq!(host.objects(), before, "reading writes nothing");
    // It is as immutable as any other release.
    let ann = host.as_user("ann");
    assert_refused(&put(&ann, "/com/example/lib/0.9/lib-0.9.jar", "other"), 409, "raise the version");
    done(&ann, "/com/example/lib/0.9/lib-0.9.jar", "old jar");
    done(&ann, "/com/example/lib/0.9/lib-0.9-sources.jar", "sources");
    deploy(&host, "1.0");
    assert_eq!(listed(&host), ["0.9", "1.0"]);
    assert_eq!(text(&host, "/com/example/lib/0.9/lib-0.9.jar"), "old jar");
    host.set_now(host.now() + 86_400_000);
    let outcome = host.upkeep().older_than(0).collect::<Maven>().unwrap();
    assert_eq!(outcome.left_over, Vec::<String>::new());
}

#[test]
fn deleting_a_file_leaves_the_others() {
    let host = host();
    deploy(&host, "1.0");
    let ann = host.as_user("ann");
    assert_eq!(delete(&ann, &format!("{JAR}.sha1")).status(), 204);
    assert_eq!(text(&host, &format!("{JAR}.sha1")), digest("jar of 1.0", "sha1"));
    assert_eq!(delete(&ann, JAR).status(), 204);
    assert_eq!((get(&host, JAR).status(), get(&host, POM).status()), (404, 200));
    assert_eq!(delete(&ann, JAR).status(), 404);
    assert_refused(&delete(&ann, "/com/example/lib/maven-metadata.xml"), 405, "delete the version");
    assert_eq!(delete(&host.anonymous(), POM).status(), 401);
    assert_eq!(delete(&host.as_user("bob"), POM).status(), 403);
}

#[test]
fn deleting_a_version_makes_the_metadata_anew() {
    let host = host();
    for version in ["1.0", "1.1", "1.2"] {
        deploy(&host, version);
    }
    let ann = host.as_user("ann");
    assert_eq!(delete(&ann, "/com/example/lib/1.2/").status(), 204);
    assert_eq!(listed(&host), ["1.0", "1.1"]);
    assert!(text(&host, "/com/example/lib/maven-metadata.xml").contains("<release>1.1</release>"));
    assert_eq!(delete(&ann, "/com/example/lib/1.1").status(), 204);
    assert_eq!(listed(&host), ["1.0"]);
    assert_eq!(delete(&ann, "/com/example/lib/1.1").status(), 404);
    // Each of its files.
    assert_eq!((delete(&ann, JAR).status(), delete(&ann, POM).status()), (204, 204));
    assert_eq!(get(&host, "/com/example/lib/maven-metadata.xml").status(), 404);
    let proofs = |versions: &[&str]| -> Vec<String> {
        versions.iter().map(|version| format!("proofs/versions/com.example/lib/{version}.json")).collect()
    };
    assert_eq!(host.objects(), proofs(&["1.0", "1.1", "1.2"]));
    host.set_now(host.now() + 2 * packhouse_plugin::storage::GRACE);
    host.upkeep().older_than(0).collect::<Maven>().unwrap();
    assert_eq!(host.objects(), Vec::<String>::new(), "a collection removes the proofs");
    // And again with other bytes.
    done(&ann, JAR, "another");
}

#[test]
fn deleting_an_artifact_takes_all_of_it() {
    let host = host();
    for version in ["1.0", "2-SNAPSHOT"] {
        deploy(&host, version);
    }
    let ann = host.as_user("ann");
    done(
        &ann,
        "/com/example/maven-metadata.xml",
        "<metadata><plugins><plugin><prefix>l</prefix><artifactId>lib</artifactId></plugin></plugins></metadata>",
    );
    assert_eq!(delete(&ann, "/com/example/lib/").status(), 204);
    let proofs =
        ["1.0", "2-SNAPSHOT"].map(|version| format!("proofs/versions/com.example/lib/{version}.json"));
    assert_eq!(host.objects(), proofs);
    assert_eq!(delete(&ann, "/com/example/lib").status(), 404);
    assert_eq!(delete(&host.as_user("bob"), "/com/example/lib").status(), 403);
    assert_eq!(delete(&host.anonymous(), "/com/example/lib").status(), 401);
}

#[test]
fn a_version_that_is_published_while_it_is_deleted_stays_listed() {
    let host = host();
    deploy(&host, "1.0");
    deploy(&host, "1.1");
    // Between reading the metadata and writing it without 1.1, somebody deploys 1.1 again.
    let document = host.object("versions/com.example/lib/1.1.json").unwrap();
    let files: Vec<(String, Vec<u8>)> = host
        .objects()
        .into_iter()
        .filter(|key| key.starts_with("artifacts/com/example/lib/1.1/"))
        .map(|key| (key.clone(), host.object(&key).unwrap()))
        .collect();
    let both = String::from_utf8(host.object(METADATA).unwrap()).unwrap();
    host.race(METADATA, both.replace("lastUpdated>2", "lastUpdated>3"));
    assert_eq!(delete(&host.as_user("ann"), "/com/example/lib/1.1").status(), 204);
    assert_eq!(listed(&host), ["1.0"]);
    host.insert("versions/com.example/lib/1.1.json", document).unwrap();
    for (key, content) in files {
        host.insert(&key, content).unwrap();
    }
    host.upkeep().reindex::<Maven>().unwrap();
    assert_eq!(listed(&host), ["1.0", "1.1"]);
}

#[test]
fn metadata_that_was_lost_is_made_of_the_versions() {
    let host = host().user("eve", &[]);
    let versions = ["1.0", "1.1", "2-SNAPSHOT"];
    for version in versions {
        deploy(&host, version);
    }
    assert!(host.remove(METADATA));
    assert_eq!(listed(&host), versions);
    let made = text(&host, "/com/example/lib/maven-metadata.xml");
    assert!(made.contains("<release>1.1</release>"), "{made}");
    assert_eq!(text(&host, "/com/example/lib/maven-metadata.xml.sha1"), digest(&made, "sha1"));
    assert_eq!(host.object(METADATA), None, "reading changes nothing");
    deploy(&host, "1.2");
    assert_eq!(listed(&host), ["1.0", "1.1", "1.2", "2-SNAPSHOT"]);
    // A damaged document may name another version.
    assert!(host.remove(METADATA));
    host.insert(DOCUMENT, "{").unwrap();
    for path in ["/com/example/lib/maven-metadata.xml", "/com/example/lib/maven-metadata.xml.sha1"] {
        assert_refused(&get(&host, path), 500, "damaged");
    }
    let private = Host::new().user("ann", &["maven:artifact:*:write"]).user("eve", &[]);
    deploy(&private, "1.0");
    private.remove(METADATA);
    let denied = private.as_user("eve").get("/com/example/lib/maven-metadata.xml").send::<Maven>();
    assert_eq!(denied.status(), 403);
    let other = get(&host, "/com/example/other/maven-metadata.xml");
    assert_eq!(other.status(), 404, "{}", other.text());
}

#[test]
fn what_a_lost_document_has_named_is_not_404() {
    let host = host();
    deploy(&host, "1.0");
    deploy(&host, "1-SNAPSHOT");
    for version in ["1.0", "1-SNAPSHOT"] {
        host.remove(&format!("versions/com.example/lib/{version}.json"));
        host.remove(&format!("artifacts/com/example/lib/{version}/lib-{version}.jar"));
        let jar = format!("{FOLDER}/{version}/lib-{version}.jar");
        for path in [&jar, &format!("{jar}.sha1")] {
            assert_refused(&get(&host, path), 500, "damaged");
        }
        assert_eq!(get(&host, &format!("{FOLDER}/{version}/lib-{version}.pom")).status(), 200);
    }
    host.remove("artifacts/com/example/lib/1-SNAPSHOT/lib-1-SNAPSHOT.pom");
    let metadata = get(&host, "/com/example/lib/1-SNAPSHOT/maven-metadata.xml");
    assert_refused(&metadata, 500, "damaged");
    // A request that deletes them takes the proof away.
    deploy(&host, "1.1");
    assert_eq!(delete(&host.as_user("ann"), "/com/example/lib/1.1").status(), 204);
    assert_eq!(get(&host, "/com/example/lib/1.1/lib-1.1.jar").status(), 404);
}
