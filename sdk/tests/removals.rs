//! Requests that remove a document, or take files out of it, beside others that publish into it. The
//! clock does not move: requests that begin at the same moment see the same time.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_plugin::maintenance::{Maintenance, RemovalMark, Step, forget_claims, void_removal};
use packhouse_plugin::storage::{
    self, Before, Change, Document, GRACE, Json, Name, Precondition, Proof, Update, put_proven,
};
use packhouse_plugin::testing::Host;
use packhouse_plugin::{Description, Error, Protocol, Request, Response};

const DOCUMENT: &str = "index.json";
const PROOF: &str = "proofs/index.json";

fn files_of(document: &Document) -> Vec<String> {
    document.json().unwrap()
}

fn read() -> Option<Document> {
    storage::get(DOCUMENT).unwrap()
}

fn files() -> Vec<String> {
    read().map(|document| files_of(&document)).unwrap_or_default()
}

fn try_publish(file: &str) -> Result<(), Error> {
    let names = [Name::from(file.to_owned())];
    Update::new(DOCUMENT)
        .proven()
        .naming(&names)
        .run(|there| {
            let mut files = there.map(files_of).unwrap_or_default();
            files.push(file.to_owned());
            Change::json(&files)
        })
        .map(drop)
}

#[track_caller]
fn publish(file: &str) {
    try_publish(file).unwrap();
}

/// Removes the document as it is.
fn begin_removal() -> RemovalMark {
    let there = read().unwrap();
    RemovalMark::remove(DOCUMENT, &Before::from(&there), &files_of(&there)).unwrap().unwrap()
}

/// As a request does that removes a package; nothing if there is none.
#[track_caller]
fn remove() {
    storage::retry(DOCUMENT, |_| {
        let Some(there) = read() else { return Ok(Some(())) };
        let before = Before::from(&there);
        storage::check_newest(DOCUMENT, &before)?;
        let mark = RemovalMark::remove(DOCUMENT, &before, &files_of(&there))?;
        Ok::<_, Error>(mark.map(RemovalMark::finish))
    })
    .unwrap();
}

/// As a request does that takes a version out of a package that remains.
#[track_caller]
fn take_out(file: &str) {
    storage::retry(DOCUMENT, |_| {
        let there = read().unwrap();
        let before = Before::from(&there);
        storage::check_newest(DOCUMENT, &before)?;
        storage::release(DOCUMENT, &before, &[file.to_owned()])?;
        let left: Vec<String> = files_of(&there).into_iter().filter(|there| there != file).collect();
        let written = put_proven(DOCUMENT, Some(&before), storage::to_json(&left)?, None);
        Ok::<_, Error>(storage::unless_conflict(written)?.map(drop))
    })
    .unwrap();
}

struct Demo;

impl Protocol for Demo {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0")
    }
    fn handle(_: Request) -> Response {
        Response::new(200)
    }
}

impl Maintenance for Demo {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        forget_claims(step)?;
        step.collect_lost(None, |_| Ok(false)).map(drop)
    }
    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        step.prove(&[DOCUMENT])?;
        step.report_lost(None).map(drop)
    }
    fn verify(step: &Step<'_>) -> Result<(), Error> {
        if let Some(document) = storage::get(DOCUMENT)? {
            step.pass(storage::check_newest(DOCUMENT, &Before::from(&document)))?;
            let files = files_of(&document);
            for (named, _) in Proof::of(DOCUMENT)?.files() {
                if !files.iter().any(|file| file == named) {
                    step.damaged(named, "the document has lost it");
                }
            }
        }
        step.report_lost(None).map(drop)
    }
}

