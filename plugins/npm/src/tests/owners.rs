//! Who is listed as an owner may write, without a grant.

use super::*;
use packhouse_plugin::ownership::Thing;

/// bob and carol may only read; ann has published `a` and listed bob.
fn shared() -> Host {
    let host = host().user("carol", &["npm:package:*:read"]);
    Publish::new("a", "1.0.0").done(&host);
    assert_eq!(set_owners(&host, &host.as_user("ann"), &["ann", "bob"]), 201);
    host
}

/// As npm owner does it.
fn set_owners(host: &Host, actor: &Actor, names: &[&str]) -> u16 {
    let read = get(host, "/a").json();
    let people: Vec<Value> = names.iter().map(|name| json!({ "name": name })).collect();
    let body = json!({ "_id": "a", "_rev": read["_rev"], "maintainers": people });
    actor.put(&at_revision(host, "/a")).json(&body).send::<Npm>().status()
}

fn at_revision(host: &Host, path: &str) -> String {
    format!("{path}/-rev/{}", get(host, "/a").json()["_rev"].as_str().unwrap())
}

fn publish(actor: &Actor, version: &str) -> u16 {
    Publish::new("a", version).send(actor).status()
}

fn set_tag(actor: &Actor) -> u16 {
    actor.put("/-/package/a/dist-tags/stable").json(&json!("1.0.0")).send::<Npm>().status()
}

fn deprecate(host: &Host, actor: &Actor) -> u16 {
    let mut body = get(host, "/a").json();
    body["versions"]["1.0.0"]["deprecated"] = "old".into();
    actor.put("/a").json(&body).send::<Npm>().status()
}

#[test]
fn who_is_listed_publishes_until_no_longer_listed() {
    let host = shared();
    let (bob, carol) = (host.as_user("bob"), host.as_user("carol"));
    assert_eq!((publish(&bob, "1.1.0"), publish(&carol, "1.1.1")), (201, 403));
    assert_eq!((set_tag(&bob), set_tag(&carol)), (201, 403));
    assert_eq!((deprecate(&host, &carol), deprecate(&host, &bob)), (403, 200));
    assert_eq!(set_owners(&host, &carol, &["carol"]), 403);
    assert_eq!(set_owners(&host, &bob, &["ann", "bob", "carol"]), 201);
    assert_eq!(publish(&carol, "1.2.0"), 201);
    assert_eq!(set_owners(&host, &host.as_user("ann"), &["ann"]), 201);
    assert_eq!((publish(&bob, "1.3.0"), publish(&carol, "1.3.0"), set_tag(&bob)), (403, 403, 403));
    assert_eq!(host.staged(), 0);
}

#[test]
fn being_listed_counts_on_that_package_only() {
    let host = shared();
    let before = host.objects();
    assert_eq!(Publish::new("b", "1.0.0").send(&host.as_user("bob")).status(), 403);
    assert_eq!(host.objects(), before);
}

#[test]
fn what_somebody_came_with_still_holds() {
    let host = shared().user("bob", &["npm:package:b:write"]);
    let reader = host.as_reader("bob");
    assert_eq!((publish(&reader, "1.1.0"), set_tag(&reader), deprecate(&host, &reader)), (403, 403, 403));
    let body =
        json!({ "password": "secret", "packages": ["b"], "packages_and_scopes_permission": "read-write" });
    let issued = host.as_user("bob").post("/-/npm/v1/tokens").json(&body).send::<Npm>();
    let narrow = host.with_token(issued.json()["token"].as_str().unwrap());
    assert_eq!(publish(&narrow, "1.1.0"), 403);
    assert_eq!(publish(&host.anonymous(), "1.1.0"), 401);
    assert_eq!(publish(&host.rejected("expired"), "1.1.0"), 401);
}

#[test]
fn who_is_listed_unpublishes() {
    let host = shared();
    let path = at_revision(&host, "/a");
    assert_eq!(host.as_user("carol").delete(&path).send::<Npm>().status(), 403);
    assert_eq!(host.as_user("bob").delete(&path).send::<Npm>().status(), 200);
    assert_eq!(host.objects(), ["proofs/packages/a/index.json"]);
    // What is gone has no owners.
    assert_eq!(publish(&host.as_user("bob"), "1.0.0"), 403);
}

#[test]
fn nobody_is_refused_before_the_body_is_read() {
    let host = shared();
    let broken = host.anonymous().put("/a").body("{").send::<Npm>();
    assert_eq!(broken.status(), 401, "{}", broken.text());
}

