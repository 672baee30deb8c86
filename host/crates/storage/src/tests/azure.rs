//! Azure Blob Storage for the suite: an engine that the environment names. The tests of this file
//! are of what it does otherwise than S3.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;
use crate::{AzureSettings, ListOptions};

/// The URL of an account's blob service, the account's name, and its key, with blanks between.
const ENGINE: &str = "PACKHOUSE_STORAGE_SUITE_AZURE";

/// A container of its own on the engine that was started for the suite.
pub async fn engine() -> Settings {
    let settings = settings();
    crate::bucket::azure::make_container(&settings).await;
    Settings::Azure(settings)
}

fn settings() -> AzureSettings {
    let told = std::env::var(ENGINE).unwrap_or_else(|_| panic!("{ENGINE} is not set"));
    let mut words = told.split(' ');
    let mut next = || words.next().unwrap().to_owned();
    AzureSettings {
        endpoint: next(),
        account_name: next(),
        account_key: next().into(),
        container: format!("suite-{}", uuid::Uuid::new_v4().simple()),
        part_buffers: 64 << 20,
    }
}

#[ignore = "needs an engine: tests/clients/storage_suite.rs starts one"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn conditions_hold_for_several_hosts_on_azure() {
    let house = on_azure().await;
    let abilities = house.storage.abilities();
    assert!(abilities.shareable && abilities.content_types && abilities.lasting, "{abilities:?}");
    assert!(!abilities.copies, "this engine copies parts by itself");
    let scopes = Arc::new([house.scope(), house.second_scope().await]);
    let mut tasks = JoinSet::new();
    for writer in 0..8 {
        let scopes = scopes.clone();
        tasks.spawn(async move {
            for _ in 0..4 {
                while !races::increment(&scopes[writer % 2]).await {}
            }
        });
    }
    tasks.join_all().await;
    assert_eq!(text_of(&scopes[0], "counter").await.as_deref(), Some("32"));
}

/// Of parts that the service cannot copy.
#[ignore = "needs an engine: tests/clients/storage_suite.rs starts one"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_blob_is_joined_and_copied_through_the_host_on_azure() {
    let house = on_azure().await;
    let scope = house.scope();
    let bytes = pattern(40 * 1024 * 1024 + 17);
    let wanted = [digest(Algorithm::Sha256, &bytes)];
    let made =
        stage(&scope, &bytes, &[]).await.commit(&key("blob"), &[], &Precondition::Absent, Some("a/b")).await;
    assert_eq!(made.unwrap().size, bytes.len() as u64);
    let again = stage(&scope, &bytes, &[]).await.commit(&key("blob"), &[], &Precondition::Absent, None).await;
    assert!(matches!(again, Err(StorageError::Conflict)), "{again:?}");
    let source = scope.open(&key("blob")).await.unwrap().unwrap();
    scope.copy(&source, &key("copy"), &Precondition::Absent, None).await.unwrap();
    for name in ["blob", "copy"] {
        assert_eq!(scope.digests(&key(name), &[Algorithm::Sha256]).await.unwrap().unwrap(), wanted);
        let info = scope.stat(&key(name)).await.unwrap().unwrap();
        assert_eq!(info.content_type.as_deref(), Some("a/b"));
    }
    house.assert_nothing_is_left_over().await;
}

/// The service cannot begin behind a key: a listing goes on where it stood, or reads all before.
#[ignore = "needs an engine: tests/clients/storage_suite.rs starts one"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_go_on_also_at_another_host_on_azure() {
    let house = on_azure().await;
    let scopes = [house.scope(), house.second_scope().await];
    let mut names = Vec::new();
    for number in 0..25 {
        names.push(format!("{number:02}/doc"));
        put(&scopes[0], names.last().unwrap(), "x").await;
    }
    for folders in [false, true] {
        let (mut found, mut after) = (Vec::new(), None);
        for turn in 0.. {
            let options = ListOptions { prefix: String::new(), folders, after, limit: 4 };
            let page = scopes[turn % 2].list(&options).await.unwrap();
            found.extend(page.objects.into_iter().map(|object| object.key));
            found.extend(page.folders.into_iter().map(|folder| format!("{folder}doc")));
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, names, "folders: {folders}");
    }
}

#[ignore = "needs an engine: tests/clients/storage_suite.rs starts one"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_settings_are_named_on_azure() {
    let house = on_azure().await;
    let Settings::Azure(right) = house.settings else { panic!("a container") };
    let wrong_key = AzureSettings { account_key: "d3Jvbmc=".into(), ..right.clone() };
    let wrong_container = AzureSettings { container: "there-is-none".into(), ..right.clone() };
    let wrong_place = AzureSettings { endpoint: "http://127.0.0.1:9/ann".into(), ..right };
    for (settings, field) in [
        (wrong_key, "account_name and account_key"),
        (wrong_container, "container"),
        (wrong_place, "endpoint"),
    ] {
        match Storage::open(&Settings::Azure(settings)).await.map(drop) {
            Err(StorageError::Setting(found, sentence)) => assert_eq!(found, field, "{sentence}"),
            other => panic!("{field}: {other:?}"),
        }
    }
}
