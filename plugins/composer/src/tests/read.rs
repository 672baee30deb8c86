//! What clients read.

use super::*;

#[test]
fn the_root_has_whole_addresses() {
    let host = host();
    published(&host, "1.0.0");
    let reply = get(&host, "/packages.json");
    assert_eq!(reply.header("last-modified"), None, "clients would take an old one for new");
    let root = reply.json();
    let base = "https://registry.example.com/composer";
    assert_eq!(root["metadata-url"], format!("{base}/p2/%package%.json"));
    assert_eq!(root["available-packages"], json!(["acme/lib"]));
    assert_eq!(root["search"], format!("{base}/search.json?q=%query%&type=%type%"));
    assert_eq!(root["security-advisories"]["api-url"], format!("{base}/security-advisories/"));
}

#[test]
fn a_change_within_one_second_has_another_time() {
    let host = host();
    let mut seen = Vec::new();
    let mut look = |host: &Host| {
        let reply = get(host, "/p2/acme/lib.json");
        seen.push(reply.header("last-modified").expect("a time").to_owned());
    };
    published(&host, "1.0.0");
    look(&host);
    published(&host, "1.1.0");
    look(&host);
    assert_eq!(delete(&host, "/packages/acme/lib/1.1.0").status(), 200);
    look(&host);
    assert_eq!(delete(&host, "/packages/acme/lib").status(), 200);
    published(&host, "1.0.0");
    look(&host);
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted, seen, "each is later than the one before");
}

#[test]
fn a_package_that_is_not_there_is_a_404() {
    let host = host();
    for path in ["/p2/acme/lib.json", "/p2/acme/lib~dev.json", "/dists/acme/lib/abc.zip"] {
        assert_refused(&host, &get(&host, path), 404, "the package acme/lib is not in this registry");
    }
}

/// A download looks for its dist only: it must say the same as one that reads the whole document.
#[test]
fn a_download_says_what_the_whole_document_says() {
    const DOCUMENT: &str = "packages/acme/lib/metadata.json";
    let host = host();
    published(&host, "dev-main");
    let earlier = dist_path(&host, "/p2/acme/lib~dev.json", "dev-main");
    let other = samples::library("acme/lib", &json!({ "description": "another" }));
    assert_eq!(upload(&host, "/packages/acme/lib?version=dev-main", other).status(), 201);
    published(&host, "1.0.0");
    let dist = dist_path(&host, "/p2/acme/lib.json", "1.0.0");
    assert_eq!((get(&host, &dist).status(), get(&host, &earlier).status()), (200, 200));
    let none = format!("/dists/acme/lib/{}.zip", "0".repeat(40));
    assert_eq!(get(&host, &none).status(), 404);
    let whole = host.object(DOCUMENT).unwrap();
    let text = String::from_utf8(whole.clone()).unwrap();
    let parsed: Value = serde_json::from_slice(&whole).unwrap();
    // Of another order, and with white space, as a hand writes it.
    let mut turned = Map::new();
    for key in ["versions", "name", "earlier", "modified", "format"] {
        turned.insert(key.to_owned(), parsed[key].clone());
    }
    for same in
        [serde_json::to_string_pretty(&turned).unwrap(), serde_json::to_string_pretty(&parsed).unwrap()]
    {
        host.insert(DOCUMENT, same).unwrap();
        let found = [&dist, &earlier, &none].map(|path| get(&host, path).status());
        assert_eq!(found, [200, 200, 404]);
    }
    for (what, damaged, status) in [
        ("of another package", text.replace("\"acme/lib\"", "\"acme/two\""), 500),
        ("of a later format", text.replace("packhouse-composer-1", "packhouse-composer-2"), 500),
        (
            "without versions",
            r#"{"format":"packhouse-composer-1","name":"acme/lib","modified":1,"versions":[]}"#.to_owned(),
            500,
        ),
        ("of another system", r#"{"packages":{"acme/lib":[]}}"#.to_owned(), 409),
        ("cut off", text[..text.trim_end().len() - 36].to_owned(), 500),
    ] {
        host.insert(DOCUMENT, &damaged).unwrap();
        assert_eq!(get(&host, &none).status(), status, "{what}: {}", get(&host, &none).text());
    }
    assert!(host.remove(DOCUMENT));
    assert_eq!(get(&host, &dist).status(), 500, "it was lost");
}

#[test]
fn a_deleted_version_is_gone_and_another_one_stays() {
    let host = host();
    published(&host, "1.0.0");
    let dist = published(&host, "1.1.0");
    let path = dist_path(&host, "/p2/acme/lib.json", "1.1.0");
    assert_eq!(delete(&host, "/packages/acme/lib/v1.1").status(), 200);
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["1.0.0"]);
    assert_eq!(get(&host, &path).status(), 404);
    assert_eq!(delete(&host, "/packages/acme/lib/1.1.0").status(), 404);
    assert_eq!(upload(&host, "/packages/acme/lib?version=1.1.0", dist).status(), 201);
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["1.1.0", "1.0.0"]);
}

#[test]
fn the_last_version_takes_the_package_with_it() {
    let host = host();
    published(&host, "dev-feature/x");
    assert_eq!(delete(&host, "/packages/acme/lib/dev-feature/x").status(), 200);
    assert_eq!(
        host.objects(),
        ["changed", "deleted/acme/lib.json", "proofs/packages/acme/lib/metadata.json"]
    );
    assert_eq!(get(&host, "/packages.json").json()["available-packages"], json!([]));
}

