//! Buckets that an earlier system has written, or files that were copied in by hand.

use super::*;

/// A wheel and a source distribution, and a document of another system.
fn fill(host: &Host) {
    host.insert("packages/demo/demo-1.0-py3-none-any.whl", samples::wheel("demo", "1.0")).unwrap();
    host.insert("packages/demo/demo-1.0.tar.gz", samples::sdist("demo", "1.0")).unwrap();
    host.insert("packages/demo/demo-0.9-py2.7.egg", b"an egg").unwrap();
    host.insert("packages/demo/readme.txt", b"no distribution").unwrap();
    host.insert("metadata/demo/metadata.json", r#"{"name":"demo","versions":{"1.0":{}}}"#).unwrap();
}

#[test]
fn files_are_served_as_they_are_found_and_reading_writes_nothing() {
    let host = host();
    fill(&host);
    let before = host.objects();
    let json = page(&host, "/simple/demo/");
    assert_eq!(json["versions"], json!(["0.9", "1.0"]));
    assert_eq!(names(&json), ["demo-0.9-py2.7.egg", "demo-1.0-py3-none-any.whl", "demo-1.0.tar.gz"]);
    let wheel = &json["files"][1];
    assert_eq!(wheel["hashes"]["sha256"], digests(&samples::wheel("demo", "1.0"))[0]);
    assert_eq!(wheel["requires-python"], ">=3.9");
    assert_eq!(wheel["upload-time"], "2026-01-01T00:00:00.000Z");
    let metadata = samples::metadata("demo", "1.0");
    assert_eq!(wheel["core-metadata"]["sha256"], digests(metadata.as_bytes())[0]);
    let sidecar = get(&host, "/packages/demo/demo-1.0-py3-none-any.whl.metadata");
    assert_eq!(sidecar.text(), metadata);
    assert_eq!(get(&host, "/packages/demo/demo-1.0.tar.gz").bytes(), samples::sdist("demo", "1.0"));
    assert_eq!(get(&host, "/packages/demo/readme.txt").status(), 404);
    assert_eq!(get(&host, "/pypi/demo/json").json()["info"]["summary"], "a project");
    assert_eq!(page(&host, "/simple/")["projects"], json!([{ "name": "demo" }]));
    assert_eq!(host.objects().len(), before.len() + 2, "only the derived lists");
}

/// No upload can have it now, and clients read it.
#[test]
fn what_a_found_file_requires_is_served_as_it_was_written() {
    let host = host();
    let metadata = samples::metadata("demo", "1.0").replace(">=3.9", ">=3.6.*");
    let wheel = samples::wheel_with("demo-1.0", &metadata, &[]);
    host.insert("packages/demo/demo-1.0-py3-none-any.whl", &wheel).unwrap();
    assert_eq!(page(&host, "/simple/demo/")["files"][0]["requires-python"], ">=3.6.*");
    let html = get(&host, "/simple/demo/").text();
    assert!(html.contains("data-requires-python=\"&gt;=3.6.*\""), "{html}");
    let reply = Upload::wheel("demo", "1.1")
        .content(samples::wheel_with("demo-1.1", &metadata.replace("Version: 1.0", "Version: 1.1"), &[]))
        .send(&host.as_user("ann"));
    assert_eq!(reply.status(), 400);
    assert!(reply.text().contains(">=3.6.*"), "{}", reply.text());
    Upload::wheel("demo", "2.0").done(&host);
    assert_eq!(
        page(&host, "/simple/demo/")["files"][0]["requires-python"],
        ">=3.6.*",
        "also in our document"
    );
}

#[test]
fn from_the_next_upload_on_a_document_of_ours_speaks() {
    let host = host();
    fill(&host);
    Upload::wheel("demo", "1.1").done(&host);
    let json = page(&host, "/simple/demo/");
    assert_eq!(json["versions"], json!(["0.9", "1.0", "1.1"]));
    assert_eq!(json["files"][2]["requires-python"], ">=3.9", "looked up in the source distribution");
    let document = host.object_json("metadata/demo/metadata.json");
    assert_eq!(document["files"][0]["sha256"], digests(b"an egg")[0]);
    // What is copied in now is not seen before it is in the document.
    host.insert("packages/demo/demo-3.0-py3-none-any.whl", samples::wheel("demo", "3.0")).unwrap();
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["0.9", "1.0", "1.1"]));
}

#[test]
fn found_files_are_kept_from_other_bytes() {
    let host = host();
    fill(&host);
    let before = host.object("metadata/demo/metadata.json");
    let metadata = samples::metadata("demo", "1.0");
    let other = samples::wheel_with("demo-1.0", &metadata, &[("other.py", b"")]);
    let reply = Upload::wheel("demo", "1.0").content(other).send(&host.as_user("ann"));
    assert_eq!(reply.status(), 409, "{}", reply.text());
    assert_eq!(host.object("metadata/demo/metadata.json"), before, "what is refused changes nothing");
    Upload::wheel("demo", "1.0").done(&host);
}

#[test]
fn found_files_are_yanked_and_deleted_like_others() {
    let host = host();
    fill(&host);
    assert_eq!(host.as_user("ann").put("/pypi/demo/1.0/yank").send::<Pypi>().status(), 200);
    let json = page(&host, "/simple/demo/");
    assert_eq!((&json["files"][0]["yanked"], &json["files"][1]["yanked"]), (&json!(false), &json!(true)));
    assert_eq!(host.as_user("ann").delete("/pypi/demo/0.9").send::<Pypi>().status(), 204);
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["1.0"]));
}

#[test]
fn a_wheel_that_is_broken_is_served_without_metadata() {
    let host = host();
    host.insert("packages/demo/demo-1.0-py3-none-any.whl", b"broken").unwrap();
    let json = page(&host, "/simple/demo/");
    assert_eq!(json["files"][0]["core-metadata"], false);
    assert_eq!(get(&host, "/packages/demo/demo-1.0-py3-none-any.whl").text(), "broken");
    assert_eq!(get(&host, "/pypi/demo/json").json()["info"]["version"], "1.0");
}

#[test]
fn a_document_of_ours_that_is_damaged_is_told_and_never_read_as_another() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    let whole = host.object("metadata/demo/metadata.json").unwrap();
    for bytes in [
        whole[..whole.len() / 2].to_vec(),
        String::from_utf8(whole).unwrap().replace("pypi-1", "pypi-2").into_bytes(),
    ] {
        host.insert("metadata/demo/metadata.json", bytes).unwrap();
        assert_eq!(get(&host, "/simple/demo/").status(), 500);
        assert!(host.log().iter().any(|line| format!("{line:?}").contains("reindex")));
        let reply = Upload::wheel("demo", "2.0").send(&host.as_user("ann"));
        assert_eq!(reply.status(), 500, "{}", reply.text());
    }
}
