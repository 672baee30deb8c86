//! Documents that are damaged, lost or in another's place: nothing is built on them, and nothing
//! replaces them.

use super::maintenance::{DOCUMENT, MINUTE, assert_damaged, interrupt_deletion, uploaded};
use super::*;

#[test]
fn reindex_leaves_a_damaged_document_and_goes_on() {
    let host = uploaded();
    assert_eq!(host.as_user("ann").put("/pypi/demo/1.0/yank").send::<Pypi>().status(), 200);
    host.insert("packages/later/later-1.0.tar.gz", samples::sdist("later", "1.0")).unwrap();
    let whole = String::from_utf8(host.object(DOCUMENT).unwrap()).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut document: Value = serde_json::from_str(&whole).unwrap();
        *document.pointer_mut(pointer).unwrap() = value;
        document.to_string()
    };
    let mut without_files: Value = serde_json::from_str(&whole).unwrap();
    without_files.as_object_mut().unwrap().remove("files");
    let mut unknown_status: Value = serde_json::from_str(&whole).unwrap();
    unknown_status["status"] = json!({ "status": "frozen" });
    for (what, bytes) in [
        ("cut", whole[..whole.len() / 2].to_owned()),
        ("an empty object", "{}".to_owned()),
        ("newer", changed("/format", json!("packhouse-pypi-9"))),
        ("without files", without_files.to_string()),
        ("an unknown status", unknown_status.to_string()),
        ("a path for a file", changed("/files/0/filename", json!("../../x"))),
        ("of another project", changed("/name", json!("other"))),
    ] {
        host.remove("metadata/later/metadata.json");
        host.remove("simple/later/index.html");
        host.remove("proofs/metadata/later/metadata.json");
        host.insert(DOCUMENT, &bytes).unwrap();
        host.set_now(host.now() + 60 * MINUTE);
        for path in ["/simple/demo/", "/pypi/demo/json"] {
            assert_damaged(&host, what, || get(&host, path));
        }
        assert_damaged(&host, what, || Upload::wheel("demo", "2.0").send(&host.as_user("ann")));
        assert_damaged(&host, what, || host.as_user("ann").delete("/pypi/demo/1.0").send::<Pypi>());
        let run = host.upkeep().reindex::<Pypi>().unwrap();
        assert_eq!(run.damaged, [DOCUMENT], "{what}");
        assert!(run.rebuilt.contains(&"metadata/later/metadata.json".to_owned()), "{what}: {run:?}");
        assert_eq!(host.object(DOCUMENT), Some(bytes.into_bytes()), "{what}");
        let found = host.upkeep().verify::<Pypi>().unwrap();
        assert!(found.damaged.contains(&DOCUMENT.to_owned()), "{what}: {found:?}");
        let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
        assert_eq!((run.left_over.len(), run.damaged), (0, vec![DOCUMENT.to_owned()]), "{what}");
    }
    // A project without files, too.
    host.insert("metadata/alone/metadata.json", "{}").unwrap();
    let run = host.upkeep().reindex::<Pypi>().unwrap();
    assert_eq!(run.damaged, [DOCUMENT, "metadata/alone/metadata.json"]);
}

#[test]
fn a_document_of_another_project_is_not_worked_on() {
    let host = uploaded();
    Upload::wheel("other", "1.0").done(&host);
    host.insert(DOCUMENT, host.object("metadata/other/metadata.json").unwrap()).unwrap();
    host.set_now(host.now() + 60 * MINUTE);
    let before = host.objects();
    let others = "/packages/demo/other-1.0-py3-none-any.whl";
    for path in ["/simple/demo/", "/pypi/demo/json", others, "/packages/demo/demo-1.0.tar.gz"] {
        assert_damaged(&host, path, || get(&host, path));
    }
    let ann = host.as_user("ann");
    assert_damaged(&host, "upload", || Upload::wheel("demo", "1.0").send(&ann));
    for path in ["/packages/demo/demo-1.0.tar.gz", "/pypi/demo/1.0", "/pypi/demo"] {
        assert_damaged(&host, path, || ann.delete(path).send::<Pypi>());
    }
    assert_damaged(&host, "yank", || ann.put("/pypi/demo/1.0/yank").send::<Pypi>());
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
    assert_eq!(host.upkeep().older_than(0).collect::<Pypi>().unwrap().left_over, Vec::<String>::new());
    assert_eq!(host.objects(), before);
    // However its name is written.
    Upload::wheel("foo-bar", "1.0").done(&host);
    let mut document = host.object_json("metadata/foo-bar/metadata.json");
    document["name"] = json!("Foo.Bar");
    host.insert("metadata/foo-bar/metadata.json", document.to_string()).unwrap();
    assert_eq!(get(&host, "/packages/foo-bar/foo_bar-1.0-py3-none-any.whl").status(), 200);
    assert_eq!(get(&host, "/simple/foo-bar/").status(), 200);
}

