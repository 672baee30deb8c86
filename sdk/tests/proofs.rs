//! What the proof of a document tells: that the document was lost, that it is an older copy, and which
//! files it has named.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::cell::Cell;
use std::collections::BTreeMap;

use packhouse_plugin::Error;
use packhouse_plugin::auth::Owner;
use packhouse_plugin::maintenance::{self, Maintenance, Reference, RemovalMark, Step, Stored};
use packhouse_plugin::storage::{
    self, Before, Change, Document, Entry, GRACE, Json, Named, Proof, Publish, Refused, Removal, Said,
    Update, Writer, put_naming, put_proven, put_rebuilt,
};
use packhouse_plugin::testing::Host;
use packhouse_plugin::{Description, Protocol, Request, Response};
use serde_json::json;

const INDEX: &str = "index.json";
const PROOF: &str = "proofs/index.json";

type Versions = BTreeMap<String, String>;

fn blob(version: &str) -> String {
    format!("files/demo-{version}")
}

fn look(document: Option<&Document>, version: &str, bytes: &str) -> Result<Entry, Error> {
    let mut versions: Versions = document.map_or(Ok(Versions::new()), Document::json)?;
    match versions.get(version) {
        Some(there) if there == bytes => return Ok(Entry::Same),
        Some(_) => return Ok(Entry::Other),
        None => {}
    }
    versions.insert(version.to_owned(), bytes.to_owned());
    Ok(Entry::New(storage::to_json(&versions)?))
}

/// `between` happens after each reading of the document.
fn publish_while(version: &str, bytes: &str, between: impl Fn()) -> Result<Result<Named, Refused>, Error> {
    let mut writer = Writer::new(&["sha256"]);
    writer.add(bytes.as_bytes())?;
    let mut staged = writer.finish()?;
    let mut look = |document: Option<&Document>| {
        let entry = look(document, version, bytes);
        between();
        entry
    };
    Publish::new(INDEX).proven().run(&mut staged, &blob(version), None, &mut look)
}

fn publish(version: &str, bytes: &str) -> Result<Result<Named, Refused>, Error> {
    publish_while(version, bytes, || ())
}

fn done(version: &str, bytes: &str) {
    publish(version, bytes).unwrap().unwrap();
}

fn versions(host: &Host) -> Vec<String> {
    serde_json::from_slice::<Versions>(&host.object(INDEX).unwrap()).unwrap().into_keys().collect()
}

/// Of the document as it is.
fn begin_removal() -> RemovalMark {
    let there = storage::get(INDEX).unwrap().unwrap();
    RemovalMark::begin(INDEX, &Before::from(&there), &[blob("1.0.0")]).unwrap()
}

#[track_caller]
fn assert_damaged<T: std::fmt::Debug>(refused: &Result<T, Error>, key: &str, why: &str) {
    let Err(Error::Damaged { key: found, why: told }) = refused else { panic!("{refused:?}") };
    assert!(found == key && told.contains(why), "{found}: {told}");
}

/// Two versions, and the document of before the second.
fn with_older_copy() -> (Host, Vec<u8>) {
    let host = Host::new();
    done("1.0.0", "one");
    let older = host.object(INDEX).unwrap();
    done("1.1.0", "two");
    (host, older)
}

#[test]
fn nothing_is_built_on_an_older_copy_at_any_age() {
    for age in [0, 1000, 2 * GRACE, 48 * 60 * 60 * 1000] {
        for is_written_back_at_once in [true, false] {
            let (host, older) = with_older_copy();
            if is_written_back_at_once {
                host.insert(INDEX, &older).unwrap();
            }
            host.set_now(host.now() + age);
            host.insert(INDEX, &older).unwrap();
            let before = host.objects();
            for (version, bytes) in [("2.0.0", "new"), ("1.1.0", "other"), ("1.1.0", "two")] {
                assert_damaged(&publish(version, bytes), INDEX, "reindex");
            }
            let change = Update::new(INDEX).proven().run(|_| Ok::<_, Error>(Change::Write(b"{}".to_vec())));
            assert_damaged(&change, INDEX, "older copy");
            let json = Json::<Versions>::at(INDEX).proven().update(|_| Ok::<_, Error>(Some(Versions::new())));
            assert_damaged(&json, INDEX, "older copy");
            assert_eq!((host.object(INDEX), host.objects()), (Some(older), before));
            assert_eq!(host.object(&blob("1.1.0")).unwrap(), b"two");
        }
    }
}

