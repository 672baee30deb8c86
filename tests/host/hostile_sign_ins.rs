//! Scopes and credentials that nobody sends by mistake: none of them allows anything, adds a header to an
//! answer, or ends the process.
#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::Method;
use packhouse_tests::npm::Package;
use packhouse_tests::sockets::{connect_from, exchange, status};
use packhouse_tests::{Options, Registry};
use serde_json::Value;

/// More than a command line or a header can hold is sent in bodies and files only.
const LARGE: usize = 1_000_000;

#[tokio::test]
async fn a_scope_that_cannot_be_read_is_refused_with_one_short_sentence() {
    let registry = Registry::start(Options::npm()).await;
    registry.user("ann", &[]).await;
    let long = format!("npm:package:{}:write", "a".repeat(100_000));
    for scope in [
        "",
        "!",
        "npm:package:write",
        "npm:package::write",
        "npm:package:a:",
        "npm:package:a b:write",
        "npm:package:a\r\nx:write",
        "npm:package:a\u{7f}:write",
        "npm:package:a:read,write",
        "npm:pack\u{e4}ge:a:write",
        "!!npm:package:a:write",
        "n!pm:package:a:write",
        &long,
    ] {
        for command in [&["user", "grant", "ann"][..], &["token", "create", "ann", "--scope"]] {
            let ended = registry.order(&[command, &[scope]].concat()).await;
            let shown: String = scope.chars().take(40).collect();
            assert!(ended.code.is_some_and(|code| code != 0), "{command:?} {shown:?}: {}", ended.stderr);
            assert!(
                ended.stdout.is_empty() && ended.stderr.len() < 2_000,
                "{shown:?}: {} bytes",
                ended.stderr.len()
            );
            let is_control = |letter: char| letter.is_control() && letter != '\n';
            assert!(!ended.stderr.contains(is_control), "{shown:?}: {:?}", ended.stderr);
        }
    }
    let listed = registry.order(&["user", "list"]).await.expect(0);
    assert!(listed.lines().any(|line| line == "ann\t-\t-"), "nothing was given: {listed}");
}

#[tokio::test]
async fn a_host_does_not_start_with_a_scope_that_cannot_be_read() {
    let with_nul = Options::mounts("[mount.npm]\nanonymous = [\"npm:package:a\\u0000b:read\"]\n");
    let long = format!("npm:package:{}:read", "a".repeat(LARGE));
    for (options, key) in
        [(with_nul, "[mount.npm] anonymous"), (Options::npm().anonymous(&[&long]), "[auth] anonymous")]
    {
        let ended = Registry::refuse(options).await;
        let shown: String = ended.stderr.chars().take(500).collect();
        assert!(ended.stderr.contains(key), "{shown}");
        assert!(ended.stderr.len() < 2_000 && !ended.stderr.contains('\0'), "{shown}");
    }
}

#[tokio::test]
async fn more_parts_or_stars_than_a_scope_has_allow_nothing_more() {
    let registry = Registry::start(Options::npm_and_oci()).await;
    // The name of the first is `*:*`, which no package has.
    let ann = registry
        .user("ann", &["npm:package:*:*:write", "npm:package:*:write:extra", "npm:pack:age:*:*"])
        .await;
    let by = registry.actor("/npm").with_token(&ann.token);
    for name in ["left-pad", "@team/left-pad"] {
        let package = Package::new(name, "1.0.0");
        by.put(&package.path(), &package.publish()).await.expect(403);
    }
    // Of an access token, a client asks for more than the user may do.
    let eve = registry.user("eve", &["oci:repository:eve/*:push"]).await;
    let eve = registry.actor("").with_password(&eve.name, &eve.password);
    for scope in [
        "repository:*:*:push",
        "repository:*:push",
        "repository:*:*",
        "repository:victim/a:push,*",
        "repository:victim/a:*",
        "repository:eve/a:push%20repository:victim/a:push",
        "repository:eve/..%2Fvictim/a:push",
        "repository:victim/a%00:push",
        "repository:victim%2Fa%0d%0a:push",
        "*:*:*:*",
        "registry:catalog:*",
        "%21repository:victim/a:push",
    ] {
        let answer = eve.get(&format!("/oci/token?service=packhouse&scope={scope}")).await;
        assert!(answer.status.as_u16() < 500, "{scope}: {}", answer.text());
        if answer.status != 200 {
            continue;
        }
        let token = answer.json()["token"].as_str().unwrap().to_owned();
        let by = registry.actor("/v2").with_token(&token);
        let answer = by.send(Method::POST, "/victim/a/blobs/uploads/", "").await;
        assert!(
            [401, 403].contains(&answer.status.as_u16()),
            "{scope}: {}: {}",
            answer.status,
            claims(&token)
        );
    }
    let form =
        format!("grant_type=password&username=eve&password=x&service=packhouse&scope={}", "a".repeat(LARGE));
    let answer = registry
        .actor("/oci")
        .request(Method::POST, "/token")
        .header("content-type", "application/x-www-form-urlencoded");
    let answer = answer.body(form).send().await.unwrap();
    assert!((400..500).contains(&answer.status().as_u16()), "{}", answer.status());
}

