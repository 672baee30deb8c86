//! Reading: the simple API in its forms, files, the JSON API.

use super::*;

const HTML: &str = "application/vnd.pypi.simple.v1+html";

#[test]
fn the_page_of_a_project_says_the_same_in_both_forms() {
    let host = host();
    let upload = Upload::wheel("Foo.Bar", "1.0+cpu").done(&host);
    let json = page(&host, "/simple/foo-bar/");
    let metadata = digests(samples::metadata("Foo.Bar", "1.0+cpu").as_bytes())[0].clone();
    let url = "https://registry.example.com/pypi/packages/foo-bar/Foo.Bar-1.0%2Bcpu-py3-none-any.whl";
    assert_eq!(
        json,
        json!({
            "meta": { "api-version": "1.4" },
            "name": "foo-bar",
            "versions": ["1.0+cpu"],
            "files": [{
                "filename": "Foo.Bar-1.0+cpu-py3-none-any.whl",
                "url": url,
                "hashes": { "sha256": upload.sha256() },
                "requires-python": ">=3.9",
                "size": upload.content.len(),
                "upload-time": "2026-01-01T00:00:00.000Z",
                "yanked": false,
                "core-metadata": { "sha256": metadata },
                "dist-info-metadata": { "sha256": metadata },
                "provenance": null,
            }],
        })
    );
    for path in ["/simple/foo-bar/", "/foo-bar/json"] {
        let reply = get(&host, path);
        assert_eq!(reply.header("last-modified"), Some("Thu, 01 Jan 2026 00:00:00 GMT"), "{path}");
    }
    let html = get(&host, "/simple/foo-bar/").text();
    assert!(html.contains("<meta name=\"pypi:repository-version\" content=\"1.4\">"), "{html}");
    let link = format!(
        "<a href=\"{url}#sha256={}\" data-requires-python=\"&gt;=3.9\" \
         data-dist-info-metadata=\"sha256={metadata}\" data-core-metadata=\"sha256={metadata}\">\
         Foo.Bar-1.0+cpu-py3-none-any.whl</a><br>",
        upload.sha256()
    );
    assert!(html.contains(&link), "{html}");
}

#[test]
fn clients_get_the_form_that_they_like_best() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    let latest_json = "application/vnd.pypi.simple.latest+json";
    for (accept, content_type) in [
        ("", "text/html; charset=utf-8"),
        ("*/*", "text/html; charset=utf-8"),
        ("text/html, application/xhtml+xml, */*;q=0.8", "text/html; charset=utf-8"),
        (JSON, JSON),
        (HTML, HTML),
        (latest_json, JSON),
        (
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
            JSON,
        ),
        (
            "application/vnd.pypi.simple.v1+json;q=0.1, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.15",
            HTML,
        ),
    ] {
        for path in ["/simple/", "/simple/demo/"] {
            let reply = host.anonymous().get(path).header("accept", accept).send::<Pypi>();
            assert_eq!(reply.header("content-type"), Some(content_type), "{accept}");
            assert!(reply.asked_headers().contains(&"accept".to_owned()));
        }
    }
    for accept in ["application/vnd.pypi.simple.v2+json", "image/png", "text/html;q=0"] {
        let reply = host.anonymous().get("/simple/demo/").header("accept", accept).send::<Pypi>();
        assert_eq!(reply.status(), 406, "{accept}");
    }
    for (format, content_type) in [
        (JSON, JSON),
        ("application/vnd.pypi.simple.v1%2Bhtml", HTML),
        ("text/html", "text/html; charset=utf-8"),
    ] {
        let reply = get(&host, &format!("/simple/demo/?format={format}"));
        assert_eq!(reply.header("content-type"), Some(content_type), "{format}");
    }
    assert_eq!(get(&host, "/simple/demo/?format=xml").status(), 406);
}

