//! Runs of maintenance against the host in memory, and removing against publishing.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_plugin::maintenance::{Maintenance, Reference, RemovalMark, Step, forget_claims};
use packhouse_plugin::storage::{self, Claim, GRACE, ListingOptions, Precondition, Writer};
use packhouse_plugin::testing::Host;
use packhouse_plugin::{Description, Error, Protocol, Request, Response};

const HOUR: u64 = 60 * 60 * 1000;
const UNNAMED: Reference = Reference::Unnamed;

/// Makes a protocol out of what one step does.
macro_rules! collector {
    ($name:ident, |$step:ident| $body:expr) => {
        struct $name;

        impl Protocol for $name {
            fn describe() -> Description {
                Description::new("demo", "Demo", "0.1.0")
            }
            fn handle(_: Request) -> Response {
                Response::new(200)
            }
        }

        impl Maintenance for $name {
            fn collect($step: &Step<'_>) -> Result<(), Error> {
                $body
            }
            fn reindex(_: &Step<'_>) -> Result<(), Error> {
                Ok(())
            }
            fn verify(step: &Step<'_>) -> Result<(), Error> {
                Self::collect(step)
            }
        }
    };
}

/// Publishes bytes under a key, as far as giving the key.
fn claim(key: &str, bytes: &[u8]) -> Result<Claim, Error> {
    let mut writer = Writer::new(&["sha256"]);
    writer.add(bytes)?;
    writer.finish()?.claim(key, None, || Ok(false))
}

/// A host with a left-over of an hour ago.
fn with_left_over() -> Host {
    let host = Host::new();
    host.insert("blob", "left").unwrap();
    host.set_now(host.now() + HOUR);
    host
}

fn blob() -> storage::ObjectInfo {
    storage::stat("blob").unwrap().unwrap()
}

#[test]
fn steps_follow_each_other_and_share_words_and_the_cursor() {
    collector!(Pages, |step| {
        let after = step.cursor();
        if let Some(after) = &after {
            assert_eq!(step.remembered(&[after.as_str(), "never"]), [true, false]);
        }
        let page = storage::list_page(&ListingOptions {
            after: after.as_deref(),
            limit: 2,
            ..ListingOptions::new("")
        })?;
        step.checked(page.objects.len() as u64, 0);
        if let Some(next) = page.next {
            step.remember(&[&next]);
            step.set_cursor(&next);
        }
        Ok(())
    });
    let host = Host::new();
    for name in ["a", "b", "c", "d", "e"] {
        host.insert(name, name).unwrap();
    }
    let run = host.upkeep().collect::<Pages>().unwrap();
    assert_eq!((run.steps, run.checked), (3, 5));
    let killed = host.upkeep().killed_after(1).collect::<Pages>().unwrap();
    assert_eq!((killed.steps, killed.checked), (1, 2));
}

#[test]
fn a_run_that_makes_no_progress_ends_with_an_error() {
    collector!(Circle, |step| {
        step.set_cursor(if step.cursor().as_deref() == Some("a") { "b" } else { "a" });
        Ok(())
    });
    assert!(matches!(Host::new().upkeep().collect::<Circle>(), Err(Error::Misused(_))));
}

#[test]
fn times_follow_the_grace_and_the_clock() {
    collector!(Times, |step| {
        assert_eq!(step.started() - step.keep_since(), HOUR);
        assert!(step.is_recent(&storage::put("new", b"", Precondition::Any, None)?));
        assert!(!step.is_recent(&blob()));
        Ok(())
    });
    let host = with_left_over();
    host.set_now(host.now() + 1);
    host.upkeep().older_than(HOUR).collect::<Times>().unwrap();
}

#[test]
fn a_dry_run_and_verify_cannot_change_anything() {
    collector!(Writes, |step| {
        assert!(step.is_dry_run());
        storage::put("new", b"", Precondition::Any, None).map(drop)
    });
    let host = Host::new();
    assert!(matches!(host.upkeep().dry_run().collect::<Writes>(), Err(Error::Denied(_))));
    assert!(matches!(host.upkeep().verify::<Writes>(), Err(Error::Denied(_))));
    assert_eq!(host.objects(), Vec::<String>::new());
    storage::put("after", b"", Precondition::Any, None).unwrap();
}

collector!(Reclaims, |step| {
    forget_claims(step)?;
    step.reclaim(&blob(), "document", UNNAMED, || Ok::<_, Error>(UNNAMED))
});

#[test]
fn what_is_not_named_is_reclaimed_and_leaves_no_mark() {
    let host = with_left_over();
    let run = host.upkeep().older_than(0).collect::<Reclaims>().unwrap();
    assert_eq!(run.left_over, ["blob"]);
    assert_eq!(host.objects(), Vec::<String>::new());
}

