//! Reading: the compact index and its parts, the indexes in Marshal, downloads, JSON.

use std::io::Read as _;

use super::*;
use packhouse_plugin::storage::GRACE;
use serde_json::json;

fn asked(host: &Host, path: &str, copy: &str) -> Reply {
    let range = format!("bytes={}-", copy.len().saturating_sub(1));
    let etag = format!("\"{}\"", md5(copy));
    host.anonymous().get(path).header("range", &range).header("if-none-match", &etag).send::<RubyGems>()
}

#[test]
fn the_compact_index_says_its_digests() {
    let host = host();
    pushed(&host, "demo", "1.0");
    for path in ["/versions", "/info/demo", "/names"] {
        for _ in 0..2 {
            let reply = get(&host, path);
            assert_eq!(reply.header("etag").unwrap(), format!("\"{}\"", md5(reply.bytes())), "{path}");
            let digest = reply.header("repr-digest").unwrap();
            assert!(
                digest.starts_with("sha-256=:") && digest.ends_with("=:") && digest.len() == 54,
                "{digest}"
            );
            assert!(!reply.may_compress(), "{path}");
            assert_eq!(reply.header("content-type").unwrap(), "text/plain; charset=utf-8");
        }
    }
    assert_eq!(text(&host, "/names"), "---\ndemo\n");
}

#[test]
fn a_part_is_sent_only_to_who_has_what_is_before_it() {
    let host = host();
    pushed(&host, "demo", "1.0");
    let (list_before, page_before) = (text(&host, "/versions"), text(&host, "/info/demo"));
    pushed(&host, "demo", "1.1");
    pushed(&host, "other", "1.0");
    for (path, before) in [("/versions", list_before), ("/info/demo", page_before)] {
        assert!(text(&host, path).starts_with(&before), "{path} grows at its end");
        assert!(asked(&host, path, &before).has_ranges(), "{path}");
        let other = "x".repeat(before.len());
        assert!(!asked(&host, path, &other).has_ranges(), "{path}");
        assert!(!asked(&host, path, &"x".repeat(100_000)).has_ranges(), "{path}");
        let odd = host.anonymous().get(path).header("range", "bytes=0-10").send::<RubyGems>();
        assert!(!odd.has_ranges());
    }
    let page = text(&host, "/info/demo");
    let reply =
        host.as_user("ann").delete("/api/v1/gems/yank").body("gem_name=demo&version=1.0").send::<RubyGems>();
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert!(!asked(&host, "/info/demo", &page).has_ranges(), "a yank takes a line away");
}

#[test]
fn the_list_grows_at_its_end_and_is_written_once_in_an_interval() {
    let host = host();
    let mut copies = Vec::new();
    for version in ["1.0", "1.1", "1.2", "1.3"] {
        pushed(&host, "demo", version);
        copies.push(text(&host, "/versions"));
    }
    let written = host.object_info("versions").unwrap();
    assert_eq!(host.object("versions").unwrap(), copies[0].as_bytes(), "the others are in `recent.json`");
    host.set_now(host.now() + catalog::INTERVAL);
    pushed(&host, "demo", "1.4");
    copies.push(text(&host, "/versions"));
    assert_ne!(host.object_info("versions").unwrap().version, written.version);
    assert_eq!(host.object("versions").unwrap(), copies[4].as_bytes());
    for pair in copies.windows(2) {
        assert!(pair[1].starts_with(&pair[0]) && pair[1].len() > pair[0].len());
    }
    assert_sums_agree(&host);
}

#[test]
fn notes_go_when_their_pushes_have_ended() {
    let host = host();
    pushed(&host, "demo", "1.0");
    let before = list(&host);
    assert!(host.objects().contains(&"changes/demo".to_owned()));
    host.set_now(host.now() + 3 * GRACE);
    pushed(&host, "other", "1.0");
    assert_eq!(list(&host).len(), before.len() + 1);
    assert!(!host.objects().contains(&"changes/demo".to_owned()));
    assert!(list(&host).starts_with(&before));
}

#[test]
fn a_yank_appends_to_the_list() {
    let host = host();
    pushed(&host, "demo", "1.0");
    pushed(&host, "demo", "1.1");
    let before = list(&host);
    let yank = |body: &str| host.as_user("ann").delete("/api/v1/gems/yank").body(body).send::<RubyGems>();
    assert_eq!(yank("gem_name=demo&version=1.1").status(), 200);
    let page = text(&host, "/info/demo");
    assert_eq!(list(&host), [before, vec![format!("demo -1.1 {}", md5(&page))]].concat());
    assert_eq!(yank("gem_name=demo&version=1.0").status(), 200);
    assert_eq!(text(&host, "/info/demo"), "---\n", "the list names the gem, so its page stays");
    assert_eq!(text(&host, "/names"), "---\n");
    assert_sums_agree(&host);
    let unyank = host.as_user("ann").put("/api/v1/gems/unyank?gem_name=demo&version=1.0").send::<RubyGems>();
    assert_eq!(unyank.status(), 200, "{}", unyank.text());
    assert_eq!(text(&host, "/names"), "---\ndemo\n");
    assert_sums_agree(&host);
}

