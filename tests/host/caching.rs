//! What a cache that several users share may keep: only what anybody may read.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use http::HeaderMap;
use packhouse_tests::npm::Package;
use packhouse_tests::{Actor, Answer, Options, Registry};

const MOUNTS: &str = "[mount.npm]\ngrants = [\"login\"]\nfeatures = { publish = true, unpublish = true, search = true }\n\
    [mount.partly]\nplugin = \"npm\"\nanonymous = [\"partly:package:public-*:read\"]\n\
    [mount.closed]\nplugin = \"npm\"\nanonymous = []\n[mount.cargo]\n";

/// Headers in which the host expects a credential, or which it hides from plugins.
const CREDENTIALS: [&str; 8] = [
    "authorization",
    "x-api-key",
    "x-auth-token",
    "x-nuget-apikey",
    "cookie",
    "private-token",
    "x-jfrog-art-api",
    "proxy-authorization",
];

fn with(actor: &Actor, name: &'static str, value: &str) -> Actor {
    let mut headers = HeaderMap::new();
    headers.insert(name, value.parse().expect("a header's value"));
    actor.with_headers(headers)
}

#[track_caller]
fn expect_private(answer: &Answer) {
    let said = answer.header("cache-control");
    let directives: Vec<_> = said.split(',').map(str::trim).collect();
    assert!(directives.contains(&"private"), "{said:?}: {answer:?}");
    assert!(!directives.iter().any(|word| *word == "public" || word.starts_with("s-maxage")), "{answer:?}");
}

#[tokio::test]
async fn every_answer_to_a_request_with_credentials_is_private() {
    let registry = Registry::start(Options::mounts(MOUNTS).plugin("cargo")).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let ann = registry.user("ann", &["cargo:crate:*:write"]).await;
    let tarball = format!("/npm{}", package.tarball_path());
    let anybody = registry.actor("");
    let etag = anybody.get("/npm/demo").await.expect(200).header("etag").to_owned();
    for name in CREDENTIALS {
        let valid = if name == "authorization" { format!("Bearer {}", ann.token) } else { ann.token.clone() };
        let asking = with(&anybody, name, &valid);
        let wrong = with(&anybody, name, "Bearer wrong");
        for (actor, path) in [
            (&asking, "/npm/demo"),
            (&asking, tarball.as_str()),
            (&asking, "/npm/absent"),
            (&asking, "/npm/-/whoami"),
            (&asking, "/cargo/config.json"),
            (&asking, "/nowhere"),
            (&asking, "/healthz"),
            (&asking, "/readyz"),
            (&asking, "/-/packhouse/plugins"),
            (&asking, "/-/packhouse/nothing"),
            (&wrong, "/npm/demo"),
            (&wrong, "/npm/-/whoami"),
        ] {
            expect_private(&actor.get(path).await);
            expect_private(&actor.head(path).await);
        }
        expect_private(&with(&asking, "if-none-match", &etag).get("/npm/demo").await.expect(304));
        expect_private(&with(&asking, "if-match", "\"other\"").get("/npm/demo").await.expect(412));
        expect_private(&with(&asking, "range", "bytes=0-3").get(&tarball).await.expect(206));
        expect_private(&with(&asking, "range", "bytes=0-3,9-9").get(&tarball).await.expect(206));
        expect_private(&with(&asking, "range", "bytes=99999999-").get(&tarball).await.expect(416));
        expect_private(&asking.delete("/npm/demo").await);
        expect_private(&asking.send(http::Method::PATCH, "/npm/demo", "").await);
    }
}

#[tokio::test]
async fn every_answer_of_a_mount_that_is_not_public_is_private() {
    let registry = Registry::start(Options::mounts(MOUNTS).plugin("cargo")).await;
    let user = registry.user("ann", &["partly:package:*:write", "closed:package:*:write"]).await;
    let package = Package::new("public-demo", "1.0.0");
    for mount in ["/partly", "/closed"] {
        let ann = registry.actor(mount).with_token(&user.token);
        ann.put(&package.path(), &package.publish()).await.expect(201);
        let anybody = registry.actor(mount);
        let status = if mount == "/closed" { 401 } else { 200 };
        for path in ["/public-demo", &package.tarball_path()] {
            expect_private(&anybody.get(path).await.expect(status));
            expect_private(&with(&anybody, "range", "bytes=0-0").get(path).await);
        }
        for path in ["/private-demo", "/-/ping", "/-/whoami", "/-/nothing"] {
            expect_private(&anybody.get(path).await);
        }
    }
}

#[tokio::test]
async fn what_anybody_may_read_may_be_kept_for_everybody() {
    let registry = Registry::start(Options::cargo()).await;
    let publisher = registry.crate_publisher().await;
    let demo = packhouse_tests::cargo::Crate::new("demo", "1.0.0");
    demo.publish(&publisher).await.expect(200);
    let download = &demo.download_path();
    let public = registry.actor("/cargo").get(download).await.expect(200);
    assert_eq!(public.header("cache-control"), "public, max-age=31536000, immutable");
    let private = publisher.get(download).await.expect(200);
    assert_eq!(private.header("cache-control"), "private, max-age=31536000, immutable");
    let index = registry.actor("/cargo").get(&demo.index_path()).await.expect(200);
    assert_eq!(index.header("cache-control"), "");
}
