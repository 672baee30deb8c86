//! Publishing: what is stored, who wins, what a crash leaves.

use super::*;
use packhouse_plugin::Error;
use packhouse_plugin::storage::GRACE;

#[test]
fn a_publish_stores_what_the_layout_says() {
    let host = host();
    let one = Publish::new("Demo_Crate", "1.0.0").done(&host);
    let two = Publish::new("Demo_Crate", "1.1.0-rc.1+build.5").done(&host);
    assert_eq!(
        host.objects(),
        [
            "config.json",
            "crates/Demo_Crate/Demo_Crate-1.0.0.crate",
            "crates/Demo_Crate/Demo_Crate-1.1.0-rc.1+build.5.crate",
            "index/de/mo/demo_crate",
            "owners/demo-crate.json",
            "proofs/index/de/mo/demo_crate",
        ]
    );
    assert_eq!(host.object(&one.key()), Some(one.file.clone()));
    assert_eq!(host.object(&two.key()), Some(two.file.clone()));
    assert_eq!(
        lines(&host, "/de/mo/demo_crate"),
        [
            json!({
                "index_lines": 2,
                "name": "Demo_Crate", "vers": "1.0.0", "deps": [], "cksum": sha256(&one.file), "features": {},
                "yanked": false, "links": null, "pubtime": "2026-01-01T00:00:00Z",
                "crate_size": one.file.len(),
            }),
            json!({
                "name": "Demo_Crate", "vers": "1.1.0-rc.1+build.5", "deps": [], "cksum": sha256(&two.file),
                "features": {}, "yanked": false, "links": null, "pubtime": "2026-01-01T00:00:00Z",
                "crate_size": two.file.len(),
            }),
        ]
    );
    assert_eq!(
        host.object_json("owners/demo-crate.json"),
        json!({
            "name": "Demo_Crate", "owners": ["ann"], "ids": { "ann": host.account_id("ann") },
            "published": true,
        })
    );
    assert_eq!(host.object_json("config.json"), json!({ "dl": "crates/{crate}/{crate}-{version}.crate" }));
    assert_eq!(host.staged(), 0);
}

#[test]
fn a_success_has_warnings_and_no_errors() {
    let reply = Publish::new("demo", "1.0.0").send(&host().as_user("ann"));
    assert_eq!(
        reply.json(),
        json!({ "warnings": { "invalid_categories": [], "invalid_badges": [], "other": [] } })
    );
}

#[test]
fn what_the_manifest_says_reaches_the_index() {
    let host = host();
    let mut publish = Publish::with_manifest(
        "demo",
        "1.0.0",
        "rust-version = \"1.85\"\nlinks = \"z\"\n[features]\ndefault = [\"json\"]\njson = [\"dep:serde\"]\n\
         [dependencies.serde]\nversion = \"1\"\noptional = true\n\
         [dependencies.new-name]\npackage = \"old_name\"\nversion = \"0.3\"\n",
    );
    let dependency = |name: &str, requirement: &str, optional: bool, alias: Option<&str>| {
        json!({ "name": name, "version_req": requirement, "features": [], "optional": optional,
                "default_features": true, "target": null, "kind": "normal", "registry": null,
                "explicit_name_in_toml": alias })
    };
    publish.request["deps"] = json!([
        dependency("serde", "^1", true, None),
        dependency("old_name", "^0.3", false, Some("new-name"))
    ]);
    publish.request["features"] = json!({ "default": ["json"], "json": ["dep:serde"] });
    publish.request["links"] = json!("z");
    publish.request["rust_version"] = json!("1.85");
    publish.done(&host);
    let line = &lines(&host, "/de/mo/demo")[0];
    assert_eq!(line["features"], json!({}));
    assert_eq!(line["features2"], json!({ "default": ["json"], "json": ["dep:serde"] }));
    assert_eq!(line["v"], 2);
    assert_eq!((&line["links"], &line["rust_version"]), (&json!("z"), &json!("1.85")));
    assert_eq!(
        (&line["deps"][1]["name"], &line["deps"][1]["package"]),
        (&json!("new-name"), &json!("old_name"))
    );
}

#[test]
fn a_version_is_published_once() {
    let host = host();
    let one = Publish::new("demo", "1.0.0").done(&host);
    let before = host.objects();
    let sentence = "crate version `demo@1.0.0` is already uploaded";
    assert_told(&one.send(&host.as_user("ann")), 409, sentence);
    let other = Publish::with_manifest("demo", "1.0.0", "description = \"other\"\n");
    assert_told(&other.send(&host.as_user("ann")), 409, sentence);
    assert_eq!(host.objects(), before);
    assert_eq!(host.object(&one.key()), Some(one.file));
}