/// The document names these files, nothing is called damaged, and requests succeed. After the next
/// publish, the loss of the document is noticed.
#[track_caller]
fn assert_sound(host: &Host, case: &str, named: &[&str]) {
    assert_eq!(files(), named, "{case}");
    assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, Vec::<String>::new(), "{case}");
    assert_eq!(host.upkeep().reindex::<Demo>().unwrap().damaged, Vec::<String>::new(), "{case}");
    if named.is_empty() {
        assert_eq!(storage::check_absent(DOCUMENT), Ok(()), "{case}");
    } else {
        assert_acknowledged(host, case);
        take_out(named[0]);
        assert!(!Proof::of(DOCUMENT).unwrap().names(named[0]), "{case}");
    }
    remove();
    assert_eq!(storage::check_absent(DOCUMENT), Ok(()), "{case}");
    try_publish("last").unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert_acknowledged(host, case);
    let logged = host.log();
    assert!(logged.is_empty(), "{case}: {logged:?}");
}

/// Of a document that is there: the proof says that it is, and what it names.
#[track_caller]
fn assert_acknowledged(host: &Host, case: &str) {
    let proof = Proof::of(DOCUMENT).unwrap();
    assert!(proof.is_there(), "{case}: {}", host.object_json(PROOF));
    for file in files() {
        assert!(proof.names(&file), "{case}: {file} in {}", host.object_json(PROOF));
    }
    let (document, proof) = (host.object(DOCUMENT).unwrap(), host.object(PROOF).unwrap());
    assert!(host.remove(DOCUMENT));
    assert!(matches!(storage::check_absent(DOCUMENT), Err(Error::Damaged { .. })), "{case}");
    assert!(matches!(try_publish("more"), Err(Error::Damaged { .. })), "{case}");
    host.insert(DOCUMENT, document).unwrap();
    host.insert(PROOF, proof).unwrap();
}

#[test]
fn the_proof_of_a_first_publish_that_comes_after_the_removal_says_nothing() {
    let host = Host::new();
    host.meanwhile(PROOF, |_| remove());
    publish("a");
    assert_sound(&host, "removed", &[]);
}

#[test]
fn a_late_proof_never_outruns_a_document_that_began_anew() {
    type Others = fn(&Host);
    let others: [(&str, Others, &[&str]); 6] = [
        ("removed, and begun anew", |_| (remove(), publish("b")).1, &["b"]),
        ("by a host whose clock is behind", |host| (remove(), back(host), publish("b")).2, &["b"]),
        ("removed twice", |_| (remove(), publish("b"), remove()).2, &[]),
        ("changed, and removed", |_| (publish("b"), remove()).1, &[]),
        ("changed, removed, and begun anew", |_| (publish("b"), remove(), publish("c")).2, &["c"]),
        (
            "begun anew, with a late proof",
            |host| {
                remove();
                host.meanwhile(PROOF, |_| remove());
                publish("b");
            },
            &[],
        ),
    ];
    for (case, work, left) in others {
        for is_first in [true, false] {
            let host = Host::new();
            if !is_first {
                publish("0");
                remove();
            }
            host.meanwhile(PROOF, work);
            publish("a");
            assert_sound(&host, case, left);
        }
    }
}

fn back(host: &Host) {
    host.set_now(host.now() - 60_000);
}

/// The document is absent when the publish reads it, and when it writes it, but not in between.
#[test]
fn a_first_publish_that_missed_a_removal_is_acknowledged_all_the_same() {
    for (is_first, ahead) in [(true, 0), (false, 0), (true, 5000), (false, 5000)] {
        for is_late in [true, false] {
            for then in ["nothing", "publish", "remove", "publish and remove", "remove and publish"] {
                let case = format!("first: {is_first}, ahead: {ahead}, a late proof: {is_late}, {then}");
                let host = Host::new();
                if !is_first {
                    publish("0");
                    remove();
                }
                host.meanwhile(DOCUMENT, move |host| {
                    if is_late {
                        host.meanwhile(PROOF, |_| remove());
                    }
                    host.set_now(host.now() + ahead);
                    publish("theirs");
                    remove();
                    host.set_now(host.now() - ahead);
                    // Before the proof of ours.
                    host.meanwhile(PROOF, move |_| {
                        for word in then.split(" and ") {
                            match word {
                                "publish" => publish("more"),
                                "remove" => remove(),
                                _ => {}
                            }
                        }
                    });
                });
                publish("ours");
                match then {
                    "nothing" => assert_sound(&host, &case, &["ours"]),
                    "remove" | "publish and remove" => assert_sound(&host, &case, &[]),
                    "remove and publish" => assert_sound(&host, &case, &["more"]),
                    // The proof is behind, as after a publish that was killed.
                    _ => assert_eq!(files(), ["ours", "more"], "{case}"),
                }
                assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, Vec::<String>::new(), "{case}");
            }
        }
    }
}

