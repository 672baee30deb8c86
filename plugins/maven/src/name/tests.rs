#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
use std::cmp::Ordering;

use super::*;

fn lib(version: &str) -> Coordinates {
    let artifact = Artifact::parse(GroupId::parse("com.example").unwrap(), "lib").unwrap();
    Coordinates::parse(artifact, version).unwrap()
}

#[test]
fn versions_are_ordered_as_maven_orders_them() {
    let ordered = [
        "1-alpha-1",
        "1-alpha2",
        "1-beta-1",
        "1-m1",
        "1-rc1",
        "1-SNAPSHOT",
        "1",
        "1-sp",
        "1-abc",
        "1-1",
        "1.0.1",
        "1.1-SNAPSHOT",
        "1.1",
        "1.9",
        "1.10",
        "2.0-20260101",
        "2.1",
        "2.1.1",
        "10",
        "20260101.120000",
        "123456789012345678901234567890",
    ];
    for (at, one) in ordered.iter().enumerate() {
        for (other_at, other) in ordered.iter().enumerate() {
            assert_eq!(compare(one, other), at.cmp(&other_at), "{one} and {other}");
        }
    }
    // As Maven 4.0 sorts these.
    let ordered = "r09 v1 1.0-a1 1.0-beta 1.0-m1 1.0-RC1 1.0-cr2 1.0-SNAPSHOT 1.0 1.0-sp1 1.0+b1 1_2 1.0-android \
                   1.0-jre 1.0.0-p1 1.x 1.0-x1 1.0-xyz 1~a 1.0-1 1.0-20200101.120000 1.0.1-SNAPSHOT 1.0.1 1..2 1.01 \
                   2.0b4 2.13.0-M5-1775dba 5.0.0.Alpha2 5.0.0.CR1 33.0.0-android 33.0.0-jre 20040616";
    let ordered: Vec<&str> = ordered.split_ascii_whitespace().collect();
    for (at, one) in ordered.iter().enumerate() {
        for (other_at, other) in ordered.iter().enumerate() {
            assert_eq!(compare(one, other), at.cmp(&other_at), "{one} and {other}");
        }
    }
    // A part is compared with nothing by its first item that counts, not by its first one. The last
    // three go round, in Maven 3.9 and 4 too.
    for (older, newer) in
        [("1", "1a"), ("1a", "1-.1"), ("1", "1-.1"), ("1", "1L"), ("1L", "1-0alpha"), ("1-0alpha", "1")]
    {
        assert_eq!(compare(older, newer), Ordering::Less, "{older} and {newer}");
    }
    for (one, other) in [
        ("1", "1.0"),
        ("1.0", "1.0.0"),
        ("1-ga", "1"),
        ("1.Final", "1"),
        ("1a1", "1-alpha-1"),
        ("1-CR1", "1-rc1"),
        ("1.0-0", "1"),
    ] {
        assert_eq!(compare(one, other), Ordering::Equal, "{one} and {other}");
    }
}

#[test]
fn a_file_is_told_by_its_name() {
    let kind = |version, name: &str| {
        FileName::parse(&lib(version), name).ok().map(|name| {
            (
                name.build().map(ToString::to_string),
                name.kind().classifier.clone(),
                name.kind().extension.clone(),
            )
        })
    };
    let plain = |classifier: &str, extension: &str| Some((None, classifier.to_owned(), extension.to_owned()));
    assert_eq!(kind("1.0", "lib-1.0.jar"), plain("", "jar"));
    assert_eq!(kind("1.0", "lib-1.0-sources.jar"), plain("sources", "jar"));
    assert_eq!(kind("1.0", "lib-1.0.tar.gz"), plain("", "tar.gz"));
    assert_eq!(kind("1.0", "lib-1.0-bin.tar.gz.asc"), plain("bin", "tar.gz.asc"));
    assert_eq!(kind("1.0", "lib-1.0-jdk1.5.jar"), plain("jdk1.5", "jar"));
    assert_eq!(kind("1.0+b", "lib-1.0+b.pom"), plain("", "pom"));
    let build = |classifier: &str, extension: &str| {
        Some((Some("20260101.120000-12".to_owned()), classifier.to_owned(), extension.to_owned()))
    };
    assert_eq!(kind("1-SNAPSHOT", "lib-1-20260101.120000-12.jar"), build("", "jar"));
    assert_eq!(kind("1-SNAPSHOT", "lib-1-20260101.120000-12-linux.pom.asc"), build("linux", "pom.asc"));
    assert_eq!(kind("1-SNAPSHOT", "lib-1-SNAPSHOT.jar"), plain("", "jar"));
    for name in [
        "lib-1.1.jar",
        "lib-1.0",
        "lib-1.0.",
        "lib-1.0-",
        "lib-1.0-a",
        "other-1.0.jar",
        "lib-1.0 .jar",
        "maven-metadata.xml",
        "lib-1.0%2f.jar",
    ] {
        assert_eq!(kind("1.0", name), None, "{name}");
    }
    for name in ["lib-1-20260101.120000.jar", "lib-1-20260101.1200-1.jar", "lib-1-20260101.120000-01.jar"] {
        assert_eq!(kind("1-SNAPSHOT", name), None, "{name}");
    }
}

