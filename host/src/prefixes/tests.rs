#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::time::SystemTime;

use bytes::Bytes;

use super::*;
use crate::storage::{Key, ListOptions, Scope, Settings};

async fn memory() -> Storage {
    Storage::open(&Settings::Memory).await.unwrap()
}

async fn put(storage: &Storage, prefix: &str, name: &str) {
    let scope = storage.scope(prefix).unwrap();
    scope.put(&Key::parse(name).unwrap(), Bytes::from_static(b"x"), &Precondition::Any, None).await.unwrap();
}

/// All that a prefix holds goes, as when its disk is not mounted.
async fn empty(storage: &Storage, prefix: &str) {
    let scope = storage.scope(prefix).unwrap();
    for scope in [scope.own(), scope] {
        let options = ListOptions { limit: 100, ..ListOptions::default() };
        for object in scope.list(&options).await.unwrap().objects {
            scope.remove(&Key::parse(&object.key).unwrap(), &Precondition::Any).await.unwrap();
        }
    }
}

/// As if the last look at the store were long ago.
fn forget_the_time(prefixes: &Prefixes) {
    for known in prefixes.known.lock().unwrap().values_mut() {
        if let Known::Found { read, .. } | Known::Damaged { read, .. } = known {
            *read = Instant::now().checked_sub(REMEMBERED).unwrap();
        }
    }
}

#[tokio::test]
async fn the_first_protocol_keeps_its_prefix_on_every_host() {
    let storage = memory().await;
    let (one, other) = (Prefixes::new(&storage), Prefixes::new(&storage));
    one.check("demo", "go", None).await.unwrap();
    one.claim("demo", "go", None).await.unwrap();
    one.claim("demo", "go", None).await.unwrap();
    let refused = other.claim("demo", "recipes", None).await.unwrap_err().to_string();
    assert!(refused.contains("`go`") && refused.contains("`recipes`"), "{refused}");
    assert!(refused.contains(".packhouse/prefixes/demo.json"), "{refused}");
    assert!(refused.contains("packhouse store accept demo"), "what to do: {refused}");
    assert!(matches!(other.check("demo", "recipes", None).await, Err(PrefixError::OtherProtocol { .. })));
    other.claim("demo", "go", None).await.unwrap();
    other.claim("demo/inner", "recipes", None).await.unwrap();
}

#[tokio::test]
async fn a_plugin_that_may_be_the_wrong_one_gets_no_prefix_that_is_nobodys() {
    let storage = memory().await;
    let prefixes = Prefixes::new(&storage);
    for _ in 0..2 {
        let refused = prefixes.claim("demo", "recipes", Some("mirrors")).await.unwrap_err().to_string();
        assert!(refused.contains("`recipes`") && refused.contains("`mirrors`"), "{refused}");
    }
    assert!(prefixes.check("demo", "recipes", Some("mirrors")).await.is_err());
    assert_eq!(prefixes.recorded("demo").await.unwrap(), None);
    assert_eq!(mark::look(&storage, "demo").await.unwrap(), Sight::Missing, "it leaves no mark");
    prefixes.claim("demo", "go", None).await.unwrap();
    prefixes.claim("demo", "go", Some("mirrors")).await.unwrap();
    Prefixes::new(&storage).check("demo", "go", Some("mirrors")).await.unwrap();
    let refused = prefixes.claim("demo", "recipes", Some("mirrors")).await;
    assert!(matches!(refused, Err(PrefixError::OtherProtocol { .. })));
}

/// Replaces an object of the host's own.
async fn replace(room: &Scope, name: &str, bytes: &'static [u8]) {
    let key = Key::parse(name).unwrap();
    room.put(&key, Bytes::from_static(bytes), &Precondition::Any, None).await.unwrap();
}

/// What can be left of a small document, and the document of another prefix.
const DAMAGED: [&[u8]; 4] = [b"", b"{\"prefix\":\"de", &[0; 40], &[b' '; 100_000]];