#[test]
fn a_document_that_is_begun_and_missed_a_removal_gets_a_later_stamp_with_its_first_version() {
    let host = Host::new();
    host.meanwhile(DOCUMENT, |host| {
        host.set_now(host.now() + 5000);
        publish("theirs");
        remove();
        host.set_now(host.now() - 5000);
    });
    let begun = storage::begin(DOCUMENT, None, || Ok::<_, Error>(b"[]".to_vec())).unwrap();
    let (document, proof) = begun.unwrap();
    let names = [Name::from("ours".to_owned())];
    let written = storage::put_naming(proof, Some(&(&document).into()), b"[\"ours\"]".to_vec(), None, &names);
    assert_eq!(written.unwrap().version, host.object_info(DOCUMENT).unwrap().version);
    assert_sound(&host, "begun", &["ours"]);
}

#[test]
fn a_document_that_begins_anew_beside_a_removal_that_was_killed_is_later_than_that() {
    let host = Host::new();
    host.set_now(host.now() + 60_000);
    publish("a");
    let _killed = begin_removal();
    back(&host);
    publish("b");
    assert_sound(&host, "a clock that is behind", &["b"]);
}

#[test]
fn two_removals_and_a_publish_at_any_step_leave_nothing_lost() {
    for key in [DOCUMENT, PROOF] {
        for then in ["remove", "publish", "remove and publish", "publish and remove"] {
            for is_killed in [true, false] {
                let case = format!("before {key}: {then}, killed: {is_killed}");
                let host = Host::new();
                publish("a");
                // Before the first removal announces, or removes.
                host.meanwhile(key, move |_| {
                    for word in then.split(" and ") {
                        if word == "publish" { publish("b") } else { remove() }
                    }
                });
                let there = read().unwrap();
                let before = Before::from(&there);
                let mark = RemovalMark::remove(DOCUMENT, &before, &[]).unwrap();
                assert_eq!(mark.is_none(), then.ends_with("publish"), "{case}");
                if let (Some(mark), false) = (mark, is_killed) {
                    mark.finish();
                }
                let left: &[&str] = match then {
                    "publish" => &["a", "b"],
                    "remove and publish" => &["b"],
                    _ => &[],
                };
                assert_sound(&host, &case, left);
            }
        }
    }
}

#[test]
fn a_removal_whose_answer_is_lost_leaves_a_document_that_is_whole_or_removed() {
    for (key, is_gone) in [(PROOF, false), (DOCUMENT, true)] {
        for conflict in [true, false] {
            let host = Host::new();
            publish("a");
            if conflict {
                host.lose_answer(key, |there| there);
            } else {
                host.break_answer(key, Error::Unavailable("away".to_owned()));
            }
            let before = Before::from(&read().unwrap());
            let removed = RemovalMark::remove(DOCUMENT, &before, &["a".to_owned()]);
            let case = format!("{key}, conflict: {conflict}, {:?}", removed.as_ref().err());
            assert_eq!(removed.is_ok(), conflict, "{case}");
            drop(removed);
            if is_gone || conflict {
                assert_sound(&host, &case, &[]);
            } else {
                publish("b");
                assert_sound(&host, &case, &["a", "b"]);
            }
        }
    }
}