#[test]
fn an_owner_who_is_removed_meanwhile_publishes_nothing() {
    let host = shared();
    let mut theirs = host.object_json("packages/a/index.json");
    theirs["maintainers"] = json!([{ "name": "ann" }]);
    host.race("packages/a/index.json", theirs.to_string());
    assert_eq!(publish(&host.as_user("bob"), "1.1.0"), 403);
    assert_eq!(host.object_json("packages/a/index.json"), theirs);
}

#[test]
fn the_accounts_of_owners_are_stored_and_never_served() {
    let host = shared();
    let stored = host.object_json("packages/a/index.json");
    let ids = json!({ "ann": host.account_id("ann"), "bob": host.account_id("bob") });
    assert_eq!(stored["_ownerIds"], ids);
    let people = json!([{ "name": "ann", "email": "" }, { "name": "bob", "email": "" }]);
    assert_eq!(stored["maintainers"], people);
    for path in ["/a", "/a?write=true", "/a/1.0.0", "/-/v1/search?text=a"] {
        let text = get(&host, path).text();
        assert!(!text.contains(&host.account_id("bob")) && !text.contains("_ownerIds"), "{path}: {text}");
    }
    assert_eq!(set_owners(&host, &host.as_user("ann"), &["ann"]), 201);
    let stored = host.object_json("packages/a/index.json");
    assert_eq!(stored["_ownerIds"], json!({ "ann": host.account_id("ann") }));
}

#[test]
fn nobody_says_themselves_which_account_they_are() {
    let host = shared();
    let mut publish = Publish::new("a", "2.0.0");
    publish.body["_ownerIds"] = json!({ "ann": host.account_id("carol") });
    publish.done(&host);
    let read = get(&host, "/a").json();
    let body = json!({
        "_id": "a", "_rev": read["_rev"], "_ownerIds": { "ann": host.account_id("carol") },
        "maintainers": [{ "name": "ann", "id": host.account_id("carol") }],
    });
    host.as_user("bob").put(&at_revision(&host, "/a")).json(&body).send::<Npm>();
    let stored = host.object_json("packages/a/index.json");
    assert_eq!(stored["_ownerIds"], json!({ "ann": host.account_id("ann") }));
}

/// bob is removed, and somebody else gets the name.
fn with_another_bob(host: Host) -> Host {
    host.remove_user("bob").user("bob", &["npm:package:*:read"])
}

#[test]
fn a_new_user_of_a_removed_owner_s_name_owns_nothing() {
    let host = with_another_bob(shared());
    let bob = host.as_user("bob");
    assert_eq!((publish(&bob, "1.1.0"), set_tag(&bob), deprecate(&host, &bob)), (403, 403, 403));
    assert_eq!(bob.delete(&at_revision(&host, "/a")).send::<Npm>().status(), 403);
    let people = get(&host, "/-/package/a/collaborators").json();
    assert_eq!(people, json!({ "ann": "write" }));
    assert_eq!(set_owners(&host, &host.as_user("ann"), &["ann"]), 201);
    assert_eq!(set_owners(&host, &host.as_user("ann"), &["ann", "bob"]), 201);
    assert_eq!(publish(&bob, "1.1.0"), 201, "who was added themselves");
}

#[test]
fn an_owner_recorded_by_name_is_the_first_account_of_it() {
    let host = shared();
    let mut stored = host.object_json("packages/a/index.json");
    stored.as_object_mut().unwrap().remove("_ownerIds");
    host.insert("packages/a/index.json", stored.to_string()).unwrap();
    assert_eq!(publish(&host.as_user("bob"), "1.1.0"), 201);
    let host = with_another_bob(host);
    assert_eq!(publish(&host.as_user("bob"), "1.2.0"), 403);
}

#[test]
fn what_an_account_owns_is_listed_and_taken_away() {
    let host = shared();
    Publish::new("@example/b", "1.0.0").done(&host);
    let (ann, bob) = (host.holder("ann"), host.holder("bob"));
    let thing = |name: &str| Thing::new("package", name);
    assert_eq!(host.owned_by::<Npm>(&ann).unwrap(), [thing("@example/b"), thing("a")]);
    assert_eq!(host.owned_by::<Npm>(&bob).unwrap(), [thing("a")]);
    assert!(host.disown::<Npm>(&bob, &thing("a")).unwrap());
    assert!(!host.disown::<Npm>(&bob, &thing("a")).unwrap());
    assert!(!host.disown::<Npm>(&bob, &thing("nowhere")).unwrap());
    assert_eq!(host.owned_by::<Npm>(&bob).unwrap(), []);
    assert_eq!(publish(&host.as_user("bob"), "1.1.0"), 403);
    assert!(host.disown::<Npm>(&ann, &thing("a")).unwrap());
    let stored = host.object_json("packages/a/index.json");
    assert_eq!((&stored["maintainers"], &stored["_ownerIds"]), (&json!([]), &Value::Null));
    assert!(stored["versions"]["1.0.0"].is_object());
}

