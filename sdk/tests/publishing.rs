//! Publishes and removals beside other writers, and on stores that lose answers.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]
#![allow(clippy::unnecessary_wraps, reason = "what is handed to the host has that form")]

use packhouse_plugin::Error;
use packhouse_plugin::maintenance::RemovalMark;
use packhouse_plugin::storage::{
    self, Change, Claim, Document, Entry, GRACE, Named, Precondition, Publish, Refused, Removal, Update,
    Writer,
};
use packhouse_plugin::testing::Host;

const INDEX: &str = "index";
const BLOB: &str = "files/demo-1.0.0";

fn staged(bytes: &[u8]) -> storage::Staged {
    let mut writer = Writer::new(&["sha256"]);
    writer.add(bytes).unwrap();
    writer.finish().unwrap()
}

/// A line a version: its number and its bytes.
fn look(document: Option<&Document>, bytes: &str) -> Result<Entry, Error> {
    let text =
        document.map_or(String::new(), |document| String::from_utf8_lossy(&document.bytes).into_owned());
    Ok(match text.lines().find_map(|line| line.strip_prefix("1.0.0 ")) {
        None => Entry::New(format!("{text}1.0.0 {bytes}\n").into_bytes()),
        Some(there) if there == bytes => Entry::Same,
        Some(_) => Entry::Other,
    })
}

/// All of a publish; `between` happens after the claim.
fn publish_with(bytes: &str, between: impl FnOnce()) -> Result<Result<Named, Refused>, Error> {
    let mut look = |document: Option<&Document>| look(document, bytes);
    let prepared = match Publish::new(INDEX).begun(|index| index.info.modified).prepare(&mut look)? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(Err(refused)),
    };
    let claimed = match prepared.claim(&mut staged(bytes.as_bytes()), BLOB, None, &mut look)? {
        Ok(claimed) => claimed,
        Err(refused) => return Ok(Err(refused)),
    };
    between();
    claimed.name(&mut look)
}

fn publish(bytes: &str) -> Result<Result<Named, Refused>, Error> {
    publish_with(bytes, || ())
}

/// Somebody else's version behind what is there.
fn with_another(there: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut bytes = there.unwrap_or_default();
    bytes.extend_from_slice(b"2.0.0 theirs\n");
    Some(bytes)
}

fn index(host: &Host) -> String {
    String::from_utf8(host.object(INDEX).unwrap_or_default()).unwrap()
}

#[test]
fn a_version_is_named_once_and_then_it_is_there() {
    let host = Host::new();
    assert!(publish("ours").unwrap().unwrap().is_new_document);
    assert_eq!(publish("ours").unwrap(), Err(Refused::Same));
    assert_eq!(publish("other").unwrap(), Err(Refused::Exists));
    assert_eq!(index(&host), "1.0.0 ours\n");
    assert_eq!(host.object(BLOB).unwrap(), b"ours");
    assert_eq!(host.objects(), [BLOB, INDEX], "no mark stays");
}

/// A publish that leaves a proof of the document.
fn publish_proven(bytes: &str) -> Result<Result<Named, Refused>, Error> {
    let mut look = |document: Option<&Document>| look(document, bytes);
    let prepared = match Publish::new(INDEX).proven().prepare(&mut look)? {
        Ok(prepared) => prepared,
        Err(refused) => return Ok(Err(refused)),
    };
    match prepared.claim(&mut staged(bytes.as_bytes()), BLOB, None, &mut look)? {
        Ok(claimed) => claimed.name(&mut look),
        Err(refused) => Ok(Err(refused)),
    }
}

#[test]
fn a_document_that_was_lost_is_not_begun_anew_and_one_that_was_removed_is() {
    let host = Host::new();
    assert_eq!(storage::check_absent(INDEX), Ok(()));
    publish_proven("ours").unwrap().unwrap();
    assert_eq!(host.objects(), [BLOB, INDEX, "proofs/index"]);
    assert_eq!(storage::check_absent(INDEX), Ok(()), "it is there");
    let document = host.object(INDEX).unwrap();
    assert!(host.remove(INDEX));
    for bytes in ["ours", "other"] {
        let lost = publish_proven(bytes);
        assert!(
            matches!(&lost, Err(Error::Damaged { key, why })
            if key == INDEX && why.contains("proofs/index")),
            "{lost:?}"
        );
    }
    assert_eq!(host.object(BLOB).unwrap(), b"ours");

    let version = host.insert(INDEX, document).unwrap().version;
    let mark = RemovalMark::begin_at(INDEX, &version, &[BLOB.to_owned()]).unwrap();
    assert!(host.remove(INDEX));
    assert_eq!(storage::check_absent(INDEX), Ok(()), "a request has removed it");
    assert!(host.remove(BLOB));
    mark.finish();
    assert_eq!(host.objects(), ["proofs/index"]);
    publish_proven("other").unwrap().unwrap();
    // The mark of a removal that did not take place takes no proof away.
    let version = host.object_info(INDEX).unwrap().version;
    RemovalMark::begin_at(INDEX, &version, &[BLOB.to_owned()]).unwrap().finish();
    assert_eq!(host.objects(), [BLOB, INDEX, "proofs/index"]);
}