#[test]
fn the_files_of_a_removal_whose_answer_was_lost_are_for_the_collection() {
    let host = Host::new();
    publish("a");
    host.insert("a", "file").unwrap();
    host.break_answer(DOCUMENT, Error::Unavailable("away".to_owned()));
    let before = Before::from(&read().unwrap());
    assert!(RemovalMark::remove(DOCUMENT, &before, &["a".to_owned()]).is_err());
    host.set_now(host.now() + 2 * GRACE);
    let collect = || host.upkeep().older_than(0).collect::<Demo>().unwrap();
    collect();
    assert_eq!(
        host.objects().len(),
        3,
        "the mark and the proof stay as long as the file: {:?}",
        host.objects()
    );
    assert!(host.remove("a"));
    collect();
    assert_eq!(host.objects(), Vec::<String>::new());
}

/// Not every store removes by version in one step.
#[test]
fn a_change_that_a_store_removes_all_the_same_is_removed_and_not_lost() {
    let host = Host::new();
    publish("a");
    let before = Before::from(&read().unwrap());
    let mark = RemovalMark::begin(DOCUMENT, &before, &[]).unwrap();
    publish("b");
    assert!(host.remove(DOCUMENT));
    mark.finish();
    assert_sound(&host, "its proof came before the end of the removal", &[]);

    let host = Host::new();
    publish("a");
    let before = Before::from(&read().unwrap());
    let mark = RemovalMark::begin(DOCUMENT, &before, &[]).unwrap();
    host.meanwhile(PROOF, move |host| {
        assert!(host.remove(DOCUMENT));
        mark.finish();
    });
    publish("b");
    assert_sound(&host, "its proof came after the removal", &[]);

    // A collection removes the proof that a removal has just written.
    let host = Host::new();
    publish("0");
    remove();
    host.meanwhile(PROOF, |host| {
        remove();
        assert!(host.remove(PROOF));
    });
    publish("a");
    assert_sound(&host, "the proof is gone", &[]);
}

#[test]
fn a_collection_removes_the_proof_of_a_removed_document_when_no_request_can_be_late() {
    let host = Host::new();
    publish("a");
    remove();
    assert_eq!(host.objects(), [PROOF]);
    let collect = |host: &Host| host.upkeep().older_than(0).collect::<Demo>().unwrap();
    host.set_now(host.now() + GRACE - 1000);
    assert_eq!(collect(&host).damaged, Vec::<String>::new());
    assert_eq!(host.objects(), [PROOF], "a request may be late");
    host.set_now(host.now() + 2000);
    host.upkeep().older_than(0).dry_run().collect::<Demo>().unwrap();
    assert_eq!(host.objects(), [PROOF]);
    // A publish comes between its proof and the look at the document.
    host.meanwhile(PROOF, |_| publish("b"));
    collect(&host);
    assert_sound(&host, "published meanwhile", &["b"]);
    remove();
    host.set_now(host.now() + GRACE + 1000);
    collect(&host);
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_sound(&host, "collected", &[]);
}

#[test]
fn a_publish_that_read_a_proof_before_it_was_collected_is_acknowledged() {
    let host = Host::new();
    publish("a");
    remove();
    host.set_now(host.now() + 2 * GRACE);
    host.meanwhile(DOCUMENT, |host| {
        host.upkeep().older_than(0).collect::<Demo>().unwrap();
        assert_eq!(host.objects(), Vec::<String>::new());
    });
    publish("b");
    assert_sound(&host, "collected meanwhile", &["b"]);
}

#[test]
fn a_collection_settles_a_removal_that_was_killed_before_it_removed_and_none_that_is_under_way() {
    let host = Host::new();
    publish("a");
    let announce = || RemovalMark::begin(DOCUMENT, &Before::from(&read().unwrap()), &[]).unwrap();
    let _killed = announce();
    host.set_now(host.now() + 2 * GRACE);
    let under_way = announce();
    // The collection has listed the mark before.
    let mark = host.objects().into_iter().find(|key| key.starts_with("removals/")).unwrap();
    let content = host.object(&mark).unwrap();
    host.set_now(host.now() - 2 * GRACE);
    host.insert(&mark, content).unwrap();
    host.set_now(host.now() + 2 * GRACE);
    host.upkeep().older_than(0).collect::<Demo>().unwrap();
    assert!(!Proof::of(DOCUMENT).unwrap().is_there());
    storage::remove(DOCUMENT, Precondition::Any).unwrap();
    under_way.finish();
    assert_sound(&host, "under way", &[]);

    let host = Host::new();
    publish("a");
    let _killed = announce();
    host.set_now(host.now() + 2 * GRACE);
    host.upkeep().older_than(0).collect::<Demo>().unwrap();
    assert_eq!(host.objects(), [DOCUMENT, PROOF]);
    assert_sound(&host, "settled", &["a"]);
}

