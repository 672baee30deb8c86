//! Uploads over several requests and hosts.

use super::*;
use crate::storage::Upload;

async fn append(upload: &mut Upload, at: Option<u64>, bytes: &Bytes) -> Result<u64, StorageError> {
    let mut append = upload.append(at).await?;
    for start in (0..bytes.len()).step_by(300_000) {
        append.write(bytes.slice(start..(start + 300_000).min(bytes.len()))).await?;
    }
    append.finish(Some(bytes.len() as u64)).await
}

on_every_store! {
    async fn another_host_goes_on_and_finishes(house) {
        let (here, there) = (house.scope(), house.second_scope().await);
        let parts = [pattern(7 * 1024 * 1024), pattern(11), pattern(6 * 1024 * 1024 + 1)];
        let mut upload = here.start_upload("demo/blobs", &Algorithm::ALL).await.unwrap();
        let id = upload.id().to_owned();
        assert_eq!(append(&mut upload, Some(0), &parts[0]).await.unwrap(), parts[0].len() as u64);
        let mut second = there.open_upload(&id).await.unwrap().unwrap();
        assert_eq!((second.label(), second.offset()), ("demo/blobs", parts[0].len() as u64));
        append(&mut second, None, &parts[1]).await.unwrap();
        let stale = append(&mut upload, Some(parts[0].len() as u64), &parts[2]).await;
        assert!(matches!(stale, Err(StorageError::Conflict)));
        let at = upload.offset();
        assert_eq!(at, (parts[0].len() + 11) as u64);
        append(&mut upload, Some(at), &parts[2]).await.unwrap();
        let whole = parts.concat();
        let expect: Vec<_> = Algorithm::ALL.into_iter().map(|one| digest(one, &whole)).collect();
        let info = second.finish(&key("blobs/x"), &expect, &Precondition::Absent, None).await.unwrap();
        assert_eq!(info.size, whole.len() as u64);
        assert_eq!(here.digests(&key("blobs/x"), &[Algorithm::Sha256]).await.unwrap().unwrap(), [expect[2].clone()]);
        assert!(here.open_upload(&id).await.unwrap().is_none());
        assert!(matches!(append(&mut upload, None, &parts[1]).await, Err(StorageError::NotFound)));
    }

    async fn a_single_part_and_none_at_all(house) {
        let scope = house.scope();
        let mut upload = scope.start_upload("", &[Algorithm::Sha256]).await.unwrap();
        append(&mut upload, None, &pattern(100)).await.unwrap();
        let right = [digest(Algorithm::Sha256, &pattern(100))];
        upload.finish(&key("one"), &right, &Precondition::Any, None).await.unwrap();
        let (_, bytes) = scope.get(&key("one"), 100).await.unwrap().unwrap();
        assert_eq!(bytes, pattern(100));
        let mut upload = scope.start_upload("", &[]).await.unwrap();
        upload.finish(&key("none"), &[digest(Algorithm::Md5, b"")], &Precondition::Any, None).await.unwrap();
        assert_eq!(text_of(&scope, "none").await.as_deref(), Some(""));
    }

    async fn a_failed_finish_leaves_it_as_it_was(house) {
        let scope = house.scope();
        put(&scope, "taken", "old").await;
        let mut upload = scope.start_upload("", &[Algorithm::Sha256]).await.unwrap();
        append(&mut upload, None, &pattern(1000)).await.unwrap();
        let taken = upload.finish(&key("taken"), &[], &Precondition::Absent, None).await;
        assert!(matches!(taken, Err(StorageError::Conflict)));
        let wrong = [digest(Algorithm::Sha256, b"")];
        let differs = upload.finish(&key("free"), &wrong, &Precondition::Absent, None).await;
        assert!(matches!(differs, Err(StorageError::DigestMismatch { .. })));
        assert_eq!(scope.stat(&key("free")).await.unwrap(), None);
        append(&mut upload, Some(1000), &pattern(500)).await.unwrap();
        let info = upload.finish(&key("free"), &[], &Precondition::Absent, None).await.unwrap();
        assert_eq!(info.size, 1500);
    }

    async fn what_breaks_off_is_not_appended(house) {
        let scope = house.scope();
        let mut upload = scope.start_upload("", &[Algorithm::Sha256]).await.unwrap();
        let mut broken = upload.append(Some(0)).await.unwrap();
        broken.write(pattern(2_000_000)).await.unwrap();
        drop(broken);
        let mut short = upload.append(Some(0)).await.unwrap();
        short.write(pattern(10)).await.unwrap();
        assert!(matches!(short.finish(Some(11)).await, Err(StorageError::Truncated)));
        assert!(matches!(upload.append(Some(1)).await, Err(StorageError::Conflict)));
        assert_eq!(upload.offset(), 0);
        upload.cancel().await.unwrap();
        assert!(scope.open_upload(upload.id()).await.unwrap().is_none());
    }

    async fn two_appends_at_once_are_one_and_a_conflict(house) {
        let (here, there) = (house.scope(), house.second_scope().await);
        let mut one = here.start_upload("", &[Algorithm::Sha256]).await.unwrap();
        let mut other = there.open_upload(one.id()).await.unwrap().unwrap();
        let mut first = one.append(Some(0)).await.unwrap();
        let mut second = other.append(Some(0)).await.unwrap();
        first.write(pattern(10)).await.unwrap();
        second.write(pattern(20)).await.unwrap();
        assert_eq!(second.finish(None).await.unwrap(), 20);
        assert!(matches!(first.finish(None).await, Err(StorageError::Conflict)));
        assert_eq!(one.offset(), 20);
        one.finish(&key("blob"), &[digest(Algorithm::Sha256, &pattern(20))], &Precondition::Any, None).await.unwrap();
    }

    async fn an_upload_belongs_to_its_scope(house) {
        let mut upload = house.scope().start_upload("", &[]).await.unwrap();
        let other = house.storage.scope("other").unwrap();
        assert!(other.open_upload(upload.id()).await.unwrap().is_none());
        for id in ["", "..", "a/b", "none", &"x".repeat(65)] {
            assert!(house.scope().open_upload(id).await.unwrap().is_none());
        }
        assert_eq!(house.storage.sweep(std::time::UNIX_EPOCH).await.unwrap(), 0);
        upload.cancel().await.unwrap();
    }
}
