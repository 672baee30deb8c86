//! Objects keep the contract's rules, whatever their size and whoever else writes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

use std::io::{Read, Seek, SeekFrom, Write};

use packhouse_plugin::storage::{self, Change, ListingOptions, Precondition, Reader, Update, Writer};
use packhouse_plugin::testing::Host;
use packhouse_plugin::{Error, Failure, PIECE, digests};

fn append(key: &str, addition: &str) -> Result<(), Error> {
    storage::update(key, |current| {
        let mut bytes = current.map(|document| document.bytes.clone()).unwrap_or_default();
        bytes.extend_from_slice(addition.as_bytes());
        Ok::<_, Error>(Change::Write(bytes))
    })?;
    Ok(())
}

#[test]
fn writes_only_what_the_precondition_allows() {
    let host = Host::new();
    let first = storage::put("a", b"1", Precondition::Absent, None).unwrap();
    let again = storage::put("a", b"2", Precondition::Absent, None);
    assert_eq!(again, Err(Error::Conflict));
    let second = storage::put("a", b"2", Precondition::Version(&first.version), None).unwrap();
    assert_ne!(first.version, second.version);
    let stale = storage::remove("a", Precondition::Version(&first.version));
    assert_eq!(stale, Err(Error::Conflict));
    assert_eq!(storage::remove("a", Precondition::Any), Ok(true));
    assert_eq!(storage::remove("a", Precondition::Any), Ok(false));
    assert!(host.objects().is_empty());
}

#[test]
fn refuses_keys_that_cannot_be() {
    let _host = Host::new();
    storage::put("folder/object", b"1", Precondition::Any, None).unwrap();
    let long = format!("folder/{}", "x".repeat(256));
    for key in ["", "/a", "a/", "a//b", ".", "a/../b", "a\nb", ".packhouse/x", &long] {
        let refused = storage::put(key, b"1", Precondition::Any, None);
        assert!(matches!(refused, Err(Error::Invalid(_))), "{key:?}");
    }
    storage::put("folder.json", b"1", Precondition::Any, None).unwrap();
}

#[test]
fn an_object_in_the_way_of_a_key_is_damage_that_the_client_reads_nothing_of() {
    let _host = Host::new();
    storage::put("folder/object", b"1", Precondition::Any, None).unwrap();
    for (key, in_the_way) in [
        ("folder", "folder"),
        ("folder/object/below", "folder/object"),
        ("folder/object/b/c", "folder/object"),
    ] {
        for large in [false, true] {
            let bytes = vec![b'1'; if large { 2 << 20 } else { 1 }];
            let error = storage::put(key, &bytes, Precondition::Absent, None).unwrap_err();
            assert!(matches!(&error, Error::Damaged { key, .. } if key == in_the_way), "{error:?}");
            assert_eq!(error.status(), 500);
            assert!(!error.public_message().contains("folder"), "{}", error.public_message());
        }
        let updated = storage::update(key, |_| Ok::<_, Error>(Change::Write(b"1".to_vec())));
        assert!(matches!(updated, Err(Error::Damaged { .. })), "{updated:?}");
    }
}

#[test]
fn a_lost_race_is_run_again_on_what_the_winner_wrote() {
    let host = Host::new();
    append("log", "a").unwrap();
    host.race("log", "winner ");
    append("log", "b").unwrap();
    host.conflict_next("log");
    append("log", "c").unwrap();
    assert_eq!(host.object("log").unwrap(), b"winner bc");
}

#[test]
fn gives_up_when_others_keep_winning() {
    let host = Host::new();
    (0..300).for_each(|_| host.conflict_next("log"));
    assert!(matches!(append("log", "a"), Err(Error::Unavailable(_))));
}

#[test]
fn an_update_can_keep_remove_and_refuse() {
    let host = Host::new();
    host.insert("a", "1").unwrap();
    let kept = storage::update("a", |_| Ok::<_, Error>(Change::Keep)).unwrap();
    assert_eq!(kept, host.object_info("a"));
    let refused = storage::update("a", |_| Err(Error::Denied("no".to_owned())));
    assert_eq!(refused, Err(Error::Denied("no".to_owned())));
    let removed = storage::update("a", |_| Ok::<_, Error>(Change::Remove)).unwrap();
    assert_eq!((removed, host.objects().len()), (None, 0));
}

#[test]
fn an_update_keeps_the_content_type_unless_told() {
    let host = Host::new();
    storage::put("a", b"1", Precondition::Any, Some("text/x-demo")).unwrap();
    append("a", "2").unwrap();
    let content_type = || host.object_info("a").unwrap().content_type;
    assert_eq!(content_type().as_deref(), Some("text/x-demo"));
    Update::new("a").content_type("application/json").run(|_| Change::json(&[1, 2])).unwrap();
    assert_eq!(content_type().as_deref(), Some("application/json"));
}

