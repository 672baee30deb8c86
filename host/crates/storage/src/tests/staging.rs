//! Bytes on their way in.

use super::*;
use crate::{Packed, Packing, Unpacked};

const LARGE: usize = 20 * 1024 * 1024 + 17;

fn deflate(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

on_every_store! {
    async fn nothing_is_seen_before_the_commit(house) {
        let scope = house.scope();
        let bytes = pattern(2_500_000);
        let mut staged = stage(&scope, &bytes, &Algorithm::ALL).await;
        assert_eq!(staged.size(), 2_500_000);
        let wanted: Vec<_> = Algorithm::ALL.into_iter().map(|one| digest(one, &bytes)).collect();
        assert_eq!(staged.digests(), wanted);
        assert_eq!(staged.read_at(2_499_999, 10).await.unwrap(), bytes.slice(2_499_999..));
        assert_eq!(staged.digest_range(1, 9, &[Algorithm::Md5]).await.unwrap(), [digest(Algorithm::Md5, &bytes[1..10])]);
        let page = scope.list(&crate::ListOptions { limit: 10, ..Default::default() }).await.unwrap();
        assert!(page.objects.is_empty());
        let info = staged.commit(&key("a/blob"), &wanted, &Precondition::Absent, None).await.unwrap();
        assert_eq!(scope.stat(&key("a/blob")).await.unwrap().unwrap().version, info.version);
        let (_, found) = scope.get(&key("a/blob"), u64::MAX).await.unwrap().unwrap();
        assert_eq!(found, bytes);
        assert_eq!((staged.size(), staged.digests().len()), (2_500_000, 5));
        assert!(matches!(staged.read_at(0, 1).await, Err(StorageError::NotFound)));
        let again = staged.commit(&key("b"), &[], &Precondition::Any, None).await;
        assert!(matches!(again, Err(StorageError::NotFound)));
    }

    async fn parts_of_it_are_unpacked(house) {
        let scope = house.scope();
        let plain = [pattern(3_000_000), Bytes::from(vec![7; 5_000_000]), Bytes::from_static(b"short"), Bytes::new()];
        let (mut bytes, mut parts) = (b"front".to_vec(), Vec::new());
        for plain in &plain {
            for packing in [Packing::Deflate, Packing::Store] {
                let start = bytes.len() as u64;
                bytes.extend(if packing == Packing::Deflate { deflate(plain) } else { plain.to_vec() });
                parts.push(Packed { range: start..bytes.len() as u64, packing, limit: plain.len() as u64 });
                bytes.extend(b"between");
            }
        }
        let mut staged = stage(&scope, &bytes.into(), &[]).await;
        let crc32 = |plain: &Bytes| {
            let mut crc = flate2::Crc::new();
            crc.update(plain);
            crc.sum()
        };
        let expected: Vec<_> = plain
            .iter()
            .flat_map(|plain| [Some(Unpacked { size: plain.len() as u64, crc32: crc32(plain) }); 2])
            .collect();
        assert_eq!(staged.unpack(parts.clone()).await.unwrap(), expected);
        let damaged = vec![Packed { range: 1..1_000_000, ..parts[0].clone() }];
        assert_eq!(staged.unpack(damaged).await.unwrap(), [None]);
        let outside = vec![Packed { range: 0..u64::MAX, ..parts[0].clone() }];
        assert!(matches!(staged.unpack(outside).await, Err(StorageError::Invalid(_))));
        staged.commit(&key("blob"), &[], &Precondition::Any, None).await.unwrap();
        assert!(matches!(staged.unpack(parts).await, Err(StorageError::NotFound)));
    }

    async fn a_failed_commit_changes_nothing_and_may_be_tried_again(house) {
        let scope = house.scope();
        put(&scope, "taken", "old").await;
        for size in [10, LARGE] {
            let bytes = pattern(size);
            let mut staged = stage(&scope, &bytes, &[Algorithm::Sha256]).await;
            let taken = staged.commit(&key("taken"), &[], &Precondition::Absent, None).await;
            assert!(matches!(taken, Err(StorageError::Conflict)));
            let stale = staged.commit(&key("taken"), &[], &Precondition::Version("0".into()), None).await;
            assert!(matches!(stale, Err(StorageError::Conflict)));
            let below = staged.commit(&key("taken/below"), &[], &Precondition::Any, None).await;
            assert!(matches!(below, Err(StorageError::Clash(_))));
            let wrong = [digest(Algorithm::Sha512, b"other")];
            let differs = staged.commit(&key("free"), &wrong, &Precondition::Any, None).await;
            assert!(matches!(differs, Err(StorageError::DigestMismatch { .. })));
            assert_eq!(scope.stat(&key("free")).await.unwrap(), None);
            assert_eq!(text_of(&scope, "taken").await.as_deref(), Some("old"));
            let right = [digest(Algorithm::Sha512, &bytes)];
            staged.commit(&key("free"), &right, &Precondition::Absent, None).await.unwrap();
            let found = scope.open(&key("free")).await.unwrap().unwrap();
            assert_eq!(found.digest_range(0, size as u64, &[Algorithm::Sha512]).await.unwrap(), right);
            scope.remove(&key("free"), &Precondition::Any).await.unwrap();
        }
    }

    async fn replaces_the_version_it_knows_with_something_large(house) {
        let scope = house.scope();
        let first = put(&scope, "blob", "old").await;
        let bytes = pattern(LARGE);
        let mut staged = stage(&scope, &bytes, &[]).await;
        let known = Precondition::Version(first.version);
        let second = staged.commit(&key("blob"), &[], &known, Some("application/x-demo")).await.unwrap();
        let seen = scope.stat(&key("blob")).await.unwrap().unwrap();
        assert_eq!((seen.size, &seen.version), (LARGE as u64, &second.version));
        let reader = scope.open(&key("blob")).await.unwrap().unwrap();
        assert_eq!(reader.read_at(LARGE as u64 - 5, 5).await.unwrap(), bytes.slice(LARGE - 5..));
        let copied = scope.copy(&reader, &key("copy"), &Precondition::Absent, None).await.unwrap();
        assert_eq!(copied.size, LARGE as u64);
        assert_eq!(scope.stat(&key("blob")).await.unwrap().unwrap().version, second.version);
        let copy = scope.digests(&key("copy"), &[Algorithm::Sha1]).await.unwrap().unwrap();
        assert_eq!(copy, [digest(Algorithm::Sha1, &bytes)]);
    }

    async fn stored_objects_are_appended_to_what_is_written(house) {
        let scope = house.scope();
        let (large, small) = (pattern(LARGE), pattern(1000));
        for (name, bytes) in [("large", &large), ("small", &small)] {
            stage(&scope, bytes, &[]).await.commit(&key(name), &[], &Precondition::Any, None).await.unwrap();
        }
        let (first, second) = (
            scope.open(&key("large")).await.unwrap().unwrap(),
            scope.open(&key("small")).await.unwrap().unwrap(),
        );
        let orders: [&[Option<&crate::Reader>]; 5] = [
            &[Some(&first), None],
            &[None, Some(&first), None],
            &[Some(&second), Some(&first), Some(&first), Some(&second)],
            &[Some(&first)],
            &[Some(&second)],
        ];
        for order in orders {
            for algorithms in [&[][..], &[Algorithm::Sha256]] {
                let mut writer = scope.writer(algorithms, u64::MAX).await.unwrap();
                let mut expected = Vec::new();
                for step in order {
                    if let Some(reader) = step {
                        writer.append(reader).await.unwrap();
                        let appended = reader.read_at(0, u64::MAX).await.unwrap();
                        expected.extend_from_slice(&appended);
                    } else {
                        writer.write("a line\n".into()).await.unwrap();
                        expected.extend_from_slice(b"a line\n");
                    }
                }
                let mut staged = writer.finish().await.unwrap();
                assert_eq!(staged.size(), expected.len() as u64);
                let wanted: Vec<_> = algorithms.iter().map(|one| digest(*one, &expected)).collect();
                assert_eq!(staged.digests(), wanted);
                assert_eq!(staged.read_at(0, u64::MAX).await.unwrap(), expected);
                staged.commit(&key("joined"), &[digest(Algorithm::Md5, &expected)], &Precondition::Any, None).await.unwrap();
                let (_, found) = scope.get(&key("joined"), u64::MAX).await.unwrap().unwrap();
                assert_eq!(found, expected);
            }
        }
        for (name, bytes) in [("large", &large), ("small", &small)] {
            let (_, found) = scope.get(&key(name), u64::MAX).await.unwrap().unwrap();
            assert_eq!(found, bytes, "it stays");
        }
        let mut writer = scope.writer(&[], LARGE as u64).await.unwrap();
        writer.write("x".into()).await.unwrap();
        assert!(matches!(writer.append(&first).await, Err(StorageError::TooLarge(_))));
    }

    async fn what_is_replaced_meanwhile_is_neither_copied_nor_appended(house) {
        let scope = house.scope();
        let is_kept = house.storage.abilities().keeps_opened;
        // A service may look at the size before it looks at the version.
        let shorter = Bytes::from_static(b"another");
        let longer = Bytes::from([shorter.clone(), pattern(LARGE)].concat());
        for (round, other) in [Some(shorter), Some(longer), None].into_iter().enumerate() {
            let mut staged = stage(&scope, &pattern(LARGE), &[]).await;
            staged.commit(&key("source"), &[], &Precondition::Any, None).await.unwrap();
            let source = scope.open(&key("source")).await.unwrap().unwrap();
            let mut writer = scope.writer(&[], u64::MAX).await.unwrap();
            writer.append(&source).await.unwrap();
            let mut appended = writer.finish().await.unwrap();
            if let Some(other) = other {
                let mut staged = stage(&scope, &other, &[]).await;
                staged.commit(&key("source"), &[], &Precondition::Any, None).await.unwrap();
            } else {
                assert!(scope.remove(&key("source"), &Precondition::Any).await.unwrap());
            }
            let (target, copy) = (key(&format!("appended/{round}")), key(&format!("copied/{round}")));
            let appended = appended.commit(&target, &[], &Precondition::Any, None).await;
            let copied = scope.copy(&source, &copy, &Precondition::Any, None).await;
            for (name, answer) in [(target, appended), (copy, copied)] {
                match answer {
                    Ok(_) => {
                        let found = scope.digests(&name, &[Algorithm::Sha1]).await.unwrap().unwrap();
                        assert_eq!(found, [digest(Algorithm::Sha1, &pattern(LARGE))], "{name}: another version");
                    }
                    Err(error) => {
                        assert!(!is_kept, "{name}: an open version stays what it was");
                        assert!(matches!(error, StorageError::Conflict), "{name}: {error:?}");
                        assert_eq!(scope.stat(&name).await.unwrap(), None);
                    }
                }
            }
        }
    }

    async fn ends_at_the_limit(house) {
        let mut writer = house.scope().writer(&[], 1_500_000).await.unwrap();
        writer.write(pattern(1_500_000)).await.unwrap();
        assert!(matches!(writer.write("x".into()).await, Err(StorageError::TooLarge(1_500_000))));
        assert!(writer.finish().await.is_err());
    }

    async fn dropping_removes_what_was_written(house) {
        let scope = house.scope();
        let mut writer = scope.writer(&[Algorithm::Md5], u64::MAX).await.unwrap();
        writer.write(pattern(LARGE)).await.unwrap();
        drop(writer);
        drop(stage(&scope, &pattern(LARGE), &[]).await);
        drop(stage(&scope, &pattern(10), &[]).await);
    }

    async fn an_empty_object_can_be_staged(house) {
        let scope = house.scope();
        let mut staged = scope.writer(&[Algorithm::Md5], 0).await.unwrap().finish().await.unwrap();
        assert_eq!(staged.digests()[0].hex, "d41d8cd98f00b204e9800998ecf8427e");
        staged.commit(&key("empty"), &[], &Precondition::Absent, None).await.unwrap();
        assert_eq!(text_of(&scope, "empty").await.as_deref(), Some(""));
    }
}
