//! Changing what is there: yanking, deleting, the status of a project.

use super::*;

fn put(host: &Host, path: &str) -> Reply {
    host.as_user("ann").put(path).send::<Pypi>()
}

fn delete(host: &Host, path: &str) -> Reply {
    host.as_user("ann").delete(path).send::<Pypi>()
}

#[test]
fn a_version_is_yanked_with_a_reason_and_comes_back() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    Upload::wheel("demo", "1.1").done(&host);
    let reply = host.as_user("ann").put("/pypi/demo/1.1.0/yank").json(&json!({ "reason": "it <breaks>" }));
    assert_eq!(reply.send::<Pypi>().status(), 200);
    let json = page(&host, "/simple/demo/");
    assert_eq!(json["files"][2]["yanked"], "it <breaks>");
    assert_eq!(json["files"][0]["yanked"], false);
    let html = get(&host, "/simple/demo/").text();
    assert!(html.contains("data-yanked=\"it &lt;breaks&gt;\""), "{html}");
    let info = get(&host, "/pypi/demo/json").json()["info"].clone();
    assert_eq!(info["version"], "1.0", "the newest that is not yanked");
    let info = get(&host, "/pypi/demo/1.1/json").json()["info"].clone();
    assert_eq!((&info["yanked"], &info["yanked_reason"]), (&json!(true), &json!("it <breaks>")));
    let stored = String::from_utf8(host.object("simple/demo/index.html").unwrap()).unwrap();
    assert!(stored.contains("data-yanked"), "{stored}");
    // A yanked file is still served, and its version takes no other bytes.
    assert_eq!(get(&host, "/packages/demo/demo-1.1-py3-none-any.whl").status(), 200);
    assert_eq!(delete(&host, "/pypi/demo/1.1/yank").status(), 200);
    assert_eq!(page(&host, "/simple/demo/")["files"][2]["yanked"], false);
}

#[test]
fn one_file_is_yanked_without_a_reason() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    assert_eq!(put(&host, "/packages/demo/demo-1.0.tar.gz/yank").status(), 200);
    let json = page(&host, "/simple/demo/");
    assert_eq!((&json["files"][0]["yanked"], &json["files"][1]["yanked"]), (&json!(false), &json!(true)));
    assert!(get(&host, "/simple/demo/").text().contains("data-yanked=\"\""));
    assert_eq!(put(&host, "/packages/demo/demo-1.0.tar.gz/yank?reason=old").status(), 200);
    assert_eq!(page(&host, "/simple/demo/")["files"][1]["yanked"], "old");
    for path in ["/packages/demo/demo-2.0.tar.gz/yank", "/pypi/demo/2.0/yank", "/pypi/nothing/1.0/yank"] {
        assert_eq!(put(&host, path).status(), 404, "{path}");
    }
    let long = "x".repeat(1001);
    assert_eq!(put(&host, &format!("/pypi/demo/1.0/yank?reason={long}")).status(), 400);
    for odd in ["a%0ab", "a%00b", "a%1b%5b31mb", "a%e2%80%aeb", "a%e2%80%a8b", "a%c2%85b"] {
        assert_eq!(put(&host, &format!("/pypi/demo/1.0/yank?reason={odd}")).status(), 400, "{odd}");
        assert_eq!(put(&host, &format!("/packages/demo/demo-1.0.tar.gz/yank?reason={odd}")).status(), 400);
    }
    assert_eq!(page(&host, "/simple/demo/")["files"][1]["yanked"], "old", "nothing was changed");
    // Who may not is told that, whatever the reason.
    let nobody = host.anonymous().put("/pypi/demo/1.0/yank?reason=a%0ab").send::<Pypi>();
    assert_eq!(nobody.status(), 401);
}

