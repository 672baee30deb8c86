//! Collecting, rebuilding and verifying.

use super::*;

pub(super) const MINUTE: u64 = 60 * 1000;

/// A project of one wheel and one source distribution, uploaded an hour ago.
pub(super) fn uploaded() -> Host {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    host.set_now(host.now() + 60 * MINUTE);
    host
}

#[test]
fn what_no_document_names_is_collected_once_it_is_old() {
    let host = uploaded();
    let before = host.objects();
    for ending in ["", ".metadata", ".provenance"] {
        host.insert(&format!("packages/demo/demo-2.0-py3-none-any.whl{ending}"), b"left").unwrap();
    }
    host.insert("packages/demo/readme.txt", b"somebody's own").unwrap();
    let outcome = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!((outcome.left_over.len(), outcome.kept), (0, 3), "{outcome:?}");
    host.set_now(host.now() + 10 * MINUTE);
    let dry = host.upkeep().older_than(0).dry_run().collect::<Pypi>().unwrap();
    assert!(dry.left_over.contains(&"packages/demo/demo-2.0-py3-none-any.whl".to_owned()), "{dry:?}");
    for _ in 0..2 {
        host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    }
    let mut expected = before;
    expected.push("packages/demo/readme.txt".to_owned());
    expected.sort();
    assert_eq!(host.objects(), expected);
    assert_eq!(names(&page(&host, "/simple/demo/")).len(), 2);
}

#[test]
fn files_of_which_no_document_of_ours_speaks_are_never_collected() {
    let host = host();
    host.insert("packages/old/old-1.0-py3-none-any.whl", samples::wheel("old", "1.0")).unwrap();
    host.insert("packages/odd/odd-1.0-py3-none-any.whl", samples::wheel("odd", "1.0")).unwrap();
    host.insert("metadata/odd/metadata.json", "{\"name\":\"odd\"}").unwrap();
    host.insert("packages/cut/cut-1.0-py3-none-any.whl", samples::wheel("cut", "1.0")).unwrap();
    host.insert("metadata/cut/metadata.json", "{\"format\":\"packhouse-pypi-1\",\"na").unwrap();
    host.set_now(host.now() + 60 * MINUTE);
    let before = host.objects();
    let outcome = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!(host.objects(), before);
    assert_eq!(outcome.damaged, ["metadata/cut/metadata.json"]);
}

#[test]
fn a_document_that_was_begun_and_names_nothing_is_collected() {
    let host = uploaded();
    let mut document = host.object_json("metadata/demo/metadata.json");
    document["files"] = json!([]);
    document["name"] = json!("begun");
    host.insert("metadata/begun/metadata.json", document.to_string()).unwrap();
    assert_eq!(host.upkeep().older_than(0).collect::<Pypi>().unwrap().kept, 1);
    host.set_now(host.now() + 10 * MINUTE);
    let outcome = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!(outcome.left_over, ["metadata/begun/metadata.json"]);
    assert_eq!(host.object("metadata/begun/metadata.json"), None);
}

#[test]
fn an_upload_during_a_collection_stays() {
    let host = uploaded();
    let upload = Upload::wheel("demo", "2.0");
    host.insert("packages/demo/demo-2.0-py3-none-any.whl", &upload.content).unwrap();
    host.set_now(host.now() + 60 * MINUTE);
    let again = upload.clone();
    host.upkeep().older_than(0).between(|_| drop(again.clone().done(&host))).collect::<Pypi>().unwrap();
    assert_eq!(get(&host, "/packages/demo/demo-2.0-py3-none-any.whl").bytes(), upload.content);
}

