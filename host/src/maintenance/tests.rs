//! The lease, on stores that can be looked into.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::path::Path;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::lease::{self, Attempt, Lease};
use crate::storage::{Settings, Storage};

const HOUR: Duration = Duration::from_hours(1);

async fn on_files() -> (Storage, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (same_store(folder.path()).await, folder)
}

/// Another host of the store.
async fn same_store(folder: &Path) -> Storage {
    Storage::open(&Settings::Fs { root: folder.to_owned() }).await.unwrap()
}

async fn taken(storage: &Storage) -> Lease {
    match lease::take(storage, None).await.unwrap() {
        Attempt::Taken(lease) => lease,
        Attempt::Held(holder) => panic!("held by {holder}"),
        Attempt::NotDue(left) => panic!("not due for {left:?}"),
    }
}

fn make_older(folder: &TempDir, age: Duration) {
    let path = folder.path().join(".packhouse/maintenance/gc.json");
    let file = std::fs::File::options().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() - age).unwrap();
}

#[tokio::test]
async fn only_one_of_many_hosts_takes_it() {
    let (storage, folder) = on_files().await;
    let mut attempts = Vec::new();
    for _ in 0..8 {
        let storage = same_store(folder.path()).await;
        attempts.push(tokio::spawn(async move { lease::take(&storage, None).await.unwrap() }));
    }
    let mut leases = Vec::new();
    for attempt in attempts {
        match attempt.await.unwrap() {
            Attempt::Taken(lease) => leases.push(lease),
            Attempt::Held(holder) => assert!(holder.to_string().starts_with("process ")),
            Attempt::NotDue(_) => panic!("nobody asked whether it is due"),
        }
    }
    assert_eq!(leases.len(), 1);
    leases.pop().unwrap().finish(true).await.unwrap();
    taken(&storage).await;
}

#[tokio::test]
async fn one_that_shows_no_life_is_taken_over_and_its_holder_is_told() {
    let (storage, folder) = on_files().await;
    let first = taken(&storage).await;
    assert!(matches!(lease::take(&storage, None).await.unwrap(), Attempt::Held(_)));
    make_older(&folder, lease::EXPIRES * 2);
    let second = taken(&storage).await;
    tokio::time::timeout(Duration::from_mins(1), first.lost().cancelled()).await.unwrap();
    first.finish(true).await.unwrap();
    assert!(
        matches!(lease::take(&storage, None).await.unwrap(), Attempt::Held(_)),
        "what was lost cannot be given back"
    );
    assert!(!second.lost().is_cancelled());
}

#[tokio::test]
async fn it_is_due_so_long_after_the_last_collection_of_all_mounts() {
    let (storage, _folder) = on_files().await;
    let every = Some(HOUR);
    assert!(matches!(lease::take(&storage, every).await.unwrap(), Attempt::NotDue(_)), "counting begins");
    taken(&storage).await.finish(false).await.unwrap();
    let short = Some(Duration::from_millis(1));
    match lease::take(&storage, short).await.unwrap() {
        Attempt::Taken(lease) => lease.finish(true).await.unwrap(),
        Attempt::Held(_) | Attempt::NotDue(_) => panic!("it is due"),
    }
    match lease::take(&storage, every).await.unwrap() {
        Attempt::NotDue(left) => {
            assert!(left <= HOUR && left > HOUR.checked_sub(Duration::from_mins(1)).unwrap());
        }
        Attempt::Taken(_) | Attempt::Held(_) => panic!("it was done just now"),
    }
}

#[tokio::test]
async fn a_damaged_document_is_made_anew() {
    let (storage, folder) = on_files().await;
    taken(&storage).await.finish(true).await.unwrap();
    std::fs::write(folder.path().join(".packhouse/maintenance/gc.json"), "{torn").unwrap();
    taken(&storage).await.finish(true).await.unwrap();
}
