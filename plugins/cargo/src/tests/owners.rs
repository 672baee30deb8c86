//! Owners: listed, and allowed by it.

use super::*;
use packhouse_plugin::ownership::{Holder, Thing};

const PATH: &str = "/api/v1/crates/demo/owners";

fn list(host: &Host) -> Vec<String> {
    let users = get(host, PATH).json()["users"].as_array().unwrap().clone();
    assert!(users.iter().all(|user| user["id"].as_u64().is_some_and(|id| u32::try_from(id).is_ok())));
    users.iter().map(|user| user["login"].as_str().unwrap().to_owned()).collect()
}

fn add(actor: &Actor, users: &[&str]) -> Reply {
    actor.put(PATH).json(&json!({ "users": users })).send::<Cargo>()
}

fn remove(actor: &Actor, users: &[&str]) -> Reply {
    actor.delete(PATH).json(&json!({ "users": users })).send::<Cargo>()
}

#[test]
fn the_first_publisher_is_the_owner() {
    let host = host();
    assert_told(&get(&host, PATH), 404, "the crate demo is not in this registry");
    Publish::new("demo", "1.0.0").done(&host);
    assert_eq!(list(&host), ["ann"]);
}

#[test]
fn who_is_listed_may_publish_yank_and_change_the_list() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let eve = host.as_user("eve");
    assert_eq!(Publish::new("demo", "1.1.0").send(&eve).status(), 403);
    assert_eq!(add(&eve, &["eve"]).status(), 403);
    let added = add(&host.as_user("ann"), &["eve"]);
    assert_eq!(added.json(), json!({ "ok": true, "msg": "eve may now publish demo" }));
    assert_eq!(list(&host), ["ann", "eve"]);
    assert_eq!(Publish::new("demo", "1.1.0").send(&eve).status(), 200);
    assert_eq!(eve.delete("/api/v1/crates/demo/1.1.0/yank").send::<Cargo>().status(), 200);
    assert_eq!(add(&eve, &["bob"]).status(), 200);
    assert_eq!(remove(&eve, &["ann", "eve"]).status(), 200);
    assert_eq!(list(&host), ["bob"]);
    assert_eq!(Publish::new("demo", "1.2.0").send(&eve).status(), 403);
    assert_eq!(
        Publish::new("other", "1.0.0").send(&host.as_user("bob")).status(),
        403,
        "a new crate takes a grant"
    );
}

#[test]
fn an_owner_of_a_crate_that_never_was_may_not_make_it() {
    let host = host();
    host.insert("owners/demo.json", json!({ "name": "demo", "owners": ["eve"] }).to_string()).unwrap();
    let reply = Publish::new("demo", "1.0.0").send(&host.as_user("eve"));
    assert_told(&reply, 403, "cargo:crate:demo:write");
}

#[test]
fn what_cannot_be_changed_is_told() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let ann = host.as_user("ann");
    assert_told(&add(&ann, &["nobody"]), 400, "there is no user nobody here");
    assert_told(&add(&ann, &["github:acme:team"]), 400, "there is no user github:acme:team here");
    assert_told(&add(&ann, &["ann"]), 400, "ann is an owner already");
    assert_told(&remove(&ann, &["bob"]), 400, "bob is not an owner of demo");
    assert_told(&remove(&ann, &["ann"]), 400, "add another one first");
    assert_told(&add(&ann, &[]), 400, "name the users");
    assert_told(&ann.put(PATH).body("{").send::<Cargo>(), 400, "the body ends before its JSON is complete");
    let by_name = ann.put(PATH).json(&json!({ "users": "bob" })).send::<Cargo>();
    assert_told(&by_name, 400, "`users` in the body must be a list, and is a string");
    assert_told(&add(&host.anonymous(), &["bob"]), 401, "cargo:crate:demo:owner");
    assert_eq!(list(&host), ["ann"]);
    let elsewhere = ann.put("/api/v1/crates/none/owners").json(&json!({ "users": ["bob"] })).send::<Cargo>();
    assert_told(&elsewhere, 404, "the crate none is not in this registry");
}

#[test]
fn a_crate_of_another_system_gets_owners_when_they_are_named() {
    let host = host();
    let line = json!({ "name": "Demo", "vers": "1.0.0", "deps": [], "cksum": "aa", "features": {} });
    host.insert("index/de/mo/demo", format!("{line}\n")).unwrap();
    assert_eq!(list(&host), Vec::<String>::new());
    assert_eq!(add(&host.as_user("ann"), &["eve"]).status(), 200);
    let ids = json!({ "eve": host.account_id("eve") });
    assert_eq!(
        host.object_json("owners/demo.json"),
        json!({ "name": "Demo", "owners": ["eve"], "ids": ids })
    );
    assert_eq!(Publish::new("Demo", "1.1.0").send(&host.as_user("eve")).status(), 200);
}

