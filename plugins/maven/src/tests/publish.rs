//! Deploying files, their checksums, and metadata.

use packhouse_plugin::time::MINUTE;

use super::*;

#[test]
fn a_release_is_deployed_and_read() {
    let host = host();
    deploy(&host, "1.0");
    let reply = get(&host, JAR);
    assert_eq!((reply.status(), reply.text().as_str()), (200, "jar of 1.0"));
    assert_eq!(reply.header("x-checksum-sha1"), Some(digest("jar of 1.0", "sha1").as_str()));
    for algorithm in ["md5", "sha1", "sha256", "sha512"] {
        assert_eq!(text(&host, &format!("{JAR}.{algorithm}")), digest("jar of 1.0", algorithm));
    }
    assert_eq!(listed(&host), ["1.0"]);
    let expected = [
        "artifacts/com/example/lib/1.0/lib-1.0.jar",
        "artifacts/com/example/lib/1.0/lib-1.0.pom",
        METADATA,
        "names/com.example/lib",
        "proofs/versions/com.example/lib/1.0.json",
        DOCUMENT,
    ];
    assert_eq!(host.objects(), expected);
}

#[test]
fn a_release_takes_the_same_bytes_again_and_no_others() {
    let host = host();
    deploy(&host, "1.0");
    let before = host.object(DOCUMENT);
    let ann = host.as_user("ann");
    assert_eq!(put(&ann, JAR, "jar of 1.0").status(), 200);
    assert_eq!(put(&ann, POM, pom("1.0")).status(), 200);
    assert_refused(&put(&ann, JAR, "other"), 409, "raise the version");
    assert_refused(&put(&ann, POM, pom("1.0").replace('\n', "\r\n")), 409, "lib-1.0.pom");
    assert_eq!(host.object(DOCUMENT), before);
    assert_eq!(text(&host, JAR), "jar of 1.0");
}

#[test]
fn the_same_bytes_again_repair_a_damaged_file() {
    let host = host();
    deploy(&host, "1.0");
    host.insert("artifacts/com/example/lib/1.0/lib-1.0.jar", "torn").unwrap();
    assert_eq!(get(&host, JAR).status(), 500);
    assert_eq!(put(&host.as_user("ann"), JAR, "jar of 1.0").status(), 200);
    assert_eq!(text(&host, JAR), "jar of 1.0");
}

#[test]
fn a_version_is_listed_when_its_pom_is_there() {
    let host = host();
    done(&host.as_user("ann"), JAR, "jar");
    assert_eq!(get(&host, "/com/example/lib/maven-metadata.xml").status(), 404);
    done(&host.as_user("ann"), POM, pom("1.0"));
    assert_eq!(listed(&host), ["1.0"]);
}

#[test]
fn a_version_without_a_pom_is_listed_when_a_client_lists_it() {
    let host = host();
    let ann = host.as_user("ann");
    done(&ann, JAR, "jar");
    let metadata = |versions: &[&str]| {
        let versions: Vec<String> =
            versions.iter().map(|version| format!("<version>{version}</version>")).collect();
        let versions = versions.concat();
        format!(
            "<metadata><groupId>com.example</groupId><artifactId>lib</artifactId><versioning><release>9</release><versions>{versions}</versions></versioning></metadata>"
        )
    };
    done(&ann, "/com/example/lib/maven-metadata.xml", metadata(&["1.0", "9"]));
    assert_eq!(listed(&host), ["1.0"], "9 is not there");
    let reply = text(&host, "/com/example/lib/maven-metadata.xml");
    assert!(reply.contains("<release>1.0</release>"), "{reply}");
    // One that a client read before others published, and writes afterwards.
    deploy(&host, "1.1");
    done(&ann, "/com/example/lib/maven-metadata.xml", metadata(&["1.0"]));
    assert_eq!(listed(&host), ["1.0", "1.1"]);
}

#[test]
fn versions_are_listed_in_mavens_order() {
    let host = host();
    for version in ["1.10", "1.9", "2.0-SNAPSHOT", "1.9-rc1"] {
        deploy(&host, version);
    }
    assert_eq!(listed(&host), ["1.9-rc1", "1.9", "1.10", "2.0-SNAPSHOT"]);
    let metadata = text(&host, "/com/example/lib/maven-metadata.xml");
    assert!(metadata.contains("<latest>2.0-SNAPSHOT</latest>\n    <release>1.10</release>"), "{metadata}");
}

