//! The parts that several protocols share: typed documents, derived ones, runs in phases, archives.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail loudly")]

use std::cell::Cell;

use packhouse_plugin::maintenance::{
    Budget, Maintenance, Phase, Place, Step, Stored, each_document, each_folder, each_in_parts,
};
use packhouse_plugin::storage::{self, Derived, Json, Writer};
use packhouse_plugin::testing::{Host, archive};
use packhouse_plugin::time::MINUTE;
use packhouse_plugin::zip::{self, Archive};
use packhouse_plugin::{Description, Error, Protocol, Request, Response};

type Names = Vec<String>;

#[test]
fn a_typed_document_is_absent_or_damaged_or_there() {
    let host = Host::new();
    let names = Json::<Names>::at("names");
    assert_eq!(names.read(), Ok(None));
    host.insert("names", r#"["ann""#).unwrap();
    assert!(matches!(names.read(), Err(Error::Damaged { key, .. }) if key == "names"));
    let updated = names.update(|_| Ok::<_, Error>(Some(Names::new())));
    assert!(matches!(updated, Err(Error::Damaged { .. })));
    assert_eq!(host.object("names").unwrap(), br#"["ann""#, "it was not written over");
    assert_eq!(names.create(&Names::new()), Ok(false));
    names.write(&vec!["ann".to_owned()]).unwrap();
    assert_eq!(names.read(), Ok(Some(vec!["ann".to_owned()])));
    assert_eq!(host.object_info("names").unwrap().content_type.as_deref(), Some("application/json"));
}

#[test]
fn a_change_of_a_typed_document_is_made_on_what_the_winner_wrote() {
    let host = Host::new();
    let names = Json::<Names>::at("names");
    host.race("names", r#"["bob"]"#);
    let mut tries = 0;
    names
        .update_telling(|there, has_tried| {
            assert_eq!(has_tried, tries > 0);
            tries += 1;
            let mut there = there.unwrap_or_default();
            there.push("ann".to_owned());
            Ok::<_, Error>(Some(there))
        })
        .unwrap();
    assert_eq!((tries, names.read()), (2, Ok(Some(vec!["bob".to_owned(), "ann".to_owned()]))));
    names.update(|_| Ok::<_, Error>(None)).unwrap();
    assert_eq!(names.read().unwrap().unwrap().len(), 2, "it was kept");
}

#[test]
fn a_retry_ends_when_others_keep_winning() {
    let _host = Host::new();
    let tries = Cell::new(0);
    let ended = storage::retry("key", |number| {
        tries.set(number);
        Ok::<Option<()>, Error>(None)
    });
    assert!(matches!(ended, Err(Error::Unavailable(_))));
    assert!(tries.get() > 1, "{}", tries.get());
    assert_eq!(storage::retry("key", |number| Ok::<_, Error>((number == 2).then_some(number))), Ok(2));
}

#[test]
fn a_derived_document_is_made_anew_when_it_expires_is_damaged_or_its_marker_changed() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Count {
        count: u32,
    }
    let host = Host::new();
    let list = Derived { key: "list.json", marker: "changed", lifetime: MINUTE };
    let count = Cell::new(0);
    let read = || {
        let make = || {
            count.set(count.get() + 1);
            Ok::<_, Error>(Count { count: count.get() })
        };
        list.read(make).unwrap().count
    };
    assert_eq!([read(), read()], [1, 1]);
    list.changed();
    assert_eq!([read(), read()], [2, 2]);
    host.set_now(host.now() + MINUTE);
    assert_eq!([read(), read()], [3, 3], "it was a minute old");
    host.insert("list.json", "{torn").unwrap();
    assert_eq!([read(), read()], [4, 4]);
    host.set_full();
    list.changed();
    assert_eq!(read(), 4, "the marker could not be written");
    assert!(format!("{:?}", host.log()).contains("list.json"));
}

#[test]
fn folders_are_named_once_over_all_pages() {
    let host = Host::new();
    for number in 0..1200 {
        for file in ["a", "b"] {
            host.insert(&format!("notes/{number:04}/{file}"), "").unwrap();
        }
    }
    host.insert("notes/file", "").unwrap();
    let names: Names = storage::folders("notes/").collect::<Result<_, _>>().unwrap();
    assert_eq!((names.len(), names[0].as_str(), names[1199].as_str()), (1200, "0000", "1199"));
}

struct Notes;

impl Protocol for Notes {
    fn describe() -> Description {
        Description::new("notes", "Notes", "0.1.0")
    }

    fn handle(_: Request) -> Response {
        Response::new(200)
    }
}

const PHASES: &[Phase] = &[
    Phase { name: "folders", step: folders },
    Phase { name: "documents", step: documents },
    Phase { name: "entries", step: entries },
];

fn folders(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_folder("notes/", after, 3, 100, |files| {
        step.checked(files.len() as u64, 0);
        Ok(0)
    })
}

fn documents(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    each_document("notes/", after, 2, 100, |note, document| {
        step.pass(document.and_then(|document| document.json::<u32>()))?;
        step.checked(1, note.size);
        Ok(())
    })
}

/// Each note has three entries, and a step does two.
fn entries(step: &Step<'_>, after: Option<&str>) -> Result<Option<String>, Error> {
    let mut budget = Budget::new(2, u64::MAX);
    each_in_parts("notes/", after, 100, |key, done| {
        for entry in done..3 {
            if budget.is_spent() {
                return Ok(Some(Place::at(entry, key)));
            }
            step.rebuilt(&format!("{key} {entry}"));
            budget.spend(1, 0);
        }
        Ok(None)
    })
}

impl Maintenance for Notes {
    fn collect(_: &Step<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn reindex(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(PHASES)
    }

    fn verify(step: &Step<'_>) -> Result<(), Error> {
        step.run_phases(PHASES)
    }
}

#[test]
fn a_run_goes_through_its_phases_and_every_page_of_them() {
    let host = Host::new();
    for key in ["notes/a/1", "notes/a/2", "notes/b/1", "notes/b/2"] {
        host.insert(key, "1").unwrap();
    }
    host.insert("notes/b/2", "{torn").unwrap();
    let run = host.upkeep().reindex::<Notes>().unwrap();
    assert_eq!(run.checked, 8, "by folder and by document");
    let mut rebuilt = run.rebuilt.clone();
    rebuilt.dedup();
    assert_eq!(rebuilt.len(), 12, "each entry once: {rebuilt:?}");
    assert_eq!(run.damaged.len(), 1);
}

#[test]
fn what_is_stored_is_sorted_and_a_damaged_document_is_no_error() {
    let host = Host::new();
    let read = |key: &str| {
        Stored::read(key, |document| {
            if document.bytes.starts_with(b"<") {
                return Ok(Stored::Foreign(document));
            }
            let number: u32 = document.json()?;
            let checked = if number == 0 { Err("it is 0".to_owned()) } else { Ok(()) };
            Ok(Stored::ours(document, number, checked))
        })
        .unwrap()
    };
    for (key, bytes) in [("ours", "7"), ("foreign", "<a/>"), ("zero", "0"), ("torn", "{")] {
        host.insert(key, bytes).unwrap();
    }
    assert!(matches!(read("nothing"), Stored::Nothing));
    assert!(matches!(read("ours"), Stored::Ours(_, 7)));
    assert!(matches!(read("foreign"), Stored::Foreign(_)));
    let zero = read("zero");
    assert_eq!((zero.damage(), zero.content(), zero.size()), (Some("it is 0"), Some(&0), 1));
    let torn = read("torn");
    assert!(torn.damage().is_some() && torn.content().is_none() && torn.document().is_none());
}

/// What is said of an archive, and the paths in it.
fn open(bytes: &[u8]) -> Result<Names, zip::Error> {
    let mut writer = Writer::new(&[]);
    writer.add(bytes)?;
    let staged = writer.finish()?;
    let read = |offset, max| staged.read_at(offset, max);
    let mut names = Vec::new();
    let archive = Archive::open(&read, staged.size(), |entry| {
        names.push(entry.path.to_owned());
        Ok(())
    })?;
    archive.verify(&|parts| staged.unpack(parts))?;
    Ok(names)
}

/// An archive of one empty file with this path, which no program would write.
fn renamed(path: &str) -> Vec<u8> {
    let innocent = "x".repeat(path.len());
    let mut bytes = archive::zip(&[(&innocent, b"")]);
    while let Some(at) = bytes.windows(path.len()).position(|window| window == innocent.as_bytes()) {
        bytes[at..at + path.len()].copy_from_slice(path.as_bytes());
    }
    bytes
}

#[test]
fn an_archive_whose_files_every_client_sees_alike_is_read() {
    let _host = Host::new();
    let names = open(&archive::zip(&[("m/a.txt", b"one"), ("m/b.txt", b"two")])).unwrap();
    assert_eq!(names, ["m/a.txt", "m/b.txt"]);
    assert_eq!(open(&renamed("./m//b.txt")).unwrap(), ["m/b.txt"], "as programs unpack it");
}

#[test]
fn an_archive_that_clients_could_disagree_about_is_refused() {
    let _host = Host::new();
    let sound = archive::zip(&[("a", b"one"), ("b", b"two")]);
    let refused = |bytes: &[u8]| {
        let error = open(bytes).unwrap_err();
        assert!(!matches!(error, zip::Error::Host(_)), "{error}");
        error.to_string()
    };
    for path in ["../a", "a/../../b", "/a", "c:/a", "a\\b", "a\nb"] {
        assert!(refused(&renamed(path)).contains("may lead out of the archive"), "{path}");
    }
    assert!(refused(&archive::zip(&[("a", b"1"), ("a", b"2")])).contains("twice"));
    let entries: [&[(&str, &[u8])]; 3] = [
        &[("a", b"1"), ("a/b", b"2")],
        &[("a/b/c/d", b"1"), ("a/b", b"2")],
        &[("x/y", b"1"), ("./x//y/z", b"2")],
    ];
    for entries in entries {
        let reason = refused(&archive::zip(entries));
        assert!(reason.contains("a file and a folder"), "{reason}");
    }
    refused(b"no archive");
    refused(&[b"before".as_slice(), &sound].concat());
    refused(&[sound.as_slice(), b"behind"].concat());
    for cut in 1..sound.len() {
        refused(&sound[..cut]);
    }
    for at in 0..sound.len() {
        let mut changed = sound.clone();
        changed[at] ^= 0x20;
        // Times and versions are nobody's concern; what is accepted names the same files.
        if let Ok(names) = open(&changed) {
            assert_eq!(names.len(), 2, "{at}");
        }
    }
}

#[test]
fn a_file_of_an_archive_is_read_up_to_a_limit() {
    let _host = Host::new();
    let bytes = archive::zip(&[("a", &[b'x'; 100])]);
    let read = |offset: u64, max: u32| {
        let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        Ok(rest[..rest.len().min(max as usize)].to_vec())
    };
    let mut member = None;
    let archive = Archive::open(&read, bytes.len() as u64, |entry| {
        member = Some(entry.member);
        Ok(())
    })
    .unwrap();
    let member = member.unwrap();
    assert_eq!((member.size(), archive.read(member, 100).unwrap().len()), (100, 100));
    assert!(matches!(archive.read(member, 99), Err(zip::Error::Refused(_))));
}
