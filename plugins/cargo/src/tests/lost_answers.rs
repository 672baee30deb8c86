//! Changes that were made although their answer was lost, and somebody else wrote before the
//! store was asked again.

use super::*;

/// Somebody else's version behind what is there.
#[expect(clippy::unnecessary_wraps, reason = "what changes an object may remove it")]
fn with_another(there: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let line = json!({ "name": "demo", "vers": "9.0.0", "deps": [], "cksum": "aa", "features": {} });
    let mut bytes = there.unwrap_or_default();
    bytes.extend_from_slice(format!("{line}\n").as_bytes());
    Some(bytes)
}

#[test]
fn a_publish_that_was_made_is_a_success() {
    let host = host();
    host.lose_answer("index/de/mo/demo", with_another);
    let publish = Publish::new("demo", "1.0.0").done(&host);
    assert_eq!(versions(&host, "/de/mo/demo"), ["1.0.0", "9.0.0"]);
    // What comes with a first version came too.
    assert_eq!(host.object_json("owners/demo.json")["owners"], json!(["ann"]));
    assert!(host.object("config.json").is_some());
    // The next one has no part in it.
    assert_told(&publish.send(&host.as_user("ann")), 409, "is already uploaded");
}

#[test]
fn owners_that_were_added_or_removed_are() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let ann = host.as_user("ann");
    let path = "/api/v1/crates/demo/owners";
    let others = |there: Option<Vec<u8>>| {
        let text = String::from_utf8(there?).unwrap();
        Some(text.replacen("\"ann\"", "\"ann\",\"eve\"", 1).into_bytes())
    };
    host.lose_answer("owners/demo.json", others);
    let added = ann.put(path).json(&json!({ "users": ["bob"] })).send::<Cargo>();
    assert_eq!(added.status(), 200, "{}", added.text());
    assert_eq!(host.object_json("owners/demo.json")["owners"], json!(["ann", "eve", "bob"]));
    host.lose_answer("owners/demo.json", |there| {
        let text = String::from_utf8(there?).unwrap();
        Some(text.replacen("\"eve\"", "\"eve\",\"joe\"", 1).into_bytes())
    });
    let removed = ann.delete(path).json(&json!({ "users": ["bob"] })).send::<Cargo>();
    assert_eq!(removed.status(), 200, "{}", removed.text());
    assert_eq!(host.object_json("owners/demo.json")["owners"], json!(["ann", "eve", "joe"]));
    let again = ann.delete(path).json(&json!({ "users": ["bob"] })).send::<Cargo>();
    assert_told(&again, 400, "bob is not an owner");
}

#[test]
fn a_name_is_reserved_by_the_stores_clock() {
    for away in [-3_600_000, 3_600_000] {
        let host = host();
        host.set_store_ahead(away);
        host.insert("owners/a-crate.json", json!({ "name": "a_crate", "owners": [] }).to_string()).unwrap();
        let publish = Publish::new("a-crate", "1.0.0");
        assert_told(&publish.send(&host.as_user("ann")), 409, "is being published");
        host.set_now(host.now() + 6 * 60 * 1000);
        publish.done(&host);
    }
}
