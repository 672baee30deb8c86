//! What is authorised is the name that is stored, whatever the request spells.

use super::*;

/// Everything that changes a crate that is there, with this spelling in the path.
fn change(actor: &Actor, name: &str) -> Vec<u16> {
    let owners = format!("/api/v1/crates/{name}/owners");
    let users = json!({ "users": ["mal"] });
    vec![
        actor.delete(&format!("/api/v1/crates/{name}/1.0.0/yank")).send::<Cargo>().status(),
        actor.put(&format!("/api/v1/crates/{name}/1.0.0/unyank")).send::<Cargo>().status(),
        actor.put(&owners).json(&users).send::<Cargo>().status(),
        actor.delete(&owners).json(&users).send::<Cargo>().status(),
    ]
}

#[test]
fn a_grant_on_another_spelling_changes_nothing() {
    let host = host().user("mal", &["cargo:crate:CONSTRUCTOR:write"]);
    Publish::new("constructor", "1.0.0").done(&host);
    let before = host.objects();
    let index = host.object("index/co/ns/constructor");
    let mal = host.as_user("mal");
    for spelling in ["CONSTRUCTOR", "constructor", "Constructor"] {
        assert_eq!(change(&mal, spelling), [403; 4], "{spelling}");
    }
    let refused = mal.delete("/api/v1/crates/CONSTRUCTOR/1.0.0/yank").send::<Cargo>();
    assert_told(&refused, 403, "crate:constructor:yank");
    let taken = Publish::new("CONSTRUCTOR", "1.1.0").send(&mal);
    assert_told(&taken, 409, "the crate is called constructor here");
    assert_eq!((host.objects(), host.object("index/co/ns/constructor")), (before, index));
}

#[test]
fn a_grant_on_the_stored_spelling_counts_for_every_spelling() {
    let host = host().user("mia", &["cargo:crate:Demo:write"]).user("mal", &["cargo:crate:demo:write"]);
    Publish::new("Demo", "1.0.0").done(&host);
    let mia = host.as_user("mia");
    for spelling in ["Demo", "demo", "DEMO"] {
        assert_eq!(change(&mia, spelling), [200; 4], "{spelling}");
    }
    assert_eq!(change(&host.as_user("mal"), "demo"), [403; 4]);
}

#[test]
fn what_is_read_is_authorised_as_it_is_stored() {
    let host = private_host().user("mia", &["cargo:crate:Demo:read"]).user("mal", &["cargo:crate:demo:read"]);
    Publish::new("Demo", "1.0.0").done(&host);
    let paths = ["/de/mo/demo", "/api/v1/crates/demo/1.0.0/download", "/api/v1/crates/demo/owners"];
    let (mia, mal) = (host.as_user("mia"), host.as_user("mal"));
    for path in paths {
        assert_eq!(mia.get(path).send::<Cargo>().status(), 200, "{path}");
        assert_eq!(mal.get(path).send::<Cargo>().status(), 403, "{path}");
        assert_told(&host.as_user("eve").get(path).send::<Cargo>(), 403, "crate:demo:read");
    }
    let total =
        |actor: &Actor| actor.get("/api/v1/crates?q=").send::<Cargo>().json()["meta"]["total"].clone();
    assert_eq!((total(&mia), total(&mal)), (json!(1), json!(0)));
}

#[test]
fn a_name_that_is_replaced_while_it_is_read_is_not_taken_for_the_one_asked_for() {
    let host = host().user("mal", &["cargo:crate:CONSTRUCTOR:write"]);
    Publish::new("constructor", "1.0.0").done(&host);
    let index = host.object("index/co/ns/constructor").unwrap();
    host.race_reading("index/co/ns/constructor", index.clone());
    let refused = host.as_user("mal").delete("/api/v1/crates/CONSTRUCTOR/1.0.0/yank").send::<Cargo>();
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert_eq!(host.object("index/co/ns/constructor"), Some(index));
}

/// A bucket of another system may hold both, and our documents of owners one for both.
#[test]
fn owners_of_one_name_are_not_those_of_another_with_the_same_document() {
    let host = host();
    Publish::new("my_crate", "1.0.0").done(&host);
    let add = json!({ "users": ["eve"] });
    let owners = "/api/v1/crates/my_crate/owners";
    assert_eq!(host.as_user("ann").put(owners).json(&add).send::<Cargo>().status(), 200);
    let line = json!({ "name": "my-crate", "vers": "1.0.0", "deps": [], "cksum": "aa", "features": {} });
    host.insert("index/my/-c/my-crate", format!("{line}\n")).unwrap();
    let eve = host.as_user("eve");
    assert_eq!(eve.delete("/api/v1/crates/my-crate/1.0.0/yank").send::<Cargo>().status(), 403);
    assert_eq!(eve.delete("/api/v1/crates/my_crate/1.0.0/yank").send::<Cargo>().status(), 200);
    let there = get(&host, "/api/v1/crates/my-crate/owners").json();
    assert_eq!(there["users"], json!([]));
    let change = host.as_user("ann").put("/api/v1/crates/my-crate/owners").json(&add).send::<Cargo>();
    assert_told(&change, 400, "the owners of my_crate are recorded in the place of my-crate");
}

#[test]
fn a_line_of_another_crate_leads_to_no_file() {
    let host = host();
    Publish::new("secret", "2.0.0").done(&host);
    Publish::new("demo", "1.0.0").done(&host);
    let line = json!({ "name": "secret", "vers": "2.0.0", "deps": [], "cksum": "aa", "features": {} });
    let index = String::from_utf8(host.object("index/de/mo/demo").unwrap()).unwrap();
    host.insert("index/de/mo/demo", format!("{index}{line}\n")).unwrap();
    let asked = get(&host, "/api/v1/crates/demo/2.0.0/download");
    assert_told(&asked, 500, "damaged");
}