#[test]
fn two_who_deploy_at_once_are_both_listed() {
    let host = host();
    deploy(&host, "1.0");
    let theirs = String::from_utf8(host.object(METADATA).unwrap())
        .unwrap()
        .replace("<version>1.0</version>", "<version>1.0</version><version>1.2</version>");
    host.race(METADATA, theirs);
    deploy(&host, "1.1");
    assert_eq!(listed(&host), ["1.0", "1.1", "1.2"]);
}

#[test]
fn a_checksum_is_compared_with_its_file_whenever_it_comes() {
    let (right, wrong) = (digest("jar", "sha1"), digest("other", "sha1"));
    // After its file.
    let after = host();
    let ann = after.as_user("ann");
    done(&ann, JAR, "jar");
    done(&ann, &format!("{JAR}.sha1"), &right);
    done(&ann, &format!("{JAR}.sha1"), format!("{}  lib-1.0.jar\n", right.to_uppercase()));
    assert_refused(&put(&ann, &format!("{JAR}.sha1"), &wrong), 400, "deploy it again");
    assert_eq!(text(&after, &format!("{JAR}.sha1")), right);
    // Before it.
    let before = host();
    let ann = before.as_user("ann");
    done(&ann, &format!("{JAR}.sha1"), &wrong);
    assert_eq!(get(&before, JAR).status(), 404);
    assert_eq!(get(&before, &format!("{JAR}.sha1")).status(), 404);
    assert_refused(&put(&ann, JAR, "jar"), 400, "deploy it again");
    assert!(!before.objects().iter().any(|key| key.starts_with("artifacts/")));
    done(&ann, &format!("{JAR}.sha1"), &right);
    done(&ann, JAR, "jar");
    assert_eq!(text(&before, &format!("{JAR}.sha1")), right);
    // In a header.
    let reply = ann.put(POM).header("x-checksum-sha1", &wrong).body(pom("1.0").as_bytes()).send::<Maven>();
    assert_refused(&reply, 400, "should be");
    assert_refused(&put(&ann, &format!("{JAR}.sha1"), "no checksum"), 400, "40 hexadecimal digits");
}

#[test]
fn a_checksum_that_waits_for_its_file_does_not_wait_forever() {
    let host = host();
    let ann = host.as_user("ann");
    done(&ann, &format!("{JAR}.sha1"), digest("other", "sha1"));
    host.set_now(host.now() + 6 * MINUTE);
    done(&ann, JAR, "jar");
    assert_eq!(text(&host, JAR), "jar");
}

#[test]
fn a_client_may_send_the_checksum_of_its_own_metadata() {
    let host = host();
    deploy(&host, "1.0");
    let ann = host.as_user("ann");
    for path in [
        "/com/example/lib/maven-metadata.xml",
        "/com/example/lib/1-SNAPSHOT/maven-metadata.xml",
        "/com/example/maven-metadata.xml",
    ] {
        done(&ann, &format!("{path}.sha1"), digest("theirs", "sha1"));
        done(&ann, &format!("{path}.sha512"), digest("theirs", "sha512"));
    }
    let served = text(&host, "/com/example/lib/maven-metadata.xml");
    assert_eq!(text(&host, "/com/example/lib/maven-metadata.xml.sha1"), digest(served, "sha1"));
}

#[test]
fn signatures_and_gradle_module_metadata_are_stored_and_served() {
    let host = host();
    let ann = host.as_user("ann");
    for (path, content) in [
        ("/com/example/lib/1.0/lib-1.0.module", "{\"formatVersion\":\"1.1\"}"),
        ("/com/example/lib/1.0/lib-1.0.jar.asc", "signature"),
        ("/com/example/lib/1.0/lib-1.0-sources.jar", "sources"),
        ("/com/example/lib/1.0/lib-1.0-bin.tar.gz", "bin"),
    ] {
        done(&ann, path, content);
        done(&ann, &format!("{path}.sha256"), digest(content, "sha256"));
        assert_eq!(text(&host, path), content);
    }
    assert_eq!(get(&host, "/com/example/lib/1.0/lib-1.0-bin.tar.gz").header("content-encoding"), None);
}

