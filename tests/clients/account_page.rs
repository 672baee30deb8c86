//! The account page in Chromium, with and without scripts.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::webdriver::Chromium;
use packhouse_tests::{Options, Registry};

const PAGE: &str = "/-/packhouse/account";

async fn registry() -> Registry {
    Registry::start(Options::npm().anonymous(&[])).await
}

async fn sign_in(browser: &Chromium, registry: &Registry) {
    browser.open(&registry.url(PAGE)).await;
    browser.find("#name").await.fill("ann").await;
    browser.find("#password").await.fill("password of ann").await;
    browser.find("form button").await.press().await;
    assert!(browser.text().await.contains("Signed in as ann"), "{}", browser.text().await);
}

async fn story(scripts: bool) {
    let registry = registry().await;
    registry.user("ann", &["npm:*:*:*"]).await;
    let Some(browser) = Chromium::start(scripts).await else { return };
    browser.open(&registry.url(PAGE)).await;
    browser.find("#name").await.fill("ann").await;
    browser.find("#password").await.fill("wrong").await;
    browser.find("form button").await.press().await;
    assert!(browser.text().await.contains("The user name or password is wrong"));
    // The browser used the style of the page, as its policy allows.
    assert_eq!(browser.find(".problem").await.style("border-left-style").await, "solid");

    sign_in(&browser, &registry).await;
    assert_eq!(browser.address().await, registry.url(PAGE));
    browser.find("#label").await.fill("laptop").await;
    browser.find("form[action$=tokens] button").await.press().await;
    let secret = browser.find("#secret").await.text().await;
    let client = registry.actor("/npm").with_token(&secret);
    client.get("/-/whoami").await.expect(200);

    browser.open(&registry.url(PAGE)).await;
    let text = browser.text().await;
    assert!(text.contains("laptop") && !text.contains(&secret), "{text}");
    browser.find("form[action$=revoke] button").await.press().await;
    assert!(!browser.text().await.contains("laptop"));
    client.get("/-/whoami").await.expect(401);

    browser.find("header button").await.press().await;
    assert!(browser.text().await.contains("Sign in"));
    browser.open(&registry.url(PAGE)).await;
    assert!(!browser.text().await.contains("Signed in as"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ann_manages_her_tokens_in_a_browser() {
    story(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ann_manages_her_tokens_in_a_browser_without_scripts() {
    story(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_send_a_form_in_anns_name() {
    let registry = registry().await;
    registry.user("ann", &["npm:*:*:*"]).await;
    let Some(browser) = Chromium::start(true).await else { return };
    sign_in(&browser, &registry).await;
    let form = format!(
        "<form method=post action='{}'><input name=label value=stolen><input name=days value=7>\
         <button>Win a prize</button></form>",
        registry.url("/-/packhouse/account/tokens")
    );
    browser.open(&format!("data:text/html,{}", form.replace('<', "%3C").replace('>', "%3E"))).await;
    browser.find("button").await.press().await;
    let text = browser.text().await;
    assert!(text.contains("nothing was changed"), "{text}");
    browser.open(&registry.url(PAGE)).await;
    let text = browser.text().await;
    assert!(text.contains("Signed in as ann") && !text.contains("stolen"), "{text}");
}
