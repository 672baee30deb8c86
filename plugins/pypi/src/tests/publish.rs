//! Uploading: what is stored, what is the same again, and who may.

use super::*;
use crate::attestation::tests::field as attestations;

#[test]
fn a_wheel_and_its_sdist_are_stored_by_the_layout() {
    let host = host();
    let wheel = Upload::wheel("Foo.Bar", "1.0").field("name", "Foo.Bar");
    assert_eq!(wheel.filename, "Foo.Bar-1.0-py3-none-any.whl");
    let wheel = wheel.done(&host);
    let sdist = Upload::sdist("foo-bar", "1.0").done(&host);
    assert_eq!(
        host.objects(),
        [
            "metadata/foo-bar/metadata.json",
            "packages/foo-bar/Foo.Bar-1.0-py3-none-any.whl",
            "packages/foo-bar/Foo.Bar-1.0-py3-none-any.whl.metadata",
            "packages/foo-bar/foo_bar-1.0.tar.gz",
            "packages/foo-bar/foo_bar-1.0.tar.gz.metadata",
            "proofs/metadata/foo-bar/metadata.json",
            "simple/changed",
            "simple/foo-bar/index.html",
        ]
    );
    let document = host.object_json("metadata/foo-bar/metadata.json");
    let [sha256, md5, blake2b_256] = digests(&wheel.content);
    assert_eq!(
        document["files"][0],
        json!({
            "filename": "Foo.Bar-1.0-py3-none-any.whl",
            "version": "1.0",
            "size": wheel.content.len(),
            "uploaded": "2026-01-01T00:00:00.000Z",
            "sha256": sha256,
            "md5": md5,
            "blake2b_256": blake2b_256,
            "requires_python": ">=3.9",
            "metadata_sha256": digests(samples::metadata("Foo.Bar", "1.0").as_bytes())[0],
            "uploader": "ann",
        })
    );
    assert_eq!(document["format"], "packhouse-pypi-1");
    assert_eq!(document["name"], "foo-bar");
    assert_eq!(host.object("packages/foo-bar/foo_bar-1.0.tar.gz").unwrap(), sdist.content);
    let stored = host.object("simple/foo-bar/index.html").unwrap();
    let stored = String::from_utf8(stored).unwrap();
    assert!(stored.contains("href=\"../../packages/foo-bar/foo_bar-1.0.tar.gz#sha256="), "{stored}");
}

#[test]
fn the_same_again_is_fine_and_other_bytes_are_not() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0").done(&host);
    let before = host.object("metadata/demo/metadata.json");
    host.set_now(host.now() + 1000);
    upload.clone().done(&host);
    assert_eq!(host.object("metadata/demo/metadata.json"), before);
    let metadata = samples::metadata("demo", "1.0");
    let other = samples::wheel_with("demo-1.0", &metadata, &[("other.py", b"")]);
    let reply = upload.clone().content(other).send(&host.as_user("ann"));
    assert_eq!(reply.status(), 409, "{}", reply.text());
    assert!(reply.text().contains("File already exists"), "{}", reply.text());
    let key = "packages/demo/demo-1.0-py3-none-any.whl";
    assert_eq!(host.object(key).unwrap(), upload.content);
    assert_eq!(host.object("metadata/demo/metadata.json"), before);
}

#[test]
fn a_version_has_one_source_distribution() {
    let host = host();
    Upload::sdist("foo-bar", "1.0").done(&host);
    let content = samples::gzip(&samples::tar(&[(
        "foo-bar-1.0/PKG-INFO",
        samples::metadata("foo-bar", "1.0").as_bytes(),
    )]));
    let other = Upload::of("foo-bar", "1.0", "sdist", "foo-bar-1.0.tar.gz", content);
    let reply = other.send(&host.as_user("ann"));
    assert_eq!(reply.status(), 409, "{}", reply.text());
    Upload::sdist("foo-bar", "1.1").done(&host);
}

