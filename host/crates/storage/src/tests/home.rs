//! A store is used only while it is the right one, by one host that must be alone, and no link
//! leads out of it.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::s3::Server;
use super::*;
use crate::{Company, ListOptions, ObjectInfo, Opening, StoreId, Wanted};

fn settings(root: &Path) -> Settings {
    Settings::Fs { root: root.to_owned() }
}

fn names_in(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// Every call that there is, on a key that is there and one that is not.
async fn call_all(scope: &Scope) -> Vec<(&'static str, Result<(), StorageError>)> {
    let there = key("doc");
    let everything = ListOptions { limit: 10, ..ListOptions::default() };
    let staged = async {
        let mut writer = scope.writer(&[], u64::MAX).await?;
        writer.write(pattern(10_000_000)).await?;
        let mut staged = writer.finish().await?;
        staged.commit(&key("staged"), &[], &Precondition::Any, None).await.map(drop)
    };
    let copied = async {
        let Some(source) = scope.open(&there).await? else { return Ok(()) };
        scope.copy(&source, &key("copied"), &Precondition::Any, None).await.map(drop)
    };
    vec![
        ("copy", copied.await),
        ("stat", scope.stat(&there).await.map(drop)),
        ("stat of nothing", scope.stat(&key("none")).await.map(drop)),
        ("get", scope.get(&there, 100).await.map(drop)),
        ("open", scope.open(&there).await.map(drop)),
        ("list", scope.list(&everything).await.map(drop)),
        ("put", scope.put(&key("made"), "text".into(), &Precondition::Absent, None).await.map(drop)),
        ("put deep", scope.put(&key("a/b/c"), "text".into(), &Precondition::Any, None).await.map(drop)),
        ("remove", scope.remove(&key("none"), &Precondition::Any).await.map(drop)),
        ("stage", staged.await),
        ("upload", scope.start_upload("", &[], OWNER).await.map(drop)),
        ("open upload", scope.open_upload("none").await.map(drop)),
    ]
}

async fn assert_away(scope: &Scope, when: &str) {
    for (name, result) in call_all(scope).await {
        assert!(matches!(result, Err(StorageError::Unavailable(_))), "{when}, {name}: {result:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_vanishes_is_away_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (root, aside) = (folder.path().join("objects"), folder.path().join("aside"));
    let storage = Storage::open(&settings(&root)).await.unwrap();
    let scope = storage.scope("demo").unwrap();
    put(&scope, "doc", "text").await;

    fs::rename(&root, &aside).unwrap();
    assert_away(&scope, "moved away").await;
    assert!(storage.probe().await.is_err());
    assert!(!root.exists(), "it is not made again");

    fs::create_dir(&root).unwrap();
    assert_away(&scope, "an empty folder in its place").await;
    assert_eq!(names_in(&root), Vec::<PathBuf>::new());

    fs::remove_dir(&root).unwrap();
    fs::rename(&aside, &root).unwrap();
    for (name, result) in call_all(&scope).await {
        assert!(result.is_ok(), "{name}: {result:?}");
    }
    assert_eq!(text_of(&scope, "doc").await.as_deref(), Some("text"));
    storage.probe().await.unwrap();

    fs::remove_dir_all(&root).unwrap();
    assert_away(&scope, "removed").await;
    assert!(!root.exists());
}

/// The disk of one mount is unmounted, and the store stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_inside_that_lost_its_mark_takes_no_object() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("objects");
    let storage = Storage::open(&settings(&root)).await.unwrap();
    let (scope, other) = (storage.scope("demo").unwrap(), storage.scope("demonstration").unwrap());
    put(&scope, "doc", "text").await;
    put(&scope.own(), "mark", "here").await;
    scope.known_by(&key("mark")).unwrap();
    let staged = async || {
        let mut writer = scope.writer(&[], u64::MAX).await.unwrap();
        writer.write(pattern(1000)).await.unwrap();
        writer.finish().await.unwrap()
    };
    let mut before = staged().await;

    let (demo, aside) = (root.join("demo"), folder.path().join("aside"));
    fs::rename(&demo, &aside).unwrap();
    for is_empty_folder in [false, true] {
        if is_empty_folder {
            fs::create_dir(&demo).unwrap();
        }
        let committed = before.commit(&key("staged"), &[], &Precondition::Any, None).await.map(drop);
        assert!(matches!(committed, Err(StorageError::Unavailable(_))), "{committed:?}");
        // Uploads lie in the host's own folder until they are complete.
        let upload = ["upload", "open upload", "copy"];
        for (name, result) in call_all(&scope).await.into_iter().filter(|(name, _)| !upload.contains(name)) {
            let told = result.as_ref().err().map(ToString::to_string).unwrap_or_default();
            assert!(matches!(&result, Err(StorageError::Unavailable(_))), "{name}: {result:?}");
            assert!(told.contains("`demo/.packhouse/mark` is missing"), "{told}");
        }
        assert_eq!(demo.exists(), is_empty_folder, "no folder is made");
        put(&other, "doc", "text").await;
    }
    assert_eq!(names_in(&demo), Vec::<PathBuf>::new());

    fs::remove_dir(&demo).unwrap();
    fs::rename(&aside, &demo).unwrap();
    before.commit(&key("later"), &[], &Precondition::Any, None).await.unwrap();
    assert_eq!(text_of(&scope, "doc").await.as_deref(), Some("text"));
    // The host puts a mark back that an operator has accepted to be gone.
    fs::remove_dir_all(&demo).unwrap();
    put(&scope.own(), "mark", "here").await;
    put(&scope, "doc", "anew").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_store_in_its_place_is_not_used() {
    let folder = tempfile::tempdir().unwrap();
    let [root, other, aside] = ["objects", "other", "aside"].map(|name| folder.path().join(name));
    let storage = Storage::open(&settings(&root)).await.unwrap();
    let scope = storage.scope("demo").unwrap();
    put(&scope, "doc", "text").await;
    let others = Storage::open(&settings(&other)).await.unwrap();
    assert_ne!(storage.id().await, others.id().await);
    let opening = Opening::to_serve(Wanted::Known(storage.id().await.unwrap()));
    drop(others);
    fs::rename(&root, &aside).unwrap();
    fs::rename(&other, &root).unwrap();
    assert_away(&scope, "another store, while it runs").await;
    let known = Storage::open_as(&settings(&root), &opening).await.unwrap();
    assert_away(&known.scope("demo").unwrap(), "another store").await;
    assert_eq!(known.id().await, None);
    assert!(!root.join("demo").exists());
    fs::rename(&root, &other).unwrap();
    fs::rename(&aside, &root).unwrap();
    assert_eq!(text_of(&known.scope("demo").unwrap(), "doc").await.as_deref(), Some("text"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_made_for_a_store_that_is_known_and_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("deep/objects");
    let known = Wanted::Known(StoreId::fresh());
    let storage = Storage::open_as(&settings(&root), &Opening::to_serve(known.clone())).await.unwrap();
    assert_away(&storage.scope("demo").unwrap(), "not there").await;
    for wanted in [known, Wanted::New(StoreId::fresh()), Wanted::Any { lasting: true }] {
        let command = Opening { wanted, may_make: false, only_reads: true, must_be_shareable: false };
        let opened = Storage::open_as(&settings(&root), &command).await.map(drop);
        assert!(matches!(opened, Err(StorageError::Unavailable(_))), "a command: {opened:?}");
    }
    assert_eq!(names_in(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_at_once_make_one_identity() {
    let folder = tempfile::tempdir().unwrap();
    let opened: Vec<_> = (0..8)
        .map(|_| {
            let settings = settings(&folder.path().join("objects"));
            tokio::spawn(async move { Storage::open(&settings).await.unwrap().id().await.unwrap() })
        })
        .collect();
    let mut ids = Vec::new();
    for id in opened {
        ids.push(id.await.unwrap());
    }
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_written_is_for_the_hosts_user_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("objects");
    let storage = Storage::open(&settings(&root)).await.unwrap();
    for (name, result) in call_all(&storage.scope("demo").unwrap()).await {
        assert!(result.is_ok() || name == "copy", "{name}: {result:?}");
    }
    let (mut left, mut files) = (vec![root], 0);
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{}: {mode:o}", path.display());
        if metadata.is_dir() {
            left.extend(names_in(&path));
        } else {
            files += 1;
        }
    }
    assert!(files > 4, "{files} files");
}

/// A file that is overwritten keeps its inode, and the inode of a file that was deleted is used
/// again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_identity_that_is_overwritten_while_a_host_runs_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (folder.path().join("one"), folder.path().join("other"));
    Storage::open(&settings(&other)).await.unwrap();
    let storage = Storage::open(&settings(&one)).await.unwrap();
    let scope = storage.scope("demo").unwrap();
    put(&scope, "doc", "text").await;
    let identity = one.join(".packhouse/store.json");
    let own = fs::read(&identity).unwrap();
    fs::write(&identity, fs::read(other.join(".packhouse/store.json")).unwrap()).unwrap();
    assert_away(&scope, "the identity of another store").await;
    assert!(storage.probe().await.is_err());
    fs::write(&identity, own).unwrap();
    assert!(scope.get(&key("doc"), 100).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_stays_locked_when_its_lock_file_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Storage::open(&settings(&folder.path().join("objects"))).await.unwrap();
    let (first, second) = (open().await, open().await);
    let alone = first.enter(Company::One).await.unwrap();
    fs::remove_file(folder.path().join("objects/.packhouse/host.lock")).unwrap();
    for company in [Company::One, Company::Many] {
        let refused = second.enter(company).await.map(drop);
        assert!(matches!(refused, Err(StorageError::Invalid(_))), "{company:?}: {refused:?}");
    }
    drop(alone);
    second.enter(Company::One).await.unwrap().leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_symbolic_link_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (root, outside) = (folder.path().join("objects"), folder.path().join("outside"));
    let storage = Storage::open(&settings(&root)).await.unwrap();
    let scope = storage.scope("demo").unwrap();
    put(&scope, "doc", "text").await;
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink(&outside, root.join("demo/folder")).unwrap();
    symlink(outside.join("secret"), root.join("demo/file")).unwrap();
    symlink(outside.join("none"), root.join("demo/dangling")).unwrap();
    for name in ["folder/secret", "folder/new", "file", "dangling"] {
        let (known, none) = (key(name), Precondition::Any);
        let everything = ListOptions { limit: 10, ..ListOptions::default() };
        let told: Vec<Result<(), StorageError>> = vec![
            scope.stat(&known).await.map(drop),
            scope.get(&known, 100).await.map(drop),
            scope.open(&known).await.map(drop),
            scope.remove(&known, &none).await.map(drop),
        ];
        for result in told {
            assert!(
                matches!(&result, Err(StorageError::Link(why)) if why.to_string().contains(name)),
                "{name}: {result:?}"
            );
        }
        let listed = scope.list(&everything).await.unwrap();
        assert_eq!(listed.objects.len(), 1, "the others are there");
        assert_eq!(listed.odd.len(), 3, "and these are told: {:?}", listed.odd);
    }
    let written = scope.put(&key("folder/new"), "text".into(), &Precondition::Any, None).await;
    assert!(written.is_err(), "{written:?}");
    // A link in the place of an object is replaced, and what it leads to stays.
    let replaced: ObjectInfo = put(&scope, "file", "own").await;
    assert_eq!(replaced.size, 3);
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "secret");
    assert_eq!(names_in(&outside), [outside.join("secret")]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_must_be_alone_on_a_folder_is_refused_beside_another() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || Storage::open(&settings(&folder.path().join("objects"))).await.unwrap();
    let (first, second) = (open().await, open().await);
    let refused = async |storage: &Storage, company| match storage.enter(company).await {
        Err(StorageError::Invalid(sentence)) => assert!(sentence.contains("hosts = \"many\""), "{sentence}"),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("two hosts that are alone"),
    };
    let alone = first.enter(Company::One).await.unwrap();
    refused(&second, Company::One).await;
    refused(&second, Company::Many).await;
    second.enter(Company::Guest).await.unwrap().leave().await;
    put(&first.scope("demo").unwrap(), "doc", "text").await;
    alone.leave().await;
    let many = second.enter(Company::Many).await.unwrap();
    let more = first.enter(Company::Many).await.unwrap();
    refused(&open().await, Company::One).await;
    drop((many, more));
    open().await.enter(Company::One).await.unwrap().leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_was_emptied_is_away_and_comes_back() {
    let server = Server::start().await;
    let storage = Storage::open(&server.settings()).await.unwrap();
    let scope = storage.scope("demo").unwrap();
    put(&scope, "doc", "text").await;
    let identity = server.bucket().join(".packhouse/store.json");
    let kept = fs::read(&identity).unwrap();
    fs::remove_file(&identity).unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    // Also by who reads only what is there.
    while scope.stat(&key("doc")).await.is_ok() {
        assert!(Instant::now() < until, "it is not noticed");
        tokio::task::yield_now().await;
    }
    assert_away(&scope, "emptied").await;
    assert!(storage.probe().await.is_err());
    assert!(!server.bucket().join("demo/made").exists());
    let known = Opening::to_serve(Wanted::Known(storage.id().await.unwrap()));
    assert!(Storage::open_as(&server.settings(), &known).await.is_err(), "a host does not start on it");
    fs::write(&identity, kept).unwrap();
    assert_eq!(scope.stat(&key("none")).await.unwrap(), None);
    put(&scope, "made", "text").await;
    Storage::open_as(&server.settings(), &known).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_whose_identity_is_damaged_is_away() {
    let server = Server::start().await;
    let storage = Storage::open(&server.settings()).await.unwrap();
    let identity = server.bucket().join(".packhouse/store.json");
    let kept = fs::read(&identity).unwrap();
    fs::write(&identity, "{ damaged").unwrap();
    let scope = storage.scope("demo").unwrap();
    let until = Instant::now() + Duration::from_secs(20);
    while scope.stat(&key("none")).await.is_ok() {
        assert!(Instant::now() < until, "it is not noticed");
        tokio::task::yield_now().await;
    }
    assert_away(&scope, "damaged").await;
    let known = Opening::to_serve(Wanted::Known(storage.id().await.unwrap()));
    let opened = Storage::open_as(&server.settings(), &known).await.map(drop);
    assert!(matches!(&opened, Err(StorageError::Unavailable(_))), "{opened:?}");
    fs::write(&identity, kept).unwrap();
    assert_eq!(scope.stat(&key("none")).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_that_will_be_refused_claims_no_bucket() {
    let server = Server::that_ignores_conditions().await;
    let identity = server.bucket().join(".packhouse/store.json");
    let opening = Opening { must_be_shareable: true, ..Opening::to_serve(Wanted::New(StoreId::fresh())) };
    let storage = Storage::open_as(&server.settings(), &opening).await.unwrap();
    assert!(!storage.is_safe_to_share() && storage.id().await.is_none() && !identity.exists());
    let other = Opening::to_serve(Wanted::New(StoreId::fresh()));
    Storage::open_as(&server.settings(), &other).await.expect("the next one may have it");
    assert!(identity.exists());
}