#[test]
fn a_reason_in_json_is_an_object_with_a_string() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    for path in ["/pypi/demo/1.0/yank", "/packages/demo/demo-1.0-py3-none-any.whl/yank"] {
        for (body, sentence) in [
            (json!(["old"]), "the body must be an object, and is a list"),
            (json!("old"), "the body must be an object, and is a string"),
            (json!(1), "the body must be an object, and is a number"),
            (json!(null), "the body must be an object, and is `null`"),
            (json!({ "reason": 1 }), "`reason` in the body must be a string, and is a number"),
            (json!({ "reason": ["old"] }), "`reason` in the body must be a string, and is a list"),
            (json!({ "raeson": "old" }), "`raeson` in the body is not known here: leave it out"),
        ] {
            let reply = host.as_user("ann").put(path).json(&body).send::<Pypi>();
            assert_eq!((reply.status(), reply.json()["message"].as_str()), (400, Some(sentence)), "{body}");
            if body.is_object() || body.is_array() || body.is_string() {
                // As curl sends it when nothing else is said.
                let reply = host.as_user("ann").put(path).body(body.to_string()).send::<Pypi>();
                assert_eq!(reply.status(), 400, "{body}");
            }
        }
        let not_text = host.as_user("ann").put(path).body(b"\xff\xfe").send::<Pypi>();
        assert_eq!(not_text.json()["message"], "the reason must be UTF-8");
    }
    assert_eq!(page(&host, "/simple/demo/")["files"][0]["yanked"], false, "nothing was changed");
    for (body, reason) in [
        ("[security] use 1.1", "[security] use 1.1"),
        ("\"quoted\" words", "\"quoted\" words"),
        ("404", "404"),
        (" {\"reason\": \"old\"} ", "old"),
    ] {
        let reply = host.as_user("ann").put("/pypi/demo/1.0/yank").body(body).send::<Pypi>();
        assert_eq!(reply.status(), 200, "{body}: {}", reply.text());
        let info = get(&host, "/pypi/demo/1.0/json").json()["info"]["yanked_reason"].clone();
        assert_eq!(info, reason, "{body}");
    }
    let reply =
        host.as_user("ann").put("/pypi/demo/1.0/yank").json(&json!({ "reason": null })).send::<Pypi>();
    assert_eq!(reply.status(), 200);
    assert_eq!(page(&host, "/simple/demo/")["files"][0]["yanked"], true);
}

#[test]
fn a_file_goes_with_what_lies_beside_it() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::sdist("demo", "1.0").done(&host);
    assert_eq!(delete(&host, "/packages/demo/demo-1.0-py3-none-any.whl").status(), 204);
    assert_eq!(
        host.objects(),
        [
            "metadata/demo/metadata.json",
            "packages/demo/demo-1.0.tar.gz",
            "packages/demo/demo-1.0.tar.gz.metadata",
            "proofs/metadata/demo/metadata.json",
            "simple/changed",
            "simple/demo/index.html",
        ]
    );
    assert_eq!(delete(&host, "/packages/demo/demo-1.0-py3-none-any.whl").status(), 404);
    assert_eq!(delete(&host, "/pypi/demo/1.0").status(), 204);
    let left = ["proofs/metadata/demo/metadata.json", "simple/changed"];
    assert_eq!(host.objects(), left, "the project goes with its last file");
    assert_eq!(delete(&host, "/pypi/demo").status(), 404);
    // It may come back, with other bytes too.
    let metadata = samples::metadata("demo", "1.0");
    let other = samples::wheel_with("demo-1.0", &metadata, &[("other.py", b"")]);
    Upload::wheel("demo", "1.0").content(other).done(&host);
}

#[test]
fn a_whole_project_goes_and_others_stay() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::wheel("demo", "2.0").done(&host);
    Upload::wheel("demo-two", "1.0").done(&host);
    assert_eq!(delete(&host, "/pypi/demo").status(), 204);
    assert_eq!(get(&host, "/simple/demo/").status(), 404);
    assert_eq!(page(&host, "/simple/")["projects"], json!([{ "name": "demo-two" }]));
    assert_eq!(host.objects().len(), 5 + 4, "and the lists of projects, and the proof: {:?}", host.objects());
}

#[test]
fn an_upload_between_deleting_and_removing_stays() {
    let host = host();
    Upload::wheel("demo", "1.0").done(&host);
    Upload::wheel("demo", "2.0").done(&host);
    let both = host.object("metadata/demo/metadata.json").unwrap();
    assert_eq!(delete(&host, "/pypi/demo/2.0").status(), 204);
    let key = "metadata/demo/metadata.json";
    // Another host names 2.0 again while 1.0 is being deleted.
    Upload::wheel("demo", "2.0").done(&host);
    // As a host of an earlier version writes it: a copy with its stamp would be an older copy.
    host.race(key, both.trim_ascii_end());
    assert_eq!(delete(&host, "/pypi/demo/1.0").status(), 204);
    assert_eq!(page(&host, "/simple/demo/")["versions"], json!(["2.0"]));
    assert_eq!(get(&host, "/packages/demo/demo-2.0-py3-none-any.whl").status(), 200);
}

