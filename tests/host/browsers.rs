//! What a browser gets: nothing that somebody published runs in it, and no other web site can
//! use the password that it keeps.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use http::{HeaderMap, Method};
use packhouse_tests::composer::Library;
use packhouse_tests::maven::{self, Release};
use packhouse_tests::npm::Package;
use packhouse_tests::oci::{Hand, Image, sha256};
use packhouse_tests::rubygems::Gem;
use packhouse_tests::{Answer, Options, Registry};
use serde_json::json;

const SANDBOX: &str = "sandbox; default-src 'none'";
const PAGE: &str = "sandbox allow-downloads; default-src 'none'; style-src 'unsafe-inline'";

const ALL: &str = "[mount.npm]\ngrants = [\"login\"]\nfeatures = { publish = true, unpublish = true, search = true }\n\
    [mount.oci]\ngrants = [\"login\", \"/v2\"]\nfeatures = { referrers = true, deletion = true }\n\
    [mount.cargo]\n[mount.pypi]\n[mount.maven]\n[mount.composer]\n[mount.rubygems]\ngrants = [\"login\"]\n";

async fn all_protocols() -> Registry {
    let others = ["oci", "cargo", "pypi", "maven", "composer", "rubygems"];
    let options = others.into_iter().fold(Options::mounts(ALL), Options::plugin);
    Registry::start(options.anonymous(&["*:*:*:read", "*:*:*:pull"])).await
}

#[track_caller]
fn expect_policy(answer: &Answer, policy: &str) {
    assert_eq!(answer.header("content-security-policy"), policy, "{answer:?}");
    assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
}

#[tokio::test]
async fn no_answer_runs_in_a_browser_and_pages_stay_usable() {
    let registry = all_protocols().await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let pusher = registry.pusher().await;
    let image = Image::new("demo");
    Hand::new(&pusher, "demo").push(&image, "v1").await;
    // What somebody published, in the protocols that serve files of any kind.
    let user = registry.user("ann", &["*:*:*:*"]).await;
    let ann = |base: &str| registry.actor(base).with_token(&user.token);
    let page = Release::new("demo", "1.0").path(".html");
    maven::put(&ann("/maven"), &page, "<script>alert(1)</script>").await.expect(201);
    Library::psr4("acme/demo", "1.0.0").upload(&ann("/composer")).await.expect(201);
    Gem::new("demo", "1.0").push(&ann("/rubygems")).await.expect(200);
    let anybody = registry.actor("");
    let manifest = format!("/v2/demo/manifests/{}", image.manifest.digest);
    let blob = format!("/v2/demo/blobs/{}", image.blobs[0].digest);
    for path in [
        "/npm/demo",
        &format!("/npm{}", package.tarball_path()),
        "/npm/absent",
        "/v2/",
        "/v2/demo/manifests/v1",
        &manifest,
        &blob,
        "/cargo/config.json",
        &format!("/maven{page}"),
        &format!("/maven{page}.sha1"),
        "/maven/com/example/none/maven-metadata.xml",
        "/composer/packages.json",
        "/composer/p2/acme/demo.json",
        "/composer/search.json?q=%3Cscript%3E",
        "/rubygems/info/demo",
        "/rubygems/gems/demo-1.0.gem",
        "/rubygems/api/v1/gems/demo.json",
        "/rubygems/",
        "/healthz",
        "/readyz",
        "/-/packhouse/plugins",
        "/nowhere",
    ] {
        expect_policy(&anybody.get(path).await, SANDBOX);
        expect_policy(&anybody.head(path).await, SANDBOX);
    }
    let mut range = HeaderMap::new();
    range.insert("range", "bytes=0-0".parse().expect("a header"));
    let part = anybody.with_headers(range).get(&blob).await.expect(206);
    expect_policy(&part, SANDBOX);
    let mut condition = HeaderMap::new();
    condition.insert("if-none-match", "*".parse().expect("a header"));
    expect_policy(&anybody.with_headers(condition).get("/npm/demo").await.expect(304), SANDBOX);

    let login = anybody.get("/cargo/me").await.expect(200);
    assert!(login.header("content-type").starts_with("text/html"), "{login:?}");
    expect_policy(&login, PAGE);
    let mut html = HeaderMap::new();
    html.insert("accept", "text/html".parse().expect("a header"));
    let index = anybody.with_headers(html).get("/pypi/simple/").await.expect(200);
    assert!(index.header("content-type").starts_with("text/html"), "{index:?}");
    expect_policy(&index, PAGE);
    let listing = anybody.get("/maven/com/example/demo/1.0/").await.expect(200);
    assert!(listing.header("content-type").starts_with("text/html"), "{listing:?}");
    expect_policy(&listing, PAGE);
}