#[test]
fn versions_are_listed_from_the_newest_and_without_leaks() {
    let host = host();
    for (version, members) in [
        ("1.9.0", json!({ "bin": ["a"], "abandoned": true })),
        ("1.10.0", json!({ "require": { "php": "*" } })),
        ("2.0.0-beta1", json!({ "bin": ["b"] })),
    ] {
        let dist = samples::library("acme/lib", &members);
        assert_eq!(upload(&host, &format!("/packages/acme/lib?version={version}"), dist).status(), 201);
    }
    let found = versions(&get(&host, "/p2/acme/lib.json"));
    let keys = |index: usize| -> Vec<&str> {
        let known = ["bin", "require", "abandoned"];
        known.into_iter().filter(|key| found[index].contains_key(*key)).collect()
    };
    assert_eq!(names(&host, "/p2/acme/lib.json"), ["2.0.0-beta1", "1.10.0", "1.9.0"]);
    assert_eq!((keys(0), keys(1), keys(2)), (vec!["bin"], vec!["require"], vec!["bin", "abandoned"]));
}

#[test]
fn an_abandoned_package_says_so() {
    let host = host();
    published(&host, "1.0.0");
    let put =
        |body: &str| host.as_user("ann").put("/packages/acme/lib/abandoned").body(body).send::<Composer>();
    assert_eq!(put("").status(), 200);
    assert_eq!(versions(&get(&host, "/p2/acme/lib.json"))[0]["abandoned"], json!(true));
    assert_eq!(put(r#"{"replacement":"acme/new"}"#).status(), 200);
    assert_eq!(versions(&get(&host, "/p2/acme/lib.json"))[0]["abandoned"], "acme/new");
    assert_eq!(put(r#"{"replacement":"acme/lib"}"#).status(), 400);
    assert_eq!(delete(&host, "/packages/acme/lib/abandoned").status(), 200);
    assert!(!versions(&get(&host, "/p2/acme/lib.json"))[0].contains_key("abandoned"));
}

#[test]
fn lists_and_searches_show_what_the_caller_may_read() {
    let host = Host::new()
        .base_url("https://registry.example.com/composer")
        .anonymous_grants(&["composer:package:acme/*:read"])
        .user("ann", &["composer:package:*:write"]);
    for (name, members) in [
        (
            "acme/lib",
            json!({ "description": "Greets people", "keywords": ["hello"], "provide": { "psr/log": "1" } }),
        ),
        ("acme/tool", json!({ "type": "composer-plugin" })),
        ("other/lib", json!({ "description": "Greets nobody" })),
    ] {
        let dist = samples::library(name, &members);
        assert_eq!(upload(&host, &format!("/packages/{name}?version=1"), dist).status(), 201);
    }
    let list = |path: &str| get(&host, path).json()["packageNames"].clone();
    assert_eq!(list("/packages/list.json"), json!(["acme/lib", "acme/tool"]));
    assert_eq!(list("/packages/list.json?filter=*tool"), json!(["acme/tool"]));
    assert_eq!(list("/packages/list.json?vendor=other"), json!([]));
    let found = |path: &str| -> Vec<String> {
        let results = get(&host, path).json()["results"].clone();
        results.as_array().unwrap().iter().map(|result| result["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(found("/search.json?q=greets&type="), ["acme/lib"]);
    assert_eq!(found("/search.json?q=HELLO"), ["acme/lib"]);
    assert_eq!(found("/search.json?q=&type=composer-plugin"), ["acme/tool"]);
    let page = get(&host, "/search.json?q=acme&per_page=1").json();
    assert_eq!((&page["total"], page["results"].as_array().unwrap().len()), (&json!(2), 1));
    assert_eq!(page["next"], "https://registry.example.com/composer/search.json?q=acme&per_page=1&page=2");
    assert!(get(&host, "/search.json?q=acme&per_page=1&page=2").json().get("next").is_none());
    let providers = get(&host, "/providers/psr/log.json").json();
    assert_eq!(providers["providers"][0]["name"], "acme/lib");
    assert_eq!(get(&host, "/p2/other/lib.json").status(), 401);
}

#[test]
fn advisories_are_those_that_publishers_wrote() {
    let host = host();
    published(&host, "1.0.0");
    let advisory = json!({ "title": "Greets the wrong people", "affectedVersions": "<1.1", "cve": "CVE-2026-1",
                           "link": "https://example.com/1" });
    let path = "/security-advisories/acme/lib/PH-1";
    let put = |body: &Value| host.as_user("ann").put(path).body(body.to_string()).send::<Composer>();
    assert_eq!(put(&json!({ "title": "x", "affectedVersions": "~>1" })).status(), 400);
    assert_eq!(put(&advisory).status(), 200);
    let ask = || {
        let form = "packages%5B0%5D=acme%2Flib&packages%5B1%5D=acme%2Fnone";
        host.anonymous().post("/security-advisories/").body(form).send::<Composer>().json()
    };
    let found = ask()["advisories"]["acme/lib"][0].clone();
    assert_eq!((&found["advisoryId"], &found["packageName"]), (&json!("PH-1"), &json!("acme/lib")));
    assert_eq!(found["affectedVersions"], "<1.1");
    assert!(found["reportedAt"].as_str().unwrap().ends_with("+00:00"));
    assert_eq!(get(&host, "/security-advisories/?packages[]=acme/lib").json(), ask());
    assert_eq!(delete(&host, path).status(), 200);
    assert_eq!(delete(&host, path).status(), 404);
    assert_eq!(ask(), json!({ "advisories": {} }));
}
