//! Headers in which a proxy tells who called it: each is read only from a trusted proxy, and
//! only if the configuration says that the proxy sets it. The tests are the proxy.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use http::HeaderMap;
use packhouse_tests::npm::Package;
use packhouse_tests::sockets::{connect_from, exchange, status};
use packhouse_tests::{Actor, Options, Registry};

const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\"]\n";
const MOUNTS: &str = "[mount.npm]\ngrants = [\"login\"]\nfeatures = { publish = true, unpublish = true, search = true }\n\
    [mount.internal]\nplugin = \"npm\"\nhost = \"internal.example.com\"\n";

async fn behind_a_proxy_that_sets(headers: &str) -> Registry {
    let lines = format!("{TRUSTED}forwarded = [{headers}]\n");
    let registry = Registry::start(Options::mounts(MOUNTS).server(&lines)).await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    registry
}

fn with(actor: &Actor, lines: &[(&'static str, &str)]) -> Actor {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().expect("a header's value"));
    }
    actor.with_headers(headers)
}

/// What a client can send through a proxy that knows none of them.
const LIES: [(&str, &str); 4] = [
    ("x-forwarded-for", "192.0.2.66"),
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "evil.example.com"),
    ("forwarded", "for=192.0.2.66;proto=https;host=evil.example.com"),
];

/// The start of the tarball's URL, and `Vary`.
async fn link(actor: &Actor) -> (String, String) {
    let answer = actor.get("/npm/demo").await.expect(200);
    let document = answer.json();
    let link = document["versions"]["1.0.0"]["dist"]["tarball"].as_str().expect("a link").to_owned();
    let (origin, _) = link.split_once("/npm/").expect("a link to the mount");
    (origin.to_owned(), answer.header("vary").to_owned())
}

#[tokio::test]
async fn a_header_that_the_proxy_does_not_set_chooses_nothing() {
    let registry = behind_a_proxy_that_sets("\"x-forwarded-for\"").await;
    let lying = with(&registry.actor(""), &LIES);
    let (origin, vary) = link(&lying).await;
    assert_eq!(origin, registry.url(""));
    assert!(!vary.contains("forwarded"), "{vary}");
    let elsewhere = with(&registry.actor(""), &[("x-forwarded-host", "internal.example.com")]);
    elsewhere.get("/demo").await.expect(404);
    let logs = registry.logs_with("GET /demo 404").await;
    let remarks = logs.lines().filter(|line| line.contains("does not list it")).count();
    assert_eq!(remarks, 1, "{logs}");
}

#[tokio::test]
async fn a_header_that_the_proxy_sets_chooses_urls_and_mounts_and_is_named_in_vary() {
    let registry = behind_a_proxy_that_sets("\"x-forwarded-proto\", \"x-forwarded-host\"").await;
    let told =
        with(&registry.actor(""), &[("x-forwarded-proto", "https"), ("x-forwarded-host", "a.example.com")]);
    let (origin, vary) = link(&told).await;
    assert_eq!(origin, "https://a.example.com");
    assert!(vary.contains("x-forwarded-proto") && vary.contains("x-forwarded-host"), "{vary}");
    let (origin, vary) = link(&registry.actor("")).await;
    assert_eq!(origin, registry.url(""));
    assert!(vary.contains("x-forwarded-host"), "also when the header is absent: {vary}");
    let other = with(&registry.actor(""), &[("x-forwarded-host", "internal.example.com")]);
    let answer = other.get("/-/ping").await.expect(200);
    assert!(answer.header("vary").contains("x-forwarded-host"), "{answer:?}");
}

#[tokio::test]
async fn forwarded_is_supported_in_their_place() {
    let registry = behind_a_proxy_that_sets("\"forwarded\"").await;
    let value = "for=192.0.2.66;host=evil.example.com, for=198.51.100.7;proto=https;host=a.example.com";
    let told = with(&registry.actor(""), &[("forwarded", value), ("x-forwarded-host", "evil.example.com")]);
    let (origin, vary) = link(&told).await;
    assert_eq!(origin, "https://a.example.com");
    assert!(vary.contains("forwarded") && !vary.contains("x-forwarded"), "{vary}");
    let logs = registry.logs_with("GET /npm/demo 200").await;
    assert!(logs.contains("client.ip=198.51.100.7") && !logs.contains("192.0.2.66"), "{logs}");
}