#[test]
fn a_document_that_lists_a_file_twice_costs_no_file_and_takes_none() {
    let host = uploaded();
    host.set_now(host.now() + 24 * 60 * MINUTE);
    let mut document = host.object_json("metadata/demo/metadata.json");
    // The entry of the source distribution became that of the wheel.
    document["files"][1]["filename"] = document["files"][0]["filename"].clone();
    host.insert("metadata/demo/metadata.json", document.to_string()).unwrap();
    let before = host.objects();
    let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!((run.left_over.len(), run.damaged), (0, vec!["metadata/demo/metadata.json".to_owned()]));
    assert_eq!(host.objects(), before);
    let found = host.upkeep().verify::<Pypi>().unwrap();
    assert!(found.damaged.contains(&"metadata/demo/metadata.json".to_owned()), "{found:?}");
    let logged = host.log().len();
    let reply = Upload::wheel("demo", "2.0").send(&host.as_user("ann"));
    assert_eq!(reply.status(), 500, "{}", reply.text());
    assert!(host.log()[logged..].iter().any(|line| format!("{line:?}").contains("metadata/demo")));
    assert_eq!(host.as_user("ann").delete("/pypi/demo/1.0").send::<Pypi>().status(), 500);
    assert_eq!(host.objects(), before);
    // It can be read, so what it says is not thrown away.
    let run = host.upkeep().reindex::<Pypi>().unwrap();
    assert_eq!(run.damaged, ["metadata/demo/metadata.json"]);
    assert_eq!(host.object_json("metadata/demo/metadata.json"), document);
}

#[test]
fn next_to_a_document_that_names_a_missing_file_nothing_goes() {
    let host = uploaded();
    host.set_now(host.now() + 24 * 60 * MINUTE);
    let mut document = host.object_json("metadata/demo/metadata.json");
    document["files"][1]["filename"] = json!("demo-1.1.tar.gz");
    host.insert("metadata/demo/metadata.json", document.to_string()).unwrap();
    let before = host.objects();
    let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!((run.left_over.len(), run.damaged.len()), (0, 1), "{run:?}");
    assert_eq!(host.objects(), before);
}

#[test]
fn documents_are_rebuilt_from_the_files_and_what_is_known_stays() {
    let host = uploaded();
    assert_eq!(host.as_user("ann").put("/pypi/demo/1.0/yank?reason=old").send::<Pypi>().status(), 200);
    host.insert("packages/demo/demo-2.0-py3-none-any.whl", samples::wheel("demo", "2.0")).unwrap();
    host.insert("packages/copied/copied-1.0.tar.gz", samples::sdist("copied", "1.0")).unwrap();
    host.insert("packages/odd/odd-1.0-py3-none-any.whl", samples::wheel("odd", "1.0")).unwrap();
    host.insert("metadata/odd/metadata.json", "{\"name\":\"odd\",\"another\":\"system\"}").unwrap();
    host.insert("packages/cut/cut-1.0-py3-none-any.whl", samples::wheel("cut", "1.0")).unwrap();
    host.insert("metadata/cut/metadata.json", "{\"format\":\"packhouse-pypi-1\",\"na").unwrap();
    host.set_now(host.now() + 10 * MINUTE);
    let before = host.objects();
    let dry = host.upkeep().dry_run().reindex::<Pypi>().unwrap();
    assert_eq!(host.objects(), before);
    let outcome = host.upkeep().reindex::<Pypi>().unwrap();
    for name in ["copied", "demo", "odd"] {
        for key in [format!("metadata/{name}/metadata.json"), format!("simple/{name}/index.html")] {
            assert!(outcome.rebuilt.contains(&key), "{key}: {outcome:?}");
        }
        assert!(dry.rebuilt.contains(&format!("metadata/{name}/metadata.json")), "{dry:?}");
    }
    assert!(outcome.rebuilt.contains(&"simple/index.html".to_owned()));
    assert_eq!(outcome.damaged, ["metadata/cut/metadata.json"], "it may be restored");
    let demo = page(&host, "/simple/demo/");
    assert_eq!(demo["versions"], json!(["1.0", "2.0"]));
    assert_eq!((&demo["files"][0]["yanked"], &demo["files"][2]["yanked"]), (&json!("old"), &json!(false)));
    assert_eq!(host.object_json("metadata/demo/metadata.json")["files"][0]["uploader"], "ann");
    let copied = page(&host, "/simple/copied/");
    assert_eq!(copied["files"][0]["requires-python"], ">=3.9");
    assert_eq!(page(&host, "/simple/")["projects"].as_array().unwrap().len(), 4);
    // Where all is well, nothing changes.
    assert_eq!(host.upkeep().reindex::<Pypi>().unwrap().rebuilt, Vec::<String>::new());
}

