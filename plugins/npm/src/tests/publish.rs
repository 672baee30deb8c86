//! Publishing: what is stored, what agrees, who wins.

use super::*;

const INDEX: &str = "packages/a/index.json";

#[test]
fn a_publish_stores_what_the_layout_says() {
    let host = host();
    let one = Publish::new("left-pad", "1.0.0").done(&host);
    Publish::new("@example/pad", "1.0.0-beta.1").done(&host);
    assert_eq!(
        host.objects(),
        [
            "packages/@example/pad/index.json",
            "packages/@example/pad/pad-1.0.0-beta.1.tgz",
            "packages/left-pad/index.json",
            "packages/left-pad/left-pad-1.0.0.tgz",
            "proofs/packages/@example/pad/index.json",
            "proofs/packages/left-pad/index.json",
        ]
    );
    let tarball = host.object("packages/left-pad/left-pad-1.0.0.tgz");
    assert_eq!(tarball, Some(one.tarball));
    let stored = host.object_json("packages/left-pad/index.json");
    let manifest = &stored["versions"]["1.0.0"];
    assert_eq!(manifest["dist"]["tarball"], "left-pad/-/left-pad-1.0.0.tgz");
    assert_eq!(manifest["_npmUser"]["name"], "ann");
    assert_eq!(manifest["readme"], Value::Null);
    assert_eq!(stored["readme"], "long text");
    assert_eq!(stored["time"]["1.0.0"], "2026-01-01T00:00:00.000Z");
    assert_eq!(stored["time"]["created"], stored["time"]["modified"]);
    assert_eq!(stored["maintainers"], json!([{ "name": "ann", "email": "ann@example.com" }]));
    for absent in ["_rev", "_attachments", "access"] {
        assert_eq!(stored[absent], Value::Null, "{absent}");
    }
    assert_eq!(host.staged(), 0);
}

#[test]
fn attachments_may_come_before_the_metadata() {
    let host = host();
    let publish = Publish::new("a", "1.0.0");
    let attachments = publish.body["_attachments"].to_string();
    let mut rest = publish.body.clone();
    rest.as_object_mut().unwrap().shift_remove("_attachments");
    let body = format!("{{\"_attachments\":{attachments},{}", &rest.to_string()[1..]);
    let reply = host.as_user("ann").put("/a").body(body).chunked().send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").bytes(), publish.tarball);
}

#[test]
fn an_attachment_may_be_called_as_npm_pack_calls_the_file() {
    let host = host();
    let mut publish = Publish::new("@example/pad", "1.0.0");
    let attachment = publish.attachment().clone();
    publish.body["_attachments"] = json!({ "example-pad-1.0.0.tgz": attachment });
    publish.done(&host);
}

/// What npm cleans up before it publishes stays as it was in the tarball.
#[test]
fn name_and_version_in_the_tarball_are_compared_as_npm_cleans_them() {
    for (version, written) in [("1.2.3-beta", "1.2.3beta"), ("1.2.3", " v01.02.03"), ("1.0.0", "1.0.0+x")] {
        let host = host();
        let tarball = samples::tarball(&json!({ "name": " a ", "version": written }).to_string());
        Publish::with_tarball("a", version, tarball).done(&host);
    }
}

/// Bun cleans the version in the body, and not the one in the attachment's name.
#[test]
fn an_attachment_is_found_by_the_version_as_npm_cleans_it() {
    for (name, attachment) in [
        ("a", "a-1.0.0+x.tgz"),
        ("a", "a-v1.0.0.tgz"),
        ("@example/a", "example-a-1.0.0+x.tgz"),
        ("@example/a", "@example/a-1.0.0+x.tgz"),
    ] {
        let host = host();
        let tarball = samples::tarball(&json!({ "name": name, "version": "1.0.0+x" }).to_string());
        let mut publish = Publish::with_tarball(name, "1.0.0", tarball);
        let sent = publish.attachment().take();
        publish.body["_attachments"] = json!({ attachment: sent });
        publish.done(&host);
        let (tarball, index) =
            (format!("packages/{name}/a-1.0.0.tgz"), format!("packages/{name}/index.json"));
        let proof = format!("proofs/{index}");
        assert_eq!(host.objects(), [tarball, index, proof]);
        assert_eq!(get(&host, &format!("/{name}/-/a-1.0.0.tgz")).status(), 200);
    }
    for attachment in ["a-1.0.1+x.tgz", "b-1.0.0+x.tgz", "a-1.0.0-x.tgz", "example-a-1.0.0.tgz"] {
        let host = host();
        let mut publish = Publish::new("a", "1.0.0");
        let sent = publish.attachment().take();
        publish.body["_attachments"] = json!({ attachment: sent });
        assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "the tarball of no version");
    }
}

