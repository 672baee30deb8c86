//! What looks after the bucket.

use super::*;
use packhouse_plugin::storage::GRACE;
use packhouse_plugin::testing::Outcome;

fn collect(host: &Host) -> Outcome {
    host.upkeep().older_than(0).collect::<RubyGems>().unwrap()
}

fn verify(host: &Host) -> Outcome {
    host.upkeep().verify::<RubyGems>().unwrap()
}

fn three(host: &Host) {
    pushed(host, "demo", "1.0");
    pushed(host, "demo", "1.1");
    pushed(host, "other", "1.0");
    list(host);
}

#[test]
fn a_whole_bucket_is_left_as_it_is() {
    let host = host();
    three(&host);
    host.set_now(host.now() + 3 * GRACE);
    list(&host);
    host.upkeep().reindex::<RubyGems>().unwrap();
    let before = host.objects();
    let run = host.upkeep().reindex::<RubyGems>().unwrap();
    assert_eq!((run.rebuilt, run.damaged), (Vec::new(), Vec::new()), "{:?}", run.lines);
    let run = verify(&host);
    assert_eq!((run.damaged, run.orphans), (Vec::new(), Vec::new()), "{:?}", run.lines);
    let run = collect(&host);
    assert_eq!((run.left_over, run.damaged), (Vec::new(), Vec::new()), "{:?}", run.lines);
    assert_eq!(host.objects(), before);
}

/// In a bucket that was copied or restored every object has another version.
#[test]
fn a_copied_bucket_lists_what_had_not_reached_the_end_of_the_list() {
    let host = host();
    three(&host);
    // Nobody has pushed it, so it has a line and no note.
    let gem = samples::gem("found", "1.0");
    host.insert("info/found", format!("---\n1.0 |checksum:{}\n", sha256(&gem))).unwrap();
    host.insert("gems/found-1.0.gem", gem).unwrap();
    host.upkeep().reindex::<RubyGems>().unwrap();
    let before = list(&host);
    assert!(before.iter().any(|line| line.starts_with("found ")), "{before:?}");
    assert!(!String::from_utf8(host.object("versions").unwrap()).unwrap().contains("found"));
    host.set_version("versions", "of copy 1");
    assert_eq!(verify(&host).damaged, Vec::<String>::new(), "the list is not behind");
    assert_eq!(list(&host), before);
    host.set_version("versions", "of copy 2");
    pushed(&host, "demo", "1.2");
    assert_eq!(list(&host)[..before.len()], before);
    // Lines that have reached the end are not added again.
    host.set_now(host.now() + 3 * GRACE);
    pushed(&host, "demo", "1.3");
    let before = list(&host);
    host.set_version("versions", "of copy 3");
    assert_eq!(list(&host), before);
}

#[test]
fn what_an_interrupted_push_left_is_removed() {
    let host = host();
    three(&host);
    host.insert("gems/demo-9.9.gem", "left over").unwrap();
    assert_eq!(collect(&host).left_over, Vec::<String>::new(), "it may be that of a push under way");
    host.set_now(host.now() + 2 * GRACE);
    assert_eq!(verify(&host).orphans, ["gems/demo-9.9.gem"]);
    assert_eq!(collect(&host).left_over, ["gems/demo-9.9.gem"]);
    assert!(!host.objects().contains(&"gems/demo-9.9.gem".to_owned()));
}

#[test]
fn a_gem_without_a_document_stays_until_ordered() {
    let host = host();
    host.insert("gems/lone-1.0.gem", "lone").unwrap();
    host.set_now(host.now() + 2 * GRACE);
    assert_eq!(collect(&host).orphans, ["gems/lone-1.0.gem"]);
    assert_eq!(host.objects(), ["gems/lone-1.0.gem"]);
    let ordered = host.upkeep().older_than(0).removing_orphans().collect::<RubyGems>().unwrap();
    assert_eq!(ordered.left_over, ["gems/lone-1.0.gem"]);
}

