//! What a publisher should not send: each has a sentence, and nothing is stored.

use super::*;

fn refuse(host: &Host, publish: &Publish, status: u16, sentence: &str) {
    assert_refused(host, &publish.send(&host.as_user("ann")), status, sentence);
}

#[test]
fn lengths_that_lie_are_refused() {
    let host = host();
    let ann = host.as_user("ann");
    let body = Publish::new("demo", "1.0.0").body();
    let with = |position: usize, change: i64| {
        let mut body = body.clone();
        let field: [u8; 4] = body[position..position + 4].try_into().unwrap();
        let lie = u32::try_from(i64::from(u32::from_le_bytes(field)) + change).unwrap();
        body[position..position + 4].copy_from_slice(&lie.to_le_bytes());
        body
    };
    let file_length = 4 + usize::try_from(u32::from_le_bytes(body[..4].try_into().unwrap())).unwrap();
    let lies = [
        with(0, 1),
        with(0, -1),
        with(0, 1_000_000),
        with(file_length, 1),
        with(file_length, -1),
        [body.clone(), b"more".to_vec()].concat(),
        body[..body.len() - 1].to_vec(),
        body[..file_length].to_vec(),
        body[..7].to_vec(),
        body[..3].to_vec(),
        Vec::new(),
    ];
    for lie in lies {
        for chunked in [false, true] {
            let request = ann.put("/api/v1/crates/new").body(&lie);
            let request = if chunked { request.chunked() } else { request };
            assert_refused(&host, &request.send::<Cargo>(), 400, "");
        }
    }
}

/// The web API ("Publish") says what each member is.
#[test]
fn members_of_another_type_are_refused_by_name() {
    let text = || vec![json!(1), json!([]), json!({}), json!(true)];
    let texts = || vec![json!("x"), json!([1]), json!([["x"]]), json!({})];
    for (member, wanted, values) in [
        ("authors", "must be a list, and is a string", vec![json!("x")]),
        ("authors", "", texts()),
        ("keywords", "", texts()),
        ("categories", "", texts()),
        ("description", "must be a string", text()),
        ("documentation", "must be a string", text()),
        ("homepage", "must be a string", text()),
        ("readme", "must be a string", text()),
        ("readme_file", "must be a string", text()),
        ("license", "must be a string", text()),
        ("license_file", "must be a string", text()),
        ("repository", "must be a string", text()),
        ("links", "must be a string", text()),
        ("rust_version", "must be a string", text()),
        ("badges", "", vec![json!("x"), json!([]), json!({ "ci": "x" }), json!({ "ci": { "a": 1 } })]),
        ("features", "", vec![json!("x"), json!([]), json!({ "a": "b" }), json!({ "a": [1] })]),
        ("deps", "", vec![json!("x"), json!({}), json!(["x"]), json!([["x", "^1"]]), json!([{ "name": 1 }])]),
    ] {
        for value in values {
            let host = host();
            let mut publish = Publish::new("demo", "1.0.0");
            publish.request[member] = value.clone();
            let reply = publish.send(&host.as_user("ann"));
            assert_refused(&host, &reply, 400, wanted);
            assert_refused(&host, &reply, 400, &format!("`{member}"));
            assert_refused(&host, &reply, 400, " in the body must be ");
        }
    }
    let host = host();
    let mut publish = Publish::new("demo", "1.0.0");
    publish.request["deps"] = json!([{ "name": "a", "version_req": "^1", "features": "x" }]);
    let reply = publish.send(&host.as_user("ann"));
    assert_refused(&host, &reply, 400, "`deps[0].features` in the body must be a list, and is a string");
    publish.request["deps"] = json!([{ "name": "a", "version_req": "^1", "kind": "test" }]);
    let reply = publish.send(&host.as_user("ann"));
    assert_refused(&host, &reply, 400, "`deps[0].kind` in the body must be one of `normal`, `build`, `dev`");
    publish.request = json!(["demo", "1.0.0"]);
    assert_refused(
        &host,
        &publish.send(&host.as_user("ann")),
        400,
        "the body must be an object, and is a list",
    );
    publish.request = json!({ "vers": "1.0.0" });
    assert_refused(&host, &publish.send(&host.as_user("ann")), 400, "`name` is missing in the body");
}