const PAGE: &str = "simple/demo/index.html";
const PROOF: &str = "proofs/metadata/demo/metadata.json";

fn quarantine(host: &Host) {
    let body = json!({ "status": "quarantined" });
    assert_eq!(host.as_user("ann").put("/pypi/demo/status").json(&body).send::<Pypi>().status(), 200);
}

#[test]
fn a_lost_document_does_not_open_its_project() {
    let host = uploaded();
    quarantine(&host);
    let whole = host.object(DOCUMENT).unwrap();
    let wheel = "/packages/demo/demo-1.0-py3-none-any.whl";
    assert_eq!(get(&host, wheel).status(), 403);
    for replaced in [None, Some(r#"{"name":"demo","releases":{}}"#)] {
        match replaced {
            None => assert!(host.remove(DOCUMENT)),
            Some(other) => drop(host.insert(DOCUMENT, other).unwrap()),
        }
        host.set_now(host.now() + 24 * 60 * MINUTE);
        get(&host, "/simple/");
        host.upkeep().reindex::<Pypi>().unwrap();
        let before = host.objects();
        for path in ["/simple/demo/", "/pypi/demo/json", wheel, "/packages/demo/demo-1.0.tar.gz.metadata"] {
            assert_damaged(&host, path, || get(&host, path));
        }
        assert!(host.log().iter().any(|line| format!("{line:?}").contains(PAGE)), "the way out");
        let ann = host.as_user("ann");
        assert_damaged(&host, "upload", || Upload::wheel("demo", "2.0").send(&ann));
        assert_damaged(&host, "the same", || Upload::wheel("demo", "1.0").send(&ann));
        assert_damaged(&host, "yank", || ann.put("/pypi/demo/1.0/yank").send::<Pypi>());
        assert_damaged(&host, "delete", || ann.delete("/pypi/demo").send::<Pypi>());
        assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
        let run = host.upkeep().older_than(0).collect::<Pypi>().unwrap();
        assert_eq!((run.left_over.len(), run.damaged), (0, vec![DOCUMENT.to_owned()]));
        let run = host.upkeep().reindex::<Pypi>().unwrap();
        assert_eq!(run.damaged, [DOCUMENT]);
        assert!(!run.rebuilt.iter().any(|key| key.contains("demo")), "{run:?}");
        assert_eq!((host.objects(), host.object(DOCUMENT).as_deref()), (before, replaced.map(str::as_bytes)));
    }
    // The files are lost too.
    host.remove(DOCUMENT);
    let files: Vec<String> = host.objects().into_iter().filter(|key| key.starts_with("packages/")).collect();
    let bytes: Vec<Vec<u8>> = files.iter().map(|key| host.object(key).unwrap()).collect();
    for key in &files {
        assert!(host.remove(key));
    }
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, [DOCUMENT]);
    for (key, bytes) in files.iter().zip(bytes) {
        host.insert(key, bytes).unwrap();
    }
    // One way out is the document, the other is to do without it.
    host.insert(DOCUMENT, whole).unwrap();
    assert_eq!(get(&host, wheel).status(), 403);
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, Vec::<String>::new());
    assert!(host.remove(DOCUMENT) && host.remove(PAGE) && host.remove(PROOF));
    assert!(host.upkeep().reindex::<Pypi>().unwrap().rebuilt.contains(&DOCUMENT.to_owned()));
    assert_eq!(get(&host, wheel).status(), 200);
}