#[test]
fn nothing_is_removed_beside_a_document_that_is_damaged_or_lost() {
    for damage in [Some("{"), None] {
        let host = host();
        three(&host);
        host.set_now(host.now() + 3 * GRACE);
        host.insert("gems/demo-9.9.gem", "left over").unwrap();
        host.set_now(host.now() + 3 * GRACE);
        match damage {
            Some(bytes) => drop(host.insert("packages/demo.json", bytes).unwrap()),
            None => assert!(host.remove("packages/demo.json")),
        }
        let run = collect(&host);
        assert_eq!(run.left_over, Vec::<String>::new());
        assert_eq!(run.damaged, ["packages/demo.json"], "{:?}", run.lines);
        assert!(verify(&host).damaged.contains(&"packages/demo.json".to_owned()));
        let run = host.upkeep().reindex::<RubyGems>().unwrap();
        assert_eq!(run.damaged, ["packages/demo.json"], "{:?}", run.lines);
        assert_told(&get(&host, "/info/demo"), 500, "damaged");
        assert_eq!(get(&host, "/info/other").status(), 200);
    }
}

#[test]
fn what_is_left_of_a_lost_gem_is_removed_when_ordered() {
    let host = host();
    three(&host);
    host.remove("packages/demo.json");
    host.set_now(host.now() + 3 * GRACE);
    let run = collect(&host);
    assert_eq!(run.left_over, Vec::<String>::new());
    assert_eq!(run.orphans, ["gems/demo-1.0.gem", "gems/demo-1.1.gem", "info/demo"], "{:?}", run.lines);
    let run = host.upkeep().older_than(0).removing_orphans().collect::<RubyGems>().unwrap();
    assert_eq!(run.left_over.len(), 4, "{:?}", run.lines);
    assert_eq!(list(&host).last().unwrap(), &format!("demo -1.0,-1.1 {}", md5("---\n")));
    assert_eq!(text(&host, "/info/demo"), "---\n");
    assert_sums_agree(&host);
    pushed(&host, "demo", "2.0");
    assert_eq!(text(&host, "/info/demo").lines().count(), 2);
    assert_sums_agree(&host);
}

#[test]
fn damaged_gems_are_reported() {
    let host = host();
    three(&host);
    host.insert("gems/demo-1.0.gem", "other").unwrap();
    host.remove("gems/other-1.0.gem");
    let mut damaged = verify(&host).damaged;
    damaged.sort();
    assert_eq!(damaged, ["gems/demo-1.0.gem", "gems/other-1.0.gem"]);
}

#[test]
fn what_is_derived_is_written_anew() {
    let host = host();
    three(&host);
    host.set_now(host.now() + 3 * GRACE);
    let whole = list(&host);
    for key in ["info/demo", "versions", "recent.json", "names", "specs.4.8.gz"] {
        host.remove(key);
    }
    host.insert("info/other", "---\n").unwrap();
    let dry = host.upkeep().dry_run().reindex::<RubyGems>().unwrap();
    let run = host.upkeep().reindex::<RubyGems>().unwrap();
    assert!(dry.rebuilt.contains(&"versions".to_owned()) && dry.rebuilt.contains(&"info/demo".to_owned()));
    for key in ["info/demo", "info/other", "versions", "names", "specs.4.8.gz"] {
        assert!(run.rebuilt.contains(&key.to_owned()), "{key} {:?}", run.rebuilt);
    }
    assert_eq!(list(&host).len(), 2, "{whole:?}");
    assert_sums_agree(&host);
    assert_eq!(host.object("info/demo").unwrap(), text(&host, "/info/demo").into_bytes());
    assert_eq!(text(&host, "/names"), "---\ndemo\nother\n");
}

#[test]
fn a_gem_of_an_earlier_system_gets_a_document_and_keeps_its_times() {
    let host = host();
    let gem = samples::gem("old", "1.0");
    let page = format!("---\n1.0 |checksum:{},created_at:2019-01-01T00:00:00Z\n", sha256(&gem));
    host.insert("gems/old-1.0.gem", &gem).unwrap();
    host.insert("info/old", &page).unwrap();
    for _ in 0..2 {
        let run = host.upkeep().reindex::<RubyGems>().unwrap();
        assert_eq!(run.damaged, Vec::<String>::new(), "{:?}", run.lines);
    }
    let document = host.object_json("packages/old.json");
    assert_eq!(document["versions"][0]["created"], "2019-01-01T00:00:00Z");
    assert_eq!(document["versions"][0]["size"], gem.len());
    assert_eq!(text(&host, "/info/old"), page);
    assert_eq!(list(&host), [format!("old 1.0 {}", md5(&page))]);
    assert_eq!(verify(&host).damaged, Vec::<String>::new());
}