#[test]
fn the_newest_copy_is_as_good_as_the_document_wherever_it_comes_from() {
    let (host, older) = with_older_copy();
    let newest = host.object(INDEX).unwrap();
    host.insert(INDEX, older).unwrap();
    host.insert(INDEX, newest).unwrap();
    done("1.2.0", "three");
    assert_eq!(versions(&host), ["1.0.0", "1.1.0", "1.2.0"]);
    assert!(host.log().is_empty(), "a healthy store is silent: {:?}", host.log());
}

#[test]
fn a_copy_of_before_a_change_that_is_no_publish_is_older_too() {
    let host = Host::new();
    done("1.0.0", "one");
    for way in ["update", "json", "put"] {
        let older = host.object(INDEX).unwrap();
        let yanked =
            |document: &[u8]| String::from_utf8_lossy(document).replace('{', "{\"y\":\"\",").into_bytes();
        match way {
            "update" => Update::new(INDEX)
                .proven()
                .run(|there| Ok::<_, Error>(Change::Write(yanked(&there.unwrap().bytes))))
                .map(drop),
            "json" => Json::<Versions>::at(INDEX)
                .proven()
                .update(|there| {
                    let mut there = there.unwrap();
                    there.insert("z".to_owned(), String::new());
                    Ok::<_, Error>(Some(there))
                })
                .map(drop),
            _ => {
                let there = storage::get(INDEX).unwrap().unwrap();
                put_proven(INDEX, Some(&Before::from(&there)), b"{}".to_vec(), None).map(drop)
            }
        }
        .unwrap();
        let newest = host.object(INDEX).unwrap();
        host.insert(INDEX, &older).unwrap();
        assert_damaged(&publish("2.0.0", "new"), INDEX, "older copy");
        host.insert(INDEX, newest).unwrap();
    }
}

#[test]
fn an_older_copy_of_before_a_removal_of_the_whole_document_is_older_too() {
    let host = Host::new();
    done("1.0.0", "one");
    let older = host.object(INDEX).unwrap();
    host.set_now(host.now() + 1000);
    let mark = begin_removal();
    assert!(host.remove(INDEX) && host.remove(&blob("1.0.0")));
    mark.finish();
    assert_eq!(host.objects(), [PROOF]);
    host.set_now(host.now() + 1000);
    done("1.0.0", "other");
    host.insert(INDEX, older).unwrap();
    assert_damaged(&publish("2.0.0", "new"), INDEX, "older copy");
}

#[test]
fn a_document_that_changes_while_it_is_compared_is_read_again() {
    let host = Host::new();
    done("1.0.0", "one");
    let is_first = Cell::new(true);
    let published = publish_while("1.1.0", "ours", || {
        if is_first.replace(false) {
            done("2.0.0", "theirs");
        }
    });
    assert!(published.unwrap().is_ok());
    assert_eq!(versions(&host), ["1.0.0", "1.1.0", "2.0.0"]);
}

#[test]
fn a_change_that_was_killed_before_its_proof_leaves_a_proof_that_is_behind() {
    let (host, older) = with_older_copy();
    let behind = host.object(PROOF).unwrap();
    done("1.2.0", "three");
    host.insert(PROOF, behind).unwrap();
    done("1.3.0", "four");
    assert_eq!(versions(&host).len(), 4);
    host.insert(INDEX, older).unwrap();
    assert_damaged(&publish("2.0.0", "new"), INDEX, "older copy");
}