#[test]
fn the_page_of_an_earlier_system_is_no_sign_of_a_lost_document() {
    let host = host();
    host.insert("packages/demo/demo-1.0.tar.gz", samples::sdist("demo", "1.0")).unwrap();
    host.insert(PAGE, "<!DOCTYPE html><html><body>\n<a href=\"x\">demo-1.0.tar.gz</a>\n").unwrap();
    assert_eq!(get(&host, "/packages/demo/demo-1.0.tar.gz").status(), 200);
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, Vec::<String>::new());
    Upload::wheel("demo", "1.1").done(&host);
    host.remove(DOCUMENT);
    assert_damaged(&host, "now there was one of ours", || get(&host, "/packages/demo/demo-1.0.tar.gz"));
}

#[test]
fn a_page_that_an_upload_writes_after_the_deletion_of_its_project_is_no_sign_of_a_loss() {
    let host = uploaded();
    let page = host.object(PAGE).unwrap();
    assert_eq!(host.as_user("ann").delete("/pypi/demo").send::<Pypi>().status(), 204);
    host.insert(PAGE, page).unwrap();
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    assert_eq!(host.upkeep().verify::<Pypi>().unwrap().damaged, Vec::<String>::new());
    Upload::wheel("demo", "1.0").done(&host);
    assert_eq!(host.as_user("ann").delete("/pypi/demo").send::<Pypi>().status(), 204);
    assert_eq!(host.object(PAGE), None);
}

/// Collections leave nothing of the project, and its proof until no request can be late.
#[track_caller]
fn assert_collected(host: &Host) {
    let left = || host.objects().into_iter().filter(|key| key.contains("demo")).collect::<Vec<_>>();
    let collect = || host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    let (one, other) = (collect(), collect());
    assert_eq!((one.damaged.len(), other.damaged.len()), (0, 0));
    assert_eq!(left(), [PROOF]);
    host.set_now(host.now() + 10 * MINUTE);
    collect();
    assert_eq!(left(), Vec::<String>::new());
}

#[test]
fn a_project_that_was_deleted_may_come_back() {
    let host = uploaded();
    let ann = host.as_user("ann");
    for _ in 0..2 {
        assert_eq!(ann.delete("/pypi/demo").send::<Pypi>().status(), 204);
        assert_eq!(get(&host, "/simple/demo/").status(), 404);
        assert_eq!(host.object(PAGE), None);
        Upload::wheel("demo", "1.0").done(&host);
        assert!(host.object(PAGE).is_some());
    }
    // A deletion that was interrupted is carried on with by a collection.
    interrupt_deletion(&host);
    host.set_now(host.now() + 60 * MINUTE);
    assert_collected(&host);
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    Upload::wheel("demo", "1.0").done(&host);
}

#[test]
fn verify_names_what_a_document_says_wrongly_and_goes_on() {
    let host = uploaded();
    Upload::wheel("later", "1.0").done(&host);
    host.remove("packages/later/later-1.0-py3-none-any.whl");
    let whole = host.object_json(DOCUMENT);
    let wheel = "packages/demo/demo-1.0-py3-none-any.whl".to_owned();
    let later = "packages/later/later-1.0-py3-none-any.whl";
    for (member, value, key) in [
        ("sha256", Value::Null, DOCUMENT),
        ("size", json!(3), &wheel),
        ("version", json!("1.1"), DOCUMENT),
        ("filename", json!("../../x"), DOCUMENT),
        ("filename", json!("other-1.0-py3-none-any.whl"), DOCUMENT),
    ] {
        let mut document = whole.clone();
        document["files"][0][member] = value;
        host.insert(DOCUMENT, document.to_string()).unwrap();
        let found = host.upkeep().verify::<Pypi>().unwrap();
        assert!(found.damaged.contains(&key.to_owned()), "{member}: {:?}", found.lines);
        assert!(found.damaged.contains(&later.to_owned()), "{member}: {:?}", found.lines);
        host.upkeep().reindex::<Pypi>().unwrap();
        host.upkeep().older_than(0).collect::<Pypi>().unwrap();
    }
}

