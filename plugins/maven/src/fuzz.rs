//! Fuzz targets for what clients send. Each asserts a property; how they are run longer is in
//! `CONTRIBUTING.md`.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::cmp::Ordering;

use packhouse_fuzz::target;
use packhouse_plugin::testing::Host;

use crate::metadata::Metadata;
use crate::name::{Artifact, Coordinates, FileName, GroupId, compare, is_version, sort};
use crate::path::{TargetFile, target as parse_path};
use crate::pom::Pom;
use crate::{Maven, layout, samples};

fn lib(version: &str) -> Coordinates {
    let artifact = Artifact::parse(GroupId::parse("com.example").unwrap(), "lib").unwrap();
    Coordinates::parse(artifact, version).unwrap()
}

#[test]
fn fuzz_path_is_one_key_and_reads_back() {
    let seeds = [
        "com/example/lib/1.0/lib-1.0.jar",
        "com/example/lib/1-SNAPSHOT/lib-1-20260101.120000-1-sources.jar.sha1",
        "com/example/lib/maven-metadata.xml",
        "com/example/lib/1-SNAPSHOT/maven-metadata.xml.md5",
    ];
    let words =
        ["/", "..", "./", "lib", "1.0", "-SNAPSHOT", "maven-metadata.xml", ".jar", ".sha1", "%", "\\"];
    target!("path").seeds(seeds).words(words).check_text(|text| {
        let Ok(found) = parse_path(text) else { return false };
        let plain =
            text.strip_suffix(&found.sidecar.map_or_else(String::new, |name| format!(".{name}"))).unwrap();
        match found.file {
            TargetFile::File(coordinates, name) => {
                let key = layout::file(&coordinates, name.as_str());
                assert_eq!(key, format!("artifacts/{plain}"));
                assert_eq!(layout::version_of_file(&key), Some((coordinates.clone(), name.as_str())));
                let document = layout::document(&coordinates);
                assert_eq!(layout::version_of_document(&document), Some(coordinates));
            }
            TargetFile::Snapshot(coordinates) => {
                assert_eq!(
                    format!("{}maven-metadata.xml", layout::folder(&coordinates)),
                    format!("artifacts/{plain}")
                );
            }
            TargetFile::Metadata(place) => {
                assert_eq!(layout::metadata(&place.path), format!("metadata/{plain}"));
            }
        }
        assert!(text.split('/').all(|part| !part.is_empty() && !part.starts_with('.')), "{text}");
        assert!(!text.contains(['\\', '%', ' ', ':']) && !text.contains(char::is_control), "{text}");
        true
    });
}

#[test]
fn fuzz_file_name_is_of_its_version() {
    let seeds =
        ["lib-1-20260101.120000-1.pom", "lib-1-SNAPSHOT-bin.tar.gz.asc", "lib-1-20260101.120000-12-a.b.jar"];
    target!("file-name")
        .seeds(seeds)
        .words(["lib-1-", "20260101.120000-", "SNAPSHOT", ".tar.gz", ".asc"])
        .check_text(|text| {
            let Ok(name) = FileName::parse(&lib("1-SNAPSHOT"), text) else { return false };
            let version = name.build().map_or_else(|| "1-SNAPSHOT".to_owned(), |build| format!("1-{build}"));
            let kind = name.kind();
            let classifier =
                if kind.classifier.is_empty() { String::new() } else { format!("-{}", kind.classifier) };
            assert_eq!(format!("lib-{version}{classifier}.{}", kind.extension), text);
            true
        });
}

