//! A host is killed again and again in the middle of publishes and pushes. Whatever was
//! acknowledged is there and right; whatever was not is there as a whole or not at all.
//! Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

#[path = "kills/left_overs.rs"]
mod left_overs;
#[path = "kills/piece.rs"]
mod piece;

use packhouse_tests::engine::Kind;
use packhouse_tests::races::rounds;
use packhouse_tests::{Actor, Backend, Options, Registry};
use piece::{KINDS, Piece};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

const LONG_AGO: Duration = Duration::from_hours(48);
const MOUNTS: &str =
    "[mount.npm]\n[mount.oci]\ngrants = [\"/v2\"]\n[mount.maven]\n[mount.composer]\n[mount.rubygems]\n";

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kills_on_the_file_system() {
    outlives_kills(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_kills_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    outlives_kills(backend).await;
}

/// What became of the pieces.
#[derive(Default)]
struct Ledger {
    acknowledged: BTreeSet<Piece>,
    /// Sent, and never answered.
    unknown: BTreeSet<Piece>,
}

async fn outlives_kills(backend: Backend) {
    let others = ["oci", "maven", "composer", "rubygems"];
    let options = others.into_iter().fold(Options::mounts(MOUNTS), Options::plugin);
    let mut registry = Registry::start(options.anonymous(&["*:*:*:read", "*:*:*:pull"]).on(backend)).await;
    let user = registry.user("writer", &["*:*:*:*"]).await;
    let somebody = registry.actor("").with_password(&user.name, &user.password);
    let mut ledger = Ledger::default();
    let all = rounds(50, 5);
    for round in 0..all {
        // Two of each kind.
        let kinds: Vec<piece::Kind> = KINDS.into_iter().chain(KINDS).collect();
        let acknowledged: Vec<_> = kinds.iter().map(|_| Arc::new(AtomicU64::new(0))).collect();
        let writers: Vec<_> = (0..)
            .zip(kinds.into_iter().zip(&acknowledged))
            .map(|(writer, (kind, count))| {
                let (by, count) = (somebody.at(registry.url("")), Arc::clone(count));
                tokio::spawn(write_until_killed(by, Piece { kind, writer, round, number: 0 }, count))
            })
            .collect();
        // At another moment each time: after so many answers to one writer, and a little later. In the
        // last round each of them gets one.
        let (answers, later) = (round % 6, (round * 37) % 400);
        let count = &acknowledged[usize::try_from(round).unwrap_or(0) % acknowledged.len()];
        let has_none = |count: &Arc<AtomicU64>| count.load(Ordering::Relaxed) == 0;
        let waits = || {
            let some_wait = round + 1 == all && acknowledged.iter().any(has_none);
            (some_wait || count.load(Ordering::Relaxed) < answers)
                && !writers.iter().any(JoinHandle::is_finished)
        };
        while waits() {
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
    let by = somebody.at(registry.url(""));
    check(&by, &ledger, "at the end").await;
    // A deployment that was cut short may have stored a POM and not listed its version yet. Its client
    // deploys again; here nobody does.
    registry.order(&["reindex", "maven"]).await.expect(0);
    registry.order(&["verify"]).await.expect(0);
    // Nothing that the kills left is young enough to belong to somebody still at work.
    registry.home().age(LONG_AGO);
    registry.order(&["gc", "--older-than", "0s", "--orphans", "--many"]).await.expect(0);
    registry.order(&["verify"]).await.expect(0);
    check(&by, &ledger, "after collecting").await;
    left_overs::expect_none(&registry);
}

/// One after the other, until there is no answer: those that were acknowledged, and the last.
async fn write_until_killed(by: Actor, first: Piece, count: Arc<AtomicU64>) -> (Vec<Piece>, Piece) {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let piece = Piece { number, ..first };
        let answer = piece.write(&by).await;
        match answer {
            Err(_) => return (acknowledged, piece),
            Ok(answer) => {
                assert!(answer.status.is_success(), "{piece:?}: {answer:?}");
                acknowledged.push(piece);
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
    unreachable!("numbers do not end")
}

/// Everything acknowledged, and nothing by halves of the rest.
async fn check(by: &Actor, ledger: &Ledger, what: &str) {
    for piece in &ledger.acknowledged {
        assert!(piece.is_there(by, what).await, "{what}: {piece:?} was acknowledged and is gone");
        assert!(piece.is_listed(by).await, "{what}: {piece:?} was acknowledged and is not listed");
    }
    for piece in &ledger.unknown {
        // Either will do; it panics at halves.
        piece.is_there(by, what).await;
    }
}
