//! The protocol against the host in memory.

use go_proxy::Go;
use packhouse_plugin::testing::{Host, archive};

const HELLO: &str = "/example.com/hello/@v/v1.0.0.zip";

fn host() -> Host {
    Host::new().user("ann", &["go:module:*:write"]).anonymous_grants(&["*:*:*:read"])
}

fn module(path: &str, version: &str) -> Vec<u8> {
    let prefix = format!("{path}@{version}/");
    let go_mod = format!("// ours\nmodule {path} // this one\n");
    archive::zip(&[
        (&format!("{prefix}go.mod"), go_mod.as_bytes()),
        (&format!("{prefix}hello.go"), format!("package hello // {version}\n").as_bytes()),
    ])
}

fn put(host: &Host, path: &str, zip: &[u8]) -> u16 {
    host.as_user("ann").put(path).body(zip).send::<Go>().status()
}

fn get(host: &Host, path: &str) -> (u16, String) {
    let reply = host.anonymous().get(path).send::<Go>();
    (reply.status(), reply.text())
}

#[test]
fn a_version_is_published_once_and_read_in_all_forms() {
    let host = host();
    let zip = module("example.com/hello", "v1.0.0");
    assert_eq!(host.anonymous().put(HELLO).body(&zip).send::<Go>().status(), 401);
    assert_eq!([put(&host, HELLO, &zip), put(&host, HELLO, &zip)], [201, 200]);
    let other = archive::zip(&[("example.com/hello@v1.0.0/hello.go", b"package other\n")]);
    assert_eq!(put(&host, HELLO, &other), 409);
    let at = |end: &str| get(&host, &format!("/example.com/hello/{end}"));
    assert_eq!(at("@v/list"), (200, "v1.0.0\n".to_owned()));
    assert!(at("@v/v1.0.0.info").1.contains(r#""Version":"v1.0.0""#));
    assert_eq!(at("@v/v1.0.0.mod").1, "// ours\nmodule example.com/hello // this one\n");
    assert_eq!(host.anonymous().get(HELLO).send::<Go>().bytes(), zip);
    assert_eq!([at("@v/v1.0.1.mod").0, at("@v/main.info").0, at("v2/@v/list").0], [404, 410, 404]);
}

#[test]
fn the_latest_is_the_highest_release_and_commits_are_not_listed() {
    let host = host();
    for version in ["v1.10.0", "v1.9.0", "v2.0.0-rc.1", "v0.0.0-20260102030405-abcdefabcdef", "v1.11.0-rc.1"]
    {
        let zip = module("example.com/hello", version);
        let expected = if version.starts_with("v2") { 410 } else { 201 };
        assert_eq!(put(&host, &format!("/example.com/hello/@v/{version}.zip"), &zip), expected, "{version}");
    }
    assert_eq!(get(&host, "/example.com/hello/@v/list").1, "v1.9.0\nv1.10.0\nv1.11.0-rc.1\n");
    assert_eq!(host.anonymous().get("/example.com/hello/@latest").send::<Go>().json()["Version"], "v1.10.0");
}

#[test]
fn what_the_go_tool_would_refuse_is_refused() {
    let host = host();
    let hello = |files: &[(&str, &[u8])]| put(&host, HELLO, &archive::zip(files));
    assert_eq!(hello(&[("example.com/other@v1.0.0/a.go", b"")]), 400, "below another prefix");
    assert_eq!(hello(&[("example.com/hello@v1.0.0/go.mod", b"module example.com/other\n")]), 400);
    assert_eq!(hello(&[("example.com/hello@v1.0.0/sub/go.mod", b"module example.com/sub\n")]), 400);
    assert_eq!(hello(&[("example.com/hello@v1.0.0/a:b.go", b"")]), 400, "no name on Windows");
    assert_eq!(put(&host, HELLO, b"no zip"), 400);
    let mut damaged = module("example.com/hello", "v1.0.0");
    damaged[80] ^= 1;
    assert_eq!(put(&host, HELLO, &damaged), 400);
    assert_eq!(put(&host, "/example.com/Big/@v/v1.0.0.zip", b""), 404, "it is !big in a request");
    assert!(host.objects().is_empty());
}

#[test]
fn upper_case_is_escaped_and_a_major_version_is_a_module_of_its_own() {
    let host = host();
    assert_eq!(
        put(&host, "/example.com/!big/v2/@v/v2.1.0.zip", &module("example.com/Big/v2", "v2.1.0")),
        201
    );
    assert_eq!(
        host.objects(),
        ["modules/example.com/!big/v2/@v/index.json", "modules/example.com/!big/v2/@v/v2.1.0.zip"]
    );
    assert_eq!(get(&host, "/example.com/!big/v2/@v/list").1, "v2.1.0\n");
    assert_eq!(get(&host, "/example.com/!big/@v/list").0, 404);
}

#[test]
fn maintenance_removes_what_no_index_names_and_reports_damage() {
    let host = host();
    put(&host, HELLO, &module("example.com/hello", "v1.0.0"));
    let folder = "modules/example.com/hello/@v";
    host.insert(&format!("{folder}/v1.5.0.zip"), "left").unwrap();
    host.insert("modules/example.com/lost/@v/v1.0.0.zip", "the last copy").unwrap();
    host.set_now(host.now() + 3_600_000);
    assert!(host.upkeep().verify::<Go>().unwrap().damaged.is_empty());
    let outcome = host.upkeep().older_than(0).collect::<Go>().unwrap();
    assert_eq!(outcome.left_over, [format!("{folder}/v1.5.0.zip")]);
    assert_eq!(outcome.orphans, ["modules/example.com/lost/@v/v1.0.0.zip"]);
    host.insert(&format!("{folder}/v1.0.0.zip"), "torn").unwrap();
    assert_eq!(host.upkeep().verify::<Go>().unwrap().damaged, [format!("{folder}/v1.0.0.zip")]);
    host.remove(&format!("{folder}/v1.0.0.zip"));
    assert_eq!(host.upkeep().verify::<Go>().unwrap().damaged, [format!("{folder}/index.json")]);
    host.insert(&format!("{folder}/index.json"), "{}").unwrap();
    host.insert(&format!("{folder}/v1.0.0.zip"), "not named").unwrap();
    host.set_now(host.now() + 3_600_000);
    let outcome = host.upkeep().older_than(0).collect::<Go>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.damaged), (0, vec![format!("{folder}/index.json")]));
}