#[test]
fn a_run_may_be_killed_between_any_two_steps() {
    for steps in 0..8 {
        let host = host();
        three(&host);
        host.remove("versions");
        host.remove("recent.json");
        host.set_now(host.now() + 3 * GRACE);
        let _ = host.upkeep().killed_after(steps).reindex::<RubyGems>();
        let run = host.upkeep().reindex::<RubyGems>().unwrap();
        assert_eq!(run.damaged, Vec::<String>::new());
        assert_sums_agree(&host);
        assert_eq!(list(&host).len(), 2);
    }
}

/// Three versions in a list whose notes are gone.
fn listed() -> Host {
    let host = host();
    three(&host);
    host.set_now(host.now() + 3 * GRACE);
    pushed(&host, "late", "1.0");
    assert_eq!(list(&host).len(), 3);
    host
}

/// Every list is refused, verify reports the key, and a reindex makes everything whole.
#[track_caller]
fn assert_refused_until_reindexed(host: &Host, key: &str) {
    for path in ["/versions", "/names", "/specs.4.8.gz", "/api/v1/search.json?query=demo"] {
        assert_told(&get(host, path), 500, "damaged");
    }
    assert_eq!(get(host, "/info/demo").status(), 200);
    pushed(host, "late", "1.1");
    assert_told(&get(host, "/versions"), 500, "damaged");
    assert_eq!(verify(host).damaged, [key]);
    let before = host.objects();
    let dry = host.upkeep().dry_run().reindex::<RubyGems>().unwrap();
    assert!(dry.rebuilt.contains(&"versions".to_owned()), "{:?}", dry.lines);
    assert_eq!(host.objects(), before);
    let run = host.upkeep().reindex::<RubyGems>().unwrap();
    assert_eq!(run.damaged, Vec::<String>::new(), "{:?}", run.lines);
    assert_eq!(run.rebuilt.iter().filter(|key| *key == "versions").count(), 1, "{:?}", run.lines);
    assert_eq!(list(host).len(), 3);
    assert_sums_agree(host);
    assert_eq!(text(host, "/names"), "---\ndemo\nlate\nother\n");
    assert_eq!(verify(host).damaged, Vec::<String>::new());
    pushed(host, "late", "1.2");
    assert_eq!(list(host).len(), 4);
}

#[test]
fn a_lost_list_is_refused_until_it_is_written_anew() {
    let host = listed();
    host.remove("versions");
    assert_refused_until_reindexed(&host, "versions");
}

#[test]
fn a_damaged_list_is_refused_until_it_is_written_anew() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |text| text.truncate(60),
        |text| text.clear(),
        |text| text[45..49].copy_from_slice(b"XXXX"),
        |text| text[45] = 0xff,
    ];
    for damage in damages {
        let host = listed();
        let mut text = host.object("versions").unwrap();
        damage(&mut text);
        host.insert("versions", text).unwrap();
        assert_refused_until_reindexed(&host, "versions");
    }
}

#[test]
fn lines_that_are_damaged_are_refused_until_the_list_is_written_anew() {
    let host = listed();
    host.insert("recent.json", "{").unwrap();
    assert_refused_until_reindexed(&host, "recent.json");
}

/// A gem and a yank that have not reached `versions` would be lost silently.
#[test]
fn lines_that_were_lost_alone_are_not_those_of_an_earlier_system() {
    let host = listed();
    let yank = "/api/v1/gems/yank?gem_name=late&version=1.0";
    assert_eq!(host.as_user("ann").delete(yank).send::<RubyGems>().status(), 200);
    pushed(&host, "late", "0.9");
    let whole = text(&host, "/names");
    let behind = String::from_utf8(host.object("versions").unwrap()).unwrap();
    assert!(!behind.contains("late -1.0"), "{behind}");
    host.set_now(host.now() + 3 * GRACE);
    host.remove("recent.json");
    host.remove("changes/late");
    assert_refused_until_reindexed(&host, "recent.json");
    assert_eq!(text(&host, "/names"), whole);
    assert!(list(&host).iter().all(|line| !line.starts_with("late 1.0")), "{:?}", list(&host));
}