#[test]
fn build_metadata_makes_no_new_version() {
    let host = host();
    Publish::new("demo", "1.0.0+a").done(&host);
    let again = Publish::new("demo", "1.0.0+b").send(&host.as_user("ann"));
    assert_told(
        &again,
        409,
        "`demo@1.0.0+a` is already uploaded, and 1.0.0+b differs in build metadata only",
    );
    assert_eq!(versions(&host, "/de/mo/demo"), ["1.0.0+a"]);
}

#[test]
fn two_publishers_of_different_versions_lose_none() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    let theirs = format!(
        "{}{}\n",
        String::from_utf8(host.object("index/de/mo/demo").unwrap()).unwrap(),
        json!({ "name": "demo", "vers": "1.1.0", "deps": [], "cksum": "aa", "features": {} })
    );
    host.race("index/de/mo/demo", theirs);
    Publish::new("demo", "1.2.0").done(&host);
    assert_eq!(versions(&host, "/de/mo/demo"), ["1.0.0", "1.1.0", "1.2.0"]);
}

#[test]
fn of_two_publishers_of_one_version_the_second_is_told() {
    let host = host();
    let ours = Publish::new("demo", "1.0.0");
    let theirs = format!("{}\n", json!({ "name": "demo", "vers": "1.0.0", "deps": [], "cksum": "aa" }));
    host.race("index/de/mo/demo", theirs.clone());
    assert_told(&ours.send(&host.as_user("ann")), 409, "is already uploaded");
    assert_eq!(get(&host, "/de/mo/demo").text(), theirs);
}

#[test]
fn the_same_bytes_again_after_a_crash_are_accepted() {
    let host = host();
    let publish = Publish::new("demo", "1.0.0");
    host.insert(&publish.key(), &publish.file).unwrap();
    let publish = publish.done(&host);
    assert_eq!(lines(&host, "/de/mo/demo")[0]["cksum"], sha256(&publish.file));
}

#[test]
fn other_bytes_wait_for_what_may_be_under_way() {
    let host = host();
    let publish = Publish::new("demo", "1.0.0");
    host.insert(&publish.key(), "of a crash, or of somebody else").unwrap();
    assert_told(&publish.send(&host.as_user("ann")), 409, "is being published by somebody else");
    host.set_now(host.now() + GRACE + 1);
    let publish = publish.done(&host);
    assert_eq!(host.object(&publish.key()), Some(publish.file));
}

#[test]
fn a_store_that_fails_leaves_nothing_visible() {
    let publish = Publish::new("demo", "1.0.0");
    for failing in 0..12 {
        let host = host();
        for _ in 0..failing {
            host.fail_next(Error::Conflict);
        }
        host.fail_next(Error::Unavailable("away".to_owned()));
        let reply = publish.send(&host.as_user("ann"));
        let visible = get(&host, "/de/mo/demo").status() == 200;
        assert_eq!(visible, reply.status() == 200, "after {failing}: {}", reply.text());
        assert_eq!(host.staged(), 0);
    }
}

#[test]
fn who_may_not_publish_is_told_so() {
    let host = host();
    let publish = Publish::new("demo", "1.0.0");
    let nobody = publish.send(&host.anonymous());
    assert_refused(&host, &nobody, 401, "sign in first");
    assert_eq!(
        nobody.header("www-authenticate"),
        Some("Cargo login_url=\"https://registry.example.com/cargo/me\"")
    );
    let wrong = publish.send(&host.rejected("the token is unknown"));
    assert_refused(&host, &wrong, 401, "the token is unknown");
    let reader = publish.send(&host.as_user("bob"));
    assert_refused(&host, &reader, 403, "lacks the permission cargo:crate:demo:write");
    let token = publish.send(&host.as_reader("ann"));
    assert_refused(&host, &token, 403, "this token does not allow cargo:crate:demo:write");
}

#[test]
fn publishing_can_be_turned_off() {
    let host = host().feature("publish", false);
    let reply = Publish::new("demo", "1.0.0").send(&host.as_user("ann"));
    assert_refused(&host, &reply, 405, "publish is turned off on this registry");
}

#[test]
fn a_crate_of_ten_thousand_versions_takes_one_more() {
    let host = host();
    let mut file = String::new();
    for number in 0..10_000 {
        let line = json!({ "name": "demo", "vers": format!("1.0.{number}"), "deps": [{ "name": "serde", "req": "^1",
            "features": ["derive"], "optional": false, "default_features": true, "target": null,
            "kind": "normal", "registry": null, "package": null }], "cksum": "a".repeat(64), "features": {},
            "yanked": false, "links": null });
        writeln!(file, "{line}").unwrap();
    }
    host.insert("index/de/mo/demo", &file).unwrap();
    let publish = Publish::new("demo", "2.0.0").done(&host);
    assert_eq!(versions(&host, "/de/mo/demo").len(), 10_001);
    let download = get(&host, "/api/v1/crates/demo/2.0.0/download");
    assert_eq!(download.bytes(), publish.file);
    let last = Publish::new("demo", "1.0.9999").send(&host.as_user("ann"));
    assert_told(&last, 409, "is already uploaded");
}
