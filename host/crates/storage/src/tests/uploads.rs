//! Uploads over several requests and hosts.

use super::*;
use crate::Upload;

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
        let mut upload = here.start_upload("demo/blobs", &Algorithm::ALL, OWNER).await.unwrap();
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
        let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
        append(&mut upload, None, &pattern(100)).await.unwrap();
        let right = [digest(Algorithm::Sha256, &pattern(100))];
        upload.finish(&key("one"), &right, &Precondition::Any, None).await.unwrap();
        let (_, bytes) = scope.get(&key("one"), 100).await.unwrap().unwrap();
        assert_eq!(bytes, pattern(100));
        let mut upload = scope.start_upload("", &[], OWNER).await.unwrap();
        upload.finish(&key("none"), &[digest(Algorithm::Md5, b"")], &Precondition::Any, None).await.unwrap();
        assert_eq!(text_of(&scope, "none").await.as_deref(), Some(""));
    }

    async fn a_failed_finish_leaves_it_as_it_was(house) {
        let scope = house.scope();
        put(&scope, "taken", "old").await;
        let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
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
        let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
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
        let mut one = here.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
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
        let mut upload = house.scope().start_upload("", &[], OWNER).await.unwrap();
        let other = house.storage.scope("other").unwrap();
        assert!(other.open_upload(upload.id()).await.unwrap().is_none());
        for id in ["", "..", "a/b", "none", &"x".repeat(65)] {
            assert!(house.scope().open_upload(id).await.unwrap().is_none());
        }
        assert_eq!(house.storage.sweep(std::time::UNIX_EPOCH).await.unwrap(), 0);
        upload.cancel().await.unwrap();
    }

    async fn small_parts_are_put_together_as_they_come(house) {
        let scope = house.scope();
        let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
        let whole = pattern(20 * 1024 * 1024 + 5);
        for start in (0..whole.len()).step_by(1024 * 1024) {
            let piece = whole.slice(start..(start + 1024 * 1024).min(whole.len()));
            append(&mut upload, Some(start as u64), &piece).await.unwrap();
        }
        let sizes = part_sizes(&house, upload.id()).await;
        assert!(sizes.len() <= 2 + 7, "{sizes:?}");
        assert_eq!(sizes.iter().sum::<u64>(), whole.len() as u64);
        let expect = [digest(Algorithm::Sha256, &whole)];
        upload.finish(&key("blob"), &expect, &Precondition::Absent, None).await.unwrap();
        let found = scope.digests(&key("blob"), &[Algorithm::Sha256]).await.unwrap().unwrap();
        assert_eq!(found, expect);
    }

    async fn nothing_is_appended_while_it_is_being_finished(house) {
        let scope = house.scope();
        let mut upload = scope.start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
        append(&mut upload, None, &pattern(10)).await.unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        // A host that began to finish it, and was killed.
        edit_session(&house, upload.id(), |session| session["finishing"] = now.into()).await;
        let refused = append(&mut upload, Some(10), &pattern(10)).await;
        assert!(matches!(refused, Err(StorageError::Conflict)), "{refused:?}");
        let mut second = house.second_scope().await.open_upload(upload.id()).await.unwrap().unwrap();
        let info = second.finish(&key("blob"), &[], &Precondition::Any, None).await.unwrap();
        assert_eq!(info.size, 10);
    }

    async fn an_append_that_counts_is_in_what_is_finished(house) {
        let scopes = [house.scope(), house.second_scope().await];
        // The small engine tears reads while others write.
        let rounds = if house.name == "s3" && !house.is_a_real_engine { 0 } else { 25 };
        for round in 0..rounds {
            let name = key(&format!("blob{round}"));
            let mut upload = scopes[0].start_upload("", &[Algorithm::Sha256], OWNER).await.unwrap();
            append(&mut upload, None, &pattern(100)).await.unwrap();
            let mut second = scopes[1].open_upload(upload.id()).await.unwrap().unwrap();
            let (bytes, any) = (pattern(7), Precondition::Any);
            let (appended, finished) = tokio::join!(
                append(&mut second, None, &bytes),
                upload.finish(&name, &[], &any, None),
            );
            let size = finished.unwrap().size;
            assert_eq!(size, if appended.is_ok() { 107 } else { 100 }, "{appended:?}");
            assert_eq!(scopes[0].stat(&name).await.unwrap().unwrap().size, size);
        }
    }

    async fn an_upload_that_nobody_goes_on_with_expires(house) {
        let scope = house.scope();
        let mut upload = scope.start_upload("", &[], OWNER).await.unwrap();
        append(&mut upload, None, &pattern(10)).await.unwrap();
        edit_session(&house, upload.id(), |session| session["touched"] = 1.into()).await;
        assert!(scope.open_upload(upload.id()).await.unwrap().is_none());
        assert!(matches!(upload.append(None).await.map(|_| ()), Err(StorageError::NotFound)));
    }

    async fn an_upload_that_received_nothing_expires_early(house) {
        let scope = house.scope();
        let an_hour_ago = now() - 3600;
        let empty = scope.start_upload("", &[], OWNER).await.unwrap();
        let receiving = scope.start_upload("", &[], OWNER).await.unwrap();
        let mut begun = scope.start_upload("", &[], OWNER).await.unwrap();
        append(&mut begun, None, &pattern(10)).await.unwrap();
        for upload in [&empty, &receiving, &begun] {
            edit_session(&house, upload.id(), |session| session["touched"] = an_hour_ago.into()).await;
        }
        edit_session(&house, receiving.id(), |session| session["receiving"] = true.into()).await;
        assert_eq!(house.storage.sweep(std::time::UNIX_EPOCH).await.unwrap(), 1);
        assert!(scope.open_upload(empty.id()).await.unwrap().is_none());
        for upload in [&receiving, &begun] {
            scope.open_upload(upload.id()).await.unwrap().unwrap().cancel().await.unwrap();
        }
    }

    async fn an_upload_whose_document_is_damaged_has_ended(house) {
        let scope = house.scope();
        for damaged in ["", "{\"scope\":\""] {
            let mut upload = scope.start_upload("", &[], Owner { name: "bob", most: 1 }).await.unwrap();
            append(&mut upload, None, &pattern(10)).await.unwrap();
            let name = key(&format!("{}/session.json", upload.id()));
            let uploads = house.storage.private("uploads");
            uploads.put(&name, damaged.into(), &Precondition::Any, None).await.unwrap();
            assert!(scope.open_upload(upload.id()).await.unwrap().is_none());
            assert!(matches!(upload.append(None).await.map(|_| ()), Err(StorageError::NotFound)));
            let full = scope.start_upload("", &[], Owner { name: "bob", most: 1 }).await.map(|_| ());
            assert!(matches!(full, Err(StorageError::Busy(_))), "it is counted until it is removed: {full:?}");
            assert_eq!(house.storage.sweep(std::time::SystemTime::now() + AN_HOUR).await.unwrap(), 1);
        }
    }

    async fn an_owner_has_so_many_uploads_and_no_more(house) {
        let scope = house.scope();
        let start = |name: &'static str| {
            let scope = scope.clone();
            async move { scope.start_upload("", &[], Owner { name, most: 3 }).await }
        };
        let first = start("bob").await.unwrap();
        let mut open = vec![start("bob").await.unwrap(), start("bob").await.unwrap()];
        for _ in 0..2 {
            let refused = start("bob").await.map(|_| ());
            assert!(matches!(&refused, Err(StorageError::Busy(why)) if why.contains('3')), "{refused:?}");
        }
        open.push(start("ann").await.unwrap());
        let other = house.storage.scope("other").unwrap();
        open.push(other.start_upload("", &[], Owner { name: "bob", most: 3 }).await.unwrap());
        // One that has expired makes room.
        edit_session(&house, first.id(), |session| session["touched"] = 1.into()).await;
        let mut last = start("bob").await.unwrap();
        assert!(start("bob").await.is_err());
        last.cancel().await.unwrap();
        open.push(start("bob").await.unwrap());
        for mut upload in open {
            upload.cancel().await.unwrap();
        }
    }
}

