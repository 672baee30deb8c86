//! A large document is read in pieces, and only as far as it is needed.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use packhouse_plugin::storage::{self, Precondition, Scan};
use packhouse_plugin::testing::Host;
use packhouse_plugin::{Error, PIECE};

fn put(text: &str) {
    storage::put("document", text.as_bytes(), Precondition::Any, None).unwrap();
}

/// The text of a member below these names.
fn find(path: &[&str]) -> Result<Option<String>, Error> {
    let found = storage::scan("document", |scan| below(scan, path))?;
    Ok(found.flatten().map(|text| String::from_utf8(text).unwrap()))
}

fn below(scan: &mut Scan, path: &[&str]) -> Result<Option<Vec<u8>>, Error> {
    let Some((first, rest)) = path.split_first() else {
        return scan.value(PIECE as u64).map(Some);
    };
    if !scan.begin_object()? {
        return Ok(None);
    }
    while let Some(name) = scan.next_member()? {
        if name == *first {
            return below(scan, rest);
        }
        scan.skip()?;
    }
    Ok(None)
}

#[test]
fn finds_a_member_whatever_stands_before_it() {
    let _host = Host::new();
    put(r#" { "a" : "}{][\"\\", "b":[1,{"x":[]},"]"] ,"n":-1.5e3,"t":true, "c":{"\u0064":{"e": [1, 2] }}} "#);
    assert_eq!(find(&["a"]).unwrap().unwrap(), r#""}{][\"\\""#);
    assert_eq!(find(&["n"]).unwrap().unwrap(), "-1.5e3");
    assert_eq!(find(&["t"]).unwrap().unwrap(), "true");
    assert_eq!(find(&["c", "d", "e"]).unwrap().unwrap(), "[1, 2]");
    assert_eq!(find(&["x"]).unwrap(), None);
    assert_eq!(find(&["a", "b"]).unwrap(), None);
    assert_eq!(storage::scan("nothing", |_| Ok(())), Ok(None));
}

#[test]
fn goes_over_the_items_of_a_list() {
    let _host = Host::new();
    put(r#"[1, "two", {"three":3}, [] ]"#);
    let items = storage::scan("document", |scan| {
        assert!(scan.begin_list()?);
        let mut items = Vec::new();
        while scan.next_item()? {
            items.push(String::from_utf8(scan.value(100)?).unwrap());
        }
        Ok(items)
    });
    assert_eq!(items.unwrap().unwrap(), ["1", "\"two\"", "{\"three\":3}", "[]"]);
}

#[test]
fn reads_a_document_of_many_pieces() {
    let _host = Host::new();
    let members: Vec<String> = (0..30_000)
        .map(|number| format!("\"key {number}\":{{\"text\":\"\\\"}}{}\"}}", "x".repeat(100)))
        .collect();
    let text = format!("{{\"all\":{{{}}}}}", members.join(","));
    assert!(text.len() > 3 * PIECE);
    put(&text);
    for number in [0, 1, 7_000, 29_999] {
        let found = find(&["all", &format!("key {number}")]).unwrap().unwrap();
        assert!(found.starts_with("{\"text\":\"\\\"}x") && found.ends_with("x\"}"), "{found}");
    }
    assert_eq!(find(&["all", "key 30000"]).unwrap(), None);
    let large = storage::scan("document", |scan| scan.value(1000));
    assert_eq!(large, Err(Error::TooLarge(1000)));
}

#[test]
fn a_document_that_ends_too_early_is_damaged() {
    let _host = Host::new();
    for text in
        ["", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"", "{\"a\":{\"b\":1}", "{a}", "{\"a\" 1}"]
    {
        put(text);
        let read = find(&["b"]);
        let is_damaged = matches!(&read, Err(Error::Damaged { .. }));
        assert!(is_damaged || text.is_empty() && read == Ok(None), "{text:?}: {read:?}");
    }
}