#[test]
fn a_name_is_authorised_as_it_is_stored_however_it_is_encoded() {
    let host = host().user("mia", &["npm:package:@example/a:write"]).user("mal", &["npm:package:a:write"]);
    Publish::new("@example/a", "1.0.0").done(&host);
    for name in ["@example/a", "@example%2fa", "@example%2Fa", "%40example%2fa", "%40example/a"] {
        let path = format!("/-/package/{name}/dist-tags/stable");
        let set = |who: &str| host.as_user(who).put(&path).json(&json!("1.0.0")).send::<Npm>().status();
        assert_eq!((set("mia"), set("mal")), (201, 403), "{name}");
    }
    // Names of an earlier time may hold capitals; they are other packages.
    let stored = host.object("packages/@example/a/index.json").unwrap();
    let legacy = String::from_utf8(stored).unwrap().replace("@example/a", "@example/A");
    host.insert("packages/@example/A/index.json", legacy).unwrap();
    let tag = host.as_user("mia").put("/-/package/@example%2fA/dist-tags/stable").json(&json!("1.0.0"));
    assert_eq!(tag.send::<Npm>().status(), 403);
}

/// A removed owner whose grant still counts for a moment does not come back by publishing.
#[test]
fn a_later_publisher_is_not_listed_where_nobody_is() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let mut stored = host.object_json("packages/a/index.json");
    stored["maintainers"] = json!([]);
    stored.as_object_mut().unwrap().shift_remove("_ownerIds");
    host.insert("packages/a/index.json", stored.to_string()).unwrap();
    Publish::new("a", "1.1.0").done(&host);
    let stored = host.object_json("packages/a/index.json");
    assert_eq!((&stored["maintainers"], &stored["_ownerIds"]), (&json!([]), &Value::Null));
}

/// `npm owner` sends maintainers and no versions; `npm unpublish` sends both.
#[test]
fn who_may_change_nothing_is_told_which_permission_the_body_needs() {
    let host = shared();
    let path = at_revision(&host, "/a");
    let people = json!({ "_id": "a", "maintainers": [{ "name": "carol" }] });
    let whole = json!({ "_id": "a", "maintainers": [{ "name": "ann" }], "versions": {} });
    let carol = host.as_user("carol");
    for (path, body, action) in [
        (&path, &people, "owner"),
        (&path, &whole, "write"),
        (&"/a".to_owned(), &people, "owner"),
        (&"/a".to_owned(), &whole, "write"),
    ] {
        for actor in [&carol, &host.as_reader("ann"), &host.as_reader("bob")] {
            let reply = actor.put(path).json(body).send::<Npm>();
            assert_eq!(reply.status(), 403, "{path} {body}");
            let error = reply.json()["error"].as_str().unwrap().to_owned();
            let who = if actor.run(packhouse_plugin::auth::caller).is_some_and(|caller| caller.is_read_only())
            {
                "this token does not allow"
            } else {
                "this account lacks the permission"
            };
            assert_eq!(error, format!("{who} npm:package:a:{action}"), "{path} {body}");
        }
    }
    let broken = carol.put(&path).body("{").send::<Npm>();
    assert_eq!(broken.status(), 403, "{}", broken.text());
}

/// It may list the account: the answer must not look complete.
#[test]
fn a_packument_that_cannot_be_read_is_named_and_not_passed_over() {
    const INDEX: &str = "packages/a/index.json";
    const OTHER: &str = "packages/@example/b/index.json";
    let host = shared();
    Publish::new("@example/b", "1.0.0").done(&host);
    let ann = host.holder("ann");
    let unknown = || host.owned_by::<Npm>(&ann).unwrap_err().to_string();
    let first = host.object(INDEX).unwrap();
    host.set_now(host.now() + 1000);
    Publish::new("a", "1.1.0").done(&host);
    let newest = host.object(INDEX).unwrap();
    for bytes in [&newest[..newest.len() / 2], &first] {
        host.insert(INDEX, bytes).unwrap();
        assert!(unknown().starts_with(&format!("the stored `{INDEX}` is damaged: ")), "{}", unknown());
    }
    assert!(host.remove(OTHER));
    assert!(unknown().contains(&format!("`{INDEX}`")) && unknown().contains(&format!("`{OTHER}`")));
    assert!(host.remove(INDEX));
    assert!(unknown().contains(&format!("`{INDEX}`")) && unknown().contains(&format!("`{OTHER}`")));
    host.insert(INDEX, newest).unwrap();
    assert!(unknown().starts_with(&format!("the stored `{OTHER}` is damaged: ")), "{}", unknown());
}