const AN_HOUR: std::time::Duration = std::time::Duration::from_hours(1);

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// What lies beside the document of an upload, when what is not needed has been removed.
async fn part_sizes(house: &House, id: &str) -> Vec<u64> {
    let uploads = house.storage.private("uploads");
    let options = crate::ListOptions { prefix: format!("{id}/"), limit: 1000, ..Default::default() };
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    loop {
        let (_, document) = uploads.get(&key(&format!("{id}/session.json")), 1 << 20).await.unwrap().unwrap();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        let named = document["parts"].as_array().unwrap().len();
        let page = uploads.list(&options).await.unwrap();
        let parts: Vec<_> = page.objects.iter().filter(|part| !part.key.ends_with("/session.json")).collect();
        if parts.len() == named || std::time::Instant::now() > deadline {
            return parts.iter().map(|part| part.size).collect();
        }
        tokio::task::yield_now().await;
    }
}

async fn edit_session(house: &House, id: &str, edit: impl FnOnce(&mut serde_json::Value)) {
    let uploads = house.storage.private("uploads");
    let name = key(&format!("{id}/session.json"));
    let (_, document) = uploads.get(&name, 1 << 20).await.unwrap().unwrap();
    let mut document = serde_json::from_slice(&document).unwrap();
    edit(&mut document);
    uploads.put(&name, document.to_string().into(), &Precondition::Any, None).await.unwrap();
}