#[test]
fn other_spellings_lead_to_the_normalised_one() {
    let host = host();
    Upload::wheel("foo-bar", "1.0").done(&host);
    for (path, location) in [
        ("/simple", "simple/"),
        ("/simple?format=text/html", "simple/?format=text/html"),
        ("/simple/foo-bar", "foo-bar/"),
        ("/simple/Foo.Bar", "foo-bar/"),
        ("/simple/Foo.Bar/", "../foo-bar/"),
        ("/simple/foo%2dbar/", "../foo-bar/"),
        ("/simple/Foo_Bar/?format=text/html", "../foo-bar/?format=text/html"),
        ("/pypi/Foo_Bar/json", "../foo-bar/json"),
        ("/Foo_Bar/json", "../foo-bar/json"),
        ("/pypi/Foo_Bar/1.0/json", "../../foo-bar/1.0/json"),
        ("/packages/Foo_Bar/foo_bar-1.0-py3-none-any.whl", "../foo-bar/foo_bar-1.0-py3-none-any.whl"),
        // Clients resolve these against the path that they sent, with the slashes after it.
        ("/simple//", "../../simple/"),
        ("/simple/foo-bar//", "../../foo-bar/"),
        ("//simple/Foo.Bar///", "../../../foo-bar/"),
        ("/pypi/Foo_Bar/json/", "../../foo-bar/json"),
    ] {
        let reply = get(&host, path);
        assert_eq!((reply.status(), reply.header("location")), (301, Some(location)), "{path}");
    }
}

