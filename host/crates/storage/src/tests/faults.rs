//! Answers that are lost, memory that is scarce, others who are there too.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use tokio::task::JoinSet;

use super::s3::{Losses, Server};
use super::*;
use crate::{Company, S3Settings};

const LARGE: usize = 20 * 1024 * 1024 + 17;

async fn losing() -> (Storage, Losses, Server) {
    let losses = Losses::default();
    let server = Server::losing(Some(losses.clone())).await;
    (Storage::open(&server.settings()).await.unwrap(), losses, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_whose_answer_was_lost_is_told_from_a_lost_race() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let mut before = losses.count();
    let mut lost_more = || {
        let more = losses.count() > before;
        before = losses.count();
        more
    };
    let made = scope.put(&key("doc"), "one".into(), &Precondition::Absent, None).await.unwrap();
    assert!(lost_more());
    let known = Precondition::Version(made.version.clone());
    let changed = scope.put(&key("doc"), "two".into(), &known, None).await.unwrap();
    assert!(lost_more());
    assert_eq!(scope.stat(&key("doc")).await.unwrap().unwrap().version, changed.version);
    for precondition in [Precondition::Absent, known] {
        let too_late = scope.put(&key("doc"), "three".into(), &precondition, None).await;
        assert!(matches!(too_late, Err(StorageError::Conflict)), "{too_late:?}");
    }
    assert_eq!(text_of(&scope, "doc").await.as_deref(), Some("two"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_whose_answer_was_lost_has_happened() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let bytes = pattern(LARGE);
    let mut staged = stage(&scope, &bytes, &[]).await;
    let before = losses.count();
    let made = staged.commit(&key("blob"), &[], &Precondition::Absent, None).await.unwrap();
    assert!(losses.count() > before);
    assert_eq!(
        (made.size, scope.stat(&key("blob")).await.unwrap().unwrap().version),
        (LARGE as u64, made.version)
    );
    let found = scope.digests(&key("blob"), &[Algorithm::Sha256]).await.unwrap().unwrap();
    assert_eq!(found, [digest(Algorithm::Sha256, &bytes)]);
    let mut other = stage(&scope, &bytes, &[]).await;
    let too_late = other.commit(&key("blob"), &[], &Precondition::Absent, None).await;
    assert!(matches!(too_late, Err(StorageError::Conflict)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_answers_were_lost_has_every_part_once() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
    let part = pattern(3 * 1024 * 1024);
    for number in 1..=5 {
        let mut append = upload.append(Some((number - 1) * part.len() as u64)).await.unwrap();
        append.write(part.clone()).await.unwrap();
        assert_eq!(append.finish(None).await.unwrap(), number * part.len() as u64);
    }
    let expect = [digest(Algorithm::Sha256, &part.repeat(5))];
    let info = upload.finish(&key("blob"), &expect, &Precondition::Absent, None).await.unwrap();
    assert_eq!(info.size, 5 * part.len() as u64);
    assert_eq!(scope.digests(&key("blob"), &[Algorithm::Sha256]).await.unwrap().unwrap(), expect);
    assert!(losses.count() >= 7, "{}", losses.count());
}

/// By a service that verifies no checksum: the connection ended in the middle of a write, which
/// it took for the end of a shorter one. The repeated request finds that under its own mark.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_was_kept_in_part_is_never_acknowledged_as_it_is() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let bytes = pattern(300_000);
    let is_whole = |name: &'static str, size: usize| {
        let (scope, bytes) = (scope.clone(), pattern(size));
        async move {
            assert!(has_bytes(&scope, name, &bytes).await, "{name}: other bytes");
        }
    };

    losses.keep_part("/demo/made", 100_000);
    let made = scope.put(&key("made"), bytes.clone(), &Precondition::Absent, None).await.unwrap();
    assert!(losses.has_kept_part());
    is_whole("made", 300_000).await;

    losses.keep_part("/demo/made", 1);
    let known = Precondition::Version(made.version);
    let changed = scope.put(&key("made"), pattern(200_000), &known, None).await.unwrap();
    assert!(losses.has_kept_part());
    assert_eq!(scope.stat(&key("made")).await.unwrap().unwrap().version, changed.version);
    is_whole("made", 200_000).await;

    losses.keep_part("/demo/any", 0);
    scope.put(&key("any"), bytes.clone(), &Precondition::Any, None).await.unwrap();
    is_whole("any", 300_000).await;

    losses.keep_part("/demo/staged", 299_999);
    let mut staged = stage(&scope, &bytes, &[]).await;
    staged.commit(&key("staged"), &[], &Precondition::Absent, None).await.unwrap();
    assert!(losses.has_kept_part());
    is_whole("staged", 300_000).await;

    losses.keep_part("/.packhouse/staging/", 1_000_000);
    let mut large = stage(&scope, &pattern(LARGE), &[]).await;
    large.commit(&key("large"), &[], &Precondition::Absent, None).await.unwrap();
    assert!(losses.has_kept_part());
    is_whole("large", LARGE).await;
}

async fn has_bytes(scope: &Scope, name: &str, bytes: &Bytes) -> bool {
    let (info, found) = scope.get(&key(name), u64::MAX).await.unwrap().unwrap();
    info.size == bytes.len() as u64 && found == bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_documents_and_parts_were_kept_in_part_is_whole() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let part = pattern(3 * 1024 * 1024);
    losses.keep_part("/session.json", 20);
    let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
    assert!(losses.has_kept_part());
    for number in 0..5 {
        let place = if number % 2 == 0 { "/session.json" } else { "/.packhouse/uploads/" };
        losses.keep_part(place, 30);
        let mut append = upload.append(Some(number * part.len() as u64)).await.unwrap();
        append.write(part.clone()).await.unwrap();
        append.finish(None).await.unwrap();
        assert!(losses.has_kept_part());
    }
    losses.keep_part("/demo/blob", 1_000);
    let expect = [digest(Algorithm::Sha256, &part.repeat(5))];
    upload.finish(&key("blob"), &expect, &Precondition::Absent, None).await.unwrap();
    assert_eq!(scope.digests(&key("blob"), &[Algorithm::Sha256]).await.unwrap().unwrap(), expect);
}

/// The rest of it would fit, but is another version's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_that_is_replaced_while_its_answer_breaks_off_is_one_version() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let [old, new] = ["old ", "new "].map(|word| word.repeat(50_000));
    put(&scope, "doc", &old).await;
    let barrier = losses.cut("demo/doc");
    let reading = tokio::spawn({
        let scope = scope.clone();
        async move { scope.get(&key("doc"), 1 << 20).await }
    });
    barrier.wait().await;
    let replaced = put(&scope, "doc", &new).await;
    barrier.wait().await;
    let (info, bytes) = reading.await.unwrap().unwrap().unwrap();
    assert!(bytes == new, "there are bytes of the old version");
    assert_eq!((info.size, info.version), (new.len() as u64, replaced.version));
}

/// By a service that does not listen to `If-Match`: what comes to the reader is of one version.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_that_breaks_off_goes_on_in_its_version_or_ends() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    let [old, new] = ["old ", "new "].map(|word| word.repeat(50_000));
    for is_replaced in [false, true] {
        put(&scope, "blob", &old).await;
        let reader = scope.open(&key("blob")).await.unwrap().unwrap();
        let barrier = losses.cut("demo/blob");
        let reading = tokio::spawn(async move {
            let all: Result<Vec<Bytes>, _> = reader.stream(0..u64::MAX).try_collect().await;
            all.map(|pieces| pieces.concat())
        });
        barrier.wait().await;
        if is_replaced {
            put(&scope, "blob", &new).await;
        }
        barrier.wait().await;
        match reading.await.unwrap() {
            Ok(bytes) => assert!(!is_replaced && bytes == old.as_bytes(), "there are bytes of two versions"),
            Err(error) => assert!(is_replaced && matches!(error, StorageError::Conflict), "{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_beside_the_removal_of_its_folder_is_made_again() {
    let (storage, losses, _server) = losing().await;
    let scope = storage.scope("demo").unwrap();
    losses.stumble("demo/folder/doc");
    scope.put(&key("folder/doc"), "one".into(), &Precondition::Absent, None).await.unwrap();
    assert!(losses.has_stumbled());
    assert_eq!(text_of(&scope, "folder/doc").await.as_deref(), Some("one"));
}

/// More at once than there is room for, and some that stand still with half a part.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uploads_that_stand_still_keep_no_room_from_others() {
    let server = Server::start().await;
    let settings = S3Settings { part_buffers: 32 << 20, ..server.s3_settings() };
    let storage = Storage::open(&Settings::S3(settings)).await.unwrap();
    let scope = storage.scope("demo").unwrap();
    let mut standing = Vec::new();
    for _ in 0..6 {
        let mut writer = scope.writer(&[Algorithm::Sha256], u64::MAX).await.unwrap();
        for _ in 0..6 {
            writer.write(pattern(1024 * 1024)).await.unwrap();
        }
        standing.push(writer);
    }
    let bytes = pattern(LARGE);
    let mut moving = JoinSet::new();
    for number in 0..6 {
        let (scope, bytes) = (scope.clone(), bytes.clone());
        moving.spawn(async move {
            let mut staged = stage(&scope, &bytes, &[Algorithm::Sha256]).await;
            let expect = [digest(Algorithm::Sha256, &bytes)];
            staged.commit(&key(&number.to_string()), &expect, &Precondition::Absent, None).await.unwrap();
        });
    }
    moving.join_all().await;
    for (number, mut writer) in standing.into_iter().enumerate() {
        writer.write(pattern(1024 * 1024)).await.unwrap();
        let mut staged = writer.finish().await.unwrap();
        let expect = [digest(Algorithm::Sha256, &pattern(1024 * 1024).repeat(7))];
        let name = key(&format!("standing/{number}"));
        staged.commit(&name, &expect, &Precondition::Absent, None).await.unwrap();
        let found = scope.digests(&name, &[Algorithm::Sha256]).await.unwrap().unwrap();
        assert_eq!(found, expect);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_must_be_alone_is_refused_beside_a_living_one() {
    let server = Server::start().await;
    let first = Storage::open(&server.settings()).await.unwrap();
    let second = Storage::open(&server.settings()).await.unwrap();
    let here = first.enter(Company::One).await.unwrap();
    match second.enter(Company::One).await {
        Err(StorageError::Invalid(sentence)) => assert!(sentence.contains("hosts = \"many\""), "{sentence}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two hosts that are alone"),
    }
    second.enter(Company::Many).await.unwrap().leave().await;
    here.leave().await;
    let start = Instant::now();
    let alone = second.enter(Company::One).await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "nobody had to be watched");
    alone.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mark_of_a_killed_process_is_taken_away_at_once() {
    let server = Server::start().await;
    let storage = Storage::open(&server.settings()).await.unwrap();
    let here = storage.enter(Company::Many).await.unwrap();
    let hosts = storage.private("hosts");
    let marks = hosts.list(&crate::ListOptions { limit: 10, ..Default::default() }).await.unwrap();
    let (_, mark) = hosts.get(&key(&marks.objects[0].key), 10_000).await.unwrap().unwrap();
    let mut dead: serde_json::Value = serde_json::from_slice(&mark).unwrap();
    here.leave().await;
    dead["id"] = "dead".into();
    dead["process"]["began"] = "1".into();
    hosts.put(&key("dead"), dead.to_string().into(), &Precondition::Any, None).await.unwrap();
    let start = Instant::now();
    storage.enter(Company::One).await.unwrap().leave().await;
    assert!(start.elapsed() < Duration::from_secs(3), "it was not watched");
    assert_eq!(hosts.stat(&key("dead")).await.unwrap(), None);
}

#[tokio::test]
async fn what_does_not_fit_the_service_is_named() {
    let server = Server::start().await;
    let right = server.s3_settings();
    let cases = [
        ("bucket_name", S3Settings { bucket_name: "another".into(), ..right.clone() }),
        ("access_key and access_secret", S3Settings { access_secret: "wrong".into(), ..right.clone() }),
        ("endpoint", S3Settings { port: 1, ..right }),
    ];
    for (wanted, settings) in cases {
        match Storage::open(&Settings::S3(settings)).await {
            Err(StorageError::Setting(field, _)) => assert_eq!(field, wanted),
            Err(error) => panic!("{wanted}: {error:?}"),
            Ok(_) => panic!("{wanted}: opened"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_whose_record_was_removed_ends_when_another_has_taken_over() {
    let server = Server::start().await;
    let first = Storage::open(&server.settings()).await.unwrap();
    let second = Storage::open(&server.settings()).await.unwrap();
    let here = first.enter(Company::One).await.unwrap();
    let hosts = server.bucket().join(".packhouse/hosts");
    let names =
        || -> Vec<_> { std::fs::read_dir(&hosts).unwrap().map(|entry| entry.unwrap().path()).collect() };
    for name in names() {
        std::fs::remove_file(name).unwrap();
    }
    let other = second.enter(Company::One).await.unwrap();
    tokio::time::timeout(Duration::from_secs(20), here.lost())
        .await
        .expect("it notices that it is not alone");
    assert_eq!(names().len(), 2, "its record is there again");
    here.leave().await;
    other.leave().await;
}