const SITE: &str = "https://app.example.com";

#[tokio::test]
async fn a_listed_site_reads_what_anybody_may_read_and_sends_no_credentials() {
    let cors = format!("cors = [{SITE:?}]\n");
    let registry = Registry::start(Options::npm().server(&cors)).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0");
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let page = registry.actor("/npm").with_header("origin", SITE);
    for path in ["/demo", &package.tarball_path(), "/absent"] {
        let answer = page.get(path).await;
        assert_eq!(answer.header("access-control-allow-origin"), SITE, "{answer:?}");
        assert!(answer.header("vary").contains("origin"), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
    }
    let signed_in = publisher.clone().with_header("origin", SITE).get("/demo").await.expect(200);
    assert_eq!(signed_in.header("access-control-allow-origin"), "");
    let evil = registry.actor("/npm").with_header("origin", "https://evil.example.com");
    assert_eq!(evil.get("/demo").await.expect(200).header("access-control-allow-origin"), "");
    let ask = async |actor: &packhouse_tests::Actor, method: &str| {
        let asking = actor.clone().with_header("access-control-request-method", method);
        let asking = asking.with_header("access-control-request-headers", "accept, authorization");
        asking.send(Method::OPTIONS, "/demo", "").await
    };
    let allowed = ask(&page, "GET").await.expect(204);
    assert_eq!(allowed.header("access-control-allow-origin"), SITE);
    assert_eq!(allowed.header("access-control-allow-headers"), "accept");
    ask(&page, "PUT").await.expect(403);
    ask(&evil, "GET").await.expect(403);
    let closed = Registry::npm().await;
    let page = closed.actor("/npm").with_header("origin", SITE);
    assert_eq!(page.get("/-/ping").await.expect(200).header("access-control-allow-origin"), "");
    let refused = Registry::refuse(Options::npm().server("cors = [\"app.example.com/\"]\n")).await;
    assert!(refused.code == Some(2) && refused.stderr.contains("[server] cors"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_manifest_is_never_served_as_a_page() {
    let registry = all_protocols().await;
    let pusher = registry.pusher().await;
    let image = Image::new("demo");
    let hand = Hand::new(&pusher, "demo");
    hand.push(&image, "v1").await;
    for kind in
        ["text/html", "text/html; charset=utf-8", "image/svg+xml", "application/xhtml+xml", "text/xml"]
    {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", kind.parse().expect("a header"));
        // The bytes do not say their type, or say this one.
        let silent = json!({ "schemaVersion": 2, "manifests": [], "annotations": { "a": "<script>" } });
        let mut saying = silent.clone();
        saying["mediaType"] = json!(kind);
        for document in [silent, saying] {
            let digest = sha256(document.to_string().as_bytes());
            let path = format!("/demo/manifests/{digest}");
            let refused = pusher.with_headers(headers.clone()).put(&path, &document).await.expect(400);
            let error = &refused.json()["errors"][0];
            assert_eq!(error["code"], "MANIFEST_INVALID", "{refused:?}");
            assert!(error["message"].as_str().is_some_and(|text| text.contains("+json")), "{refused:?}");
            pusher.get(&path).await.expect(404);
        }
    }
}

/// What a browser adds to a request that another site made it send.
fn foreign() -> [(&'static str, &'static str); 4] {
    [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example.com"),
        ("origin", "null"),
    ]
}

#[tokio::test]
async fn another_site_cannot_write_with_a_browsers_password() {
    let registry = all_protocols().await;
    let user = registry.user("ann", &["*:*:*:*"]).await;
    let by_password = registry.actor("").with_password(&user.name, &user.password);
    let by_token = registry.actor("").with_token(&user.token);
    let before = registry.keys();
    let package = Package::new("demo", "1.0.0");
    let form =
        "------x\r\nContent-Disposition: form-data; name=\":action\"\r\n\r\nfile_upload\r\n------x--\r\n";
    for (name, value) in foreign() {
        let forged = by_password.clone().with_header(name, value);
        for (method, path, body) in [
            (Method::PUT, "/npm/demo", package.publish().to_string()),
            (Method::POST, "/v2/demo/blobs/uploads/", String::new()),
            (Method::DELETE, "/v2/demo/manifests/v1", String::new()),
            (Method::PUT, "/cargo/api/v1/crates/new", String::new()),
            (Method::POST, "/pypi/legacy/", form.to_owned()),
            (Method::PUT, "/maven/com/example/demo/1.0/demo-1.0.jar", "jar".to_owned()),
            (Method::DELETE, "/maven/com/example/demo/1.0", String::new()),
            (Method::PUT, "/composer/packages/acme/demo?version=1.0.0", "zip".to_owned()),
            (Method::DELETE, "/composer/packages/acme/demo", String::new()),
            (Method::POST, "/rubygems/api/v1/gems", "gem".to_owned()),
            (Method::DELETE, "/rubygems/api/v1/gems/yank", "gem_name=demo&version=1.0".to_owned()),
            (Method::PATCH, "/npm/demo", String::new()),
        ] {
            let answer = forged.send(method, path, body).await.expect(403);
            assert!(answer.text().contains("another web site"), "{answer:?}");
            assert!(answer.header("cache-control").contains("private"), "{answer:?}");
            if path.starts_with("/npm/") {
                assert_eq!(answer.json()["reason"], "http-403", "{answer:?}");
            }
        }
        // In the words of the protocol.
        let answer = forged.post("/v2/demo/blobs/uploads/", &json!({})).await.expect(403);
        assert!(answer.json()["errors"][0]["message"].is_string(), "{answer:?}");
        // Reading changes nothing, and a browser adds no token by itself.
        forged.get("/npm/-/whoami").await.expect(200);
        let begun =
            by_token.clone().with_header(name, value).send(Method::POST, "/v2/demo/blobs/uploads/", "").await;
        begun.expect(202);
    }
    // The token has begun uploads of images.
    assert!(registry.keys().iter().all(|key| key.starts_with("oci/")), "{:?}", registry.keys());
    assert_eq!(before, Vec::<String>::new());

    let own = format!("http://{}", registry.address());
    for (name, value) in [("sec-fetch-site", "same-origin"), ("sec-fetch-site", "none"), ("origin", &own)] {
        let browser = by_password.clone().with_header(name, value);
        let begun = browser.send(Method::POST, "/v2/demo/blobs/uploads/", "").await;
        begun.expect(202);
    }
    by_password.put("/npm/demo", &package.publish()).await.expect(201);
}

/// `gem signin` and `docker login` get their tokens with a GET, which any page can make a browser send.
#[tokio::test]
async fn another_site_makes_and_evicts_no_token_with_a_browsers_password() {
    let registry = all_protocols().await;
    let user = registry.user("ann", &["*:*:*:*"]).await;
    let by_password = registry.actor("").with_password(&user.name, &user.password);
    let key = by_password.get("/rubygems/api/v1/api_key").await.expect(200).text();
    let by_key = registry.actor("").with_token(&key);
    for (name, value) in foreign() {
        let forged = by_password.clone().with_header(name, value);
        for path in [
            "/rubygems/api/v1/api_key",
            "/rubygems/api/v1/api_key?name=x&push_rubygem=true",
            "/oci/token?offline_token=true",
            "/oci/token?scope=repository:demo:pull",
        ] {
            let answer = forged.get(path).await.expect(403);
            assert!(answer.text().contains("another web site"), "{answer:?}");
        }
        // More than a user may have.
        for _ in 0..20 {
            forged.head("/rubygems/api/v1/api_key").await.expect(403);
        }
    }
    by_password.head("/rubygems/api/v1/api_key").await.expect(403);
    // A key that was evicted would be a 401.
    by_key.get("/rubygems/api/v1/gems/none/owners.json").await.expect(404);
    let own = by_password.clone().with_header("sec-fetch-site", "same-origin");
    own.get("/rubygems/api/v1/api_key").await.expect(200);
}
