//! Thousands of wrong passwords, of one account or from one address, do not slow down the right one of
//! another account. Compared in one run with as many requests without a password, because a busy
//! machine slows down everything.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use futures_util::future::{join, join_all};
use packhouse_tests::npm::Package;
use packhouse_tests::races::in_full;
use packhouse_tests::sockets::{connect_from, exchange, status};
use packhouse_tests::{Options, Registry};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Requests of a flood at a time.
const AT_ONCE: usize = 16;
/// Sign-ins that are measured during one flood, at least and at most. Each comes from a new address, so
/// that its password is verified.
const MEASURED: std::ops::RangeInclusive<usize> = 8..=25;
/// How many times as long a sign-in may last.
const RATIO: u32 = 5;

/// What many clients send.
#[derive(Clone, Copy, Debug)]
enum Flood {
    Reads,
    /// Wrong passwords of one account, from many addresses.
    OfOneAccount,
    /// Wrong passwords of many accounts, from one address.
    FromOneAddress,
}

/// `npm login` from 127.0.0.`last`.
async fn sign_in(registry: &Registry, last: u8, name: &str, password: &str) -> u16 {
    let body = json!({ "name": name, "password": password }).to_string();
    let request = format!(
        "PUT /npm/-/user/org.couchdb.user:{name} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    status(&exchange(&mut connect_from(&registry.address(), last).await, &request).await)
}

async fn one_of(registry: &Registry, flood: Flood, number: usize) -> u16 {
    let wrong = format!("wrong password {number}");
    match flood {
        Flood::Reads => {
            let request = "GET /npm/demo HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
            status(&exchange(&mut connect_from(&registry.address(), 250).await, request).await)
        }
        Flood::OfOneAccount => {
            let last = u8::try_from(number % 50).unwrap_or_default();
            sign_in(registry, 200 + last, "ann", &wrong).await
        }
        Flood::FromOneAddress => sign_in(registry, 251, &format!("user-{}", number % 500), &wrong).await,
    }
}

/// How long the sign-ins of bob last meanwhile: their median, and what the flood was answered. `first` is the
/// first of the addresses from which bob comes.
async fn measure(
    registry: &Registry,
    flood: Flood,
    requests: usize,
    first: u8,
) -> (Duration, BTreeMap<u16, usize>) {
    let (sent, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let client = || async {
        let mut answers: BTreeMap<u16, usize> = BTreeMap::new();
        loop {
            let number = sent.fetch_add(1, Ordering::Relaxed);
            if number >= requests {
                ended.fetch_add(1, Ordering::Relaxed);
                return answers;
            }
            *answers.entry(one_of(registry, flood, number).await).or_default() += 1;
        }
    };
    let flooding = join_all((0..AT_ONCE).map(|_| client()));
    let bob = async {
        let mut times = Vec::new();
        while times.len() < *MEASURED.start()
            || ended.load(Ordering::Relaxed) == 0 && times.len() < *MEASURED.end()
        {
            let (last, began) = (first + u8::try_from(times.len()).unwrap_or_default(), Instant::now());
            let answered = sign_in(registry, last, "bob", "password of bob").await;
            assert_eq!(answered, 201, "{flood:?}: sign-in {}", times.len());
            times.push(began.elapsed());
        }
        times.sort();
        times[times.len() / 2]
    };
    let (answers, median) = join(flooding, bob).await;
    let mut all = BTreeMap::new();
    for (status, count) in answers.into_iter().flatten() {
        *all.entry(status).or_default() += count;
    }
    (median, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_passwords_of_one_account_and_from_one_address_slow_down_no_other_account() {
    let requests = if in_full() { 10_000 } else { 400 };
    let registry = Registry::start(Options::npm()).await;
    registry.user("ann", &[]).await;
    registry.user("bob", &[]).await;
    let package = Package::new("demo", "1.0.0");
    registry.publisher().await.put(&package.path(), &package.publish()).await.expect(201);
    assert_eq!(sign_in(&registry, 199, "ann", "password of ann").await, 201, "from where ann is known");
    let (usual, answers) = measure(&registry, Flood::Reads, requests, 10).await;
    assert_eq!(answers, [(200, requests)].into());
    for (flood, first) in [(Flood::OfOneAccount, 60), (Flood::FromOneAddress, 110)] {
        let (median, answers) = measure(&registry, flood, requests, first).await;
        eprintln!("{flood:?}: {median:?}, and {usual:?} beside reads; {answers:?}");
        assert!(answers.keys().all(|status| [401, 429].contains(status)), "{flood:?}: {answers:?}");
        assert_eq!(answers.values().sum::<usize>(), requests);
        assert!(answers[&429] > requests / 2, "{flood:?}: most are rejected without a check: {answers:?}");
        assert!(median <= usual * RATIO, "{flood:?}: {median:?}, and {usual:?} beside reads");
    }
    assert_eq!(sign_in(&registry, 199, "ann", "password of ann").await, 201, "nobody locked ann out");
}
