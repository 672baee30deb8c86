#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
use super::*;
use crate::document::Release;
use crate::name::{Coordinates, GroupId};

fn lib() -> Artifact {
    Artifact::parse(GroupId::parse("com.example").unwrap(), "lib").unwrap()
}

fn added(metadata: &mut Metadata, version: &str) -> bool {
    metadata.change_versions(&lib(), &[version.to_owned()], &[])
}

#[test]
fn versions_stand_in_their_order_and_a_snapshot_is_no_release() {
    let mut metadata = Metadata::default();
    for version in ["1.10", "1.9", "2.0-SNAPSHOT", "1.10"] {
        added(&mut metadata, version);
    }
    metadata.last_updated = Some(stamp(1_767_225_600_042));
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<metadata>
  <groupId>com.example</groupId>
  <artifactId>lib</artifactId>
  <versioning>
    <latest>2.0-SNAPSHOT</latest>
    <release>1.10</release>
    <versions>
      <version>1.9</version>
      <version>1.10</version>
      <version>2.0-SNAPSHOT</version>
    </versions>
    <lastUpdated>20260101000000</lastUpdated>
  </versioning>
</metadata>
";
    assert_eq!(metadata.render(), expected);
    assert_eq!(Metadata::parse(expected.as_bytes()), Ok(metadata));
}

#[test]
fn a_group_of_plugins_and_an_artifact_share_a_document() {
    let mut metadata = Metadata::default();
    let plugin = |prefix: &str, artifact: &str| Plugin {
        name: None,
        prefix: prefix.to_owned(),
        artifact: artifact.to_owned(),
    };
    assert!(metadata.put_plugins(&[plugin("demo", "demo-maven-plugin")]));
    assert!(!metadata.put_plugins(&[plugin("demo", "demo-maven-plugin")]));
    assert!(added(&mut metadata, "1.0"));
    assert!(metadata.put_plugins(&[plugin("a", "a-maven-plugin")]));
    let again = Metadata::parse(metadata.render().as_bytes()).unwrap();
    assert_eq!(again, metadata);
    assert_eq!((again.versions.len(), again.plugins.len()), (1, 2));
    assert!(metadata.change_versions(&lib(), &[], &["1.0".to_owned()]));
    assert_eq!((metadata.group.as_deref(), metadata.is_empty()), (None, false));
}

#[test]
fn the_last_plugin_of_an_artifact_or_a_prefix_stays() {
    let plugin = |number: usize, artifact: &str| Plugin {
        name: None,
        prefix: format!("p{number:05}"),
        artifact: artifact.to_owned(),
    };
    let mut metadata = Metadata::default();
    assert!(metadata.put_plugins(&[plugin(1, "a"), plugin(2, "a"), plugin(2, "b"), plugin(3, "c")]));
    assert_eq!(metadata.plugins, [plugin(2, "b"), plugin(3, "c")]);
    // A merge that compared each with each would take minutes.
    let many: Vec<Plugin> = (0..60_000).map(|number| plugin(number, &format!("a{number}"))).collect();
    assert!(metadata.put_plugins(&many));
    assert!(!metadata.put_plugins(&many));
    assert_eq!(metadata.plugins, many);
}

#[test]
fn the_metadata_of_a_snapshot_names_the_newest_file_of_each_kind() {
    let coordinates = Coordinates::parse(lib(), "1-SNAPSHOT").unwrap();
    let mut release = Release::new(&coordinates);
    assert_eq!(snapshot::render(&coordinates, &release), None);
    for name in [
        "lib-1-20260101.120000-1.pom",
        "lib-1-20260101.120000-1-linux.jar",
        "lib-1-20260102.120000-2.pom",
        "lib-1-20260103.120000-3.jar",
    ] {
        let info = packhouse_plugin::ObjectInfo {
            key: String::new(),
            size: 1,
            version: String::new(),
            modified: None,
            content_type: None,
        };
        release.put(crate::document::File::found(name, &info));
    }
    let text = snapshot::render(&coordinates, &release).unwrap();
    assert!(
        text.contains("<timestamp>20260102.120000</timestamp>\n      <buildNumber>2</buildNumber>"),
        "{text}"
    );
    assert!(text.contains("<lastUpdated>20260103120000</lastUpdated>"), "{text}");
    assert!(text.contains("<classifier>linux</classifier>\n        <extension>jar</extension>\n        <value>1-20260101.120000-1</value>"), "{text}");
    assert!(text.contains("<extension>pom</extension>\n        <value>1-20260102.120000-2</value>\n        <updated>20260102120000</updated>"), "{text}");
}