#[test]
fn documents_may_be_larger_than_one_call_carries() {
    let host = Host::new();
    let large = vec![b'x'; 3 * PIECE + 7];
    storage::put("large", &large, Precondition::Absent, None).unwrap();
    assert_eq!(storage::get("large").unwrap().unwrap().bytes, large);
    assert_eq!(storage::get_up_to("large", 2 << 20), Err(Error::TooLarge(2 << 20)));
    append("large", "tail").unwrap();
    assert_eq!(host.object_info("large").unwrap().size, large.len() as u64 + 4);
    assert_eq!(host.staged(), 0);
}

#[test]
fn reads_many_at_once_small_and_large() {
    let host = Host::new();
    host.insert("a", vec![b'a'; 700 << 10]).unwrap();
    host.insert("b", vec![b'b'; 700 << 10]).unwrap();
    host.insert("large", vec![b'l'; 2 * PIECE]).unwrap();
    let documents = storage::get_many(&["a", "none", "b", "large", "a"]).unwrap();
    let sizes: Vec<usize> = documents
        .iter()
        .map(|document| document.as_ref().map_or(0, |document| document.bytes.len()))
        .collect();
    assert_eq!(sizes, [700 << 10, 0, 700 << 10, 2 * PIECE, 700 << 10]);
    let infos = storage::stat_many(&["none", "a"]).unwrap();
    assert!(infos[0].is_none() && infos[1].is_some());
}

#[test]
fn a_document_above_the_limit_does_not_hide_the_others() {
    let host = Host::new();
    host.insert("a", "1").unwrap();
    host.insert("huge", vec![b'h'; usize::try_from(storage::DEFAULT_LIMIT).unwrap() + 1]).unwrap();
    host.insert("b", "2").unwrap();
    let read: Vec<_> = storage::get_each(&["a", "huge", "none", "b"]).collect();
    let bytes = |index: usize| read[index].as_ref().unwrap().as_ref().map(|document| document.bytes.clone());
    assert_eq!((bytes(0), bytes(2), bytes(3)), (Some(b"1".to_vec()), None, Some(b"2".to_vec())));
    assert!(matches!(&read[1], Err(Error::Damaged { key, .. }) if key == "huge"), "{:?}", read[1]);
}

#[test]
fn what_is_replaced_while_it_is_read_is_read_again() {
    let host = Host::new();
    let large = |letter: u8| vec![letter; 2 * PIECE];
    host.insert("large", large(b'a')).unwrap();
    (0..5).for_each(|_| host.race_reading("large", large(b'b')));
    assert_eq!(storage::get("large").unwrap().unwrap().bytes, large(b'b'));
    host.race_reading("large", large(b'c'));
    append("large", "tail").unwrap();
    assert_eq!(host.object("large").unwrap(), [large(b'c'), b"tail".to_vec()].concat());
    (0..300).for_each(|_| host.race_reading("large", large(b'd')));
    let given_up = storage::get("large").unwrap_err();
    assert_eq!(given_up.status(), 503, "{given_up}");
}

#[test]
fn a_conflict_while_reading_is_a_lost_race() {
    let host = Host::new();
    host.insert("log", "a").unwrap();
    host.fail_next(Error::Conflict);
    append("log", "b").unwrap();
    assert_eq!(host.object("log").unwrap(), b"ab");
    host.fail_next(Error::Conflict);
    assert_eq!(storage::get_many(&["log"]).unwrap()[0].as_ref().unwrap().bytes, b"ab");
}

#[test]
fn lists_keys_and_folders_in_order() {
    let host = Host::new();
    for number in 0..2500 {
        host.insert(&format!("many/{number:04}"), "").unwrap();
    }
    for key in ["p/a/1", "p/a/2", "p/b", "p/c/1", "q"] {
        host.insert(key, "").unwrap();
    }
    let keys: Vec<String> = storage::list("many/").map(|info| info.unwrap().key).collect();
    assert_eq!((keys.len(), keys[2499].as_str()), (2500, "many/2499"));
    let page = |after| {
        let options = ListingOptions { folders: true, limit: 2, after, ..ListingOptions::new("p/") };
        storage::list_page(&options).unwrap()
    };
    let first = page(None);
    assert_eq!(first.folders, ["p/a/"]);
    assert_eq!(first.objects[0].key, "p/b");
    let second = page(first.next.as_deref());
    assert_eq!((second.folders, second.next), (vec!["p/c/".to_owned()], None));
}