#[test]
fn a_late_proof_does_not_bring_back_a_file_that_was_taken_out() {
    type Others = fn(&Host);
    let others: [(&str, Others, &[&str], bool); 5] = [
        ("taken out", |_| take_out("a"), &["0"], false),
        ("published again", |_| (take_out("a"), publish("a")).1, &["0", "a"], true),
        ("beside another publish", |_| (publish("b"), take_out("a")).1, &["0", "b"], false),
        ("another file", |_| take_out("0"), &["a"], true),
        (
            "twice",
            |host| {
                take_out("a");
                host.meanwhile(PROOF, |_| take_out("a"));
                publish("a");
            },
            &["0"],
            false,
        ),
    ];
    for (case, work, left, is_named) in others {
        let host = Host::new();
        publish("0");
        host.meanwhile(PROOF, work);
        publish("a");
        assert_eq!(Proof::of(DOCUMENT).unwrap().names("a"), is_named, "{case}");
        assert_sound(&host, case, left);
    }
}

#[test]
fn what_was_taken_out_is_forgotten_when_no_request_can_be_late() {
    let host = Host::new();
    ["0", "a", "b"].into_iter().for_each(publish);
    take_out("a");
    assert!(host.object_json(PROOF)["released"]["a"].is_object());
    host.set_now(host.now() + GRACE + 1);
    take_out("b");
    let released = host.object_json(PROOF)["released"].clone();
    assert_eq!(released.as_object().unwrap().keys().collect::<Vec<_>>(), ["b"]);
    host.set_now(host.now() + GRACE + 1);
    publish("c");
    assert!(host.object_json(PROOF).get("released").is_none(), "{}", host.object_json(PROOF));
    assert_sound(&host, "forgotten", &["0", "c"]);
}

#[test]
fn a_reindex_that_is_late_with_what_a_document_names_revives_nothing() {
    type Others = fn(&Host);
    let others: [(&str, Others, &[&str]); 3] = [
        ("removed", |_| remove(), &[]),
        ("begun anew", |_| (remove(), publish("b")).1, &["b"]),
        ("taken out", |_| take_out("a"), &["0"]),
    ];
    for (case, work, left) in others {
        let host = Host::new();
        ["0", "a"].into_iter().for_each(publish);
        // As an earlier version left it.
        assert!(host.remove(PROOF));
        host.meanwhile(PROOF, work);
        host.upkeep().reindex::<Naming>().unwrap();
        assert_sound(&host, case, left);
    }
}

struct Naming;

impl Protocol for Naming {
    fn describe() -> Description {
        Description::new("demo", "Demo", "0.1.0")
    }
    fn handle(_: Request) -> Response {
        Response::new(200)
    }
}

impl Maintenance for Naming {
    fn collect(_: &Step<'_>) -> Result<(), Error> {
        Ok(())
    }
    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        let Some(document) = storage::get(DOCUMENT)? else { return Ok(()) };
        let names = files_of(&document).into_iter().map(Name::from).collect();
        step.prove_names(&document, Proof::of(DOCUMENT)?, names)
    }
    fn verify(_: &Step<'_>) -> Result<(), Error> {
        Ok(())
    }
}

#[test]
fn a_change_that_removes_a_proven_document_is_no_loss() {
    for is_strict in [false, true] {
        let host = Host::new();
        let update = Update::new(DOCUMENT);
        let update = if is_strict { update.strict() } else { update.proven() };
        let write = || update.run(|_| Ok::<_, Error>(Change::Write(b"[]".to_vec()))).map(drop);
        write().unwrap();
        update.run(|_| Ok::<_, Error>(Change::Remove)).unwrap();
        assert_eq!(storage::check_absent(DOCUMENT), Ok(()));
        write().unwrap();
        assert!(host.remove(DOCUMENT));
        assert!(matches!(write(), Err(Error::Damaged { .. })));
    }
}