#[test]
fn a_reindex_tells_what_was_wrong_with_the_list_of_projects_and_nothing_else() {
    const ROOT: &str = "simple/index.html";
    let host = uploaded();
    let rebuilt = || {
        let dry = host.upkeep().dry_run().reindex::<Pypi>().unwrap().rebuilt;
        let rebuilt = host.upkeep().reindex::<Pypi>().unwrap().rebuilt;
        assert_eq!(dry, rebuilt);
        rebuilt
    };
    let root = || String::from_utf8(host.object(ROOT).unwrap()).unwrap();
    assert_eq!(rebuilt(), [ROOT], "it was missing");
    // No upload writes it, so one that is behind is as it should be.
    for name in ["other", "third"] {
        Upload::wheel(name, "1.0").done(&host);
        assert_eq!(rebuilt(), Vec::<String>::new());
        assert!(root().contains(name), "{}", root());
    }
    let whole = root();
    for damaged in [String::new(), whole[..whole.len() - 9].to_owned(), whole.replace("\">other", ">other")] {
        host.insert(ROOT, damaged).unwrap();
        assert_eq!(rebuilt(), [ROOT]);
        assert_eq!(root(), whole);
        assert_eq!(rebuilt(), Vec::<String>::new());
    }
}

#[test]
fn a_file_that_is_being_uploaded_is_left_to_its_upload() {
    let host = uploaded();
    host.insert("packages/demo/demo-2.0-py3-none-any.whl", samples::wheel("demo", "2.0")).unwrap();
    host.upkeep().reindex::<Pypi>().unwrap();
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["1.0"]));
}

#[test]
fn what_is_not_as_the_document_says_is_told() {
    let host = uploaded();
    let outcome = host.upkeep().verify::<Pypi>().unwrap();
    assert_eq!(outcome.damaged, Vec::<String>::new(), "{outcome:?}");
    host.insert("packages/demo/demo-1.0.tar.gz", b"other bytes").unwrap();
    host.insert("packages/demo/demo-1.0.tar.gz.metadata", b"Name: other").unwrap();
    host.remove("packages/demo/demo-1.0-py3-none-any.whl");
    host.insert("metadata/cut/metadata.json", "{\"format\":\"packhouse-pypi-1\",\"na").unwrap();
    let outcome = host.upkeep().verify::<Pypi>().unwrap();
    assert_eq!(
        outcome.damaged,
        [
            "metadata/cut/metadata.json",
            "packages/demo/demo-1.0-py3-none-any.whl",
            "packages/demo/demo-1.0.tar.gz",
            "packages/demo/demo-1.0.tar.gz.metadata",
        ]
    );
}

#[test]
fn many_files_are_verified_in_several_steps() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0").done(&host);
    let mut document = host.object_json("metadata/demo/metadata.json");
    let file = document["files"][0].clone();
    for number in 1..500 {
        let filename = format!("demo-1.{number}-py3-none-any.whl");
        host.insert(&format!("packages/demo/{filename}"), &upload.content).unwrap();
        let mut file = file.clone();
        file["filename"] = filename.into();
        file["version"] = format!("1.{number}").into();
        document["files"].as_array_mut().unwrap().push(file);
    }
    host.insert("metadata/demo/metadata.json", document.to_string()).unwrap();
    let outcome = host.upkeep().verify::<Pypi>().unwrap();
    assert_eq!((outcome.damaged.len(), outcome.steps), (0, 7), "{:?}", outcome.lines);
    host.remove("packages/demo/demo-1.499-py3-none-any.whl");
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged.len(), 1);
}