/// "If a JSON field is missing, it should be assumed to be null."
#[test]
fn members_may_be_missing_or_null() {
    for member in ["authors", "description", "documentation", "keywords", "badges", "readme", "links", "deps"]
    {
        let mut publish = Publish::new("demo", "1.0.0");
        publish.request[member] = Value::Null;
        publish.done(&host());
        let mut publish = Publish::new("demo", "1.0.0");
        publish.request.as_object_mut().unwrap().remove(member);
        publish.done(&host());
    }
}

#[test]
fn metadata_has_a_bound() {
    let host = host();
    let mut body = (9_u32 << 20).to_le_bytes().to_vec();
    body.resize(64, b' ');
    assert_refused(&host, &send(&host.as_user("ann"), &body), 413, "shorten the readme");
}

#[test]
fn a_client_that_breaks_off_leaves_nothing() {
    let host = host();
    let body = Publish::new("demo", "1.0.0").body();
    for length in [2, 6, 100, body.len() - 10] {
        let request = host.as_user("ann").put("/api/v1/crates/new").body(&body).broken_after(length);
        assert_refused(&host, &request.send::<Cargo>(), 400, "");
    }
}

#[test]
fn json_that_is_none_is_refused() {
    let host = host();
    let ann = host.as_user("ann");
    let deep = format!("{{\"name\":\"demo\",\"vers\":\"1.0.0\",\"x\":{}", "[".repeat(1_000_000));
    for json in ["", "{", "null", "[]", "{\"name\":\"demo\"}", "{\"name\":1,\"vers\":\"1.0.0\"}", &deep] {
        let body = samples::publish_body(json, b"file");
        assert_refused(&host, &send(&ann, &body), 400, "");
    }
}

#[test]
fn names_and_versions_that_are_none_are_refused() {
    let host = host();
    for name in ["../demo", "de/mo", "", "demo\0", "dé", "2demo", "nul"] {
        let mut publish = Publish::new("demo", "1.0.0");
        publish.request["name"] = json!(name);
        refuse(&host, &publish, 400, "is not a valid crate name");
    }
    for version in ["1.0", "../1.0.0", "", "1.0.0/x", "01.0.0"] {
        let mut publish = Publish::new("demo", "1.0.0");
        publish.request["vers"] = json!(version);
        refuse(&host, &publish, 400, "is not a valid version");
    }
}

#[test]
fn a_crate_that_is_another_one_is_refused() {
    let host = host();
    let folder = Publish::with_file("demo", "1.0.0", Publish::new("other", "1.0.0").file);
    refuse(&host, &folder, 400, "is not below demo-1.0.0/");
    for (name, version, told) in
        [("evil", "1.0.0", "the name: evil in the file"), ("demo", "6.6.6", "the version: 6.6.6 in the file")]
    {
        let manifest = format!("[package]\nname = \"{name}\"\nversion = \"{version}\"\n");
        let file = samples::crate_file("demo", "1.0.0", &manifest);
        refuse(&host, &Publish::with_file("demo", "1.0.0", file), 400, told);
    }
}

#[test]
fn dependencies_that_are_hidden_are_refused() {
    let host = host();
    let publish = Publish::with_manifest("demo", "1.0.0", "[dependencies]\nevil = \"1\"\n");
    refuse(&host, &publish, 400, "the normal dependency on evil: evil ^1 in the file, none in the request");
    let mut publish = Publish::new("demo", "1.0.0");
    publish.request["deps"] = json!([{ "name": "evil", "version_req": "^1" }]);
    refuse(&host, &publish, 400, "the normal dependency on evil: none in the file, evil ^1 in the request");
    let named = json!({ "name": "good", "version_req": "^1" });
    let hidden = json!({ "name": "evil", "version_req": "^1", "explicit_name_in_toml": "good" });
    let mut two = Publish::with_manifest("demo", "1.0.0", "[dependencies]\ngood = \"1\"\n");
    two.request["deps"] = json!([hidden, named]);
    refuse(&host, &two, 400, "the normal dependency on good is listed twice");
    two.request["deps"] = json!([{ "name": "good", "version_req": "^1", "registry": "sparse+http://evil/" }]);
    refuse(&host, &two, 400, "the registry of the normal dependency on good");
    publish.request["deps"] = json!([{ "name": "evil", "version_req": "latest" }]);
    refuse(&host, &publish, 400, "no valid version requirement");
}