#[test]
fn a_version_is_published_once() {
    let host = host();
    let one = Publish::new("a", "1.0.0").done(&host);
    let before = host.objects();
    let again = one.send(&host.as_user("ann"));
    assert_eq!(again.status(), 403);
    assert_eq!(again.json()["error"], "You cannot publish over the previously published versions: 1.0.0.");
    let tarball =
        samples::gzip(&samples::tar(&[("x/package.json", br#"{"name":"a","version":"1.0.0","other":1}"#)]));
    let other = Publish::with_tarball("a", "1.0.0", tarball);
    assert_eq!(other.send(&host.as_user("ann")).status(), 403);
    assert_eq!(host.objects(), before);
    assert_eq!(host.object("packages/a/a-1.0.0.tgz"), Some(one.tarball));
}

#[test]
fn latest_is_what_the_publisher_said() {
    let host = host();
    let tags = |host: &Host| get(host, "/-/package/a/dist-tags").json();
    let mut first = Publish::new("a", "1.0.0");
    first.body["dist-tags"] = json!({});
    first.done(&host);
    assert_eq!(tags(&host), json!({ "latest": "1.0.0" }));
    Publish::new("a", "2.0.0-rc.1").tag("next").done(&host);
    assert_eq!(tags(&host), json!({ "latest": "1.0.0", "next": "2.0.0-rc.1" }));
    Publish::new("a", "0.9.0").done(&host);
    assert_eq!(tags(&host), json!({ "latest": "0.9.0", "next": "2.0.0-rc.1" }));
}

#[test]
fn two_publishers_of_different_versions_lose_none() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let mut theirs = host.object_json("packages/a/index.json");
    theirs["versions"]["1.1.0"] = json!({ "name": "a", "version": "1.1.0" });
    host.race("packages/a/index.json", theirs.to_string());
    host.conflict_next("packages/a/index.json");
    Publish::new("a", "1.2.0").done(&host);
    let stored = host.object_json("packages/a/index.json");
    let versions: Vec<&String> = stored["versions"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["1.0.0", "1.1.0", "1.2.0"]);
}

#[test]
fn of_two_publishers_of_one_version_one_wins() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    // The other one names the version between our reading and our writing.
    let mut theirs = host.object_json("packages/a/index.json");
    theirs["versions"]["1.1.0"] = json!({ "name": "a", "version": "1.1.0" });
    host.race("packages/a/index.json", theirs.to_string());
    let ours = Publish::new("a", "1.1.0").send(&host.as_user("ann"));
    assert_eq!(ours.status(), 403);
    assert_eq!(host.object_json("packages/a/index.json"), theirs);
}

#[test]
fn what_a_crash_left_does_not_block_the_same_publish() {
    let host = host();
    let publish = Publish::new("a", "1.0.0");
    host.insert("packages/a/a-1.0.0.tgz", &publish.tarball).unwrap();
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").status(), 404);
    publish.done(&host);
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").status(), 200);
}

#[test]
fn other_bytes_are_left_alone_until_they_are_old() {
    let host = host();
    host.insert("packages/a/a-1.0.0.tgz", b"somebody is publishing this").unwrap();
    let publish = Publish::new("a", "1.0.0");
    let early = publish.send(&host.as_user("ann"));
    assert_eq!(early.status(), 409, "{}", early.text());
    assert!(early.json()["error"].as_str().unwrap().contains("try again"));
    host.set_now(host.now() + 6 * 60 * 1000);
    let publish = publish.done(&host);
    assert_eq!(get(&host, "/a/-/a-1.0.0.tgz").bytes(), publish.tarball);
}

#[test]
fn the_read_only_and_the_unknown_publish_nothing() {
    let host = host();
    let publish = Publish::new("a", "1.0.0");
    let anonymous = publish.send(&host.anonymous());
    assert_refused(&host, &anonymous, 401, "npm:package:a:write");
    let challenges = anonymous.headers("www-authenticate");
    assert_eq!(challenges, ["Bearer realm=\"npm\"", "Basic realm=\"npm\""]);
    let bob = publish.send(&host.as_user("bob"));
    assert_refused(&host, &bob, 403, "npm:package:a:write");
    let reader = publish.send(&host.as_reader("ann"));
    assert_refused(&host, &reader, 403, "npm:package:a:write");
    let expired = publish.send(&host.rejected("the token has expired"));
    assert_refused(&host, &expired, 401, "the token has expired");
}

#[test]
fn publishing_can_be_turned_off() {
    let host = host().feature("publish", false);
    let reply = Publish::new("a", "1.0.0").send(&host.as_user("ann"));
    assert_refused(&host, &reply, 405, "publish is turned off");
}

#[test]
fn deprecating_wipes_nothing() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let read = get(&host, "/a?write=true").json();
    Publish::new("a", "2.0.0").done(&host);
    // What the client read is old by now.
    let mut body = read;
    body["versions"]["1.0.0"]["deprecated"] = "use 2".into();
    let reply = host.as_user("ann").put("/a").json(&body).send::<Npm>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    let after = get(&host, "/a").json();
    assert_eq!(after["versions"]["1.0.0"]["deprecated"], "use 2");
    assert_eq!(after["versions"]["1.0.0"]["dependencies"]["left-pad"], "^1.0.0");
    assert_eq!(after["versions"]["2.0.0"]["version"], "2.0.0");
    assert_eq!(after["dist-tags"]["latest"], "2.0.0");
    // Both versions are there now: a body of several, and the message taken back.
    let mut body = after;
    body["versions"]["1.0.0"]["deprecated"] = "".into();
    body["versions"]["2.0.0"]["deprecated"] = "no".into();
    let denied = host.as_user("bob").put("/a").json(&body).send::<Npm>();
    assert_eq!(denied.status(), 403);
    host.as_user("ann").put("/a").json(&body).send::<Npm>();
    let after = get(&host, "/a").json();
    assert_eq!(after["versions"]["1.0.0"]["deprecated"], Value::Null);
    assert_eq!(after["versions"]["2.0.0"]["deprecated"], "no");
}

#[test]
fn a_body_without_a_tarball_publishes_nothing() {
    let host = host();
    let mut publish = Publish::new("a", "1.0.0");
    publish.body["_attachments"] = json!({});
    assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "no tarball");
}