#[test]
fn a_publish_whose_answer_was_lost_is_in_the_proof() {
    let host = Host::new();
    done("1.0.0", "one");
    let older = host.object(INDEX).unwrap();
    host.lose_answer(INDEX, |there| {
        let text = String::from_utf8(there?).unwrap();
        Some(text.replacen('{', "{\"2.0.0\":\"theirs\",", 1).into_bytes())
    });
    done("1.1.0", "two");
    assert!(Proof::of(INDEX).unwrap().names(&blob("1.1.0")));
    host.insert(INDEX, older).unwrap();
    assert_damaged(&publish("3.0.0", "new"), INDEX, "older copy");
}

#[test]
fn two_proofs_at_one_moment_keep_what_both_say() {
    let host = Host::new();
    done("1.0.0", "one");
    let theirs = {
        let mut proof = host.object_json(PROOF);
        proof["files"]["files/theirs"] = json!(1);
        proof["stamp"] = json!(host.now() + 5);
        proof.to_string()
    };
    host.race(PROOF, theirs);
    done("1.1.0", "two");
    let proof = Proof::of(INDEX).unwrap();
    assert!(proof.names(&blob("1.1.0")) && proof.names("files/theirs") && proof.names(&blob("1.0.0")));
    assert_eq!(host.object_json(PROOF)["stamp"], host.now() + 5, "never back");
}

/// What a publisher does while a request removes the document, before each step of the removal.
#[test]
fn a_publish_at_any_step_of_a_removal_succeeds_and_nothing_is_called_lost() {
    const STEPS: u32 = 5;
    for publish_at in 0..STEPS {
        for read_at in 0..=publish_at {
            for is_killed in [true, false] {
                let host = Host::new();
                done("1.0.0", "one");
                host.set_now(host.now() + 1000);
                let there = storage::get(INDEX).unwrap().unwrap();
                let mut mark = None;
                let mut step = |number: u32| match number {
                    0 => mark = Some(begin_removal()),
                    1 => drop(storage::remove(INDEX, there.precondition())),
                    2 => drop(host.remove(&blob("1.0.0"))),
                    3 if !is_killed => mark.take().into_iter().for_each(RemovalMark::finish),
                    _ => {}
                };
                (0..read_at).for_each(&mut step);
                let next = Cell::new(read_at);
                let step = std::cell::RefCell::new(step);
                // The publish has read the document by now.
                let published = publish_while("1.1.0", "two", || {
                    while next.get() < publish_at {
                        (step.borrow_mut())(next.get());
                        next.set(next.get() + 1);
                        maintenance::void_removal(INDEX).unwrap();
                    }
                });
                let case = format!("read at {read_at}, written at {publish_at}, killed: {is_killed}");
                published.unwrap_or_else(|error| panic!("{case}: {error:?}")).unwrap();
                (next.get()..STEPS).for_each(|number| (step.borrow_mut())(number));
                assert!(versions(&host).contains(&"1.1.0".to_owned()), "{case}");
                assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, Vec::<String>::new(), "{case}");
                done("1.2.0", "three");
                // The loss of what was acknowledged is noticed.
                assert!(host.remove(INDEX));
                assert_damaged(&storage::check_absent(INDEX), INDEX, "lost");
                assert_damaged(&publish("1.3.0", "four"), INDEX, "lost");
            }
        }
    }
}

#[test]
fn a_removal_that_was_killed_at_any_step_leaves_nothing_lost_and_its_mark_may_be_void() {
    for is_removed in [false, true] {
        let host = Host::new();
        done("1.0.0", "one");
        let older = host.object(INDEX).unwrap();
        let _killed = begin_removal();
        if is_removed {
            assert!(host.remove(INDEX));
        }
        maintenance::void_removal(INDEX).unwrap();
        assert_eq!(storage::check_absent(INDEX), Ok(()));
        assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, Vec::<String>::new());
        host.set_now(host.now() + 1);
        done("1.1.0", "two");
        assert_eq!(versions(&host).len(), if is_removed { 1 } else { 2 });
        assert_eq!(Proof::of(INDEX).unwrap().names(&blob("1.0.0")), !is_removed);
        host.insert(INDEX, older).unwrap();
        assert_damaged(&publish("2.0.0", "new"), INDEX, "older copy");
        assert!(host.remove(INDEX));
        assert_damaged(&storage::check_absent(INDEX), INDEX, "lost");
    }
}