/// Clients take both for one, and install either.
#[test]
fn a_wheel_is_not_taken_again_under_another_spelling() {
    let host = host();
    Upload::wheel("same", "1.0").done(&host);
    for (name, version) in [("Same", "1.0"), ("same", "1.0.0")] {
        let reply = Upload::wheel(name, version).send(&host.as_user("ann"));
        assert_eq!(reply.status(), 409, "{}", reply.text());
        assert!(reply.text().contains("same-1.0-py3-none-any.whl"), "{}", reply.text());
    }
    assert_eq!(names(&page(&host, "/simple/same/")), ["same-1.0-py3-none-any.whl"]);
}

#[test]
fn any_of_the_addresses_takes_uploads() {
    let host = host();
    for (number, (alias, path)) in
        [(None, "/legacy/"), (None, "/legacy"), (None, "/pypi/legacy/"), (Some("/legacy"), "/")]
            .into_iter()
            .enumerate()
    {
        let upload = Upload::wheel("demo", &format!("1.{number}"));
        let fields: Vec<FormField<'_>> = upload
            .fields
            .iter()
            .map(|(name, value)| FormField { name, filename: None, content: value.as_bytes() })
            .chain([FormField {
                name: "content",
                filename: Some(&upload.filename),
                content: &upload.content,
            }])
            .collect();
        let mut request = host.as_user("ann").post(path).form(&fields);
        if let Some(alias) = alias {
            request = request.alias(alias);
        }
        let reply = request.send::<Pypi>();
        assert_eq!(reply.status(), 200, "{path}: {}", reply.text());
    }
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["1.0", "1.1", "1.2", "1.3"]));
}

#[test]
fn who_may_not_is_told_before_the_file_is_taken() {
    let host = host().user("cat", &["pypi:package:cat-*:write"]);
    let upload = Upload::wheel("demo", "1.0");
    for (actor, status, sentence) in [
        (host.anonymous(), 401, "sign in first"),
        (host.rejected("the token has expired"), 401, "the token has expired"),
        (host.as_user("bob"), 403, "pypi:package:demo:write"),
        (host.as_user("cat"), 403, "pypi:package:demo:write"),
        (host.as_reader("ann"), 403, "pypi:package:demo:write"),
    ] {
        let reply = upload.send(&actor);
        assert_refused(&host, &reply, status, sentence);
        let is_challenged = reply.header("www-authenticate") == Some("Basic realm=\"pypi\"");
        assert_eq!(is_challenged, status == 401);
    }
    // Without a name, nobody's file is taken.
    let reply = upload.clone().without("name").send(&host.anonymous());
    assert_refused(&host, &reply, 401, "sign in first");
    let reply = Upload::wheel("cat-toy", "1.0").send(&host.as_user("cat"));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let host = self::host().feature("upload", false);
    assert_refused(&host, &upload.send(&host.as_user("ann")), 405, "upload is turned off");
}

#[test]
fn digests_may_be_left_out() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0");
    upload.without("md5_digest").without("blake2_256_digest").without("sha256_digest").done(&host);
    assert_eq!(
        host.object_json("metadata/demo/metadata.json")["files"][0]["md5"].as_str().unwrap().len(),
        32
    );
}

#[test]
fn attestations_are_kept_and_served() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0");
    let field = attestations(&upload.filename, &upload.sha256());
    let wrong = attestations(&upload.filename, "00");
    let reply = upload.clone().field("attestations", &wrong).send(&host.as_user("ann"));
    assert_refused(&host, &reply, 400, "other bytes");
    let upload = upload.field("attestations", &field).done(&host);
    let file = &page(&host, "/simple/demo/")["files"][0];
    let url = "https://registry.example.com/pypi/packages/demo/demo-1.0-py3-none-any.whl.provenance";
    assert_eq!(file["provenance"], url);
    let html = get(&host, "/simple/demo/").text();
    assert!(html.contains(&format!("data-provenance=\"{url}\"")), "{html}");
    for path in [
        "/packages/demo/demo-1.0-py3-none-any.whl.provenance",
        "/integrity/demo/1.0.0/demo-1.0-py3-none-any.whl/provenance",
    ] {
        let reply = get(&host, path);
        assert_eq!(reply.header("content-type"), Some("application/vnd.pypi.integrity.v1+json"));
        let attestations: Value = serde_json::from_str(&field).unwrap();
        assert_eq!(reply.json()["attestation_bundles"][0]["attestations"], attestations);
    }
    Upload::sdist("demo", "1.0").done(&host);
    for path in [
        "/packages/demo/demo-1.0.tar.gz.provenance",
        "/integrity/demo/1.0/demo-1.0.tar.gz/provenance",
        "/integrity/demo/2.0/demo-1.0-py3-none-any.whl/provenance",
    ] {
        assert_eq!(get(&host, path).status(), 404, "{path}");
    }
    assert_eq!(page(&host, "/simple/demo/")["files"][1]["provenance"], Value::Null);
    assert_eq!(upload.filename, "demo-1.0-py3-none-any.whl");
}

