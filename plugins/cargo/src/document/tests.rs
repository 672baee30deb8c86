//! Index files: read, added to, changed line by line.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;
use crate::upload::NewCrate;
use serde_json::json;

const FILE: &str = concat!(
    r#"{"name":"Demo","vers":"1.0.0","deps":[],"cksum":"aa","features":{},"yanked":false,"x":1.50}"#,
    "\n",
    "this is no JSON\n",
    r#"{"cksum":"bb", "vers":"2.0.0-rc.1", "name":"Demo", "deps":[]}"#,
    "\n",
    r#"{"name":"Demo","vers":"1.1.0","deps":[{"req":"1.0.0"}],"cksum":"cc","yanked":true}"#,
);

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

#[test]
fn lines_of_another_system_are_read() {
    let index = Index::new(FILE.as_bytes());
    let versions: Vec<_> = index.lines().map(|line| (line.vers.into_owned(), line.yanked)).collect();
    let expected = [("1.0.0", Some(false)), ("2.0.0-rc.1", None), ("1.1.0", Some(true))];
    assert_eq!(versions, expected.map(|(version, yanked)| (version.to_owned(), yanked)));
    assert_eq!(index.name().unwrap().as_str(), "Demo");
    assert_eq!(index.find(&version("1.0.0")).unwrap().cksum, "aa", "not the one that needs a 1.0.0");
    assert!(index.find(&version("3.0.0")).is_none());
    assert_eq!(index.newest().unwrap().0, version("2.0.0-rc.1"));
    assert_eq!(index.find_same_release(&version("1.1.0+x")), Some(version("1.1.0")));
    assert_eq!(index.find_same_release(&version("2.0.0-rc.1+x")), Some(version("2.0.0-rc.1")));
    assert_eq!(index.find_same_release(&version("2.0.0-rc.10")), None);
    assert_eq!(index.find_same_release(&version("2.0.0")), None);
    assert!(Index::new(b"").name().is_none());
}

#[test]
fn a_version_that_is_escaped_is_found() {
    let index = Index::new(br#"{"name":"a","vers":"1.0.0\u002bx","cksum":"aa"}"#);
    assert!(index.find(&version("1.0.0+x")).is_some());
}

#[test]
fn of_several_lines_of_a_version_the_last_counts() {
    let file = FILE.replace("1.1.0", "1.0.0");
    assert_eq!(Index::new(file.as_bytes()).find(&version("1.0.0")).unwrap().cksum, "cc");
}

#[test]
fn a_line_is_added_after_a_missing_line_end() {
    let bytes = Index::new(FILE.as_bytes()).with_line(b"{}");
    assert_eq!(String::from_utf8(bytes).unwrap(), format!("{FILE}\n{{}}\n"));
    assert_eq!(Index::new(b"").with_line(b"{}"), b"{}\n");
}

#[test]
fn yanking_changes_one_member_of_one_line() {
    let index = Index::new(FILE.as_bytes());
    let yanked = index.with_yanked(&version("2.0.0-rc.1"), true).unwrap();
    let expected = FILE.replace(
        r#"{"cksum":"bb", "vers":"2.0.0-rc.1", "name":"Demo", "deps":[]}"#,
        r#"{"cksum":"bb","vers":"2.0.0-rc.1","name":"Demo","deps":[],"yanked":true}"#,
    );
    assert_eq!(String::from_utf8(yanked).unwrap(), expected);
    let unyanked = index.with_yanked(&version("1.1.0"), false).unwrap();
    let expected = FILE.replace(r#""yanked":true"#, r#""yanked":false"#) + "\n";
    assert_eq!(String::from_utf8(unyanked).unwrap(), expected);
    assert_eq!(index.with_yanked(&version("1.0.0"), false), None);
}

#[test]
fn a_publish_request_becomes_an_index_line() {
    let new: NewCrate = serde_json::from_value(json!({
        "name": "Demo", "vers": "1.0.0", "links": "demo", "rust_version": "1.70",
        "readme": "not here", "description": "neither",
        "deps": [
            { "name": "serde", "version_req": "^1", "features": ["derive"], "optional": true,
              "default_features": false, "target": "cfg(unix)", "kind": "build",
              "registry": "https://github.com/rust-lang/crates.io-index", "explicit_name_in_toml": null },
            { "name": "old-name", "version_req": "=0.1.0", "features": [], "optional": false,
              "default_features": true, "target": null, "kind": "normal", "registry": null,
              "explicit_name_in_toml": "new_name" },
        ],
        "features": { "default": ["json"], "json": ["dep:serde"], "plain": [] },
    }))
    .unwrap();
    let release = Release { new: &new, checksum: "aa", published: 1_762_975_812_999 };
    let line: Value = serde_json::from_slice(&release.to_line().unwrap()).unwrap();
    let expected = json!({
        "name": "Demo", "vers": "1.0.0", "cksum": "aa", "yanked": false, "links": "demo",
        "rust_version": "1.70", "pubtime": "2025-11-12T19:30:12Z", "v": 2,
        "deps": [
            { "name": "serde", "req": "^1", "features": ["derive"], "optional": true,
              "default_features": false, "target": "cfg(unix)", "kind": "build",
              "registry": "https://github.com/rust-lang/crates.io-index", "package": null },
            { "name": "new_name", "req": "=0.1.0", "features": [], "optional": false,
              "default_features": true, "target": null, "kind": "normal", "registry": null,
              "package": "old-name" },
        ],
        "features": { "plain": [] },
        "features2": { "default": ["json"], "json": ["dep:serde"] },
    });
    assert_eq!(line, expected);
}
