//! What nobody should send.

use super::*;

#[test]
fn paths_that_could_be_another_key_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    for path in [
        "/com/example/lib/1.0/..%2f..%2flib-1.0.jar",
        "/com/example/lib/%2e%2e/lib-1.0.jar",
        "/com/example/../lib/1.0/lib-1.0.jar",
        "/com/example/lib/1.0/lib-1.0.jar%00",
        "/com/example/lib/1.0/lib-1.0%0d%0a.jar",
        "/com/ex.ample/lib/1.0/lib-1.0.jar",
        "/lib/1.0/lib-1.0.jar",
        "/lib-1.0.jar",
        "/com/example/lib/1.0/other-1.0.jar",
        "/com/example/lib/1.0/lib-2.0.jar",
        "/com/example/maven-metadata.xml/1.0/maven-metadata.xml-1.0.jar",
        "/com/example/lib/maven-metadata.xml/lib-maven-metadata.xml.jar",
        "/com/example/.lib/1.0/.lib-1.0.jar",
        "/com/example/lib/1.0/.packhouse",
        "/com/example/lib/1.0/lib-1.0.jar.sha1.md5",
        "/com//example/lib/1.0/lib-1.0.jar",
        "/archetype-catalog.xml",
    ] {
        let reply = put(&ann, path, "x");
        assert!(matches!(reply.status(), 400 | 404), "{path}: {} {}", reply.status(), reply.text());
        assert_eq!((host.objects(), host.staged()), (Vec::new(), 0), "{path}");
    }
    let long = format!("/com/example/lib/1.0/lib-1.0-{}.jar", "a".repeat(300));
    assert_refused(&put(&ann, &long, "x"), 400, "is not the name of a file");
    let deep = format!("/{}lib/1.0/lib-1.0.jar", "a/".repeat(200));
    assert_refused(&put(&ann, &deep, "x"), 400, "group id");
}

#[test]
fn a_path_that_another_artifact_takes_is_refused() {
    let host = host();
    let ann = host.as_user("ann");
    // `org.foo:bar` 1 has the file `bar-1.jar`, and `org.foo.bar.1:bar-1.jar` would have a folder there.
    done(&ann, "/org/foo/bar/1/bar-1.jar", "file");
    let below = "/org/foo/bar/1/bar-1.jar/2/bar-1.jar-2.jar";
    assert_refused(&put(&ann, below, "x"), 400, "a file that org.foo:bar 1 may have");
    // Earlier versions stored such folders, and files with this name.
    host.insert("artifacts/org/foo/bar/1/bar-1.zip/2/bar-1.zip-2.jar", "folder").unwrap();
    host.insert("artifacts/org/foo/bar/1/bar-1.2", "file").unwrap();
    let before = host.objects();
    assert_refused(&put(&ann, "/org/foo/bar/1/bar-1.zip", "x"), 409, "taken");
    assert_refused(&put(&ann, "/org/foo/bar/1/bar-1.2/1-bar-1.2.jar", "x"), 409, "taken");
    assert_eq!(host.objects(), before);
    assert_eq!(text(&host, "/org/foo/bar/1/bar-1.zip/2/bar-1.zip-2.jar"), "folder");
}

#[test]
fn entities_and_bombs_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    let bomb = "<!DOCTYPE project [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
    let outside = "<!DOCTYPE project [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>";
    for doctype in [bomb, outside, "<!DOCTYPE project SYSTEM \"http://registry.example.com/dtd\">"] {
        assert_refused(
            &put(&ann, POM, pom("1.0").replace("<project ", &format!("{doctype}<project "))),
            400,
            "declares entities",
        );
        let metadata = format!("{doctype}<metadata/>");
        assert_refused(&put(&ann, "/com/example/lib/maven-metadata.xml", metadata), 400, "declares entities");
    }
    assert_refused(&put(&ann, POM, "<project>".repeat(100_000)), 400, "nested deeper");
    assert_refused(&put(&ann, POM, " ".repeat((4 << 20) + 1)), 413, "");
    assert_refused(&put(&ann, "/com/example/lib/maven-metadata.xml", " ".repeat((4 << 20) + 1)), 413, "");
    assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
}

#[test]
fn poms_that_every_maven_rejects_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    let version = "<version>1.0</version>";
    let with = |more: &str| pom("1.0").replace(version, &format!("{version}{more}"));
    for (bad, why) in [
        (with(version), "<version> twice"),
        (pom("1.0").replace(version, "<version>9</version><version>1.0</version>"), "<version> twice"),
        (pom("1.0").replace("<project ", "<project a=b "), "not well-formed"),
        (with("<!-- a -- b -->"), "not well-formed"),
        (with("<name>&#1;</name>"), "not a character"),
        (with("<name>\u{1}</name>"), "U+0001"),
        (with("<name>&bogus;</name>"), "not known"),
    ] {
        assert_refused(&put(&ann, POM, bad), 400, why);
    }
    let metadata = "<metadata><!-- a -- b --></metadata>";
    assert_refused(&put(&ann, "/com/example/lib/maven-metadata.xml", metadata), 400, "not well-formed");
    assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
    // Stored metadata of an earlier system stays readable.
    let found = "<metadata><!-- a -- b --><versioning><versions><version>0.9</version></versions></versioning></metadata>";
    host.insert("artifacts/com/example/lib/0.9/lib-0.9.jar", "old").unwrap();
    host.insert(METADATA, found).unwrap();
    deploy(&host, "1.0");
    assert_eq!(listed(&host), ["0.9", "1.0"]);
}