#[test]
fn changes_need_their_permission() {
    let host = host().user("eve", &["pypi:package:demo:delete", "pypi:package:demo:read"]);
    Upload::wheel("demo", "1.0").done(&host);
    let before = host.objects();
    let file = "/packages/demo/demo-1.0-py3-none-any.whl";
    for (actor, status) in [(host.anonymous(), 401), (host.as_user("bob"), 403), (host.as_reader("ann"), 403)]
    {
        for path in [file, "/pypi/demo", "/pypi/demo/1.0", "/pypi/demo/1.0/yank"] {
            assert_eq!(actor.delete(path).send::<Pypi>().status(), status, "{path}");
        }
        for path in ["/pypi/demo/1.0/yank", "/pypi/demo/status", &format!("{file}/yank")] {
            let reply = actor.put(path).json(&json!({ "status": "archived" })).send::<Pypi>();
            assert_eq!(reply.status(), status, "{path}");
        }
    }
    let eve = host.as_user("eve");
    assert_eq!(eve.put("/pypi/demo/1.0/yank").send::<Pypi>().status(), 403);
    assert_eq!(host.objects(), before);
    let host = host.feature("delete", false);
    assert_eq!(host.as_user("eve").delete(file).send::<Pypi>().status(), 405);
    let host = host.feature("delete", true);
    assert_eq!(host.as_user("eve").delete(file).send::<Pypi>().status(), 204);
}

#[test]
fn a_projects_status_is_shown_and_kept_to() {
    let host = host();
    let upload = Upload::wheel("demo", "1.0").done(&host);
    let set = |status: &str, reason: Option<&str>| {
        let body = json!({ "status": status, "reason": reason });
        host.as_user("ann").put("/pypi/demo/status").json(&body).send::<Pypi>().status()
    };
    assert_eq!(set("gone", None), 400);
    for odd in ["two\nlines", "a\u{0}b", "\u{1b}[31m", "\u{202e}x", &"x".repeat(1001)] {
        assert_eq!(set("archived", Some(odd)), 400, "{odd:?}");
    }
    assert_eq!(page(&host, "/simple/demo/")["project-status"], Value::Null);
    assert_eq!(set("archived", Some("it is <done>")), 200);
    let json = page(&host, "/simple/demo/");
    assert_eq!(json["project-status"], json!({ "status": "archived", "reason": "it is <done>" }));
    let html = get(&host, "/simple/demo/").text();
    assert!(html.contains("<meta name=\"pypi:project-status\" content=\"archived\">"), "{html}");
    assert!(html.contains("<meta name=\"pypi:project-status-reason\" content=\"it is &lt;done&gt;\">"));
    let refused = Upload::wheel("demo", "1.1").send(&host.as_user("ann"));
    assert_eq!(refused.status(), 403, "{}", refused.text());
    assert!(refused.text().contains("archived"), "{}", refused.text());
    upload.clone().done(&host);
    assert_eq!(set("quarantined", None), 200);
    let json = page(&host, "/simple/demo/");
    assert_eq!((&json["files"], &json["versions"]), (&json!([]), &json!([])));
    assert_eq!(get(&host, &format!("/packages/demo/{}", upload.filename)).status(), 403);
    assert_eq!(get(&host, "/pypi/demo/json").json()["urls"], json!([]));
    assert_eq!(set("deprecated", None), 200);
    Upload::wheel("demo", "1.1").done(&host);
    assert_eq!(set("active", None), 200);
    assert_eq!(page(&host, "/simple/demo/")["project-status"], Value::Null);
}

#[test]
fn a_name_is_authorised_as_it_is_stored() {
    let host =
        host().user("mia", &["pypi:package:foo-bar:write"]).user("mal", &["pypi:package:Foo.Bar:write"]);
    Upload::wheel("Foo.Bar", "1.0").done(&host);
    for spelling in ["foo-bar", "Foo.Bar", "FOO__bar"] {
        let path = format!("/pypi/{spelling}/1.0/yank");
        let yank = |who: &str| host.as_user(who).put(&path).send::<Pypi>().status();
        assert_eq!((yank("mia"), yank("mal")), (200, 403), "{spelling}");
    }
}