#[test]
fn owners_that_began_anew_are_those_that_count() {
    let host = Host::new();
    let owners = || Json::<Vec<String>>::at(DOCUMENT).strict();
    let set = |name: &str| {
        let names = vec![name.to_owned()];
        owners().update(|_| Ok::<_, Error>(Some(names.clone()))).map(drop)
    };
    set("ann").unwrap();
    let older = host.object(DOCUMENT).unwrap();
    host.meanwhile(PROOF, |_| {
        remove();
        Json::<Vec<String>>::at(DOCUMENT)
            .strict()
            .update(|_| Ok::<_, Error>(Some(vec!["bob".to_owned()])))
            .unwrap();
    });
    set("zoe").unwrap();
    assert_eq!(owners().read().unwrap().unwrap(), ["bob"]);
    for copy in [older, b"[\"ann\"]".to_vec()] {
        host.insert(DOCUMENT, copy).unwrap();
        assert!(matches!(owners().read(), Err(Error::Damaged { .. })));
    }
}

#[test]
fn documents_without_a_stamp_are_removed_and_published_as_others_are() {
    // One that can have none, and one that an earlier version wrote.
    for (text, is_stamped) in [("text", false), ("[]", true)] {
        for (number, then) in ["nothing", "remove", "remove and publish"].iter().enumerate() {
            let case = format!("{text}, {then}");
            let host = Host::new();
            let write = move |name: &str| {
                let names = [Name::from(name.to_owned())];
                let update = Update::new(DOCUMENT).proven().naming(&names);
                update.run(|_| Ok::<_, Error>(Change::Write(text.as_bytes().to_vec()))).map(drop)
            };
            let gone = || {
                let before = Before::from(&read().unwrap());
                RemovalMark::remove(DOCUMENT, &before, &[]).unwrap().unwrap().finish();
            };
            if is_stamped {
                host.insert(DOCUMENT, text).unwrap();
            } else {
                write("a").unwrap();
            }
            host.meanwhile(PROOF, move |_| {
                if number > 0 {
                    gone();
                }
                if number > 1 {
                    write("c").unwrap();
                }
            });
            write("b").unwrap();
            assert_eq!(read().is_some(), number != 1, "{case}");
            if read().is_some() {
                assert!(Proof::of(DOCUMENT).unwrap().is_there(), "{case}");
                gone();
            }
            assert_eq!(storage::check_absent(DOCUMENT), Ok(()), "{case}");
            write("d").unwrap();
            assert!(host.remove(DOCUMENT));
            assert!(matches!(write("e"), Err(Error::Damaged { .. })), "{case}");
        }
    }
}

#[test]
fn an_older_copy_of_a_removed_document_is_one_that_begins_anew() {
    let host = Host::new();
    publish("a");
    let older = host.object(DOCUMENT).unwrap();
    remove();
    host.insert(DOCUMENT, older).unwrap();
    publish("b");
    assert_eq!(files(), ["a", "b"]);
    assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, Vec::<String>::new());
    assert!(host.remove(DOCUMENT));
    assert!(matches!(storage::check_absent(DOCUMENT), Err(Error::Damaged { .. })));
}

#[test]
fn without_its_proof_a_document_that_an_operator_removed_by_hand_begins_anew() {
    let host = Host::new();
    publish("a");
    assert!(host.remove(DOCUMENT));
    let Err(Error::Damaged { why, .. }) = try_publish("b") else { panic!("it was lost") };
    assert!(why.contains("`proofs/index.json`"), "{why}");
    assert!(host.remove(PROOF));
    publish("b");
    void_removal(DOCUMENT).unwrap();
    assert_sound(&host, "by hand", &["b"]);
}