#[test]
fn files_that_belong_to_no_version_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    for name in ["lib-1.0.1.jar", "lib-1.0..jar", "lib-1.0.jar.", "lib-1.0.1-sources.jar", "lib-1.0--a.jar"] {
        let path = format!("/com/example/lib/1.0/{name}");
        assert_refused(&put(&ann, &path, "x"), 400, "is not valid");
        assert_refused(&put(&ann, &format!("{path}.sha1"), digest("x", "sha1")), 400, "is not valid");
    }
    assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
    // What an earlier version has accepted stays readable, and can be deleted.
    host.insert("artifacts/com/example/lib/1.0/lib-1.0.1.jar", "old").unwrap();
    deploy(&host, "1.0");
    assert_eq!(text(&host, "/com/example/lib/1.0/lib-1.0.1.jar"), "old");
    assert_eq!(ann.delete("/com/example/lib/1.0/lib-1.0.1.jar").send::<Maven>().status(), 204);
}

#[test]
fn poms_of_every_encoding_are_taken() {
    let latin = pom("1.0")
        .replace("UTF-8", "ISO-8859-1")
        .replace("<version>", "<description>\u{e9}</description><version>");
    let latin: Vec<u8> = latin.chars().map(|character| u8::try_from(u32::from(character)).unwrap()).collect();
    let wide: Vec<u8> = "\u{feff}"
        .chars()
        .chain(pom("1.0").chars())
        .flat_map(|character| (character as u16).to_be_bytes())
        .collect();
    let marked = [b"\xef\xbb\xbf", pom("1.0").as_bytes()].concat();
    let html = pom("1.0").replace("<version>", "<name>&Eacute;tude&nbsp;1</name><version>").into_bytes();
    for bytes in [latin, wide, marked, html] {
        let host = host();
        done(&host.as_user("ann"), POM, &bytes);
        assert_eq!(get(&host, POM).bytes(), bytes);
    }
}

#[test]
fn metadata_that_lies_is_refused_or_changes_nothing() {
    let host = host();
    deploy(&host, "1.0");
    let before = host.object(METADATA);
    let ann = host.as_user("ann");
    let path = "/com/example/lib/maven-metadata.xml";
    let metadata = |group: &str, versions: &str| {
        format!(
            "<metadata><groupId>{group}</groupId><artifactId>lib</artifactId><versioning><versions>{versions}</versions></versioning></metadata>"
        )
    };
    assert_refused(
        &put(&ann, path, metadata("com.evil", "<version>1.0</version>")),
        400,
        "<groupId> com.evil",
    );
    assert_refused(&put(&ann, path, "<html/>"), 400, "<html>");
    assert_refused(&put(&ann, path, "<metadata>"), 400, "metadata cannot be read");
    let many =
        (0..20_000).map(|number| format!("<version>9.{number}</version>")).collect::<Vec<_>>().concat();
    done(&ann, path, metadata("com.example", &many));
    done(&ann, path, metadata("com.example", "<version>../../etc</version><version></version>"));
    done(&ann, path, "<metadata/>");
    assert_eq!(host.object(METADATA), before);
    let plugin = |artifact: &str, prefix: &str| {
        format!(
            "<metadata><plugins><plugin><prefix>{prefix}</prefix><artifactId>{artifact}</artifactId></plugin></plugins></metadata>"
        )
    };
    assert_refused(&put(&ann, path, plugin("../x", "p")), 400, "artifact id");
    assert_refused(&put(&ann, path, plugin("x", "")), 400, "prefix");
}

#[test]
fn an_upload_that_breaks_off_leaves_nothing() {
    let host = host();
    let request = host.as_user("ann").put(JAR).body("a jar that never comes to its end").broken_after(5);
    assert_eq!(request.send::<Maven>().status(), 400);
    assert_eq!((host.objects(), host.staged()), (Vec::new(), 0));
}

#[test]
fn damaged_documents_are_neither_changed_nor_believed() {
    let host = host();
    deploy(&host, "1.0");
    let ann = host.as_user("ann");
    let other = String::from_utf8(host.object(DOCUMENT).unwrap()).unwrap().replace("1.0", "1.1");
    host.insert(METADATA, "<metadata><vers").unwrap();
    assert_eq!(get(&host, "/com/example/lib/maven-metadata.xml").status(), 500);
    assert_eq!(put(&ann, "/com/example/lib/1.1/lib-1.1.pom", pom("1.1")).status(), 500);
    assert_eq!(host.object(METADATA).unwrap(), b"<metadata><vers");
    host.insert(DOCUMENT, "{").unwrap();
    assert_eq!(get(&host, JAR).status(), 500);
    assert_eq!(put(&ann, JAR, "jar of 1.0").status(), 500);
    assert_eq!(ann.delete("/com/example/lib/1.0").send::<Maven>().status(), 500);
    assert_eq!(host.object(DOCUMENT).unwrap(), b"{");
    host.insert(DOCUMENT, other).unwrap();
    assert_eq!(get(&host, JAR).status(), 500, "it is about another version");
}