#[test]
fn writes_and_reads_streams() {
    let host = Host::new();
    let mut writer = Writer::new(&[digests::SHA1]);
    for _ in 0..1000 {
        writer.write_all(&[b'z'; 1000]).unwrap();
    }
    let mut staged = writer.finish().unwrap();
    let digest = staged.digest(digests::SHA1).unwrap();
    assert_eq!(host.staged(), 1);
    staged.commit("zeds", std::slice::from_ref(&digest), Precondition::Absent, None).unwrap();
    assert_eq!(staged.read_at(0, 1), Err(Error::NotFound));
    let whole = storage::digests("zeds", &[digests::SHA1]).unwrap().unwrap();
    assert_eq!(whole, [digest]);

    let mut reader = Reader::open("zeds").unwrap().unwrap();
    reader.seek(SeekFrom::End(-3)).unwrap();
    let mut tail = String::new();
    reader.read_to_string(&mut tail).unwrap();
    assert_eq!(tail, "zzz");
    host.insert("zeds", "other").unwrap();
    assert_eq!(reader.read_at(0, 1), Err(Error::Conflict));
}

#[test]
fn digests_are_those_of_the_standards() {
    let _host = Host::new();
    let hex = |algorithm| digests::of(b"abc", &[algorithm]).unwrap().remove(0).hex;
    assert_eq!(hex(digests::MD5), "900150983cd24fb0d6963f7d28e17f72");
    assert_eq!(hex(digests::SHA1), "a9993e364706816aba3e25717850c26c9cd0d89d");
    assert!(hex(digests::SHA256).starts_with("ba7816bf8f01cfea"));
    assert!(hex(digests::SHA512).starts_with("ddaf35a193617aba"));
    assert!(hex(digests::BLAKE2B256).starts_with("bddd813c634239723171ef3fee98579b"));
    assert!(matches!(digests::of(b"", &["crc32"]), Err(Error::Invalid(_))));
    let large = vec![0; 2 * PIECE];
    let mut hasher = digests::Hasher::new(&[digests::SHA256]);
    hasher.update(&large).unwrap();
    assert_eq!(hasher.digests(), digests::of(&large, &[digests::SHA256]));
}

#[test]
fn a_store_that_is_away_says_so_once() {
    let host = Host::new();
    host.fail_next(Error::Unavailable("away".to_owned()));
    assert!(matches!(storage::get("a"), Err(Error::Unavailable(_))));
    assert_eq!(storage::get("a"), Ok(None));
}

#[test]
fn whose_fault_an_error_is_decides_what_the_client_reads_and_what_is_logged() {
    let host = Host::new();
    host.insert("document", "{torn").unwrap();
    let damaged = storage::get("document").unwrap().unwrap().json::<u32>().unwrap_err();
    assert!(matches!(&damaged, Error::Damaged { key, .. } if key == "document"), "{damaged:?}");
    for (error, status) in [
        (Error::Invalid("no name".to_owned()), 400),
        (damaged, 500),
        (Error::Misconfigured("no number".to_owned()), 500),
        (Error::Misused("no digest".to_owned()), 500),
    ] {
        let before = host.log().len();
        let failure = Failure::from(error.clone());
        assert_eq!(failure.status(), status, "{error:?}");
        assert_eq!(host.log().len() - before, usize::from(status == 500), "{error:?}");
        assert!(status == 400 || !failure.sentence().contains("document"), "{failure}");
    }
    assert!(host.log().iter().any(|line| format!("{line:?}").contains("document")));
}

#[test]
fn a_document_that_is_too_large_to_be_read_is_damaged() {
    let host = Host::new();
    host.insert("document", vec![b' '; usize::try_from(storage::DEFAULT_LIMIT).unwrap() + 1]).unwrap();
    let is_damaged = |error: &Error| matches!(error, Error::Damaged { key, .. } if key == "document");
    assert!(storage::get("document").is_err_and(|error| is_damaged(&error)));
    assert!(storage::get_each(&["document"]).all(|read| read.is_err_and(|error| is_damaged(&error))));
    let updated = storage::update("document", |_| Ok::<_, Error>(storage::Change::Keep));
    assert!(updated.is_err_and(|error| is_damaged(&error)));
}

#[test]
fn a_setting_that_cannot_be_used_is_the_operators_fault() {
    #[derive(Debug, serde::Deserialize)]
    struct Settings {
        #[expect(dead_code, reason = "only read")]
        days: u32,
    }
    let _host = Host::new().settings(&serde_json::json!({ "days": "seven" }));
    let error = packhouse_plugin::settings::get::<Settings>().unwrap_err();
    assert!(matches!(error, Error::Misconfigured(_)), "{error:?}");
}