#[test]
fn a_damaged_file_is_not_served_and_is_repaired_by_uploading_the_same() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0").done(&host);
    let (key, path) = ("packages/demo/demo-1.0-py3-none-any.whl", "/packages/demo/demo-1.0-py3-none-any.whl");
    for damage in [Some("cut off"), None] {
        match damage {
            Some(bytes) => drop(host.insert(key, bytes).unwrap()),
            None => assert!(host.remove(key)),
        }
        let logged = host.log().len();
        assert_eq!(get(&host, path).status(), 500);
        assert!(host.log()[logged..].iter().any(|line| format!("{line:?}").contains(key)));
        let before = host.object("metadata/demo/metadata.json");
        let again = upload.clone().done(&host);
        assert_eq!(get(&host, path).bytes(), again.content);
        assert_eq!(host.object("metadata/demo/metadata.json"), before);
    }
    // Of the same size, only `verify` sees it; uploading the same repairs that too.
    let mut flipped = upload.content.clone();
    flipped[10] ^= 1;
    host.insert(key, flipped).unwrap();
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [key]);
    let again = upload.done(&host);
    assert_eq!(get(&host, path).bytes(), again.content);
}

pub(super) const DOCUMENT: &str = "metadata/demo/metadata.json";

/// A deletion of the project that was killed after it wrote the document.
pub(super) fn interrupt_deletion(host: &Host) {
    let files: Vec<String> =
        host.objects().into_iter().filter(|key| key.starts_with("packages/demo/")).collect();
    let before = packhouse_plugin::storage::get(DOCUMENT).unwrap().unwrap();
    packhouse_plugin::storage::release(DOCUMENT, &(&before).into(), &files).unwrap();
    host.insert(DOCUMENT, crate::document::Project::new("demo").to_bytes().unwrap()).unwrap();
}

/// A request is answered with a logged 500 that names no key.
#[track_caller]
pub(super) fn assert_damaged(host: &Host, what: &str, reply: impl FnOnce() -> Reply) {
    let logged = host.log().len();
    let reply = reply();
    assert_eq!(reply.status(), 500, "{what}: {}", reply.text());
    assert!(!reply.text().contains("metadata/"), "{}", reply.text());
    assert!(host.log()[logged..].iter().any(|line| format!("{line:?}").contains("demo")), "{what}");
}