/// Of two requests at one moment, the one that comes late with its proof finds what the removal has said.
#[test]
fn a_late_proof_of_a_document_that_a_request_removes_changes_nothing_and_a_later_one_does() {
    for (of, is_removed) in [(1000, true), (-1, false)] {
        let host = Host::new();
        done("1.0.0", "one");
        host.set_now(host.now() + 5000);
        let mut proof = host.object_json(PROOF);
        let of = host.now().checked_add_signed(of).unwrap();
        proof["removal"] = json!({ "of": of });
        host.race(PROOF, proof.to_string());
        done("1.1.0", "two");
        assert_eq!(host.object_json(PROOF)["removal"]["of"], of);
        assert_eq!(Proof::of(INDEX).unwrap().names(&blob("1.1.0")), !is_removed);
        assert!(host.remove(INDEX));
        assert_eq!(storage::check_absent(INDEX).is_ok(), is_removed);
        assert_eq!(publish("1.2.0", "three").is_ok(), is_removed);
    }
}

#[test]
fn documents_and_proofs_of_earlier_versions_are_built_on() {
    let sentence = "index.json exists. If it is not there, it was lost.\n";
    for proof in [None, Some(sentence), Some("{torn")] {
        let host = Host::new();
        host.insert(INDEX, r#"{"1.0.0":"one"}"#).unwrap();
        host.insert(&blob("1.0.0"), "one").unwrap();
        if let Some(proof) = proof {
            host.insert(PROOF, proof).unwrap();
        }
        done("1.1.0", "two");
        let older = host.object(INDEX).unwrap();
        done("1.2.0", "three");
        assert_eq!(host.object_json(PROOF)["files"].as_object().unwrap().len(), 2);
        let is_told = host.log().iter().any(|line| format!("{line:?}").contains(PROOF));
        assert_eq!(is_told, proof == Some("{torn"));
        // A host of the earlier version changes it, which leaves no stamp.
        let there = host.object_json(INDEX).to_string();
        host.insert(INDEX, there).unwrap();
        done("1.3.0", "four");
        assert_eq!(versions(&host).len(), 4);
        host.insert(INDEX, older).unwrap();
        assert_damaged(&publish("2.0.0", "new"), INDEX, "older copy");
    }
}

/// The document as a hand leaves it that takes a version out: its stamp stays.
fn forget_version(host: &Host, version: &str, bytes: &str) {
    let text = String::from_utf8(host.object(INDEX).unwrap()).unwrap();
    let entry = format!("\"{version}\":\"{bytes}\"");
    assert!(text.contains(&entry), "{text}");
    host.insert(INDEX, text.replace(&format!(",{entry}"), "").replace(&entry, "")).unwrap();
}

#[test]
fn a_file_that_was_named_is_never_replaced_because_the_document_has_lost_it() {
    let (host, _) = with_older_copy();
    forget_version(&host, "1.1.0", "two");
    host.set_now(host.now() + 2 * GRACE);
    assert_damaged(&publish("1.1.0", "other"), &blob("1.1.0"), "named it earlier");
    assert_eq!(host.object(&blob("1.1.0")).unwrap(), b"two");
    done("1.1.0", "two");
    // What a request takes out may be published anew, also if it was killed before the file went.
    let mut removal = Removal::of("files");
    let before = Before::from(&storage::get(INDEX).unwrap().unwrap());
    removal.announce_from(INDEX, &before, &[blob("1.1.0")]).unwrap();
    forget_version(&host, "1.1.0", "two");
    drop(removal);
    host.set_now(host.now() + 2 * GRACE);
    done("1.1.0", "other");
    assert_eq!(host.object(&blob("1.1.0")).unwrap(), b"other");
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

fn stored() -> Result<Stored<Versions>, Error> {
    Stored::read(INDEX, |document| {
        let versions = document.json()?;
        Ok(Stored::Ours(document, versions))
    })
}

fn reference(key: &str) -> Result<Reference, Error> {
    Ok(match stored()? {
        Stored::Nothing | Stored::Foreign(_) => Reference::NoDocument,
        Stored::Damaged(..) => Reference::Damaged,
        Stored::Ours(_, versions) if versions.keys().any(|version| blob(version) == key) => Reference::Named,
        Stored::Ours(..) => Reference::Unnamed,
    })
}

impl Maintenance for Demo {
    fn collect(step: &Step<'_>) -> Result<(), Error> {
        if let Some(why) = stored()?.damage() {
            step.damaged_once(INDEX, why);
        }
        for file in storage::list("files/") {
            let file = file?;
            step.reclaim(&file, INDEX, reference(&file.key)?, || reference(&file.key))?;
        }
        Ok(())
    }
    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        step.each_proven(None, |document, proof| {
            let mut versions: Versions = document.json()?;
            let mut is_changed = proof.is_ahead_of(&document)?;
            for (file, _) in proof.files() {
                let version = file.strip_prefix("files/demo-").unwrap();
                if !versions.contains_key(version) {
                    let bytes = storage::get(file)?.unwrap().bytes;
                    versions.insert(version.to_owned(), String::from_utf8_lossy(&bytes).into_owned());
                    is_changed = true;
                }
            }
            if is_changed {
                put_rebuilt(INDEX, Some(&Before::from(&document)), storage::to_json(&versions)?, None)?;
                step.rebuilt(INDEX);
            }
            Ok(())
        })
        .map(drop)
    }
    fn verify(step: &Step<'_>) -> Result<(), Error> {
        if let Some(why) = stored()?.damage() {
            step.damaged_once(INDEX, why);
        }
        let files = storage::list("files/").collect::<Result<Vec<_>, _>>()?;
        let files: Vec<_> =
            files.iter().map(|file| Ok((file, reference(&file.key)?))).collect::<Result<_, Error>>()?;
        step.report_unnamed(&files, INDEX)?;
        step.report_lost(None).map(drop)
    }
}

#[test]
fn maintenance_names_what_was_lost_keeps_the_files_and_a_reindex_brings_them_back() {
    for is_older in [true, false] {
        let (host, older) = with_older_copy();
        host.insert("files/demo-9.0.0", "of a publish that was killed").unwrap();
        if is_older {
            host.insert(INDEX, older).unwrap();
        } else {
            forget_version(&host, "1.1.0", "two");
        }
        host.set_now(host.now() + 2 * GRACE);
        assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, [INDEX]);
        let run = host.upkeep().older_than(0).dry_run().collect::<Demo>().unwrap();
        assert_eq!(run.damaged, [INDEX], "{:?}", run.lines);
        assert!(!run.left_over.contains(&blob("1.1.0")), "{:?}", run.lines);
        assert_eq!(host.upkeep().reindex::<Demo>().unwrap().rebuilt, [INDEX]);
        for run in [host.upkeep().verify::<Demo>(), host.upkeep().reindex::<Demo>()] {
            let run = run.unwrap();
            assert_eq!((run.damaged.len(), run.rebuilt.len()), (0, 0), "{:?}", run.lines);
        }
        assert_eq!(versions(&host), ["1.0.0", "1.1.0"]);
        done("1.2.0", "three");
        let run = host.upkeep().older_than(0).collect::<Demo>().unwrap();
        assert_eq!(run.left_over, ["files/demo-9.0.0"]);
    }
}