#[tokio::test]
async fn a_false_address_does_not_escape_the_limit_on_wrong_passwords() {
    let registry = behind_a_proxy_that_sets("\"x-forwarded-proto\"").await;
    for number in 0..3 {
        let address = format!("192.0.2.{number}");
        let guessing = with(
            &registry.actor(""),
            &[("x-forwarded-for", &address), ("forwarded", &format!("for={address}"))],
        );
        guessing.with_password("admin", &format!("guess {number}")).get("/npm/-/whoami").await.expect(401);
    }
    let logs = registry.logs_with("GET /npm/-/whoami 401").await;
    assert!(logs.contains("client.ip=127.0.0.1") && !logs.contains("192.0.2."), "{logs}");
}

#[tokio::test]
async fn the_first_header_from_an_address_that_is_not_trusted_is_told_once() {
    let registry = Registry::start(Options::npm()).await;
    for _ in 0..3 {
        with(&registry.actor(""), &LIES).get("/npm/-/ping").await.expect(200);
    }
    let logs = registry.logs_with("GET /npm/-/ping 200").await;
    let remarks: Vec<_> = logs.lines().filter(|line| line.contains("which is ignored")).collect();
    assert_eq!(remarks.len(), 1, "{logs}");
    for word in ["WARN", "forwarded", "127.0.0.1", "trusted_proxies"] {
        assert!(remarks[0].contains(word), "{word:?} in {}", remarks[0]);
    }
    assert!(!logs.contains("192.0.2.66"), "{logs}");
}

/// `GET /npm/demo` as these lines.
async fn ask(registry: &Registry, lines: &str) -> String {
    let mut socket = connect_from(&registry.address(), 1).await;
    let head = lines.replace('\n', "\r\n");
    exchange(&mut socket, &format!("{head}\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn a_request_whose_host_cannot_be_told_is_refused() {
    let registry = Registry::npm().await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    let (new, old) = ("GET /npm/demo HTTP/1.1", "GET /npm/demo HTTP/1.0");
    for host in ["", "Host: a\nHost: a", "Host: a\nHost: b", "Host:", "Host: a b", "Host: ann@a", "Host: a/b"]
    {
        let answer = ask(&registry, format!("{new}\n{host}").trim_end()).await;
        assert_eq!(status(&answer), 400, "{host:?}: {answer}");
        assert!(!answer.contains("localhost"), "{answer}");
    }
    assert_eq!(status(&ask(&registry, &format!("{old}\nHost: a\nHost: b")).await), 400);
    for path in ["/healthz", "/-/packhouse/plugins", "/nowhere"] {
        assert_eq!(status(&ask(&registry, &format!("GET {path} HTTP/1.1")).await), 400, "{path}");
    }
    let tarball = |origin: &str| format!("\"http://{origin}/npm/demo/-/demo-1.0.0.tgz\"");
    let answer = ask(&registry, old).await;
    assert!(status(&answer) == 200 && answer.contains(&tarball(&registry.address())), "{answer}");
    let answer = ask(&registry, &format!("{new}\nHost: Registry.example.com:81")).await;
    assert!(status(&answer) == 200 && answer.contains(&tarball("registry.example.com:81")), "{answer}");
    let answer = ask(&registry, "GET http://one.example.com/npm/demo HTTP/1.1\nHost: two.example.com").await;
    assert!(status(&answer) == 200 && answer.contains(&tarball("one.example.com")), "{answer}");
}

#[tokio::test]
async fn trusted_proxies_without_their_headers_are_refused_with_a_sentence() {
    let ended = Registry::refuse(Options::npm().server(TRUSTED)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for word in
        ["registry.toml", "trusted_proxies", "`forwarded`", "x-forwarded-for", "docs/behind-a-proxy.md"]
    {
        assert!(ended.stderr.contains(word), "{word:?} in {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_method_that_is_not_in_capitals_is_no_method() {
    let registry = Registry::npm().await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    for method in ["get", "Get", "put", "pUT", "delete"] {
        for path in ["/npm/demo", "/healthz", "/nowhere"] {
            let answer = ask(&registry, &format!("{method} {path} HTTP/1.1\nHost: x")).await;
            assert_eq!(status(&answer), 501, "{method} {path}: {answer}");
        }
    }
    assert_eq!(status(&ask(&registry, "BREW /npm/demo HTTP/1.1\nHost: x").await), 405);
}
