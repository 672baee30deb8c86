//! Uploads that trickle: slower than every deadline, many at once, and some that stop.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use futures_util::future::join_all;
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::races::in_full;
use packhouse_tests::slow::{self, Pace};
use packhouse_tests::{Options, Registry};
use std::time::{Duration, Instant};

/// Every deadline that there is, far below what the uploads here last.
const DEADLINES: &str =
    "guest_deadline = \"1s\"\nidle_timeout = \"2s\"\nheader_timeout = \"1s\"\nqueue_timeout = \"1s\"";

async fn registry() -> Registry {
    Registry::start(Options::npm().limits(DEADLINES)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_outlasts_every_deadline_succeeds() {
    let registry = registry().await;
    let user = registry.user("slow", &["npm:package:*:write"]).await;
    let megabytes = if in_full() { 60 } else { 4 };
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, megabytes * 1_000_000));
    let body = package.publish().to_string();

    let started = Instant::now();
    let pace = Pace::per_second(1_000_000);
    let status = slow::put(&registry.address(), "/npm/demo", &user.token, body.as_bytes(), pace).await;
    assert_eq!(
        status.map_or_else(|error| panic!("{error}\n{}", registry.logs()), |status| status.as_u16()),
        201
    );
    assert!(started.elapsed() > Duration::from_secs(4), "it was slow: {:?}", started.elapsed());
    let file = registry.actor("/npm").get(&package.tarball_path()).await.expect(200);
    assert!(file.body == package.tarball(), "the same bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_stops_is_given_up() {
    let registry = registry().await;
    let user = registry.user("stuck", &["npm:package:*:write"]).await;
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 200_000));
    let body = package.publish().to_string();
    let never = Pace { piece: body.len() / 2, every: Duration::from_hours(1) };
    let started = Instant::now();
    // Answered with an error or closed: it does not last for an hour.
    let ended =
        slow::put_until_closed(&registry.address(), "/npm/demo", &user.token, body.as_bytes(), never).await;
    assert!(started.elapsed() < Duration::from_secs(30), "after {:?}: {ended:?}", started.elapsed());
    assert_eq!(registry.keys(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_slow_uploads_do_not_stop_reads() {
    // All of them come from one address.
    let limits = format!("{DEADLINES}\nclient_share = 1.0");
    let registry = Registry::start(Options::npm().limits(&limits)).await;
    let publisher = registry.publisher().await;
    let shown = Package::new("shown", "1.0.0");
    publisher.put(&shown.path(), &shown.publish()).await.expect(201);
    let user = registry.user("slow", &["npm:package:*:write"]).await;

    let uploads = (0..200).map(|number| {
        let (address, token) = (registry.address(), user.token.clone());
        tokio::spawn(async move {
            let package =
                Package::new(&format!("slow-{number}"), "1.0.0").file("data.bin", noise(number, 20_000));
            let body = package.publish().to_string();
            let pace = Pace { piece: body.len() / 40, every: Duration::from_millis(150) };
            slow::put(&address, &format!("/npm{}", package.path()), &token, body.as_bytes(), pace).await
        })
    });
    let uploads = tokio::spawn(join_all(uploads.collect::<Vec<_>>()));

    let anybody = registry.actor("/npm");
    let (mut reads, mut slowest) = (0_u32, Duration::ZERO);
    while !uploads.is_finished() {
        let started = Instant::now();
        anybody.get("/shown").await.expect(200);
        anybody.get(&shown.tarball_path()).await.expect(200);
        slowest = slowest.max(started.elapsed());
        reads += 1;
    }
    assert!(reads > 20 && slowest < Duration::from_secs(3), "{reads} reads, the slowest took {slowest:?}");
    let uploads = uploads.await.unwrap_or_else(|error| panic!("{error}"));
    for upload in uploads {
        let status = upload.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(status.map_or_else(|error| panic!("{error}"), |status| status.as_u16()), 201);
    }
}
