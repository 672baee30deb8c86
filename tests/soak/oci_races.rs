//! Pushers of one repository at the same moment, through two processes on one bucket, and an
//! upload that goes on through the other process after the first was killed.
//! Every run has a sample; `cargo xtask test --tier soak` has it all.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use http::Method;
use packhouse_tests::engine::Kind;
use packhouse_tests::npm::noise;
use packhouse_tests::oci::{Content, Hand, Image};
use packhouse_tests::races::{at_once, contend, rounds};
use packhouse_tests::{Backend, Options, Registry};

const MEBIBYTE: usize = 1024 * 1024;

/// Two processes on one store.
async fn two_hosts(backend: Backend) -> [Registry; 2] {
    let first = Registry::start(Options::oci().on(backend).server("hosts = \"many\"")).await;
    let second = first.second_process().await;
    [first, second]
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_tags_of_one_repository_lose_nothing_on_the_file_system() {
    thirty_two_tags(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_two_tags_of_one_repository_lose_nothing_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    thirty_two_tags(backend).await;
}

async fn thirty_two_tags(backend: Backend) {
    let [first, second] = two_hosts(backend).await;
    let pusher = first.pusher().await;
    for round in 0..rounds(10, 1) {
        let repository = format!("team/round-{round}");
        let hand = Hand::new(&pusher, &repository);
        let hands = [hand.clone(), hand.at(second.url("/v2"))];
        // All share a layer, and each has one of its own.
        let image = |number: usize| {
            let (name, mine) = (format!("{round}-{number}"), noise(number as u64, 10_000));
            Image::of(&name, "amd64", &[("all.txt", b"the same"), ("mine.bin", &mine)])
        };
        let answers = at_once(32, |number| {
            let (hand, image) = (hands[number % 2].clone(), image(number));
            async move { hand.try_push(&image, &format!("tag-{number:02}")).await }
        });
        for answer in answers.await {
            answer.unwrap_or_else(|error| panic!("round {round}: {error:?}")).expect(201);
        }
        let tags: Vec<_> = (0..32).map(|number| format!("tag-{number:02}")).collect();
        for hand in &hands {
            assert_eq!(hand.tags().await, tags, "round {round}");
        }
        for (number, tag) in tags.iter().enumerate() {
            hands[(number + 1) % 2].expect_whole(&image(number), tag, "through the other host").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_through_another_host_on_the_file_system() {
    upload_through_both(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_goes_on_through_another_host_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    upload_through_both(backend).await;
}

/// In chunks of a mebibyte; a host is killed in the middle of every fifth, and is started again
/// while the other one goes on.
async fn upload_through_both(backend: Backend) {
    let mut hosts = two_hosts(backend).await;
    let pusher = hosts[0].pusher().await;
    let hand = Hand::new(&pusher, "team/large");
    let chunks = usize::try_from(rounds(256, 24)).unwrap_or(24);
    let blob = Content::new("application/octet-stream", noise(5, chunks * MEBIBYTE));
    let upload = hand.begin().await;
    let (mut done, mut turn, mut kills) = (0, 0, 0);
    for number in 1.. {
        if done == blob.bytes.len() {
            break;
        }
        let now = hand.at(hosts[turn].url("/v2"));
        let chunk = blob.bytes[done..blob.bytes.len().min(done + MEBIBYTE)].to_vec();
        if number % 5 != 0 {
            let told = now.try_append(&upload, done, &chunk).await;
            told.unwrap_or_else(|error| panic!("chunk {number}: {error:?}")).expect(202);
            done += chunk.len();
            continue;
        }
        let (started, length) = (upload.clone(), chunk.len());
        let sending = tokio::spawn(async move { now.try_append(&started, done, &chunk).await });
        for _ in 0..(number * 7) % 200 {
            tokio::task::yield_now().await;
        }
        hosts[turn].kill().await;
        kills += 1;
        let acknowledged = sending.await.is_ok_and(|told| told.is_ok_and(|answer| answer.status == 202));
        hosts[turn].start_again().await;
        turn = 1 - turn;
        let held = hand.at(hosts[turn].url("/v2")).progress(&upload).await;
        assert!((done..=done + length).contains(&held), "chunk {number}: {held} after {done}");
        assert!(!acknowledged || held == done + length, "chunk {number}: what was acknowledged is there");
        done = held;
    }
    assert!(kills >= 4, "only {kills}");
    let now = hand.at(hosts[turn].url("/v2"));
    let ended = now.try_finish(&upload, "", &blob.digest).await;
    ended.unwrap_or_else(|error| panic!("{error:?}")).expect(201);
    let there = hand.at(hosts[1 - turn].url("/v2")).blob(&blob.digest).await;
    assert!(there.is_some_and(|there| there == blob.bytes), "the same bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn pushers_and_deleters_of_one_tag_never_break_its_repository_on_the_file_system() {
    pushers_and_deleters(Backend::FileSystem).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pushers_and_deleters_of_one_tag_never_break_its_repository_on_versitygw() {
    let Some(backend) = Backend::engine(Kind::VersityGw).await else { return };
    pushers_and_deleters(backend).await;
}

/// Deletions of tags and of manifests, while others push the same tags.
async fn pushers_and_deleters(backend: Backend) {
    let [first, second] = two_hosts(backend).await;
    let pusher = first.pusher().await;
    let pushers = [pusher.clone(), pusher.at(second.url("/v2"))];
    for round in 0..rounds(20, 2) {
        let hand = Hand::new(&pusher, &format!("team/round-{round}"));
        let hands = [hand.clone(), hand.at(second.url("/v2"))];
        let image = |number: usize| Image::new(&format!("{round}-{number}"));
        let images: Vec<Image> = (0..6).map(image).collect();
        for image in &images {
            hand.push(image, "kept").await;
        }
        let (both, all, by) = (hands.clone(), images.clone(), pushers.clone());
        contend(move |number, turn| {
            let (hand, by, image) = (both[number % 2].clone(), by[number % 2].clone(), all[number].clone());
            let theirs = all[5].manifest.digest.clone();
            async move {
                let tag = format!("tag-{}", turn % 3);
                let deleted = match number {
                    0 | 1 => tag,
                    2 => theirs,
                    _ => {
                        let answer = hand.try_push_manifest(&image.manifest, &tag).await;
                        return answer.unwrap_or_else(|error| panic!("no answer: {error:?}"));
                    }
                };
                by.send(Method::DELETE, &hand.path(&format!("/manifests/{deleted}")), "").await
            }
        })
        .await;
        hand.push(&images[4], "last").await;
        hands[1].expect_whole(&images[4], "last", "through the other host").await;
    }
    first.order(&["verify"]).await.expect(0);
}
