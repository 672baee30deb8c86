//! The store's clock, and the times that it gives to objects.

use std::time::{Duration, SystemTime};

use super::*;

/// Stores record times up to two seconds too early.
const EARLY: Duration = Duration::from_secs(2);
/// The store's clock is behind by at most two seconds, and answers take their time.
const BEHIND: Duration = Duration::from_secs(4);

fn assert_is_now(house: &House, modified: Option<SystemTime>, now: SystemTime) {
    let modified = modified.unwrap();
    let is_now = modified <= now + BEHIND && modified + EARLY + BEHIND >= now;
    assert!(is_now, "{}: written at {modified:?}, and it is {now:?}", house.name);
}

on_every_store! {
    async fn what_is_written_now_is_as_old_as_the_stores_clock_says(house) {
        let scope = house.scope();
        put(&scope, "doc", "text").await;
        let mut large = stage(&scope, &pattern(3 * 1024 * 1024), &[]).await;
        large.commit(&key("blob"), &[], &Precondition::Absent, None).await.unwrap();
        for name in ["doc", "blob"] {
            let info = scope.stat(&key(name)).await.unwrap().unwrap();
            assert_is_now(&house, info.modified, scope.now().await.unwrap());
        }
    }

    async fn two_hosts_read_the_same_clock(house) {
        let now = house.scope().now().await.unwrap();
        let other = house.second_scope().await.now().await.unwrap();
        assert!(other + BEHIND >= now && now + BEHIND >= other, "{now:?} and {other:?}");
    }
}

/// A slow upload is staged long before it gets its key; only then does its age count.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_as_old_as_its_commit_and_not_as_its_staging() {
    let house = on_files().await;
    let Settings::Fs { root } = &house.settings else { panic!("a folder") };
    let scope = house.scope();
    for (name, size) in [("small", 1000), ("large", 3 * 1024 * 1024)] {
        let mut staged = stage(&scope, &pattern(size), &[]).await;
        for entry in std::fs::read_dir(root.join(".packhouse/staging")).unwrap() {
            let file = std::fs::File::open(entry.unwrap().path()).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_hours(1)).unwrap();
        }
        let committed = staged.commit(&key(name), &[], &Precondition::Absent, None).await.unwrap();
        let info = scope.stat(&key(name)).await.unwrap().unwrap();
        assert_eq!(committed, info);
        assert_is_now(&house, info.modified, scope.now().await.unwrap());
    }
}