/// Three versions need not have an order in Maven either: `1`, `1L` and `1-0alpha` go round.
#[test]
fn fuzz_versions_sort_whatever_they_are() {
    let seeds = ["1.0 1.0.1 1-alpha", "1-SNAPSHOT 1 1-sp", "1.a1 1-a-1 1.0-rc", "20260101 1.10 1.9"];
    target!("order").seeds(seeds).words(["1", ".", "-", "alpha", "rc", "SNAPSHOT", "0", " "]).check_text(
        |text| {
            let versions: Vec<&str> =
                text.split(' ').filter(|version| is_version(version)).take(12).collect();
            for one in &versions {
                assert_eq!(compare(one, one), Ordering::Equal);
                for other in &versions {
                    assert_eq!(compare(one, other), compare(other, one).reverse(), "{one} and {other}");
                }
            }
            let mut sorted: Vec<String> = versions.iter().map(ToString::to_string).collect();
            sort(&mut sorted);
            assert!(sorted.windows(2).all(|pair| compare(&pair[0], &pair[1]).is_le()), "{sorted:?}");
            versions.len() > 1
        },
    );
}

#[test]
fn fuzz_metadata_is_rendered_as_it_is_read() {
    let seeds = [
        "<metadata><groupId>a</groupId><artifactId>b</artifactId><versioning><latest>2</latest><versions><version>1</version></versions><lastUpdated>20260101000000</lastUpdated></versioning></metadata>",
        "<metadata><plugins><plugin><name>A &amp; B</name><prefix>p</prefix><artifactId>p-maven-plugin</artifactId></plugin></plugins></metadata>",
    ];
    let words = [
        "<version>",
        "</version>",
        "<plugin>",
        "</plugin>",
        "<![CDATA[",
        "]]>",
        "&lt;",
        "<!DOCTYPE",
        "&#10;",
    ];
    target!("metadata").seeds(seeds).words(words).check_text(|text| {
        let Ok(mut metadata) = Metadata::parse(text.as_bytes()) else { return false };
        metadata.change_versions(&lib("1").artifact, &["1.5".to_owned()], &[]);
        // White space at the edges is not kept.
        let once = Metadata::parse(metadata.render().as_bytes()).unwrap();
        assert_eq!(Metadata::parse(once.render().as_bytes()), Ok(once.clone()));
        assert!(
            once.versions.contains(&"1.5".to_owned())
                && once.versions.iter().all(|version| is_version(version))
        );
        true
    });
}

#[test]
fn fuzz_pom_that_agrees_says_where_it_is() {
    let seeds = [
        samples::pom("com.example", "lib", "1.0"),
        "<project><parent><groupId>com.example</groupId><version>${revision}</version></parent><artifactId>lib</artifactId></project>".to_owned(),
    ];
    let words =
        ["<groupId>", "<version>", "${", "}", "<parent>", "</parent>", "<!DOCTYPE", "<!ENTITY", "&a;"];
    target!("pom").seeds(seeds).words(words).check_text(|text| {
        let Ok(pom) = Pom::parse(text.as_bytes()) else { return false };
        let name = FileName::parse(&lib("1.0"), "lib-1.0.pom").unwrap();
        pom.check(&lib("1.0"), &name).is_ok()
    });
}

/// Whole uploads: never an internal error, and what is refused leaves nothing.
#[test]
fn fuzz_upload_of_a_pom_is_never_an_internal_error() {
    target!("upload").seeds([samples::pom("com.example", "lib", "1.0").into_bytes()]).check(|input| {
        let host = Host::new().user("ann", &["maven:artifact:*:write"]).anonymous_grants(&["maven:*:*:read"]);
        for path in [
            "/com/example/lib/1.0/lib-1.0.pom",
            "/com/example/lib/maven-metadata.xml",
            "/com/example/lib/1.0/lib-1.0.pom.sha1",
        ] {
            let before = host.objects();
            let reply = host.as_user("ann").put(path).body(input).send::<Maven>();
            assert!(reply.status() < 500, "{} {}", reply.status(), reply.text());
            if reply.status() >= 300 {
                assert_eq!((host.objects(), host.staged()), (before, 0), "{}", reply.text());
            }
        }
        host.objects().iter().any(|key| key.starts_with("artifacts/"))
    });
}
