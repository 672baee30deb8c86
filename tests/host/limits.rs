//! What one client, or a slow one, may take of what belongs to all: memory, places,
//! connections, open files, time. Every limit is far below its default here.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use futures_util::future::join_all;
use http_body_util::BodyExt;
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::sockets::{
    connect_from, connect_slowly, exchange, get, get_http2, http2, read_slowly, status,
};
use packhouse_tests::{Options, Registry, wait};
use serde_json::json;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MEBIBYTE: u64 = 1 << 20;

/// Publishes a package whose packument has about so many bytes, and gives its address.
async fn large_packument(registry: &Registry, bytes: usize) -> String {
    let publisher = registry.publisher().await;
    let mut text = String::new();
    for byte in noise(3, bytes / 2) {
        write!(text, "{byte:02x}").unwrap();
    }
    let package = Package::new("large", "1.0.0").field("description", json!(text));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    "/npm/large".to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_use_one_clients_share_of_the_memory() {
    let limits = "max_requests = 8\nmax_reply = \"4MiB\"\nreply_memory = \"16MiB\"\nqueue_timeout = \"1s\"\nidle_timeout = \"4s\"";
    let registry = Registry::start(Options::npm().limits(limits)).await;
    let path = large_packument(&registry, 700_000).await;
    let before = registry.peak_memory();

    let mut greedy = http2(connect_from(&registry.address(), 1).await, 0).await;
    let stalled = join_all((0..150).map(|_| {
        let (mut greedy, path) = (greedy.clone(), path.clone());
        async move { get_http2(&mut greedy, &path).await }
    }))
    .await;
    let answered = |code: u16| {
        stalled
            .iter()
            .filter(|answer| answer.as_ref().is_ok_and(|(status, _)| status.as_u16() == code))
            .count()
    };
    assert!(answered(200) >= 5 && answered(503) >= 100, "{} of 200, {} of 503", answered(200), answered(503));
    let after = registry.peak_memory();
    assert!(after - before < 64 * MEBIBYTE, "{} MiB more", (after - before) / MEBIBYTE);

    let mut other = connect_from(&registry.address(), 2).await;
    assert_eq!(status(&get(&mut other, &path).await), 200, "somebody else has a share of their own");

    // A stream that is taken goes on while those that are not are reset.
    let ends = stalled.into_iter().filter_map(Result::ok).filter(|(code, _)| code.as_u16() == 200);
    let ends = join_all(ends.map(|(_, body)| body.collect())).await;
    assert!(ends.iter().all(Result::is_err), "the streams were reset, and their clients were told");
    let (code, _) = get_http2(&mut greedy, "/healthz").await.expect("the connection is still there");
    assert_eq!(code, 200);
    wait::until("that the memory is free again", || async {
        let mut same = connect_from(&registry.address(), 1).await;
        (status(&get(&mut same, &path).await) == 200).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_not_taken_keep_no_place_of_other_clients() {
    let limits = "max_requests = 2\nqueue_timeout = \"1s\"\nidle_timeout = \"60s\"";
    let registry = Registry::start(Options::npm().limits(limits)).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 8_000_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let path = format!("/npm{}", package.tarball_path());

    let mut greedy = Vec::new();
    for _ in 0..30 {
        let mut socket = connect_slowly(&registry.address(), 1).await;
        socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        socket.readable().await.unwrap();
        greedy.push(socket);
    }
    let mut other = connect_from(&registry.address(), 2).await;
    let answer = get(&mut other, "/npm/demo").await;
    assert_eq!(status(&answer), 200, "{answer}");
}

fn half_a_login() -> String {
    "PUT /npm/-/user/org.couchdb.user:ann HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
     content-length: 200\r\n\r\n{\"name\":"
        .to_owned()
}

async fn send_halves(registry: &Registry, count: usize, text: &str) -> Vec<TcpStream> {
    let mut halves = Vec::new();
    for _ in 0..count {
        let mut socket = connect_from(&registry.address(), 1).await;
        socket.write_all(text.as_bytes()).await.unwrap();
        halves.push(socket);
    }
    halves
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_forms_stop_nobody_and_end() {
    let limits = "max_requests = 4\nqueue_timeout = \"1s\"\nheader_timeout = \"5s\"";
    let registry = Registry::start(Options::npm().limits(limits)).await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let started = Instant::now();
    let mut halves = send_halves(&registry, 100, &half_a_login()).await;

    // Not even somebody at the same address.
    let body = json!({"name": user.name, "password": user.password}).to_string();
    let login = format!(
        "PUT /npm/-/user/org.couchdb.user:ann HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut same = connect_from(&registry.address(), 1).await;
    let answer = exchange(&mut same, &login).await;
    assert_eq!(status(&answer), 201, "{answer}");
    let publisher = registry.actor("/npm").with_token(&user.token);
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 200_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    assert!(started.elapsed() < Duration::from_secs(5), "while the forms are half-sent");

    let mut answer = vec![0; 4096];
    let read = halves[0].read(&mut answer).await.unwrap();
    assert_eq!(status(&String::from_utf8_lossy(&answer[..read])), 408);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_sent_uploads_of_strangers_leave_places_to_users_and_end() {
    let limits = "max_requests = 8\nqueue_timeout = \"1s\"\nanonymous_upload = \"4s\"\nmin_rate = \"0B\"";
    let anybody = ["*:*:*:read", "npm:package:*:write"];
    let registry = Registry::start(Options::npm().limits(limits).anonymous(&anybody)).await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let half = "PUT /npm/demo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 1000000\r\n\r\n{\"name\":";
    let mut halves = send_halves(&registry, 30, half).await;
    let started = Instant::now();
    let publisher = registry.actor("/npm").with_token(&user.token);
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 200_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    assert!(started.elapsed() < Duration::from_secs(4), "while the uploads are half-sent");
    for half in &mut halves {
        let mut answer = Vec::new();
        let _ = half.read_to_end(&mut answer).await;
    }
    assert!(started.elapsed() < Duration::from_secs(30), "all of them ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_sockets_keep_no_new_client_out() {
    let registry = Registry::start(Options::npm().limits("max_connections = 10")).await;
    let mut idle = Vec::new();
    for _ in 0..10 {
        idle.push(connect_from(&registry.address(), 1).await);
    }
    for last in [2, 1] {
        let started = Instant::now();
        let mut new = connect_from(&registry.address(), last).await;
        assert_eq!(status(&get(&mut new, "/healthz").await), 200);
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_as_slow_as_a_modem_is_served_and_a_slower_one_is_not() {
    let limits = "idle_timeout = \"3s\"\nmin_rate = \"2KB\"";
    let registry = Registry::start(Options::npm().limits(limits)).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 400_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let size = package.tarball().len();
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    let ask = ask(&format!("/npm{}", package.tarball_path()));

    let mut modem = connect_slowly(&registry.address(), 1).await;
    modem.write_all(ask.as_bytes()).await.unwrap();
    let read = read_slowly(&mut modem, 7_000, Duration::from_millis(200)).await;
    assert!(read > size, "five modems' pace: {read} of {size} bytes");

    let mut slower = connect_slowly(&registry.address(), 1).await;
    slower.write_all(ask.as_bytes()).await.unwrap();
    let slowly = read_slowly(&mut slower, 100, Duration::from_millis(200));
    assert!(tokio::time::timeout(Duration::from_secs(12), slowly).await.is_err(), "the kernel has some left");
    let mut rest = Vec::new();
    let _ = slower.read_to_end(&mut rest).await;
    assert!(rest.len() + 100_000 < size, "what the host had not sent by then never comes: {}", rest.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_trickles_is_given_up() {
    let limits = "idle_timeout = \"2s\"\nmin_rate = \"1KB\"";
    let registry = Registry::start(Options::npm().limits(limits)).await;
    let user = registry.user("ann", &["npm:package:*:write"]).await;
    let mut socket = connect_from(&registry.address(), 1).await;
    let head = format!(
        "PUT /npm/demo HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: 1000000\r\n\r\n",
        user.token
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let (mut answers, mut pieces) = socket.split();
    let trickle = async {
        let mut clock = tokio::time::interval(Duration::from_millis(100));
        while pieces.write_all(b" ").await.is_ok() {
            clock.tick().await;
        }
    };
    let mut answer = Vec::new();
    let ended = async {
        tokio::select! {
            _ = answers.read_to_end(&mut answer) => {}
            () = trickle => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("a byte now and then is not enough");
}
