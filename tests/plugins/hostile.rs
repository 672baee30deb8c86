//! A bad plugin harms one request: while each of its tricks runs, a neighbour is served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use futures_util::future::join_all;
use packhouse_tests::registry::{ADMIN_PASSWORD, files_below};
use packhouse_tests::sockets::{connect_from, get, status};
use packhouse_tests::{Actor, Answer, Options, Registry};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MOUNTS: &str = "[mount.hostile]\n[mount.objects]\n";

/// A registry with the hostile plugin and a well-behaved neighbour.
async fn registry() -> Registry {
    let options = Options::mounts(MOUNTS)
        .plugin("hostile")
        .plugin("objects")
        .limits("guest_deadline = \"1s\"\nguest_memory = \"64MiB\"\nmax_reply = \"16MiB\"\n");
    Registry::start(options).await
}

/// The same with these limits.
async fn registry_with(limits: &str) -> Registry {
    let options = Options::mounts(MOUNTS).plugin("hostile").plugin("objects").limits(limits);
    Registry::start(options).await
}

/// What a trick is answered with. While it runs, and once more after it, a neighbour
/// answers every time.
async fn try_it(registry: &Registry, path: &str) -> Answer {
    let hostile = registry.actor("/hostile").with_password("admin", ADMIN_PASSWORD);
    let neighbour = registry.actor("/objects");
    let answered = tokio::select! {
        answer = hostile.get(path) => answer,
        () = keep_asking(&neighbour) => unreachable!("the neighbour asks for ever"),
    };
    neighbour.get("/hello").await.expect(200);
    hostile.get("/well").await.expect(200);
    answered
}

async fn keep_asking(neighbour: &Actor) {
    loop {
        neighbour.get("/hello").await.expect(200);
    }
}