#[test]
fn a_proof_that_cannot_be_written_is_logged_and_fails_no_publish() {
    let host = Host::new();
    host.break_answer("proofs/index", Error::Unavailable("away".to_owned()));
    publish_proven("ours").unwrap().unwrap();
    assert!(host.log().iter().any(|line| line.message.contains("proof")), "{:?}", host.log());
    host.remove("proofs/index");
    storage::leave_proof(INDEX);
    assert!(host.object("proofs/index").is_some());
}

#[test]
fn a_publish_whose_answer_was_lost_before_somebody_else_wrote_is_a_success() {
    let host = Host::new();
    host.lose_answer(INDEX, with_another);
    let named = publish("ours").unwrap().unwrap();
    assert!(named.is_new_document, "it may have made the document");
    assert_eq!(named.document, host.object_info(INDEX).unwrap());
    assert_eq!(index(&host), "1.0.0 ours\n2.0.0 theirs\n");
}

#[test]
fn a_publish_that_lost_to_other_bytes_is_none() {
    let host = Host::new();
    host.race(INDEX, "1.0.0 theirs\n");
    assert_eq!(publish("ours").unwrap(), Err(Refused::Exists));
    assert_eq!(index(&host), "1.0.0 theirs\n");
}

#[test]
fn a_publish_that_lost_to_another_version_is_made_again() {
    let host = Host::new();
    host.insert(INDEX, "0.9.0 older\n").unwrap();
    host.race(INDEX, "0.9.0 older\n2.0.0 theirs\n");
    assert!(!publish("ours").unwrap().unwrap().is_new_document);
    assert_eq!(index(&host), "0.9.0 older\n2.0.0 theirs\n1.0.0 ours\n");
}

#[test]
fn a_version_whose_blob_was_removed_meanwhile_is_not_named() {
    let host = Host::new();
    // Published by somebody else and unpublished again, between the claim and the answer.
    host.conflict_next(INDEX);
    let refused = publish_with("ours", || assert!(host.remove(BLOB)));
    assert_eq!(refused.unwrap(), Err(Refused::Busy));
    assert_eq!(index(&host), "");
}

#[test]
fn a_claim_that_has_become_old_is_not_used() {
    for away in [-3_600_000, 3_600_000] {
        let host = Host::new();
        host.set_store_ahead(away);
        let late = publish_with("ours", || host.set_now(host.now() + GRACE));
        assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
        assert_eq!(index(&host), "");
        // The next try renews what the first has left.
        assert!(publish("ours").unwrap().is_ok());
    }
}

#[test]
fn a_write_that_failed_is_a_failure_unless_it_was_made() {
    let host = Host::new();
    let away = || Error::Unavailable("the store is away".to_owned());
    assert_eq!(publish_with("ours", || host.fail_next(away())), Err(away()));
    assert_eq!(index(&host), "");
    host.break_answer(INDEX, away());
    assert!(publish("ours").unwrap().is_ok(), "it was made");
    assert_eq!(index(&host), "1.0.0 ours\n");
}

#[test]
fn a_change_that_failed_is_a_failure_unless_it_was_made() {
    let host = Host::new();
    let away = || Error::Unavailable("the store is away".to_owned());
    let write = || {
        storage::update("doc", |there| {
            let is_done = there.is_some_and(|there| there.bytes == b"done");
            Ok::<_, Error>(if is_done { Change::Keep } else { Change::Write(b"done".to_vec()) })
        })
    };
    host.fail_next(away());
    assert_eq!(write(), Err(away()));
    host.break_answer("doc", away());
    assert_eq!(write().unwrap(), host.object_info("doc"));
}

#[test]
fn a_change_that_is_found_done_after_it_was_tried_is_a_success() {
    let host = Host::new();
    host.insert("tags", "a b").unwrap();
    let remove = |tag: &str| {
        Update::new("tags").run_telling(|document, has_tried| {
            let text = String::from_utf8_lossy(&document.unwrap().bytes).into_owned();
            match text.split(' ').any(|there| there == tag) {
                true => Ok(Change::Write(text.replace(tag, "").trim().into())),
                false if has_tried => Ok(Change::Keep),
                false => Err(Error::NotFound),
            }
        })
    };
    host.lose_answer("tags", |there| Some([there.unwrap(), b" c".to_vec()].concat()));
    assert!(remove("a").is_ok());
    assert_eq!(host.object("tags").unwrap(), b"b c");
    assert_eq!(remove("a"), Err(Error::NotFound));
}