#[test]
fn a_version_may_hold_a_plus() {
    let host = host();
    let ann = host.as_user("ann");
    done(&ann, "/com/example/lib/1.0+b1/lib-1.0+b1.jar", "plus");
    assert_eq!(text(&host, "/com/example/lib/1.0%2Bb1/lib-1.0%2bb1.jar"), "plus");
    assert_eq!(get(&host, "/com/example/lib/1.0%20b1/lib-1.0%20b1.jar").status(), 404);
}

#[test]
fn names_that_differ_by_case_alone_are_refused() {
    let host = host();
    deploy(&host, "1.0-rc");
    let before = host.objects();
    let ann = host.as_user("ann");
    assert_refused(
        &put(&ann, "/com/example/Lib/1.0/Lib-1.0.jar", "x"),
        409,
        "com.example:lib already exists",
    );
    assert_refused(
        &put(&ann, "/com/Example/lib/1.0/lib-1.0.jar", "x"),
        409,
        "com.example:lib already exists",
    );
    assert_refused(&put(&ann, "/com/example/lib/1.0-RC/lib-1.0-RC.jar", "x"), 409, "1.0-rc");
    assert_eq!(host.objects(), before);
}

#[test]
fn versions_and_files_that_differ_by_case_alone_are_refused_before_a_pom_is_there() {
    let host = host();
    let ann = host.as_user("ann");
    let jar = |version: &str| format!("/com/example/lib/{version}/lib-{version}.jar");
    done(&ann, &jar("1.0-RC1"), "a");
    let before = host.objects();
    for path in [jar("1.0-rc1"), format!("{}.sha1", jar("1.0-Rc1")), jar("1.0-rc1").replace(".jar", ".pom")] {
        let content = if path.ends_with("pom") { pom("1.0-rc1") } else { digest("b", "sha1") };
        assert_refused(&put(&ann, &path, content), 409, "already has the version 1.0-RC1");
    }
    assert_refused(
        &put(&ann, &jar("1.0-RC1").replace(".jar", ".JAR"), "x"),
        409,
        "lib-1.0-RC1.jar already exists",
    );
    done(&ann, &jar("1-SNAPSHOT"), "a");
    assert_refused(&put(&ann, &jar("1-SNAPSHOT").replace(".jar", ".Jar"), "x"), 409, "only in case");
    assert_refused(&put(&ann, &jar("1-Snapshot"), "x"), 409, "1-SNAPSHOT");
    done(&ann, &jar("1.0-RC1").replace(".jar", ".pom"), pom("1.0-RC1"));
    assert!(
        host.objects()
            .iter()
            .all(|key| before.contains(key) || !key.to_lowercase().contains("rc1") || key.contains("pom"))
    );
    assert_eq!(ann.delete("/com/example/lib/1.0-RC1").send::<Maven>().status(), 204);
    done(&ann, &jar("1.0-rc1"), "b");
}

#[test]
fn a_version_that_was_begun_long_ago_keeps_no_other_spelling_away() {
    let host = host();
    let ann = host.as_user("ann");
    let jar = |version: &str| format!("/com/example/lib/{version}/lib-{version}.jar");
    done(&ann, &format!("{}.sha1", jar("1.0-rc1")), digest("b", "sha1"));
    assert_refused(&put(&ann, &jar("1.0-RC1"), "a"), 409, "1.0-rc1");
    host.set_now(host.now() + 6 * MINUTE);
    done(&ann, &jar("1.0-RC1"), "a");
    assert_refused(&put(&ann, &jar("1.0-rc1"), "b"), 409, "1.0-RC1");
}

#[test]
fn an_artifact_and_a_group_of_plugins_share_a_path_and_neither_erases_the_other() {
    let host = host();
    let ann = host.as_user("ann");
    let plugins = |prefix: &str| {
        let artifact = format!("{prefix}-maven-plugin");
        deploy_artifact(&host, "com.example.lib", &artifact);
        plugins(&[(prefix, &artifact)])
    };
    let path = "/com/example/lib/maven-metadata.xml";
    done(&ann, path, plugins("one"));
    deploy(&host, "1.0");
    done(&ann, path, plugins("two"));
    let metadata = text(&host, path);
    for part in ["<prefix>one</prefix>", "<prefix>two</prefix>", "<version>1.0</version>"] {
        assert!(metadata.contains(part), "{part}: {metadata}");
    }
    assert_eq!(ann.delete("/com/example/lib").send::<Maven>().status(), 204);
    let metadata = text(&host, path);
    assert!(metadata.contains("<prefix>one</prefix>") && !metadata.contains("<version>"), "{metadata}");
}

