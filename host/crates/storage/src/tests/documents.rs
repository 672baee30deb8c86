//! Small objects: reading, writing under conditions, removing, copying.

use super::*;

on_every_store! {
    async fn finds_nothing_where_nothing_is(house) {
        let scope = house.scope();
        assert_eq!(scope.stat(&key("a/b")).await.unwrap(), None);
        assert!(scope.get(&key("a/b"), 10).await.unwrap().is_none());
        assert!(scope.open(&key("a/b")).await.unwrap().is_none());
        assert!(scope.digests(&key("a/b"), &[Algorithm::Md5]).await.unwrap().is_none());
        assert!(!scope.remove(&key("a/b"), &Precondition::Any).await.unwrap());
    }

    async fn gives_back_what_was_written(house) {
        let scope = house.scope();
        let text = Bytes::from_static(b"{}");
        let written = scope.put(&key("pkg/index"), text.clone(), &Precondition::Any, Some("application/json")).await.unwrap();
        assert_eq!((written.key.as_str(), written.size), ("pkg/index", 2));
        let seen = scope.stat(&key("pkg/index")).await.unwrap().unwrap();
        assert_eq!((&seen.key, seen.size, &seen.version), (&written.key, 2, &written.version));
        assert!(seen.modified.is_some());
        assert_eq!(seen.content_type.is_some(), house.storage.abilities().content_types);
        let (info, bytes) = scope.get(&key("pkg/index"), 2).await.unwrap().unwrap();
        assert_eq!((info, bytes), (seen, text));
        if house.is_a_real_engine {
            assert_eq!(scope.stat(&key("pkg")).await.unwrap(), None);
        }
    }

    async fn keeps_odd_names_and_empty_objects(house) {
        let scope = house.scope();
        for name in ["@scope/pkg", "a b+c%2f", "ünï/çödé", "x.tgz#?&=", "...", "a..b", ".hidden"] {
            put(&scope, name, "").await;
            assert_eq!(text_of(&scope, name).await.as_deref(), Some(""), "{name}");
        }
    }

    async fn refuses_to_read_more_than_the_limit(house) {
        let scope = house.scope();
        put(&scope, "doc", "12345").await;
        assert!(matches!(scope.get(&key("doc"), 4).await, Err(StorageError::TooLarge(4))));
    }

    async fn writes_only_where_nothing_is(house) {
        let scope = house.scope();
        let absent = Precondition::Absent;
        scope.put(&key("doc"), "one".into(), &absent, None).await.unwrap();
        let second = scope.put(&key("doc"), "two".into(), &absent, None).await;
        assert!(matches!(second, Err(StorageError::Conflict)));
        assert_eq!(text_of(&scope, "doc").await.as_deref(), Some("one"));
    }

    async fn replaces_only_the_version_it_knows(house) {
        let scope = house.scope();
        let first = put(&scope, "doc", "one").await;
        let version = Precondition::Version(first.version.clone());
        let second = scope.put(&key("doc"), "two".into(), &version, None).await.unwrap();
        assert_ne!(first.version, second.version);
        let third = scope.put(&key("doc"), "three".into(), &version, None).await;
        assert!(matches!(third, Err(StorageError::Conflict)));
        let nowhere = scope.put(&key("none"), "x".into(), &version, None).await;
        assert!(matches!(nowhere, Err(StorageError::Conflict)));
        assert_eq!(text_of(&scope, "doc").await.as_deref(), Some("two"));
    }

    async fn removes_only_the_version_it_knows(house) {
        let scope = house.scope();
        let first = put(&scope, "a/doc", "one").await;
        let second = put(&scope, "a/doc", "two").await;
        let stale = scope.remove(&key("a/doc"), &Precondition::Version(first.version)).await;
        assert!(matches!(stale, Err(StorageError::Conflict)));
        let known = Precondition::Version(second.version);
        assert!(scope.remove(&key("a/doc"), &known).await.unwrap());
        assert!(matches!(scope.remove(&key("a/doc"), &known).await, Err(StorageError::Conflict)));
        assert_eq!(text_of(&scope, "a/doc").await, None);
    }

    async fn copies_under_the_targets_condition(house) {
        let scope = house.scope();
        put(&scope, "source", "text").await;
        let source = scope.open(&key("source")).await.unwrap().unwrap();
        let copy = async |precondition| scope.copy(&source, &key("deep/target"), &precondition, None).await;
        let copied = copy(Precondition::Absent).await.unwrap();
        assert_eq!((copied.key.as_str(), copied.size), ("deep/target", 4));
        assert_eq!(text_of(&scope, "deep/target").await.as_deref(), Some("text"));
        assert!(matches!(copy(Precondition::Absent).await, Err(StorageError::Conflict)));
        copy(Precondition::Version(copied.version)).await.unwrap();
    }

    async fn keeps_scopes_apart(house) {
        let (demo, other) = (house.scope(), house.storage.scope("other").unwrap());
        put(&demo, "doc", "demo").await;
        assert_eq!(text_of(&other, "doc").await, None);
        assert!(house.storage.scope(".packhouse").is_err());
        assert!(house.storage.scope("a/../b").is_err());
    }

    async fn answers_that_it_is_there(house) {
        house.storage.probe().await.unwrap();
    }

    async fn reads_one_version_to_the_end(house) {
        let scope = house.scope();
        let old = pattern(3_000_000);
        stage(&scope, &old, &[]).await.commit(&key("blob"), &[], &Precondition::Any, None).await.unwrap();
        let reader = scope.open(&key("blob")).await.unwrap().unwrap();
        assert_eq!(reader.read_at(2_999_990, 100).await.unwrap(), old.slice(2_999_990..));
        assert!(reader.read_at(9_000_000, 100).await.unwrap().is_empty());
        put(&scope, "blob", "new").await;
        match reader.read_at(10, 20).await {
            Ok(bytes) => assert_eq!(bytes, old.slice(10..30)),
            Err(error) => {
                let may_be_gone = !house.storage.abilities().keeps_opened;
                assert!(may_be_gone && matches!(error, StorageError::Conflict), "{error}");
            }
        }
        assert_eq!(text_of(&scope, "blob").await.as_deref(), Some("new"));
    }

    async fn streams_and_digests_ranges(house) {
        use futures_util::TryStreamExt;
        let scope = house.scope();
        let bytes = pattern(1_500_001);
        stage(&scope, &bytes, &[]).await.commit(&key("blob"), &[], &Precondition::Any, None).await.unwrap();
        let reader = scope.open(&key("blob")).await.unwrap().unwrap();
        for (start, end) in [(0_u32, 1_500_001_u32), (7, 1_000_003), (5, 5), (1_400_000, 9_000_000)] {
            let pieces: Vec<Bytes> = reader.stream(start.into()..end.into()).try_collect().await.unwrap();
            assert_eq!(pieces.concat(), bytes[start as usize..bytes.len().min(end as usize)]);
        }
        let found = reader.digest_range(7, 1_000_000, &[Algorithm::Sha1, Algorithm::Md5]).await.unwrap();
        let part = bytes.slice(7..1_000_007);
        assert_eq!(found, [digest(Algorithm::Sha1, &part), digest(Algorithm::Md5, &part)]);
        assert!(matches!(reader.digest_range(7, 1_500_001, &[]).await, Err(StorageError::Invalid(_))));
        let whole = scope.digests(&key("blob"), &[Algorithm::Sha256]).await.unwrap().unwrap();
        assert_eq!(whole, [digest(Algorithm::Sha256, &bytes)]);
    }
}
