//! Two mounts of one plugin: own path, own host name, own prefix, own permissions, own features.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::Package;
use packhouse_tests::{Actor, Options, Registry};

const INTERNAL_HOST: &str = "npm.example.com";

const MOUNTS: &str = r#"
[mount.npm]
features = { publish = true, unpublish = false, search = true }
[mount.internal]
plugin = "npm"
host = "npm.example.com"
prefix = "npm-internal"
anonymous = []
"#;

struct Desk {
    registry: Registry,
    public: Actor,
    internal: Actor,
}

/// One user who may write to the public mount, one who may write to the internal one.
async fn desk() -> Desk {
    let registry = Registry::start(Options::mounts(MOUNTS)).await;
    let outer = registry.user("outer", &["npm:package:*:write", "npm:package:*:delete"]).await;
    let inner = registry.user("inner", &["internal:package:*:write"]).await;
    let public = registry.actor("/npm").with_token(&outer.token);
    let internal = registry.actor("").with_header("host", INTERNAL_HOST).with_token(&inner.token);
    Desk { registry, public, internal }
}

#[tokio::test]
async fn neither_mount_sees_the_packages_of_the_other() {
    let desk = desk().await;
    let (shown, hidden) = (Package::new("shown", "1.0.0"), Package::new("hidden", "1.0.0"));
    desk.public.put(&shown.path(), &shown.publish()).await.expect(201);
    desk.internal.put(&hidden.path(), &hidden.publish()).await.expect(201);

    desk.public.get("/shown").await.expect(200);
    desk.public.get("/hidden").await.expect(404);
    desk.public.get(&hidden.tarball_path()).await.expect(404);
    desk.internal.get("/hidden").await.expect(200);
    desk.internal.get("/shown").await.expect(404);
    let found = desk.public.get("/-/v1/search?text=hidden").await.expect(200).json();
    assert_eq!(found["total"], 0, "{found}");
    let expected = [
        "npm-internal/packages/hidden/hidden-1.0.0.tgz",
        "npm-internal/packages/hidden/index.json",
        "npm-internal/proofs/packages/hidden/index.json",
        "npm/packages/shown/index.json",
        "npm/packages/shown/shown-1.0.0.tgz",
        "npm/proofs/packages/shown/index.json",
    ];
    assert_eq!(desk.registry.keys(), expected);
}

#[tokio::test]
async fn each_mount_links_to_itself() {
    let desk = desk().await;
    let package = Package::new("demo", "1.0.0");
    desk.public.put(&package.path(), &package.publish()).await.expect(201);
    desk.internal.put(&package.path(), &package.publish()).await.expect(201);
    let link = |document: serde_json::Value| {
        document["versions"]["1.0.0"]["dist"]["tarball"].as_str().map(str::to_owned)
    };
    let public = link(desk.public.get("/demo").await.expect(200).json());
    assert_eq!(public, Some(desk.registry.url("/npm/demo/-/demo-1.0.0.tgz")));
    let internal = link(desk.internal.get("/demo").await.expect(200).json());
    assert_eq!(internal.as_deref(), Some("http://npm.example.com/demo/-/demo-1.0.0.tgz"));
}

#[tokio::test]
async fn permissions_and_features_are_each_mounts_own() {
    let desk = desk().await;
    let package = Package::new("demo", "1.0.0");
    desk.public.put(&package.path(), &package.publish()).await.expect(201);
    desk.internal.put(&package.path(), &package.publish()).await.expect(201);

    let anybody = desk.registry.actor("/npm");
    anybody.get("/demo").await.expect(200);
    let stranger = desk.registry.actor("").with_header("host", INTERNAL_HOST);
    stranger.get("/demo").await.expect(401);

    let next = Package::new("demo", "1.0.1");
    let inner_outside =
        desk.internal.at(desk.registry.url("/npm")).with_header("host", &desk.registry.address());
    inner_outside.put("/demo", &next.publish()).await.expect(403);
    let outer_inside = desk.public.at(desk.registry.url("")).with_header("host", INTERNAL_HOST);
    outer_inside.put("/demo", &next.publish()).await.expect(403);

    let document = desk.public.get("/demo?write=true").await.expect(200).json();
    let revision = document["_rev"].as_str().unwrap_or_default();
    desk.public.delete(&format!("/demo/-rev/{revision}")).await.expect(405);
    desk.public.get("/demo").await.expect(200);
}