#[test]
fn the_indexes_in_marshal_are_packed_and_not_compressed_again() {
    let host = host();
    pushed(&host, "demo", "1.0");
    pushed(&host, "demo", "1.1.rc1");
    for (path, has) in
        [("/specs.4.8.gz", "1.0"), ("/latest_specs.4.8.gz", "1.0"), ("/prerelease_specs.4.8.gz", "1.1.rc1")]
    {
        let reply = get(&host, path);
        assert!(!reply.may_compress());
        assert_eq!(reply.header("content-encoding"), None);
        let mut index = Vec::new();
        flate2::read::GzDecoder::new(reply.bytes()).read_to_end(&mut index).unwrap();
        assert!(index.starts_with(b"\x04\x08[\x06["), "one version");
        assert!(index.windows(has.len()).any(|part| part == has.as_bytes()));
    }
    let quick = get(&host, "/quick/Marshal.4.8/demo-1.0.gemspec.rz");
    assert_eq!(quick.status(), 200, "{}", quick.text());
    assert_eq!(get(&host, "/quick/Marshal.4.8/demo-2.0.gemspec.rz").status(), 404);
}

#[test]
fn an_index_in_marshal_is_the_same_to_caches_before_and_after_it_is_stored() {
    let host = host();
    pushed(&host, "demo", "1.0");
    for version in ["1.1", "1.2"] {
        let (first, second) = (get(&host, "/specs.4.8.gz"), get(&host, "/specs.4.8.gz"));
        assert_eq!(first.bytes(), second.bytes());
        assert_eq!(first.header("etag").unwrap(), format!("\"{}\"", md5(first.bytes())));
        assert_eq!(first.header("etag"), second.header("etag"));
        assert_eq!(first.header("last-modified"), second.header("last-modified"));
        // Not stored again before the interval has passed.
        pushed(&host, "demo", version);
    }
}

#[test]
fn gems_are_downloaded_as_they_were_pushed() {
    let host = host();
    let gem = pushed(&host, "demo", "1.0");
    let reply = get(&host, "/gems/demo-1.0.gem");
    assert_eq!((reply.status(), reply.bytes()), (200, gem.as_slice()));
    assert_told(&get(&host, "/gems/demo-1.1.gem"), 404, "there is no gem demo-1.1");
    host.insert("gems/demo-1.0.gem", "short").unwrap();
    assert_told(&get(&host, "/gems/demo-1.0.gem"), 500, "damaged");
}

#[test]
fn gems_and_versions_are_told_as_json() {
    let host = host();
    let needs = samples::dependencies(&[("rack", "~>", "2.0")]);
    pushed_gem(&host, samples::platform_gem("demo", "1.10", "ruby", &needs));
    pushed(&host, "demo", "1.9");
    let gem = get(&host, "/api/v1/gems/demo.json").json();
    assert_eq!((gem["name"].as_str(), gem["version"].as_str()), (Some("demo"), Some("1.10")));
    assert_eq!(gem["gem_uri"], "https://registry.example.com/rubygems/gems/demo-1.10.gem");
    assert_eq!(gem["dependencies"]["runtime"], json!([{ "name": "rack", "requirements": "~> 2.0" }]));
    assert_eq!(gem["version_created_at"], "2026-01-01T00:00:00Z");
    let versions = get(&host, "/api/v1/versions/demo.json").json();
    assert_eq!((versions[0]["number"].as_str(), versions[1]["number"].as_str()), (Some("1.10"), Some("1.9")));
    assert_eq!(get(&host, "/api/v1/versions/demo/latest.json").json(), json!({ "version": "1.10" }));
    let found = get(&host, "/api/v1/search.json?query=em").json();
    assert_eq!(found[0]["name"], "demo");
    assert_eq!(get(&host, "/api/v1/search.json?query=nothing").json(), json!([]));
    let needs = get(&host, "/api/v1/dependencies.json?gems=demo,missing").json();
    assert_eq!(
        needs[0],
        json!({
            "name": "demo", "number": "1.10", "platform": "ruby", "dependencies": [["rack", "~> 2.0"]],
        })
    );
    assert_eq!(get(&host, "/api/v1/dependencies?gems=").bytes(), b"\x04\x08[\x00");
}

