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

/// With this count in its first line.
fn counted(file: &str, lines: usize) -> String {
    file.replacen('{', &format!("{{\"index_lines\":{lines},"), 1)
}

/// A whole index of so many versions.
fn whole(versions: usize) -> Vec<u8> {
    (0..versions).fold(Vec::new(), |file, number| {
        let line = json!({ "name": "Demo", "vers": format!("1.0.{number}"), "deps": [], "cksum": "aa" });
        Index::new(&file).with_line(line.to_string().as_bytes())
    })
}

/// What each of the three checks says: of all lines, before a change, and before it is served.
fn checks(file: &[u8]) -> [Result<(), String>; 3] {
    let (index, name) = (Index::new(file), CrateName::parse("demo").unwrap());
    [index.check(&name), index.check_to_change(&name), index.check_to_read(&name)]
}

#[test]
fn an_index_that_was_cut_anywhere_is_damaged() {
    let file = whole(12);
    assert_eq!(checks(&file), [Ok(()), Ok(()), Ok(())]);
    for length in 0..file.len() - 1 {
        let checked = checks(file.get(..length).unwrap());
        assert!(checked.iter().all(Result::is_err), "{length}: {checked:?}");
    }
    assert_eq!(checks(file.get(..file.len() - 1).unwrap()), [Ok(()), Ok(()), Ok(())], "a line end");
}

#[test]
fn an_index_with_more_lines_than_it_counts_is_checked_line_by_line() {
    let mut file = whole(3);
    file.extend_from_slice(br#"{"name":"Demo","vers":"2.0.0","deps":[],"cksum":"aa"}"#);
    assert_eq!(checks(&file), [Ok(()), Ok(()), Ok(())], "a host of an earlier version added one");
    let again = Index::new(&file).with_line(br#"{"name":"Demo","vers":"2.0.1","deps":[],"cksum":"aa"}"#);
    assert!(again.starts_with(br#"{"index_lines":5,"#));
    let twice = [whole(3), whole(3)].concat();
    assert!(checks(&twice).iter().take(2).all(Result::is_err), "a version stands twice");
}

#[test]
fn an_index_without_a_count_is_checked_line_by_line() {
    let line = |version: &str| format!(r#"{{"name":"Demo","vers":"{version}","cksum":"aa"}}"#);
    let file = [line("1.0.0"), line("1.1.0"), line("1.2.0")].join("\n");
    assert_eq!(checks(file.as_bytes()), [Ok(()), Ok(()), Ok(())]);
    for wrong in [file.replace("1.1.0", "1.0.0"), file.replace("\"1.1.0", "1.1.0")] {
        assert!(checks(wrong.as_bytes()).iter().take(2).all(Result::is_err), "{wrong}");
    }
    for wrong in ["", "{}", "null", "[]", "{", "\0\0\0"] {
        assert!(checks(wrong.as_bytes()).iter().all(Result::is_err), "{wrong:?}");
    }
}

#[test]
fn a_version_in_a_line_that_cannot_be_read_is_not_taken_for_free() {
    let file = String::from_utf8(whole(5)).unwrap().replace("\"vers\":\"1.0.2\"", "\"vers\"x\"1.0.2\"");
    let index = Index::new(file.as_bytes());
    assert!(index.find_same_release(&version("1.0.2")).is_err());
    assert_eq!(index.find_same_release(&version("1.0.9")), Ok(None));
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
    assert_eq!(index.find_same_release(&version("1.1.0+x")), Ok(Some(version("1.1.0"))));
    assert_eq!(index.find_same_release(&version("2.0.0-rc.1+x")), Ok(Some(version("2.0.0-rc.1"))));
    assert_eq!(index.find_same_release(&version("2.0.0-rc.10")), Ok(None));
    assert_eq!(index.find_same_release(&version("2.0.0")), Ok(None));
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
    let bytes = Index::new(FILE.as_bytes()).with_line(b"{\"b\":1}");
    assert_eq!(String::from_utf8(bytes).unwrap(), format!("{}\n{{\"b\":1}}\n", counted(FILE, 5)));
    assert_eq!(Index::new(b"").with_line(b"{\"b\":1}"), b"{\"index_lines\":1,\"b\":1}\n");
}

#[test]
fn yanking_changes_one_member_of_one_line() {
    let index = Index::new(FILE.as_bytes());
    let yanked = index.with_yanked(&version("2.0.0-rc.1"), true).unwrap();
    let expected = FILE.replace(
        r#"{"cksum":"bb", "vers":"2.0.0-rc.1", "name":"Demo", "deps":[]}"#,
        r#"{"cksum":"bb","vers":"2.0.0-rc.1","name":"Demo","deps":[],"yanked":true}"#,
    );
    assert_eq!(String::from_utf8(yanked).unwrap(), counted(&expected, 4));
    let unyanked = index.with_yanked(&version("1.1.0"), false).unwrap();
    let expected = FILE.replace(r#""yanked":true"#, r#""yanked":false"#);
    assert_eq!(String::from_utf8(unyanked).unwrap(), counted(&expected, 4));
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
    let release = Release { new: &new, checksum: "aa", size: 321, published: 1_762_975_812_999 };
    let line: Value = serde_json::from_slice(&release.to_line().unwrap()).unwrap();
    let expected = json!({
        "name": "Demo", "vers": "1.0.0", "cksum": "aa", "yanked": false, "links": "demo",
        "rust_version": "1.70", "pubtime": "2025-11-12T19:30:12Z", "crate_size": 321, "v": 2,
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
