//! sbt plugins in sbt's legacy Maven style: only their folder has the versions of Scala and sbt.

use packhouse_plugin::time::DAY;

use super::*;

const PLUGIN: &str = "/com/example/sbt-a_2.12_1.0/1.9.16";
const STORED: &str = "artifacts/com/example/sbt-a_2.12_1.0/1.9.16";
const SUFFIXES: [&str; 4] = [".jar", ".pom", "-sources.jar", "-javadoc.jar"];

/// Puts a file as sbt does: it looks whether the file is there, tries without credentials, repeats it with
/// them, and sends the checksums.
#[track_caller]
fn put_as_sbt(host: &Host, path: &str, content: &str) {
    let ann = host.as_user("ann");
    assert_eq!(host.anonymous().request("HEAD", path).send::<Maven>().status(), 404, "{path}");
    assert_eq!(put(&host.anonymous(), path, content).status(), 401, "{path}");
    let reply = put(&ann, path, content);
    assert_eq!(reply.status(), 201, "{path}: {}", reply.text());
    for algorithm in ["sha1", "md5"] {
        let reply = put(&ann, &format!("{path}.{algorithm}"), digest(content, algorithm));
        assert_eq!(reply.status(), 201, "{path}.{algorithm}: {}", reply.text());
    }
}

/// sbt 1.10 with its defaults publishes all files twice: first as Maven wants them, then in its own style.
fn publish(host: &Host) {
    for name in ["sbt-a_2.12_1.0", "sbt-a"] {
        for suffix in SUFFIXES {
            put_as_sbt(host, &format!("{PLUGIN}/{name}-1.9.16{suffix}"), &content(name, suffix));
        }
    }
}

fn content(name: &str, suffix: &str) -> String {
    if suffix == ".pom" { samples::pom("com.example", name, "1.9.16") } else { format!("{name}{suffix}") }
}

#[test]
fn an_sbt_plugin_is_published_and_resolved_in_both_styles() {
    let host = host();
    publish(&host);
    for name in ["sbt-a_2.12_1.0", "sbt-a"] {
        for suffix in SUFFIXES {
            let path = format!("{PLUGIN}/{name}-1.9.16{suffix}");
            assert_eq!(text(&host, &path), content(name, suffix));
            assert_eq!(text(&host, &format!("{path}.sha1")), digest(content(name, suffix), "sha1"));
        }
    }
    let metadata = text(&host, "/com/example/sbt-a_2.12_1.0/maven-metadata.xml");
    assert!(metadata.contains("<artifactId>sbt-a_2.12_1.0</artifactId>"), "{metadata}");
    assert!(metadata.contains("<version>1.9.16</version>"), "{metadata}");
    let listing = text(&host, &format!("{PLUGIN}/"));
    assert!(listing.contains("sbt-a-1.9.16.jar"), "{listing}");
    assert_eq!(host.upkeep().verify::<Maven>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_version_with_files_of_the_legacy_style_only_is_listed() {
    let host = host();
    put_as_sbt(&host, &format!("{PLUGIN}/sbt-a-1.9.16.pom"), &content("sbt-a", ".pom"));
    let metadata = text(&host, "/com/example/sbt-a_2.12_1.0/maven-metadata.xml");
    assert!(metadata.contains("<version>1.9.16</version>"), "{metadata}");
}

#[test]
fn a_file_of_an_sbt_plugin_is_immutable_and_its_pom_has_the_short_name() {
    let host = host();
    publish(&host);
    let ann = host.as_user("ann");
    let jar = format!("{PLUGIN}/sbt-a-1.9.16.jar");
    assert_refused(&put(&ann, &jar, "other"), 409, "raise the version");
    assert_refused(&put(&ann, &format!("{jar}.sha1"), digest("other", "sha1")), 400, "sbt-a-1.9.16.jar");
    let pom = PLUGIN.replace("1.9.16", "2") + "/sbt-a-2.pom";
    let long = samples::pom("com.example", "sbt-a_2.12_1.0", "2");
    assert_refused(&put(&ann, &pom, long), 400, "<artifactId> sbt-a_2.12_1.0");
    assert_refused(&put(&ann, "/com/example/sbt-a_2.12/2/sbt-a-2.jar", "x"), 400, "sbt-a-2.jar");
    let other = "/com/example/sbt-a_2.12_1.0/2/sbt-b-2.jar";
    assert_refused(&put(&ann, other, "x"), 400, "sbt-b-2.jar");
}

#[test]
fn files_of_an_sbt_plugin_are_deleted_collected_and_found_again() {
    let host = host();
    publish(&host);
    let ann = host.as_user("ann");
    let jar = format!("{PLUGIN}/sbt-a-1.9.16.jar");
    assert!(ann.delete(&jar).send::<Maven>().status() < 300);
    assert_eq!(get(&host, &jar).status(), 404);
    assert_eq!(text(&host, &format!("{PLUGIN}/sbt-a-1.9.16-sources.jar")), "sbt-a-sources.jar");
    // A file that no document names is garbage, in this style too.
    host.insert(&format!("{STORED}/sbt-a-1.9.16-left.jar"), "left over").unwrap();
    host.set_now(host.now() + 2 * DAY);
    let removed = host.upkeep().collect::<Maven>().unwrap();
    assert!(!host.objects().iter().any(|key| key.contains("-left")), "{removed:?}");
    assert!(host.objects().contains(&format!("{STORED}/sbt-a-1.9.16.pom")));
    assert!(ann.delete(PLUGIN).send::<Maven>().status() < 300);
    assert!(!host.objects().iter().any(|key| key.starts_with(STORED)), "{:?}", host.objects());
}

#[test]
fn a_bucket_with_an_sbt_plugin_is_served_and_gets_its_document() {
    let host = host();
    for suffix in SUFFIXES {
        host.insert(&format!("{STORED}/sbt-a-1.9.16{suffix}"), content("sbt-a", suffix)).unwrap();
    }
    assert_eq!(text(&host, &format!("{PLUGIN}/sbt-a-1.9.16.jar")), "sbt-a.jar");
    host.set_now(host.now() + 2 * DAY);
    host.upkeep().reindex::<Maven>().unwrap();
    assert!(host.objects().contains(&"versions/com.example/sbt-a_2.12_1.0/1.9.16.json".to_owned()));
    let metadata = text(&host, "/com/example/sbt-a_2.12_1.0/maven-metadata.xml");
    assert!(metadata.contains("<version>1.9.16</version>"), "{metadata}");
    assert_eq!(text(&host, &format!("{PLUGIN}/sbt-a-1.9.16.pom")), content("sbt-a", ".pom"));
}