#[test]
fn nobody_takes_the_prefix_of_a_plugin_that_is_not_theirs() {
    let host = host();
    let path = "/com/example/maven-metadata.xml";
    for artifact in ["demo-maven-plugin", "lib"] {
        deploy_artifact(&host, "com.example", artifact);
    }
    done(&host.as_user("ann"), path, plugins(&[("demo", "demo-maven-plugin")]));
    let dan = host.as_user("dan");
    assert_refused(
        &put(&dan, path, plugins(&[("demo", "lib")])),
        403,
        "maven:artifact:com.example:demo-maven-plugin:write",
    );
    // As a client sends back what it has read, with its own plugin.
    done(&dan, path, plugins(&[("demo", "demo-maven-plugin"), ("lib", "lib")]));
    let listed = text(&host, path);
    assert!(listed.contains("<prefix>demo</prefix>") && listed.contains("<prefix>lib</prefix>"), "{listed}");
}

#[test]
fn the_prefix_of_a_plugin_that_does_not_exist_is_not_listed() {
    let host = host();
    let (ann, path) = (host.as_user("ann"), "/com/example/maven-metadata.xml");
    deploy_artifact(&host, "com.example", "one");
    // Its jar alone makes no plugin: nothing lists the version.
    done(&ann, "/com/example/two/1.0/two-1.0.jar", "jar");
    done(&ann, &format!("{}.sha1", "/com/example/three/1.0/three-1.0.jar"), digest("x", "sha1"));
    done(&ann, path, plugins(&[("one", "one"), ("two", "two"), ("three", "three"), ("four", "four")]));
    let listed = text(&host, path);
    assert_eq!((listed.matches("<prefix>").count(), listed.contains("<prefix>one<")), (1, true), "{listed}");
    // Somebody who may write names that do not exist leaves nothing there, and takes no long time.
    let names: Vec<String> = (0..20_000).map(|number| format!("evil-{number}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), name.as_str())).collect();
    assert_refused(&put(&ann, path, plugins(&many)), 400, "one upload may add 100");
    assert_eq!(text(&host, path), listed);
}

#[test]
fn the_prefix_of_a_plugin_that_does_not_exist_can_be_deleted_and_is_free() {
    // As an earlier version stored it.
    let host = host();
    deploy_artifact(&host, "com.example", "lib");
    let (key, path) = ("metadata/com/example/maven-metadata.xml", "/com/example/maven-metadata.xml");
    let lies = plugins(&[("lib", "gone"), ("other", "gone-too"), ("third", "gone-as-well")]);
    host.insert(key, &lies).unwrap();
    let ann = host.as_user("ann");
    assert_eq!(ann.delete("/com/example/gone-too").send::<Maven>().status(), 204);
    assert_eq!(ann.delete("/com/example/gone-too").send::<Maven>().status(), 404);
    assert!(!text(&host, path).contains("gone-too"));
    done(&host.as_user("dan"), path, plugins(&[("lib", "lib")]));
    assert!(!text(&host, path).contains("<artifactId>gone</artifactId>"));
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, [key]);
    assert_eq!(host.upkeep().reindex::<Maven>().unwrap().rebuilt, [key]);
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
    let listed = text(&host, path);
    assert_eq!((listed.matches("<prefix>").count(), listed.contains("<prefix>lib<")), (1, true), "{listed}");
}

#[test]
fn permissions_are_those_of_the_group_or_of_the_artifact() {
    let host = host();
    let (cat, dan, bob) = (host.as_user("cat"), host.as_user("dan"), host.as_user("bob"));
    let other = "/com/example/other/1.0/other-1.0.jar";
    let below = "/com/example/sub/lib/1.0/lib-1.0.jar";
    done(&cat, JAR, "jar");
    done(&cat, other, "jar");
    assert_refused(&put(&cat, below, "jar"), 403, "maven:artifact:com.example.sub:lib:write");
    done(&dan, POM, pom("1.0"));
    assert_refused(&put(&dan, other, "jar"), 403, "maven:artifact:com.example:other:write");
    assert_refused(&put(&bob, JAR, "jar"), 403, "maven:artifact:com.example:lib:write");
    let nobody = put(&host.anonymous(), JAR, "jar");
    assert_eq!(nobody.header("www-authenticate"), Some("Basic realm=\"maven\""));
    assert_refused(&nobody, 401, "settings.xml");
    for path in [
        format!("{JAR}.sha1"),
        "/com/example/lib/maven-metadata.xml".to_owned(),
        "/com/example/maven-metadata.xml.md5".to_owned(),
    ] {
        assert_eq!(put(&host.anonymous(), &path, "x").status(), 401, "{path}");
    }
}

#[test]
fn metadata_that_stores_nothing_needs_a_permission_too() {
    let host = host().user("eve", &["maven:artifact:com.example:evil*:write"]);
    deploy(&host, "1.0");
    deploy_artifact(&host, "com.example", "evil-maven-plugin");
    let before = host.objects();
    let (artifact, group) = ("/com/example/other/maven-metadata.xml", "/com/example/maven-metadata.xml");
    done(&host.as_user("ann"), group, plugins(&[("lib", "lib")]));
    let sum = digest("theirs", "sha1");
    for path in [artifact, group] {
        for (path, body) in [
            (path.to_owned(), "<metadata/>".to_owned()),
            (path.to_owned(), plugins(&[("lib", "lib")])),
            (format!("{path}.sha1"), sum.clone()),
        ] {
            for (user, status) in [(Some("bob"), 403), (Some("eve"), 403), (None, 401)] {
                let by = user.map_or_else(|| host.anonymous(), |user| host.as_user(user));
                let reply = put(&by, &path, &body);
                assert_eq!(reply.status(), status, "{user:?} {path} {body}: {}", reply.text());
            }
        }
    }
    // Somebody who may write one plugin adds it, and sends the checksum afterwards.
    let eve = host.as_user("eve");
    done(&eve, group, plugins(&[("lib", "lib"), ("evil", "evil-maven-plugin")]));
    done(&eve, &format!("{group}.sha1"), &sum);
    assert_eq!(put(&eve, artifact, "<metadata/>").status(), 403);
    // The metadata, and a note of each plugin.
    assert_eq!(host.objects().len(), before.len() + 3);
}

#[test]
fn a_pom_of_other_coordinates_is_refused() {
    let host = host();
    let ann = host.as_user("ann");
    assert_refused(&put(&ann, POM, pom("1.1")), 400, "<version> 1.1");
    assert_refused(&put(&ann, POM, samples::pom("com.evil", "lib", "1.0")), 400, "<groupId> com.evil");
    assert_refused(&put(&ann, POM, samples::pom("com.example", "other", "1.0")), 400, "<artifactId> other");
    assert_refused(&put(&ann, POM, "no xml"), 400, "the POM cannot be read");
    assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
}

#[test]
fn features_can_be_turned_off() {
    let host = host().feature("upload", false).feature("delete", false);
    let ann = host.as_user("ann");
    assert_refused(&put(&ann, JAR, "x"), 405, "upload");
    assert_eq!(ann.delete("/com/example/lib").send::<Maven>().status(), 405);
}

#[test]
fn no_artifact_takes_the_place_of_a_file_that_another_one_may_have() {
    let host = host()
        .user("mia", &["maven:artifact:org.a.m:write", "maven:artifact:org.a.m.1:write"])
        .user("own", &["maven:artifact:org.a:m:write"]);
    let (mia, own) = (host.as_user("mia"), host.as_user("own"));
    for path in [
        "/org/a/m/1/m-1.war/1-m-1.war.jar",
        "/org/a/m/1/m-1.war/1-m-1.war.jar.sha1",
        "/org/a/m/1/m-1-sources.jar/1-m-1-sources.jar.jar",
        "/org/a/m/1/m-1.jar.asc/1-m-1.jar.asc.pom",
        // The folder of an artifact.
        "/org/a/m/1/m-1.war/5/m-1.war-5.jar",
    ] {
        assert_refused(&put(&mia, path, "x"), 400, "a file that org.a:m 1 may have");
    }
    assert_eq!(host.objects(), Vec::<String>::new());
    done(&own, "/org/a/m/1/m-1.war", "war");
    // It cannot be a file's name.
    done(&mia, "/org/a/m/1/m-1.2/1-m-1.2.jar", "x");
    done(&mia, "/org/a/m/1/5/1-5.jar", "x");
}
