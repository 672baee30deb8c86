//! A Cargo registry that nobody reads without a token.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::cargo::Crate;
use packhouse_tests::{Options, Registry};

#[tokio::test]
async fn everything_asks_for_the_token_and_says_where_to_get_one() {
    let registry = Registry::start(Options::cargo().anonymous(&[])).await;
    let publisher = registry.crate_publisher().await;
    let demo = Crate::new("demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    let nobody = registry.actor("/cargo");
    let challenge = format!("Cargo login_url=\"{}\"", registry.url("/cargo/me"));
    let paths = [
        "/config.json",
        "/index/config.json",
        "/ot/he/other",
        "/api/v1/crates/demo/owners",
        "/api/v1/crates?q=demo",
    ];
    for path in paths.map(str::to_owned).into_iter().chain([demo.index_path(), demo.download_path()]) {
        let refused = nobody.get(&path).await.expect(401);
        assert_eq!(refused.header("www-authenticate"), challenge, "{path}");
        assert!(refused.json()["errors"][0]["detail"].is_string(), "{refused:?}");
    }
    nobody.get("/me").await.expect(200);
    let reader = registry.user("reader", &["cargo:crate:demo:read"]).await;
    let reader = nobody.with_token(&reader.token);
    assert_eq!(reader.get("/config.json").await.expect(200).json()["auth-required"], true);
    reader.get(&demo.index_path()).await.expect(200);
    assert!(reader.get(&demo.download_path()).await.expect(200).body == demo.archive());
    reader.get("/ot/he/other").await.expect(403);
    let found = reader.get("/api/v1/crates?q=").await.expect(200).json();
    assert_eq!(found["meta"]["total"], 1);
}

#[tokio::test]
async fn a_second_mount_has_its_own_crates_and_addresses() {
    let mounts = "[mount.cargo]\n[mount.inner]\nplugin = \"cargo\"\nanonymous = []\n";
    let registry = Registry::start(Options::mounts(mounts).plugin("cargo")).await;
    let user = registry.user("inner", &["inner:crate:*:write"]).await;
    let inner = registry.actor("/inner").with_token(&user.token);
    let demo = Crate::new("demo", "1.0.0");
    demo.publish(&inner).await.expect(200);
    let configuration = inner.get("/config.json").await.expect(200).json();
    assert_eq!(configuration["dl"], registry.url("/inner/api/v1/crates"));
    registry.actor("/cargo").get(&demo.index_path()).await.expect(404);
    registry.actor("/inner").get(&demo.index_path()).await.expect(401);
    let expected = [
        "inner/config.json",
        "inner/crates/demo/demo-1.0.0.crate",
        "inner/index/de/mo/demo",
        "inner/owners/demo.json",
        "inner/proofs/index/de/mo/demo",
    ];
    assert_eq!(registry.keys(), expected);
}