/// Takes the version out of the index; `between` happens after that.
fn unpublish(between: impl FnOnce()) {
    let mut removal = Removal::of("files");
    storage::update(INDEX, |document| {
        removal.announce(&[BLOB.to_owned()])?;
        let text = String::from_utf8_lossy(&document.unwrap().bytes).into_owned();
        let left = text.lines().filter(|line| !line.starts_with("1.0.0 "));
        Ok::<_, Error>(Change::Write(left.flat_map(|line| [line, "\n"]).collect::<String>().into_bytes()))
    })
    .unwrap();
    between();
    removal.carry_out();
}

#[test]
fn what_a_document_ceases_to_name_is_removed_and_leaves_no_mark() {
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    unpublish(|| ());
    assert_eq!(host.objects(), [INDEX]);
}

/// On stores whose versions are digests, a removal by version would take it away.
#[test]
fn the_same_bytes_published_again_while_they_are_removed_stay() {
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    let before = host.object_info(BLOB).unwrap();
    unpublish(|| {
        publish("ours").unwrap().unwrap();
        host.set_version(BLOB, &before.version);
    });
    assert_eq!(index(&host), "1.0.0 ours\n");
    assert_eq!(host.object(BLOB).as_deref(), Some(&b"ours"[..]), "what is named is there");
    assert_eq!(host.objects(), [BLOB, INDEX], "no mark stays");
}

#[test]
fn a_removal_beside_another_one_leaves_its_blobs_to_maintenance() {
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    let mut first = Removal::of("files");
    first.announce(&[BLOB.to_owned()]).unwrap();
    let mut second = Removal::of("files");
    second.announce(&[BLOB.to_owned()]).unwrap();
    second.carry_out();
    assert!(host.object(BLOB).is_some());
    drop(first);
    assert_eq!(host.objects(), [BLOB, INDEX], "one that is dropped removes nothing");
}

/// An unpublish that was killed when it removed the blob: the index does not name it.
fn killed_unpublish(host: &Host) {
    publish("ours").unwrap().unwrap();
    let mut removal = Removal::of("files");
    removal.announce(&[]).unwrap();
    removal.announce(&[BLOB.to_owned()]).unwrap();
    let mark = host.objects().into_iter().find(|key| key.starts_with("reclaimed/")).unwrap();
    std::mem::forget(removal);
    storage::put(&mark, b"removing with version 1", Precondition::Any, None).unwrap();
    host.insert(INDEX, "").unwrap();
}

#[test]
fn a_removal_that_was_killed_is_in_nobodys_way_after_two_minutes_however_often_it_is_tried() {
    let host = Host::new();
    host.set_store_ahead(-3_600_000);
    killed_unpublish(&host);
    let before = host.object_info(BLOB);
    for _ in 0..5 {
        let refused = publish("ours");
        assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
        assert_eq!(host.object_info(BLOB), before, "a refused publish leaves it as it is");
        host.set_now(host.now() + 30 * 1000);
    }
    assert!(publish("ours").unwrap().is_ok());
    assert_eq!(host.objects(), [BLOB, INDEX]);
    killed_unpublish_and_others(&host);
}

/// Other bytes are taken when the blob is old; trying them does not make it young.
fn killed_unpublish_and_others(host: &Host) {
    host.remove(INDEX);
    host.remove(BLOB);
    killed_unpublish(host);
    for _ in 0..10 {
        assert_eq!(publish("other").unwrap(), Err(Refused::Busy));
        host.set_now(host.now() + 30 * 1000);
    }
    host.set_now(host.now() + 30 * 1000);
    assert!(publish("other").unwrap().is_ok());
}

#[test]
fn the_mark_of_a_removal_that_was_killed_does_not_stop_the_next_removal() {
    let host = Host::new();
    killed_unpublish(&host);
    host.set_now(host.now() + 3 * 60 * 1000);
    let mut removal = Removal::of("files");
    removal.announce(&[BLOB.to_owned()]).unwrap();
    removal.carry_out();
    assert_eq!(host.objects(), [INDEX]);
}

#[test]
fn a_removal_whose_mark_a_publisher_has_taken_over_removes_nothing() {
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    let mut removal = Removal::of("files");
    removal.announce(&[BLOB.to_owned()]).unwrap();
    let mark = host.objects().into_iter().find(|key| key.starts_with("reclaimed/")).unwrap();
    host.insert(&mark, "kept").unwrap();
    removal.carry_out();
    assert!(host.object(BLOB).is_some());
}

const DAY: u64 = 24 * 60 * 60 * 1000;

