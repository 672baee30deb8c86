//! Reading: configuration, index, files, and who may.

use super::*;

#[test]
fn the_index_is_served_as_it_is_stored() {
    let host = host();
    for (key, path, name) in [
        ("index/1/a", "/1/a", "A"),
        ("index/2/ab", "/2/ab", "Ab"),
        ("index/3/a/abc", "/3/a/abc", "Abc"),
        ("index/ab/cd/abcd", "/ab/cd/abcd", "Abcd"),
    ] {
        let line =
            |version: &str| format!(r#"{{ "name":"{name}","vers":"{version}","x":1.50,"cksum":"aa" }}"#);
        let legacy = format!("{}\nnot json\n{}", line("1.0.0"), line("1.1.0"));
        let info = host.insert(key, &legacy).unwrap();
        for path in [path.to_owned(), format!("/index{path}")] {
            let reply = get(&host, &path);
            assert_eq!((reply.status(), reply.text()), (200, legacy.clone()), "{path}");
            assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
            assert_eq!(reply.header("etag"), Some(info.version.as_str()));
            assert_eq!(reply.header("last-modified"), Some("Thu, 01 Jan 2026 00:00:00 GMT"));
        }
    }
    assert_told(&get(&host, "/ot/he/other"), 404, "the crate other is not in this registry");
}

#[test]
fn a_large_index_does_not_pass_the_plugin() {
    let host = host();
    let mut file = (0..12_000).fold(String::new(), |file, number| {
        file + &json!({ "name": "abcd", "vers": format!("1.0.{number}"), "cksum": "a".repeat(64) })
            .to_string()
            + "\n"
    });
    assert!(file.len() > 1 << 20);
    host.insert("index/ab/cd/abcd", &file).unwrap();
    let reply = get(&host, "/ab/cd/abcd");
    assert_eq!((reply.status(), reply.bytes().len(), reply.objects().len()), (200, file.len(), 1));
    file.truncate(file.len() - 10);
    host.insert("index/ab/cd/abcd", &file).unwrap();
    assert_told(&get(&host, "/ab/cd/abcd"), 500, "damaged");
    file.replace_range(..10, "0123456789");
    file.push_str("\"}\n");
    host.insert("index/ab/cd/abcd", &file).unwrap();
    assert_told(&get(&host, "/ab/cd/abcd"), 500, "damaged");
}

#[test]
fn an_index_that_is_none_is_an_error_with_a_line_in_the_log() {
    let host = host();
    let other = json!({ "name": "other", "vers": "1.0.0", "deps": [], "cksum": "aa" }).to_string();
    for bytes in ["", "{}", "null", "[]", "\n\n", "\0\0\0\0", "garbled", &other] {
        host.insert("index/de/mo/demo", bytes).unwrap();
        for path in ["/de/mo/demo", "/api/v1/crates/demo/1.0.0/download"] {
            let logged = host.log().len();
            let reply = get(&host, path);
            assert_told(&reply, 500, "damaged");
            assert!(!reply.text().contains("index/"), "{}", reply.text());
            let lines = host.log();
            assert!(lines[logged..].iter().any(|line| format!("{line:?}").contains("index/de/mo/demo")));
        }
    }
}

#[test]
fn the_configuration_is_made_for_the_address_that_was_asked() {
    let host = host();
    host.insert("config.json", r#"{"dl":"https://old.example.com/dl"}"#).unwrap();
    for path in ["/config.json", "/index/config.json"] {
        for anybody in [host.anonymous(), host.as_user("ann"), host.as_user("eve")] {
            assert_eq!(
                anybody.get(path).send::<Cargo>().json(),
                json!({
                    "dl": "https://registry.example.com/cargo/api/v1/crates",
                    "api": "https://registry.example.com/cargo",
                })
            );
        }
    }
}

#[test]
fn a_file_is_downloaded_as_it_was_published() {
    let host = host();
    let publish = Publish::new("Demo", "1.0.0-rc.1+x").done(&host);
    for path in ["Demo/1.0.0-rc.1+x", "Demo/1.0.0-rc.1%2Bx", "demo/1.0.0-rc.1+x"] {
        let reply = get(&host, &format!("/api/v1/crates/{path}/download"));
        assert_eq!(reply.status(), 200, "{}", reply.text());
        assert_eq!(reply.bytes(), publish.file);
        assert!(reply.is_immutable() && !reply.may_compress());
        assert_eq!(reply.filename(), Some("Demo-1.0.0-rc.1+x.crate"));
    }
}

#[test]
fn a_file_in_a_folder_of_lower_case_is_found() {
    let host = host();
    let line = json!({ "name": "Old", "vers": "1.0.0", "deps": [], "cksum": sha256(b"old"), "features": {} });
    host.insert("index/3/o/old", line.to_string()).unwrap();
    host.insert("crates/old/old-1.0.0.crate", "old").unwrap();
    assert_eq!(get(&host, "/api/v1/crates/Old/1.0.0/download").bytes(), b"old");
    assert_eq!(host.upkeep().verify::<Cargo>().unwrap().damaged, Vec::<String>::new());
    host.set_now(host.now() + 7 * 24 * 60 * 60 * 1000);
    assert_eq!(host.upkeep().collect::<Cargo>().unwrap().left_over, Vec::<String>::new());
}

#[test]
fn only_what_the_index_names_is_downloaded() {
    let host = host();
    Publish::new("demo", "1.0.0").done(&host);
    host.insert("crates/demo/demo-2.0.0.crate", "left by a crash").unwrap();
    assert_told(
        &get(&host, "/api/v1/crates/demo/2.0.0/download"),
        404,
        "the crate demo has no version 2.0.0",
    );
    assert_told(
        &get(&host, "/api/v1/crates/none/2.0.0/download"),
        404,
        "the crate none is not in this registry",
    );
}

#[test]
fn a_private_registry_asks_for_the_token_everywhere() {
    let host = private_host();
    Publish::new("demo", "1.0.0").done(&host);
    let challenge = "Cargo login_url=\"https://registry.example.com/cargo/me\"";
    for path in [
        "/config.json",
        "/index/config.json",
        "/de/mo/demo",
        "/no/ne/none",
        "/api/v1/crates/demo/1.0.0/download",
        "/api/v1/crates/demo/owners",
    ] {
        let nobody = get(&host, path);
        assert_told(&nobody, 401, "sign in first");
        assert_eq!(nobody.header("www-authenticate"), Some(challenge), "{path}");
        assert_told(
            &host.rejected("the token has expired").get(path).send::<Cargo>(),
            401,
            "the token has expired",
        );
    }
    let bob = host.as_user("bob");
    assert_eq!(bob.get("/config.json").send::<Cargo>().json()["auth-required"], true);
    assert_eq!(bob.get("/de/mo/demo").send::<Cargo>().status(), 200);
    assert_eq!(bob.get("/api/v1/crates/demo/1.0.0/download").send::<Cargo>().status(), 200);
    let eve = host.as_user("eve");
    assert_eq!(eve.get("/config.json").send::<Cargo>().json()["auth-required"], true);
    assert_told(&eve.get("/de/mo/demo").send::<Cargo>(), 403, "lacks the permission cargo:crate:demo:read");
}

#[test]
fn a_registry_that_is_public_in_part_asks_for_the_token_too() {
    let host = private_host().anonymous_grants(&["cargo:crate:open-*:read"]);
    Publish::new("open-one", "1.0.0").done(&host);
    assert_eq!(get(&host, "/config.json").status(), 401);
    assert_eq!(host.as_user("eve").get("/config.json").send::<Cargo>().json()["auth-required"], true);
    assert_eq!(get(&host, "/op/en/open-one").status(), 200);
}

#[test]
fn a_grant_names_a_crate_as_it_was_published() {
    let host = private_host().user("mia", &["cargo:crate:My_Crate:read"]);
    Publish::new("My_Crate", "1.0.0").done(&host);
    Publish::new("other", "1.0.0").done(&host);
    let mia = host.as_user("mia");
    assert_eq!(mia.get("/my/_c/my_crate").send::<Cargo>().status(), 200);
    assert_eq!(mia.get("/api/v1/crates/My_Crate/1.0.0/download").send::<Cargo>().status(), 200);
    assert_eq!(mia.get("/ot/he/other").send::<Cargo>().status(), 403);
    assert_eq!(mia.get("/no/ne/none").send::<Cargo>().status(), 403);
}

#[test]
fn the_login_page_says_how_to_get_a_token() {
    let page = get(&private_host(), "/me");
    assert_eq!(page.status(), 200);
    let text = page.text();
    assert!(text.contains("packhouse token create"), "{text}");
    assert!(text.contains("index = \"sparse+https://registry.example.com/cargo/\""), "{text}");
}

#[test]
fn what_is_not_served_has_the_shape_of_an_error() {
    let host = host();
    assert_told(&get(&host, "/"), 404, "nothing is served at this path");
    let wrong = host.as_user("ann").post("/api/v1/crates/new").send::<Cargo>();
    assert_told(&wrong, 405, "answers PUT only");
}
