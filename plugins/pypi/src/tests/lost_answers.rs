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

/// The project is deleted between the claim of the file and the document that names it.
#[test]
fn an_upload_while_its_project_is_deleted_makes_it_anew() {
    for others in 0..2 {
        let host = host();
        let there: Vec<Upload> = (0..others).map(|_| Upload::wheel("demo", "0.9")).collect();
        // The first write of a new project's document is the one without files.
        host.lose_answer(DOCUMENT, |there| there);
        host.lose_answer(DOCUMENT, |_| None);
        for upload in &there {
            host.insert(&format!("packages/demo/{}", upload.filename), &upload.content).unwrap();
        }
        let upload = Upload::wheel("demo", "1.0").done(&host);
        assert_eq!(get(&host, FILE).bytes(), upload.content);
        assert_eq!(names(&page(&host, "/simple/demo/")).len(), 1 + others);
        let document = host.object_json(DOCUMENT);
        assert_eq!(document["files"][others]["uploader"], "ann", "{document}");
    }
}

#[test]
fn an_upload_during_a_long_deletion_is_to_be_tried_again() {
    let host = host();
    Upload::wheel("demo", "0.9").done(&host);
    let mark = format!("reclaimed/{}", digests(b"packages/demo")[0]);
    host.insert(&mark, "removing with version 1").unwrap();
    let reply = Upload::wheel("demo", "1.0").send(&host.as_user("ann"));
    assert_eq!((reply.status(), reply.header("retry-after")), (503, Some("1")), "{}", reply.text());
    assert!(reply.text().contains("try again"), "{}", reply.text());
    assert!(host.remove(&mark));
    Upload::wheel("demo", "1.0").done(&host);
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
    // Somebody else removes the document that this request has emptied, and says so in the proof before.
    host.meanwhile(DOCUMENT, |host| {
        let proof = format!("proofs/{DOCUMENT}");
        let mut said = host.object_json(&proof);
        said["removal"] = json!({ "of": host.now() + 1000 });
        host.insert(&proof, said.to_string()).unwrap();
    });
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