#[test]
fn other_bytes_do_not_replace_the_last_copy_of_a_version() {
    let refused = |host: &Host| {
        let before = (host.object_info(BLOB), host.objects());
        let refused = publish("other");
        let Err(Error::Damaged { key, why }) = &refused else { panic!("{refused:?}") };
        assert!(key == BLOB && why.contains(INDEX) && why.contains("gc --orphans"), "{why}");
        assert_eq!((host.object_info(BLOB), host.objects()), before);
        assert!(publish("ours").unwrap().is_ok(), "the same bytes may always be published");
    };
    // Without a document: it is old.
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    host.remove(INDEX);
    host.set_now(host.now() + DAY + 1);
    refused(&host);
    // Without a document: there are other versions.
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    host.insert("files/demo-1.1.0", "another").unwrap();
    host.remove(INDEX);
    host.set_now(host.now() + 2 * GRACE);
    refused(&host);
    // The document is younger than the file.
    let host = Host::new();
    publish("ours").unwrap().unwrap();
    host.set_now(host.now() + 2 * GRACE);
    host.insert(INDEX, "2.0.0 theirs\n").unwrap();
    refused(&host);
}

#[test]
fn other_bytes_replace_what_an_interrupted_publish_left() {
    // Of a first publish, with what was written beside it.
    let host = Host::new();
    host.insert(BLOB, "left").unwrap();
    host.insert("files/demo-1.0.metadata", "left").unwrap();
    host.set_now(host.now() + 2 * GRACE);
    assert!(publish("other").unwrap().is_ok());
    // Of a later one.
    let host = Host::new();
    host.insert(INDEX, "0.9.0 older\n").unwrap();
    host.insert("files/demo-0.9.0", "older").unwrap();
    host.insert(BLOB, "left").unwrap();
    host.set_now(host.now() + 2 * DAY);
    assert!(publish("other").unwrap().is_ok());
    // Of an interrupted removal of the package.
    let host = Host::new();
    for key in [BLOB, "files/demo-1.1.0"] {
        host.insert(key, "left").unwrap();
    }
    let version = host.insert(INDEX, "[]").unwrap().version;
    let _interrupted = RemovalMark::begin_at(INDEX, &version, &[BLOB.to_owned()]).unwrap();
    assert!(host.remove(INDEX));
    host.set_now(host.now() + 2 * DAY);
    assert!(publish("other").unwrap().is_ok());
}

#[test]
fn the_store_tells_its_own_time() {
    let host = Host::new();
    host.set_store_ahead(60_000);
    assert_eq!(storage::now(), Ok(host.now() + 60_000));
    let info = storage::put("doc", b"", Precondition::Any, None).unwrap();
    host.set_now(host.now() + 5_000);
    assert_eq!(storage::age(&info), Ok(Some(5_000)));
    host.fail_next(Error::Unavailable("away".to_owned()));
    assert!(storage::now().is_err());
    let claimed = staged(b"bytes").claim("blob", None, || Ok::<_, Error>(false));
    assert_eq!(claimed, Ok(Claim::Committed));
}

#[test]
fn all_steps_at_once_are_the_steps_one_by_one() {
    let host = Host::new();
    let run = |bytes: &str| {
        let mut look = |document: Option<&Document>| look(document, bytes);
        Publish::new(INDEX).run(&mut staged(bytes.as_bytes()), BLOB, None, &mut look).unwrap()
    };
    assert!(run("ours").unwrap().is_new_document);
    assert_eq!(run("ours"), Err(Refused::Same));
    assert_eq!(run("other"), Err(Refused::Exists));
    host.insert(INDEX, "").unwrap();
    assert_eq!(run("other"), Err(Refused::Busy), "what lies there may be about to be named");
}

#[test]
fn what_lies_beside_a_file_is_there_before_the_document_names_the_version() {
    let host = Host::new();
    let mut look = |document: Option<&Document>| look(document, "ours");
    let prepared = Publish::new(INDEX).prepare(&mut look).unwrap().unwrap();
    let claimed = prepared.claim(&mut staged(b"ours"), BLOB, None, &mut look).unwrap().unwrap();
    claimed.beside("files/demo-1.0.0.sig", b"signed", None).unwrap();
    assert!(host.object(INDEX).is_none());
    assert!(claimed.name(&mut look).unwrap().is_ok());
    assert_eq!(host.object("files/demo-1.0.0.sig").unwrap(), b"signed");
}

#[test]
fn a_document_that_could_not_be_read_back_is_not_written() {
    let host = Host::new();
    let limit = usize::try_from(storage::DEFAULT_LIMIT).unwrap();
    let mut look = |_: Option<&Document>| Ok::<_, Error>(Entry::New(vec![b' '; limit + 1]));
    let refused = Publish::new(INDEX).run(&mut staged(b"ours"), BLOB, None, &mut look).unwrap();
    assert_eq!(refused, Err(Refused::TooLarge));
    assert!(host.objects().is_empty());
}
