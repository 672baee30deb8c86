//! Names that are too much alike.

use super::*;
use packhouse_plugin::storage::GRACE;

#[test]
fn names_that_differ_in_case_or_separators_collide() {
    let host = host();
    Publish::new("My_Crate", "1.0.0").done(&host);
    let before = host.objects();
    for name in ["my_crate", "MY_CRATE", "My-Crate", "my-crate"] {
        let reply = Publish::new(name, "2.0.0").send(&host.as_user("ann"));
        assert_told(&reply, 409, "the crate is called My_Crate here");
    }
    assert_eq!(host.objects(), before);
    Publish::new("My_Crate", "2.0.0").done(&host);
    Publish::new("mycrate", "1.0.0").done(&host);
}

#[test]
fn crates_of_another_system_have_their_names() {
    let host = host();
    let line = json!({ "name": "old_Name", "vers": "1.0.0", "deps": [], "cksum": "aa", "features": {} });
    host.insert("index/ol/d_/old_name", format!("{line}\n")).unwrap();
    for name in ["old-name", "Old-Name", "old_name"] {
        let reply = Publish::new(name, "2.0.0").send(&host.as_user("ann"));
        assert_told(&reply, 409, "is too similar");
    }
    Publish::new("old_Name", "2.0.0").done(&host);
    assert_eq!(
        host.objects(),
        ["crates/old_Name/old_Name-2.0.0.crate", "index/ol/d_/old_name", "proofs/index/ol/d_/old_name",],
        "no list of owners beside a crate that has its name"
    );
}

#[test]
fn two_spellings_at_one_moment_are_one_crate() {
    let host = host();
    host.race("owners/my-crate.json", json!({ "name": "my_crate", "owners": ["bob"] }).to_string());
    let reply = Publish::new("my-crate", "1.0.0").send(&host.as_user("ann"));
    assert_told(&reply, 409, "the crate my_crate is being published");
    assert_eq!(host.objects(), ["owners/my-crate.json"]);
}

#[test]
fn a_name_that_a_crash_left_taken_is_free_again_later() {
    let host = host();
    host.insert("owners/my-crate.json", json!({ "name": "my_crate", "owners": ["bob"] }).to_string())
        .unwrap();
    host.set_now(host.now() + GRACE + 1);
    Publish::new("my-crate", "1.0.0").done(&host);
    let owners = host.object_json("owners/my-crate.json");
    assert_eq!((&owners["name"], &owners["owners"]), (&json!("my-crate"), &json!(["ann"])));
}

#[test]
fn two_first_publishers_of_one_crate_are_both_listed() {
    let host = host();
    host.race("owners/demo.json", json!({ "name": "demo", "owners": ["bob"] }).to_string());
    Publish::new("demo", "1.0.0").done(&host);
    assert_eq!(host.object_json("owners/demo.json")["owners"], json!(["bob", "ann"]));
}
