//! A host is killed again and again in the middle of publishes and pushes. Whatever was
//! acknowledged is there and right; whatever was not is there as a whole or not at all.
//! Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::engine::Kind;
use packhouse_tests::npm::{self, Package, noise};
use packhouse_tests::oci::{Hand, Image};
use packhouse_tests::races::rounds;
use packhouse_tests::registry::files_below;
use packhouse_tests::{Actor, Backend, Options, Registry};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const WRITERS: u64 = 4;
const LONG_AGO: Duration = Duration::from_hours(48);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kills_on_the_file_system() {
    outlives_kills(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kills_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    outlives_kills(backend).await;
}

/// Something to be written, told by its numbers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    writer: u64,
    round: u64,
    number: u64,
}

/// What became of the pieces.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<Piece>,
    /// Sent, and never answered.
    unknown: BTreeSet<Piece>,
}

async fn outlives_kills(backend: Backend) {
    let mut registry = Registry::start(Options::npm_and_oci().on(backend)).await;
    let user = registry.user("writer", &["npm:package:*:*", "oci:repository:*:*"]).await;
    let somebody = registry.actor("").with_password(&user.name, &user.password);
    let mut ledger = Ledger::default();
    for round in 0..rounds(50, 5) {
        let acknowledged = [Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0))];
        let writers: Vec<_> = (0..WRITERS)
            .zip(acknowledged.iter().cycle())
            .map(|(writer, count)| {
                let (by, count) = (somebody.at(registry.url("")), Arc::clone(count));
                tokio::spawn(write_until_killed(by, writer, round, count))
            })
            .collect();
        // At another moment each time: after so many answers of one kind, and a little later.
        let (answers, later) = (round % 4, (round * 37) % 400);
        let count = &acknowledged[usize::from(round % 2 == 1)];
        while count.load(Ordering::Relaxed) < answers {
            tokio::task::yield_now().await;
        }
        for _ in 0..later {
            tokio::task::yield_now().await;
        }
        registry.kill().await;
        let mut these = Ledger::default();
        for writer in writers {
            let (acknowledged, unknown) =
                writer.await.unwrap_or_else(|error| panic!("{error}\n{}", registry.logs()));
            these.acknowledged.extend(acknowledged);
            these.unknown.insert(unknown);
        }
        registry.start_again().await;
        let by = somebody.at(registry.url(""));
        check(&by, &these, &format!("round {round}")).await;
        ledger.acknowledged.extend(these.acknowledged);
        ledger.unknown.extend(these.unknown);
    }
    for kind in [true, false] {
        let some = ledger.acknowledged.iter().any(|piece| piece.is_package() == kind);
        assert!(some, "packages and images were acknowledged: {:?}", ledger.acknowledged);
    }
    let by = somebody.at(registry.url(""));
    check(&by, &ledger, "at the end").await;
    registry.order(&["verify"]).await.expect(0);
    // Nothing that the kills left is young enough to belong to somebody still at work.
    registry.home().age(LONG_AGO);
    registry.order(&["gc", "--older-than", "0s", "--orphans", "--many"]).await.expect(0);
    registry.order(&["verify"]).await.expect(0);
    check(&by, &ledger, "after collecting").await;
    expect_no_left_overs(&registry);
}

