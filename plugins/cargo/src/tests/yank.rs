//! Yanking and unyanking.

use super::*;
use crate::document::Index;

fn yank(actor: &Actor, path: &str) -> Reply {
    actor.delete(&format!("/api/v1/crates/{path}/yank")).send::<Cargo>()
}

fn unyank(actor: &Actor, path: &str) -> Reply {
    actor.put(&format!("/api/v1/crates/{path}/unyank")).send::<Cargo>()
}

#[test]
fn a_yanked_version_is_marked_and_still_downloaded() {
    let host = host();
    Publish::new("Demo", "1.0.0").done(&host);
    Publish::new("Demo", "1.1.0").done(&host);
    let before = lines(&host, "/de/mo/demo");
    let ann = host.as_user("ann");
    assert_eq!(yank(&ann, "Demo/1.0.0").json(), json!({ "ok": true }));
    let mut expected = before.clone();
    expected[0]["yanked"] = json!(true);
    assert_eq!(lines(&host, "/de/mo/demo"), expected);
    assert_eq!(get(&host, "/api/v1/crates/Demo/1.0.0/download").status(), 200);
    assert_eq!(yank(&ann, "Demo/1.0.0").json(), json!({ "ok": true }), "once more changes nothing");
    assert_eq!(unyank(&ann, "Demo/1.0.0").json(), json!({ "ok": true }));
    assert_eq!(lines(&host, "/de/mo/demo"), before);
    assert_told(&Publish::new("Demo", "1.0.0").send(&ann), 409, "is already uploaded");
}

#[test]
fn what_is_not_there_cannot_be_yanked() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let ann = host.as_user("ann");
    assert_told(&yank(&ann, "demo/2.0.0"), 404, "the crate demo has no version 2.0.0");
    assert_told(&yank(&ann, "other/1.0.0"), 404, "the crate other is not in this registry");
    assert_told(&unyank(&ann, "demo/x"), 400, "is not a valid version");
}

#[test]
fn yanking_needs_its_permission() {
    let host = host().user("yan", &["cargo:crate:demo:yank"]);
    Publish::new("demo", "1.0.0").done(&host);
    assert_told(&yank(&host.anonymous(), "demo/1.0.0"), 401, "cargo:crate:demo:yank");
    assert_told(&yank(&host.as_user("bob"), "demo/1.0.0"), 403, "cargo:crate:demo:yank");
    let yan = host.as_user("yan");
    assert_eq!(yank(&yan, "demo/1.0.0").status(), 200);
    assert_told(&Publish::new("demo", "1.1.0").send(&yan), 403, "cargo:crate:demo:write");
    let off = host.feature("yank", false);
    assert_told(&unyank(&off.as_user("yan"), "demo/1.0.0"), 405, "yank is turned off");
}

#[test]
fn a_yank_and_a_publish_at_one_moment_undo_nothing() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let line = json!({ "name": "demo", "vers": "1.1.0", "deps": [], "cksum": "aa", "features": {} });
    let there = host.object("index/de/mo/demo").unwrap();
    host.race("index/de/mo/demo", Index::new(&there).with_line(line.to_string().as_bytes()));
    assert_eq!(yank(&host.as_user("ann"), "demo/1.0.0").status(), 200);
    let told: Vec<_> = lines(&host, "/de/mo/demo").iter().map(|line| line["yanked"].clone()).collect();
    assert_eq!(told, [json!(true), Value::Null]);
}