#[test]
fn two_publishers_at_once_lose_nothing() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    let key = "metadata/demo/metadata.json";
    let first = host.object(key).unwrap();
    Upload::wheel("demo", "2.0").done(&host);
    let second = host.object(key).unwrap();
    // Somebody's 2.0 arrives between our reading and our writing.
    host.insert(key, first.trim_ascii_end()).unwrap();
    host.race(key, second.trim_ascii_end());
    host.conflict_next(key);
    Upload::wheel("demo", "3.0").done(&host);
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["1.0", "2.0", "3.0"]));
}

#[test]
fn of_two_with_one_name_and_other_bytes_one_wins() {
    let host = host();
    Upload::wheel("demo", "0.9").done(&host);
    let key = "packages/demo/demo-1.0-py3-none-any.whl";
    let upload = Upload::wheel("demo", "1.0");
    // Another upload has given its file the key, and is about to name it.
    host.insert(key, b"other bytes").unwrap();
    let reply = upload.send(&host.as_user("ann"));
    assert_eq!(reply.status(), 409, "{}", reply.text());
    assert!(reply.text().contains("by somebody else"), "{}", reply.text());
    assert_eq!(host.object(key).unwrap(), b"other bytes");
    // It never did.
    host.set_now(host.now() + 6 * 60 * 1000);
    upload.clone().done(&host);
    assert_eq!(host.object(key).unwrap(), upload.content);
}

#[test]
fn what_a_crash_left_does_not_block_the_same_upload() {
    let host = host();
    Upload::wheel("demo", "0.9").done(&host);
    let upload = Upload::wheel("demo", "1.0");
    host.insert("packages/demo/demo-1.0-py3-none-any.whl", &upload.content).unwrap();
    upload.done(&host);
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["0.9", "1.0"]));
}

#[test]
fn a_first_upload_that_crashed_is_not_seen() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0").done(&host);
    let mut document = host.object_json("metadata/demo/metadata.json");
    document["files"] = json!([]);
    // As an earlier version began it.
    host.insert("metadata/demo/metadata.json", document.to_string()).unwrap();
    assert!(host.remove("proofs/metadata/demo/metadata.json"));
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    assert_eq!(get(&host, &format!("/packages/demo/{}", upload.filename)).status(), 404);
    upload.done(&host);
    assert_eq!(names(&page(&host, "/simple/demo/")).len(), 1);
}

#[test]
fn a_store_that_fails_in_between_says_so_and_shows_nothing() {
    let host = host();
    host.fail_next(packhouse_plugin::Error::Unavailable("down".to_owned()));
    let reply = Upload::wheel("demo", "1.0").send(&host.as_user("ann"));
    assert_eq!(reply.status(), 503, "{}", reply.text());
    assert_eq!(host.objects(), Vec::<String>::new());
}

/// twine shows the reason phrase, uv the body.
#[test]
fn an_upload_to_the_index_is_told_where_to_go() {
    let host = host();
    for path in ["/simple/", "/simple", "/"] {
        let reply = host.as_user("ann").post(path).form(&[]).send::<Pypi>();
        assert!(matches!(reply.status(), 404 | 405), "{path}");
        for told in [reply.text(), reply.reason().unwrap_or_default().to_owned()] {
            assert!(told.contains("upload to https://registry.example.com/pypi/legacy/"), "{path}: {told}");
        }
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let reply = host.as_user("ann").request(method, "/simple/").send::<Pypi>();
        assert_eq!((reply.status(), reply.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
}