#[test]
fn a_provenance_bundle_is_kept_and_served() {
    let host = host();
    let mut publish = Publish::new("@example/a", "1.0.0");
    let bundle = r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json","é":"\n"}"#;
    publish.body["_attachments"]["@example/a-1.0.0.sigstore"] =
        json!({ "content_type": "application/json", "data": bundle, "length": bundle.len() });
    publish.done(&host);
    let file = get(&host, "/@example/a/-/a-1.0.0.sigstore");
    assert_eq!(file.text(), bundle);
    let url = "https://registry.example.com/npm/-/npm/v1/attestations/@example/a@1.0.0";
    let dist = &get(&host, "/@example/a").json()["versions"]["1.0.0"]["dist"];
    assert_eq!(dist["attestations"]["url"], url);
    let read = get(&host, "/-/npm/v1/attestations/@example%2fa@1.0.0").json();
    assert_eq!(read["attestations"][0]["bundle"]["é"], "\n");
    let unscoped = get(&host, "/-/npm/v1/attestations/@example/a@1.0.0");
    assert_eq!(unscoped.json(), read);
}

#[test]
fn owners_change_against_a_revision() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let read = get(&host, "/a").json();
    let path = format!("/a/-rev/{}", read["_rev"].as_str().unwrap());
    let with = |people: Value| json!({ "_id": "a", "_rev": read["_rev"], "maintainers": people });
    let ann = json!({ "name": "ann", "email": "ann@example.com" });
    let nobody = with(json!([ann, { "name": "nobody" }]));
    let reply = host.as_user("ann").put(&path).json(&nobody).send::<Npm>();
    assert_eq!(reply.status(), 400, "{}", reply.text());
    let both = with(json!([ann, { "name": "bob" }]));
    assert_eq!(host.as_user("bob").put(&path).json(&both).send::<Npm>().status(), 403);
    assert_eq!(host.as_user("ann").put(&path).json(&both).send::<Npm>().status(), 201);
    let after = get(&host, "/a").json();
    assert_eq!(after["maintainers"], json!([ann, { "name": "bob", "email": "" }]));
    assert!(after["versions"]["1.0.0"].is_object());
    assert_eq!(host.as_user("ann").put(&path).json(&both).send::<Npm>().status(), 409);
    let people = get(&host, "/-/package/a/collaborators").json();
    assert_eq!(people, json!({ "ann": "write", "bob": "write" }));
}

