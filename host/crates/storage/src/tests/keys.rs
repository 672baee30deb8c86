//! What may be a key, and what cannot be two things at once.

use super::*;

#[test]
fn refuses_what_no_key_may_be() {
    let long = ["x".repeat(256), vec!["abc"; 257].join("/")];
    for text in [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "a/./b",
        "a/../b",
        "a\nb",
        "a\0",
        ".packhouse",
        ".packhouse/x",
    ] {
        assert!(matches!(Key::parse(text), Err(StorageError::Invalid(_))), "{text:?}");
    }
    for text in long {
        assert!(matches!(Key::parse(&text), Err(StorageError::Invalid(_))));
    }
    for text in ["a", "a/.packhouse", ".packhouse2", "@a/b", "a/...", &"x".repeat(255)] {
        assert!(Key::parse(text).is_ok(), "{text:?}");
    }
}

on_every_store! {
    async fn refuses_an_object_below_an_object(house) {
        let scope = house.scope();
        put(&scope, "a", "object").await;
        for precondition in [Precondition::Any, Precondition::Absent] {
            for below in ["a/b", "a/b/c"] {
                let refused = scope.put(&key(below), "x".into(), &precondition, None).await;
                assert!(matches!(refused, Err(StorageError::Clash(_))), "{refused:?}");
                assert_eq!(scope.stat(&key(below)).await.unwrap(), None);
                assert!(scope.get(&key(below), 10).await.unwrap().is_none());
            }
        }
        assert!(scope.remove(&key("a"), &Precondition::Any).await.unwrap());
        put(&scope, "a/b/c", "object").await;
    }

    async fn refuses_an_object_where_a_folder_is(house) {
        let scope = house.scope();
        put(&scope, "a/b/c", "object").await;
        for precondition in [Precondition::Any, Precondition::Absent] {
            for above in ["a", "a/b"] {
                let refused = scope.put(&key(above), "x".into(), &precondition, None).await;
                assert!(matches!(refused, Err(StorageError::Clash(_))), "{refused:?}");
            }
        }
        if house.is_a_real_engine {
            assert!(!scope.remove(&key("a/b"), &Precondition::Any).await.unwrap());
        }
        assert!(scope.remove(&key("a/b/c"), &Precondition::Any).await.unwrap());
        if house.is_a_real_engine {
            put(&scope, "a", "object").await;
        }
    }

    async fn another_host_sees_folders_as_folders(house) {
        put(&house.scope(), "a/b", "x").await;
        let second = house.second_scope().await;
        put(&second, "a/c", "x").await;
        let refused = second.put(&key("a"), "x".into(), &Precondition::Absent, None).await;
        assert!(matches!(refused, Err(StorageError::Clash(_))), "{refused:?}");
    }

    async fn refuses_a_path_that_is_too_long_with_its_prefix(house) {
        let scope = house.scope();
        let exact = vec!["a".repeat(254); 4].join("/");
        assert!(exact.len() + "demo/".len() == 1024);
        if house.is_a_real_engine {
            put(&scope, &exact, "x").await;
            assert_eq!(text_of(&scope, &exact).await.as_deref(), Some("x"));
        }
        let longer = format!("{exact}a");
        assert!(matches!(scope.stat(&key(&longer)).await, Err(StorageError::Invalid(_))));
    }
}

#[tokio::test]
async fn an_empty_folder_left_by_a_crash_is_nothing() {
    let house = on_files().await;
    let Settings::Fs { root } = &house.settings else { panic!("files") };
    std::fs::create_dir_all(root.join("demo/a/b/c")).unwrap();
    let scope = house.scope();
    let options = crate::ListOptions { folders: true, limit: 10, ..Default::default() };
    assert!(scope.list(&options).await.unwrap().folders.is_empty());
    put(&scope, "a", "object").await;
    assert_eq!(text_of(&scope, "a").await.as_deref(), Some("object"));
}

#[tokio::test]
async fn removing_tidies_folders_up_to_the_root() {
    let house = on_files().await;
    let Settings::Fs { root } = &house.settings else { panic!("files") };
    let scope = house.scope();
    put(&scope, "a/b/c", "x").await;
    put(&scope, "a/d", "x").await;
    scope.remove(&key("a/b/c"), &Precondition::Any).await.unwrap();
    assert!(!root.join("demo/a/b").exists() && root.join("demo/a").exists());
    scope.remove(&key("a/d"), &Precondition::Any).await.unwrap();
    assert!(!root.join("demo").exists() && root.exists());
}