#[test]
fn what_a_publish_may_be_about_to_name_stays_whatever_the_grace() {
    let host = Host::new();
    host.insert("blob", "new").unwrap();
    host.set_now(host.now() + GRACE);
    assert_eq!(host.upkeep().older_than(0).collect::<Reclaims>().unwrap().kept, 1);
    host.set_now(host.now() + 1);
    assert_eq!(host.upkeep().older_than(0).collect::<Reclaims>().unwrap().left_over, ["blob"]);
}

#[test]
fn the_same_bytes_published_at_this_moment_stay() {
    collector!(Races, |step| {
        step.reclaim(&blob(), "document", UNNAMED, || {
            // The announcement stands, the blob was looked at: now somebody publishes.
            assert_eq!(claim("blob", b"left")?, Claim::Committed);
            Ok::<_, Error>(UNNAMED)
        })
    });
    let host = with_left_over();
    let run = host.upkeep().older_than(0).collect::<Races>().unwrap();
    assert_eq!(run.left_over, Vec::<String>::new());
    assert_eq!(host.objects(), ["blob"], "the blob stays and no mark does");
}

#[test]
fn a_full_disk_gets_room_from_what_is_left_over() {
    let host = with_left_over();
    host.set_room(0);
    let run = host.upkeep().older_than(0).collect::<Reclaims>().unwrap();
    assert_eq!(run.left_over, ["blob"]);
    assert_eq!(host.objects(), Vec::<String>::new(), "no mark stays");
    assert!(storage::put("a", b"left", Precondition::Any, None).is_ok(), "there is room again");
}

#[test]
fn on_a_full_disk_too_a_publish_and_a_removal_do_not_meet() {
    collector!(Races, |step| {
        step.reclaim(&blob(), "document", UNNAMED, || {
            // The mark stands, the blob was looked at: now somebody publishes, who waits in vain.
            let refused = claim("blob", b"left");
            assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
            Ok::<_, Error>(UNNAMED)
        })
    });
    let host = with_left_over();
    host.set_room(4);
    let run = host.upkeep().older_than(0).collect::<Races>().unwrap();
    assert_eq!(run.left_over, ["blob"], "who was refused has not named it");
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(claim("blob", b"left"), Ok(Claim::Committed));
    // A host that was killed leaves the empty mark, which is valid for ten minutes.
    let host = with_left_over();
    let mark = mark_key(&host);
    host.insert(&mark, "").unwrap();
    assert!(matches!(claim("blob", b"left"), Err(Error::Unavailable(_))));
    host.set_now(host.now() + HOUR);
    assert_eq!(claim("blob", b"left"), Ok(Claim::Committed));
    assert_eq!(host.objects(), ["blob"]);
}

#[test]
fn a_mark_that_somebody_replaced_on_a_full_disk_stops_the_removal() {
    collector!(Replaces, |step| {
        step.reclaim(&blob(), "document", UNNAMED, || {
            let mark = storage::list("reclaimed/").next().unwrap()?;
            assert_eq!(mark.size, 0);
            storage::put(&mark.key, b"kept", Precondition::Any, None)?;
            Ok::<_, Error>(UNNAMED)
        })
    });
    let host = with_left_over();
    host.set_room(4);
    let run = host.upkeep().older_than(0).collect::<Replaces>().unwrap();
    assert_eq!(run.left_over, Vec::<String>::new());
    assert!(host.object("blob").is_some());
}

#[test]
fn where_not_even_an_empty_mark_can_be_written_the_run_goes_on() {
    collector!(Full, |step| {
        forget_claims(step)?;
        for _ in 0..2 {
            step.reclaim(&blob(), "document", UNNAMED, || Ok::<_, Error>(UNNAMED))?;
        }
        Ok(())
    });
    let host = with_left_over();
    host.set_full();
    let run = host.upkeep().older_than(0).collect::<Full>().unwrap();
    assert_eq!((run.left_over.len(), host.objects()), (0, vec!["blob".to_owned()]));
    let told = host.log().iter().filter(|line| line.message.contains("too full")).count();
    assert_eq!(told, 1, "once in a run: {:?}", host.log());
}

#[test]
fn a_publish_that_comes_too_late_is_told_so() {
    let host = with_left_over();
    let mark = mark_key(&host);
    host.insert(&mark, "removing by somebody: blob").unwrap();
    let refused = claim("blob", b"left");
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    // A run that was killed counts for ten minutes.
    host.set_now(host.now() + HOUR);
    host.upkeep().collect::<Reclaims>().unwrap();
    assert_eq!(claim("blob", b"left"), Ok(Claim::Committed));
}

#[test]
fn two_runs_at_once_do_not_meddle() {
    let host = with_left_over();
    let mark = mark_key(&host);
    host.insert(&mark, "announced by somebody else: blob").unwrap();
    let run = host.upkeep().older_than(0).collect::<Reclaims>().unwrap();
    assert_eq!(run.left_over, Vec::<String>::new(), "the other run has announced it");
    assert_eq!(host.objects().len(), 2);
    host.set_now(host.now() + HOUR);
    let run = host.upkeep().older_than(0).collect::<Reclaims>().unwrap();
    assert_eq!(run.left_over, ["blob"], "the other run is dead");
    assert_eq!(host.objects(), Vec::<String>::new());
}