#[test]
fn a_readme_beside_the_manifest_is_kept() {
    let host = host();
    let mut publish = Publish::new("a", "1.0.0");
    publish.manifest().as_object_mut().unwrap().shift_remove("readme");
    publish.body["readme"] = "# from yarn".into();
    publish.done(&host);
    let stored = host.object_json("packages/a/index.json");
    assert_eq!(stored["readme"], "# from yarn");
    assert_eq!(stored["versions"]["1.0.0"]["readme"], Value::Null);
    // That of the manifest goes before it.
    let mut publish = Publish::new("a", "1.0.1");
    publish.body["readme"] = "# other".into();
    publish.done(&host);
    assert_eq!(host.object_json("packages/a/index.json")["readme"], "long text");
}

#[test]
fn a_clock_that_goes_back_takes_no_time_back() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    host.set_now(host.now() - 60_000);
    Publish::new("a", "1.0.1").done(&host);
    let time = &host.object_json("packages/a/index.json")["time"];
    let before = "2026-01-01T00:00:00.000Z";
    assert_eq!(*time, json!({ "created": before, "modified": before, "1.0.0": before, "1.0.1": before }));
}

#[test]
fn a_star_takes_no_more_than_reading() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let star = |actor: &Actor| {
        let body = json!({ "_id": "a", "users": { "ann": true, "bob": true } });
        actor.put("/a").json(&body).send::<Npm>().status()
    };
    assert_eq!(star(&host.anonymous()), 401);
    assert_eq!(star(&host.as_reader("bob")), 403);
    assert_eq!(star(&host.as_user("bob")), 200);
    let stored = host.object_json("packages/a/index.json");
    assert_eq!(stored["users"], json!({ "bob": true }));
    // Nothing else comes along with it.
    let body = json!({ "users": {}, "maintainers": [{ "name": "bob" }] });
    assert_eq!(host.as_user("bob").put("/a").json(&body).send::<Npm>().status(), 403);
    assert_eq!(host.object_json("packages/a/index.json"), stored);
    let private = Host::new().user("ann", &["npm:package:*:write"]).user("bob", &[]);
    Publish::new("a", "1.0.0").done(&private);
    assert_eq!(star(&private.as_user("bob")), 403);
}

#[test]
fn everybody_stars_for_themselves() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let body = json!({ "_id": "a", "users": { "ann": true, "someone": true } });
    let reply = host.as_user("ann").put("/a").json(&body).send::<Npm>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(get(&host, "/a").json()["users"], json!({ "ann": true }));
    host.set_now(host.now() + 10_000);
    let body = json!({ "_id": "a", "users": {} });
    host.as_user("ann").put("/a").json(&body).send::<Npm>();
    assert_eq!(get(&host, "/a").json()["users"], json!({}));
}

