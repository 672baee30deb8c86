//! Many writers at once, in one process and as several hosts on one folder.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::*;

const WRITERS: usize = 32;
const INCREMENTS: usize = 8;

async fn count_together(house: &House) {
    let scopes = [house.scope(), house.second_scope().await];
    let mut tasks = JoinSet::new();
    for writer in 0..WRITERS {
        let scope = scopes[writer % scopes.len()].clone();
        tasks.spawn(async move {
            for _ in 0..INCREMENTS {
                while !increment(&scope).await {}
            }
        });
    }
    tasks.join_all().await;
    let wanted = (WRITERS * INCREMENTS).to_string();
    assert_eq!(text_of(&scopes[1], "counter").await, Some(wanted));
    house.assert_nothing_is_left_over().await;
}

pub(super) async fn increment(scope: &Scope) -> bool {
    let found = scope.get(&key("counter"), 100).await.unwrap();
    let (count, precondition) = match found {
        Some((info, bytes)) => {
            let count: usize = String::from_utf8(bytes.to_vec()).unwrap().parse().unwrap();
            (count, Precondition::Version(info.version))
        }
        None => (0, Precondition::Absent),
    };
    match scope.put(&key("counter"), (count + 1).to_string().into(), &precondition, None).await {
        Ok(_) => true,
        Err(StorageError::Conflict) => false,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost_between_two_hosts_on_one_folder() {
    count_together(&on_files().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_update_is_lost_in_memory() {
    count_together(&in_memory().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_may_vanish_while_others_write_into_them() {
    for house in [on_files().await, in_memory().await] {
        let scopes = Arc::new([house.scope(), house.second_scope().await]);
        let mut tasks = JoinSet::new();
        for writer in 0..8 {
            let scopes = scopes.clone();
            tasks.spawn(async move {
                let scope = &scopes[writer % 2];
                let name = format!("deep/er/{}/doc", writer % 4);
                for _ in 0..30 {
                    put(scope, &name, "x").await;
                    scope.remove(&key(&name), &Precondition::Any).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let page = house.scope().list(&crate::ListOptions { limit: 10, ..Default::default() }).await.unwrap();
        assert!(page.objects.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_an_object_and_a_folder_at_once() {
    for house in [on_files().await, in_memory().await] {
        let scope = house.scope();
        for round in 0..40 {
            let (object, below) = (key(&format!("{round}/a")), key(&format!("{round}/a/b")));
            let (one, other) = tokio::join!(
                scope.put(&object, "x".into(), &Precondition::Any, None),
                scope.put(&below, "x".into(), &Precondition::Any, None),
            );
            assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        }
    }
}