#[test]
fn the_root_lists_what_the_caller_may_read() {
    let host = Host::new()
        .anonymous_grants(&["pypi:package:open-*:read"])
        .user("ann", &["pypi:package:*:write"])
        .user("eve", &["pypi:package:nothing:read"]);
    for name in ["open-one", "Open.Two", "secret"] {
        Upload::wheel(name, "1.0").done(&host);
    }
    let listed = |actor: Actor| {
        let reply = actor.get("/simple/").header("accept", JSON).send::<Pypi>();
        assert_eq!(reply.status(), 200);
        let projects = reply.json()["projects"].as_array().unwrap().clone();
        projects.iter().map(|project| project["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(host.anonymous()), ["open-one", "open-two"]);
    assert_eq!(listed(host.as_user("ann")), ["open-one", "open-two", "secret"]);
    let html = get(&host, "/simple/").text();
    assert!(html.contains("/simple/open-two/\">open-two</a>") && !html.contains("secret"), "{html}");
    for path in ["/simple/secret/", "/pypi/secret/json", "/packages/secret/secret-1.0-py3-none-any.whl"] {
        assert_eq!(get(&host, path).status(), 401, "{path}");
        assert_eq!(host.as_user("eve").get(path).send::<Pypi>().status(), 403, "{path}");
        assert_eq!(host.as_user("ann").get(path).send::<Pypi>().status(), 200, "{path}");
    }
    let private = Host::new();
    assert_eq!(get(&private, "/simple/").status(), 401);
}

#[test]
fn the_stored_list_is_written_when_it_is_read_and_not_too_often() {
    let host = host();
    Upload::wheel("one", "1.0").done(&host);
    assert_eq!(host.object("simple/index.html"), None);
    get(&host, "/simple/");
    let stored = String::from_utf8(host.object("simple/index.html").unwrap()).unwrap();
    assert!(stored.contains("<a href=\"one/\">one</a>"), "{stored}");
    Upload::wheel("two", "1.0").done(&host);
    assert!(get(&host, "/simple/").text().contains("two"));
    assert_eq!(host.object("simple/index.html").unwrap(), stored.as_bytes());
    host.set_now(host.now() + 61_000);
    get(&host, "/simple/");
    let stored = String::from_utf8(host.object("simple/index.html").unwrap()).unwrap();
    assert!(stored.contains("<a href=\"two/\">two</a>"), "{stored}");
}

#[test]
fn all_projects_are_looked_for_only_after_one_came_or_went() {
    let host = host();
    let listed = || {
        let json = page(&host, "/simple/");
        let projects = json["projects"].as_array().unwrap().iter();
        projects.map(|project| project["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    Upload::wheel("one", "1.0").done(&host);
    assert_eq!(listed(), ["one"]);
    // What is copied in tells nobody, and neither does a version more.
    host.insert("packages/copied/copied-1.0.tar.gz", samples::sdist("copied", "1.0")).unwrap();
    Upload::wheel("one", "2.0").done(&host);
    assert_eq!(listed(), ["one"]);
    Upload::wheel("two", "1.0").done(&host);
    assert_eq!(listed(), ["copied", "one", "two"]);
    host.insert("packages/later/later-1.0.tar.gz", samples::sdist("later", "1.0")).unwrap();
    assert_eq!(listed(), ["copied", "one", "two"]);
    host.set_now(host.now() + 61_000);
    assert_eq!(listed(), ["copied", "later", "one", "two"], "no list counts for long");
    assert_eq!(host.as_user("ann").delete("/pypi/one").send::<Pypi>().status(), 204);
    assert_eq!(listed(), ["copied", "later", "two"]);
    // A list that was written before the last mark, or that is damaged, is not used.
    let before = host.object("simple/projects.json").unwrap();
    Upload::wheel("three", "1.0").done(&host);
    listed();
    host.insert("simple/projects.json", before).unwrap();
    assert_eq!(listed(), ["copied", "later", "three", "two"]);
    host.insert("simple/projects.json", b"{").unwrap();
    assert_eq!(listed(), ["copied", "later", "three", "two"]);
}

#[test]
fn files_are_served_as_they_came_with_their_metadata() {
    let host = host();
    let wheel = Upload::wheel("demo", "1.0").done(&host);
    let sdist = Upload::sdist("demo", "1.0").done(&host);
    for upload in [&wheel, &sdist] {
        let reply = get(&host, &format!("/packages/demo/{}", upload.filename));
        assert_eq!(reply.bytes(), upload.content);
        assert_eq!(reply.objects().len(), 1);
        assert!(reply.has_ranges() && !reply.may_compress() && !reply.is_immutable());
        assert_eq!(reply.header("content-type"), Some("application/octet-stream"));
        let metadata = get(&host, &format!("/packages/demo/{}.metadata", upload.filename));
        assert_eq!(metadata.text(), samples::metadata("demo", "1.0"));
    }
    host.insert("packages/demo/demo-2.0-py3-none-any.whl", b"not named").unwrap();
    for file in ["demo-2.0-py3-none-any.whl", "demo-2.0-py3-none-any.whl.metadata", "x.metadata", ".metadata"]
    {
        assert_eq!(get(&host, &format!("/packages/demo/{file}")).status(), 404, "{file}");
    }
    let through_alias = host.anonymous().get(&format!("/demo/{}", wheel.filename)).alias("/packages");
    assert_eq!(through_alias.send::<Pypi>().bytes(), wheel.content);
    let page = host.anonymous().get("/demo/").alias("/simple").send::<Pypi>();
    assert!(page.text().contains("https://registry.example.com/pypi/packages/demo/"), "{}", page.text());
}

#[test]
fn the_json_api_tells_of_the_newest_version_and_of_any() {
    let host = host();
    Upload::wheel("Demo", "1.0").done(&host);
    Upload::sdist("Demo", "1.0").done(&host);
    Upload::wheel("Demo", "1.10").done(&host);
    Upload::wheel("Demo", "2.0rc1").done(&host);
    let json = get(&host, "/pypi/demo/json").json();
    assert_eq!(get(&host, "/demo/json").json(), json);
    let info = &json["info"];
    assert_eq!((&info["name"], &info["version"]), (&json!("Demo"), &json!("1.10")));
    assert_eq!(info["summary"], "a project");
    assert_eq!(info["requires_dist"], json!(["other>=1"]));
    assert_eq!(info["classifiers"], json!(["Typing :: Typed"]));
    assert_eq!(info["project_urls"], json!({ "Home": "https://example.com/" }));
    assert_eq!(info["description"], "# Demo\n");
    assert_eq!(info["yanked"], false);
    assert_eq!(json["releases"].as_object().unwrap().len(), 3);
    assert_eq!(json["urls"].as_array().unwrap().len(), 1);
    let old = get(&host, "/pypi/demo/1.0.0/json").json();
    assert_eq!((&old["info"]["version"], &old["releases"]), (&json!("1.0.0"), &Value::Null));
    let files = old["urls"].as_array().unwrap();
    assert_eq!(
        (&files[0]["packagetype"], &files[1]["packagetype"]),
        (&json!("bdist_wheel"), &json!("sdist"))
    );
    assert_eq!((&files[0]["python_version"], &files[1]["python_version"]), (&json!("py3"), &json!("source")));
    assert_eq!(files[0]["upload_time"], "2026-01-01T00:00:00");
    assert_eq!(files[0]["digests"]["blake2b_256"].as_str().unwrap().len(), 64);
    for path in ["/pypi/demo/3.0/json", "/pypi/nothing/json", "/pypi/demo/latest/json"] {
        let reply = get(&host, path);
        assert!(matches!(reply.status(), 400 | 404), "{path}");
        assert!(reply.json()["message"].is_string(), "{path}: {}", reply.text());
    }
}

#[test]
fn what_is_not_there_is_not_found() {
    let host = host();
    for path in ["/simple/nothing/", "/packages/nothing/a.whl", "/nothing", "/", "/simple/a/b/"] {
        assert_eq!(get(&host, path).status(), 404, "{path}");
    }
    assert_eq!(host.anonymous().put("/simple/").send::<Pypi>().status(), 405);
    assert_eq!(get(&host, "/legacy/").status(), 405);
}

#[test]
fn the_mounts_own_address_names_the_ones_to_use() {
    let host = host();
    for reply in [
        host.as_user("ann").post("/").body("x").send::<Pypi>(),
        host.anonymous().post("/").send::<Pypi>(),
        get(&host, "/"),
    ] {
        let legacy = "https://registry.example.com/pypi/legacy/";
        assert_refused(&host, &reply, 404, legacy);
        assert!(reply.reason().unwrap().contains(legacy), "twine shows it");
    }
}

/// An empty list would say that there is nothing, also where there is nothing.
#[test]
fn the_index_is_refused_to_rejected_credentials_also_when_nothing_is_stored() {
    for host in [host(), Host::new()] {
        let reply = host.rejected("the password is wrong").get("/simple/").send::<Pypi>();
        assert_eq!(reply.status(), 401);
        assert!(reply.text().contains("the password is wrong"), "{}", reply.text());
    }
    assert_eq!(host().anonymous().get("/simple/").send::<Pypi>().status(), 200);
}

/// An error has the media type that the answer would have had.
#[test]
fn errors_are_in_the_form_of_their_api() {
    let host = Host::new();
    let json = "application/json";
    let simple = "application/vnd.pypi.simple.v1+json";
    let ann = host.as_user("ann");
    let of = |reply: Reply| {
        let kind = reply.header("content-type").unwrap_or_default().to_owned();
        if kind == json {
            assert!(
                reply.json()["message"].is_string() && reply.json()["code"].is_string(),
                "{}",
                reply.text()
            );
        } else {
            assert!(reply.text().ends_with('\n') && !reply.text().starts_with('{'), "{}", reply.text());
        }
        (reply.status(), kind)
    };
    for (status, actor) in [(401, host.anonymous()), (403, ann), (404, self::host().anonymous())] {
        for path in [
            "/pypi/demo/json",
            "/demo/json",
            "/demo/1.0/json",
            "/integrity/demo/1.0/demo-1.0.tar.gz/provenance",
        ] {
            assert_eq!(of(actor.get(path).send::<Pypi>()), (status, json.to_owned()), "{path}");
        }
        let page = |accept: &str| of(actor.get("/simple/demo/").header("accept", accept).send::<Pypi>());
        assert_eq!(page(simple), (status, json.to_owned()));
        assert_eq!(page("text/html"), (status, "text/plain; charset=utf-8".to_owned()));
    }
    for path in ["/pypi/demo/1.0/yank", "/packages/demo/demo-1.0.tar.gz/yank", "/pypi/demo/status"] {
        assert_eq!(of(host.anonymous().put(path).send::<Pypi>()), (401, json.to_owned()), "{path}");
    }
    // What no route answers.
    assert_eq!(of(host.anonymous().post("/pypi/demo/json").send::<Pypi>()), (405, json.to_owned()));
    assert_eq!(of(host.anonymous().get("/pypi/a/b/c").send::<Pypi>()), (404, json.to_owned()));
    for path in ["/legacy/", "/pypi/legacy/", "/simple/a/b", "/packages/a/b/c"] {
        let (status, kind) = of(host.anonymous().get(path).send::<Pypi>());
        assert!(matches!(status, 404 | 405) && kind.starts_with("text/plain"), "{path}: {status} {kind}");
    }
}
