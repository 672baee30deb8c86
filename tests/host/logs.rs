//! Logs and lists as an administrator reads them in a terminal: bounded, without anything
//! that a terminal obeys, and without secrets.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::{Options, Registry, wait};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Sends a request as raw bytes, and returns what the log got from it.
async fn logged(registry: &Registry, method: &str, path: &str, headers: &str) -> String {
    let before = registry.logs().len();
    let mut stream = TcpStream::connect(registry.address()).await.expect("it listens");
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: a.example.com\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("an answer");
    wait::until("the line of the request", || {
        let logs = registry.logs();
        let new = logs.get(before..).unwrap_or_default().to_owned();
        std::future::ready(new.contains("duration_ms").then_some(new))
    })
    .await
}

fn is_terminal_safe(text: &str) -> bool {
    !text.chars().any(|c| {
        c != '\n' && (c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'))
    })
}

#[tokio::test]
async fn a_line_is_short_and_harmless_whatever_the_client_sends() {
    for format in ["text", "json"] {
        let registry = Registry::start(Options::npm().environment("PACKHOUSE_LOG_FORMAT", format)).await;
        let long = "x".repeat(50_000);
        for path in [
            format!("/npm/{long}"),
            format!("/npm/{}", "\u{202e}".repeat(10_000)),
            "/npm/a\u{202e}gpj.exe".to_owned(),
            "/nowhere/\u{9b}31m".to_owned(),
        ] {
            let new = logged(&registry, "GET", &path, "").await;
            assert!(new.len() < 4_000, "{} bytes: {new}", new.len());
            assert!(is_terminal_safe(&new), "{new:?}");
            if format == "json" {
                new.lines().for_each(|line| drop(serde_json::from_str::<Value>(line).expect("JSON")));
            }
        }
        let method = "M".repeat(20_000);
        let new = logged(&registry, &method, "/npm/a", "").await;
        assert!(new.len() < 4_000, "{} bytes", new.len());
    }
}

#[tokio::test]
async fn a_secret_in_a_path_is_not_logged_however_it_is_encoded() {
    for format in ["text", "json"] {
        let registry = Registry::start(Options::npm().environment("PACKHOUSE_LOG_FORMAT", format)).await;
        let user = registry.user("ann", &["npm:package:*:write"]).await;
        // The group that stays as it is in every spelling.
        let last = user.token.rsplit('-').next().expect("a UUID").to_owned();
        let first = format!("%{:02x}{}", user.token.as_bytes()[0], &user.token[1..]);
        let hyphen = user.token.replacen('-', "%2D", 1);
        let twice = user.token.replacen('-', "%252D", 1);
        for spelled in [user.token.as_str(), &first, &hyphen, &twice, &format!("npm_{hyphen}")] {
            for method in ["DELETE", "GET"] {
                let path = format!("/npm/-/user/token/{spelled}?key={spelled}");
                let referer = format!("Referer: http://a.example.com/{spelled}\r\nCookie: t={spelled}\r\n");
                logged(&registry, method, &path, &referer).await;
            }
        }
        let logs = registry.logs();
        assert!(!logs.contains(&last), "{logs}");
        assert!(logs.contains("/npm/-/user/token/…") || logs.contains("/npm/-/user/token/\\u2026"), "{logs}");
    }
}

#[tokio::test]
async fn the_list_of_tokens_shows_a_label_as_text() {
    let registry = Registry::start(Options::npm()).await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let ann = registry.actor("/npm").with_password(&user.name, &user.password);
    let label = "safe\u{202e}gpj";
    let body = json!({ "password": user.password, "readonly": true, "cidr_whitelist": [], "name": label });
    ann.post("/-/npm/v1/tokens", &body).await.expect(201);
    let listed = registry.order(&["token", "list"]).await.expect(0);
    assert!(listed.contains("safe\\u{202e}gpj"), "{listed}");
    assert!(!listed.contains('\u{202e}'), "{listed}");
}

#[tokio::test]
async fn what_maintenance_says_of_a_key_is_harmless() {
    let mounts = "[mount.caretaker]\n[maintenance]\ngc = \"off\"\n";
    let registry = Registry::start(Options::mounts(mounts).plugin("caretaker")).await;
    let folder = registry.home().objects().join("caretaker/names");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("a\u{202e}gpj.exe"), b"x").expect("a file");
    for order in ["verify", "gc"] {
        let ended = registry.order(&[order]).await;
        let said = format!("{}{}", ended.stdout, ended.stderr);
        assert!(is_terminal_safe(&said), "{said:?}");
        assert!(order == "gc" || said.contains("a\\u{202e}gpj.exe"), "{said}");
    }
}

#[tokio::test]
async fn a_host_logs_the_plugins_that_it_loads_and_a_command_does_not() {
    let registry = Registry::npm().await;
    registry.publisher().await;
    assert!(registry.logs().contains("generation 1 of plugin npm is loaded"), "{}", registry.logs());
    let mut command = tokio::process::Command::new(packhouse_tests::program());
    command.args(["--config", "registry.toml", "user", "grant", "publisher", "npm:package:demo:read"]);
    let ended = command.current_dir(registry.home().path()).output().await.expect("it starts");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{said}");
    assert!(said.contains("A running server follows within a second."), "{said}");
    assert!(!said.contains("is loaded"), "{said}");
}