/// What an access token contains, for messages.
fn claims(token: &str) -> Value {
    let bytes = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

#[tokio::test]
async fn nothing_that_a_client_sends_becomes_a_header_of_the_answer() {
    let registry = Registry::start(Options::npm_and_oci()).await;
    let ann = registry.user("ann", &["npm:package:*:write"]).await;
    let basic = |pair: &str| format!("authorization: Basic {}\r\n", STANDARD.encode(pair));
    let bearer = |secret: &str| format!("authorization: Bearer {secret}\r\n");
    let injected = "\r\nx-injected: 1";
    let requests = [
        ("/npm/-/whoami", basic(&format!("ann{injected}:{}", ann.password))),
        ("/npm/-/whoami", basic(&format!("ann:{}{injected}", ann.password))),
        ("/npm/-/whoami", basic("ann\0:password")),
        ("/npm/-/whoami", basic(&format!("{}:x", "a".repeat(20_000)))),
        ("/npm/-/whoami", bearer("a\tb")),
        ("/npm/-/whoami", bearer(&"x".repeat(20_000))),
        ("/npm/-/whoami", format!("{}{}", bearer(&ann.token), bearer("other"))),
        ("/npm/-/whoami", format!("{}{}", basic("ann:wrong"), bearer(&ann.token))),
        ("/npm/-/user/org.couchdb.user:ann%0d%0ax-injected:%201", String::new()),
        ("/npm/demo%0d%0ax-injected:%201", String::new()),
        ("/npm/-/v1/login%0d%0ax-injected:%201", String::new()),
        ("/v2/demo%22%2cx-injected%3d%22/tags/list", String::new()),
        ("/v2/demo%0d%0ax-injected:%201/tags/list", String::new()),
        ("/v2/demo/tags/list", basic("ann:wrong\", x-injected=\"1")),
        ("/oci/token?service=x%22%0d%0ax-injected:1&scope=repository:a%22:pull", String::new()),
    ];
    for (path, headers) in requests {
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}\r\n");
        let answer = exchange(&mut connect_from(&registry.address(), 1).await, &request).await;
        let shown: String = headers.chars().take(60).collect();
        assert!((400..500).contains(&status(&answer)), "{path} {shown}: {answer}");
        let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
        for line in head.lines() {
            let name = line.split(':').next().unwrap_or_default();
            assert!(!name.contains("injected") && !line.contains("x-injected=\"1"), "{path} {shown}: {head}");
        }
        assert!(!head.contains(&ann.password) && !head.contains(&ann.token), "{path}: {head}");
    }
    for hostile in ["x\", x-injected=\"1", "x\r\n x-injected: 1", "x/../y", "x y"] {
        let request = format!("GET /v2/ HTTP/1.1\r\nhost: {hostile}\r\nconnection: close\r\n\r\n");
        let answer = exchange(&mut connect_from(&registry.address(), 2).await, &request).await;
        assert!((400..500).contains(&status(&answer)), "{hostile}: {answer}");
        assert!(!answer.to_ascii_lowercase().contains("x-injected=\"1"), "{hostile}: {answer}");
    }
    // Larger than all headers may be.
    let request = format!("GET /npm/-/whoami HTTP/1.1\r\nhost: x\r\n{}\r\n", bearer(&"x".repeat(LARGE)));
    let answer = exchange(&mut connect_from(&registry.address(), 3).await, &request).await;
    assert!([0, 400, 431].contains(&status(&answer)), "{}", &answer[..answer.len().min(300)]);

    let by = registry.actor("/npm").with_token(&ann.token);
    by.get("/-/whoami").await.expect(200);
    assert!(!registry.logs().contains(&ann.password), "no password is logged");
}