/// eve owns `demo`, is removed, and somebody else gets the name.
fn with_another_eve(host: Host) -> Host {
    let host = host.remove_user("eve").user("eve", &["cargo:crate:*:read"]);
    assert_eq!(list(&host)[0], "eve");
    host
}

#[test]
fn a_new_user_of_a_removed_owner_s_name_owns_nothing() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    assert_eq!(add(&host.as_user("ann"), &["eve"]).status(), 200);
    assert_eq!(remove(&host.as_user("ann"), &["ann"]).status(), 200);
    let host = with_another_eve(host);
    let eve = host.as_user("eve");
    assert_eq!(Publish::new("demo", "1.1.0").send(&eve).status(), 403);
    assert_eq!(eve.delete("/api/v1/crates/demo/1.0.0/yank").send::<Cargo>().status(), 403);
    assert_eq!(add(&eve, &["bob"]).status(), 403);
    let users = get(&host, PATH).json();
    assert_eq!(users["users"][0]["name"], "this account was removed");
    assert_eq!(add(&host.as_user("ann"), &["eve"]).status(), 200, "the new one may be added");
    assert_eq!(Publish::new("demo", "1.1.0").send(&eve).status(), 200);
}

#[test]
fn an_owner_recorded_by_name_is_the_first_account_of_it() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    host.insert("owners/demo.json", json!({ "name": "demo", "owners": ["eve"] }).to_string()).unwrap();
    assert_eq!(Publish::new("demo", "1.1.0").send(&host.as_user("eve")).status(), 200);
    let host = with_another_eve(host);
    assert_eq!(Publish::new("demo", "1.2.0").send(&host.as_user("eve")).status(), 403);
}

#[test]
fn what_an_account_owns_is_listed_and_taken_away() {
    let host = host().user("zoe", &["cargo:crate:*:write"]);
    for name in ["demo", "Other_One", "third"] {
        Publish::new(name, "1.0.0").done(&host);
    }
    Publish::new("fourth", "1.0.0").send(&host.as_user("zoe"));
    host.insert("owners/third.json", json!({ "name": "third", "owners": ["ann", "eve"] }).to_string())
        .unwrap();
    let ann = host.holder("ann");
    let owned = host.owned_by::<Cargo>(&ann).unwrap();
    let thing = |name: &str| Thing::new("crate", name);
    assert_eq!(owned, [thing("demo"), thing("Other_One"), thing("third")]);
    for thing in &owned {
        assert!(host.disown::<Cargo>(&ann, thing).unwrap());
        assert!(!host.disown::<Cargo>(&ann, thing).unwrap());
    }
    assert!(!host.disown::<Cargo>(&ann, &thing("nowhere")).unwrap());
    assert_eq!(host.owned_by::<Cargo>(&ann).unwrap(), []);
    assert_eq!(host.object_json("owners/third.json"), json!({ "name": "third", "owners": ["eve"] }));
    assert_eq!(host.owned_by::<Cargo>(&host.holder("zoe")).unwrap(), [thing("fourth")]);
    let no_name = Holder { name: None, ..host.holder("eve") };
    assert_eq!(host.owned_by::<Cargo>(&no_name).unwrap(), [], "the name is somebody else's");
}

/// It may list the account: the answer must not look complete.
#[test]
fn a_list_of_owners_that_cannot_be_read_is_named_and_not_passed_over() {
    const LIST: &str = "owners/demo.json";
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let ann = host.holder("ann");
    let unknown = || match host.owned_by::<Cargo>(&ann) {
        Err(packhouse_plugin::Error::Damaged { key, .. }) => key,
        other => panic!("{other:?}"),
    };
    let first = host.object(LIST).unwrap();
    host.set_now(host.now() + 1000);
    assert_eq!(add(&host.as_user("ann"), &["eve"]).status(), 200);
    let newest = host.object(LIST).unwrap();
    for bytes in [&newest[..newest.len() / 2], &first] {
        host.insert(LIST, bytes).unwrap();
        assert_eq!(unknown(), LIST);
    }
    assert!(host.remove(LIST));
    assert_eq!(unknown(), LIST);
    host.insert(LIST, newest).unwrap();
    assert_eq!(host.owned_by::<Cargo>(&ann).unwrap(), [Thing::new("crate", "demo")]);
}