#[test]
fn stars_are_in_nobodys_way() {
    let host = host();
    for version in ["1.0.0", "1.1.0", "1.2.0"] {
        Publish::new("a", version).done(&host);
    }
    let star = |host: &Host, users: Value| {
        host.set_now(host.now() + 10_000);
        let reply = host.as_user("bob").put("/a").json(&json!({ "_id": "a", "users": users })).send::<Npm>();
        assert_eq!(reply.status(), 200, "{}", reply.text());
        reply.json()["rev"].clone()
    };
    let read = |host: &Host| get(host, "/a?write=true").json();
    let before = read(&host);
    assert_eq!(star(&host, json!({ "bob": true })), before["_rev"]);
    assert_eq!(read(&host)["_rev"], before["_rev"]);
    assert_eq!(read(&host)["_starred"], Value::Null, "never served");
    star(&host, json!({}));
    star(&host, json!({ "bob": true }));
    let ann = host.as_user("ann");
    // Against what was read before the stars; and one more while it is written.
    let mut starred_again = host.object_json(INDEX);
    starred_again["users"]["cat"] = json!(true);
    host.race(INDEX, starred_again.to_string());
    let path = |read: &Value| format!("/a/-rev/{}", read["_rev"].as_str().unwrap());
    let body = json!({ "maintainers": [{ "name": "ann" }, { "name": "bob" }] });
    let reply = ann.put(&path(&before)).json(&body).send::<Npm>();
    assert_eq!(reply.status(), 201, "{}", reply.text());
    let after = read(&host);
    assert_ne!(after["_rev"], before["_rev"]);
    assert_eq!(after["users"], json!({ "bob": true, "cat": true }), "nothing is lost");
    // What is old for another reason stays old, also behind a star.
    star(&host, json!({}));
    assert_eq!(ann.put(&path(&before)).json(&body).send::<Npm>().status(), 409);
    let mut without = read(&host);
    without["versions"].as_object_mut().unwrap().shift_remove("1.2.0");
    star(&host, json!({ "bob": true }));
    assert_eq!(ann.put(&path(&without)).json(&without).send::<Npm>().status(), 201);
    // The whole package too.
    let last = read(&host);
    let unstarred = host.object_json(INDEX);
    star(&host, json!({}));
    let mut again = host.object_json(INDEX);
    again["users"] = unstarred["users"].clone();
    host.race(INDEX, again.to_string());
    let reply = ann.delete(&path(&last)).send::<Npm>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(host.objects(), ["proofs/packages/a/index.json"]);
}

#[test]
fn a_change_by_a_host_of_an_earlier_version_has_a_new_revision() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let body = json!({ "_id": "a", "users": { "bob": true } });
    assert_eq!(host.as_user("bob").put("/a").json(&body).send::<Npm>().status(), 200);
    let before = get(&host, "/a").json()["_rev"].clone();
    // It keeps members that it does not know.
    let mut stored = host.object_json(INDEX);
    stored["time"]["modified"] = "2030-01-01T00:00:00.000Z".into();
    stored["dist-tags"]["beta"] = "1.0.0".into();
    host.insert(INDEX, stored.to_string()).unwrap();
    assert_ne!(get(&host, "/a").json()["_rev"], before);
}

#[test]
fn one_account_changes_its_star_of_a_package_every_ten_seconds() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    let star = |user: &str, users: Value| {
        host.as_user(user).put("/a").json(&json!({ "_id": "a", "users": users })).send::<Npm>()
    };
    assert_eq!(star("bob", json!({ "bob": true })).status(), 200);
    let refused = star("bob", json!({}));
    assert_eq!((refused.status(), refused.headers("retry-after")), (429, vec!["10"]));
    assert_eq!(star("bob", json!({ "bob": true })).status(), 200, "it changes nothing");
    assert_eq!(star("ann", json!({ "ann": true })).status(), 200);
    host.set_now(host.now() + 10_000);
    assert_eq!(star("bob", json!({})).status(), 200);
    assert_eq!(get(&host, "/a").json()["users"], json!({ "ann": true }));
}