#[test]
fn the_list_of_an_earlier_system_is_read_before_and_after_a_reindex_and_while_it_goes_on() {
    let page = format!("---\n1.0 |checksum:{}\n", sha256(b"gem"));
    let versions = format!("created_at: 2019-01-01T00:00:00Z\n---\nold 1.0 {}\n", md5(&page));
    for steps in 0..10 {
        let host = host();
        for (key, text) in [("gems/old-1.0.gem", "gem"), ("info/old", &page), ("versions", &versions)] {
            host.insert(key, text).unwrap();
        }
        if steps == 9 {
            assert_eq!(text(&host, "/versions"), versions);
        }
        let between = |_| assert_eq!(text(&host, "/versions"), versions);
        let upkeep = host.upkeep().killed_after(steps);
        upkeep.between(between).reindex::<RubyGems>().unwrap();
        assert_eq!(text(&host, "/versions"), versions, "after {steps} steps");
        assert_eq!(verify(&host).damaged, Vec::<String>::new());
        pushed(&host, "demo", "1.0");
        assert_eq!(list(&host).len(), 2);
    }
}

#[test]
fn a_list_that_was_lost_with_its_lines_is_not_an_empty_one() {
    let host = listed();
    host.remove("versions");
    host.remove("recent.json");
    host.set_now(host.now() + 3 * GRACE);
    host.remove("changes/demo");
    assert_refused_until_reindexed(&host, "versions");
}

#[test]
fn a_list_of_an_earlier_version_of_this_plugin_is_read_and_its_loss_noticed() {
    let without_head = |host: &Host| {
        let mut recent = host.object_json("recent.json");
        recent.as_object_mut().unwrap().remove("head").unwrap();
        host.insert("recent.json", recent.to_string()).unwrap();
    };
    let host = listed();
    without_head(&host);
    let before = list(&host);
    pushed(&host, "late", "1.1");
    assert_eq!(list(&host)[..before.len()], before);
    for damaged in [false, true] {
        let host = listed();
        without_head(&host);
        if damaged {
            let text = host.object("versions").unwrap();
            host.insert("versions", &text[..60]).unwrap();
        } else {
            host.remove("versions");
        }
        assert_refused_until_reindexed(&host, "versions");
    }
}

#[test]
fn lines_that_another_request_has_appended_are_not_damage() {
    let host = host();
    pushed(&host, "demo", "1.0");
    list(&host);
    pushed(&host, "other", "1.0");
    let whole = text(&host, "/versions");
    let longer = format!("{whole}late 1.0 {}\n", md5("---\n"));
    for written in [whole, longer] {
        host.insert("versions", &written).unwrap();
        assert_eq!(text(&host, "/versions"), written);
        assert_eq!(verify(&host).damaged, Vec::<String>::new());
    }
}

#[test]
fn a_list_that_is_written_anew_is_whole_or_refused() {
    let mut refused = 0;
    for steps in 0..12 {
        let host = listed();
        host.remove("versions");
        let _ = host.upkeep().killed_after(steps).reindex::<RubyGems>();
        let reply = get(&host, "/versions");
        if reply.status() == 200 {
            assert_eq!(list(&host).len(), 3, "after {steps} steps");
        } else {
            assert_told(&reply, 500, "damaged");
            refused += 1;
        }
        let run = host.upkeep().reindex::<RubyGems>().unwrap();
        assert_eq!(run.damaged, Vec::<String>::new(), "{:?}", run.lines);
        assert_eq!(list(&host).len(), 3);
        assert_sums_agree(&host);
    }
    assert!((2..12).contains(&refused), "{refused}");
}

#[test]
fn a_collection_on_a_full_storage_removes_and_leaves_the_list_for_later() {
    let host = host();
    three(&host);
    host.insert("gems/demo-9.9.gem", "left over").unwrap();
    host.set_now(host.now() + 3 * GRACE);
    pushed(&host, "demo", "1.2");
    host.set_room(0);
    assert_eq!(collect(&host).left_over, ["gems/demo-9.9.gem"]);
    assert!(format!("{:?}", host.log()).contains("the storage is too full"), "{:?}", host.log());
    host.set_room(1 << 40);
    collect(&host);
    assert!(list(&host).iter().any(|line| line.starts_with("demo 1.2")), "{:?}", list(&host));
}