#[test]
fn a_file_that_is_deployed_has_a_valid_classifier_and_extension() {
    let check = |version, name: &str| FileName::parse(&lib(version), name).unwrap().check();
    for name in [
        "lib-1.0.jar",
        "lib-1.0.tar.gz.asc",
        "lib-1.0.7z",
        "lib-1.0.tar.7z",
        "lib-1.0-1.8.jar",
        "lib-1.0-jdk1.5-tests.jar",
        "lib-1.0.jar.sigstore.json",
        "lib-1.0-linux_64.so",
        "lib-1.0.nbm-file",
    ] {
        assert_eq!(check("1.0", name), Ok(()));
    }
    for name in [
        "lib-1.0.1.jar",
        "lib-1.0.1-sources.jar",
        "lib-1.0..jar",
        "lib-1.0.jar.",
        "lib-1.0.jar..asc",
        "lib-1.0.-jar",
        "lib-1.0.jar~",
        "lib-1.0--sources.jar",
        "lib-1.0-a..jar",
    ] {
        assert!(check("1.0", name).is_err(), "{name}");
    }
    assert_eq!(check("1-SNAPSHOT", "lib-1-20240229.235959-1.jar"), Ok(()));
    for name in ["20261399.999999-1", "20260229.000000-1", "20260101.240000-1", "20260100.000000-1"] {
        let why = check("1-SNAPSHOT", &format!("lib-1-{name}.jar")).unwrap_err();
        assert!(why.contains("timestamp"), "{why}");
    }
    assert!(check("1-SNAPSHOT", "lib-1-20260101.120000-1.2.jar").is_err());
}

#[test]
fn a_file_of_an_sbt_plugin_may_lack_the_versions_of_scala_and_sbt() {
    let coordinates = |id: &str| {
        let group = GroupId::parse("com.example").unwrap();
        Coordinates::parse(Artifact::parse(group, id).unwrap(), "1.9.16").unwrap()
    };
    for (id, plugin) in [
        ("sbt-a_2.12_1.0", Some("sbt-a")),
        ("sbt-a_2.10_0.13", Some("sbt-a")),
        ("sbt-a_3_2", Some("sbt-a")),
        ("sbt-a_3_2.0.0-M2", Some("sbt-a")),
        ("sbt_a_b_2.12_1.0", Some("sbt_a_b")),
        ("sbt-a_2.12", None),
        ("sbt-a_2.12_", None),
        ("sbt-a__1.0", None),
        ("sbt-a_sjs1_2.13", None),
        ("_2.12_1.0", None),
        ("sbt-a_2.12_1.0-", None),
        ("sbt-a_2..12_1.0", None),
    ] {
        let coordinates = coordinates(id);
        assert_eq!(coordinates.artifact.sbt_plugin(), plugin, "{id}");
        let begins =
            |name: String| FileName::parse(&coordinates, &name).ok().map(|name| name.artifact().to_owned());
        assert_eq!(begins(format!("{id}-1.9.16.pom")).as_deref(), Some(id));
        let short = id.split('_').next().filter(|short| !short.is_empty()).unwrap_or("x");
        let short = plugin.unwrap_or(short);
        assert_eq!(begins(format!("{short}-1.9.16-sources.jar")).as_deref(), plugin, "{id}");
        assert_eq!(begins(format!("{short}_2.12-1.9.16.jar")).filter(|_| id != "sbt-a_2.12"), None, "{id}");
    }
}

#[test]
fn names_that_could_be_another_key_are_none() {
    for group in ["", ".", "a..b", ".a", "a/b", "a b", "a.é", &"a".repeat(201)] {
        assert!(GroupId::parse(group).is_err(), "{group}");
    }
    assert!(GroupId::parse_segments(&["com", "ex.ample"]).is_err());
    let group = || GroupId::parse("com.example").unwrap();
    for id in ["", "..", ".a", "a/b", "a:b", "maven-metadata.xml", "a\n", "a+b", &"a".repeat(101)] {
        assert!(Artifact::parse(group(), id).is_err(), "{id}");
    }
    for version in ["", ".", "1/2", "1:2", "[1,2)", "maven-metadata.xml.sha1", "1\r", "1%20"] {
        assert!(!is_version(version), "{version}");
    }
}
