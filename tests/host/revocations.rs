//! What was revoked while a client still sends its request changes nothing.
#![allow(clippy::panic, clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::accounts::{User, run};
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::sockets::{connect_from, exchange, status};
use packhouse_tests::{Options, Registry, wait};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

/// Pieces in which the second half is sent, and the time between two of them.
const PIECES: usize = 25;
const PACE: Duration = Duration::from_millis(100);

/// Sends half of a publish request, runs this command, and sends the rest; the status.
async fn publish_around(registry: &Registry, user: &User, package: &Package, command: &[&str]) -> u16 {
    let body = package.publish().to_string();
    let (first, second) = body.as_bytes().split_at(body.len() / 2);
    let mut socket = connect_from(&registry.address(), 1).await;
    let head = format!(
        "PUT /npm{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        package.path(),
        user.token,
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(first).await.unwrap();
    run(registry.home(), command, "").await;
    let mut clock = tokio::time::interval(PACE);
    for piece in second.chunks(second.len().div_ceil(PIECES)) {
        clock.tick().await;
        // The registry may have answered.
        let _ = socket.write_all(piece).await;
    }
    status(&exchange(&mut socket, "").await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_whose_publisher_lost_the_permission_meanwhile_is_not_published() {
    let registry = Registry::start(Options::npm()).await;
    let grant = "npm:package:*:write";
    for (name, how) in [("ann", "nothing"), ("bob", "token"), ("eve", "user"), ("joe", "grant")] {
        let user = registry.user(name, &[grant]).await;
        let package = Package::new(&format!("of-{name}"), "1.0.0").file("data.bin", noise(7, 600_000));
        let listed = run(registry.home(), &["token", "list", name], "").await;
        let id = listed.split('\t').next().unwrap();
        let command: &[&str] = match how {
            "token" => &["token", "revoke", id],
            "user" => &["user", "remove", name],
            "grant" => &["user", "grant", name, grant, "--remove"],
            _ => &["token", "list"],
        };
        let answered = publish_around(&registry, &user, &package, command).await;
        let anybody = registry.actor("/npm");
        if how == "nothing" {
            assert_eq!(answered, 201);
            anybody.get(&package.path()).await.expect(200);
            continue;
        }
        assert!([401, 403].contains(&answered), "{how}: {answered}");
        anybody.get(&package.path()).await.expect(404);
        assert!(!registry.keys().contains(&package.tarball_key()), "{how}: {:?}", registry.keys());
    }
}

/// The client sends the rest as soon as the sign-out is answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_the_uploads_that_are_under_way_at_once() {
    let registry = Registry::start(Options::mounts("[mount.npm]\ngrants = [\"login\"]\n")).await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let package = Package::new("late", "1.0.0").file("data.bin", noise(7, 600_000));
    let body = package.publish().to_string();
    let (first, second) = body.as_bytes().split_at(body.len() / 2);
    let mut socket = connect_from(&registry.address(), 1).await;
    let head = format!(
        "PUT /npm{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\nconnection: close\r\n\r\n",
        package.path(),
        user.token,
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(first).await.unwrap();
    let ann = registry.actor("/npm").with_token(&user.token);
    ann.delete(&format!("/-/user/token/{}", user.token)).await.expect(200);
    let _ = socket.write_all(second).await;
    let answered = status(&exchange(&mut socket, "").await);
    assert!([401, 403].contains(&answered), "{answered}");
    registry.actor("/npm").get(&package.path()).await.expect(404);
    assert!(!registry.keys().contains(&package.tarball_key()), "{:?}", registry.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_the_place_of_the_user_database_is_503_until_the_server_is_restarted() {
    let mut registry = Registry::start(Options::npm()).await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let users = registry.home().path().join("users/packhouse.sqlite");
    let copy = users.with_extension("copy");
    // At the end of the server everything is in the one file.
    registry.terminate().await;
    std::fs::copy(&users, &copy).unwrap();
    registry.start_again().await;
    let ann = registry.actor("/npm").with_token(&user.token);
    ann.get("/-/whoami").await.expect(200);
    std::fs::rename(&copy, &users).unwrap();
    wait::until("that the copy is noticed", || async {
        (ann.get("/-/whoami").await.status == 503).then_some(())
    })
    .await;
    registry.actor("").get("/readyz").await.expect(503);
    let logs = registry.logs();
    assert!(logs.contains("restored copy") && logs.contains("restart the server"), "{logs}");
    registry.restart().await;
    registry.actor("").get("/readyz").await.expect(200);
}