/// One after the other, until there is no answer: those that were acknowledged, and the last.
async fn write_until_killed(
    by: Actor,
    writer: u64,
    round: u64,
    count: Arc<AtomicU64>,
) -> (Vec<Piece>, Piece) {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let piece = Piece { writer, round, number };
        let answer = piece.write(&by).await;
        match answer {
            Err(_) => return (acknowledged, piece),
            Ok(answer) => {
                assert_eq!(answer.status, 201, "{piece:?}: {answer:?}");
                acknowledged.push(piece);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    unreachable!("numbers do not end")
}

impl Piece {
    /// Half of the writers publish packages, the other half push images.
    fn is_package(self) -> bool {
        self.writer.is_multiple_of(2)
    }

    fn seed(self) -> u64 {
        self.writer * 1_000_000 + self.round * 1_000 + self.number
    }

    fn package(self) -> Package {
        let version = format!("{}.{}.0", self.round, self.number);
        Package::new(&format!("of-{}", self.writer), &version).file("data.bin", noise(self.seed(), 150_000))
    }

    fn image(self) -> Image {
        Image::of(
            &self.tag(),
            "amd64",
            &[("base.txt", b"the same"), ("data.bin", &noise(self.seed(), 1_200_000))],
        )
    }

    fn tag(self) -> String {
        format!("v{}.{}", self.round, self.number)
    }

    fn hand(self, by: &Actor) -> Hand {
        Hand::new(&below(by, "/v2"), &format!("team/of-{}", self.writer))
    }

    async fn write(self, by: &Actor) -> reqwest::Result<packhouse_tests::Answer> {
        if self.is_package() {
            let package = self.package();
            let body = package.publish().to_string();
            below(by, "/npm").try_send(http::Method::PUT, &package.path(), body).await
        } else {
            self.hand(by).try_push(&self.image(), &self.tag()).await
        }
    }

    /// There and right as a whole. Panics when it is only half there.
    async fn is_there(self, by: &Actor, what: &str) -> bool {
        if self.is_package() {
            return package_is_there(&below(by, "/npm"), &self.package(), what).await;
        }
        let (hand, image) = (self.hand(by), self.image());
        if hand.manifest(&self.tag()).await.is_none() {
            return false;
        }
        hand.expect_whole(&image, &self.tag(), what).await;
        true
    }
}

async fn package_is_there(by: &Actor, package: &Package, what: &str) -> bool {
    let document = by.get(&package.path()).await;
    if document.status == 404 {
        return false;
    }
    let version = document.expect(200).json()["versions"][&package.version].clone();
    if version == Value::Null {
        return false;
    }
    let file = by.get(&package.tarball_path()).await.expect(200);
    assert!(file.body == package.tarball(), "{what}: {} {} has other bytes", package.name, package.version);
    assert_eq!(version["dist"]["integrity"], npm::integrity(&file.body), "{what}");
    true
}

/// Everything acknowledged, and nothing by halves of the rest.
async fn check(by: &Actor, ledger: &Ledger, what: &str) {
    for piece in &ledger.acknowledged {
        assert!(piece.is_there(by, what).await, "{what}: {piece:?} was acknowledged and is gone");
    }
    for piece in &ledger.unknown {
        // Either will do; it panics at halves.
        piece.is_there(by, what).await;
    }
}

/// Every object is what a document names, or a document of the layout.
fn expect_no_left_overs(registry: &Registry) {
    let (objects, keys) = (registry.home().objects(), registry.keys());
    let below = |prefix: &str| -> BTreeSet<String> {
        keys.iter().filter_map(|key| key.strip_prefix(prefix)).map(str::to_owned).collect()
    };
    let read = |key: &str| -> Value {
        let bytes = std::fs::read(objects.join(key)).unwrap_or_else(|error| panic!("{key}: {error}"));
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{key}: {error}"))
    };
    let mut blobs = BTreeSet::new();
    for key in below("oci/manifests/") {
        let manifest = read(&format!("oci/manifests/{key}"));
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        blobs.extend(
            layers
                .iter()
                .chain([&manifest["config"]])
                .filter_map(|blob| blob["digest"].as_str().map(|digest| digest.replace(':', "/"))),
        );
    }
    assert_eq!(below("oci/blobs/"), blobs, "every blob is named, every named blob is there");
    let members: BTreeSet<_> =
        below("oci/members/").iter().filter_map(|key| Some(key.rsplit_once('/')?.0.to_owned())).collect();
    assert_eq!(members, blobs, "no membership outlives its blob");
    for prefix in ["oci/pending/", "oci/condemned/"] {
        assert_eq!(below(prefix), BTreeSet::new(), "{prefix}");
    }
    let mut tarballs = BTreeSet::new();
    for key in below("npm/packages/").iter().filter(|key| key.ends_with("/index.json")) {
        let document = read(&format!("npm/packages/{key}"));
        let name = key.trim_end_matches("/index.json");
        let versions = document["versions"].as_object().cloned().unwrap_or_default();
        tarballs.extend(versions.keys().map(|version| format!("{name}/{name}-{version}.tgz")));
    }
    let mut there = below("npm/packages/");
    there.retain(|key| !key.ends_with("/index.json"));
    assert_eq!(there, tarballs, "every archive is of a version, every version has its archive");
    let own = files_below(&objects.join(".packhouse"));
    let half: Vec<_> =
        own.iter().filter(|key| key.starts_with("staging") || key.starts_with("uploads")).collect();
    assert!(half.is_empty(), "the host's own work in progress: {half:?}");
}

fn below(by: &Actor, path: &str) -> Actor {
    by.at(format!("{}{path}", by.base()))
}