fn says(answer: &Answer, status: u16) -> String {
    assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
    let document = answer.json();
    assert_eq!(document["failed"], status, "the failure has the plugin's own shape");
    document["why"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_loops_ends_at_its_deadline() {
    let registry = registry().await;
    says(&try_it(&registry, "/loop").await, 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_sleeps_ends_at_its_deadline() {
    let registry = registry().await;
    says(&try_it(&registry, "/sleep").await, 504);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_takes_all_memory_is_stopped_at_its_limit() {
    let registry = registry().await;
    says(&try_it(&registry, "/memory").await, 507);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_panics_answers_500() {
    let registry = registry().await;
    says(&try_it(&registry, "/panic").await, 500);
    assert!(registry.logs().contains("it panicked"), "the log says why: {}", registry.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_recurses_without_end_answers_500() {
    let registry = registry().await;
    says(&try_it(&registry, "/recursion").await, 500);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_cannot_open_100_000_resources() {
    let registry = registry().await;
    says(&try_it(&registry, "/resources").await, 507);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_calls_the_host_for_ever_is_stopped() {
    let registry = registry().await;
    let answer = try_it(&registry, "/calls").await;
    assert!(matches!(answer.status.as_u16(), 504 | 507), "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_of_the_largest_size_is_refused_to_the_plugin() {
    let registry = registry().await;
    let hostile = registry.actor("/hostile");
    let answer = hostile.send(http::Method::PUT, "/largest-read", vec![b'x'; 4 << 20]).await;
    assert_eq!(answer.status.as_u16(), 400, "{}", answer.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_of_1_gib_is_not_gathered() {
    let registry = registry().await;
    says(&try_it(&registry, "/reply-of-1-gib").await, 507);
    assert!(resident_bytes(&registry) < 300 << 20, "the host stays small");
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_that_http_does_not_allow_become_a_500() {
    let registry = registry().await;
    for path in ["/status-99", "/status-101", "/bad-header", "/bad-header-name"] {
        let answer = try_it(&registry, path).await;
        says(&answer, 500);
        assert!(answer.headers.get("x-injected").is_none(), "nothing is smuggled in");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_reaches_no_key_but_its_own() {
    let registry = registry().await;
    let reached = try_it(&registry, "/foreign-keys").await.expect(200).json();
    assert_eq!(reached, serde_json::json!([]));
    assert_eq!(registry.keys(), Vec::<String>::new(), "nothing was written either");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_log_lines_is_cut_off_and_counted() {
    let registry = registry().await;
    try_it(&registry, "/log").await.expect(200);
    let logs = registry.logs();
    assert!(logs.matches("flood ").count() < 100, "{} lines", logs.matches("flood ").count());
    assert!(logs.contains("the plugin logged too much"), "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_credential_reaches_a_plugin_in_any_form() {
    let registry = registry().await;
    let user = registry.user("ann", &["objects:object:*:read"]).await;
    let secrets = [
        ("authorization", format!("Bearer {}", user.token)),
        ("authorization", user.token.clone()),
        ("authorization", "Basic YW5uOnNlY3JldC1wYXNzd29yZA==".to_owned()),
        ("proxy-authorization", "Basic YW5uOnNlY3JldC1wYXNzd29yZA==".to_owned()),
        ("cookie", format!("session={}", user.token)),
        ("x-api-key", user.token.clone()),
        ("x-auth-token", user.token.clone()),
        ("x-access-token", user.token.clone()),
        ("x-nuget-apikey", user.token.clone()),
        ("x-jfrog-art-api", user.token.clone()),
        ("x-gitlab-token", user.token.clone()),
        ("private-token", user.token.clone()),
        ("npm-otp", "123456".to_owned()),
    ];
    for (name, value) in secrets {
        let seen =
            registry.actor("/objects").with_header(name, &value).get("/headers").await.expect(200).json();
        let names: Vec<_> = seen.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(names.iter().all(|name| ["accept", "user-agent"].contains(name)), "{name} left {names:?}");
        assert!(!registry.logs().contains(&user.token), "no secret is logged");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_instances_together_stay_within_their_memory() {
    let registry =
        registry_with("guest_memory = \"64MiB\"\nguest_memory_total = \"128MiB\"\nqueue_timeout = \"4s\"\n")
            .await;
    let hostile = registry.actor("/hostile").with_password("admin", ADMIN_PASSWORD);
    hostile.get("/well").await.expect(200);
    let before = resident_bytes(&registry);
    let answers = join_all((0..24).map(|_| hostile.get("/hold-memory"))).await;
    let peak = registry.peak_memory();
    let served = answers.iter().filter(|answer| answer.status.as_u16() == 200).count();
    for answer in answers.iter().filter(|answer| answer.status.as_u16() != 200) {
        says(answer, 503);
        assert_ne!(answer.header("retry-after"), "", "{}", answer.text());
    }
    assert!((1..24).contains(&served), "{served} of 24 were served");
    // Beside the budget: what sockets and compiled code take.
    assert!(peak < before + ((128 + 64) << 20), "{} MiB, {} MiB before", peak >> 20, before >> 20);
    registry.actor("/objects").get("/hello").await.expect(200);
    hostile.get("/hold-memory").await.expect(200);
}

/// No looping request ends before its deadline. So if the neighbour's answers come before the first of
/// these ends, it did not share the processors with all of them.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_sends_many_requests_does_not_delay_another() {
    let registry = registry_with("guest_deadline = \"10s\"").await;
    let ended = Arc::new(AtomicUsize::new(0));
    for _ in 0..128 {
        let mut busy = connect_from(&registry.address(), 5).await;
        busy.write_all(b"GET /hostile/loop HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let ended = Arc::clone(&ended);
        tokio::spawn(async move {
            let _ = busy.read_to_end(&mut Vec::new()).await;
            ended.fetch_add(1, Ordering::Relaxed);
        });
    }
    for _ in 0..40 {
        let mut neighbour = connect_from(&registry.address(), 6).await;
        assert_eq!(status(&get(&mut neighbour, "/objects/hello").await), 200);
    }
    assert_eq!(ended.load(Ordering::Relaxed), 0, "the neighbour waited for the busy address");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_names_of_algorithms_are_not_kept() {
    let registry = registry_with("").await;
    let answer = try_it(&registry, "/algorithms").await.expect(200);
    assert_eq!(answer.text(), "true");
    assert!(registry.peak_memory() < 300 << 20, "{} MiB", registry.peak_memory() >> 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_open_writers_are_more_than_the_host_keeps() {
    let registry = registry().await;
    says(&try_it(&registry, "/writers").await, 507);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_reads_hashes_and_writes_for_a_plugin_has_a_limit() {
    let registry = registry_with("guest_work = \"64MiB\"\n").await;
    for path in [
        "/digests",
        "/digest-ranges",
        "/writing",
        "/reading",
        "/commits",
        "/unpacking",
        "/unpacking-without-limit",
    ] {
        says(&try_it(&registry, path).await, 507);
    }
    let hostile = registry.actor("/hostile").with_password("admin", ADMIN_PASSWORD);
    let answer = hostile.send(http::Method::PUT, "/finishes", vec![b'x'; 8 << 20]).await;
    says(&answer, 507);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_starts_and_opens_a_few_uploads() {
    let registry = registry().await;
    for path in ["/uploads", "/same-upload"] {
        says(&try_it(&registry, path).await, 507);
    }
    assert!(sessions(&registry) < 20, "{} sessions are open", sessions(&registry));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_few_uploads_open() {
    let registry = registry_with("max_open_uploads = 5\n").await;
    let ann = registry.user("ann", &[]).await;
    let ann = registry.actor("/hostile").with_token(&ann.token);
    for _ in 0..5 {
        ann.get("/one-upload").await.expect(201);
    }
    for _ in 0..3 {
        ann.get("/one-upload").await.expect(429);
    }
    assert_eq!(sessions(&registry), 5);
    // Those of others are counted for them.
    let bob = registry.user("bob", &[]).await;
    registry.actor("/hostile").with_token(&bob.token).get("/one-upload").await.expect(201);
    registry.actor("/hostile").get("/one-upload").await.expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_only_waits_has_an_end() {
    let registry = registry_with("request_timeout = \"1s\"\n").await;
    says(&try_it(&registry, "/dawdling").await, 504);
}

/// Upload sessions in the store.
fn sessions(registry: &Registry) -> usize {
    let keys = files_below(&registry.home().objects());
    keys.iter().filter(|key| key.starts_with(".packhouse/uploads/") && key.ends_with("/session.json")).count()
}

fn resident_bytes(registry: &Registry) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", registry.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}