#[test]
fn what_the_document_names_beside_a_file_is_damaged_when_it_is_lost() {
    let host = uploaded();
    let (wheel, sdist) = ("packages/demo/demo-1.0-py3-none-any.whl", "packages/demo/demo-1.0.tar.gz");
    let metadata = host.object(&format!("{wheel}.metadata")).unwrap();
    for file in [wheel, sdist] {
        host.remove(&format!("{file}.metadata"));
        assert_eq!(get(&host, &format!("/{file}.metadata")).status(), 200, "it is inside the file");
    }
    // The file is lost too, or holds other metadata.
    let other = samples::wheel_with("demo-1.0", &samples::metadata("demo", "2.0"), &[]);
    for damage in [None, Some(other)] {
        match damage {
            None => assert!(host.remove(wheel)),
            Some(other) => drop(host.insert(wheel, other).unwrap()),
        }
        assert_damaged(&host, "metadata", || get(&host, &format!("/{wheel}.metadata")));
        assert_damaged(&host, "the JSON API", || get(&host, "/pypi/demo/1.0/json"));
    }
    host.insert(&format!("{wheel}.metadata"), metadata).unwrap();
    let mut document = host.object_json(DOCUMENT);
    document["files"][1]["provenance"] = json!(true);
    host.insert(DOCUMENT, document.to_string()).unwrap();
    for path in [format!("/{sdist}.provenance"), "/integrity/demo/1.0/demo-1.0.tar.gz/provenance".to_owned()]
    {
        assert_damaged(&host, &path, || get(&host, &path));
    }
    let provenance = format!("{sdist}.provenance");
    assert!(host.upkeep().verify::<Pypi>().unwrap().damaged.contains(&provenance));
    host.insert(&provenance, "[").unwrap();
    assert!(host.upkeep().verify::<Pypi>().unwrap().damaged.contains(&provenance));
}

#[test]
fn a_file_that_a_deletion_left_behind_does_not_come_back_with_the_next_deletion() {
    let host = uploaded();
    // The document of a deletion that could not remove its files, and an upload behind it.
    interrupt_deletion(&host);
    Upload::wheel("demo", "2.0").done(&host);
    assert_eq!(host.as_user("ann").delete("/pypi/demo").send::<Pypi>().status(), 204);
    for path in ["/packages/demo/demo-1.0-py3-none-any.whl", "/simple/demo/"] {
        assert_eq!(get(&host, path).status(), 404, "{path}");
    }
    host.set_now(host.now() + 60 * MINUTE);
    assert_collected(&host);
}

/// A client may take what is not on the list from another index.
#[test]
fn a_project_whose_document_is_lost_stays_on_the_list() {
    for (has_files, has_page, has_proof) in
        [(true, true, true), (false, true, true), (false, true, false), (false, false, true)]
    {
        let host = uploaded();
        let listed = |host: &Host| page(host, "/simple/")["projects"].clone();
        let document = host.object(DOCUMENT).unwrap();
        let is_lost = |key: &String| {
            key == DOCUMENT
                || (!has_files && key.starts_with("packages/demo/"))
                || (!has_page && key.starts_with("simple/demo/"))
                || (!has_proof && key.starts_with("proofs/metadata/demo/"))
        };
        host.objects().iter().filter(|key| is_lost(key)).for_each(|key| assert!(host.remove(key)));
        Upload::wheel("other", "1.0").done(&host);
        let both = json!([{ "name": "demo" }, { "name": "other" }]);
        assert_eq!(listed(&host), both);
        assert_eq!(get(&host, "/simple/demo/").status(), 500);
        host.set_now(host.now() + 2 * MINUTE);
        assert_eq!(listed(&host), both);
        host.upkeep().reindex::<Pypi>().unwrap();
        assert!(String::from_utf8(host.object("simple/index.html").unwrap()).unwrap().contains(">demo<"));
        if has_files {
            host.insert(DOCUMENT, document).unwrap();
            assert_eq!(host.as_user("ann").delete("/pypi/demo").send::<Pypi>().status(), 204);
            assert_eq!(listed(&host), json!([{ "name": "other" }]));
        }
    }
}