#[test]
fn a_proof_that_cannot_be_read_is_named_and_one_of_an_earlier_version_is_none() {
    let host = Host::new();
    done("1.0.0", "one");
    let damaged = |proof: &str| {
        host.insert(PROOF, proof).unwrap();
        host.upkeep().verify::<Demo>().unwrap().damaged
    };
    assert_eq!(damaged("index.json exists. If it is not there, it was lost.\n"), Vec::<String>::new());
    for torn in ["", "{", "{}", "null", "text"] {
        assert_eq!(damaged(torn), [PROOF], "{torn:?}");
    }
    done("1.1.0", "two");
    assert_eq!(host.upkeep().verify::<Demo>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn a_proof_costs_two_calls_of_the_store() {
    let host = Host::new();
    let cost = |version: &str, is_proven: bool| {
        let mut writer = Writer::new(&["sha256"]);
        writer.add(b"bytes").unwrap();
        let mut staged = writer.finish().unwrap();
        let mut look = |document: Option<&Document>| look(document, version, "bytes");
        let publish = Publish::new(INDEX);
        let publish = if is_proven { publish.proven() } else { publish };
        let before = host.store_calls();
        publish.run(&mut staged, &blob(version), None, &mut look).unwrap().unwrap();
        host.store_calls() - before
    };
    let first = cost("1.0.0", true);
    let (without, with) = (cost("1.1.0", false), cost("1.2.0", true));
    assert_eq!((with - without, first - without), (2, 2));
}

fn list() -> Json<Vec<String>> {
    Json::at("owners.json").strict()
}

fn set_list(names: &[&str]) -> Result<(), Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    list().update(|_| Ok::<_, Error>(Some(names.clone()))).map(drop)
}

#[test]
fn a_list_of_owners_that_is_older_or_unstamped_counts_for_nobody() {
    let host = Host::new();
    let key = "owners.json";
    set_list(&["ann", "bob"]).unwrap();
    let older = host.object(key).unwrap();
    set_list(&["ann"]).unwrap();
    let newest = host.object(key).unwrap();
    for copy in [older, br#"["ann","bob"]"#.to_vec(), br#"["ann"]"#.to_vec()] {
        host.insert(key, copy).unwrap();
        let before = host.objects();
        assert!(matches!(list().read(), Err(Error::Damaged { .. })));
        let mut is_asked = false;
        let changed = list().update(|_| {
            is_asked = true;
            Ok::<_, Error>(None)
        });
        let Err(Error::Damaged { why, .. }) = changed else { panic!("{changed:?}") };
        assert!(why.contains("`proofs/owners.json`") && !why.contains("reindex"), "{why}");
        assert!(!is_asked, "a change sees no older copy");
        assert_eq!(host.objects(), before);
    }
    host.insert(key, newest).unwrap();
    assert_eq!(list().read().unwrap().unwrap(), ["ann"]);
    // The operator lets a copy count.
    host.insert(key, r#"["bob"]"#).unwrap();
    assert!(host.remove("proofs/owners.json"));
    assert_eq!(list().read().unwrap().unwrap(), ["bob"]);
    set_list(&["bob", "zoe"]).unwrap();
}

#[test]
fn the_first_states_of_a_list_leave_no_proof_and_are_older_than_every_later_one() {
    let host = Host::new();
    let first = || Json::<Vec<String>>::at("owners.json").stamped();
    for names in [vec![], vec!["ann".to_owned()]] {
        first().update(|_| Ok::<_, Error>(Some(names.clone()))).unwrap();
    }
    assert_eq!(host.objects(), ["owners.json"]);
    let older = host.object("owners.json").unwrap();
    assert_eq!(list().read().unwrap().unwrap(), ["ann"]);
    set_list(&["bob"]).unwrap();
    host.insert("owners.json", older).unwrap();
    assert!(matches!(list().read(), Err(Error::Damaged { .. })));
}

#[test]
fn a_document_that_is_begun_needs_no_reading_before_it_is_published_into() {
    let host = Host::new();
    let begin = || storage::begin(INDEX, None, || Ok::<_, Error>(b"{}".to_vec()));
    let (document, proof) = begin().unwrap().unwrap();
    assert!(begin().unwrap().is_none());
    assert_eq!(host.objects(), [INDEX]);
    let mut writer = Writer::new(&["sha256"]);
    writer.add(b"one").unwrap();
    let mut staged = writer.finish().unwrap();
    let mut look = |document: Option<&Document>| look(document, "1.0.0", "one");
    let before = host.store_calls();
    let prepared = Publish::new(INDEX).proven().prepare_read(document, Some(proof), &mut look).unwrap();
    assert_eq!(host.store_calls(), before);
    let claimed = prepared.unwrap().claim(&mut staged, &blob("1.0.0"), None, &mut look).unwrap().unwrap();
    claimed.name(&mut look).unwrap().unwrap();
    assert!(Proof::of(INDEX).unwrap().names(&blob("1.0.0")));
    assert!(host.remove(INDEX));
    assert!(matches!(begin(), Err(Error::Damaged { .. })));
}

/// Of a document with these bytes.
fn told(bytes: &[u8]) -> Said {
    let owners = vec![Owner { name: String::from_utf8_lossy(bytes).into_owned(), id: None }];
    Said { owners, ..Said::default() }
}

#[test]
fn the_proof_repeats_what_the_newest_state_says_of_owners_and_forgets_what_a_change_does_not_tell() {
    let _host = Host::new();
    let said = |name: &str| {
        let owner = Owner { name: name.to_owned(), id: None };
        Said { owners: vec![owner], withdrawn: BTreeMap::from([("1.0.0".to_owned(), name.to_owned())]) }
    };
    let write = |bytes: &[u8], told: Option<Said>| {
        let before = storage::get(INDEX).unwrap();
        let proof = Proof::of(INDEX).unwrap();
        let proof = told.into_iter().fold(proof, Proof::saying);
        put_naming(proof, before.as_ref().map(Before::from).as_ref(), bytes.to_vec(), None, &[]).unwrap();
        Proof::of(INDEX).unwrap().said().cloned()
    };
    assert_eq!(write(b"[1]", Some(said("ann"))), Some(said("ann")));
    assert_eq!(write(b"[2]", Some(said("bob"))), Some(said("bob")));
    assert_eq!(write(b"[3]", None), None, "nobody knows what this state says");
    let change = |_: Option<&Document>| Ok::<_, Error>(Change::Write(b"[4]".to_vec()));
    Update::new(INDEX).proven().saying(told).run(change).unwrap();
    assert_eq!(Proof::of(INDEX).unwrap().said(), Some(&told(b"[4]")));
}

#[test]
fn a_copy_of_the_document_of_another_key_is_damaged_also_without_a_proof_and_after_a_removal() {
    let host = Host::new();
    let write = |key: &str| {
        Json::<Versions>::at(key).proven().update(|_| Ok::<_, Error>(Some(Versions::new()))).unwrap();
        storage::get(key).unwrap().unwrap()
    };
    write("a.json");
    host.set_now(host.now() + 10);
    let other = write("b.json");
    for (what, key) in
        [("with a proof", "a.json"), ("without a proof", "c.json"), ("after a removal", "d.json")]
    {
        if key == "d.json" {
            write(key);
            let remove = Update::new(key).proven().run(|_| Ok::<_, Error>(Change::Remove));
            assert_eq!(remove.unwrap(), None);
        }
        host.insert(key, &other.bytes).unwrap();
        let there = storage::get(key).unwrap().unwrap();
        assert!(Before::from(&there).is_foreign(), "{what}");
        let why = "another key";
        assert_damaged(&Json::<Versions>::at(key).read(), key, why);
        let json = Json::<Versions>::at(key).proven().update(|_| Ok::<_, Error>(Some(Versions::new())));
        assert_damaged(&json, key, why);
        let change = Update::new(key).proven().run(|_| Ok::<_, Error>(Change::Write(b"{}".to_vec())));
        assert_damaged(&change, key, why);
        assert_damaged(&put_proven(key, Some(&Before::from(&there)), b"{}".to_vec(), None), key, why);
        assert_eq!(host.object(key).as_ref(), Some(&other.bytes), "{what}");
        let is_foreign = storage::scan(key, |scan| scan.is_foreign()).unwrap();
        assert_eq!(is_foreign, Some(true), "{what}");
    }
    assert_eq!(storage::scan("b.json", |scan| scan.is_foreign()).unwrap(), Some(false));
    assert_eq!(Json::<Versions>::at("b.json").read().unwrap(), Some(Versions::new()));
}
