//! Changes that were made although their answer was lost, and somebody else wrote before the
//! store was asked again.

use super::*;

const DOCUMENT: &str = "metadata/demo/metadata.json";
const FILE: &str = "/packages/demo/demo-1.0-py3-none-any.whl";

/// Somebody else's mark of the project.
fn deprecated(there: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut project: Value = serde_json::from_slice(&there?).unwrap();
    project["status"] = json!({ "status": "deprecated" });
    Some(project.to_string().into_bytes())
}

/// The answer to the first write is the one of the adoption; the second names the file.
#[test]
fn an_upload_that_was_made_is_a_success_and_is_listed() {
    let host = host();
    Upload::wheel("other", "1.0").done(&host);
    assert_eq!(page(&host, "/simple/")["projects"].as_array().unwrap().len(), 1);
    for _ in 0..2 {
        host.lose_answer(DOCUMENT, deprecated);
    }
    Upload::wheel("demo", "1.0").done(&host);
    assert_eq!(get(&host, FILE).status(), 200);
    assert_eq!(page(&host, "/simple/")["projects"].as_array().unwrap().len(), 2, "the list is made anew");
    let html = String::from_utf8(host.object("simple/demo/index.html").unwrap()).unwrap();
    assert!(html.contains("demo-1.0"), "{html}");
}

#[test]
fn a_file_that_was_deleted_is_gone() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::wheel("demo", "1.1").done(&host);
    let ann = host.as_user("ann");
    host.lose_answer(DOCUMENT, deprecated);
    assert_eq!(ann.delete(FILE).send::<Pypi>().status(), 204);
    assert!(!host.objects().iter().any(|key| key.contains("demo-1.0")), "{:?}", host.objects());
    assert_eq!(names(&page(&host, "/simple/demo/")), ["demo-1.1-py3-none-any.whl"]);
    assert_eq!(ann.delete(FILE).send::<Pypi>().status(), 404, "this one deleted nothing");
}

#[test]
fn a_project_that_was_deleted_is_gone() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    host.lose_answer(DOCUMENT, |_| None);
    assert_eq!(host.as_user("ann").delete("/pypi/demo").send::<Pypi>().status(), 204);
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    assert!(!host.objects().iter().any(|key| key.starts_with("packages/")), "{:?}", host.objects());
}

#[test]
fn the_list_of_projects_ages_by_the_stores_clock() {
    for away in [-3_600_000, 3_600_000] {
        let host = host();
        host.set_store_ahead(away);
        Upload::wheel("demo", "1.0").done(&host);
        let listed = || page(&host, "/simple/")["projects"].as_array().unwrap().len();
        assert_eq!(listed(), 1);
        // Copied in by hand, without a mark.
        let other = host.object("packages/demo/demo-1.0-py3-none-any.whl").unwrap();
        host.insert("packages/other/other-1.0-py3-none-any.whl", other).unwrap();
        assert_eq!(listed(), 1, "{away}: the list is young");
        host.set_now(host.now() + 61_000);
        assert_eq!(listed(), 2, "{away}: the list is old");
    }
}