#[test]
fn a_reader_of_some_gems_sees_these_only() {
    let host = private_host().user("cat", &["rubygems:gem:demo:read"]);
    pushed(&host, "demo", "1.0");
    pushed(&host, "other", "1.0");
    let as_cat = |path: &str| host.as_user("cat").get(path).send::<RubyGems>();
    assert!(as_cat("/versions").text().ends_with(&format!("{}\n", md5(as_cat("/info/demo").text()))));
    assert!(!as_cat("/versions").text().contains("other"));
    assert_eq!(as_cat("/names").text(), "---\ndemo\n");
    assert_eq!(as_cat("/info/other").status(), 403);
    assert_eq!(as_cat("/gems/other-1.0.gem").status(), 403);
    assert_eq!(as_cat("/gems/demo-1.0.gem").status(), 200);
    assert_eq!(as_cat("/api/v1/search.json?query=").json().as_array().unwrap().len(), 1);
    let needs = as_cat("/api/v1/dependencies.json?gems=other,demo").json();
    assert_eq!(needs.as_array().unwrap().len(), 1);
    assert_eq!(needs[0]["name"], "demo");
    assert_eq!(as_cat("/api/v1/dependencies?gems=other").bytes(), b"\x04\x08[\x00");
    assert_eq!(get(&host, "/api/v1/dependencies?gems=demo").status(), 401);
    for path in
        ["/versions", "/names", "/specs.4.8.gz", "/info/demo", "/gems/demo-1.0.gem", "/api/v1/search.json"]
    {
        let reply = get(&host, path);
        assert_eq!(reply.status(), 401, "{path}");
        assert_eq!(reply.header("www-authenticate").unwrap(), "Basic realm=\"rubygems\"");
    }
}

#[test]
fn an_empty_registry_has_an_empty_list_and_stores_nothing() {
    let host = host();
    assert_eq!(list(&host), Vec::<String>::new());
    assert_eq!(get(&host, "/").status(), 200);
    assert_eq!(host.objects(), Vec::<String>::new());
    assert_eq!(text(&host, "/names"), "---\n");
    assert_eq!(get(&host, "/info/demo").status(), 404);
}

#[test]
fn what_an_earlier_system_has_stored_is_served_as_it_is() {
    let host = host();
    let gem = samples::gem("old", "1.0");
    let page = format!("---\n1.0 |checksum:{}\n", sha256(&gem));
    let versions = format!("created_at: 2020-01-01T00:00:00Z\n---\nold 1.0 {}\n", md5(&page));
    host.insert("gems/old-1.0.gem", &gem).unwrap();
    host.insert("info/old", &page).unwrap();
    host.insert("versions", &versions).unwrap();
    host.insert("names", "---\nold\n").unwrap();
    assert_eq!(text(&host, "/versions"), versions);
    assert_eq!(text(&host, "/info/old"), page);
    assert_eq!(text(&host, "/names"), "---\nold\n");
    assert_eq!(get(&host, "/gems/old-1.0.gem").bytes(), gem);
    pushed(&host, "old", "1.1");
    assert!(text(&host, "/versions").starts_with(&versions));
    assert!(text(&host, "/info/old").starts_with(&page));
    assert_sums_agree(&host);
    assert_eq!(get(&host, "/gems/old-1.0.gem").bytes(), gem);
}

/// A download looks for its version only: it must say the same as one that reads the whole document.
#[test]
fn a_download_says_what_the_whole_document_says() {
    const DOCUMENT: &str = "packages/demo.json";
    let host = host();
    for version in ["1.0", "1.0.1", "1.1"] {
        pushed(&host, "demo", version);
    }
    let yank = "/api/v1/gems/yank?gem_name=demo&version=1.0.1";
    assert_eq!(host.as_user("ann").delete(yank).send::<RubyGems>().status(), 200);
    let statuses = |host: &Host| {
        let paths = ["demo-1.0", "demo-1.0.1", "demo-1.1", "demo-1.2", "Demo-1.0"];
        paths.map(|file| {
            let (gem, quick) = (format!("/gems/{file}.gem"), format!("/quick/Marshal.4.8/{file}.gemspec.rz"));
            let status = get(host, &gem).status();
            assert_eq!(get(host, &quick).status(), status, "{file}");
            status
        })
    };
    assert_eq!(statuses(&host), [200, 404, 200, 404, 404]);
    assert_told(&get(&host, "/gems/demo-1.0.1.gem"), 404, "was yanked");
    let text = String::from_utf8(host.object(DOCUMENT).unwrap()).unwrap();
    let parsed = host.object_json(DOCUMENT);
    // Of another order, and with white space, as a hand writes it.
    let versions = serde_json::to_string_pretty(&parsed["versions"]).unwrap();
    host.insert(DOCUMENT, format!("{{\"versions\": {versions}, \"name\": \"demo\"}}")).unwrap();
    assert_eq!(statuses(&host), [200, 404, 200, 404, 404]);
    for (what, damaged) in [
        ("of another gem", text.replace("\"name\":\"demo\"", "\"name\":\"other\"")),
        ("with a line of another version", text.replace("\"line\":\"1.0 ", "\"line\":\"1.9 ")),
        ("cut off", text[..text.len() / 2].to_owned()),
    ] {
        assert_ne!(damaged, text, "{what}");
        host.insert(DOCUMENT, &damaged).unwrap();
        let path = if what == "cut off" { "/gems/demo-1.2.gem" } else { "/gems/demo-1.0.gem" };
        assert_told(&get(&host, path), 500, "damaged");
    }
    assert!(host.remove(DOCUMENT));
    assert_told(&get(&host, "/gems/demo-1.0.gem"), 500, "damaged");
}
