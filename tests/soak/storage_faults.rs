//! A bad line between host and bucket: late answers, cut connections, silence, and then all is
//! well again. Requests succeed or are told 503, none hangs, and what was acknowledged is there.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::{Method, StatusCode};
use packhouse_tests::engine::{Engine, Kind};
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::races::in_full;
use packhouse_tests::toxiproxy::{Proxy, Toxiproxy};
use packhouse_tests::{Actor, Answer, Backend, Options, Registry, wait};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const MOUNTS: &str = "[mount.npm]\ngrants = [\"login\"]\n[mount.objects]\n";
/// No request lasts longer, whatever the line does.
const LIMIT: Duration = Duration::from_mins(2);
const WORKERS: u64 = 4;
/// One request, several, and more than one part.
const SIZES: [usize; 3] = [2_000, 700_000, 9_500_000];

/// What one worker was told is there.
#[derive(Default)]
struct Acknowledged {
    worker: u64,
    objects: Vec<(String, u64, usize)>,
    versions: Vec<String>,
    refused: usize,
}

struct Worker {
    number: u64,
    objects: Actor,
    npm: Actor,
    told: Acknowledged,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_line_to_the_bucket_loses_nothing_and_hangs_nobody() {
    let Some(proxies) = Toxiproxy::start().await else { return };
    let Some(engine) = Engine::start(Kind::VersityGw).await else { return };
    let proxy = proxies.before(engine.port()).await;
    let backend = Backend::Engine(engine, proxy.port());
    let registry = Registry::start(Options::mounts(MOUNTS).plugin("objects").on(backend)).await;
    let user = registry.user("worker", &["npm:package:*:write", "objects:object:*:write"]).await;
    let stop = Arc::new(tokio_util::sync::CancellationToken::new());
    let mut workers = JoinSet::new();
    for number in 0..WORKERS {
        let worker = Worker {
            number,
            objects: registry.actor("/objects").with_token(&user.token),
            npm: registry.actor("/npm").with_token(&user.token),
            told: Acknowledged { worker: number, ..Acknowledged::default() },
        };
        workers.spawn(worker.work(Arc::clone(&stop)));
    }
    spoil(&proxy, &mut workers).await;
    stop.cancel();
    let told: Vec<_> = workers.join_all().await;

    let objects = registry.actor("/objects").with_token(&user.token);
    wait::until("the store to be reached again", || async {
        (objects.get("/object/none").await.status == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    let reader = registry.actor("/npm");
    for told in &told {
        let number = told.worker;
        for (path, seed, size) in &told.objects {
            let found = objects.get(path).await.expect(200);
            assert!(found.body == noise(*seed, *size), "{path}: other bytes");
        }
        let document = reader.get(&format!("/demo-{number}")).await;
        for version in &told.versions {
            assert!(document.json()["versions"][version].is_object(), "{version} is lost: {document:?}");
            let package = package(number, version);
            let file = reader.get(&package.tarball_path()).await.expect(200);
            assert!(file.body == package.tarball(), "{version}: other bytes");
        }
        assert!(!told.objects.is_empty() && !told.versions.is_empty(), "worker {number} did nothing");
    }
    let refused: usize = told.iter().map(|told| told.refused).sum();
    println!(
        "{refused} requests were told 503, {} objects are there",
        told.iter().map(|told| told.objects.len()).sum::<usize>()
    );
    assert!(!registry.logs().contains("panicked"), "{}", registry.logs());
}

/// Each kind of trouble for its time; ends early when a worker does.
async fn spoil(proxy: &Proxy, workers: &mut JoinSet<Acknowledged>) {
    let seconds = |full, sample| Duration::from_secs(if in_full() { full } else { sample });
    last(seconds(5, 2), workers).await;
    proxy.delay(Duration::from_millis(500)).await;
    last(seconds(40, 4), workers).await;
    proxy.heal().await;
    proxy.cut(0.01).await;
    proxy.break_after(21_000_000).await;
    last(seconds(60, 5), workers).await;
    proxy.heal().await;
    proxy.silence().await;
    last(seconds(30, 5), workers).await;
    proxy.heal().await;
    last(seconds(20, 3), workers).await;
}

async fn last(time: Duration, workers: &mut JoinSet<Acknowledged>) {
    if let Ok(ended) = tokio::time::timeout(time, workers.join_next()).await {
        panic!("a worker has ended: {:?}", ended.map(|ended| ended.map(|_| ())));
    }
}

impl Worker {
    async fn work(mut self, stop: Arc<tokio_util::sync::CancellationToken>) -> Acknowledged {
        let mut turn = 0;
        while !stop.is_cancelled() {
            turn += 1;
            match turn % 4 {
                0 => self.publish(turn).await,
                1 => self.read().await,
                _ => self.write(turn).await,
            }
        }
        self.told
    }

    async fn write(&mut self, turn: u64) {
        let (seed, size) =
            (self.number * 1_000_000 + turn, SIZES[usize::try_from(turn).unwrap_or(0) % SIZES.len()]);
        let path = format!("/object/{}/{turn}", self.number);
        let sent = self.objects.send(Method::PUT, &path, noise(seed, size));
        if in_time(sent).await.is_done(&[StatusCode::CREATED]) {
            self.told.objects.push((path, seed, size));
        } else {
            self.told.refused += 1;
        }
    }

    /// A body may break off after its head was sent; one that ends is the right one.
    async fn read(&mut self) {
        let Some((path, seed, size)) = self.told.objects.last() else { return };
        let read = in_time(self.objects.try_send(Method::GET, path, "")).await;
        let Ok(answer) = read else { return };
        if answer.is_done(&[StatusCode::OK]) {
            assert!(answer.body == noise(*seed, *size), "{path}: other bytes");
        } else {
            self.told.refused += 1;
        }
    }

    async fn publish(&mut self, turn: u64) {
        let version = format!("1.0.{turn}");
        let package = package(self.number, &version);
        let document = package.publish();
        let answer = in_time(self.npm.put(&package.path(), &document)).await;
        if answer.is_done(&[StatusCode::OK, StatusCode::CREATED]) {
            self.told.versions.push(version);
        } else {
            self.told.refused += 1;
        }
    }
}

fn package(worker: u64, version: &str) -> Package {
    Package::new(&format!("demo-{worker}"), version)
}

async fn in_time<T>(request: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let Ok(answer) = tokio::time::timeout(LIMIT, request).await else {
        panic!("a request hangs for {:?}", start.elapsed());
    };
    answer
}

/// Done as it should be, or told that the store is away; nothing else is right.
trait Told {
    fn is_done(&self, done: &[StatusCode]) -> bool;
}

impl Told for Answer {
    fn is_done(&self, done: &[StatusCode]) -> bool {
        let is_done = done.contains(&self.status);
        assert!(is_done || self.status == StatusCode::SERVICE_UNAVAILABLE, "{self:?}");
        is_done
    }
}