#[tokio::test]
async fn a_record_that_is_damaged_lets_nobody_in_until_it_is_accepted() {
    for bytes in DAMAGED.into_iter().chain([&br#"{"prefix":"other","protocol":"go"}"#[..]]) {
        let storage = memory().await;
        let served = Prefixes::new(&storage);
        served.claim("demo", "go", None).await.unwrap();
        put(&storage, "demo", "package").await;
        replace(&storage.private("prefixes"), "demo.json", bytes).await;
        for host in [&served, &Prefixes::new(&storage)] {
            forget_the_time(host);
            // Every time, and not only when a request looks at the store again.
            for _ in 0..3 {
                let refused = host.claim("demo", "go", None).await.unwrap_err().to_string();
                assert!(refused.contains("damaged") && refused.contains("store accept demo"), "{refused}");
            }
            assert!(matches!(host.check("demo", "go", None).await, Err(PrefixError::Damaged { .. })));
        }
        assert_eq!(served.in_use(|name| name == "demo").await.unwrap(), ["demo"], "it is not forgotten");
        assert_eq!(served.accept("demo").await.unwrap(), Accepted::Anew);
        forget_the_time(&served);
        served.claim("demo", "go", None).await.unwrap();
        assert_eq!(served.recorded("demo").await.unwrap().as_deref(), Some("go"));
    }
}

#[tokio::test]
async fn a_mark_that_is_damaged_does_not_show_whose_objects_these_are() {
    for bytes in DAMAGED {
        let storage = memory().await;
        let prefixes = Prefixes::new(&storage);
        prefixes.claim("demo", "go", None).await.unwrap();
        put(&storage, "demo", "package").await;
        replace(&storage.scope("demo").unwrap().own(), "mount.json", bytes).await;
        forget_the_time(&prefixes);
        for _ in 0..3 {
            let refused = prefixes.claim("demo", "go", None).await.unwrap_err().to_string();
            assert!(refused.contains("demo/.packhouse/mount.json`) is damaged"), "{refused}");
            assert!(refused.contains("packhouse store accept demo"), "{refused}");
        }
        assert!(matches!(prefixes.check("demo", "go", None).await, Err(PrefixError::DamagedMark { .. })));
        assert_eq!(prefixes.accept("demo").await.unwrap(), Accepted::Kept("go".to_owned()));
        forget_the_time(&prefixes);
        prefixes.claim("demo", "go", None).await.unwrap();
    }
}

#[tokio::test]
async fn a_prefix_whose_objects_have_disappeared_is_served_by_no_host_until_they_are_back() {
    let storage = memory().await;
    let (one, other) = (Prefixes::new(&storage), Prefixes::new(&storage));
    one.claim("demo", "go", None).await.unwrap();
    put(&storage, "demo", "package").await;
    other.claim("demo", "go", None).await.unwrap();
    empty(&storage, "demo").await;
    for host in [&one, &other, &Prefixes::new(&storage)] {
        forget_the_time(host);
        for _ in 0..2 {
            let refused = host.claim("demo", "go", None).await.unwrap_err().to_string();
            assert!(refused.contains("`demo/.packhouse/mount.json` is missing"), "{refused}");
            assert!(refused.contains("packhouse store accept demo"), "{refused}");
        }
        assert!(matches!(host.check("demo", "go", None).await, Err(PrefixError::Missing { .. })));
        assert!(mark::is_empty(&storage, "demo").await.unwrap(), "nothing is made");
    }
    mark::write(&storage, "demo").await.unwrap();
    for host in [&one, &other] {
        forget_the_time(host);
        host.claim("demo", "go", None).await.unwrap();
    }
}

/// Each answer of the host here is from a moment before the folder was replaced.
#[tokio::test]
async fn a_store_in_a_folder_writes_nothing_into_another_folder_in_the_place_of_a_prefix() {
    let home = tempfile::tempdir().unwrap();
    let (root, aside) = (home.path().join("objects"), home.path().join("aside"));
    let storage = Storage::open(&Settings::Fs { root: root.clone() }).await.unwrap();
    Prefixes::new(&storage).claim("demo", "go", None).await.unwrap();
    put(&storage, "demo", "package").await;
    let host = Prefixes::new(&storage);
    host.claim("demo", "go", None).await.unwrap();
    std::fs::rename(root.join("demo"), &aside).unwrap();
    std::fs::create_dir(root.join("demo")).unwrap();
    host.claim("demo", "go", None).await.expect("it was there a moment ago");
    let scope = storage.scope("demo").unwrap();
    let next = Key::parse("next").unwrap();
    let written = scope.put(&next, Bytes::from_static(b"x"), &Precondition::Any, None).await;
    assert!(matches!(written, Err(StorageError::Unavailable(_))), "{written:?}");
    assert_eq!(std::fs::read_dir(root.join("demo")).unwrap().count(), 0);
    forget_the_time(&host);
    assert!(matches!(host.claim("demo", "go", None).await, Err(PrefixError::Missing { .. })));
    std::fs::remove_dir(root.join("demo")).unwrap();
    std::fs::rename(&aside, root.join("demo")).unwrap();
    put(&storage, "demo", "next").await;
}

#[tokio::test]
async fn a_record_of_an_earlier_version_gets_its_mark_and_nobody_complains() {
    let storage = memory().await;
    let room = storage.private("prefixes");
    let record = Bytes::from_static(br#"{"prefix":"demo","protocol":"go"}"#);
    let key = Key::parse("demo.json").unwrap();
    room.put(&key, record, &Precondition::Any, None).await.unwrap();
    Prefixes::new(&storage).check("demo", "go", None).await.unwrap();
    assert_eq!(mark::look(&storage, "demo").await.unwrap(), Sight::Missing, "a check writes nothing");
    let hosts: Vec<_> = (0..8).map(|_| Prefixes::new(&storage)).collect();
    let claims = futures_util::future::join_all(hosts.iter().map(|host| host.claim("demo", "go", None)));
    for claimed in claims.await {
        claimed.unwrap();
    }
    assert_eq!(mark::look(&storage, "demo").await.unwrap(), Sight::There);
    assert!(Records::new(&storage).read("demo").await.unwrap().unwrap().record.marked);
    let refused = Prefixes::new(&storage).claim("demo", "recipes", None).await;
    assert!(matches!(refused, Err(PrefixError::OtherProtocol { .. })));
}

#[tokio::test]
async fn two_parts_that_were_exchanged_are_told_apart() {
    let storage = memory().await;
    let prefixes = Prefixes::new(&storage);
    prefixes.claim("demo", "go", None).await.unwrap();
    prefixes.claim("other", "go", None).await.unwrap();
    let (_, bytes) = storage
        .scope("other")
        .unwrap()
        .own()
        .get(&Key::parse("mount.json").unwrap(), 1000)
        .await
        .unwrap()
        .unwrap();
    let own = storage.scope("demo").unwrap().own();
    own.put(&Key::parse("mount.json").unwrap(), bytes, &Precondition::Any, None).await.unwrap();
    forget_the_time(&prefixes);
    let refused = prefixes.claim("demo", "go", None).await.unwrap_err().to_string();
    assert!(refused.contains("is that of the prefix `other`"), "{refused}");
    put(&storage, "demo", "package").await;
    assert_eq!(prefixes.accept("demo").await.unwrap(), Accepted::Kept("go".to_owned()));
    forget_the_time(&prefixes);
    prefixes.claim("demo", "go", None).await.unwrap();
}

#[tokio::test]
async fn what_the_operator_accepts_is_served_again() {
    let storage = memory().await;
    let prefixes = Prefixes::new(&storage);
    assert_eq!(prefixes.accept("demo").await.unwrap(), Accepted::Unknown);
    prefixes.claim("demo", "go", None).await.unwrap();
    put(&storage, "demo", "package").await;
    empty(&storage, "demo").await;
    put(&storage, "demo", "restored").await;
    forget_the_time(&prefixes);
    assert!(prefixes.claim("demo", "go", None).await.is_err());
    assert_eq!(prefixes.accept("demo").await.unwrap(), Accepted::Kept("go".to_owned()));
    forget_the_time(&prefixes);
    prefixes.claim("demo", "go", None).await.unwrap();
    // An empty one is for the next protocol that comes.
    empty(&storage, "demo").await;
    assert_eq!(prefixes.accept("demo").await.unwrap(), Accepted::Free);
    let next = Prefixes::new(&storage);
    next.claim("demo", "recipes", None).await.unwrap();
    forget_the_time(&prefixes);
    let refused = prefixes.claim("demo", "go", None).await;
    assert!(matches!(refused, Err(PrefixError::OtherProtocol { .. })), "{refused:?}");
}

#[tokio::test]
async fn prefixes_named_like_their_protocol_are_in_use_when_something_is_or_was_stored_there() {
    let storage = memory().await;
    let prefixes = Prefixes::new(&storage);
    for (prefix, protocol) in [("full", "full"), ("empty", "empty"), ("lost", "lost"), ("named", "go")] {
        prefixes.claim(prefix, protocol, None).await.unwrap();
    }
    put(&storage, "full", "package").await;
    put(&storage, "named", "package").await;
    empty(&storage, "lost").await;
    let found = prefixes.in_use(|_| true).await.unwrap();
    assert_eq!(found, ["full", "lost"]);
    assert_eq!(prefixes.in_use(|prefix| prefix != "full").await.unwrap(), ["lost"]);
}

#[cfg(unix)]
#[tokio::test]
async fn a_store_that_does_not_answer_takes_no_mark_away() {
    let folder = tempfile::tempdir().unwrap();
    let (root, aside) = (folder.path().join("store"), folder.path().join("aside"));
    let storage = Storage::open(&Settings::Fs { root: root.clone() }).await.unwrap();
    let prefixes = Prefixes::new(&storage);
    prefixes.claim("demo", "go", None).await.unwrap();
    std::fs::rename(&root, &aside).unwrap();
    forget_the_time(&prefixes);
    prefixes.claim("demo", "go", None).await.unwrap();
    assert!(matches!(prefixes.check("demo", "go", None).await, Err(PrefixError::Storage(_))));
    let unknown = Prefixes::new(&storage).claim("demo", "go", None).await;
    assert!(matches!(unknown, Err(PrefixError::Storage(_))));
    std::fs::rename(&aside, &root).unwrap();
    std::fs::remove_dir_all(root.join("demo")).unwrap();
    let began = SystemTime::now();
    forget_the_time(&prefixes);
    assert!(matches!(prefixes.claim("demo", "go", None).await, Err(PrefixError::Missing { .. })));
    assert!(began.elapsed().unwrap() < PATIENCE);
}