#[test]
fn a_token_for_one_package_stars_no_other() {
    let host = host();
    Publish::new("a", "1.0.0").done(&host);
    Publish::new("b", "1.0.0").done(&host);
    let narrowed = |permission: &str| {
        let body = json!({
            "password": "secret", "packages": ["a"], "packages_and_scopes_permission": permission,
        });
        let issued = host.as_user("ann").post("/-/npm/v1/tokens").json(&body).send::<Npm>().json();
        host.with_token(issued["token"].as_str().unwrap())
    };
    let star = |actor: &Actor, name: &str| {
        let body = json!({ "_id": name, "users": { "ann": true } });
        actor.put(&format!("/{name}")).json(&body).send::<Npm>().status()
    };
    let (writer, reader) = (narrowed("read-write"), narrowed("read-only"));
    assert_eq!((star(&writer, "b"), star(&reader, "a"), star(&reader, "b")), (403, 403, 403));
    assert_eq!(get(&host, "/b").json()["users"], Value::Null);
    assert_eq!(star(&writer, "a"), 200);
}

#[test]
fn a_name_of_an_old_package_is_taken_where_the_mount_says_so() {
    let off = host();
    let on = host().feature("old_names", true);
    for (name, why) in
        [("JSONStream", "capital letters"), ("string_decoder", "core module"), ("it's", "special")]
    {
        let reply = Publish::new(name, "1.0.0").send(&off.as_user("ann"));
        assert_refused(&off, &reply, 400, why);
        assert!(reply.text().contains("the feature `old_names`"), "{}", reply.text());
        Publish::new(name, "1.0.0").done(&on);
    }
    let host = on;
    assert_eq!(get(&host, "/JSONStream").json()["name"], "JSONStream");
    assert_eq!(get(&host, "/jsonstream").status(), 404);
}

/// pnpm fails with a list of dependencies, and deno with a list of programs.
#[test]
fn lists_for_which_clients_expect_objects_are_served_as_objects() {
    let host = host();
    let mut publish = Publish::new("a", "1.0.0");
    publish.manifest()["dependencies"] = json!([]);
    publish.manifest()["bin"] = json!(["bin/cli.js"]);
    publish.done(&host);
    for accept in ["application/json", "application/vnd.npm.install-v1+json"] {
        let reply = host.anonymous().get("/a").header("accept", accept).send::<Npm>();
        let manifest = &reply.json()["versions"]["1.0.0"];
        assert_eq!(manifest["dependencies"], json!({}), "{accept}");
        assert_eq!(manifest["bin"], json!({ "cli.js": "bin/cli.js" }), "{accept}");
    }
}

/// npm replaces such bytes when it reads the file, and publishes what it has read.
#[test]
fn a_package_json_with_bytes_that_are_not_utf_8_is_published() {
    let host = host();
    let mut package_json = br#"{"name":"a","version":"1.0.0","author":"Ren_"}"#.to_vec();
    let at = package_json.iter().position(|byte| *byte == b'_').unwrap();
    package_json[at] = 0xe9;
    let tarball = samples::gzip(&samples::tar(&[("package/package.json", &package_json)]));
    let mut publish = Publish::with_tarball("a", "1.0.0", tarball);
    publish.manifest()["author"] = json!("Ren\u{fffd}");
    publish.done(&host);
    assert_eq!(get(&host, "/a").json()["versions"]["1.0.0"]["author"], "Ren\u{fffd}");
}

#[test]
fn a_tarball_whose_folder_clients_do_not_find_is_refused() {
    let host = host();
    let package_json = br#"{"name":"a","version":"1.0.0"}"#;
    let tarball = samples::gzip(&samples::tar(&[("./package/package.json", package_json)]));
    let reply = Publish::with_tarball("a", "1.0.0", tarball).send(&host.as_user("ann"));
    assert_refused(&host, &reply, 400, "without the `./`");
    // As `tar czf a.tgz ./` packs a package.
    let tarball = samples::gzip(&samples::tar(&[("./package.json", package_json), ("./a.js", b"1")]));
    Publish::with_tarball("a", "1.0.0", tarball).done(&host);
}