/// Where a mark of the blob lies: at the key that a run writes first.
fn mark_key(host: &Host) -> String {
    collector!(Looks, |step| {
        step.reclaim(&blob(), "document", UNNAMED, || {
            Err(Error::Invalid(storage::list("reclaimed/").next().unwrap()?.key))
        })
    });
    match host.upkeep().older_than(0).collect::<Looks>() {
        Err(Error::Invalid(key)) => key,
        other => panic!("{other:?}"),
    }
}

collector!(WithoutDocument, |step| {
    forget_claims(step)?;
    match storage::stat("blob")? {
        Some(blob) => {
            step.reclaim(&blob, "document", Reference::NoDocument, || Ok::<_, Error>(Reference::NoDocument))
        }
        None => Ok(()),
    }
});

#[test]
fn a_file_without_a_document_is_reported_and_goes_only_when_that_is_ordered() {
    let host = with_left_over();
    let run = host.upkeep().older_than(0).collect::<WithoutDocument>().unwrap();
    assert_eq!((run.left_over.len(), run.orphans), (0, vec!["blob".to_owned()]));
    assert_eq!(host.objects(), ["blob"]);
    let run = host.upkeep().older_than(0).removing_orphans().collect::<WithoutDocument>().unwrap();
    assert_eq!((run.left_over, run.ordered), (vec!["blob".to_owned()], 0));
    assert_eq!(host.objects(), Vec::<String>::new());
}

/// A request that removes the document is killed before it removes the blob.
fn interrupt_removal(host: &Host, is_document_removed: bool) {
    let version = host.insert("document", "whole").unwrap().version;
    let _interrupted = RemovalMark::begin_at("document", &version, &["blob".to_owned()]).unwrap();
    assert!(!is_document_removed || host.remove("document"));
}

#[test]
fn a_file_whose_removal_a_request_has_marked_goes_without_an_order() {
    let host = with_left_over();
    interrupt_removal(&host, true);
    host.set_now(host.now() + HOUR);
    let run = host.upkeep().older_than(0).collect::<WithoutDocument>().unwrap();
    assert_eq!((run.left_over, run.ordered), (vec!["blob".to_owned()], 1));
    host.upkeep().older_than(0).collect::<WithoutDocument>().unwrap();
    assert_eq!(host.objects(), ["proofs/document"], "the mark goes too");
}

#[test]
fn a_mark_says_nothing_of_what_is_published_after_it_or_of_a_document_that_stayed() {
    let host = with_left_over();
    interrupt_removal(&host, true);
    host.set_now(host.now() + 1);
    host.insert("blob", "published again").unwrap();
    host.set_now(host.now() + HOUR);
    let run = host.upkeep().older_than(0).collect::<WithoutDocument>().unwrap();
    assert_eq!(run.orphans, ["blob"]);
    let host = with_left_over();
    interrupt_removal(&host, false);
    host.set_now(host.now() + HOUR);
    host.upkeep().older_than(0).collect::<WithoutDocument>().unwrap();
    assert_eq!(
        host.objects(),
        ["blob", "document", "proofs/document"],
        "the mark of a removal that did not happen is gone"
    );
}

#[test]
fn next_to_a_damaged_document_nothing_goes() {
    collector!(Damaged, |step| {
        step.reclaim(&blob(), "document", Reference::Damaged, || Ok::<_, Error>(Reference::Damaged))?;
        step.damaged_once("document", "torn");
        step.damaged_once("document", "torn");
        Ok(())
    });
    let host = with_left_over();
    let run = host.upkeep().older_than(0).removing_orphans().collect::<Damaged>().unwrap();
    assert_eq!((run.left_over.len(), run.orphans.len(), run.damaged.len()), (0, 0, 1));
}

#[test]
fn a_step_that_exceeds_a_limit_is_ended() {
    collector!(LongCursor, |step| {
        step.set_cursor(&"x".repeat(4097));
        Ok(())
    });
    collector!(LongWord, |step| {
        step.remember(&["x".repeat(4097)]);
        Ok(())
    });
    collector!(ManyReaders, |_step| {
        let readers: Result<Vec<_>, _> = (0..65).map(|_| storage::Reader::open("blob")).collect();
        readers.map(drop)
    });
    let host = with_left_over();
    let ended = [
        host.upkeep().collect::<LongCursor>(),
        host.upkeep().collect::<LongWord>(),
        host.upkeep().collect::<ManyReaders>(),
    ];
    for (ended, why) in ended.into_iter().zip(["the cursor", "words", "64 objects open"]) {
        let Err(Error::Misused(told)) = ended else { panic!("{ended:?}") };
        assert!(told.contains(why), "{told}");
    }
}
