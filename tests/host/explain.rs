//! `packhouse auth explain` says what requests are answered, and what groups do for their members.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::Package;
use packhouse_tests::{Actor, Options, Registry, wait};
use std::sync::atomic::{AtomicU32, Ordering};

/// What the first line of an explanation says of a status.
fn word(status: u16) -> &'static str {
    match status {
        401 => "sign in (401)",
        403 => "forbidden (403)",
        _ => "allowed",
    }
}

/// The status of a request that needs this action. One that is allowed may fail for another reason.
async fn status_of(by: &Actor, name: &str, action: &str, patch: &AtomicU32) -> u16 {
    let package = Package::new(name, &format!("1.0.{}", patch.fetch_add(1, Ordering::Relaxed)));
    let answer = match action {
        "read" => by.get(&package.path()).await,
        "write" => by.put(&package.path(), &package.publish()).await,
        _ => by.delete(&format!("{}/-rev/0-0", package.path())).await,
    };
    answer.status.as_u16()
}

#[tokio::test]
async fn what_is_explained_is_what_requests_are_answered() {
    let registry = Registry::start(Options::npm().anonymous(&["npm:package:open-*:read"])).await;
    let publisher = registry.publisher().await;
    let ann = registry.user("ann", &["npm:package:*:write", "!npm:package:secret:read"]).await;
    let bob = registry.user("bob", &["npm:package:owned:write"]).await;
    let eve = registry.user("eve", &["npm:package:secret:read", "!npm:package:open-one:delete"]).await;
    let of_bob = registry.actor("/npm").with_token(&bob.token);
    for (by, name) in [(&publisher, "open-one"), (&publisher, "secret"), (&of_bob, "owned")] {
        let package = Package::new(name, "1.0.0");
        by.put(&package.path(), &package.publish()).await.expect(201);
    }
    registry.order(&["user", "grant", "bob", "npm:package:owned:write", "--remove"]).await.expect(0);
    let nobody = registry.actor("/npm");
    let mut callers = vec![("anonymous", None, nobody.clone())];
    for user in [&ann, &bob, &eve] {
        callers.push((&user.name, None, nobody.clone().with_password(&user.name, &user.password)));
    }
    for (user, limits) in [
        (&ann, &["--read-only"][..]),
        (&ann, &["--scope", "npm:package:open-one:write"]),
        (&bob, &["--read-only"]),
        (&eve, &["--scope", "npm:package:secret:read"]),
    ] {
        let order = [&["token", "create", &user.name, "--label", "narrow"], limits].concat();
        let secret = registry.order(&order).await.expect(0);
        let listed = registry.order(&["token", "list", &user.name]).await.expect(0);
        let id = listed.lines().last().unwrap().split('\t').next().unwrap().to_owned();
        callers.push((&user.name, Some(id), nobody.clone().with_token(secret.trim())));
    }
    // The removed grant has no effect any more.
    wait::until("bob cannot read", || async { (of_bob.get("/owned").await.status == 403).then_some(()) })
        .await;
    let patch = AtomicU32::new(1);
    let mut seen = std::collections::BTreeSet::new();
    for (user, token, by) in &callers {
        for name in ["open-one", "secret", "owned", "missing"] {
            for action in ["read", "delete", "write"] {
                let status = status_of(by, name, action, &patch).await;
                let scope = format!("npm:package:{name}:{action}");
                let mut order = vec!["auth", "explain", user, &scope];
                if let Some(token) = token {
                    order.extend(["--token", token]);
                }
                let told = registry.order(&order).await.expect(0);
                let first = told.split('\t').next().unwrap();
                assert_eq!(first, word(status), "{user} {token:?} {scope}: {status}: {told}");
                seen.insert(first.to_owned());
            }
        }
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[tokio::test]
async fn a_change_of_a_group_is_effective_on_two_processes_within_a_second() {
    let groups = "[auth.groups]\nrelease = [\"!npm:package:frozen:write\"]\n";
    let registry = Registry::start(Options::npm().server("hosts = \"many\"\n").auth(groups)).await;
    let second = registry.second_process().await;
    let ann = registry.user("ann", &[]).await;
    let processes = [&registry, &second].map(|process| process.actor("/npm").with_token(&ann.token));
    let patch = AtomicU32::new(1);
    // Ann owns none of these.
    let publisher = registry.publisher().await;
    for name in ["demo", "other"] {
        assert_eq!(status_of(&publisher, name, "write", &patch).await, 201);
    }
    registry.order(&["group", "add", "release", "--grant", "npm:package:*:write"]).await.expect(0);
    for (order, name, expected) in [
        (&["group", "member", "release", "ann"][..], "demo", 201),
        (&["group", "grant", "release", "!npm:package:demo:write"], "demo", 403),
        (&["group", "grant", "release", "!npm:package:demo:write", "--remove"], "demo", 201),
        (&["group", "member", "release", "ann", "--remove"], "demo", 403),
        (&["group", "member", "release", "ann"], "other", 201),
        (&["group", "remove", "release"], "other", 403),
    ] {
        let before = if expected == 201 { 403 } else { 201 };
        for by in &processes {
            assert_eq!(status_of(by, name, "write", &patch).await, before, "before {order:?}");
        }
        registry.order(order).await.expect(0);
        for by in &processes {
            wait::until("the change is effective", || async {
                (status_of(by, name, "write", &patch).await == expected).then_some(())
            })
            .await;
        }
        for by in &processes {
            assert_eq!(status_of(by, name, "write", &patch).await, expected, "for good after {order:?}");
        }
    }
    registry.order(&["group", "member", "release", "ann"]).await.expect(0);
    for by in &processes {
        wait::until("the configuration denies it", || async {
            let told = by.put("/frozen", &Package::new("frozen", "1.0.0").publish()).await.text();
            told.contains("a rule of this account denies npm:package:frozen:write").then_some(())
        })
        .await;
    }
    let told = registry.order(&["auth", "explain", "ann", "npm:package:frozen:write"]).await.expect(0);
    assert!(told.contains("decides\t!npm:package:frozen:write\t[auth.groups] release"), "{told}");
    let listed = registry.order(&["group", "list"]).await.expect(0);
    assert_eq!(listed.trim_end(), "release\t-\t!npm:package:frozen:write\tann");
}
