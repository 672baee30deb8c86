//! The account page: a user signs in with a browser, makes tokens, and revokes them.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::HeaderMap;
use packhouse_tests::accounts::run;
use packhouse_tests::browser::Browser;
use packhouse_tests::{Options, Registry};

const PAGE: &str = "/-/packhouse/account";
const SIGN_IN: &str = "/-/packhouse/account/sign-in";
const SIGN_OUT: &str = "/-/packhouse/account/sign-out";
const TOKENS: &str = "/-/packhouse/account/tokens";
const REVOKE: &str = "/-/packhouse/account/revoke";

async fn registry() -> Registry {
    Registry::start(Options::npm().anonymous(&[])).await
}

async fn signed_in(registry: &Registry, name: &str) -> Browser {
    let mut browser = Browser::at(registry.url(""));
    browser.open(PAGE).await.expect(200);
    let password = format!("password of {name}");
    let page = browser.submit(SIGN_IN, &[("name", name), ("password", &password)]).await.expect(200);
    assert!(page.text().contains(&format!("Signed in as <strong>{name}</strong>")), "{}", page.text());
    browser
}

/// The secret that a page shows.
fn secret(page: &str) -> String {
    page.split("<code id=\"secret\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn ann_makes_a_token_copies_it_once_uses_it_and_revokes_it() {
    let registry = registry().await;
    let ann = registry.user("ann", &["npm:*:*:*"]).await;
    let mut browser = signed_in(&registry, "ann").await;
    let fields = [("label", "laptop <b>"), ("days", "30"), ("read_only", "yes")];
    let made = browser.submit(TOKENS, &fields).await.expect(200);
    let token = secret(&made.text());
    assert!(made.text().contains("laptop &lt;b&gt;"));
    assert_eq!(made.header("cache-control"), "private, no-store");

    let client = registry.actor("/npm").with_token(&token);
    client.get("/-/whoami").await.expect(200);
    let page = browser.open(PAGE).await.expect(200).text();
    assert!(!page.contains(&token), "the secret is shown once");
    assert!(!page.contains(&ann.token) && page.contains(&ann.token[..8]), "tokens made elsewhere are listed");

    // The newest token is the first.
    let page = browser.submit(REVOKE, &[]).await.expect(200).text();
    assert!(!page.contains("laptop"), "{page}");
    client.get("/-/whoami").await.expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_limited_as_the_form_says_and_never_allows_more_than_its_user() {
    let registry = registry().await;
    registry.user("ann", &["npm:package:@a/*:write"]).await;
    let mut browser = signed_in(&registry, "ann").await;
    let wrong = [
        ([("label", " "), ("days", "30"), ("scopes", "")], "Write a name for the token"),
        ([("label", "x"), ("days", "0"), ("scopes", "")], "Choose after how many days"),
        ([("label", "x"), ("days", "7"), ("scopes", "npm:package:*:write")], "allows more than you may do"),
        ([("label", "x"), ("days", "7"), ("scopes", "nonsense")], "nonsense"),
    ];
    for (fields, sentence) in wrong {
        let page = browser.submit(TOKENS, &fields).await.expect(422).text();
        assert!(page.contains(sentence) && !page.contains("id=\"secret\""), "{fields:?}: {page}");
    }
    let fields = [("label", "x"), ("days", "7"), ("networks", "nowhere")];
    assert!(browser.submit(TOKENS, &fields).await.expect(422).text().contains("is not a network"));
    let fields = [("label", "far"), ("days", "never"), ("networks", "192.0.2.0/24\r\n\r\n198.51.100.7")];
    let far = secret(&browser.submit(TOKENS, &fields).await.expect(200).text());
    let sentence = registry.actor("/npm").with_token(&far).get("/-/whoami").await.expect(401).text();
    assert!(sentence.contains("may not be used from this network address"), "{sentence}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_are_refused_without_a_window_of_the_browser_and_are_slowed_down() {
    let registry = registry().await;
    registry.user("ann", &[]).await;
    let mut browser = Browser::at(registry.url(""));
    browser.open(PAGE).await.expect(200);
    let page = browser.submit(SIGN_IN, &[("name", "ann"), ("password", "wrong")]).await.expect(403);
    assert!(page.headers.get("www-authenticate").is_none());
    assert!(page.text().contains("The user name or password is wrong"), "{}", page.text());
    let mut last = 403;
    for attempt in 0..60 {
        let password = format!("wrong {attempt}");
        let answer = browser.submit(SIGN_IN, &[("name", "ann"), ("password", &password)]).await;
        last = answer.status.as_u16();
        if last == 429 {
            answer.header("retry-after").parse::<u32>().unwrap();
            break;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_changes_nothing() {
    let registry = registry().await;
    registry.user("ann", &["npm:*:*:*"]).await;
    let mut browser = signed_in(&registry, "ann").await;
    let proof = browser.hidden(TOKENS)[0].1.clone();
    let fields = [("label", "stolen"), ("days", "30")];
    let from =
        |site: &str| HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), site.parse().unwrap())]);
    let mut stranger = Browser::at(registry.url(""));
    stranger.open(PAGE).await;
    let strangers = stranger.hidden(SIGN_IN)[0].1.clone();
    let forged: [(&str, HeaderMap); 4] = [
        ("", HeaderMap::new()),
        (&strangers, HeaderMap::new()),
        (&proof, from("cross-site")),
        (
            &proof,
            HeaderMap::from_iter([("origin".parse().unwrap(), "https://evil.example.com".parse().unwrap())]),
        ),
    ];
    for (form, headers) in forged {
        for action in [TOKENS, REVOKE, SIGN_OUT] {
            let fields = fields.iter().copied().chain([("form", form)]);
            let answer = browser.post(action, fields, headers.clone()).await.expect(403);
            assert!(answer.text().contains("nothing was changed"), "{action}: {}", answer.text());
        }
    }
    // A visitor cannot be signed in to the account of somebody else by another site either.
    let mut visitor = Browser::at(registry.url(""));
    let known = [("name", "ann"), ("password", "password of ann")];
    visitor.post(SIGN_IN, known, HeaderMap::new()).await.expect(403);
    visitor.open(PAGE).await;
    visitor
        .post(SIGN_IN, known.into_iter().chain([("form", &*strangers)]), HeaderMap::new())
        .await
        .expect(403);
    let page = browser.open(PAGE).await.expect(200).text();
    assert!(page.contains("Signed in as <strong>ann</strong>") && !page.contains("stolen"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_another_password_and_a_removed_user_end_a_session() {
    let registry = registry().await;
    registry.user("ann", &["npm:*:*:*"]).await;
    let mut browser = signed_in(&registry, "ann").await;
    let (mut thief, mut late) = (browser.copy(), browser.copy());
    let page = browser.submit(SIGN_OUT, &[]).await.expect(200).text();
    assert!(page.contains("<h1>Sign in</h1>"), "{page}");
    assert!(thief.open(PAGE).await.expect(200).text().contains("<h1>Sign in</h1>"));
    let answer = late.submit(TOKENS, &[("label", "x"), ("days", "7")]).await.expect(403);
    assert!(answer.text().contains("You were signed out, and nothing was changed"), "{}", answer.text());

    let mut browser = signed_in(&registry, "ann").await;
    run(registry.home(), &["user", "passwd", "ann", "--password-stdin"], "another password\n").await;
    loop {
        // The host reads users again within a second.
        if browser.open(PAGE).await.expect(200).text().contains("<h1>Sign in</h1>") {
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_shown_alone_loads_nothing_and_is_cached_nowhere() {
    let registry = registry().await;
    let mut browser = Browser::at(registry.url(""));
    let page = browser.open(PAGE).await.expect(200);
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains("sandbox"), "{policy}");
    let nonce = policy.split("'nonce-").nth(1).unwrap().split('\'').next().unwrap();
    assert!(page.text().contains(&format!("<style nonce=\"{nonce}\">")));
    assert_eq!(page.header("cache-control"), "private, no-store");
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert!(page.header("set-cookie").contains("HttpOnly; SameSite=Lax"));
    let nothing = registry.actor("");
    nothing.get("/-/packhouse/account/").await.expect(200);
    nothing.get("/-/packhouse/account/tokens").await.expect(405);
    nothing.get("/-/packhouse/account/other").await.expect(404);
    nothing.get("/-/packhouse/accounts").await.expect(404);
    nothing.delete(PAGE).await.expect(405);
    let large = "x".repeat(20 << 10);
    browser.post(SIGN_IN, [("name", &*large)], HeaderMap::new()).await.expect(413);
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_tls_the_cookies_are_those_of_this_host_alone() {
    let options = Options::npm();
    let options = options.server("public_url = \"https://registry.example.com\"\n");
    let registry = Registry::start(options).await;
    let page = registry.actor("").get(PAGE).await.expect(200);
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-packhouse-visitor=") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_can_be_switched_off() {
    let options = Options::npm().auth("[auth.account]\nenabled = false\n");
    let registry = Registry::start(options).await;
    let sentence = registry.actor("").get(PAGE).await.expect(404).text();
    assert!(sentence.contains("[auth.account] `enabled`"), "{sentence}");
}
