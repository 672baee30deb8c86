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
        let copied = scope.copy(&key("blob"), &key("copy"), &Precondition::Absent).await.unwrap();
        assert_eq!(copied.size, LARGE as u64);
        assert_eq!(scope.stat(&key("blob")).await.unwrap().unwrap().version, second.version);
        let copy = scope.digests(&key("copy"), &[Algorithm::Sha1]).await.unwrap().unwrap();
        assert_eq!(copy, [digest(Algorithm::Sha1, &bytes)]);
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
