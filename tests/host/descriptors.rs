//! A process that may open few files: it says so, serves fewer at a time, and answers 503
//! rather than 500 to what does not fit.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use futures_util::future::join_all;
use packhouse_tests::npm::{Package, noise};
use packhouse_tests::sockets::{
    connect_from, connect_slowly, get, get_http2, header, http2, read_slowly, status,
};
use packhouse_tests::{Options, Registry};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::io::AsyncWriteExt;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_requests_with_few_files_are_answered_200_or_503() {
    let limits = "queue_timeout = \"2s\"\nidle_timeout = \"5s\"";
    let registry = Registry::start(Options::npm().limits(limits).open_files(256)).await;
    assert!(registry.logs().contains("the system allows 256 open files"), "{}", registry.logs());
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 3_000_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let path = format!("/npm{}", package.tarball_path());

    // Some take their answers slowly, so that many files are open at a time.
    let mut slow = Vec::new();
    for last in 1..=30 {
        let mut socket = connect_slowly(&registry.address(), last).await;
        socket.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        slow.push(tokio::spawn(
            async move { read_slowly(&mut socket, 2_000, Duration::from_millis(100)).await },
        ));
    }
    let answers = join_all((0..1000_u16).map(|number| {
        let (address, path) = (registry.address(), path.clone());
        let last = u8::try_from(number % 20).unwrap() + 1;
        tokio::spawn(async move {
            let mut socket = connect_from(&address, last).await;
            let answer = get(&mut socket, &path).await;
            (status(&answer), header(&answer, "retry-after").is_some())
        })
    }))
    .await;
    let mut counts = BTreeMap::new();
    for answer in answers {
        let (code, promises) = answer.unwrap();
        *counts.entry(code).or_insert(0) += 1;
        assert!(code != 503 || promises, "503 says when to try again");
    }
    // Few are closed without an answer, when there is no time for one.
    assert!(counts.get(&0).is_none_or(|count| *count < 100), "{counts:?}");
    let odd: Vec<_> = counts.keys().filter(|code| ![0, 200, 503].contains(code)).collect();
    assert!(odd.is_empty(), "{counts:?}\n{}", registry.logs());
    assert!(counts.get(&200).is_some_and(|count| *count > 100), "{counts:?}");
    for reader in slow {
        reader.abort();
    }
    registry.actor("/npm").get("/demo").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_take_nothing_leave_files_for_everybody_else() {
    let limits = "queue_timeout = \"2s\"";
    let registry = Registry::start(Options::npm().limits(limits).open_files(400)).await;
    let publisher = registry.publisher().await;
    let package = Package::new("demo", "1.0.0").file("data.bin", noise(7, 3_000_000));
    publisher.put(&package.path(), &package.publish()).await.expect(201);
    let path = format!("/npm{}", package.tarball_path());

    let mut asked = Vec::new();
    for _ in 0..4 {
        let sender = http2(connect_from(&registry.address(), 1).await, 0).await;
        for _ in 0..150 {
            let (mut sender, path) = (sender.clone(), path.clone());
            asked.push(async move { get_http2(&mut sender, &path).await });
        }
    }
    // Those that are answered keep their files, since nothing is taken of them.
    let answers = join_all(asked).await;
    let count = |code: u16| {
        answers.iter().filter(|answer| answer.as_ref().is_ok_and(|(status, _)| *status == code)).count()
    };
    assert!(count(200) > 10 && count(503) > 400, "{} of 200, {} of 503", count(200), count(503));
    for path in ["/healthz", &path] {
        let mut other = connect_from(&registry.address(), 2).await;
        assert_eq!(status(&get(&mut other, path).await), 200, "{path}");
    }
    assert!(!registry.logs().contains("os error 24"), "{}", registry.logs());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_with_next_to_no_files_is_refused_in_one_sentence() {
    let ended = Registry::refuse(Options::npm().open_files(100)).await;
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("allows 100 open files"), "{}", ended.stderr);
}