#[test]
fn archives_that_are_traps_are_refused() {
    let host = host();
    let manifest: (&str, &[u8]) =
        ("demo-1.0.0/Cargo.toml", b"[package]\nname = \"demo\"\nversion = \"1.0.0\"\n");
    let with = |entry: Vec<u8>| {
        let archive = [samples::tar(&[manifest])[..1024].to_vec(), entry, vec![0; 1024]].concat();
        Publish::with_file("demo", "1.0.0", samples::gzip(&archive))
    };
    let mut link = samples::tar_entry(b'2', "demo-1.0.0/link", b"");
    link[157..172].copy_from_slice(b"../../etc/passw");
    samples::fix_checksum(&mut link);
    refuse(&host, &with(link), 400, "which is a link or a device");
    let traversal = samples::tar_entry(b'0', "demo-1.0.0/../../evil", b"x");
    refuse(&host, &with(traversal), 400, "not a valid path on every operating system");
    refuse(&host, &with(samples::tar_entry(b'0', "evil", b"x")), 400, "not below demo-1.0.0/");
    refuse(&host, &Publish::with_file("demo", "1.0.0", b"no gzip".to_vec()), 400, "not a readable gzip file");
    refuse(&host, &Publish::with_file("demo", "1.0.0", Vec::new()), 400, "not a readable gzip file");
    let cut = Publish::new("demo", "1.0.0").file;
    let cut = cut[..cut.len() / 2].to_vec();
    refuse(&host, &Publish::with_file("demo", "1.0.0", cut), 400, "the crate");
}

#[test]
fn an_upload_over_the_mounts_limit_is_refused() {
    let host = host().upload_limit(100);
    refuse(&host, &Publish::new("demo", "1.0.0"), 413, "larger than");
}

#[test]
fn an_index_line_has_a_bound() {
    let host = host();
    let names: Vec<String> = (0..5000).map(|number| format!("{}-{number}", "dependency".repeat(8))).collect();
    let mut manifest = String::from("[dependencies]\n");
    for name in &names {
        writeln!(manifest, "{name} = \"1\"").unwrap();
    }
    let mut publish = Publish::with_manifest("demo", "1.0.0", &manifest);
    publish.request["deps"] = names.iter().map(|name| json!({ "name": name, "version_req": "^1" })).collect();
    refuse(&host, &publish, 413, "dependencies and features would take more than 1048576 bytes");
    publish.request["deps"] = vec![json!({ "name": "a", "version_req": "^1" }); 5001].into();
    refuse(&host, &publish, 400, "may have at most 5000 dependencies");
}

#[test]
fn a_manifest_has_a_bound() {
    let host = host();
    let long = "x".repeat(1 << 20);
    let publish = Publish::with_manifest("demo", "1.0.0", &format!("description = \"{long}\"\n"));
    refuse(&host, &publish, 400, "the Cargo.toml in the crate is larger than");
}

#[test]
fn paths_with_tricks_find_nothing() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    for (path, status) in [
        ("/de/mo/%2e%2e", 400),
        ("/de/mo/..%2fdemo", 400),
        ("/de/mo/demo%00", 400),
        ("/de/mo/Demo", 404),
        ("/De/Mo/demo", 404),
        ("/3/d/demo", 404),
        ("/mo/de/demo", 404),
        ("/index/de/mo/demo/x", 404),
        ("/api/v1/crates/demo/..%2f1.0.0/download", 400),
        ("/api/v1/crates/..%2fdemo/1.0.0/download", 400),
        ("/api/v1/crates/demo/1.0.1/download", 404),
        ("/api/v1/crates/demo/1/download", 400),
        ("/owners/demo.json", 404),
        ("/crates/demo/demo-1.0.0.crate", 400),
    ] {
        assert_told(&get(&host, path), status, "");
    }
}
