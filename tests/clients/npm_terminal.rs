//! What npm asks a person at a terminal: the login, and the password for a new token.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Client, Kind, Project};
use packhouse_tests::npm::Package;
use packhouse_tests::terminal::Terminal;
use packhouse_tests::{Registry, User};
use serde_json::{Value, json};

struct Desk {
    registry: Registry,
    npm: Client,
    user: User,
    folder: Project,
}

/// Somebody with name and password, not signed in; none when npm is missing.
async fn desk() -> Option<Desk> {
    let registry = Registry::npm().await;
    let user = registry.user("ada", &["npm:package:*:write"]).await;
    let npm = Client::find(Kind::Npm, &registry.url("/npm"), None)?;
    let folder = npm.project("anywhere", &json!({"name": "anywhere", "version": "1.0.0", "private": true}));
    Some(Desk { registry, npm, user, folder })
}

impl Desk {
    fn login(&self, how: &[&str], password: &str) -> Terminal {
        let mut terminal = Terminal::run(self.npm.on_terminal(&self.folder, &[&["login"], how].concat()));
        terminal.answer("Username:", &self.user.name);
        terminal.answer("Password:", password);
        terminal
    }

    async fn npm(&self, arguments: &[&str]) -> String {
        self.npm.run(&self.folder, arguments).await.ok()
    }

    async fn tokens(&self) -> Vec<Value> {
        let told = self.npm(&["token", "list", "--json"]).await;
        let list: Value =
            serde_json::from_str(&told).unwrap_or_else(|_| panic!("`npm token list` said {told}"));
        list.as_array().cloned().unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_name_and_password_signs_in() {
    let Some(desk) = desk().await else { return };
    let shown = desk.login(&["--auth-type=legacy"], &desk.user.password).end();
    assert!(shown.contains("Logged in"), "{shown}");
    assert_eq!(desk.npm(&["whoami"]).await.trim(), desk.user.name);
    let package = desk.npm.package(&Package::new("demo", "1.0.0"));
    desk.npm.run(&package, &["publish"]).await.ok();
    desk.npm(&["logout"]).await;
    desk.npm.run(&desk.folder, &["whoami"]).await.fails();
}

/// npm tries its web login first unless told otherwise: that must lead here too.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_any_option_falls_back_to_name_and_password() {
    let Some(desk) = desk().await else { return };
    desk.login(&[], &desk.user.password).end();
    assert_eq!(desk.npm(&["whoami"]).await.trim(), desk.user.name);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_a_wrong_password_is_told_so() {
    let Some(desk) = desk().await else { return };
    let mut terminal = desk.login(&["--auth-type=legacy"], "wrong");
    terminal.expect("E401");
    drop(terminal);
    desk.npm.run(&desk.folder, &["whoami"]).await.fails();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_token_reads_and_is_refused_a_publish() {
    let Some(desk) = desk().await else { return };
    desk.login(&["--auth-type=legacy"], &desk.user.password).end();
    desk.npm.run(&desk.npm.package(&Package::new("demo", "1.0.0")), &["publish"]).await.ok();

    let token = create_token(&desk, &["--packages-all", "--packages-and-scopes-permission", "read-only"]);
    let reader = desk.registry.actor("/npm").with_token(&token);
    reader.get("/demo").await.expect(200);
    assert_eq!(reader.get("/-/whoami").await.expect(200).json()["username"], json!(desk.user.name));
    let listed = desk.tokens().await;
    assert!(listed.iter().any(|entry| entry["readonly"] == json!(true)), "{listed:?}");

    desk.npm.sign_in(Some(&token));
    let refused = desk.npm.run(&desk.npm.package(&Package::new("demo", "2.0.0")), &["publish"]).await.fails();
    assert!(refused.contains("E403"), "{refused}");
    desk.registry.actor("/npm").get("/demo/2.0.0").await.expect(404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_is_none_any_more() {
    let Some(desk) = desk().await else { return };
    desk.login(&["--auth-type=legacy"], &desk.user.password).end();
    let before = desk.tokens().await;
    let token = create_token(&desk, &[]);
    let bearer = desk.registry.actor("/npm").with_token(&token);
    bearer.get("/-/whoami").await.expect(200);

    let after = desk.tokens().await;
    let new = after.iter().find(|entry| !before.iter().any(|old| old["id"] == entry["id"]));
    let id = new.and_then(|entry| entry["id"].as_str()).unwrap_or_else(|| panic!("a new token in {after:?}"));
    let list = bearer.get("/-/npm/v1/tokens").await.expect(200);
    assert!(!list.text().contains(&token), "a list does not show secrets");
    desk.npm(&["token", "revoke", id]).await;
    bearer.get("/-/whoami").await.expect(401);
    assert_eq!(desk.tokens().await.len(), before.len());
}

/// `npm token create` at the terminal; the token that it shows. (With `--json` npm blots it out.)
fn create_token(desk: &Desk, how: &[&str]) -> String {
    let arguments = [&["token", "create", "--name", "made here"], how].concat();
    let mut terminal = Terminal::run(desk.npm.on_terminal(&desk.folder, &arguments));
    terminal.answer("password:", &desk.user.password);
    let shown = terminal.end();
    let token = shown.split_once("Created token ").and_then(|(_, rest)| rest.split_whitespace().next());
    token.unwrap_or_else(|| panic!("a token in {shown}")).to_owned()
}