#[test]
fn a_document_that_is_none_is_never_taken_for_another_systems() {
    let host = uploaded();
    assert_eq!(host.as_user("ann").put("/pypi/demo/1.0/yank").send::<Pypi>().status(), 200);
    let whole = String::from_utf8(host.object(DOCUMENT).unwrap()).unwrap();
    host.set_now(host.now() + 24 * 60 * MINUTE);
    let mut lost: Value = serde_json::from_str(&whole).unwrap();
    lost["files"] = json!([]);
    for (what, bytes) in [
        ("nothing", String::new()),
        ("an empty object", "{}".to_owned()),
        ("null", "null".to_owned()),
        ("a list", "[]".to_owned()),
        ("no JSON", "<html>".to_owned()),
        ("bytes before it", format!("\0{whole}")),
        ("a letter before it", format!("x{whole}")),
        ("cut", whole[..whole.trim_end().len() - 1].to_owned()),
        ("another system's, cut", r#"{"name":"demo","rele"#.to_owned()),
        ("its format's name", whole.replacen("\"format\"", "\"fornat\"", 1)),
        ("its format", whole.replacen("packhouse-pypi", "packhousf-pypi", 1)),
        ("its files", lost.to_string()),
    ] {
        host.insert(DOCUMENT, &bytes).unwrap();
        let before = host.objects();
        host.set_now(host.now() + 24 * 60 * MINUTE);
        for path in ["/simple/demo/", "/packages/demo/demo-1.0.tar.gz", "/pypi/demo/json"] {
            // A download looks at the document up to the entry of its file.
            if what == "cut" && path.starts_with("/packages/") {
                continue;
            }
            assert_damaged(&host, what, || get(&host, path));
        }
        assert_damaged(&host, what, || Upload::wheel("demo", "2.0").send(&host.as_user("ann")));
        assert_damaged(&host, what, || host.as_user("ann").put("/pypi/demo/1.0/yank").send::<Pypi>());
        let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
        assert_eq!((run.left_over.len(), run.damaged), (0, vec![DOCUMENT.to_owned()]), "{what}");
        let found = host.upkeep().verify::<Pypi>().unwrap();
        assert!(found.damaged.contains(&DOCUMENT.to_owned()), "{what}: {found:?}");
        assert_eq!((host.objects(), host.object(DOCUMENT)), (before, Some(bytes.into_bytes())), "{what}");
    }
}

#[test]
fn a_document_that_is_meant_to_name_no_file_says_so() {
    let host = uploaded();
    let wheel = host.object("packages/demo/demo-1.0-py3-none-any.whl").unwrap();
    // A deletion that was interrupted after the document was written.
    interrupt_deletion(&host);
    assert_eq!(host.object_json(DOCUMENT)["empty"], true);
    host.set_now(host.now() + 60 * MINUTE);
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    assert_eq!(get(&host, "/packages/demo/demo-1.0-py3-none-any.whl").status(), 404);
    let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!(run.damaged, Vec::<String>::new());
    assert!(run.left_over.contains(&"packages/demo/demo-1.0-py3-none-any.whl".to_owned()), "{run:?}");
    // One with files does not say it.
    Upload::wheel("demo", "1.0").done(&host);
    assert_eq!(host.object_json(DOCUMENT)["empty"], Value::Null);
    assert_eq!(host.object("packages/demo/demo-1.0-py3-none-any.whl"), Some(wheel));
}

#[test]
fn damaged_metadata_is_not_served_and_is_repaired_by_uploading_the_same() {
    let host = uploaded();
    for name in ["demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"] {
        let (key, path) =
            (format!("packages/demo/{name}.metadata"), format!("/packages/demo/{name}.metadata"));
        let whole = host.object(&key).unwrap();
        assert_eq!(get(&host, &path).bytes(), whole);
        assert!(get(&host, &path).header("etag").is_some());
        for bytes in [&whole[..whole.len() - 1], b""] {
            host.insert(&key, bytes).unwrap();
            assert_damaged(&host, name, || get(&host, &path));
        }
    }
    assert_damaged(&host, "the JSON API", || get(&host, "/pypi/demo/json"));
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    assert_eq!(get(&host, "/packages/demo/demo-1.0.tar.gz.metadata").status(), 200);
    assert_eq!(get(&host, "/pypi/demo/json").status(), 200);
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, Vec::<String>::new());
}

#[test]
fn verify_reports_files_that_a_collection_would_remove_and_none_that_are_served() {
    let host = uploaded();
    host.insert("packages/demo/demo-2.0-py3-none-any.whl", b"left").unwrap();
    host.insert("packages/old/old-1.0-py3-none-any.whl", samples::wheel("old", "1.0")).unwrap();
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().orphans, Vec::<String>::new(), "it is young");
    host.set_now(host.now() + 60 * MINUTE);
    let found = host.upkeep().verify::<Pypi>().unwrap();
    assert_eq!(found.orphans, ["packages/demo/demo-2.0-py3-none-any.whl"], "{:?}", found.lines);
    assert_eq!(host.upkeep().older_than(0).collect::<Pypi>().unwrap().left_over, found.orphans);
}

#[test]
fn verify_reports_a_file_for_a_folder_and_a_folder_for_a_file() {
    let host = host();
    for key in ["metadata/demo/metadata.json/x", "metadata/other", "packages/third", "simple"] {
        host.insert(key, "somebody's").unwrap();
    }
    let found = host.upkeep().verify::<Pypi>().unwrap();
    assert_eq!(found.damaged, ["simple", DOCUMENT, "metadata/other", "packages/third"], "{:?}", found.lines);
    let reply = Upload::wheel("demo", "1.0").send(&host.as_user("ann"));
    assert_eq!(reply.status(), 500, "{}", reply.text());
    assert!(!reply.text().contains("metadata/"));
}

#[test]
fn a_full_disk_gets_room_from_what_is_left_over() {
    let host = uploaded();
    host.insert("packages/demo/demo-2.0-py3-none-any.whl", b"left").unwrap();
    host.set_now(host.now() + 60 * MINUTE);
    host.set_room(0);
    let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    assert_eq!(run.left_over, ["packages/demo/demo-2.0-py3-none-any.whl"]);
}
